/* train_frozen.c - a base that is not trained, read from its file, and the pairs of its adapter.
 *
 * Matrices of the base are packed twice when the pass is opened; or stay in the file, in whatever
 * type, and are unpacked in pieces for every product: then nothing of the base is in memory but its
 * file and one piece.  Both give the same bytes.
 */
#include "engine/kernel/par.h"
#include "engine/model/train_in.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <string.h>

#define PIECE_FLOATS ((size_t)4 << 20) /* of a matrix, unpacked at a time */
#define UNPACK_ROWS 16                 /* rows one task unpacks */

/* ---- unpacking ---- */

typedef struct unpack_job {
    eng_dtype type;
    const char *from;
    size_t row_bytes, cols;
    const int32_t *ids; /* rows to take, NULL: all in order */
    float *to;
} unpack_job;

/* Some rows. */
static void unpack_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const unpack_job *j = arg;
    for (size_t i = first; i < first + n; i++) {
        size_t row = j->ids ? (size_t)j->ids[i] : i;
        eng_quant_unpack(j->type, j->from + row * j->row_bytes, j->to + i * j->cols, j->cols);
    }
}

/* Rows first .. first + n of a matrix [.., cols]; with ids, those rows instead. */
static void unpack(eng_pass *p, eng_dtype type, const void *data, size_t cols, size_t first,
                   size_t n, const int32_t *ids, float *to)
{
    unpack_job j = {.type = type, .cols = cols, .ids = ids, .to = to};
    j.row_bytes = eng_dtype_bytes(type, cols);
    j.from = (const char *)data + first * j.row_bytes;
    eng_par_rows(p->x, n, UNPACK_ROWS, unpack_rows, &j);
}

/* The base's tensor of parameter i. */
static const eng_gguf_tensor *tensor_of(const eng_pass *p, size_t i)
{
    const eng_gguf_tensor *t = eng_gguf_tensor_find(p->frozen->g, p->layout->param[i].name);
    assert(t && "the base was checked");
    return t;
}

void eng_pass_frozen_embed(eng_pass *p, size_t n, const int32_t *ids, float *out)
{
    const eng_gguf_tensor *t = tensor_of(p, p->embd);
    unpack(p, (eng_dtype)t->type, t->data, p->cfg->n_embd, 0, n, ids, out);
}

sk_status eng_pass_frozen_vectors(eng_pass *p, sk_err *e)
{
    for (size_t i = 0; i < p->layout->n_params; i++) {
        const eng_param *q = &p->layout->param[i];
        size_t n = q->rows * q->cols;
        if (q->is_matrix && q->kind != ENG_P_POS_EMBD) continue;
        float *v = sk_new_n(p->mem, float, n);
        if (!v) return sk_fail(e, SK_E_NOMEM, "no memory for %s", q->name);
        const eng_gguf_tensor *t = tensor_of(p, i);
        eng_quant_unpack((eng_dtype)t->type, t->data, v, n);
        p->at[i] = v;
    }
    return SK_OK;
}

/* ---- opening a layer ---- */

/* Notes where the matrices lie. */
static void note_raw(eng_pass *p, eng_pass_lin *lin, const size_t *idx, size_t n)
{
    lin->w = (eng_lin){.n_in = p->layout->param[idx[0]].cols, .prec = p->prec};
    for (size_t i = 0; i < n; i++) {
        const eng_gguf_tensor *t = tensor_of(p, idx[i]);
        size_t rows = p->layout->param[idx[i]].rows;
        lin->raw[lin->n_raw++] = (eng_pass_raw){(eng_dtype)t->type, t->data, lin->w.n_out, rows};
        lin->w.n_out += rows;
    }
}

/* Packs the matrices by way of floats, which are given back.  The parts of lin lie in the flat
 * array of the base; here they are counted from the first of them. */
static sk_status fill_packs(eng_pass *p, eng_pass_lin *lin, const size_t *idx, size_t n, sk_err *e)
{
    const eng_param *first = &p->layout->param[idx[0]], *last = &p->layout->param[idx[n - 1]];
    size_t len = last->offset + last->rows * last->cols - first->offset;
    float *v = sk_calloc(SK_MEM_SCRATCH, len, sizeof(*v));
    if (!v) return sk_fail(e, SK_E_NOMEM, "no memory to unpack %s", first->name);
    for (size_t i = 0; i < n; i++) {
        const eng_param *q = &p->layout->param[idx[i]];
        const eng_gguf_tensor *t = tensor_of(p, idx[i]);
        unpack(p, (eng_dtype)t->type, t->data, q->cols, 0, q->rows, NULL,
               v + (q->offset - first->offset));
    }
    for (size_t i = 0; i < lin->w.n_parts; i++)
        lin->w.part[i].offset -= first->offset;
    eng_lin_load(p->x, &lin->w, v);
    sk_free(v);
    return SK_OK;
}

/* Room for the packs of one pair. */
static sk_status open_pair(const eng_pass *p, eng_pass_pair *k, sk_err *e)
{
    size_t r = p->frozen->rank;
    sk_status st = eng_bpack_new(p->prec, k->n_in, r, &k->fwd_a, e);
    if (!st) st = eng_bpack_new(p->prec, r, k->n_in, &k->bwd_a, e);
    if (!st) st = eng_bpack_new(p->prec, r, k->n_out, &k->fwd_b, e);
    if (!st) st = eng_bpack_new(p->prec, k->n_out, r, &k->bwd_b, e);
    return st;
}

/* lin's matrices stand side by side in one product; `col` is where the columns of each begin, and
 * its adapter, where it has one, adds to these.  h is [n][tokens][rank]. */
sk_status eng_pass_frozen_lin(eng_pass *p, eng_pass_lin *lin, const size_t *idx, size_t n, float *h,
                              sk_err *e)
{
    sk_status st = SK_OK;
    if (p->frozen->stream) {
        note_raw(p, lin, idx, n);
    } else {
        st = eng_lin_open(&lin->w, p->prec, p->layout, idx, n, e);
        if (!st) st = fill_packs(p, lin, idx, n, e);
    }
    size_t col = 0, tokens = p->rows * p->n_ctx;
    for (size_t i = 0; !st && i < n; i++) {
        const eng_param *q = &p->layout->param[idx[i]];
        size_t a = eng_adapter_find(p->frozen->adapter, q->kind, q->layer);
        if (a != SIZE_MAX) {
            eng_pass_pair *k = &lin->pair[lin->n_pairs++];
            *k = (eng_pass_pair){.a = a, .b = a + 1, .col = col, .n_in = q->cols, .n_out = q->rows};
            k->h = h + i * tokens * p->frozen->rank;
            st = open_pair(p, k, e);
        }
        col += q->rows;
    }
    return st;
}

void eng_pass_pairs_close(eng_pass_lin *lin)
{
    for (size_t i = 0; i < lin->n_pairs; i++) {
        eng_bpack_free(lin->pair[i].fwd_a);
        eng_bpack_free(lin->pair[i].bwd_a);
        eng_bpack_free(lin->pair[i].fwd_b);
        eng_bpack_free(lin->pair[i].bwd_b);
    }
}

/* ---- the pairs ---- */

void eng_pass_pairs_load(eng_pass *p, eng_pass_lin *lin, const float *params)
{
    size_t r = p->frozen->rank;
    for (size_t i = 0; i < lin->n_pairs; i++) {
        eng_pass_pair *k = &lin->pair[i];
        const float *a = params + p->frozen->adapter->param[k->a].offset;
        const float *b = params + p->frozen->adapter->param[k->b].offset;
        eng_bpack_fill(p->x, k->fwd_a, (eng_mat){a, 1, k->n_in});
        eng_bpack_fill(p->x, k->bwd_a, (eng_mat){a, k->n_in, 1});
        eng_bpack_fill(p->x, k->fwd_b, (eng_mat){b, 1, r});
        eng_bpack_fill(p->x, k->bwd_b, (eng_mat){b, r, 1});
    }
}

/* h *= scale. */
static void scale_rows(eng_pass *p, size_t n, float *h)
{
    size_t len = n * p->frozen->rank;
    eng_exec_kernels(p->x)->scale_f32(h, p->frozen->scale, len);
}

/* h = s x A^T, y += h B^T. */
void eng_pass_pairs_fwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *in, float *y)
{
    size_t r = p->frozen->rank;
    for (size_t i = 0; i < l->n_pairs; i++) {
        const eng_pass_pair *k = &l->pair[i];
        eng_gemm(p->x, n, (eng_mat){in, k->n_in, 1}, k->fwd_a, k->h, r, false);
        scale_rows(p, n, k->h);
        eng_gemm(p->x, n, (eng_mat){k->h, r, 1}, k->fwd_b, y + k->col, l->w.n_out, true);
    }
}

/* dB += dy^T h; g = s dy B; dA += g^T x; dx += g A. */
void eng_pass_pairs_bwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *dy,
                        const float *in, float *dx, float *grads)
{
    size_t r = p->frozen->rank, ld = l->w.n_out;
    const eng_layout *a = p->frozen->adapter;
    for (size_t i = 0; i < l->n_pairs; i++) {
        const eng_pass_pair *k = &l->pair[i];
        const float *d = dy + k->col;
        eng_gemm_raw(p->x, p->prec, k->n_out, r, n, (eng_mat){d, 1, ld}, (eng_mat){k->h, r, 1},
                     grads + a->param[k->b].offset, r, true);
        eng_gemm(p->x, n, (eng_mat){d, ld, 1}, k->bwd_b, p->dh, r, false);
        scale_rows(p, n, p->dh);
        eng_gemm_raw(p->x, p->prec, r, k->n_in, n, (eng_mat){p->dh, 1, r},
                     (eng_mat){in, k->n_in, 1}, grads + a->param[k->a].offset, k->n_in, true);
        eng_gemm(p->x, n, (eng_mat){p->dh, r, 1}, k->bwd_a, dx, k->n_in, true);
    }
}

/* ---- matrices that stay in the file ---- */

size_t eng_pass_piece_rows(size_t n_in)
{
    size_t rows = PIECE_FLOATS / n_in / ENG_GEMM_KC * ENG_GEMM_KC;
    return rows ? rows : ENG_GEMM_KC;
}

/* Where the next piece of m rows of a matrix of n_out begins and how long it is. */
static size_t piece_len(size_t n_out, size_t at, size_t n_in)
{
    size_t most = eng_pass_piece_rows(n_in);
    return n_out - at < most ? n_out - at : most;
}

void eng_pass_raw_fwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *in, float *y,
                      bool add)
{
    size_t n_in = l->w.n_in, ld = l->w.n_out;
    for (size_t i = 0; i < l->n_raw; i++) {
        const eng_pass_raw *q = &l->raw[i];
        for (size_t at = 0, m; at < q->n_out; at += m) {
            m = piece_len(q->n_out, at, n_in);
            unpack(p, q->type, q->data, n_in, at, m, NULL, p->piece);
            eng_gemm_raw(p->x, p->prec, n, m, n_in, (eng_mat){in, n_in, 1},
                         (eng_mat){p->piece, 1, n_in}, y + q->col + at, ld, add);
        }
    }
}

void eng_pass_raw_bwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *dy, float *dx)
{
    size_t n_in = l->w.n_in, ld = l->w.n_out;
    bool add = false;
    for (size_t i = 0; i < l->n_raw; i++) {
        const eng_pass_raw *q = &l->raw[i];
        for (size_t at = 0, m; at < q->n_out; at += m) {
            m = piece_len(q->n_out, at, n_in);
            unpack(p, q->type, q->data, n_in, at, m, NULL, p->piece);
            eng_gemm_raw(p->x, p->prec, n, n_in, m, (eng_mat){dy + q->col + at, ld, 1},
                         (eng_mat){p->piece, n_in, 1}, dx, n_in, add);
            add = true;
        }
    }
}

/* p->piece holds the rows until the next call that unpacks: backward follows forward here. */
void eng_pass_rows_fwd(eng_pass *p, const eng_pass_lin *l, size_t first, size_t m, size_t n,
                       const float *in, float *y)
{
    size_t n_in = l->w.n_in;
    assert(l->n_raw == 1 && m <= eng_pass_piece_rows(n_in));
    unpack(p, l->raw[0].type, l->raw[0].data, n_in, first, m, NULL, p->piece);
    eng_gemm_raw(p->x, p->prec, n, m, n_in, (eng_mat){in, n_in, 1}, (eng_mat){p->piece, 1, n_in}, y,
                 m, false);
}

void eng_pass_rows_bwd(eng_pass *p, const eng_pass_lin *l, size_t m, size_t n, const float *dy,
                       float *dx)
{
    size_t n_in = l->w.n_in;
    eng_gemm_raw(p->x, p->prec, n, n_in, m, (eng_mat){dy, m, 1}, (eng_mat){p->piece, n_in, 1}, dx,
                 n_in, true);
}
