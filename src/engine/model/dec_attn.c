/* dec_attn.c - attention of a step: q, k and v, their norms and rotation, the cache, the heads. */
#include "engine/model/dec.h"

#include <assert.h>
#include <math.h>

/* ---- one row's q, k, v ---- */

/* Norm of the heads of q or k in place: each head, with weights of one head or of its own, or all
 * as one row. */
static void norm_heads(const eng_decoder *d, const eng_norm *w, float *x, size_t n_heads)
{
    size_t hd = d->m->cfg.head_dim;
    if (!w->w) return; /* optional in some families, whatever the switch says */
    switch (d->m->cfg.qk_norm) {
    case ENG_QK_NONE:
        break;
    case ENG_QK_HEAD:
        eng_dec_norm_rows(d, w, x, hd, x, hd, n_heads, hd);
        break;
    case ENG_QK_EACH:
        for (size_t h = 0; h < n_heads; h++) {
            eng_norm own = {w->w + h * hd, w->b ? w->b + h * hd : NULL};
            eng_dec_norm_rows(d, &own, x + h * hd, hd, x + h * hd, hd, 1, hd);
        }
        break;
    case ENG_QK_ROW:
        eng_dec_norm_rows(d, w, x, n_heads * hd, x, n_heads * hd, 1, n_heads * hd);
        break;
    }
}

/* q, k and v of a row held within bounds (olmo, mpt: a remedy for outliers in training). */
static void clamp(float *x, size_t n, float limit)
{
    for (size_t i = 0; i < n; i++)
        x[i] = fminf(fmaxf(x[i], -limit), limit);
}

/* One row's q and k normed and turned, its k and v put into the cache.  The order of these is every
 * family's: bounds, norm, rotation; the cache holds rotated keys, so that a key is turned once. */
static void place_row(const eng_dec_step *s, size_t row)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_layer *y = s->layer;
    size_t hd = c->head_dim, n_rot = eng_config_n_rot(c), pos = eng_dec_pos(s, row);
    float *q = d->qkv + row * d->size.qkv, *k = q + c->n_head * hd, *v = k + c->n_kv_head * hd;
    if (c->clamp_kqv != 0.0f) clamp(q, d->size.qkv, c->clamp_kqv);
    norm_heads(d, &y->q_norm, q, c->n_head);
    norm_heads(d, &y->k_norm, k, c->n_kv_head);
    if (eng_config_rotates(c, s->layer_no)) {
        int local = eng_config_is_local(c, s->layer_no);
        size_t at = row * (n_rot / 2);
        /* q heads and k heads stand side by side: one call turns both */
        d->kern->rope_part_f32(q, hd, d->cos[local] + at, d->sin[local] + at,
                               (size_t)c->n_head + c->n_kv_head, n_rot, c->rope_form);
    }
    eng_kv_put(d->kern, &s->seq[d->row_seq[row]].kv, s->layer_no, pos, k, v);
}

static void place_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    for (size_t i = first; i < first + n; i++)
        place_row(arg, i);
}

/* ---- the heads ---- */

/* Where queries lie: rows of `ld` floats; the size of a head of theirs.  Latent attention makes
 * them elsewhere than ordinary attention does. */
typedef struct queries {
    const float *p;
    size_t ld, head;
} queries;

/* Attention of every (piece, kv head) over the cache, one item each: the query heads that share
 * a kv head go through its keys together.  With `last` only the rows whose logits are wanted are
 * computed, their results one below the other.  Rows of a piece are its queries; their keys lie
 * in the piece's own slot, so pieces never look at each other. */
static void attend(eng_dec_step *s, queries in, bool last)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    size_t group = c->n_head / c->n_kv_head, n = 0, row = 0;
    size_t out_head = eng_config_head_dim_v(c), ldo = c->n_head * out_head;
    assert(group * c->n_kv_head == c->n_head);
    for (size_t i = 0; i < s->n_seq; i++) {
        const eng_seq *q = &s->seq[i];
        size_t n_q = last ? q->n_out : q->n, skip = q->n - n_q;
        assert(n_q <= q->n);
        if (!n_q) continue;
        for (size_t h = 0; h < c->n_kv_head; h++, n++) {
            d->item[n] = (eng_attn){
                .q = in.p + (d->first_row[i] + skip) * in.ld + h * group * in.head,
                .ldq = in.ld,
                .out = d->att + row * ldo + h * group * out_head,
                .ldo = ldo,
                .n_group = group,
                .n_q = n_q,
                .pos0 = q->pos + skip,
                .scale = eng_config_attn_scale(c),
                .softcap = c->attn_softcap,
                .slope = d->slope ? d->slope + h * group : NULL,
                .sink = s->layer->sinks ? s->layer->sinks + h * group : NULL,
                .window = eng_config_is_local(c, s->layer_no) ? c->window : 0,
                .causal = !c->encoder,
                .n_k = q->pos + q->n,
            };
            eng_kv_item(&q->kv, s->layer_no, h, &d->item[n]);
        }
        row += n_q;
    }
    eng_attn_run(d->x, d->item, n);
}

/* In the last layer every row still leaves its key and value, but only wanted rows ask. */
void eng_dec_attention(eng_dec_step *s, const float *in)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    bool last = s->layer_no + 1 == c->n_layer;
    queries q = {d->qkv, d->size.qkv, c->head_dim};
    if (s->layer->mla) {
        eng_dec_latent_in(s, in);
        q = eng_config_absorbed(c) ? (queries){d->kv, d->size.kv, c->head_dim}
                                   : (queries){d->q, d->size.q, c->head_dim};
    } else {
        eng_dec_see(s, ENG_IN_QKV, 0, in, c->n_embd, s->n_rows);
        eng_dec_linear(s, &s->layer->qkv, in, c->n_embd, d->qkv, d->size.qkv, false);
        eng_dec_rows(s, place_piece);
    }
    attend(s, q, last);
}
