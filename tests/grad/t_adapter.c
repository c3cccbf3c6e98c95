/* t_adapter.c - adapters being trained: gradients of the pairs against finite differences in double
 * over a base in several types and forms; the loss that inference then has. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/model/train_pass.h"
#include "engine/model/trainable.h"
#include "engine/quant/quant.h"
#include "tests/grad/model_ref.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 2, N_CTX = 9, VOCAB = 61, RANK = 3, SAMPLES = 10 };
static const double ALPHA = 5;

typedef struct shape {
    const char *arch;
    uint32_t heads, kv_heads;
    void (*more)(eng_config *c);
} shape;

static void gpt2(eng_config *c)
{
    c->has[ENG_P_Q] = c->has[ENG_P_K] = c->has[ENG_P_V] = false;
    c->has[ENG_P_QKV] = c->has[ENG_P_QKV_BIAS] = true;
}

static void gemma2(eng_config *c)
{
    c->embd_scale = sqrtf((float)c->n_embd);
    c->window = 4;
    eng_layer_add_period(&c->local, c->n_layer, 2);
    c->attn_softcap = 3.0f;
    c->logit_softcap = 4.0f;
}

static const shape shapes[] = {
    {"qwen3", 4, 2, NULL}, {"gpt2", 2, 2, gpt2}, {"gemma2", 4, 1, gemma2}};

/* A base in a file, an adapter for it, a batch. */
typedef struct fixture {
    eng_exec *x;
    sk_arena *mem;
    eng_config cfg;
    eng_layout l, a;
    eng_gguf *g;
    eng_frozen frozen;
    eng_pass *pass;
    float *params, *grads; /* of the adapter */
    double *base, *exact;  /* weights of the base; of base and adapter together */
    int32_t ids[ROWS * N_CTX], target[ROWS * N_CTX], first[ROWS * N_CTX];
} fixture;

static void set_config(fixture *f, const shape *s)
{
    sk_err e = SK_ERR_INIT;
    f->cfg = (eng_config){.n_vocab = VOCAB,
                          .n_ctx = N_CTX,
                          .n_embd = 32,
                          .n_layer = 2,
                          .n_head = s->heads,
                          .n_kv_head = s->kv_heads,
                          .head_dim = 32 / s->heads,
                          .n_ff = 64,
                          .rms_eps = 1e-5f,
                          .rope_theta = 100.0f,
                          .tied = true};
    (void)snprintf(f->cfg.arch, sizeof(f->cfg.arch), "%s", s->arch);
    assert_status_ok(eng_config_family(&f->cfg, &e), e);
    if (s->more) s->more(&f->cfg);
    assert_status_ok(eng_config_trainable(&f->cfg, &e), e);
}

/* Writes random weights in a type and reads them back as what the type made of them. */
static void write_base(fixture *f, eng_dtype type)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w;
    const char *path = unit_path(unit_dir, "base.gguf");
    float *v = sk_new_n(f->mem, float, f->l.n_floats);
    assert_status_ok(eng_gguf_create(path, &w, &e), e);
    for (size_t i = 0; i < f->l.n_params; i++) {
        const eng_param *p = &f->l.param[i];
        eng_gguf_add_tensor(w, p->name, p->is_matrix ? type : ENG_F32, p->rows, p->cols,
                            !p->is_matrix);
    }
    for (size_t i = 0; i < f->l.n_params; i++) {
        const eng_param *p = &f->l.param[i];
        size_t n = p->rows * p->cols;
        eng_dtype t = p->is_matrix ? type : ENG_F32;
        uint8_t *raw = sk_new_n(f->mem, uint8_t, n * 4 + 64);
        for (size_t k = 0; k < n; k++) {
            double z = sk_rng_normal(7, SK_RNG_TEST, p->offset + k);
            v[k] = (float)(p->is_matrix ? 0.3 * z : 1 + 0.2 * z);
        }
        eng_quant_pack(t, v, raw, p->rows, p->cols, NULL);
        assert_status_ok(eng_gguf_write_raw(w, raw, p->rows * eng_dtype_bytes(t, p->cols), &e), e);
        eng_quant_unpack(t, raw, v, n);
        for (size_t k = 0; k < n; k++)
            f->base[p->offset + k] = (double)v[k];
    }
    assert_status_ok(eng_gguf_commit(w, &e), e);
    assert_status_ok(eng_gguf_open(path, &f->g, &e), e);
}

static void make_batch(fixture *f)
{
    for (size_t i = 0; i < (size_t)ROWS * N_CTX; i++) {
        f->ids[i] = (int32_t)sk_rng_below(1, SK_RNG_TEST, i, VOCAB);
        f->target[i] = (int32_t)sk_rng_below(2, SK_RNG_TEST, i, VOCAB);
        if (sk_rng_below(3, SK_RNG_TEST, i, 4) == 0) f->target[i] = -1;
        f->first[i] = i % N_CTX < 4 ? 0 : 4;
    }
}

static void open_fixture(fixture *f, const shape *s, eng_dtype type, unsigned targets)
{
    sk_err e = SK_ERR_INIT;
    set_config(f, s);
    assert_non_null(f->mem = sk_arena_new(SK_MEM_TRAIN));
    assert_status_ok(eng_layout_build(&f->cfg, f->mem, &f->l, &e), e);
    assert_status_ok(eng_adapter_layout(&f->cfg, &f->l, RANK, targets, f->mem, &f->a, &e), e);
    f->base = sk_new_n(f->mem, double, f->l.n_floats);
    f->exact = sk_new_n(f->mem, double, f->l.n_floats);
    f->params = sk_new_n(f->mem, float, f->a.n_floats);
    f->grads = sk_new_n(f->mem, float, f->a.n_floats);
    write_base(f, type);
    make_batch(f);
    for (size_t i = 0; i < f->a.n_params; i++) {
        const eng_param *p = &f->a.param[i];
        for (size_t k = 0; k < p->rows * p->cols; k++)
            f->params[p->offset + k] = (float)(0.3 * sk_rng_normal(9, SK_RNG_TEST, p->offset + k));
    }
    f->frozen = (eng_frozen){f->g, &f->a, (float)(ALPHA / RANK), RANK, false};
}

static void close_fixture(fixture *f)
{
    eng_gguf_close(f->g);
    sk_arena_free(f->mem);
}

static double run(fixture *f, eng_prec prec, bool stream, size_t threads, bool recompute)
{
    sk_err e = SK_ERR_INIT;
    double nats[ROWS], sum = 0;
    eng_batch b = {f->ids, f->target, f->first, ROWS};
    f->frozen.stream = stream;
    eng_pass_plan plan = {.cfg = &f->cfg,
                          .layout = &f->l,
                          .prec = prec,
                          .n_ctx = N_CTX,
                          .rows = ROWS,
                          .frozen = &f->frozen,
                          .recompute = recompute};
    assert_status_ok(eng_exec_open(threads, &f->x, &e), e);
    assert_status_ok(eng_pass_open(f->x, &plan, &f->pass, &e), e);
    eng_pass_load(f->pass, f->params);
    memset(f->grads, 0, f->a.n_floats * sizeof(float));
    eng_pass_run(f->pass, &b, 1.0f, f->grads, nats);
    for (size_t i = 0; i < ROWS; i++)
        sum += nats[i];
    eng_pass_close(f->pass);
    eng_exec_close(f->x);
    return sum;
}

/* Loss with base + alpha / rank B A, in double; element k of the adapter's array moved by h. */
static double exact_loss(fixture *f, size_t k, double h)
{
    memcpy(f->exact, f->base, f->l.n_floats * sizeof(double));
    for (size_t i = 0; i < f->a.n_params; i += 2) {
        const eng_param *a = &f->a.param[i], *b = a + 1;
        size_t at = f->l.param[eng_layout_find(&f->l, a->kind, a->layer)].offset;
        for (size_t r = 0; r < b->rows; r++)
            for (size_t c = 0; c < a->cols; c++)
                for (size_t j = 0; j < RANK; j++) {
                    size_t ib = b->offset + r * RANK + j, ia = a->offset + j * a->cols + c;
                    double vb = (double)f->params[ib] + (ib == k ? h : 0);
                    double va = (double)f->params[ia] + (ia == k ? h : 0);
                    f->exact[at + r * a->cols + c] += ALPHA / RANK * vb * va;
                }
    }
    ref_batch rb = {f->ids, f->target, f->first, ROWS, N_CTX};
    return ref_loss(&f->cfg, &f->l, f->exact, &rb, NULL);
}

/* Slopes of some elements of each matrix of the adapter. */
static void check_slopes(fixture *f, const double *want, double tol)
{
    for (size_t i = 0; i < f->a.n_params; i++) {
        const eng_param *p = &f->a.param[i];
        double err = 0, norm = 0;
        for (size_t s = 0; s < SAMPLES; s++) {
            size_t k = p->offset + sk_rng_below(5, SK_RNG_TEST, s, p->rows * p->cols);
            double d = (double)f->grads[k] - want[i * SAMPLES + s];
            err += d * d;
            norm += want[i * SAMPLES + s] * want[i * SAMPLES + s];
        }
        if (!(sqrt(err) <= tol * sqrt(norm) + 1e-6))
            fail_msg("%s: relative error %.2e", p->name, sqrt(err / norm));
    }
}

static void check_shape(const shape *s, eng_dtype type)
{
    fixture f = {0};
    open_fixture(&f, s, type, ~0u);
    double *want = sk_new_n(f.mem, double, f.a.n_params *SAMPLES),
           loss = exact_loss(&f, SIZE_MAX, 0);
    for (size_t i = 0; i < f.a.n_params; i++)
        for (size_t k = 0; k < SAMPLES; k++) {
            const eng_param *p = &f.a.param[i];
            size_t at = p->offset + sk_rng_below(5, SK_RNG_TEST, k, p->rows * p->cols);
            want[i * SAMPLES + k] = (exact_loss(&f, at, 1e-5) - exact_loss(&f, at, -1e-5)) / 2e-5;
        }
    for (int stream = 0; stream < 2; stream++)
        for (eng_prec prec = ENG_PREC_F32; prec <= ENG_PREC_BF16; prec++) {
            bool exact = prec == ENG_PREC_F32;
            double got = run(&f, prec, stream, 2, stream);
            assert_true(fabs(got - loss) <= (exact ? 1e-5 : 2e-2) * loss);
            check_slopes(&f, want, exact ? 3e-4 : 1.2e-1);
        }
    close_fixture(&f);
}

static void gradients_of_the_pairs(void **state)
{
    (void)state;
    static const eng_dtype types[] = {ENG_F32, ENG_BF16, ENG_Q8_0, ENG_Q4_0};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        check_shape(&shapes[i], ENG_F32);
    for (size_t i = 1; i < sizeof(types) / sizeof(*types); i++)
        check_shape(&shapes[0], types[i]);
}

/* A base that is unpacked as it is used gives the bytes of one that is packed; so does every number
 * of threads. */
static void bytes_do_not_depend_on_the_form(void **state)
{
    (void)state;
    fixture f = {0};
    open_fixture(&f, &shapes[0], ENG_Q8_0, ENG_ADAPT_Q | ENG_ADAPT_V | ENG_ADAPT_DOWN);
    float *one = sk_new_n(f.mem, float, f.a.n_floats);
    for (int stream = 0; stream < 2; stream++) {
        double loss = run(&f, ENG_PREC_BF16, stream, 1, false);
        memcpy(one, f.grads, f.a.n_floats * sizeof(float));
        for (size_t threads = 2; threads <= 5; threads += 3) {
            assert_true(run(&f, ENG_PREC_BF16, stream, threads, threads > 2) == loss);
            assert_memory_equal(one, f.grads, f.a.n_floats * sizeof(float));
        }
    }
    double packed = run(&f, ENG_PREC_F32, false, 2, false);
    memcpy(one, f.grads, f.a.n_floats * sizeof(float));
    assert_true(fabs(run(&f, ENG_PREC_F32, true, 2, false) - packed) <= 1e-6 * packed);
    unit_close(f.grads, one, f.a.n_floats, 1e-5);
    close_fixture(&f);
}

static void targets_are_words(void **state)
{
    (void)state;
    unsigned bits;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_adapter_targets("q,down", &bits, &e), e);
    assert_true(bits == (ENG_ADAPT_Q | ENG_ADAPT_DOWN));
    assert_status(eng_adapter_targets("q,qq", &bits, &e), SK_E_INVALID, e, "qq");
    assert_status(eng_adapter_targets("", &bits, &e), SK_E_INVALID, e, "no matrix");
}

/* ---- the adapter in use ---- */

/* Loss of the ids by inference with the adapter. */
static double inferred(eng_exec *x, const char *model, const char *adapter, const int32_t *ids,
                       size_t n)
{
    sk_err e = SK_ERR_INIT;
    eng_model *m;
    eng_lora *lora;
    eng_session *s;
    double sum = 0;
    const eng_session_opts o = {.n_slots = 1, .n_ctx = 64, .max_step = 64};
    assert_status_ok(eng_model_open(x, model, &m, &e), e);
    assert_status_ok(eng_lora_open(x, m, adapter, 1, &lora, &e), e);
    assert_status_ok(eng_session_open(x, m, &o, &s, &e), e);
    assert_status_ok(eng_session_adapt(s, 0, lora, &e), e);
    eng_step_item it = {.slot = 0, .n = n - 1, .ids = ids, .want = ENG_WANT_ALL};
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    eng_model_info info;
    eng_model_get_info(m, &info);
    for (size_t i = 0; i + 1 < n; i++) {
        const float *z = it.logits + i * info.n_vocab;
        double den = 0;
        for (size_t v = 0; v < info.n_vocab; v++)
            den += exp((double)z[v]);
        sum += log(den) - (double)z[ids[i + 1]];
    }
    eng_session_close(s);
    eng_lora_close(lora);
    eng_model_close(m);
    return sum / (double)(n - 1);
}

/* Loss in the trainer, in inference with the adapter's file, and of the merged model. */
static void check_use(const char *arch, eng_dtype type, double tol)
{
    enum { N = 33 };
    sk_err e = SK_ERR_INIT;
    eng_config cfg = fixture_config(arch);
    cfg.n_embd = cfg.n_head * cfg.head_dim; /* whole blocks of every type */
    cfg.n_ff = 96;
    char model[512], adapter[512];
    (void)snprintf(model, sizeof(model), "%s/model.gguf", unit_dir);
    (void)snprintf(adapter, sizeof(adapter), "%s/adapter.gguf", unit_dir);
    eng_exec *x;
    eng_gguf *g;
    eng_layout l, a;
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    assert_status_ok(eng_exec_open(2, &x, &e), e);
    assert_status_ok(fixture_model_write(model, &cfg, 3, type, &e), e);
    assert_status_ok(eng_gguf_open(model, &g, &e), e);
    assert_status_ok(eng_layout_build(&cfg, mem, &l, &e), e);
    assert_status_ok(eng_adapter_check_base(x, g, &l, &e), e);
    assert_status_ok(eng_adapter_layout(&cfg, &l, RANK, ~0u, mem, &a, &e), e);
    float *params = sk_new_n(mem, float, a.n_floats);
    for (size_t i = 0; i < a.n_params; i++)
        for (size_t k = 0; k < a.param[i].rows * a.param[i].cols; k++)
            params[a.param[i].offset + k] =
                (float)(0.1 * sk_rng_normal(4, SK_RNG_TEST, a.param[i].offset + k));
    int32_t ids[N], target[N - 1];
    for (size_t i = 0; i < N; i++)
        ids[i] = (int32_t)sk_rng_below(8, SK_RNG_TEST, i, cfg.n_vocab);
    memcpy(target, ids + 1, sizeof(target));
    eng_frozen frozen = {g, &a, (float)(ALPHA / RANK), RANK, false};
    assert_status_ok(eng_adapter_export(adapter, &cfg, &frozen, ALPHA, params, &e), e);
    double want = inferred(x, model, adapter, ids, N);
    for (int form = 0; form < 4; form++) {
        eng_pass *pass;
        double nats;
        frozen.stream = form & 1;
        eng_pass_plan plan = {.cfg = &cfg,
                              .layout = &l,
                              .prec = form & 2 ? ENG_PREC_BF16 : ENG_PREC_F32,
                              .n_ctx = N - 1,
                              .rows = 1,
                              .frozen = &frozen};
        eng_batch b = {ids, target, NULL, 1};
        assert_status_ok(eng_pass_open(x, &plan, &pass, &e), e);
        eng_pass_load(pass, params);
        eng_pass_run(pass, &b, 0, NULL, &nats);
        if (!(fabs(nats / (N - 1) - want) <= tol * want))
            fail_msg("%s, form %d: %.6f in training, %.6f in use", arch, form, nats / (N - 1),
                     want);
        eng_pass_close(pass);
    }
    eng_gguf_close(g);
    eng_exec_close(x);
    sk_arena_free(mem);
}

static void inference_has_the_loss_of_training(void **state)
{
    (void)state;
    check_use("qwen3", ENG_F32, 1e-3);
    check_use("llama", ENG_BF16, 1e-3);
    check_use("qwen3", ENG_Q8_0, 5e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gradients_of_the_pairs, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(bytes_do_not_depend_on_the_form, unit_dir_make,
                                        unit_dir_remove),
        cmocka_unit_test(targets_are_words),
        cmocka_unit_test_setup_teardown(inference_has_the_loss_of_training, unit_dir_make,
                                        unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
