/* optim.c - initial values, learning rate, AdamW over the parameters of a layout. */
#include "engine/train/optim.h"

#include "base/rng.h"
#include "engine/kernel/par.h"

#include <assert.h>
#include <math.h>

#define INIT_PIECE 4096 /* weights one task draws */

typedef struct init_job {
    float *p;
    uint64_t seed;
    size_t offset;
    double std;
} init_job;

/* One piece of a matrix; the index of a draw is the weight's place in the flat array. */
static void init_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const init_job *j = arg;
    for (size_t i = j->offset + first; i < j->offset + first + n; i++)
        j->p[i] = (float)(j->std * sk_rng_normal(j->seed, SK_RNG_INIT, i));
}

/* Standard deviation of a matrix's initial weights. */
static double init_std(const eng_config *cfg, const eng_param *p)
{
    if (p->kind == ENG_P_EMBD || p->kind == ENG_P_HEAD) return 0.02;
    double std = 1.0 / sqrt((double)p->cols);
    bool to_stream = p->kind == ENG_P_O || p->kind == ENG_P_DOWN;
    return to_stream ? std / sqrt(2.0 * cfg->n_layer) : std;
}

/* Padding between parameters stays zero, so that checkpoints are the same bytes. */
void eng_init_params(eng_exec *x, const eng_config *cfg, const eng_layout *l, uint64_t seed,
                     float *params)
{
    for (size_t i = 0; i < l->n_floats; i++)
        params[i] = 0.0f;
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        size_t n = p->rows * p->cols;
        if (p->is_matrix) {
            init_job j = {params, seed, p->offset, init_std(cfg, p)};
            eng_par_rows(x, n, INIT_PIECE, init_piece, &j);
        } else {
            for (size_t k = 0; k < n; k++)
                params[p->offset + k] = 1.0f;
        }
    }
}

/* Counted so that neither the first nor the last step has a rate of zero: a step that changes
 * nothing is a step wasted. */
double eng_lr_at(const eng_train_opts *o, uint64_t s)
{
    assert(o->steps > 0 && s < o->steps);
    const double pi = 3.14159265358979323846;
    double n = (double)o->steps, at = (double)s + 1;
    double warm = floor(o->warmup_frac * n), decay = floor(o->decay_frac * n);
    if (at <= warm) return o->lr * at / (warm + 1);
    if (o->cosine) {
        double part = (at - warm) / (n - warm + 1);
        return o->lr * (o->min_lr_frac + (1 - o->min_lr_frac) * 0.5 * (1 + cos(pi * part)));
    }
    if (at <= n - decay) return o->lr;
    double left = (n - at + 1) / (decay + 1);
    return o->lr * (o->min_lr_frac + (1 - o->min_lr_frac) * left);
}

/* One call for each parameter, since decay is a property of the parameter.  Bias corrections are
 * worked out here, in double: the kernel is elementwise. */
void eng_optim_step(eng_exec *x, const eng_train_opts *o, const eng_layout *l, uint64_t t,
                    double lr, double grad_scale, float *p, const float *g, float *m, float *v)
{
    assert(t >= 1);
    eng_adamw a = {
        .lr = (float)lr,
        .b1 = (float)o->beta1,
        .b2 = (float)o->beta2,
        .eps = 1e-8f,
        .grad_scale = (float)grad_scale,
        .c1 = (float)(1.0 / (1.0 - pow(o->beta1, (double)t))),
        .c2 = (float)(1.0 / (1.0 - pow(o->beta2, (double)t))),
    };
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *q = &l->param[i];
        size_t at = q->offset;
        a.decay = q->is_matrix ? (float)o->weight_decay : 0.0f;
        eng_par_adamw(x, p + at, g + at, m + at, v + at, q->rows * q->cols, &a);
    }
}
