/* wlayout.c - the layout of packs as a number: the CRC of what small matrices are packed to.
 *
 * A file of packs outlives the build that wrote it.  A number that people raise by hand would one
 * day not be raised; this one changes by itself whenever a byte would lie elsewhere.
 */
#include "base/crc.h"
#include "base/mem.h"
#include "engine/kernel/wmat.h"

#include <string.h>

/* Two panels of any kernel, the second not whole; a row of two of the largest blocks and, for the
 * plain types, more than one block of the products' k. */
enum { ROWS = 40, BLOCKS_IN = 512, PLAIN_IN = 520, MOST = 128 << 10 };

_Static_assert(ROWS *PLAIN_IN * 4 <= MOST, "the widest type's rows fit");

/* Adds one type's packs to *crc; rows and to have MOST bytes each. */
static sk_status add_type(eng_exec *x, eng_dtype t, const void *rows, void *to, uint32_t *crc,
                          sk_err *e)
{
    eng_wpart part = {t, rows, ROWS};
    eng_wmat *w = NULL;
    size_t n_in = eng_dtype_block(t) == 1 ? PLAIN_IN : BLOCKS_IN;
    size_t need = eng_wspace_need(&part, n_in, 0);
    if (!need || need > MOST) return SK_OK;
    eng_wspace s = {to, need, 0, false, *crc};
    memset(to, 0, need);
    sk_status st = eng_wmat_new_in(x, n_in, &part, 1, 0, &s, &w, e);
    if (st) return st;
    *crc = sk_crc32c(s.plan, to, need);
    eng_wmat_free(w);
    return SK_OK;
}

/* The rows are bytes below 0x40, which are numbers in every type. */
sk_status eng_wspace_layout(eng_exec *x, uint32_t *out, sk_err *e)
{
#define TYPE(id, number, block, bytes) ENG_##id,
    static const eng_dtype types[] = {ENG_DTYPE_TABLE(TYPE)};
#undef TYPE
    uint8_t *rows = sk_alloc(SK_MEM_WEIGHTS, (size_t)2 * MOST);
    if (!rows) return sk_fail(e, SK_E_NOMEM, "no memory to find the layout of packed weights");
    for (size_t i = 0; i < MOST; i++)
        rows[i] = (uint8_t)(i * 37 % 61);
    uint32_t crc = 0;
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < sizeof types / sizeof *types; i++)
        st = add_type(x, types[i], rows, rows + MOST, &crc, e);
    sk_free(rows);
    if (!st) *out = crc;
    return st;
}
