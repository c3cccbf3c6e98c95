/* t_grad.c - the training pass against finite differences of a decoder in double: loss, logits and
 * the gradient of every parameter, for both families, grouped heads, tied and untied heads and
 * document masks, at every level of kernels this machine has. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "engine/kernel/par.h"
#include "engine/model/train_pass.h"
#include "engine/model/trainable.h"
#include "engine/train/optim.h"
#include "tests/grad/model_ref.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 3, SAMPLES = 24 };

typedef struct shape {
    const char *arch;
    uint32_t dim, layers, heads, kv_heads, ffn, vocab, n_ctx;
    bool tied, masked;
    double z_loss;
    bool recompute;
    void (*more)(eng_config *c); /* what a file of the architecture would say beyond these */
} shape;

/* gpt2 as its files are: q, k and v in one matrix, with a bias. */
static void gpt2_fused(eng_config *c)
{
    c->has[ENG_P_Q] = c->has[ENG_P_K] = c->has[ENG_P_V] = false;
    c->has[ENG_P_QKV] = c->has[ENG_P_QKV_BIAS] = true;
    c->rms_eps = 1e-5f;
}

static void qkv_biases(eng_config *c)
{
    c->has[ENG_P_Q_BIAS] = c->has[ENG_P_K_BIAS] = c->has[ENG_P_V_BIAS] = true;
}

/* Every bias a llama may have, factors of the frequencies, and scaled positions. */
static void llama_more(eng_config *c)
{
    qkv_biases(c);
    c->has[ENG_P_O_BIAS] = c->has[ENG_P_GATE_BIAS] = true;
    c->has[ENG_P_UP_BIAS] = c->has[ENG_P_DOWN_BIAS] = c->has[ENG_P_ROPE_FREQS] = true;
    c->rope_factor = 2.5f;
    c->attn_scale = 0.4f;
}

/* Heads of another size than dim / heads, of which a part is rotated. */
static void own_heads(eng_config *c)
{
    c->head_dim = 12;
    c->n_rot = 8;
}

static void gemma(eng_config *c)
{
    c->embd_scale = sqrtf((float)c->n_embd);
}

/* Windows in every other layer, soft caps low enough to be felt. */
static void gemma2(eng_config *c)
{
    gemma(c);
    c->window = 3;
    eng_layer_add_period(&c->local, c->n_layer, 2);
    c->attn_softcap = 2.0f;
    c->logit_softcap = 3.0f;
    c->attn_scale = 0.5f;
}

static void gemma3(eng_config *c)
{
    gemma(c);
    c->head_dim = 8;
    c->window = 4;
    eng_layer_add_period(&c->local, c->n_layer, 3);
    c->rope_theta_local = 20.0f;
    c->local_unscaled = true;
    c->rope_factor = 8.0f;
}

/* Fused matrices on both sides. */
static void phi3(eng_config *c)
{
    c->has[ENG_P_Q] = c->has[ENG_P_K] = c->has[ENG_P_V] = false;
    c->has[ENG_P_QKV] = true;
}

static void granite(eng_config *c)
{
    c->embd_scale = 3.0f;
    c->residual_scale = 0.4f;
    c->logit_scale = 0.3f;
    c->attn_scale = 0.2f;
}

static const shape shapes[] = {
    {"qwen3", 32, 2, 4, 2, 48, 37, 12, true, true},
    {"llama", 32, 2, 4, 4, 40, 41, 11, false, false},
    {"qwen3", 24, 1, 3, 1, 20, 29, 9, false, true},
    {"llama", 48, 1, 2, 1, 36, 53, 7, true, true},
    {"qwen3", 20, 3, 2, 2, 28, 31, 5, true, false}, /* sizes that are multiples of nothing */
    {"qwen3", 24, 3, 4, 2, 32, 23, 8, true, true, .z_loss = 0.1, .recompute = true},
    {"gpt2", 32, 2, 4, 4, 48, 37, 10, true, true, .recompute = true, .more = gpt2_fused},
    {"gpt2", 24, 2, 2, 2, 36, 31, 9, false, false, .more = qkv_biases},
    {"starcoder2", 24, 2, 4, 2, 36, 31, 9, true, true, .more = qkv_biases},
    {"qwen2", 32, 2, 4, 2, 48, 37, 10, true, true, .more = qkv_biases},
    {"llama", 32, 2, 4, 2, 48, 37, 10, false, true, .more = llama_more},
    {"qwen3", 32, 2, 4, 2, 40, 37, 10, true, true, .more = own_heads},
    {"gemma", 32, 2, 4, 1, 48, 37, 10, true, true, .more = gemma},
    {"gemma2", 32, 3, 4, 2, 48, 37, 11, true, true, .more = gemma2},
    {"gemma2", 32, 2, 2, 2, 48, 37, 11, true, false, .more = gemma2},
    {"gemma3", 32, 4, 4, 2, 48, 37, 11, true, true, .recompute = true, .more = gemma3},
    {"phi3", 32, 2, 4, 2, 40, 37, 10, false, true, .more = phi3},
    {"granite", 32, 2, 4, 2, 40, 37, 10, true, true, .more = granite},
};
static const char *const levels[] = {"c", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"};

/* A model with random weights and a batch for it. */
typedef struct fixture {
    eng_exec *x;
    sk_arena *mem;
    eng_config cfg;
    eng_layout l;
    eng_pass *pass;
    float *params, *grads;
    double *exact, *logits;
    int32_t *ids, *target, *first;
    size_t n;
} fixture;

static void open_model(fixture *f, const shape *s)
{
    sk_err e = SK_ERR_INIT;
    f->cfg = (eng_config){.n_vocab = s->vocab,
                          .n_ctx = s->n_ctx,
                          .n_embd = s->dim,
                          .n_layer = s->layers,
                          .n_head = s->heads,
                          .n_kv_head = s->kv_heads,
                          .head_dim = s->dim / s->heads,
                          .n_ff = s->ffn,
                          .rms_eps = 1e-6f,
                          .rope_theta = 100.0f,
                          .tied = s->tied};
    (void)snprintf(f->cfg.arch, sizeof(f->cfg.arch), "%s", s->arch);
    assert_status_ok(eng_config_family(&f->cfg, &e), e);
    if (s->more) s->more(&f->cfg);
    assert_status_ok(eng_config_trainable(&f->cfg, &e), e);
    assert_non_null(f->mem = sk_arena_new(SK_MEM_TRAIN));
    assert_status_ok(eng_layout_build(&f->cfg, f->mem, &f->l, &e), e);
    f->params = sk_new_n(f->mem, float, f->l.n_floats);
    f->grads = sk_new_n(f->mem, float, f->l.n_floats);
    f->exact = sk_new_n(f->mem, double, f->l.n_floats);
    ref_draw(&f->l, f->params, f->exact);
}

/* Random tokens; a quarter of them without a target; with masks, documents of 1 to 4 tokens. */
static void make_batch(fixture *f, const shape *s)
{
    f->n = (size_t)ROWS * s->n_ctx;
    f->ids = sk_new_n(f->mem, int32_t, f->n);
    f->target = sk_new_n(f->mem, int32_t, f->n);
    f->first = s->masked ? sk_new_n(f->mem, int32_t, f->n) : NULL;
    for (size_t i = 0; i < f->n; i++) {
        f->ids[i] = (int32_t)sk_rng_below(1, SK_RNG_TEST, i, s->vocab);
        f->target[i] = (int32_t)sk_rng_below(2, SK_RNG_TEST, i, s->vocab);
        if (sk_rng_below(3, SK_RNG_TEST, i, 4) == 0) f->target[i] = -1;
        if (!f->first) continue;
        size_t pos = i % s->n_ctx;
        bool begins = pos == 0 || sk_rng_below(4, SK_RNG_TEST, i, 3) == 0;
        f->first[i] = begins ? (int32_t)pos : f->first[i - 1];
    }
}

static void open_pass(fixture *f, const shape *s, eng_prec prec, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_exec_open(threads, &f->x, &e), e);
    eng_pass_plan plan = {&f->cfg, &f->l, prec, s->n_ctx, ROWS, (float)s->z_loss, s->recompute};
    assert_status_ok(eng_pass_open(f->x, &plan, &f->pass, &e), e);
    eng_pass_load(f->pass, f->params);
}

static void close_pass(fixture *f)
{
    eng_pass_close(f->pass);
    eng_exec_close(f->x);
}

/* Loss of the batch, and its gradient (of the sum) into f->grads. */
static double run(fixture *f)
{
    double nats[ROWS], sum = 0;
    eng_batch b = {f->ids, f->target, f->first, ROWS};
    memset(f->grads, 0, f->l.n_floats * sizeof(float));
    eng_pass_run(f->pass, &b, 1.0f, f->grads, nats);
    for (size_t i = 0; i < ROWS; i++)
        sum += nats[i];
    return sum;
}

static ref_batch batch_of(const fixture *f, const shape *s)
{
    return (ref_batch){f->ids, f->target, f->first, ROWS, s->n_ctx};
}

/* Sum of the losses, with z-loss. */
static double objective(fixture *f, const shape *s, const ref_batch *b)
{
    size_t n_vocab = f->cfg.n_vocab;
    if (s->z_loss == 0) return ref_loss(&f->cfg, &f->l, f->exact, b, NULL);
    if (!f->logits) f->logits = sk_new_n(f->mem, double, f->n *n_vocab);
    double loss = ref_loss(&f->cfg, &f->l, f->exact, b, f->logits);
    for (size_t i = 0; i < f->n; i++) {
        double z = 0;
        for (size_t k = 0; k < n_vocab; k++)
            z += exp(f->logits[i * n_vocab + k]);
        if (f->target[i] >= 0) loss += s->z_loss * log(z) * log(z);
    }
    return loss;
}

/* d loss / d params[i] by a central difference in double. */
static double slope(fixture *f, const shape *s, const ref_batch *b, size_t i)
{
    const double h = 1e-5;
    double at = f->exact[i];
    f->exact[i] = at + h;
    double up = objective(f, s, b);
    f->exact[i] = at - h;
    double down = objective(f, s, b);
    f->exact[i] = at;
    return (up - down) / (2 * h);
}

/* Compares SAMPLES elements of one parameter, picked at random.  Nothing trains the factors of
 * RoPE. */
static void check_param(fixture *f, const ref_batch *b, const eng_param *p, const double *want,
                        double tol)
{
    double err = 0, norm = 0, n = (double)(p->rows * p->cols);
    if (p->kind == ENG_P_ROPE_FREQS) return;
    for (size_t k = 0; k < SAMPLES; k++) {
        size_t i = p->offset + sk_rng_below(5, SK_RNG_TEST, k, p->rows * p->cols);
        double d = (double)f->grads[i] - want[k];
        err += d * d;
        norm += want[k] * want[k];
    }
    (void)b;
    /* Without rotation a bias of the keys shifts all scores of a query alike: its slope is 0, and
     * what is left is rounding of sums of slopes of the order of 1. */
    if (!(sqrt(err) <= tol * sqrt(norm) + (p->kind == ENG_P_K_BIAS ? tol : 1e-6)))
        fail_msg("%s (%.0f weights): relative error %.2e, more than %.0e (%g)", p->name, n,
                 sqrt(err / norm), tol, sqrt(err));
}

/* All gradients of a shape: the slopes are worked out once, then held against every level. */
static void check_shape(const shape *s)
{
    fixture f = {0};
    sk_err e = SK_ERR_INIT;
    open_model(&f, s);
    make_batch(&f, s);
    ref_batch b = batch_of(&f, s);
    double *want = sk_new_n(f.mem, double, f.l.n_params *SAMPLES);
    for (size_t i = 0; i < f.l.n_params; i++)
        for (size_t k = 0; k < SAMPLES; k++) {
            const eng_param *p = &f.l.param[i];
            want[i * SAMPLES + k] =
                slope(&f, s, &b, p->offset + sk_rng_below(5, SK_RNG_TEST, k, p->rows * p->cols));
        }
    double loss = ref_loss(&f.cfg, &f.l, f.exact, &b, NULL);
    for (size_t v = 0; v < sizeof(levels) / sizeof(*levels); v++) {
        if (sk_cpu_mask(levels[v], &e)) continue;
        for (eng_prec prec = ENG_PREC_F32; prec <= ENG_PREC_BF16; prec++) {
            bool exact = prec == ENG_PREC_F32;
            double tol = exact ? 2e-4 : s->more ? 1.2e-1 : 6e-2; /* caps and scales cost bits */
            open_pass(&f, s, prec, 2);
            double got = run(&f);
            assert_true(fabs(got - loss) <= (exact ? 1e-5 : 2e-2) * loss);
            for (size_t i = 0; i < f.l.n_params; i++)
                check_param(&f, &b, &f.l.param[i], want + i * SAMPLES, tol);
            close_pass(&f);
        }
    }
    (void)sk_cpu_mask("auto", &e);
    sk_arena_free(f.mem);
}

static void gradients_of_the_whole_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        check_shape(&shapes[i]);
}

/* Keeping less changes no byte of losses and gradients. */
static void recomputing_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        fixture f = {0};
        shape s = shapes[i];
        float *kept = NULL;
        uint64_t bytes[2];
        double loss[2];
        open_model(&f, &s);
        make_batch(&f, &s);
        for (int again = 0; again < 2; again++) {
            s.recompute = again;
            eng_pass_plan plan = {.cfg = &f.cfg, .layout = &f.l, .n_ctx = s.n_ctx, .rows = ROWS};
            plan.recompute = again;
            bytes[again] = eng_pass_bytes(&plan);
            open_pass(&f, &s, ENG_PREC_BF16, 2);
            loss[again] = run(&f);
            close_pass(&f);
            if (again) break;
            kept = f.grads;
            f.grads = sk_new_n(f.mem, float, f.l.n_floats);
        }
        assert_true(loss[0] == loss[1]);
        assert_memory_equal(kept, f.grads, f.l.n_floats * sizeof(float));
        assert_true(s.layers > 1 ? bytes[1] < bytes[0] : bytes[1] == bytes[0]);
        sk_arena_free(f.mem);
    }
}

static void logits_equal_the_decoder_in_double(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        fixture f = {0};
        const shape *s = &shapes[i];
        open_model(&f, s);
        make_batch(&f, s);
        open_pass(&f, s, ENG_PREC_F32, 1);
        size_t n = f.n * s->vocab;
        float *got = sk_new_n(f.mem, float, n), *want = sk_new_n(f.mem, float, n);
        double *exact = sk_new_n(f.mem, double, n);
        eng_batch b = {f.ids, f.target, f.first, ROWS};
        eng_pass_logits(f.pass, &b, got);
        ref_batch rb = batch_of(&f, s);
        (void)ref_loss(&f.cfg, &f.l, f.exact, &rb, exact);
        for (size_t k = 0; k < n; k++)
            want[k] = (float)exact[k];
        unit_close(got, want, n, 5e-6);
        close_pass(&f);
        sk_arena_free(f.mem);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        fixture f = {0};
        open_model(&f, &shapes[i]);
        make_batch(&f, &shapes[i]);
        float *one = sk_new_n(f.mem, float, f.l.n_floats);
        double loss = 0;
        for (size_t threads = 1; threads <= 5; threads += 2) {
            open_pass(&f, &shapes[i], ENG_PREC_BF16, threads);
            double got = run(&f);
            if (threads == 1) {
                loss = got;
                memcpy(one, f.grads, f.l.n_floats * sizeof(float));
            }
            assert_true(got == loss);
            assert_memory_equal(one, f.grads, f.l.n_floats * sizeof(float));
            close_pass(&f);
        }
        sk_arena_free(f.mem);
    }
}

/* The rows one by one add up to the rows at once, whatever stood there before a fresh start. */
static void micro_batches_add_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        fixture f = {0};
        const shape *s = &shapes[i];
        open_model(&f, s);
        make_batch(&f, s);
        open_pass(&f, s, ENG_PREC_F32, 2);
        float *whole = sk_new_n(f.mem, float, f.l.n_floats);
        double loss = run(&f), sum = 0, nats;
        memcpy(whole, f.grads, f.l.n_floats * sizeof(float));
        memset(f.grads, 0xff, f.l.n_floats * sizeof(float)); /* NaN, none of which may be left */
        eng_pass_fresh(f.pass, f.grads);
        for (size_t r = 0; r < ROWS; r++) {
            size_t at = r * s->n_ctx;
            eng_batch b = {f.ids + at, f.target + at, f.first ? f.first + at : NULL, 1};
            eng_pass_run(f.pass, &b, 1.0f, f.grads, &nats);
            sum += nats;
        }
        assert_true(sum == loss);
        unit_close(f.grads, whole, f.l.n_floats, 1e-6);
        close_pass(&f);
        sk_arena_free(f.mem);
    }
}

/* A document gives the same loss wherever it stands in its row, and whatever stands before it. */
static void documents_do_not_see_each_other(void **state)
{
    (void)state;
    const shape *s = &shapes[0];
    enum { LEN = 4 };
    fixture f = {0};
    open_model(&f, s);
    make_batch(&f, s);
    open_pass(&f, s, ENG_PREC_F32, 1);
    double alone[ROWS], later[ROWS];
    size_t n = s->n_ctx;
    for (size_t i = 0; i < n; i++) {
        f.target[i] = i < LEN ? (int32_t)i : -1;
        f.first[i] = i < LEN ? 0 : (int32_t)i;
    }
    eng_batch b = {f.ids, f.target, f.first, 1};
    eng_pass_run(f.pass, &b, 1.0f, NULL, alone);
    for (size_t i = n; i-- > 0;) {
        bool doc = i >= n - LEN;
        f.ids[i] = doc ? f.ids[i - (n - LEN)] : (int32_t)(i % s->vocab);
        f.target[i] = doc ? (int32_t)(i - (n - LEN)) : -1;
        f.first[i] = doc ? (int32_t)(n - LEN) : 0;
    }
    eng_pass_run(f.pass, &b, 1.0f, NULL, later);
    assert_true(fabs(alone[0] - later[0]) < 1e-5 * alone[0]);
    close_pass(&f);
    sk_arena_free(f.mem);
}

/* Loss of the document at [at, at + n) of the batch, alone at the beginning of a row. */
static double alone(fixture *f, const shape *s, size_t at, size_t n)
{
    int32_t ids[64], target[64], first[64];
    double nats;
    assert_true(s->n_ctx <= 64);
    for (size_t i = 0; i < s->n_ctx; i++) {
        ids[i] = i < n ? f->ids[at + i] : 0;
        target[i] = i < n ? f->target[at + i] : -1;
        first[i] = i < n ? 0 : (int32_t)i;
    }
    eng_batch b = {ids, target, first, 1};
    eng_pass_run(f->pass, &b, 1.0f, NULL, &nats);
    return nats;
}

/* Rows of packed documents have the loss of their documents one by one, in every architecture. */
static void packing_changes_no_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        const shape *s = &shapes[i];
        fixture f = {0};
        if (!s->masked) continue;
        open_model(&f, s);
        make_batch(&f, s);
        open_pass(&f, s, ENG_PREC_F32, 2);
        double packed = run(&f), sum = 0;
        for (size_t at = 0, n; at < f.n; at += n) {
            n = 1;
            while ((at + n) % s->n_ctx && f.first[at + n] == f.first[at])
                n++;
            sum += alone(&f, s, at, n);
        }
        if (!(fabs(sum - packed) <= 2e-6 * packed))
            fail_msg("%s: %.8f packed, %.8f one by one", s->arch, packed, sum);
        close_pass(&f);
        sk_arena_free(f.mem);
    }
}

static void rows_without_targets_cost_nothing(void **state)
{
    (void)state;
    fixture f = {0};
    open_model(&f, &shapes[0]);
    make_batch(&f, &shapes[0]);
    open_pass(&f, &shapes[0], ENG_PREC_F32, 2);
    for (size_t i = 0; i < f.n; i++)
        f.target[i] = -1;
    assert_true(run(&f) == 0.0);
    for (size_t i = 0; i < f.l.n_floats; i++)
        assert_true(f.grads[i] == 0.0f);
    close_pass(&f);
    sk_arena_free(f.mem);
}

/* One AdamW step in double (engine/kernel/kernel.h has the formula), with the slopes of the
 * reference as gradient: nothing of the training pass is in it. */
static void reference_step(fixture *f, const shape *s, const ref_batch *b, const eng_train_opts *o,
                           uint64_t t, double lr, double n_targets, double *m, double *v)
{
    double *g = calloc(f->l.n_floats, sizeof(*g)), norm = 0;
    assert_non_null(g);
    for (size_t i = 0; i < f->l.n_params; i++) {
        const eng_param *p = &f->l.param[i];
        for (size_t k = p->offset; k < p->offset + p->rows * p->cols; k++) {
            g[k] = slope(f, s, b, k) / n_targets;
            norm += g[k] * g[k];
        }
    }
    double clip = sqrt(norm) > o->grad_clip ? o->grad_clip / sqrt(norm) : 1;
    for (size_t i = 0; i < f->l.n_params; i++) {
        const eng_param *p = &f->l.param[i];
        for (size_t k = p->offset; k < p->offset + p->rows * p->cols; k++) {
            m[k] = o->beta1 * m[k] + (1 - o->beta1) * clip * g[k];
            v[k] = o->beta2 * v[k] + (1 - o->beta2) * clip * clip * g[k] * g[k];
            double mh = m[k] / (1 - pow(o->beta1, (double)t));
            double vh = v[k] / (1 - pow(o->beta2, (double)t));
            double decay = p->is_matrix ? o->weight_decay : 0;
            f->exact[k] -= lr * (mh / (sqrt(vh) + 1e-8) + decay * f->exact[k]);
        }
    }
    free(g);
}

/* Ten steps of training give the losses of ten steps worked out in double. */
static void ten_steps_follow_the_reference(void **state)
{
    (void)state;
    const shape tiny = {"qwen3", 8, 1, 2, 1, 12, 17, 6, true, true};
    fixture f = {0};
    eng_train_opts o;
    open_model(&f, &tiny);
    make_batch(&f, &tiny);
    open_pass(&f, &tiny, ENG_PREC_F32, 2);
    eng_train_opts_default(&o);
    o.steps = 10;
    o.lr = 0.02;
    ref_batch b = batch_of(&f, &tiny);
    eng_batch fb = {f.ids, f.target, f.first, ROWS};
    float *m = sk_new_n(f.mem, float, f.l.n_floats), *v = sk_new_n(f.mem, float, f.l.n_floats);
    double *rm = sk_new_n(f.mem, double, f.l.n_floats), *rv = sk_new_n(f.mem, double, f.l.n_floats);
    double n = 0, nats[ROWS], first = 0;
    sk_err e = SK_ERR_INIT;
    eng_optim *op;
    assert_status_ok(eng_optim_open(f.x, &o, &f.cfg, &f.l, ENG_PREC_F32, &op, &e), e);
    for (size_t i = 0; i < f.n; i++)
        n += f.target[i] >= 0;
    for (uint64_t t = 1; t <= o.steps; t++) {
        double lr = eng_lr_at(&o, t - 1), loss = 0;
        double want = ref_loss(&f.cfg, &f.l, f.exact, &b, NULL) / n;
        memset(f.grads, 0, f.l.n_floats * sizeof(float));
        eng_pass_run(f.pass, &fb, (float)(1 / n), f.grads, nats);
        for (size_t i = 0; i < ROWS; i++)
            loss += nats[i] / n;
        if (t == 1) first = loss;
        if (!(fabs(loss - want) <= 1e-4 * want))
            fail_msg("step %d: loss %.6f, the reference has %.6f", (int)t, loss, want);
        double norm = sqrt(eng_par_sumsq(f.x, f.grads, f.l.n_floats));
        eng_update u = {t, lr, norm > o.grad_clip ? o.grad_clip / norm : 1};
        eng_optim_step(op, &u, f.params, f.grads, m, v);
        eng_pass_load(f.pass, f.params);
        reference_step(&f, &tiny, &b, &o, t, lr, n, rm, rv);
        if (t == o.steps) assert_true(loss < first - 0.2);
    }
    eng_optim_close(op);
    close_pass(&f);
    sk_arena_free(f.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_the_whole_model),
        cmocka_unit_test(recomputing_changes_nothing),
        cmocka_unit_test(logits_equal_the_decoder_in_double),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(micro_batches_add_up),
        cmocka_unit_test(documents_do_not_see_each_other),
        cmocka_unit_test(packing_changes_no_loss),
        cmocka_unit_test(rows_without_targets_cost_nothing),
        cmocka_unit_test(ten_steps_follow_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
