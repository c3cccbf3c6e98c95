/* t_decoder.c - the decoder's logits against the same formulas written plainly in double. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/model/model.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

/* ---- the plain model: one sequence, no cache, everything recomputed ---- */

typedef struct plain {
    const eng_config *c;
    const eng_layout *l;
    uint64_t seed;
    eng_dtype dtype; /* matrices are rounded to it */
} plain;

/* The weights of a parameter as the file holds them; free with sk_free. */
static float *weights(const plain *m, eng_param_kind kind, uint32_t layer)
{
    const eng_param *p = &m->l->param[eng_layout_find(m->l, kind, layer)];
    size_t n = p->rows * p->cols;
    float *w = sk_alloc(SK_MEM_MISC, n * sizeof *w);
    fixture_param(p, m->seed, w);
    if (p->is_matrix && m->dtype != ENG_F32) {
        uint16_t *h = sk_alloc(SK_MEM_MISC, n * sizeof *h);
        eng_dtype_of_f32(m->dtype, w, h, n);
        eng_dtype_to_f32(m->dtype, h, w, n);
        sk_free(h);
    }
    return w;
}

/* y[rows] (+)= W[rows, cols] x[cols]. */
static void apply(const plain *m, eng_param_kind kind, uint32_t layer, const double *x, double *y,
                  bool add)
{
    const eng_param *p = &m->l->param[eng_layout_find(m->l, kind, layer)];
    float *w = weights(m, kind, layer);
    for (size_t i = 0; i < p->rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < p->cols; j++)
            sum += (double)w[i * p->cols + j] * x[j];
        y[i] = sum + (add ? y[i] : 0);
    }
    sk_free(w);
}

static void plain_norm(const plain *m, eng_param_kind kind, uint32_t layer, const double *x,
                       double *y)
{
    const eng_param *p = &m->l->param[eng_layout_find(m->l, kind, layer)];
    float *w = weights(m, kind, layer);
    double sum = 0;
    for (size_t i = 0; i < p->cols; i++)
        sum += x[i] * x[i];
    double r = 1 / sqrt(sum / (double)p->cols + (double)m->c->rms_eps);
    for (size_t i = 0; i < p->cols; i++)
        y[i] = x[i] * r * (double)w[i];
    sk_free(w);
}

/* Turns one head at a position. */
static void plain_rope(const eng_config *c, double *x, size_t pos)
{
    size_t half = c->head_dim / 2;
    for (size_t i = 0; i < half; i++) {
        double a = (double)pos * pow((double)c->rope_theta, -2.0 * (double)i / c->head_dim);
        size_t p = c->rope_form == ENG_ROPE_HALF ? i : 2 * i;
        size_t q = c->rope_form == ENG_ROPE_HALF ? i + half : 2 * i + 1;
        double u = x[p], v = x[q];
        x[p] = u * cos(a) - v * sin(a);
        x[q] = u * sin(a) + v * cos(a);
    }
}

/* The attention of one layer over all n positions: x [n, d] -> added to x. */
static void plain_attention(const plain *m, uint32_t layer, double *x, size_t n)
{
    const eng_config *c = m->c;
    size_t d = c->n_embd, hd = c->head_dim, nq = c->n_head * hd, nk = c->n_kv_head * hd;
    double *q = calloc(n, nq * sizeof *q), *k = calloc(n, nk * sizeof *k);
    double *v = calloc(n, nk * sizeof *v), *h = calloc(d, sizeof *h), *o = calloc(nq, sizeof *o);
    double *score = calloc(n, sizeof *score);
    for (size_t t = 0; t < n; t++) {
        plain_norm(m, ENG_P_ATTN_NORM, layer, x + t * d, h);
        apply(m, ENG_P_Q, layer, h, q + t * nq, false);
        apply(m, ENG_P_K, layer, h, k + t * nk, false);
        apply(m, ENG_P_V, layer, h, v + t * nk, false);
        for (size_t i = 0; i < c->n_head + c->n_kv_head; i++) {
            bool is_q = i < c->n_head;
            double *head = is_q ? q + t * nq + i * hd : k + t * nk + (i - c->n_head) * hd;
            if (c->qk_norm) plain_norm(m, is_q ? ENG_P_Q_NORM : ENG_P_K_NORM, layer, head, head);
            plain_rope(c, head, t);
        }
    }
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < c->n_head; i++) {
            size_t g = i / (c->n_head / c->n_kv_head) * hd;
            double top = -INFINITY, total = 0;
            for (size_t s = 0; s <= t; s++) {
                score[s] = 0;
                for (size_t j = 0; j < hd; j++)
                    score[s] += q[t * nq + i * hd + j] * k[s * nk + g + j] / sqrt((double)hd);
                top = fmax(top, score[s]);
            }
            for (size_t s = 0; s <= t; s++)
                total += score[s] = exp(score[s] - top);
            for (size_t j = 0; j < hd; j++) {
                o[i * hd + j] = 0;
                for (size_t s = 0; s <= t; s++)
                    o[i * hd + j] += score[s] / total * v[s * nk + g + j];
            }
        }
        apply(m, ENG_P_O, layer, o, x + t * d, true);
    }
    free(q), free(k), free(v), free(h), free(o), free(score);
}

static void plain_ffn(const plain *m, uint32_t layer, double *x)
{
    size_t f = m->c->n_ff;
    double *h = calloc(m->c->n_embd, sizeof *h), *g = calloc(f, sizeof *g);
    double *u = calloc(f, sizeof *u);
    plain_norm(m, ENG_P_FFN_NORM, layer, x, h);
    apply(m, ENG_P_GATE, layer, h, g, false);
    apply(m, ENG_P_UP, layer, h, u, false);
    for (size_t i = 0; i < f; i++)
        g[i] = g[i] / (1 + exp(-g[i])) * u[i];
    apply(m, ENG_P_DOWN, layer, g, x, true);
    free(h), free(g), free(u);
}

/* Logits [n, n_vocab] of ids. */
static void plain_logits(const plain *m, const int32_t *ids, size_t n, float *out)
{
    size_t d = m->c->n_embd, nv = m->c->n_vocab;
    double *x = calloc(n, d * sizeof *x), *y = calloc(nv, sizeof *y), *h = calloc(d, sizeof *h);
    float *e = weights(m, ENG_P_EMBD, 0);
    for (size_t i = 0; i < n * d; i++)
        x[i] = (double)e[(size_t)ids[i / d] * d + i % d];
    sk_free(e);
    for (uint32_t l = 0; l < m->c->n_layer; l++) {
        plain_attention(m, l, x, n);
        for (size_t t = 0; t < n; t++)
            plain_ffn(m, l, x + t * d);
    }
    for (size_t t = 0; t < n; t++) {
        plain_norm(m, ENG_P_OUT_NORM, 0, x + t * d, h);
        apply(m, m->c->tied ? ENG_P_EMBD : ENG_P_HEAD, 0, h, y, false);
        for (size_t i = 0; i < nv; i++)
            out[t * nv + i] = (float)y[i];
    }
    free(x), free(y), free(h);
}

/* ---- the comparison ---- */

/* Steps ids through a session of a model made from cfg and compares with the plain model. */
static void compare(const eng_config *cfg, eng_dtype dtype, size_t n, double tol)
{
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.gguf");
    sk_err e = SK_ERR_INIT;
    assert_status_ok(fixture_model_write(path, cfg, 5, dtype, &e), e);
    eng_exec *x = NULL;
    eng_model *m = NULL;
    eng_session *s = NULL;
    assert_status_ok(eng_exec_open(2, &x, &e), e);
    assert_status_ok(eng_model_open(x, path, &m, &e), e);
    eng_session_opts o = {.n_slots = 1, .n_ctx = n, .max_step = n};
    assert_status_ok(eng_session_open(x, m, &o, &s, &e), e);
    int32_t *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)sk_rng_below(1, SK_RNG_TEST, i, cfg->n_vocab);
    eng_step_item it = {.n = n, .ids = ids, .want = ENG_WANT_ALL};
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    float *want = malloc(n * cfg->n_vocab * sizeof *want);
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_layout l;
    assert_status_ok(eng_layout_build(cfg, a, &l, &e), e);
    plain_logits(&(plain){cfg, &l, 5, dtype}, ids, n, want);
    for (size_t t = 0; t < n; t++) /* each position by itself */
        unit_close(it.logits + t * cfg->n_vocab, want + t * cfg->n_vocab, cfg->n_vocab, tol);
    free(ids);
    free(want);
    sk_arena_free(a);
    eng_session_close(s);
    eng_model_close(m);
    eng_exec_close(x);
    unit_rm_rf(dir);
}

static void llama(void **state)
{
    (void)state;
    eng_config c = fixture_config("llama");
    compare(&c, ENG_F32, 70, 1e-5);
    c.tied = false;
    compare(&c, ENG_F32, 9, 1e-5);
}

static void qwen3(void **state)
{
    (void)state;
    eng_config c = fixture_config("qwen3");
    compare(&c, ENG_F32, 70, 1e-5);
    c.tied = false;
    compare(&c, ENG_F32, 9, 1e-5);
}

/* Shapes that divide by nothing, single heads, head sizes away from dim / heads. */
static void odd_shapes(void **state)
{
    (void)state;
    const struct {
        uint32_t n_embd, n_head, n_kv_head, head_dim, n_ff, n_layer;
    } shape[] = {
        {7, 1, 1, 2, 3, 1},
        {33, 3, 1, 6, 1, 3},
        {50, 6, 3, 34, 101, 1},
        {1, 2, 2, 4, 5, 2},
    };
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int arch = 0; arch < 2; arch++) {
            eng_config c = fixture_config(arch ? "llama" : "qwen3");
            c.n_embd = shape[i].n_embd;
            c.n_head = shape[i].n_head;
            c.n_kv_head = shape[i].n_kv_head;
            c.head_dim = shape[i].head_dim;
            c.n_ff = shape[i].n_ff;
            c.n_layer = shape[i].n_layer;
            c.tied = i & 1;
            compare(&c, ENG_F32, 5, 2e-5);
        }
}

static void half_floats(void **state)
{
    (void)state;
    eng_config c = fixture_config("qwen3");
    compare(&c, ENG_F16, 20, 1e-5);  /* widened: nothing is lost */
    compare(&c, ENG_BF16, 20, 2e-2); /* activations are rounded to bf16 as well */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama),
        cmocka_unit_test(qwen3),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(half_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
