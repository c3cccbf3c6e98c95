/* optim.h - how weights begin and how they change: initial values, learning rate, the optimiser. */
#ifndef ENG_TRAIN_OPTIM_H
#define ENG_TRAIN_OPTIM_H

#include "engine/engine.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/gemm.h"
#include "engine/model/layout.h"

/* Fills params: norms 1, biases 0; matrices normal with standard deviation 0.02 (embedding, head)
 * or 1/sqrt(fan-in), those that write to the residual stream divided by sqrt(2 n_layer) (GPT-2's
 * scaling).  A weight is a function of (seed, its place in the flat array). */
void eng_init_params(eng_exec *x, const eng_config *cfg, const eng_layout *l, uint64_t seed,
                     float *params);

/* Learning rate of step s in [0, o->steps).  Linear warm-up over warmup_frac of the steps, then
 * level until the last decay_frac of them, then linear down to min_lr_frac (WSD); or, with
 * o->cosine, a half cosine from the warm-up's end to the last step. */
double eng_lr_at(const eng_train_opts *o, uint64_t s);

/* mean = d mean + (1 - d) p after update t (t >= 1), d = keep, but less at first, (1 + t) / (10 +
 * t), so that the mean does not hang on to the beginning. */
void eng_ema_step(eng_exec *x, double keep, uint64_t t, size_t n, float *mean, const float *p);

/* AdamW for all parameters, or (ENG_MUON) Muon for the matrices of the layers and AdamW for the
 * rest: embedding, head, norms, biases. */
typedef struct eng_optim eng_optim;

/* What it will need: elements of the second moment (AdamW's parameters only), bytes of scratch. */
typedef struct eng_optim_need {
    size_t v_floats;
    uint64_t scratch;
} eng_optim_need;

/* Of the optimiser that o asks for. */
eng_optim_need eng_optim_needs(const eng_train_opts *o, const eng_config *cfg, const eng_layout *l);

/* o, cfg and l must outlive it; prec: of Muon's products. */
sk_status eng_optim_open(eng_exec *x, const eng_train_opts *o, const eng_config *cfg,
                         const eng_layout *l, eng_prec prec, eng_optim **out, sk_err *e);

/* Frees it; NULL is allowed. */
void eng_optim_close(eng_optim *op);

/* A parameter's place in the array of second moments; SIZE_MAX: it has none. */
size_t eng_optim_v_offset(const eng_optim *op, size_t param);

/* What is the same for all parameters of one update. */
typedef struct eng_update {
    uint64_t t;        /* the t-th, t >= 1 */
    double lr;         /* eng_lr_at; Muon's is in the same proportion to its own rate */
    double grad_scale; /* the gradient counts this much: clipping */
} eng_update;

/* Updates parameter i of the layout: p, g, m [n_floats], v [v_floats] are the whole arrays.
 * Matrices decay, vectors don't. */
void eng_optim_param(eng_optim *op, const eng_update *u, size_t i, float *p, const float *g,
                     float *m, float *v);

/* All parameters, in order. */
void eng_optim_step(eng_optim *op, const eng_update *u, float *p, const float *g, float *m,
                    float *v);

#endif
