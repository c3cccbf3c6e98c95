/* decoder.c - one step of the decoder, to be read from top to bottom.
 *
 * Which blocks there are and how they are put together is said by the model's config; the blocks
 * themselves are in dec_attn.c, dec_mla.c, dec_ffn.c and dec_moe.c.
 */
#include "engine/model/dec.h"

#include "engine/kernel/par.h"
#include "engine/model/lora.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- operations on rows ---- */

void eng_dec_rows(eng_dec_step *s, void (*fn)(void *s, size_t first, size_t n, size_t worker))
{
    eng_par_rows(s->d->x, s->n_rows, ENG_DEC_ROWS, fn, s);
}

/* Both kinds share rms_eps, whatever the file calls it. */
void eng_dec_norm_rows(const eng_decoder *d, const eng_norm *w, float *y, size_t ldy,
                       const float *x, size_t ldx, size_t n_rows, size_t n)
{
    const eng_config *c = &d->m->cfg;
    if (c->norm == ENG_NORM_LAYER)
        d->kern->layernorm_f32(y, ldy, x, ldx, w->w, w->b, n_rows, n, c->rms_eps);
    else
        d->kern->rmsnorm_f32(y, ldy, NULL, x, ldx, w->w, n_rows, n, c->rms_eps);
}

typedef struct norm_job {
    const eng_decoder *d;
    const eng_norm *w;
    const float *from;
    float *to;
} norm_job;

static void norm_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const norm_job *j = arg;
    size_t n_embd = j->d->m->cfg.n_embd, at = first * n_embd;
    eng_dec_norm_rows(j->d, j->w, j->to + at, n_embd, j->from + at, n_embd, n, n_embd);
}

/* to [n_rows, n_embd] = norm(from) of all rows of the step. */
static void norm_all(eng_dec_step *s, const eng_norm *w, const float *from, float *to)
{
    norm_job j = {s->d, w, from, to};
    eng_par_rows(s->d->x, s->n_rows, 0, norm_piece, &j);
}

/* What the sequences' adapters add to a product.  Behind the last attention only the wanted rows
 * are left, one below the other. */
static void adapt(eng_dec_step *s, const eng_linear *w, const float *x, size_t ldx, float *y,
                  size_t ldy)
{
    eng_decoder *d = s->d;
    bool narrow = s->n_rows == s->n_out;
    size_t row = 0;
    for (size_t i = 0; i < s->n_seq; i++) {
        const eng_seq *q = &s->seq[i];
        size_t n = narrow ? q->n_out : q->n;
        if (q->lora && n)
            eng_lora_add(q->lora, d->x, w, n, x + row * ldx, ldx, y + row * ldy, ldy, d->lora);
        row += n;
    }
    assert(row == s->n_rows);
}

/* The bias comes after what an adapter adds: sums of floats have an order, and this is it. */
void eng_dec_linear(eng_dec_step *s, const eng_linear *w, const float *x, size_t ldx, float *y,
                    size_t ldy, bool add)
{
    assert(w && w->w);
    eng_wmat_mul(s->d->x, s->n_rows, x, ldx, w->w, y, ldy, add);
    if (s->adapted) adapt(s, w, x, ldx, y, ldy);
    if (w->b) s->d->kern->add_rows_f32(y, ldy, w->b, s->n_rows, eng_wmat_n_out(w->w));
}

typedef struct branch_job {
    eng_decoder *d;
    const eng_norm *post;
} branch_job;

/* Whether a block's output is normed. */
static bool has_post(const eng_decoder *d)
{
    eng_norm_place p = d->m->cfg.place;
    return p == ENG_PLACE_POST || p == ENG_PLACE_BOTH;
}

/* Rows of d->branch, normed and scaled, onto the residual stream.  (A factor is never beside a post
 * norm in the families there are; if it were, the norm would come first.) */
static void branch_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const branch_job *j = arg;
    eng_decoder *d = j->d;
    size_t n_embd = d->m->cfg.n_embd, at = first * n_embd;
    float scale = d->m->cfg.residual_scale, *b = d->branch + at;
    if (has_post(d)) eng_dec_norm_rows(d, j->post, b, n_embd, b, n_embd, n, n_embd);
    if (scale != 0.0f)
        d->kern->axpy_f32(d->res + at, scale, b, n * n_embd);
    else
        d->kern->add_f32(d->res + at, b, n * n_embd);
}

/* The norm of the sum, if norms stand there. */
static void norm_sum(eng_dec_step *s, const eng_norm *w)
{
    if (s->d->m->cfg.place == ENG_PLACE_SUM) norm_all(s, w, s->d->res, s->d->res);
}

void eng_dec_add_branch(eng_dec_step *s, const eng_norm *post)
{
    branch_job j = {s->d, post};
    eng_par_rows(s->d->x, s->n_rows, 0, branch_piece, &j);
    norm_sum(s, post);
}

/* Without norm and factor the product adds to the residual stream itself: a buffer less to walk. */
void eng_dec_output(eng_dec_step *s, const eng_linear *w, const float *x, size_t ldx,
                    const eng_norm *post)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    bool direct = c->residual_scale == 0.0f && !has_post(d);
    eng_dec_linear(s, w, x, ldx, direct ? d->res : d->branch, c->n_embd, direct);
    if (direct)
        norm_sum(s, post);
    else
        eng_dec_add_branch(s, post);
}

/* ---- where the residual stream begins ---- */

/* Which piece each row belongs to, and how many rows there are.  What is asserted has been
 * checked by the session.  A piece's rows stand together, in the order of its positions. */
static void number_rows(eng_dec_step *s)
{
    eng_decoder *d = s->d;
    size_t row = 0;
    for (size_t i = 0; i < s->n_seq; i++) {
        const eng_seq *q = &s->seq[i];
        assert(q->n > 0 && q->n_out <= q->n && q->pos + q->n <= d->n_ctx);
        assert(row + q->n <= d->max_rows);
        assert(!q->lora || eng_lora_rank(q->lora) <= d->lora_rank);
        d->first_row[i] = row;
        s->n_out += q->n_out;
        s->adapted |= q->lora != NULL;
        for (size_t j = 0; j < q->n; j++)
            d->row_seq[row++] = (uint32_t)i;
    }
    s->n_rows = row;
}

/* Row `at` of a table of the file, as floats.  Tables stay where they are mapped, in any type: a
 * step needs few of their rows. */
static void unpack_row(const void *table, eng_dtype type, size_t at, size_t n, float *to)
{
    const char *from = (const char *)table + at * eng_dtype_bytes(type, n);
    eng_quant_unpack(type, from, to, n);
}

/* Embeddings of rows: scaled, with the learned position, normed, as the model has it; and the
 * cosines and sines of their positions, which all layers of a kind share.  They are worked out for
 * the step's rows instead of looked up: a table for a long context would take more memory than it
 * saves time. */
static void embed_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const eng_dec_step *s = arg;
    eng_decoder *d = s->d;
    const eng_model *m = d->m;
    size_t n_embd = m->cfg.n_embd;
    for (size_t row = first; row < first + n; row++) {
        const eng_seq *q = &s->seq[d->row_seq[row]];
        size_t pos = eng_dec_pos(s, row);
        int32_t id = q->ids[pos - q->pos];
        float *to = d->res + row * n_embd, *spare = d->normed + row * n_embd;
        assert(id >= 0 && (uint32_t)id < m->cfg.n_vocab);
        unpack_row(m->embd, m->embd_type, (size_t)id, n_embd, to);
        if (m->cfg.embd_scale != 0.0f) d->kern->scale_f32(to, m->cfg.embd_scale, n_embd);
        if (m->pos) {
            unpack_row(m->pos, m->pos_type, pos, n_embd, spare);
            d->kern->add_f32(to, spare, n_embd);
        }
        if (m->type_embd) d->kern->add_f32(to, m->type_embd, n_embd);
        if (m->embd_norm.w) eng_dec_norm_rows(d, &m->embd_norm, to, n_embd, to, n_embd, 1, n_embd);
        for (int k = 0; k < 2 && d->cos[k] && (!k || d->cos[1] != d->cos[0]); k++) {
            size_t at = row * d->rope[k].half;
            eng_rope_row(&d->rope[k], pos, d->cos[k] + at, d->sin[k] + at);
        }
    }
}

/* ---- the step ---- */

/* Keeps of `p` [n_rows, n_embd] only the rows whose logits are wanted, one below the other. */
static void narrow(const eng_dec_step *s, float *p)
{
    size_t n_embd = s->d->m->cfg.n_embd, to = 0;
    for (size_t i = 0; i < s->n_seq; i++) {
        size_t n_out = s->seq[i].n_out, from = s->d->first_row[i] + s->seq[i].n - n_out;
        assert(to <= from);
        memmove(p + to * n_embd, p + from * n_embd, n_out * n_embd * sizeof(*p));
        to += n_out;
    }
}

/* res += attention.  The last layer goes on with the wanted rows alone: the others have left their
 * keys and values, and nobody reads more of them.  Where both blocks read the same residual stream,
 * d->normed holds afterwards what the feed-forward part reads. */
static void attention_block(eng_dec_step *s)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_layer *y = s->layer;
    bool pre = eng_config_norms_input(c), again = c->place == ENG_PLACE_SUM && y->attn_norm.w;
    if (pre) norm_all(s, &y->attn_norm, d->res, d->normed);
    eng_dec_attention(s, pre ? d->normed : d->res);
    if (again) memcpy(d->normed, d->res, s->n_rows * c->n_embd * sizeof(*d->res));
    if (s->layer_no + 1 == c->n_layer) {
        narrow(s, d->res);
        if (c->parallel || again) narrow(s, d->normed);
        s->n_rows = s->n_out;
    }
    if (c->parallel && y->ffn_norm.w) norm_all(s, &y->ffn_norm, d->res, d->normed);
    size_t width = (size_t)c->n_head * eng_config_att_dim(c);
    const float *att = d->att;
    if (eng_config_absorbed(c)) {
        eng_dec_latent_out(s);
        att = d->q;
    }
    eng_dec_see(s, ENG_IN_O, 0, att, width, s->n_rows);
    eng_dec_output(s, &y->o, att, width, &y->attn_post_norm);
    if (again) { /* what came in is added once more, and the sum normed */
        d->kern->add_f32(d->res, d->normed, s->n_rows * c->n_embd);
        norm_sum(s, &y->attn_norm);
    }
}

/* res += feed-forward.  In parallel blocks d->normed is what attention_block left there. */
static void ffn_block(eng_dec_step *s)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_layer *y = s->layer;
    bool pre = eng_config_norms_input(c);
    if (pre && !c->parallel) norm_all(s, &y->ffn_norm, d->res, d->normed);
    const float *in = pre ? d->normed : d->res;
    if (y->moe)
        eng_dec_moe(s, in);
    else
        eng_dec_ffn(s, in);
}

/* What becomes of logits: a factor, a soft cap. */
typedef struct logit_job {
    const eng_decoder *d;
    float *logits;
} logit_job;

static void logit_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const logit_job *j = arg;
    const eng_config *c = &j->d->m->cfg;
    float *p = j->logits + first * c->n_vocab;
    size_t len = n * c->n_vocab;
    if (c->logit_scale != 0.0f) j->d->kern->scale_f32(p, c->logit_scale, len);
    if (c->logit_softcap != 0.0f) j->d->kern->softcap_f32(p, c->logit_softcap, len);
}

/* Last norm and head.  The head is the largest matrix of many models; by now only the wanted rows
 * are left to go through it. */
static void head_block(eng_dec_step *s, float *logits, float *hidden)
{
    eng_decoder *d = s->d;
    const eng_model *m = d->m;
    const eng_config *c = &m->cfg;
    float *last = hidden ? hidden : d->normed;
    if (c->place == ENG_PLACE_SUM)
        memcpy(last, d->res, s->n_rows * c->n_embd * sizeof(*last));
    else
        norm_all(s, &m->out_norm, d->res, last);
    if (!logits) return;
    eng_dec_linear(s, &m->head, last, c->n_embd, logits, c->n_vocab, false);
    logit_job j = {d, logits};
    if (c->logit_scale != 0.0f || c->logit_softcap != 0.0f)
        eng_par_rows(d->x, s->n_rows, 1, logit_piece, &j);
}

/* Embed, layers, head.  Between attention and feed-forward of the last layer the rows that
 * nobody asked about drop out. */
void eng_decoder_step(eng_decoder *d, const eng_seq *seq, size_t n_seq, float *logits,
                      float *hidden)
{
    assert(n_seq <= d->max_seqs);
    eng_dec_step s = {.d = d, .seq = seq, .n_seq = n_seq};
    number_rows(&s);
    eng_dec_rows(&s, embed_piece);
    for (uint32_t i = 0; i < d->m->cfg.n_layer; i++) {
        s.layer = &d->m->layer[i];
        s.layer_no = i;
        assert(s.layer);
        (void)eng_exec_go_on(d->x, ENG_WORK_COMPUTE);
        attention_block(&s);
        ffn_block(&s);
    }
    assert(s.n_rows == s.n_out);
    (void)eng_exec_go_on(d->x, ENG_WORK_COMPUTE);
    head_block(&s, logits, hidden);
}
