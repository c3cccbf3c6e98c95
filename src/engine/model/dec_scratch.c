/* dec_scratch.c - a decoder's memory: all of it is allocated when it is opened. */
#include "engine/model/dec.h"

#include <assert.h>
#include <math.h>

/* ---- sizes ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Latent attention: see dec_mla.c for what stands where.  d->q serves twice: for queries, then for
 * what heads give; the wider decides. */
static void size_latent(const eng_config *c, eng_dec_sizes *s)
{
    size_t heads = c->n_head, rot = eng_config_n_rot(c), whole = c->head_dim_mla;
    size_t v = c->head_dim_v_mla;
    s->qkv = (c->q_lora ? c->q_lora : heads * whole) + c->kv_lora + rot;
    s->q = heads * larger(whole, v);
    s->kv = heads * (eng_config_absorbed(c) ? c->kv_lora + rot : whole - rot + v);
    if (!eng_config_absorbed(c)) s->ffn = heads * (whole + v);
}

/* Widths of the rows of a step: of every buffer the widest use that the model's layers make of it.
 */
static eng_dec_sizes sizes_of(const eng_config *c)
{
    eng_dec_sizes s = {0};
    size_t hd = c->head_dim, v = eng_config_head_dim_v(c);
    bool gated = c->has[ENG_P_GATE] || c->fused_gate;
    s.qkv = ((size_t)c->n_head + c->n_kv_head) * hd + c->n_kv_head * v;
    s.att = c->n_head * v;
    if (c->kv_lora) size_latent(c, &s);
    for (uint32_t i = 0; i < c->n_layer; i++)
        if (!eng_config_is_moe(c, i)) s.ffn = larger(s.ffn, (size_t)c->n_ff * (gated ? 2 : 1));
    if (c->n_expert) s.ffn = larger(s.ffn, 2 * (size_t)larger(c->n_ff_exp, c->n_ff_shared));
    return s;
}

/* ---- memory ---- */

/* count * size bytes in d's arena, *asked counting them.  *asked goes into the sentence of a
 * failure: "how much would it have taken" is the first question then. */
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

/* What steps of every model need. */
static bool take_common(eng_decoder *d, uint64_t *asked)
{
    const eng_config *c = &d->m->cfg;
    size_t rows = d->max_rows, f = sizeof(float);
    return (d->res = take(d, rows, c->n_embd * f, asked)) &&
           (d->normed = take(d, rows, c->n_embd * f, asked)) &&
           (d->branch = take(d, rows, c->n_embd * f, asked)) &&
           (d->qkv = take(d, rows, d->size.qkv * f, asked)) &&
           (d->att = take(d, rows, d->size.att * f, asked)) &&
           (d->ffn = take(d, rows, d->size.ffn * f, asked)) &&
           (d->row_seq = take(d, rows, sizeof(*d->row_seq), asked)) &&
           (d->first_row = take(d, d->max_seqs, sizeof(*d->first_row), asked)) &&
           (d->item = take(d, d->max_seqs, c->n_kv_head * sizeof(*d->item), asked));
}

/* Cosines and sines of the step's rows; those of windowed layers are the same memory where their
 * angles are the same. */
static bool take_angles(eng_decoder *d, uint64_t *asked)
{
    const eng_config *c = &d->m->cfg;
    size_t rows = d->max_rows, bytes = eng_config_n_rot(c) / 2 * sizeof(float);
    bool two = c->window && (c->local_unscaled || c->rope_theta_local != 0.0f);
    if (c->no_rope) return true;
    if (!(d->cos[0] = d->cos[1] = take(d, rows, bytes, asked)) ||
        !(d->sin[0] = d->sin[1] = take(d, rows, bytes, asked)))
        return false;
    return !two ||
           ((d->cos[1] = take(d, rows, bytes, asked)) && (d->sin[1] = take(d, rows, bytes, asked)));
}

/* What choosing experts and adding up what they give needs. */
static bool take_experts(eng_decoder *d, uint64_t *asked)
{
    const eng_config *c = &d->m->cfg;
    size_t rows = d->max_rows, f = sizeof(float), used = c->n_expert_used;
    if (!c->n_expert) return true;
    return (d->part = take(d, rows, c->n_embd * f, asked)) &&
           (d->router = take(d, rows, 2 * c->n_expert * f, asked)) &&
           (d->chosen = take(d, rows, used * sizeof(*d->chosen), asked)) &&
           (d->of_expert = take(d, rows, used * sizeof(*d->of_expert), asked)) &&
           (d->expert_first = take(d, c->n_expert + 1, sizeof(*d->expert_first), asked));
}

/* All of a decoder's scratch: what every model needs, and what only some do.  False without memory.
 */
static bool take_all(eng_decoder *d, uint64_t *asked)
{
    const eng_config *c = &d->m->cfg;
    size_t rows = d->max_rows, f = sizeof(float);
    if (!take_common(d, asked) || !take_angles(d, asked)) return false;
    if (c->kv_lora && (!(d->q = take(d, rows, d->size.q * f, asked)) ||
                       !(d->kv = take(d, rows, d->size.kv * f, asked))))
        return false;
    if (c->alibi_max != 0.0f && !(d->slope = take(d, c->n_head, f, asked))) return false;
    return take_experts(d, asked);
}

/* ALiBi's slopes (Press et al. 2022): powers of 2^(-max / n) for the first n heads, n the
 * largest power of two; for the others the odd powers of 2^(-max / 2n).  For n_head = 8 and max
 * 8: 1/2, 1/4, ... 1/256. */
static void fill_slopes(eng_decoder *d)
{
    const eng_config *c = &d->m->cfg;
    uint32_t n = 1;
    while (n * 2 <= c->n_head)
        n *= 2;
    double max = (double)c->alibi_max;
    for (uint32_t h = 0; d->slope && h < c->n_head; h++)
        d->slope[h] =
            (float)(h < n ? exp2(-max / n * (h + 1)) : exp2(-max / 2 / n * (2 * (h - n) + 1)));
}

/* ---- open and close ---- */

/* Memory for steps, and the workers' own for attention. */
static sk_status alloc_scratch(eng_decoder *d, sk_err *e)
{
    const eng_config *c = &d->m->cfg;
    uint64_t asked = 0;
    d->arena = sk_arena_new(SK_MEM_SCRATCH);
    if (!d->arena || !take_all(d, &asked))
        return sk_fail(e, SK_E_NOMEM,
                       "no memory for the scratch of steps of %zu tokens (%llu bytes and more)",
                       d->max_rows, (unsigned long long)asked);
    return eng_exec_reserve(d->x, eng_attn_scratch(c->head_dim, eng_config_head_dim_v(c)), e);
}

/* All scratch is taken here, so that a step allocates nothing and cannot fail. */
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
    d->size = sizes_of(&m->cfg);
    sk_status st = alloc_scratch(d, e);
    if (st) {
        eng_decoder_close(d);
        return st;
    }
    for (int local = 0; local < 2; local++)
        eng_rope_init(&d->rope[local], &m->cfg, local, m->rope_factors);
    fill_slopes(d);
    *out = d;
    return SK_OK;
}

/* Grows only: sessions with adapters of different ranks share it. */
sk_status eng_decoder_reserve(eng_decoder *d, size_t rank, sk_err *e)
{
    size_t bytes = 0;
    if (rank <= d->lora_rank) return SK_OK;
    float *p =
        sk_mul_size(d->max_rows, rank * sizeof *p, &bytes) ? sk_alloc(SK_MEM_SCRATCH, bytes) : NULL;
    if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for an adapter of rank %zu", rank);
    sk_free(d->lora);
    d->lora = p;
    d->lora_rank = rank;
    return SK_OK;
}

void eng_decoder_watch(eng_decoder *d, const eng_watch *w)
{
    d->watch = *w;
}

void eng_decoder_close(eng_decoder *d)
{
    if (!d) return;
    sk_free(d->lora);
    sk_arena_free(d->arena);
    sk_free(d);
}
