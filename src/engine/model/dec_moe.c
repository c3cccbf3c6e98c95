/* dec_moe.c - the feed-forward part of a layer with experts.
 *
 * Every row chooses its experts; then the experts are gone through in ascending order, each with
 * the rows that chose it.  What a row's experts give is added up in that order whichever other rows
 * there are, so the sums are the same bytes.
 */
#include "engine/model/dec.h"

#include "engine/kernel/par.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- choosing ---- */

/* A row of d->router is [outputs | scratch for the choice], n_expert each. */
static void route_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const eng_dec_step *s = arg;
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    for (size_t row = first; row < first + n; row++) {
        float *logits = d->router + row * 2 * c->n_expert;
        eng_route(d->kern, c, logits, s->layer->moe->choice_bias, logits + c->n_expert,
                  d->chosen + row * c->n_expert_used);
    }
}

/* Lists the choices by expert, within an expert by row: a counting sort.  An expert's matrices are
 * then read once a step, however many rows chose it. */
static void list_by_expert(eng_dec_step *s)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    size_t n = s->n_rows * c->n_expert_used, *first = d->expert_first;
    memset(first, 0, (c->n_expert + 1) * sizeof(*first));
    for (size_t i = 0; i < n; i++) {
        assert(d->chosen[i].expert < c->n_expert);
        first[d->chosen[i].expert + 1]++;
    }
    for (size_t x = 0; x < c->n_expert; x++)
        first[x + 1] += first[x];
    assert(first[c->n_expert] == n);
    for (size_t i = 0; i < n; i++)
        d->of_expert[first[d->chosen[i].expert]++] = (uint32_t)i;
    for (size_t x = c->n_expert; x > 0; x--) /* the ends have become the next one's starts */
        first[x] = first[x - 1];
    first[0] = 0;
}

/* ---- one expert ---- */

typedef struct expert_job {
    eng_decoder *d;
    const float *in;
    const uint32_t *choice; /* numbers in d->chosen */
} expert_job;

/* Row i of the expert is the row that made choice i. */
static size_t row_of(const expert_job *j, size_t i)
{
    return j->choice[i] / j->d->m->cfg.n_expert_used;
}

/* Rows that chose the expert, one below the other, so that its matrices see one product. */
static void gather_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const expert_job *j = arg;
    size_t n_embd = j->d->m->cfg.n_embd;
    for (size_t i = first; i < first + n; i++)
        memcpy(j->d->part + i * n_embd, j->in + row_of(j, i) * n_embd, n_embd * sizeof(float));
}

/* d->branch += weight * what the expert gave.  A row comes once in an expert's list, so pieces of
 * it never meet in a row. */
static void scatter_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const expert_job *j = arg;
    size_t n_embd = j->d->m->cfg.n_embd;
    for (size_t i = first; i < first + n; i++)
        j->d->kern->axpy_f32(j->d->branch + row_of(j, i) * n_embd,
                             j->d->chosen[j->choice[i]].weight, j->d->part + i * n_embd, n_embd);
}

/* y [m, ..] = x W^T + b for m rows, which need not be the step's: an expert has rows of its own. */
static void linear(eng_decoder *d, const eng_linear *w, size_t m, const float *x, size_t ldx,
                   float *y, size_t ldy)
{
    eng_wmat_mul(d->x, m, x, ldx, w->w, y, ldy, false);
    if (w->b) d->kern->add_rows_f32(y, ldy, w->b, m, eng_wmat_n_out(w->w));
}

/* The rows of one expert: gathered, through its two matrices, added to d->branch.  An expert
 * nobody chose is not read: at small batches most are not, which is what makes such models fast. */
static void run_expert(eng_dec_step *s, const float *in, size_t expert)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_moe *m = s->layer->moe;
    size_t first = d->expert_first[expert], n = d->expert_first[expert + 1] - first;
    expert_job j = {d, in, d->of_expert + first};
    if (!n) return;
    eng_par_rows(d->x, n, ENG_DEC_ROWS, gather_piece, &j);
    eng_dec_see(s, ENG_IN_EXP_UP, expert, d->part, c->n_embd, n);
    linear(d, &m->gate_up[expert], n, d->part, c->n_embd, d->ffn, d->size.ffn);
    eng_dec_activate(s, d->ffn, d->size.ffn, n, c->n_ff_exp, true);
    eng_dec_see(s, ENG_IN_EXP_DOWN, expert, d->ffn, d->size.ffn, n);
    linear(d, &m->down[expert], n, d->ffn, d->size.ffn, d->part, c->n_embd);
    eng_par_rows(d->x, n, ENG_DEC_ROWS, scatter_piece, &j);
}

/* ---- the shared expert ---- */

/* d->branch += sigmoid(router) * what it gave. */
static void weigh_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const eng_dec_step *s = arg;
    eng_decoder *d = s->d;
    size_t n_embd = d->m->cfg.n_embd;
    for (size_t row = first; row < first + n; row++) {
        float w = 1.0f / (1.0f + expf(-d->router[row]));
        d->kern->axpy_f32(d->branch + row * n_embd, w, d->part + row * n_embd, n_embd);
    }
}

/* All rows go through the shared expert.  Without a router of its own it counts in full
 * (DeepSeek); with one by its sigmoid (Qwen2-MoE). */
static void run_shared(eng_dec_step *s, const float *in)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_moe *m = s->layer->moe;
    eng_dec_see(s, ENG_IN_SH_UP, 0, in, c->n_embd, s->n_rows);
    linear(d, &m->sh_gate_up, s->n_rows, in, c->n_embd, d->ffn, d->size.ffn);
    eng_dec_activate(s, d->ffn, d->size.ffn, s->n_rows, c->n_ff_shared, true);
    eng_dec_see(s, ENG_IN_SH_DOWN, 0, d->ffn, d->size.ffn, s->n_rows);
    if (!m->sh_router) {
        eng_wmat_mul(d->x, s->n_rows, d->ffn, d->size.ffn, m->sh_down.w, d->branch, c->n_embd,
                     true);
        return;
    }
    linear(d, &m->sh_down, s->n_rows, d->ffn, d->size.ffn, d->part, c->n_embd);
    eng_wmat_mul(d->x, s->n_rows, in, c->n_embd, m->sh_router, d->router, 1, false);
    eng_dec_rows(s, weigh_piece);
}

/* Router, choice, experts in ascending order, the shared one, then norm and residual. */
void eng_dec_moe(eng_dec_step *s, const float *in)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_moe *m = s->layer->moe;
    assert(m && c->n_expert);
    linear(d, &m->router, s->n_rows, in, c->n_embd, d->router, 2 * (size_t)c->n_expert);
    eng_dec_rows(s, route_piece);
    list_by_expert(s);
    /* the shared expert comes last: it is added to what the chosen ones gave */
    memset(d->branch, 0, s->n_rows * c->n_embd * sizeof(*d->branch));
    for (size_t x = 0; x < c->n_expert; x++)
        run_expert(s, in, x);
    if (m->sh_gate_up.w) run_shared(s, in);
    eng_dec_add_branch(s, &s->layer->ffn_post_norm);
}
