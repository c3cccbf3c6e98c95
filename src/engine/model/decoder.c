/* decoder.c - one step of the decoder, to be read from top to bottom.
 *
 * Rows are tokens; a row's values never depend on which other rows are in the step: products and
 * norms work row by row, attention sees only its own sequence's keys.
 */
#include "engine/model/decoder.h"

#include "engine/kernel/attn.h"
#include "engine/kernel/par.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Rows of a piece of row-wise work. */
#define PIECE_ROWS 8

struct eng_decoder {
    eng_exec *x;
    const eng_model *m;
    const eng_kernels *kern;
    sk_arena *arena;
    size_t max_rows, max_seqs, n_ctx;
    float *cos, *sin;  /* [n_ctx, head_dim/2] */
    float *res;        /* [max_rows, n_embd] residual stream */
    float *normed;     /* [max_rows, n_embd] */
    float *qkv;        /* [max_rows, (n_head + 2 n_kv_head) * head_dim] */
    float *att;        /* [max_rows, n_head * head_dim] */
    float *ffn;        /* [max_rows, 2 n_ff] gate and up side by side */
    uint32_t *row_seq; /* [max_rows] the piece a row belongs to */
    size_t *first_row; /* [max_seqs] a piece's first row */
    eng_attn *item;    /* [max_seqs * n_kv_head] */
};

/* A step under way. */
typedef struct step {
    eng_decoder *d;
    const eng_seq *seq;
    size_t n_seq, n_rows, n_out;
    const eng_layer *layer; /* the one being computed, and its number */
    uint32_t layer_no;
    float *logits;
} step;

/* ---- the operations of a layer ---- */

/* Row width of the fused product: q heads, k heads, v heads. */
static size_t qkv_cols(const eng_config *c)
{
    return ((size_t)c->n_head + 2 * (size_t)c->n_kv_head) * c->head_dim;
}

/* Which piece each row belongs to, and the residual stream's start: the tokens' embeddings. */
static void embed(step *s)
{
    eng_decoder *d = s->d;
    const eng_model *m = d->m;
    size_t n_embd = m->cfg.n_embd, row_bytes = eng_dtype_bytes(m->embd_type, n_embd), row = 0;
    for (size_t i = 0; i < s->n_seq; i++) {
        const eng_seq *q = &s->seq[i];
        assert(q->n > 0 && q->n_out <= q->n && q->pos + q->n <= d->n_ctx);
        assert(row + q->n <= d->max_rows);
        d->first_row[i] = row;
        s->n_out += q->n_out;
        for (size_t j = 0; j < q->n; j++, row++) {
            assert(q->ids[j] >= 0 && (uint32_t)q->ids[j] < m->cfg.n_vocab);
            d->row_seq[row] = (uint32_t)i;
            const char *src = (const char *)m->embd + (size_t)q->ids[j] * row_bytes;
            eng_dtype_to_f32(m->embd_type, src, d->res + row * n_embd, n_embd);
        }
    }
    s->n_rows = row;
}

typedef struct norm_job {
    const eng_decoder *d;
    const float *w;
} norm_job;

static void norm_rows(void *arg, size_t first, size_t n, size_t worker)
{
    const norm_job *j = arg;
    const eng_config *c = &j->d->m->cfg;
    size_t at = first * c->n_embd;
    (void)worker;
    j->d->kern->rmsnorm_f32(j->d->normed + at, c->n_embd, NULL, j->d->res + at, c->n_embd, j->w, n,
                            c->n_embd, c->rms_eps);
}

/* normed = RMSNorm(res) * w. */
static void norm(step *s, const float *w)
{
    norm_job j = {s->d, w};
    eng_par_rows(s->d->x, s->n_rows, 0, norm_rows, &j);
}

/* y [n_rows, y_cols] (+)= x [n_rows, x_cols] W^T. */
static void multiply(step *s, const float *x, size_t x_cols, const eng_bpack *w, float *y,
                     size_t y_cols, bool add)
{
    eng_gemm(s->d->x, s->n_rows, (eng_mat){x, x_cols, 1}, w, y, y_cols, add);
}

/* One row's q and k normed and turned, its k and v put into the cache. */
static void place_row(const step *s, size_t row)
{
    const eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_seq *seq = &s->seq[d->row_seq[row]];
    size_t hd = c->head_dim, pos = seq->pos + row - d->first_row[d->row_seq[row]];
    float *q = d->qkv + row * qkv_cols(c), *k = q + c->n_head * hd, *v = k + c->n_kv_head * hd;
    if (c->qk_norm) {
        d->kern->rmsnorm_f32(q, hd, NULL, q, hd, s->layer->q_norm, c->n_head, hd, c->rms_eps);
        d->kern->rmsnorm_f32(k, hd, NULL, k, hd, s->layer->k_norm, c->n_kv_head, hd, c->rms_eps);
    }
    /* q heads and k heads stand side by side: one call turns both */
    d->kern->rope_f32(q, d->cos + pos * (hd / 2), d->sin + pos * (hd / 2),
                      (size_t)c->n_head + c->n_kv_head, hd, c->rope_form);
    eng_kv_put(d->kern, &seq->kv, s->layer_no, pos, k, v);
}

static void place_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    for (size_t i = first; i < first + n; i++)
        place_row(arg, i);
}

/* Attention of every (piece, kv head) over the cache.  With `narrow` only the rows whose logits are
 * wanted are computed, their results one below the other. */
static void attend(step *s, bool narrow)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    size_t hd = c->head_dim, group = c->n_head / c->n_kv_head, n = 0, row = 0;
    for (size_t i = 0; i < s->n_seq; i++) {
        const eng_seq *q = &s->seq[i];
        size_t n_q = narrow ? q->n_out : q->n, skip = q->n - n_q;
        if (!n_q) continue;
        for (size_t h = 0; h < c->n_kv_head; h++, n++) {
            d->item[n] = (eng_attn){
                .q = d->qkv + (d->first_row[i] + skip) * qkv_cols(c) + h * group * hd,
                .out = d->att + (row * c->n_head + h * group) * hd,
                .ldq = qkv_cols(c),
                .ldo = c->n_head * hd,
                .n_group = group,
                .n_q = n_q,
                .pos0 = q->pos + skip,
                .scale = 1.0f / sqrtf((float)hd),
                .causal = true,
            };
            eng_kv_item(&q->kv, s->layer_no, h, &d->item[n]);
        }
        row += n_q;
    }
    eng_attn_run(d->x, d->item, n);
}

/* Keeps of the residual stream only the rows whose logits are wanted. */
static void narrow_rows(step *s)
{
    size_t n_embd = s->d->m->cfg.n_embd, to = 0;
    for (size_t i = 0; i < s->n_seq; i++) {
        size_t from = s->d->first_row[i] + s->seq[i].n - s->seq[i].n_out;
        assert(to <= from);
        memmove(s->d->res + to * n_embd, s->d->res + from * n_embd,
                s->seq[i].n_out * n_embd * sizeof(float));
        to += s->seq[i].n_out;
    }
    s->n_rows = to;
}

static void swiglu_rows(void *arg, size_t first, size_t n, size_t worker)
{
    const eng_decoder *d = arg;
    size_t n_ff = d->m->cfg.n_ff;
    (void)worker;
    for (size_t i = first; i < first + n; i++) {
        float *gate = d->ffn + i * 2 * n_ff;
        d->kern->swiglu_f32(gate, gate, gate + n_ff, n_ff);
    }
}

/* ---- the step ---- */

/* res += attention(norm(res)).  The last layer goes on with the wanted rows alone: the others have
 * left their keys and values, and nobody reads more of them. */
static void attention_block(step *s)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    bool last = s->layer_no + 1 == c->n_layer;
    norm(s, s->layer->attn_norm);
    multiply(s, d->normed, c->n_embd, s->layer->qkv, d->qkv, qkv_cols(c), false);
    eng_par_rows(d->x, s->n_rows, PIECE_ROWS, place_rows, s);
    attend(s, last);
    if (last) narrow_rows(s);
    multiply(s, d->att, (size_t)c->n_head * c->head_dim, s->layer->o, d->res, c->n_embd, true);
}

/* res += down(silu(gate(norm(res))) * up(norm(res))). */
static void ffn_block(step *s)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    size_t cols = 2 * (size_t)c->n_ff;
    norm(s, s->layer->ffn_norm);
    multiply(s, d->normed, c->n_embd, s->layer->gate_up, d->ffn, cols, false);
    eng_par_rows(d->x, s->n_rows, PIECE_ROWS, swiglu_rows, d);
    multiply(s, d->ffn, cols, s->layer->down, d->res, c->n_embd, true);
}

void eng_decoder_step(eng_decoder *d, const eng_seq *seq, size_t n_seq, float *logits)
{
    assert(n_seq <= d->max_seqs);
    step s = {.d = d, .seq = seq, .n_seq = n_seq, .logits = logits};
    const eng_model *m = d->m;
    embed(&s);
    for (uint32_t i = 0; i < m->cfg.n_layer; i++) {
        s.layer = &m->layer[i];
        s.layer_no = i;
        attention_block(&s);
        ffn_block(&s);
    }
    assert(s.n_rows == s.n_out);
    norm(&s, m->out_norm);
    multiply(&s, d->normed, m->cfg.n_embd, m->head, logits, m->cfg.n_vocab, false);
}

/* ---- scratch ---- */

/* count * size bytes in d's arena, *asked counting them. */
static void *take(eng_decoder *d, size_t count, size_t size, uint64_t *asked)
{
    size_t bytes = 0;
    if (!sk_mul_size(count, size, &bytes)) {
        *asked = UINT64_MAX;
        return NULL;
    }
    *asked += bytes;
    return sk_arena_alloc(d->arena, bytes);
}

/* All of a step's memory: steps themselves allocate nothing. */
static sk_status alloc_scratch(eng_decoder *d, sk_err *e)
{
    const eng_config *c = &d->m->cfg;
    size_t rows = d->max_rows, f = sizeof(float), half = c->head_dim / 2;
    uint64_t asked = 0;
    d->arena = sk_arena_new(SK_MEM_SCRATCH);
    if (!d->arena || !(d->cos = take(d, d->n_ctx, half * f, &asked)) ||
        !(d->sin = take(d, d->n_ctx, half * f, &asked)) ||
        !(d->res = take(d, rows, c->n_embd * f, &asked)) ||
        !(d->normed = take(d, rows, c->n_embd * f, &asked)) ||
        !(d->qkv = take(d, rows, qkv_cols(c) * f, &asked)) ||
        !(d->att = take(d, rows, (size_t)c->n_head * c->head_dim * f, &asked)) ||
        !(d->ffn = take(d, rows, 2 * (size_t)c->n_ff * f, &asked)) ||
        !(d->row_seq = take(d, rows, sizeof(*d->row_seq), &asked)) ||
        !(d->first_row = take(d, d->max_seqs, sizeof(*d->first_row), &asked)) ||
        !(d->item = take(d, d->max_seqs, c->n_kv_head * sizeof(*d->item), &asked)))
        return sk_fail(e, SK_E_NOMEM,
                       "no memory for the scratch of steps of %zu tokens (%llu bytes and more)",
                       rows, (unsigned long long)asked);
    return eng_exec_reserve(d->x, eng_attn_scratch(c->head_dim, c->head_dim), e);
}

sk_status eng_decoder_open(eng_exec *x, const eng_model *m, size_t max_rows, size_t max_seqs,
                           size_t n_ctx, eng_decoder **out, sk_err *e)
{
    assert(max_rows && max_seqs && n_ctx);
    eng_decoder *d = sk_calloc(SK_MEM_SCRATCH, 1, sizeof(*d));
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory for a decoder");
    d->x = x;
    d->m = m;
    d->kern = eng_exec_kernels(x);
    d->max_rows = max_rows;
    d->max_seqs = max_seqs;
    d->n_ctx = n_ctx;
    sk_status st = alloc_scratch(d, e);
    if (st) {
        eng_decoder_close(d);
        return st;
    }
    eng_rope_table(&m->cfg, n_ctx, d->cos, d->sin);
    *out = d;
    return SK_OK;
}

void eng_decoder_close(eng_decoder *d)
{
    if (!d) return;
    sk_arena_free(d->arena);
    sk_free(d);
}
