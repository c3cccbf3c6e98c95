/* mirostat.c - the cut at mu bits of surprise and the rule that moves mu. */
#include "engine/infer/mirostat.h"

#include "engine/infer/exp.h"

#include <float.h>
#include <math.h>

#define LN2 0.69314718055994530942

/* Sum of e^((x - best) / T) over the finite logits. */
static double mass_at(const eng_rank *r, double temperature)
{
    double sum = 0, best = (double)r->best.logit;
    for (size_t i = 0; i < r->n; i++) {
        double x = r->x[i] <= FLT_MAX ? (double)r->x[i] : -INFINITY;
        sum += eng_exp_neg((x - best) / temperature);
    }
    return sum;
}

/* -log2 p <= mu where p = e^((x - best) / T) / Z: x >= best + T (ln Z - mu ln 2). */
size_t eng_mirostat_cut(eng_sampler *s, const eng_rank *r, const eng_sample_opts *o,
                        const eng_sample_state *st)
{
    double mu = 2 * o->mirostat_tau + st->drift;
    double least =
        (double)r->best.logit + o->temperature * (log(mass_at(r, o->temperature)) - mu * LN2);
    if (!(least <= (double)r->best.logit)) {
        s->cand[0] = r->best;
        return 1;
    }
    return eng_rank_from(r, least, s->cand);
}

void eng_mirostat_learn(eng_sample_state *st, const eng_sample_opts *o, double share)
{
    st->drift -= o->mirostat_eta * (-log2(share) - o->mirostat_tau);
}
