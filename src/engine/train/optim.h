/* optim.h - how weights begin and how they change: initial values, learning rate, AdamW. */
#ifndef ENG_TRAIN_OPTIM_H
#define ENG_TRAIN_OPTIM_H

#include "engine/engine.h"
#include "engine/kernel/exec.h"
#include "engine/model/layout.h"

/* Fills params: norms 1; matrices normal with standard deviation 0.02 (embedding, head) or
 * 1/sqrt(fan-in), those that write to the residual stream divided by sqrt(2 n_layer) (GPT-2's
 * scaling).  A weight is a function of (seed, its place in the flat array). */
void eng_init_params(eng_exec *x, const eng_config *cfg, const eng_layout *l, uint64_t seed,
                     float *params);

/* Learning rate of step s in [0, o->steps).  Linear warm-up over warmup_frac of the steps, then
 * level until the last decay_frac of them, then linear down to min_lr_frac (WSD); or, with
 * o->cosine, a half cosine from the warm-up's end to the last step. */
double eng_lr_at(const eng_train_opts *o, uint64_t s);

/* One AdamW update, the t-th (t >= 1): matrices decay, vectors don't. */
void eng_optim_step(eng_exec *x, const eng_train_opts *o, const eng_layout *l, uint64_t t,
                    double lr, double grad_scale, float *p, const float *g, float *m, float *v);

#endif
