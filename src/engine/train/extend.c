/* extend.c - going on with a run for more steps than it was begun with. */
#include "engine/train/extend.h"

#include "engine/train/optim.h"

#include <string.h>

static const char *const schedule[] = {"steps", "warmup", "decay", "min-lr"};

bool eng_extend_is_schedule(const char *setting)
{
    for (size_t i = 0; i < sizeof schedule / sizeof *schedule; i++)
        if (strcmp(setting, schedule[i]) == 0) return true;
    return false;
}

static double number(const json_t *settings, const char *name)
{
    return json_number_value(json_object_get(settings, name));
}

/* What eng_lr_at reads, from a file that anybody may have written; false if it is none. */
static bool read_rates(const json_t *s, eng_train_opts *o)
{
    *o = (eng_train_opts){.lr = number(s, "lr"),
                          .min_lr_frac = number(s, "min-lr"),
                          .warmup_frac = number(s, "warmup"),
                          .decay_frac = number(s, "decay"),
                          .cosine = json_is_true(json_object_get(s, "cosine"))};
    double steps = number(s, "steps");
    if (!(steps >= 1 && steps <= 1e9)) return false;
    o->steps = (uint64_t)steps;
    return o->warmup_frac >= 0 && o->warmup_frac <= 1 && o->decay_frac >= 0 && o->decay_frac <= 1 &&
           o->min_lr_frac >= 0 && o->min_lr_frac <= 1;
}

/* Any one setting that differs is named; --steps first, since it is what people change. */
static const char *differs(const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < sizeof schedule / sizeof *schedule; i++)
        if (!json_equal(json_object_get(a, schedule[i]), json_object_get(b, schedule[i])))
            return schedule[i];
    return NULL;
}

/* The run that goes on must be the one that would have been, so every step done so far must have
 * the same rate, to the last bit, under both settings. */
sk_status eng_extend_check(const char *path, const json_t *theirs, const json_t *ours,
                           uint64_t step, sk_err *e)
{
    eng_train_opts was, is;
    const char *what = differs(theirs, ours);
    if (!what) return SK_OK;
    if (!read_rates(theirs, &was) || !read_rates(ours, &is) || step > was.steps)
        return sk_fail(e, SK_E_INVALID,
                       "%s was made with --%s %.10g, this run has %.10g: one of them is none", path,
                       what, number(theirs, what), number(ours, what));
    if (step > is.steps)
        return sk_fail(e, SK_E_INVALID, "%s stands at step %llu already, beyond --steps %llu", path,
                       (unsigned long long)step, (unsigned long long)is.steps);
    for (uint64_t s = 0; s < step; s++) {
        double a = eng_lr_at(&was, s), b = eng_lr_at(&is, s);
        if (a >= b && a <= b) continue;
        return sk_fail(e, SK_E_INVALID,
                       "%s was made with --%s %.10g, this run has %.10g: step %llu had the rate "
                       "%.4g, and would have %.4g; only a run whose rate was level so far (no "
                       "longer warm-up, no decay yet) can go on with other figures. Go on with "
                       "the same ones, or begin a new run --from its model",
                       path, what, number(theirs, what), number(ours, what),
                       (unsigned long long)s + 1, a, b);
    }
    return SK_OK;
}
