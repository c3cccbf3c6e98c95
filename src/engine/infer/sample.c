/* sample.c - the chain of samplers and the draw.
 *
 * Sums run in double in an order fixed by the candidates; uniform numbers come from Philox keyed by
 * (seed, position); no function of the C library that may differ between machines decides anything
 * but the thresholds of min-p and mirostat (log).  So a choice is a pure function of its inputs.
 */
#include "engine/infer/sample.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/infer/dry.h"
#include "engine/infer/exp.h"
#include "engine/infer/filter.h"
#include "engine/infer/mirostat.h"
#include "engine/infer/penalty.h"
#include "engine/infer/sampler.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- options ---- */

void eng_sample_opts_default(eng_sample_opts *o)
{
    *o = (eng_sample_opts){.temperature = 0.7,
                           .top_p = 1,
                           .min_p = 0.05,
                           .typical_p = 1,
                           .xtc_threshold = 0.1,
                           .repeat_penalty = 1,
                           .penalty_last_n = 64,
                           .dry_base = 1.75,
                           .dry_allowed_length = 2,
                           .dry_last_n = 64,
                           .mirostat_tau = 5,
                           .mirostat_eta = 0.1};
}

/* A number of the options and its range. */
typedef struct range {
    const char *name;
    size_t offset;
    double min, max;
} range;

#define ROW(field, min, max)                                                                       \
    {                                                                                              \
#field, offsetof(eng_sample_opts, field), min, max                                         \
    }

static const range real_ranges[] = {
    ROW(temperature, 0, 100),
    ROW(top_p, 0, 1),
    ROW(min_p, 0, 1),
    ROW(typical_p, 0, 1),
    ROW(xtc_probability, 0, 1),
    ROW(xtc_threshold, 0, 1),
    ROW(repeat_penalty, 0, 100),
    ROW(frequency_penalty, -100, 100),
    ROW(presence_penalty, -100, 100),
    ROW(dry_multiplier, 0, 100),
    ROW(dry_base, 0, 100),
    ROW(mirostat_tau, 0, 100),
    ROW(mirostat_eta, 0, 1),
};

static const range int_ranges[] = {
    ROW(top_k, 0, 9e18),
    ROW(penalty_last_n, -1, 9e18),
    ROW(dry_allowed_length, 0, 9e18),
    ROW(dry_last_n, -1, 9e18),
};

static sk_status check_range(const range *r, double v, sk_err *e)
{
    if (v >= r->min && v <= r->max) return SK_OK;
    if (r->max > 1e18)
        return sk_fail(e, SK_E_INVALID, "%s is %g; it must be %g or more", r->name, v, r->min);
    return sk_fail(e, SK_E_INVALID, "%s is %g; it must be %g to %g", r->name, v, r->min, r->max);
}

/* By two tables of ranges.  Whole numbers near the top of their type pass unlooked at: as
 * doubles they would be rounded beyond the bound. */
sk_status eng_sample_opts_check(const eng_sample_opts *o, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < sizeof real_ranges / sizeof *real_ranges; i++) {
        double v;
        memcpy(&v, (const char *)o + real_ranges[i].offset, sizeof v);
        st = check_range(&real_ranges[i], v, e);
    }
    for (size_t i = 0; !st && i < sizeof int_ranges / sizeof *int_ranges; i++) {
        int64_t v;
        memcpy(&v, (const char *)o + int_ranges[i].offset, sizeof v);
        st = v > INT64_MAX - 1000 ? SK_OK : check_range(&int_ranges[i], (double)v, e);
    }
    if (st) return st;
    if (o->mirostat != 0 && o->mirostat != 2)
        return sk_fail(e, SK_E_INVALID, "mirostat is %lld; it must be 0 (off) or 2",
                       (long long)o->mirostat);
    for (size_t i = 0; i < o->n_bias; i++)
        if (!isfinite(o->bias[i].bias) && o->bias[i].bias != -INFINITY)
            return sk_fail(e, SK_E_INVALID,
                           "the bias of token %d is %g; it must be finite, or "
                           "minus infinity",
                           o->bias[i].id, (double)o->bias[i].bias);
    return SK_OK;
}

/* ---- the sampler ---- */

eng_sampler *eng_sampler_new(size_t n_vocab)
{
    assert(n_vocab);
    eng_sampler *s = n_vocab <= INT32_MAX ? sk_calloc(SK_MEM_SCRATCH, 1, sizeof *s) : NULL;
    if (!s) return NULL;
    s->n_vocab = n_vocab;
    s->logits = sk_alloc(SK_MEM_SCRATCH, n_vocab * sizeof *s->logits);
    s->block_max = sk_alloc(SK_MEM_SCRATCH, ENG_RANK_BLOCKS(n_vocab) * sizeof *s->block_max);
    s->cand = sk_alloc(SK_MEM_SCRATCH, n_vocab * sizeof *s->cand);
    s->spare = sk_alloc(SK_MEM_SCRATCH, n_vocab * sizeof *s->spare);
    s->weight = sk_alloc(SK_MEM_SCRATCH, n_vocab * sizeof *s->weight);
    s->count = sk_calloc(SK_MEM_SCRATCH, n_vocab, sizeof *s->count);
    if (s->logits && s->block_max && s->cand && s->spare && s->weight && s->count) return s;
    eng_sampler_free(s);
    return NULL;
}

void eng_sampler_free(eng_sampler *s)
{
    if (!s) return;
    sk_free(s->logits);
    sk_free(s->block_max);
    sk_free(s->cand);
    sk_free(s->spare);
    sk_free(s->weight);
    sk_free(s->count);
    sk_free(s->z);
    sk_free(s);
}

/* ---- before the filters ---- */

/* Room for a window of n tokens. */
static sk_status grow_z(eng_sampler *s, size_t n, sk_err *e)
{
    if (n <= s->n_z) return SK_OK;
    size_t want = n < 1024 ? 1024 : n + n / 2;
    uint32_t *z = sk_alloc(SK_MEM_SCRATCH, want * sizeof *z);
    if (!z) return sk_fail(e, SK_E_NOMEM, "no memory to look for repetitions in %zu tokens", n);
    sk_free(s->z);
    s->z = z;
    s->n_z = want;
    return SK_OK;
}

/* The logits after mask, bias and penalties; in's own where nothing changes them. */
static sk_status adjust(eng_sampler *s, const eng_sample_opts *o, const eng_sample_in *in,
                        const float **out, sk_err *e)
{
    bool repeats = eng_penalty_on(o) && in->n_ids, dry = eng_dry_on(o) && in->n_ids;
    *out = in->logits;
    if (!in->allowed && !o->n_bias && !repeats && !dry) return SK_OK;
    if ((repeats || dry) && !in->ids)
        return sk_fail(e, SK_E_INVALID, "penalties need the tokens before the choice");
    memcpy(s->logits, in->logits, s->n_vocab * sizeof *s->logits);
    *out = s->logits;
    if (in->allowed) eng_penalty_mask(s->logits, s->n_vocab, in->allowed);
    eng_penalty_bias(s->logits, s->n_vocab, o);
    if (repeats)
        eng_penalty_repeats(s->logits, s->n_vocab, o, in->ids, in->n_ids, s->count,
                            (int32_t *)(void *)s->cand);
    if (!dry) return SK_OK;
    size_t n = in->n_ids;
    (void)eng_penalty_window(in->ids, &n, o->dry_last_n);
    sk_status st = grow_z(s, n, e);
    if (!st) eng_dry_apply(s->logits, s->n_vocab, o, in->ids, in->n_ids, s->count, s->z);
    return st;
}

/* ---- filters ---- */

static bool typical_on(const eng_sample_opts *o)
{
    return o->typical_p > 0 && o->typical_p < 1;
}

/* XTC's own uniform number says whether it acts at this position. */
static bool xtc_on(const eng_sample_opts *o, uint64_t pos)
{
    return o->xtc_threshold <= 0.5 && sk_rng_uniform(o->seed, SK_RNG_XTC, pos) < o->xtc_probability;
}

/* Makes the list of all candidates if there is no list yet. */
static void need_list(const eng_rank *r, eng_cands *c)
{
    if (c->n) return;
    c->n = eng_rank_from(r, -INFINITY, c->v);
    c->falling = false;
}

/* Runs the filters.  A list is made by the first one that is on, as short as it can be. */
static void filter(eng_sampler *s, const eng_rank *r, const eng_sample_opts *o, uint64_t pos,
                   eng_cands *c)
{
    if (o->top_k && (uint64_t)o->top_k < s->n_vocab) {
        eng_filter_top_k_all(r, (size_t)o->top_k, c);
    }
    if (typical_on(o)) {
        need_list(r, c);
        eng_filter_typical(c, o->typical_p, s->weight);
    }
    if (o->top_p < 1) {
        if (c->n)
            eng_filter_top_p(c, o->top_p);
        else
            eng_filter_top_p_all(r, o->top_p, c);
    }
    if (o->min_p > 0) {
        if (c->n) {
            eng_filter_min_p(c, o->min_p);
        } else {
            double least = eng_filter_min_p_least((double)r->best.logit, o->min_p);
            c->n = eng_rank_from(r, least, c->v);
        }
    }
    need_list(r, c);
    if (xtc_on(o, pos)) eng_filter_xtc(c, o->xtc_threshold);
}

/* The highest of a list. */
static eng_cand best_of(const eng_cands *c)
{
    eng_cand best = c->v[0];
    for (size_t i = 1; !c->falling && i < c->n; i++)
        if (eng_cand_above(c->v[i], best)) best = c->v[i];
    return best;
}

/* Draws from v[0..n), in the order of ids, at the temperature with the uniform number of (seed,
 * position).  best: the highest logit among them.  *share: the probability of what was drawn. */
static int32_t draw(eng_sampler *s, const eng_cand *v, size_t n, eng_cand best,
                    const eng_sample_opts *o, uint64_t pos, double *share)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        s->weight[i] = eng_exp_neg(((double)v[i].logit - (double)best.logit) / o->temperature);
    for (size_t i = 0; i < n; i++)
        total += s->weight[i];
    double want = sk_rng_uniform(o->seed, SK_RNG_SAMPLE, pos) * total;
    *share = 1 / total; /* the best one's: rounding may take `want` to the very end */
    for (size_t i = 0; i < n; i++) {
        sum += s->weight[i];
        if (sum <= want) continue;
        *share = s->weight[i] / total;
        return v[i].id;
    }
    return best.id;
}

/* The candidates that are left, in the order of ids in s->cand or behind it. */
static eng_cands left_over(eng_sampler *s, const eng_rank *r, const eng_sample_opts *o,
                           const eng_sample_in *in)
{
    eng_cands c = {.v = s->cand, .scratch = s->spare};
    if (o->mirostat)
        c.n = eng_mirostat_cut(s, r, o, in->state);
    else
        filter(s, r, o, in->n_ids, &c);
    return c;
}

/* Checks, changes and ranks the logits: what a choice and its replay begin with. */
static sk_status prepare(eng_sampler *s, const eng_sample_opts *o, const eng_sample_in *in,
                         eng_rank *r, sk_err *e)
{
    sk_status st = eng_sample_opts_check(o, e);
    if (st) return st;
    if (o->mirostat && !in->state)
        return sk_fail(e, SK_E_INVALID, "mirostat needs the state of the sequence");
    *r = (eng_rank){.n = s->n_vocab, .block_max = s->block_max};
    if ((st = adjust(s, o, in, &r->x, e))) return st;
    eng_rank_scan(r);
    if (r->best.id >= 0) return SK_OK;
    return sk_fail(e, SK_E_INTERNAL, "none of the %zu logits%s is a finite number", s->n_vocab,
                   in->allowed ? " that are allowed" : "");
}

/* True if the best is what will be chosen, whatever the other logits are.  (Top-k, top-p and min-p
 * keep it; typical and XTC may not.) */
static bool greedy(const eng_sample_opts *o, uint64_t pos)
{
    if (o->mirostat) return o->temperature == 0;
    return o->top_k == 1 || (o->temperature == 0 && !typical_on(o) && !xtc_on(o, pos));
}

sk_status eng_sampler_pick(eng_sampler *s, const eng_sample_opts *o, const eng_sample_in *in,
                           int32_t *out, sk_err *e)
{
    eng_rank r;
    double share = 1;
    sk_status st = prepare(s, o, in, &r, e);
    if (st) return st;
    if (greedy(o, in->n_ids)) {
        *out = r.best.id;
    } else {
        eng_cands c = left_over(s, &r, o, in);
        eng_cand best = best_of(&c);
        eng_cands_rise(&c);
        *out = best.id;
        if (o->temperature > 0) *out = draw(s, c.v, c.n, best, o, in->n_ids, &share);
    }
    if (o->mirostat) eng_mirostat_learn(in->state, o, share);
    return SK_OK;
}

/* As the choice was made, but for the draw: the share of the one that was chosen then. */
sk_status eng_sampler_follow(eng_sampler *s, const eng_sample_opts *o, const eng_sample_in *in,
                             int32_t id, sk_err *e)
{
    eng_rank r;
    if (!o->mirostat) return eng_sample_opts_check(o, e);
    sk_status st = prepare(s, o, in, &r, e);
    if (st) return st;
    double total = 0, share = 1;
    if (!greedy(o, in->n_ids)) {
        size_t n = eng_mirostat_cut(s, &r, o, in->state);
        double w = 0;
        for (size_t i = 0; i < n; i++) {
            double d = (double)s->cand[i].logit - (double)r.best.logit;
            s->weight[i] = eng_exp_neg(d / o->temperature);
            total += s->weight[i];
            if (s->cand[i].id == id) w = s->weight[i];
        }
        if (w == 0)
            return sk_fail(e, SK_E_INVALID, "token %d could not have been chosen there", id);
        share = w / total;
    } else if (id != r.best.id) {
        return sk_fail(e, SK_E_INVALID, "token %d could not have been chosen there", id);
    }
    eng_mirostat_learn(in->state, o, share);
    return SK_OK;
}

sk_status eng_sampler_logprobs(eng_sampler *s, const float *logits, int32_t id, size_t n_top,
                               double *of_id, eng_logprob *top, size_t *n_got, sk_err *e)
{
    eng_rank r = {.x = logits, .n = s->n_vocab, .block_max = s->block_max};
    eng_rank_scan(&r);
    if (r.best.id < 0)
        return sk_fail(e, SK_E_INTERNAL, "none of the %zu logits is a finite number", s->n_vocab);
    if (id < 0 || (size_t)id >= s->n_vocab)
        return sk_fail(e, SK_E_INVALID, "token id %d; the vocabulary has %zu", id, s->n_vocab);
    double floor_at = (double)r.best.logit + log(eng_rank_mass(&r));
    size_t n = eng_rank_top(&r, n_top < s->n_vocab ? n_top : s->n_vocab, s->cand);
    for (size_t i = 0; i < n; i++)
        top[i] = (eng_logprob){s->cand[i].id, (double)s->cand[i].logit - floor_at};
    *of_id = isfinite(logits[id]) ? (double)logits[id] - floor_at : -INFINITY;
    *n_got = n;
    return SK_OK;
}
