/* fz_figures.c - any bytes as figures of the gate: no crash, and what is accepted is written as
 * text that says the same. */
#include "engine/eval/figures.h"

#include "tests/fuzz/promise.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eng_figures f, g;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    fuzz_watch_begin();
    sk_status st = eng_figures_parse((const char *)data, size, &f, &e);
    fuzz_watch_end(size, FUZZ_JSON_TIMES * size);
    must(st == e.status && (!st || e.text[0]));
    if (st) return 0;
    must(f.n > 0 && f.n <= ENG_GATE_VALID);
    for (size_t i = 0; i < f.n; i++)
        for (size_t k = 0; k < f.n_doc[i]; k++)
            must(isfinite(f.doc[i][k].nats));
    eng_figures_write(&f, &b);
    must(sk_buf_ok(&b) && eng_figures_parse(b.p, b.len, &g, &e) == SK_OK);
    must(eng_figures_alike(&f, &g) && f.right == g.right && f.n_ctx == g.n_ctx);
    for (size_t i = 0; i < f.n; i++)
        for (size_t k = 0; k < f.n_doc[i]; k++) /* -0 is written as 0 */
            must(f.doc[i][k].nats == g.doc[i][k].nats && f.doc[i][k].tokens == g.doc[i][k].tokens);
    eng_figures_fini(&f);
    eng_figures_fini(&g);
    sk_buf_fini(&b);
    return 0;
}
