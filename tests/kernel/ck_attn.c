/* ck_attn.c - checks of attention: against sums in double, and that a query's result does not
 * depend on its company.
 *
 * Tolerance: scores are float dots of head_dim products, errors of which exp passes on: 1e-5
 * relative to the largest value in play.
 */
#include "base/mem.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/par.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One problem; rows [0, n) are keys, queries are its last n_q rows. */
typedef struct problem {
    size_t n, n_q, hd, ldq, ldkv, ldo;
    float *q, *k, *v, *out, *lse;
    int32_t *first;
    float scale;
    void *scratch;
} problem;

/* Draws a problem into rooms 0..6.  masks: 0 none, 1 documents, 2 any first key. */
static problem draw(ck *k, size_t n, size_t n_q, size_t hd, int masks)
{
    problem p = {.n = n, .n_q = n_q, .hd = hd, .scale = 1.0f / sqrtf((float)hd)};
    p.ldq = hd + ck_below(k, 3);
    p.ldkv = hd + ck_below(k, 3);
    p.ldo = hd + ck_below(k, 3);
    p.q = ck_room(k, 0, n_q * p.ldq, 1);
    p.k = ck_room(k, 1, n * p.ldkv, 1);
    p.v = ck_room(k, 2, n * p.ldkv, 1);
    p.out = ck_room(k, 3, n_q * p.ldo, 1);
    p.lse = ck_room(k, 4, n_q, 1);
    p.first = (int32_t *)(void *)ck_room(k, 5, n_q, 1);
    p.scratch = ck_room(k, 6, eng_attn_scratch_bytes(hd) / 4, 0);
    ck_fill(k, p.q, n_q * p.ldq, CK_USUAL);
    ck_fill(k, p.k, n * p.ldkv, CK_USUAL);
    ck_fill(k, p.v, n * p.ldkv, CK_USUAL);
    for (size_t i = 0, doc = 0; i < n_q; i++) {
        size_t pos = n - n_q + i;
        if (!ck_below(k, 20)) doc = pos;
        p.first[i] = masks == 2 ? (int32_t)ck_below(k, pos + 1) : (int32_t)doc;
    }
    if (!masks) p.first = NULL;
    return p;
}

/* The call for queries [i, i + n). */
static eng_attn_fwd call(const problem *p, size_t i, size_t n, float *out, float *lse)
{
    return (eng_attn_fwd){.q = p->q + i * p->ldq,
                          .k = p->k,
                          .v = p->v,
                          .out = out + i * p->ldo,
                          .lse = lse ? lse + i : NULL,
                          .first = p->first ? p->first + i : NULL,
                          .ldq = p->ldq,
                          .ldkv = p->ldkv,
                          .ldo = p->ldo,
                          .n_q = n,
                          .pos0 = p->n - p->n_q + i,
                          .head_dim = p->hd,
                          .scale = p->scale};
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Weights of query i in double into w[first .. pos]; returns the first key seen. */
static size_t weights(const problem *p, size_t i, double *w, double *lse)
{
    size_t pos = p->n - p->n_q + i, lo = p->first ? (size_t)p->first[i] : 0;
    double max = -INFINITY, den = 0;
    for (size_t j = lo; j <= pos; j++) {
        w[j] = dot(p->q + i * p->ldq, p->k + j * p->ldkv, p->hd) * (double)p->scale;
        max = w[j] > max ? w[j] : max;
    }
    for (size_t j = lo; j <= pos; j++)
        den += exp(w[j] - max);
    for (size_t j = lo; j <= pos; j++)
        w[j] = exp(w[j] - max) / den;
    *lse = max + log(den);
    return lo;
}

/* Compares out and lse with sums in double. */
static void compare_fwd(ck *k, const problem *p)
{
    double *w = sk_calloc(SK_MEM_MISC, p->n + 1, sizeof *w), lse = 0;
    for (size_t i = 0; w && i < p->n_q; i++) {
        size_t lo = weights(p, i, w, &lse), pos = p->n - p->n_q + i;
        float want_lse = (float)lse;
        ck_near(k, "lse", &p->lse[i], &want_lse, 1, 1e-6, 1e-5);
        for (size_t d = 0; d < p->hd; d++) {
            double sum = 0;
            for (size_t j = lo; j <= pos; j++)
                sum += w[j] * (double)p->v[j * p->ldkv + d];
            float want = (float)sum;
            ck_near(k, "out", &p->out[i * p->ldo + d], &want, 1, 0, 1e-5);
        }
    }
    sk_free(w);
}

/* The padding between rows of out must be as it was. */
static void compare_gaps(ck *k, const problem *p)
{
    for (size_t i = 0; i < p->n_q; i++)
        for (size_t d = p->hd; d < p->ldo; d++)
            if (!isnan(p->out[i * p->ldo + d])) ck_fail(k, "written beyond row %zu", i);
}

/* Queries one by one, and cut at random: the same bytes, with everything that a call's queries do
 * not see turned into NaN. */
static void compare_splits(ck *k, problem *p)
{
    float *out = ck_room(k, 7, p->n_q * p->ldo, 0), *lse = ck_room(k, 8, p->n_q, 0);
    float *keys = ck_room(k, 9, p->n * p->ldkv, 0), *values = ck_room(k, 10, p->n * p->ldkv, 0);
    problem part = *p;
    part.k = keys;
    part.v = values;
    for (size_t i = 0, n; i < p->n_q; i += n) {
        n = 1 + (ck_below(k, 3) ? 0 : ck_below(k, p->n_q - i));
        size_t lo = SIZE_MAX, hi = p->n - p->n_q + i + n;
        for (size_t r = i; r < i + n; r++) {
            size_t f = p->first ? (size_t)p->first[r] : 0;
            lo = f < lo ? f : lo;
        }
        for (size_t j = 0; j < p->n * p->ldkv; j++)
            keys[j] = values[j] = NAN;
        memcpy(keys + lo * p->ldkv, p->k + lo * p->ldkv, (hi - lo) * p->ldkv * 4);
        memcpy(values + lo * p->ldkv, p->v + lo * p->ldkv, (hi - lo) * p->ldkv * 4);
        eng_attn_fwd a = call(&part, i, n, out, lse);
        k->kern->attn_fwd_f32(&a, p->scratch);
    }
    for (size_t i = 0; i < p->n_q; i++)
        ck_same(k, "a query in other company", out + i * p->ldo, p->out + i * p->ldo, p->hd * 4);
    ck_same(k, "lse in other company", lse, p->lse, p->n_q * 4);
}

static void check_fwd(ck *k)
{
    static const size_t dims[] = {2, 8, 16, 24, 32, 64, 96, 128, 130};
    static const size_t lens[] = {1, 2, 9, 63, 64, 65, 130, 200};
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++)
            for (int masks = 0; masks < 3; masks++) {
                size_t n = lens[l], n_q = 1 + ck_below(k, n);
                if (ck_below(k, 2)) n_q = n;
                problem p = draw(k, n, n_q, dims[d], masks);
                ck_case(k, "head_dim %zu keys %zu queries %zu masks %d", p.hd, n, n_q, masks);
                eng_attn_fwd a = call(&p, 0, n_q, p.out, p.lse);
                k->kern->attn_fwd_f32(&a, p.scratch);
                compare_fwd(k, &p);
                compare_gaps(k, &p);
                compare_splits(k, &p);
                ck_guards(k);
            }
}

/* Large scores: weights of 0 and 1 only, nothing overflows. */
static void check_fwd_extremes(ck *k)
{
    for (int round = 0; round < 20; round++) {
        problem p = draw(k, 150, 150, 32, round % 3);
        ck_case(k, "scores of about 1e6, round %d", round);
        p.scale = 1e5f;
        eng_attn_fwd a = call(&p, 0, p.n_q, p.out, NULL);
        k->kern->attn_fwd_f32(&a, p.scratch);
        for (size_t i = 0; i < p.n_q; i++)
            for (size_t d = 0; d < p.hd; d++)
                if (!(fabsf(p.out[i * p.ldo + d]) <= 2.001f)) {
                    ck_fail(k, "out[%zu] is %g", i, (double)p.out[i * p.ldo + d]);
                    return;
                }
    }
}

/* ---- gradient ---- */

/* Adds the gradient of query i, from the definition, in double. */
static void grad_query(const problem *p, const float *dout, size_t i, double *w, double *dq,
                       double *dk, double *dv)
{
    double lse = 0, mean = 0;
    size_t lo = weights(p, i, w, &lse);
    for (size_t j = lo; j <= i; j++)
        mean += w[j] * dot(dout + i * p->ldo, p->v + j * p->ldkv, p->hd);
    for (size_t j = lo; j <= i; j++) {
        double dp = dot(dout + i * p->ldo, p->v + j * p->ldkv, p->hd);
        double ds = w[j] * (dp - mean) * (double)p->scale;
        for (size_t d = 0; d < p->hd; d++) {
            dq[i * p->ldq + d] += ds * (double)p->k[j * p->ldkv + d];
            dk[j * p->ldkv + d] += ds * (double)p->q[i * p->ldq + d];
            dv[j * p->ldkv + d] += w[j] * (double)dout[i * p->ldo + d];
        }
    }
}

/* The kernel adds to what is there: the gradients start at 1. */
static void compare_grad(ck *k, const char *what, const float *got, const double *want, size_t rows,
                         size_t ld, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t d = 0; d < n; d++) {
            float w = (float)(want[i * ld + d] + 1.0);
            ck_near(k, what, &got[i * ld + d], &w, 1, 1e-5, 3e-5);
        }
}

static void one_bwd(ck *k, size_t n, size_t hd, int masks)
{
    problem p = draw(k, n, n, hd, masks);
    float *dout = ck_room(k, 7, n * p.ldo, 1), *dq = ck_room(k, 8, n * p.ldq, 1);
    float *dk = ck_room(k, 9, n * p.ldkv, 1), *dv = ck_room(k, 10, n * p.ldkv, 1);
    ck_case(k, "head_dim %zu n %zu masks %d", hd, n, masks);
    ck_fill(k, dout, n * p.ldo, CK_USUAL);
    for (size_t i = 0; i < n * p.ldq; i++)
        dq[i] = 1;
    for (size_t i = 0; i < n * p.ldkv; i++)
        dk[i] = dv[i] = 1;
    eng_attn_fwd f = call(&p, 0, n, p.out, p.lse);
    k->kern->attn_fwd_f32(&f, p.scratch);
    eng_attn_bwd b = {p.q, p.k, p.v,   p.out,  dout,  p.lse, p.first, dq,
                      dk,  dv,  p.ldq, p.ldkv, p.ldo, n,     hd,      p.scale};
    k->kern->attn_bwd_f32(&b, p.scratch);

    double *all = sk_calloc(SK_MEM_MISC, n * (p.ldq + 2 * p.ldkv) + n, sizeof *all);
    if (!all) return;
    double *wq = all, *wk = wq + n * p.ldq, *wv = wk + n * p.ldkv, *w = wv + n * p.ldkv;
    for (size_t i = 0; i < n; i++)
        grad_query(&p, dout, i, w, wq, wk, wv);
    compare_grad(k, "dq", dq, wq, n, p.ldq, hd);
    compare_grad(k, "dk", dk, wk, n, p.ldkv, hd);
    compare_grad(k, "dv", dv, wv, n, p.ldkv, hd);
    sk_free(all);
    ck_guards(k);
}

static void check_bwd(ck *k)
{
    static const size_t dims[] = {2, 16, 24, 32, 64, 128, 130};
    static const size_t lens[] = {1, 2, 9, 63, 64, 65, 130, 200};
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++)
            for (int masks = 0; masks < 3; masks++)
                one_bwd(k, lens[l], dims[d], masks);
}

/* ---- threads ---- */

/* Several items at once with 1, 2 and 3 threads, and one call each: the same bytes. */
static void check_par(ck *k)
{
    enum { ITEMS = 3 };
    float *out[ITEMS], *lse[ITEMS];
    problem p = draw(k, 300, 300, 32, 1);
    for (size_t threads = 1; threads <= 3; threads++) {
        sk_err e = SK_ERR_INIT;
        eng_exec *x = NULL;
        eng_attn_fwd item[ITEMS];
        ck_case(k, "%zu threads", threads);
        if (eng_exec_open(threads, &x, &e) ||
            eng_exec_reserve(x, eng_attn_scratch_bytes(p.hd), &e)) {
            ck_fail(k, "%s", e.text);
            return;
        }
        for (size_t i = 0; i < ITEMS; i++) {
            out[i] = ck_room(k, 7 + 2 * i, p.n_q * p.ldo, 1);
            lse[i] = ck_room(k, 8 + 2 * i, p.n_q, 1);
            item[i] = call(&p, 0, p.n_q, out[i], lse[i]);
            item[i].n_q = 300 - 128 * i;
        }
        eng_par_attn_fwd(x, item, ITEMS);
        for (size_t i = 0; i < ITEMS; i++) {
            eng_attn_fwd a = item[i];
            a.out = p.out;
            a.lse = p.lse;
            k->kern->attn_fwd_f32(&a, p.scratch);
            for (size_t r = 0; r < a.n_q; r++)
                ck_same(k, "out", out[i] + r * p.ldo, p.out + r * p.ldo, p.hd * 4);
            ck_same(k, "lse", lse[i], p.lse, a.n_q * 4);
        }
        ck_guards(k);
        eng_exec_close(x);
    }
}

const ck_check ck_attn_checks[] = {
    {"attn_fwd", check_fwd},
    {"attn_fwd_extremes", check_fwd_extremes},
    {"attn_bwd", check_bwd},
    {"par_attn_fwd", check_par},
    {NULL, NULL},
};
