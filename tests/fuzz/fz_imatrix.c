/* fz_imatrix.c - any bytes as an importance matrix: no crash, no memory out of proportion, and what
 * opens can be asked. */
#include "engine/format/imatrix.h"

#include "base/mem.h"
#include "tests/fuzz/promise.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_err e = SK_ERR_INIT;
    eng_imatrix *m = NULL;
    uint64_t before = sk_mem_bytes(SK_MEM_MISC);
    if (eng_imatrix_open_bytes(data, size, &m, &e)) {
        must(!m && e.status && e.text[0]);
        must(sk_mem_bytes(SK_MEM_MISC) == before);
        return 0;
    }
    must(sk_mem_bytes(SK_MEM_MISC) - before <= 16 * size + (1 << 20));
    must(eng_imatrix_count(m) > 0);
    size_t n = 0;
    const float *v = eng_imatrix_find(m, (eng_str){"x", 1}, &n);
    for (size_t i = 0; v && i < n; i++)
        must(isfinite(v[i]) && v[i] >= 0);
    eng_imatrix_close(m);
    return 0;
}
