/* wmat.c - weight matrices as stacks of packed parts. */
#include "engine/kernel/wmat.h"

#include "base/mem.h"
#include "engine/kernel/gemm.h"
#include "engine/quant/quant.h"

#include <assert.h>

typedef struct part {
    size_t n_out;
    eng_bpack *pack;
} part;

struct eng_wmat {
    size_t n_in, n_out, bytes, n_parts;
    part part[];
};

/* Fills a pack with the floats that a quantised part stands for. */
static sk_status fill_quantised(eng_exec *x, const eng_wpart *p, eng_bpack *b, sk_err *e)
{
    size_t n = eng_bpack_k(b) * p->n_out;
    float *f = sk_alloc(SK_MEM_SCRATCH, n * sizeof *f);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory to unpack %zu weights", n);
    eng_quant_unpack(p->type, p->data, f, n);
    eng_bpack_fill_weight(x, b, ENG_F32, f);
    sk_free(f);
    return SK_OK;
}

/* Packs one part and appends it. */
static sk_status add_part(eng_exec *x, eng_wmat *w, const eng_wpart *p, sk_err *e)
{
    size_t block = eng_dtype_block(p->type);
    if (!block)
        return sk_fail(e, SK_E_UNSUPPORTED, "a weight matrix of type %d has no kernel",
                       (int)p->type);
    if (w->n_in % block)
        return sk_fail(e, SK_E_INVALID, "rows of %zu elements are not whole blocks of %s", w->n_in,
                       eng_dtype_name(p->type));
    eng_bpack *b = NULL;
    eng_prec prec = p->type == ENG_BF16 ? ENG_PREC_BF16 : ENG_PREC_F32;
    sk_status st = eng_bpack_new(prec, w->n_in, p->n_out, &b, e);
    if (st) return st;
    if (block == 1)
        eng_bpack_fill_weight(x, b, p->type, p->data);
    else if ((st = fill_quantised(x, p, b, e))) {
        eng_bpack_free(b);
        return st;
    }
    w->part[w->n_parts++] = (part){p->n_out, b};
    w->n_out += p->n_out;
    w->bytes += eng_bpack_bytes(b);
    return SK_OK;
}

sk_status eng_wmat_new(eng_exec *x, size_t n_in, const eng_wpart *p, size_t n_parts, unsigned flags,
                       eng_wmat **out, sk_err *e)
{
    (void)flags;
    eng_wmat *w = sk_calloc(SK_MEM_WEIGHTS, 1, sizeof(*w) + n_parts * sizeof(w->part[0]));
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory for a weight matrix of %zu parts", n_parts);
    w->n_in = n_in;
    for (size_t i = 0; i < n_parts; i++) {
        sk_status st = add_part(x, w, &p[i], e);
        if (st) {
            eng_wmat_free(w);
            return st;
        }
    }
    *out = w;
    return SK_OK;
}

void eng_wmat_free(eng_wmat *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n_parts; i++)
        eng_bpack_free(w->part[i].pack);
    sk_free(w);
}

size_t eng_wmat_n_in(const eng_wmat *w)
{
    return w->n_in;
}

size_t eng_wmat_n_out(const eng_wmat *w)
{
    return w->n_out;
}

size_t eng_wmat_bytes(const eng_wmat *w)
{
    return w->bytes;
}

void eng_wmat_mul(eng_exec *x, size_t m, const float *a, size_t lda, const eng_wmat *w, float *c,
                  size_t ldc, bool add)
{
    for (size_t i = 0; i < w->n_parts; i++) {
        eng_gemm(x, m, (eng_mat){a, lda, 1}, w->part[i].pack, c, ldc, add);
        c += w->part[i].n_out;
    }
}
