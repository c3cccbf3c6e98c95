/* filter.c - typical, top-p, min-p and XTC over lists of candidates. */
#include "engine/infer/filter.h"

#include "engine/infer/exp.h"

#include <assert.h>
#include <math.h>

/* Tokens the nucleus of a whole vocabulary ranks at first, and how much it widens each time. */
#define NUCLEUS_FIRST ((size_t)64)
#define NUCLEUS_WIDEN ((size_t)8)

void eng_cands_fall(eng_cands *c)
{
    if (!c->falling) eng_cands_by_rank(c->v, c->n);
    c->falling = true;
}

void eng_cands_rise(eng_cands *c)
{
    if (c->falling) eng_cands_by_id(c->v, c->n);
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

/* ---- typical ---- */

/* Moves v[i] with its score down the heap whose root is the least typical: the largest score, among
 * equals the larger index, which is the less likely. */
static void sift_typical(eng_cand *v, double *score, size_t n, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        size_t other = child + 1;
        if (other < n && (score[other] > score[child] ||
                          (score[other] == score[child] && eng_cand_above(v[child], v[other]))))
            child = other;
        if (score[i] > score[child] || (score[i] == score[child] && eng_cand_above(v[child], v[i])))
            return;
        double s = score[i];
        eng_cand t = v[i];
        score[i] = score[child], v[i] = v[child];
        score[child] = s, v[child] = t;
    }
}

/* The most typical first. */
static void sort_typical(eng_cand *v, double *score, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_typical(v, score, n, i);
    while (n > 1) {
        n--;
        double s = score[0];
        eng_cand t = v[0];
        score[0] = score[n], v[0] = v[n];
        score[n] = s, v[n] = t;
        sift_typical(v, score, n, 0);
    }
}

/* With weights w = e^(x - best) and their sum Z: -ln p = ln Z - (x - best), and the entropy is
 * ln Z - sum(w (x - best)) / Z.  So a score is |sum(w (x - best)) / Z - (x - best)|. */
void eng_filter_typical(eng_cands *c, double p, double *score)
{
    eng_cands_fall(c);
    double best = (double)c->v[0].logit, total = 0, mean = 0, sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        double w = weight(c->v[i], best);
        total += w;
        mean += w * ((double)c->v[i].logit - best);
    }
    mean /= total;
    for (size_t i = 0; i < c->n; i++)
        score[i] = fabs(mean - ((double)c->v[i].logit - best));
    sort_typical(c->v, score, c->n);
    size_t keep = 0;
    while (keep < c->n && sum <= p * total)
        sum += weight(c->v[keep++], best);
    c->n = keep;
    eng_cands_by_rank(c->v, c->n);
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

void eng_filter_top_p_all(const eng_rank *r, double p, eng_cands *c)
{
    double best = (double)r->best.logit, want = p * eng_rank_mass(r);
    c->falling = true;
    for (size_t k = NUCLEUS_FIRST;; k *= NUCLEUS_WIDEN) {
        if (k > r->n) k = r->n;
        c->n = eng_rank_top(r, k, c->v);
        size_t keep = reach(c->v, c->n, best, want);
        if (keep <= c->n) {
            c->n = keep;
            return;
        }
        if (c->n < k || k == r->n) return;
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
    double best = (double)c->v[0].logit;
    for (size_t i = 1; !c->falling && i < c->n; i++)
        if ((double)c->v[i].logit > best) best = (double)c->v[i].logit;
    double least = eng_filter_min_p_least(best, p);
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
