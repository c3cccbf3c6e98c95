/* train_head_pieces.c - the head over a base that is unpacked as it is used.
 *
 * Unpacking the output matrix for every few tokens would cost more than the products, and all
 * logits of all tokens would be larger than the base.  So the vocabulary goes by in pieces, each
 * unpacked once for all tokens of the micro-batch: a first time for the softmax's denominator, a
 * second time for the gradient.  The base is not trained: no gradient of the matrix is made.
 */
#include "engine/kernel/par.h"
#include "engine/model/train_in.h"
#include "engine/model/train_variants.h"

#include <assert.h>
#include <math.h>

#define HEAD_ROWS ((size_t)4 * ENG_GEMM_KC) /* of the vocabulary at a time */

size_t eng_pass_head_piece(const eng_config *cfg)
{
    size_t most = eng_pass_piece_rows(cfg->n_embd);
    if (most > HEAD_ROWS) most = HEAD_ROWS;
    return cfg->n_vocab < most ? cfg->n_vocab : most;
}

typedef struct piece_job {
    eng_pass *p;
    const eng_kernels *k;
    const int32_t *target;
    size_t first, m; /* rows of the vocabulary */
    float scale;
} piece_job;

/* The target of token i of the chosen ones, counted from the piece's first row; m or more: it is in
 * another piece. */
static size_t target_in(const piece_job *j, size_t i)
{
    size_t t = (size_t)j->target[j->p->pick[i]];
    return t >= j->first ? t - j->first : j->m;
}

/* log(e^a + e^b). */
static double log_add(double a, double b)
{
    double hi = a > b ? a : b, lo = a > b ? b : a;
    return isinf(hi) ? hi : hi + log1p(exp(lo - hi));
}

/* Adds a piece to the denominators. */
static void sum_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const piece_job *j = arg;
    eng_pass *p = j->p;
    for (size_t i = first; i < first + n; i++) {
        const float *z = p->logits + i * j->m;
        size_t t = target_in(j, i);
        float lse;
        (void)j->k->xent_f32(z, j->m, t < j->m ? t : 0, &lse);
        p->sum_lse[i] = log_add(p->sum_lse[i], (double)lse);
        if (t < j->m) p->z_target[i] = z[t];
    }
}

/* In place, the gradient of a piece's logits (train_head.c has the formula with z-loss). */
static void slope_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const piece_job *j = arg;
    const eng_pass *p = j->p;
    for (size_t i = first; i < first + n; i++) {
        float *z = p->logits + i * j->m, lse = (float)p->sum_lse[i];
        float scale = p->weight ? j->scale * p->weight[p->pick[i]] : j->scale;
        float all = scale * (1.0f + 2.0f * p->z_loss * lse);
        size_t t = target_in(j, i);
        if (t < j->m) {
            j->k->xent_bwd_f32(z, j->m, t, lse, all);
            if (p->z_loss > 0.0f) z[t] += all - scale;
        } else { /* no row of the piece is the target: the first one is put right */
            float z0 = all * expf(z[0] - lse);
            j->k->xent_bwd_f32(z, j->m, 0, lse, all);
            z[0] = z0;
        }
    }
}

/* Logits of a piece, into p->logits [n, m]. */
static void piece_logits(eng_pass *p, const piece_job *j, size_t n, bool backward)
{
    const eng_config *f = p->cfg;
    eng_pass_rows_fwd(p, &p->head, j->first, j->m, n, p->hn, p->logits);
    for (size_t i = 0; i < p->head.n_bias; i++)
        eng_bias_fwd(p->x, n, j->m, 0, j->m, p->at[p->head.bias[i]] + j->first, p->logits);
    eng_logits_shape(p->x, n, j->m, f->logit_scale, f->logit_softcap, p->logits,
                     backward ? p->capped : NULL);
}

/* Two passes over the vocabulary: the sums of the softmax must be whole before the first slope, and
 * keeping the logits between them is the memory that pieces save.  So the logits are made twice, in
 * the same order, to the same bits. */
void eng_pass_head_pieces(eng_pass *p, const eng_batch *b, size_t n_pick, float scale, float *grads)
{
    const eng_config *f = p->cfg;
    size_t step = eng_pass_head_piece(f);
    piece_job j = {.p = p, .k = eng_exec_kernels(p->x), .target = b->target, .scale = scale};
    eng_pass_head_in(p, p->pick, n_pick);
    for (size_t i = 0; i < n_pick; i++)
        p->sum_lse[i] = -INFINITY;
    for (j.first = 0; j.first < f->n_vocab; j.first += step) {
        j.m = f->n_vocab - j.first < step ? f->n_vocab - j.first : step;
        piece_logits(p, &j, n_pick, false);
        eng_par_rows(p->x, n_pick, 0, sum_rows, &j);
    }
    for (size_t i = 0; i < n_pick; i++)
        p->nll[p->pick[i]] = (float)(p->sum_lse[i] - (double)p->z_target[i]);
    if (!grads) return;
    eng_rows_zero(p->x, n_pick, f->n_embd, p->dhn);
    for (j.first = 0; j.first < f->n_vocab; j.first += step) {
        j.m = f->n_vocab - j.first < step ? f->n_vocab - j.first : step;
        piece_logits(p, &j, n_pick, true);
        eng_par_rows(p->x, n_pick, 0, slope_rows, &j);
        eng_logits_shape_bwd(p->x, n_pick, j.m, f->logit_scale, f->logit_softcap, p->capped,
                             p->logits);
        eng_pass_rows_bwd(p, &p->head, j.m, n_pick, p->logits, p->dhn);
    }
    eng_pass_head_out(p, p->pick, n_pick, grads);
}
