/* t_torch.c - ten steps of training beside PyTorch's.
 *
 * The losses below are what PyTorch 1.13 (Debian's python3-torch, float32, one thread) gave for the
 * same two models: weights and tokens by the formulas of this file, a decoder written with
 * torch.nn.functional (layer_norm, gelu with approximate="tanh", silu, linear, cross_entropy) and
 * attention as softmax(q k^T / sqrt(head size) + mask) v, RoPE of neighbouring pairs; AdamW with
 * the rate 3e-3, betas 0.9 and 0.95, eps 1e-8, decay 0.1 of all that has two dimensions, and
 * gradients divided by their norm where it is above 1.
 */
#include "tests/unit/unit.h"

#include "engine/kernel/par.h"
#include "engine/model/train_pass.h"
#include "engine/model/trainable.h"
#include "engine/train/optim.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 10, ROWS = 4, N_CTX = 32, VOCAB = 97 };

typedef struct curve {
    const char *arch;
    uint32_t kv_heads, ffn;
    double loss[STEPS];
} curve;

static const curve curves[] = {
    {"llama",
     2,
     96,
     {4.6755171, 4.7214041, 4.6758680, 4.7178459, 4.6624250, 4.6712379, 4.7608151, 4.7011518,
      4.6947255, 4.6493044}},
    {"gpt2",
     4,
     256,
     {4.6697373, 4.7310009, 4.7111130, 4.6277990, 4.7342572, 4.6317039, 4.7141805, 4.6728396,
      4.6664572, 4.6170611}},
};

/* The finaliser of MurmurHash3 over a counter. */
static uint32_t mix(uint32_t seed, uint32_t k)
{
    uint32_t x = seed + k * 0x9E3779B9u;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    return x ^ x >> 16;
}

/* FNV-1a of a parameter's name: its seed. */
static uint32_t seed_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

/* With u in [-1, 1) of each element: biases 0.1 u, norms 1 + 0.1 u, embeddings 0.1 u, other
 * matrices u / sqrt(inputs). */
static void fill(const eng_param *p, float *to)
{
    uint32_t seed = seed_of(p->name);
    for (size_t k = 0; k < p->rows * p->cols; k++) {
        double u = mix(seed, (uint32_t)k) / 4294967296.0 * 2 - 1;
        bool embd = strstr(p->name, "embd") != NULL;
        double w = p->is_matrix ? (embd ? 0.1 * u : u / sqrt((double)p->cols)) : 0.1 * u;
        to[k] = (float)(p->is_matrix || eng_param_is_bias(p->kind) ? w : 1 + w);
    }
}

/* The tokens of a step: rows of N_CTX + 1, each the target of the one before it. */
static void tokens(uint32_t step, int32_t *ids, int32_t *target)
{
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < N_CTX; i++) {
            uint32_t k = r * (N_CTX + 1) + i;
            ids[r * N_CTX + i] = (int32_t)(mix(1000 + step, k) % VOCAB);
            target[r * N_CTX + i] = (int32_t)(mix(1000 + step, k + 1) % VOCAB);
        }
}

static eng_config config_of(const curve *c)
{
    sk_err e = SK_ERR_INIT;
    eng_config f = {.n_vocab = VOCAB,
                    .n_ctx = N_CTX,
                    .n_embd = 64,
                    .n_layer = 2,
                    .n_head = 4,
                    .n_kv_head = c->kv_heads,
                    .head_dim = 16,
                    .n_ff = c->ffn,
                    .rope_theta = 10000.0f,
                    .tied = true};
    (void)snprintf(f.arch, sizeof(f.arch), "%s", c->arch);
    assert_status_ok(eng_config_fresh(&f, &e), e);
    return f;
}

static void follow(const curve *c)
{
    sk_err e = SK_ERR_INIT;
    eng_config cfg = config_of(c);
    eng_layout l;
    eng_exec *x;
    eng_pass *pass;
    eng_optim *op;
    eng_train_opts o;
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    assert_status_ok(eng_layout_build(&cfg, mem, &l, &e), e);
    float *p = sk_new_n(mem, float, l.n_floats), *g = sk_new_n(mem, float, l.n_floats);
    float *m = sk_new_n(mem, float, l.n_floats), *v = sk_new_n(mem, float, l.n_floats);
    for (size_t i = 0; i < l.n_params; i++)
        fill(&l.param[i], p + l.param[i].offset);
    eng_pass_plan plan = {
        .cfg = &cfg, .layout = &l, .prec = ENG_PREC_F32, .n_ctx = N_CTX, .rows = ROWS};
    eng_train_opts_default(&o);
    assert_status_ok(eng_exec_open(2, &x, &e), e);
    assert_status_ok(eng_pass_open(x, &plan, &pass, &e), e);
    assert_status_ok(eng_optim_open(x, &o, &cfg, &l, ENG_PREC_F32, &op, &e), e);
    for (uint32_t s = 0; s < STEPS; s++) {
        int32_t ids[ROWS * N_CTX], target[ROWS * N_CTX];
        double nats[ROWS], loss = 0, n = ROWS * N_CTX;
        tokens(s, ids, target);
        eng_batch b = {.ids = ids, .target = target, .rows = ROWS};
        memset(g, 0, l.n_floats * sizeof(*g));
        eng_pass_load(pass, p);
        eng_pass_run(pass, &b, (float)(1 / n), g, nats);
        for (size_t r = 0; r < ROWS; r++)
            loss += nats[r] / n;
        if (!(fabs(loss - c->loss[s]) <= 1e-4))
            fail_msg("%s, step %u: loss %.7f, PyTorch has %.7f", c->arch, s + 1, loss, c->loss[s]);
        double norm = sqrt(eng_par_sumsq(x, g, l.n_floats));
        eng_update u = {.t = s + 1, .lr = 3e-3, .grad_scale = norm > 1 ? 1 / norm : 1};
        eng_optim_step(op, &u, p, g, m, v);
    }
    eng_optim_close(op);
    eng_pass_close(pass);
    eng_exec_close(x);
    sk_arena_free(mem);
}

static void ten_steps_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
        follow(&curves[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_steps_are_those_of_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
