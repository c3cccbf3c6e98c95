/* dec_mla.c - latent attention (DeepSeek-AI 2024, V2): k and v of all heads come from one short
 * row.
 *
 * Split form: the cache holds that row and the rotated part of k, one kv head for all; each head's
 * matrix from the row to k is applied to q instead ("absorbed"), that from the row to v to what
 * attention gives.  Whole form: k and v of every head are made and kept.
 */
#include "engine/model/dec.h"

#include <string.h>

/* Sizes of the parts of a head and a row: a query's head is [nope | rot], of which only the latter
 * is turned; the short row is [lora | rot], the rotated part shared by all heads. */
typedef struct parts {
    size_t n_head, rot, nope, head, v, lora, q_in; /* q_in: floats of q or q_a before kv_a */
} parts;

static parts parts_of(const eng_config *c)
{
    size_t rot = eng_config_n_rot(c);
    return (parts){.n_head = c->n_head,
                   .rot = rot,
                   .nope = c->head_dim_mla - rot,
                   .head = c->head_dim_mla,
                   .v = c->head_dim_v_mla,
                   .lora = c->kv_lora,
                   .q_in = c->q_lora ? c->q_lora : (size_t)c->n_head * c->head_dim_mla};
}

/* Norms of q_a and of the short row, in place; not of its rotated part, which lies behind. */
static void norm_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const eng_dec_step *s = arg;
    eng_decoder *d = s->d;
    parts p = parts_of(&d->m->cfg);
    const eng_mla *a = s->layer->mla;
    size_t ld = d->size.qkv;
    float *q = d->qkv + first * ld, *kv = q + p.q_in;
    if (a->q_b) eng_dec_norm_rows(d, &a->q_a_norm, q, ld, q, ld, n, p.q_in);
    eng_dec_norm_rows(d, &a->kv_a_norm, kv, ld, kv, ld, n, p.lora);
}

/* Split form: the rotated part of each head's q behind what k_b made of the rest; the row into
 * the cache.  Key and value are one row here: what is stored once serves both (v_in_k of
 * kernel/kvmem.h). */
static void put_split(const eng_dec_step *s, const parts *p, size_t row, const float *q,
                      const float *kv)
{
    eng_decoder *d = s->d;
    float *to = d->kv + row * d->size.kv + p->lora;
    for (size_t h = 0; h < p->n_head; h++)
        memcpy(to + h * (p->lora + p->rot), q + h * p->head + p->nope, p->rot * sizeof(*to));
    eng_kv_put(d->kern, &s->seq[d->row_seq[row]].kv, s->layer_no, eng_dec_pos(s, row), kv, kv);
}

/* Whole form: [nope | v] of each head, as kv_b made them, to k = [nope | rotated] and v in the
 * cache; att is free at this point and wide enough for neither, so ffn holds them. */
static void put_whole(const eng_dec_step *s, const parts *p, size_t row, const float *rotated)
{
    eng_decoder *d = s->d;
    const float *from = d->kv + row * d->size.kv;
    float *k = d->ffn + row * d->size.ffn, *v = k + p->n_head * p->head;
    for (size_t h = 0; h < p->n_head; h++, from += p->nope + p->v) {
        memcpy(k + h * p->head, from, p->nope * sizeof(*k));
        memcpy(k + h * p->head + p->nope, rotated, p->rot * sizeof(*k));
        memcpy(v + h * p->v, from + p->nope, p->v * sizeof(*v));
    }
    eng_kv_put(d->kern, &s->seq[d->row_seq[row]].kv, s->layer_no, eng_dec_pos(s, row), k, v);
}

/* Rotation of q and of the one k of all heads, then the cache. */
static void place_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const eng_dec_step *s = arg;
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    parts p = parts_of(c);
    for (size_t row = first; row < first + n; row++) {
        float *kv = d->qkv + row * d->size.qkv + p.q_in, *q = d->q + row * d->size.q;
        const float *co = d->cos[0] + row * (p.rot / 2), *si = d->sin[0] + row * (p.rot / 2);
        d->kern->rope_part_f32(q + p.nope, p.head, co, si, p.n_head, p.rot, c->rope_form);
        d->kern->rope_part_f32(kv + p.lora, p.rot, co, si, 1, p.rot, c->rope_form);
        if (eng_config_absorbed(c))
            put_split(s, &p, row, q, kv);
        else
            put_whole(s, &p, row, kv + p.lora);
    }
}

/* q where it was made at once, to where it stands otherwise. */
static void copy_q(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const eng_dec_step *s = arg;
    const eng_decoder *d = s->d;
    parts p = parts_of(&d->m->cfg);
    for (size_t row = first; row < first + n; row++)
        memcpy(d->q + row * d->size.q, d->qkv + row * d->size.qkv, p.q_in * sizeof(float));
}

/* One product makes q (or q_a) and the short row.  In the split form a head's nope part goes
 * through its k_b: scores with the short row itself are then those with the k it stands for. */
void eng_dec_latent_in(eng_dec_step *s, const float *in)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_mla *a = s->layer->mla;
    parts p = parts_of(c);
    size_t wide = p.lora + p.rot;
    eng_wmat_mul(d->x, s->n_rows, in, c->n_embd, a->in, d->qkv, d->size.qkv, false);
    eng_dec_rows(s, norm_piece);
    if (a->q_b)
        eng_wmat_mul(d->x, s->n_rows, d->qkv, d->size.qkv, a->q_b, d->q, d->size.q, false);
    else
        eng_dec_rows(s, copy_q);
    if (a->kv_b)
        eng_wmat_mul(d->x, s->n_rows, d->qkv + p.q_in, d->size.qkv, a->kv_b, d->kv, d->size.kv,
                     false);
    for (size_t h = 0; a->k_b && h < p.n_head; h++)
        eng_wmat_mul(d->x, s->n_rows, d->q + h * p.head, d->size.q, a->k_b[h], d->kv + h * wide,
                     d->size.kv, false);
    eng_dec_rows(s, place_piece);
}

/* What attention summed up are short rows; each head's v_b makes of them what it would have summed
 * of values. */
void eng_dec_latent_out(eng_dec_step *s)
{
    eng_decoder *d = s->d;
    parts p = parts_of(&d->m->cfg);
    for (size_t h = 0; h < p.n_head; h++)
        eng_wmat_mul(d->x, s->n_rows, d->att + h * p.lora, d->size.att, s->layer->mla->v_b[h],
                     d->q + h * p.v, p.n_head * p.v, false);
}
