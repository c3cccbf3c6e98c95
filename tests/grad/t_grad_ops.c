/* t_grad_ops.c - each operation of the training pass alone: its result against the formula in
 * double, its gradient against finite differences of that formula, at every level of kernels. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "engine/kernel/par.h"
#include "engine/model/rope.h"
#include "engine/model/train_ops.h"

#include <math.h>
#include <stdio.h>

/* An operation over n inputs and m outputs, all floats in one array. */
typedef struct op {
    const char *name;
    size_t n, m;
    void (*formula)(const double *in, double *out);
    void (*forward)(eng_exec *x, const float *in, float *out);
    /* din += (d out / d in)^T dout, given in, and out of the forward pass */
    void (*backward)(eng_exec *x, const float *in, const float *dout, float *din);
    double tol;
} op;

enum { MAX_IN = 4096 };

static const char *const levels[] = {"c", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"};

/* sum of dout * formula(in), the function whose gradient is asked for. */
static double weighed(const op *o, const double *in, const float *dout)
{
    static double out[MAX_IN];
    double sum = 0;
    o->formula(in, out);
    for (size_t i = 0; i < o->m; i++)
        sum += out[i] * (double)dout[i];
    return sum;
}

static void check(const op *o)
{
    static float in[MAX_IN], out[MAX_IN], dout[MAX_IN], din[MAX_IN], want[MAX_IN], exact[MAX_IN];
    static double at[MAX_IN], value[MAX_IN];
    sk_err e = SK_ERR_INIT;
    assert_true(o->n <= MAX_IN && o->m <= MAX_IN);
    for (size_t i = 0; i < o->n; i++)
        at[i] = in[i] = (float)sk_rng_normal(1, SK_RNG_TEST, i);
    for (size_t i = 0; i < o->m; i++)
        dout[i] = (float)sk_rng_normal(2, SK_RNG_TEST, i);
    o->formula(at, value);
    for (size_t i = 0; i < o->m; i++)
        exact[i] = (float)value[i];
    for (size_t i = 0; i < o->n; i++) {
        const double h = 1e-5;
        double keep = at[i];
        at[i] = keep + h;
        double up = weighed(o, at, dout);
        at[i] = keep - h;
        want[i] = (float)((up - weighed(o, at, dout)) / (2 * h));
        at[i] = keep;
    }
    for (size_t v = 0; v < sizeof(levels) / sizeof(*levels); v++) {
        eng_exec *x;
        if (sk_cpu_mask(levels[v], &e)) continue;
        assert_status_ok(eng_exec_open(2, &x, &e), e);
        assert_status_ok(eng_exec_reserve(x, eng_attn_scratch_bytes(16), &e), e);
        memset(din, 0, sizeof(din));
        o->forward(x, in, out);
        unit_close(out, exact, o->m, o->tol);
        o->backward(x, in, dout, din);
        unit_close(din, want, o->n, o->tol);
        eng_exec_close(x);
    }
    (void)sk_cpu_mask("auto", &e);
}

/* ---- RMSNorm: in = x [ROWS, D] | w [D] ---- */

enum { ROWS = 40, D = 37 };

static void norm_formula(const double *in, double *out)
{
    const double *w = in + ROWS * D;
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (size_t i = 0; i < D; i++)
            sum += in[r * D + i] * in[r * D + i];
        for (size_t i = 0; i < D; i++)
            out[r * D + i] = in[r * D + i] * w[i] / sqrt(sum / D + 1e-6);
    }
}

static float norm_rstd[ROWS];

static void norm_forward(eng_exec *x, const float *in, float *out)
{
    eng_norm_fwd(x, ROWS, D, in, in + ROWS * D, 1e-6f, out, norm_rstd);
}

static void norm_backward(eng_exec *x, const float *in, const float *dout, float *din)
{
    static float partial[2 * D];
    assert_true(eng_norm_partials(ROWS) == 2);
    eng_norm_bwd(x, ROWS, D, dout, in, in + ROWS * D, norm_rstd, din, din + ROWS * D, partial);
}

/* ---- the gate: in = gate | up of [N, FF] each, row by row ---- */

enum { N = 33, FF = 21 };

static void glu_formula(const double *in, double *out)
{
    for (size_t r = 0; r < N; r++)
        for (size_t i = 0; i < FF; i++) {
            double g = in[r * 2 * FF + i];
            out[r * FF + i] = g / (1 + exp(-g)) * in[r * 2 * FF + FF + i];
        }
}

static void glu_forward(eng_exec *x, const float *in, float *out)
{
    eng_glu_fwd(x, N, FF, in, out);
}

static void glu_backward(eng_exec *x, const float *in, const float *dout, float *din)
{
    memcpy(din, in, sizeof(float) * N * 2 * FF);
    eng_glu_bwd(x, N, FF, dout, din);
}

/* ---- head norms and RoPE: in = raw [T, W] | wq [HD] | wk [HD] ---- */

enum { T = 35, CTX = 7, HEADS = 3, KV = 1, HD = 8, W = (HEADS + 2 * KV) * HD };

static eng_config turn_config(eng_rope_form form, bool qk_norm)
{
    return (eng_config){.n_head = HEADS,
                        .n_kv_head = KV,
                        .head_dim = HD,
                        .rms_eps = 1e-6f,
                        .rope_theta = 50,
                        .rope_form = form,
                        .qk_norm = qk_norm};
}

static eng_config turn_cfg; /* of the op under test */

static void turn_head(const double *raw, const double *w, size_t pos, double *out)
{
    double sum = 0;
    for (size_t i = 0; i < HD; i++)
        sum += raw[i] * raw[i];
    for (size_t i = 0; i < HD; i++)
        out[i] = w ? raw[i] * w[i] / sqrt(sum / HD + 1e-6) : raw[i];
    for (size_t i = 0; i < HD / 2; i++) {
        bool half = turn_cfg.rope_form == ENG_ROPE_HALF;
        size_t a = half ? i : 2 * i, b = half ? i + HD / 2 : 2 * i + 1;
        double f = (double)pos * pow(50, -2.0 * (double)i / HD), p = out[a], q = out[b];
        out[a] = p * cos(f) - q * sin(f);
        out[b] = p * sin(f) + q * cos(f);
    }
}

/* Only the q and k columns count: v passes by. */
static void turn_formula(const double *in, double *out)
{
    const double *wq = in + T * W, *wk = wq + HD;
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < HEADS + KV; h++)
            turn_head(in + t * W + h * HD, turn_cfg.qk_norm ? (h < HEADS ? wq : wk) : NULL, t % CTX,
                      out + t * (HEADS + KV) * HD + h * HD);
}

static float turn_raw[T * W], turn_rot[T * W], turn_rstd[T * (HEADS + KV)];
static float turn_cos[CTX * HD / 2], turn_sin[CTX * HD / 2], turn_neg[CTX * HD / 2];

static eng_turn turn_of(const float *in)
{
    bool norm = turn_cfg.qk_norm;
    return (eng_turn){&turn_cfg,
                      CTX,
                      turn_cos,
                      turn_sin,
                      turn_neg,
                      norm ? in + T * W : NULL,
                      norm ? in + T * W + HD : NULL,
                      turn_raw,
                      norm ? turn_rot : turn_raw,
                      turn_rstd};
}

static void turn_forward(eng_exec *x, const float *in, float *out)
{
    eng_turn t = turn_of(in);
    eng_rope_table(&turn_cfg, CTX, turn_cos, turn_sin);
    for (size_t i = 0; i < CTX * HD / 2; i++)
        turn_neg[i] = -turn_sin[i];
    memcpy(turn_raw, in, sizeof(turn_raw));
    eng_turn_fwd(x, &t, T);
    for (size_t i = 0; i < T; i++)
        memcpy(out + i * (HEADS + KV) * HD, t.rot + i * W, sizeof(float) * (HEADS + KV) * HD);
}

static void turn_backward(eng_exec *x, const float *in, const float *dout, float *din)
{
    static float drot[T * W], partial[2 * 2 * HD];
    eng_turn t = turn_of(in);
    memset(drot, 0, sizeof(drot));
    for (size_t i = 0; i < T; i++)
        memcpy(drot + i * W, dout + i * (HEADS + KV) * HD, sizeof(float) * (HEADS + KV) * HD);
    eng_turn_bwd(x, &t, T, drot, turn_cfg.qk_norm ? din : drot, din + T * W, din + T * W + HD,
                 partial);
    if (!turn_cfg.qk_norm) memcpy(din, drot, sizeof(drot));
}

/* ---- attention of a group of 2 heads: in = q [2, L, HA] | k [L, HA] | v [L, HA] ---- */

enum { L = 71, HA = 6 };

static bool masked; /* documents of 9 tokens */

static size_t attn_first(size_t i)
{
    return masked ? i / 9 * 9 : 0;
}

static void attn_formula(const double *in, double *out)
{
    const double *k = in + 2 * L * HA, *v = k + L * HA;
    for (size_t h = 0; h < 2; h++)
        for (size_t i = 0; i < L; i++) {
            const double *q = in + (h * L + i) * HA;
            double *o = out + (h * L + i) * HA, sum = 0;
            for (size_t c = 0; c < HA; c++)
                o[c] = 0;
            for (size_t j = attn_first(i); j <= i; j++) {
                double s = 0;
                for (size_t c = 0; c < HA; c++)
                    s += q[c] * k[j * HA + c];
                s = exp(s * 0.4);
                sum += s;
                for (size_t c = 0; c < HA; c++)
                    o[c] += s * v[j * HA + c];
            }
            for (size_t c = 0; c < HA; c++)
                o[c] /= sum;
        }
}

static float attn_out[2 * L * HA], attn_lse[2 * L];
static int32_t attn_firsts[L];

static void attn_forward(eng_exec *x, const float *in, float *out)
{
    const float *k = in + 2 * L * HA;
    eng_attn_fwd a[2];
    for (size_t i = 0; i < L; i++)
        attn_firsts[i] = (int32_t)attn_first(i);
    for (size_t h = 0; h < 2; h++)
        a[h] = (eng_attn_fwd){.q = in + h * L * HA,
                              .k = k,
                              .v = k + L * HA,
                              .out = attn_out + h * L * HA,
                              .lse = attn_lse + h * L,
                              .first = masked ? attn_firsts : NULL,
                              .ldq = HA,
                              .ldkv = HA,
                              .ldo = HA,
                              .n_q = L,
                              .head_dim = HA,
                              .scale = 0.4f};
    eng_par_attn_fwd(x, a, 2);
    memcpy(out, attn_out, sizeof(attn_out));
}

static void attn_backward(eng_exec *x, const float *in, const float *dout, float *din)
{
    const float *k = in + 2 * L * HA;
    float *dk = din + 2 * L * HA;
    eng_attn_bwd a[2];
    for (size_t h = 0; h < 2; h++)
        a[h] = (eng_attn_bwd){.q = in + h * L * HA,
                              .k = k,
                              .v = k + L * HA,
                              .out = attn_out + h * L * HA,
                              .dout = dout + h * L * HA,
                              .lse = attn_lse + h * L,
                              .first = masked ? attn_firsts : NULL,
                              .dq = din + h * L * HA,
                              .dk = dk,
                              .dv = dk + L * HA,
                              .ldq = HA,
                              .ldkv = HA,
                              .ldo = HA,
                              .n_q = L,
                              .head_dim = HA,
                              .scale = 0.4f};
    eng_par_attn_bwd(x, a, 1, 2);
}

/* ---- cross-entropy of one row against class 5 ---- */

enum { V = 101 };

static void xent_formula(const double *in, double *out)
{
    double sum = 0;
    for (size_t i = 0; i < V; i++)
        sum += exp(in[i]);
    out[0] = log(sum) - in[5];
}

static float xent_lse;

static void xent_forward(eng_exec *x, const float *in, float *out)
{
    out[0] = eng_exec_kernels(x)->xent_f32(in, V, 5, &xent_lse);
}

static void xent_backward(eng_exec *x, const float *in, const float *dout, float *din)
{
    memcpy(din, in, V * sizeof(float));
    eng_exec_kernels(x)->xent_bwd_f32(din, V, 5, xent_lse, dout[0]);
}

/* ---- embedding: in = table [13, 70]; 50 tokens, some often ---- */

enum { WORDS = 13, WIDTH = 70, TOKENS = 50 };

static int32_t word(size_t i)
{
    return (int32_t)(i * i % WORDS);
}

static void embed_formula(const double *in, double *out)
{
    for (size_t i = 0; i < TOKENS; i++)
        memcpy(out + i * WIDTH, in + (size_t)word(i) * WIDTH, WIDTH * sizeof(double));
}

static void embed_forward(eng_exec *x, const float *in, float *out)
{
    int32_t ids[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = word(i);
    eng_embed_fwd(x, TOKENS, WIDTH, ids, in, out);
}

static void embed_backward(eng_exec *x, const float *in, const float *dout, float *din)
{
    int32_t ids[TOKENS];
    (void)in;
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = word(i);
    eng_embed_bwd(x, TOKENS, WIDTH, ids, dout, din);
}

/* ---- the tests ---- */

static void norm_gradient(void **state)
{
    (void)state;
    check(&(op){"norm", ROWS * D + D, ROWS * D, norm_formula, norm_forward, norm_backward, 1e-5});
}

static void glu_gradient(void **state)
{
    (void)state;
    check(&(op){"glu", N * 2 * FF, N * FF, glu_formula, glu_forward, glu_backward, 1e-5});
}

static void turn_gradient(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++)
        for (int norm = 0; norm < 2; norm++) {
            turn_cfg = turn_config(form ? ENG_ROPE_PAIRS : ENG_ROPE_HALF, norm);
            check(&(op){"turn", T * W + 2 * HD, T * (HEADS + KV) * HD, turn_formula, turn_forward,
                        turn_backward, 1e-5});
        }
}

static void attention_gradient(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        masked = m;
        check(&(op){"attention", 4 * L * HA, 2 * L * HA, attn_formula, attn_forward, attn_backward,
                    1e-5});
    }
}

static void cross_entropy_gradient(void **state)
{
    (void)state;
    check(&(op){"xent", V, 1, xent_formula, xent_forward, xent_backward, 1e-5});
}

static void embedding_gradient(void **state)
{
    (void)state;
    check(&(op){"embed", WORDS * WIDTH, TOKENS * WIDTH, embed_formula, embed_forward,
                embed_backward, 1e-6});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_gradient),          cmocka_unit_test(glu_gradient),
        cmocka_unit_test(turn_gradient),          cmocka_unit_test(attention_gradient),
        cmocka_unit_test(cross_entropy_gradient), cmocka_unit_test(embedding_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
