/* filter.c - typical, top-p, min-p and XTC over lists of candidates. */
#include "engine/infer/filter.h"

#include "engine/infer/exp.h"

#include <assert.h>
#include <math.h>

/* Candidates that a selection ranks at first, how much it widens each time, and from how many on it
 * ranks all at once. */
#define SELECT_FIRST ((size_t)64)
#define SELECT_WIDEN ((size_t)8)
#define SELECT_MOST ((size_t)4096)

void eng_cands_fall(eng_cands *c)
{
    if (!c->falling) eng_cands_by_rank(c->v, c->n, c->scratch);
    c->falling = true;
}

void eng_cands_rise(eng_cands *c)
{
    if (c->falling) eng_cands_by_id(c->v, c->n, c->scratch);
    c->falling = false;
}

/* e^(x - best) of a candidate: its weight where the best has 1. */
static double weight(eng_cand c, double best)
{
    return eng_exp_neg((double)c.logit - best);
}

/* The sum of weights, in the order of the list. */
static double mass(const eng_cands *c, double best)
{
    double sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += weight(c->v[i], best);
    return sum;
}

/* The highest logit of a list. */
static double highest(const eng_cands *c)
{
    double best = (double)c->v[0].logit;
    for (size_t i = 1; !c->falling && i < c->n; i++)
        if ((double)c->v[i].logit > best) best = (double)c->v[i].logit;
    return best;
}

/* ---- typical ---- */

static void swap(eng_cand *v, double *score, size_t i, size_t j)
{
    double s = score[i];
    eng_cand t = v[i];
    score[i] = score[j], v[i] = v[j];
    score[j] = s, v[j] = t;
}

/* True if i is more typical than j: a lower score, or the same and likelier. */
static bool more_typical(const eng_cand *v, const double *score, size_t i, size_t j)
{
    return score[i] < score[j] || (score[i] == score[j] && eng_cand_above(v[i], v[j]));
}

/* Moves v[i] with its score down the heap v[0..n) whose root is the least typical. */
static void sift(eng_cand *v, double *score, size_t n, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && more_typical(v, score, child, child + 1)) child++;
        if (!more_typical(v, score, i, child)) return;
        swap(v, score, i, child);
    }
}

/* Brings the k most typical of v[0..n) to the front, the most typical first. */
static void select_typical(eng_cand *v, double *score, size_t n, size_t k)
{
    for (size_t i = k / 2; i-- > 0;)
        sift(v, score, k, i);
    for (size_t i = k; i < n; i++)
        if (more_typical(v, score, i, 0)) {
            swap(v, score, i, 0);
            sift(v, score, k, 0);
        }
    for (size_t left = k; left-- > 1;) {
        swap(v, score, 0, left);
        sift(v, score, left, 0);
    }
}

/* With weights w = e^(x - best) and their sum Z: -ln p = ln Z - (x - best), and the entropy is
 * ln Z - sum(w (x - best)) / Z.  So a score is |sum(w (x - best)) / Z - (x - best)|. */
void eng_filter_typical(eng_cands *c, double p, double *score)
{
    double best = highest(c), total = 0, mean = 0, sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        double d = (double)c->v[i].logit - best, w = eng_exp_neg(d);
        total += w;
        mean += w * d;
    }
    mean /= total;
    for (size_t i = 0; i < c->n; i++)
        score[i] = fabs(mean - ((double)c->v[i].logit - best));
    size_t keep = 0, ranked = 0;
    while (keep < c->n && sum <= p * total) {
        if (keep == ranked) {
            size_t left = c->n - keep, k = ranked ? ranked * SELECT_WIDEN : SELECT_FIRST;
            k = k < left ? k : left;
            select_typical(c->v + keep, score + keep, left, k);
            ranked += k;
        }
        sum += weight(c->v[keep++], best);
    }
    c->n = keep;
    eng_cands_by_id(c->v, c->n, c->scratch);
    c->falling = false;
}

/* ---- top-p ---- */

/* The number of leading candidates that reach `want`, weights summed from the first; n + 1 if all
 * of them don't. */
static size_t reach(const eng_cand *v, size_t n, double best, double want)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += weight(v[i], best);
        if (sum >= want) return i + 1;
    }
    return n + 1;
}

void eng_filter_top_p(eng_cands *c, double p)
{
    eng_cands_fall(c);
    double best = (double)c->v[0].logit;
    size_t keep = reach(c->v, c->n, best, p * mass(c, best));
    if (keep < c->n) c->n = keep; /* else rounding kept the sum below p */
}

void eng_filter_top_k_all(const eng_rank *r, size_t k, eng_cands *c)
{
    if (k <= SELECT_MOST) {
        c->n = eng_rank_top(r, k, c->v);
    } else {
        c->n = eng_rank_from(r, -INFINITY, c->v);
        eng_cands_by_rank(c->v, c->n, c->scratch);
        if (c->n > k) c->n = k;
    }
    c->falling = true;
}

void eng_filter_top_p_all(const eng_rank *r, double p, eng_cands *c)
{
    double best = (double)r->best.logit, want = p * eng_rank_mass(r);
    for (size_t k = SELECT_FIRST;; k *= SELECT_WIDEN) {
        if (k > SELECT_MOST || k > r->n) k = r->n;
        eng_filter_top_k_all(r, k, c);
        size_t keep = reach(c->v, c->n, best, want);
        if (keep <= c->n) {
            c->n = keep;
            return;
        }
        if (c->n < k || k == r->n) return; /* rounding kept the sum below p */
    }
}

/* ---- min-p and XTC ---- */

double eng_filter_min_p_least(double best, double p)
{
    return best + log(p);
}

/* The likeliest always stays: ln p <= 0. */
void eng_filter_min_p(eng_cands *c, double p)
{
    double least = eng_filter_min_p_least(highest(c), p);
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        if ((double)c->v[i].logit >= least) c->v[n++] = c->v[i];
    c->n = n;
    assert(n);
}

void eng_filter_xtc(eng_cands *c, double threshold)
{
    if (c->n < 2) return;
    eng_cands_fall(c);
    double best = (double)c->v[0].logit, least = threshold * mass(c, best);
    size_t above = 0;
    while (above < c->n && weight(c->v[above], best) >= least)
        above++;
    if (above < 2) return;
    c->v += above - 1;
    c->n -= above - 1;
}
