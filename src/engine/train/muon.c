/* muon.c - Muon by Newton-Schulz steps on the smaller side's Gram matrix. */
#include "engine/train/muon.h"

#include "base/mem.h"
#include "engine/kernel/par.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define PIECE 8192 /* elements a task handles */

enum { STEPS = 5 };

/* Of the quintic, see muon.h. */
static const float A = 3.4445f, B = -4.7750f, C = 2.0315f;

struct eng_muon {
    eng_exec *x;
    eng_prec prec;
    size_t max_floats, max_side;
    float *u, *next;    /* [max_floats] */
    float *gram, *poly; /* [max_side, max_side] */
};

uint64_t eng_muon_bytes(size_t max_floats, size_t max_side)
{
    return sizeof(float) * (2 * (uint64_t)max_floats + 2 * (uint64_t)max_side * max_side);
}

sk_status eng_muon_open(eng_exec *x, eng_prec prec, size_t max_floats, size_t max_side,
                        eng_muon **out, sk_err *e)
{
    eng_muon *mu = sk_calloc(SK_MEM_TRAIN, 1, sizeof(*mu));
    if (!mu) return sk_fail(e, SK_E_NOMEM, "no memory for Muon");
    *mu = (eng_muon){.x = x, .prec = prec, .max_floats = max_floats, .max_side = max_side};
    mu->u = sk_calloc(SK_MEM_TRAIN, max_floats, sizeof(float));
    mu->next = sk_calloc(SK_MEM_TRAIN, max_floats, sizeof(float));
    mu->gram = sk_calloc(SK_MEM_TRAIN, max_side * max_side, sizeof(float));
    mu->poly = sk_calloc(SK_MEM_TRAIN, max_side * max_side, sizeof(float));
    if (mu->u && mu->next && mu->gram && mu->poly) {
        *out = mu;
        return SK_OK;
    }
    eng_muon_close(mu);
    return sk_fail(e, SK_E_NOMEM, "no memory for Muon's products: %.1f MB",
                   (double)eng_muon_bytes(max_floats, max_side) / 1e6);
}

void eng_muon_close(eng_muon *mu)
{
    if (!mu) return;
    sk_free(mu->u);
    sk_free(mu->next);
    sk_free(mu->gram);
    sk_free(mu->poly);
    sk_free(mu);
}

/* ---- elementwise parts ---- */

/* to = a x + b y over flat arrays; to may be x or y. */
typedef struct mix_job {
    float *to;
    const float *x, *y;
    float a, b;
} mix_job;

static void mix_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const mix_job *j = arg;
    for (size_t i = first; i < first + n; i++)
        j->to[i] = j->a * j->x[i] + j->b * j->y[i];
}

static void mix(eng_muon *mu, size_t n, float *to, float a, const float *x, float b, const float *y)
{
    mix_job j = {to, x, y, a, b};
    eng_par_rows(mu->x, n, PIECE, mix_piece, &j);
}

/* The ends of a step: momentum before, parameters after. */
typedef struct step_job {
    const eng_muon_rule *r;
    float *p, *m, *u;
    const float *g;
    float scale; /* of u in the step */
} step_job;

static void momentum_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const step_job *j = arg;
    float keep = j->r->momentum, take = (1 - keep) * j->r->grad_scale;
    for (size_t i = first; i < first + n; i++) {
        float g = take * j->g[i], m = keep * j->m[i] + g;
        j->m[i] = m;
        j->u[i] = keep * m + g;
    }
}

static void apply_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const step_job *j = arg;
    float keep = 1 - j->r->lr * j->r->decay, step = j->r->lr * j->scale;
    for (size_t i = first; i < first + n; i++)
        j->p[i] = keep * j->p[i] - step * j->u[i];
}

/* ---- the iteration ---- */

/* gram [s, s] of the smaller side: u u^T of a wide matrix, u^T u of a tall one. */
static void gram_of(eng_muon *mu, size_t rows, size_t cols, const float *u)
{
    eng_mat by_row = {u, cols, 1}, by_col = {u, 1, cols};
    if (rows <= cols)
        eng_gemm_raw(mu->x, mu->prec, rows, rows, cols, by_row, by_col, mu->gram, rows, false);
    else
        eng_gemm_raw(mu->x, mu->prec, cols, cols, rows, by_col, by_row, mu->gram, cols, false);
}

/* next = poly u of a wide matrix, u poly of a tall one; poly is symmetric. */
static void times_poly(eng_muon *mu, size_t rows, size_t cols, const float *u, float *next)
{
    size_t s = rows <= cols ? rows : cols;
    eng_mat v = {u, cols, 1}, q = {mu->poly, s, 1};
    if (rows <= cols)
        eng_gemm_raw(mu->x, mu->prec, rows, cols, s, q, v, next, cols, false);
    else
        eng_gemm_raw(mu->x, mu->prec, rows, cols, s, v, q, next, cols, false);
}

/* Singular values are at most the Frobenius norm, so dividing by it brings them below 1, where the
 * iteration converges. */
void eng_muon_orthogonal(eng_muon *mu, size_t rows, size_t cols, float *u)
{
    size_t n = rows * cols, s = rows <= cols ? rows : cols;
    assert(n <= mu->max_floats && s <= mu->max_side);
    float norm = (float)sqrt(eng_par_sumsq(mu->x, u, n));
    mix(mu, n, u, 1 / (norm + 1e-7f), u, 0, u);
    for (int i = 0; i < STEPS; i++) {
        eng_mat gram = {mu->gram, s, 1};
        gram_of(mu, rows, cols, u);
        eng_gemm_raw(mu->x, mu->prec, s, s, s, gram, gram, mu->poly, s, false);
        mix(mu, s * s, mu->poly, C, mu->poly, B, mu->gram);
        times_poly(mu, rows, cols, u, mu->next);
        mix(mu, n, u, A, u, 1, mu->next);
    }
}

void eng_muon_step(eng_muon *mu, const eng_muon_rule *r, size_t rows, size_t cols, float *p,
                   const float *g, float *m)
{
    size_t n = rows * cols;
    step_job j = {.r = r, .p = p, .m = m, .u = mu->u, .g = g};
    assert(n <= mu->max_floats);
    j.scale = 0.2f * sqrtf((float)(rows > cols ? rows : cols));
    eng_par_rows(mu->x, n, PIECE, momentum_piece, &j);
    eng_muon_orthogonal(mu, rows, cols, mu->u);
    eng_par_rows(mu->x, n, PIECE, apply_piece, &j);
}
