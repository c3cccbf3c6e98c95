/* t_lora.c - adapters: as if the base weights had been changed, whoever else is in the step; read
 * from GGUF and from PEFT folders; refused where they would be left out. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/format/safetensors.h"
#include "engine/model/lora.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

enum { RANK = 3, N_IDS = 9, SEED = 7 };
static const double ALPHA = 6;

/* The matrices the test's adapter changes. */
static const char *const targets[] = {
    "blk.0.attn_q.weight",   "blk.0.attn_v.weight",   "blk.0.attn_output.weight",
    "blk.1.attn_k.weight",   "blk.1.ffn_gate.weight", "blk.1.ffn_up.weight",
    "blk.1.ffn_down.weight",
};
enum { N_TARGETS = sizeof targets / sizeof *targets };

/* A model with its base, its adapter and the folder they are in. */
typedef struct world {
    const char *dir;
    eng_exec *x;
    eng_model *m;
    eng_gguf *base;
} world;

static char dir_text[256];

/* Element i of a matrix of the adapter. */
static float element(size_t target, int second, size_t i)
{
    return (float)(sk_rng_uniform(SEED + 2 * target + (size_t)second, SK_RNG_INIT, i) - 0.5);
}

static void open_world(world *w)
{
    sk_err e = SK_ERR_INIT;
    eng_config cfg = fixture_config("llama");
    (void)snprintf(dir_text, sizeof dir_text, "%s", unit_tmpdir());
    w->dir = dir_text;
    assert_status_ok(eng_exec_open(2, &w->x, &e), e);
    const char *path = unit_path(w->dir, "base.gguf");
    assert_status_ok(fixture_model_write(path, &cfg, SEED, ENG_F32, &e), e);
    assert_status_ok(eng_model_open(w->x, path, &w->m, &e), e);
    assert_status_ok(eng_gguf_open(path, &w->base, &e), e);
}

static void close_world(world *w)
{
    eng_gguf_close(w->base);
    eng_model_close(w->m);
    eng_exec_close(w->x);
    unit_rm_rf(w->dir);
}

/* Writes the adapter as a GGUF; `name` replaces the first target's. */
static void write_adapter(const world *w, const char *path, const char *name, const char *arch)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *g = NULL;
    assert_status_ok(eng_gguf_create(path, &g, &e), e);
    eng_gguf_put_str(g, "general.type", "adapter", 7);
    eng_gguf_put_str(g, "adapter.type", "lora", 4);
    eng_gguf_put_str(g, "general.architecture", arch, strlen(arch));
    eng_gguf_put_f32(g, "adapter.lora.alpha", (float)ALPHA);
    for (int pass = 0; pass < 2; pass++)
        for (size_t t = 0; t < N_TARGETS; t++)
            for (int second = 0; second < 2; second++) {
                char full[80];
                const eng_gguf_tensor *base = eng_gguf_tensor_find(w->base, targets[t]);
                size_t rows = second ? base->dim[1] : RANK, cols = second ? RANK : base->dim[0];
                (void)snprintf(full, sizeof full, "%s.lora_%c", t || !name ? targets[t] : name,
                               second ? 'b' : 'a');
                if (!pass) {
                    eng_gguf_add_tensor(g, full, ENG_F32, rows, cols, false);
                    continue;
                }
                float v[4096];
                assert_true(rows * cols <= 4096);
                for (size_t i = 0; i < rows * cols; i++)
                    v[i] = element(t, second, i);
                assert_status_ok(eng_gguf_write_f32(g, v, &e), e);
            }
    assert_status_ok(eng_gguf_commit(g, &e), e);
}

/* Writes the base with the adapter worked into its weights. */
static void write_merged(const world *w, const char *path, double scale)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *g = NULL;
    size_t n = eng_gguf_n_tensors(w->base);
    assert_status_ok(eng_gguf_create(path, &g, &e), e);
    eng_gguf_copy_keys(g, w->base);
    for (size_t i = 0; i < n; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(w->base, i);
        char name[80];
        (void)snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        eng_gguf_add_shape(g, name, t->type, t->n_dims, t->dim);
    }
    for (size_t i = 0; i < n; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(w->base, i);
        size_t k = 0, cols = t->dim[0], rows = t->dim[1];
        while (k < N_TARGETS &&
               (strlen(targets[k]) != t->name.n || memcmp(targets[k], t->name.p, t->name.n) != 0))
            k++;
        float *v = malloc(t->bytes);
        assert_non_null(v);
        memcpy(v, t->data, t->bytes);
        for (size_t r = 0; k < N_TARGETS && r < rows; r++)
            for (size_t c = 0; c < cols; c++) {
                double sum = 0;
                for (size_t j = 0; j < RANK; j++)
                    sum += (double)element(k, 1, r * RANK + j) * element(k, 0, j * cols + c);
                v[r * cols + c] = (float)(v[r * cols + c] + scale * ALPHA / RANK * sum);
            }
        assert_status_ok(eng_gguf_write_f32(g, v, &e), e);
        free(v);
    }
    assert_status_ok(eng_gguf_commit(g, &e), e);
}

static const int32_t ids[N_IDS] = {5, 17, 200, 31, 8, 250, 99, 3, 44};

/* Opens a session of two slots. */
static eng_session *open_session(const world *w, const eng_model *m)
{
    eng_session *s = NULL;
    sk_err e = SK_ERR_INIT;
    const eng_session_opts o = {.n_slots = 2, .n_ctx = 32, .max_step = 32};
    assert_status_ok(eng_session_open(w->x, m, &o, &s, &e), e);
    return s;
}

/* All logits of the ids, alone in slot 0, into out [N_IDS, n_vocab]. */
static void run(const world *w, const eng_model *m, const eng_lora *l, float *out, size_t n_vocab)
{
    sk_err e = SK_ERR_INIT;
    eng_session *s = open_session(w, m);
    eng_step_item it = {.slot = 0, .n = N_IDS, .ids = ids, .want = ENG_WANT_ALL};
    assert_status_ok(eng_session_adapt(s, 0, l, &e), e);
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    memcpy(out, it.logits, N_IDS * n_vocab * sizeof *out);
    eng_session_close(s);
}

static size_t vocab_of(const world *w)
{
    eng_model_info i;
    eng_model_get_info(w->m, &i);
    return i.n_vocab;
}

static void is_like_changed_weights(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    sk_err e = SK_ERR_INIT;
    eng_lora *l = NULL;
    eng_model *merged = NULL;
    size_t n = N_IDS * vocab_of(&w);
    float *plain = malloc(n * 4), *adapted = malloc(n * 4), *want = malloc(n * 4);
    const char *path = unit_path(w.dir, "a.gguf"), *changed = unit_path(w.dir, "m.gguf");
    write_adapter(&w, path, NULL, "llama");
    write_merged(&w, changed, 0.5);
    assert_status_ok(eng_lora_open(w.x, w.m, path, 0.5, &l, &e), e);
    assert_status_ok(eng_model_open(w.x, changed, &merged, &e), e);
    run(&w, w.m, NULL, plain, vocab_of(&w));
    run(&w, w.m, l, adapted, vocab_of(&w));
    run(&w, merged, NULL, want, vocab_of(&w));
    unit_close(adapted, want, n, 1e-5);
    double moved = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        moved += ((double)plain[i] - want[i]) * ((double)plain[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    assert_true(moved > 0.01 * size); /* the adapter matters at all */
    free(plain);
    free(adapted);
    free(want);
    eng_lora_close(l);
    eng_model_close(merged);
    close_world(&w);
}

/* The vector of the ids. */
static void embed(eng_embedder *d, const eng_lora *l, size_t n, float *v)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_embedder_adapt(d, l, &e), e);
    assert_status_ok(eng_embedder_run(d, ids, n, ENG_POOL_MEAN, true, v, &e), e);
}

/* Vectors with an adapter are those of changed weights; without it they are the model's again, also
 * where the room for a text grew meanwhile. */
static void vectors(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    sk_err e = SK_ERR_INIT;
    eng_lora *l = NULL;
    eng_model *merged = NULL;
    eng_embedder *d, *of_merged;
    eng_model_info info;
    eng_model_get_info(w.m, &info);
    size_t n = info.n_embd;
    float *plain = malloc(n * 4), *adapted = malloc(n * 4), *want = malloc(n * 4);
    const char *path = unit_path(w.dir, "a.gguf"), *changed = unit_path(w.dir, "m.gguf");
    write_adapter(&w, path, NULL, "llama");
    write_merged(&w, changed, 0.5);
    assert_status_ok(eng_lora_open(w.x, w.m, path, 0.5, &l, &e), e);
    assert_status_ok(eng_model_open(w.x, changed, &merged, &e), e);
    assert_status_ok(eng_embedder_open(w.x, w.m, &d, &e), e);
    assert_status_ok(eng_embedder_open(w.x, merged, &of_merged, &e), e);
    embed(d, NULL, 2, plain);
    embed(d, l, 2, adapted);
    embed(of_merged, NULL, 2, want);
    unit_close(adapted, want, n, 1e-5);
    assert_memory_not_equal(plain, adapted, n * 4);
    embed(d, l, N_IDS, adapted);
    embed(of_merged, NULL, N_IDS, want);
    unit_close(adapted, want, n, 1e-5);
    embed(d, NULL, 2, adapted);
    assert_memory_equal(plain, adapted, n * 4);
    assert_status(eng_embedder_adapt(of_merged, l, &e), SK_E_INVALID, e, "another model");
    eng_embedder_close(d);
    eng_embedder_close(of_merged);
    eng_lora_close(l);
    eng_model_close(merged);
    free(plain);
    free(adapted);
    free(want);
    close_world(&w);
}

/* Two sequences in one step, one of them adapted, in chunks: the bytes they have alone. */
static void sequences_do_not_mix(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    sk_err e = SK_ERR_INIT;
    eng_lora *l = NULL;
    size_t n_vocab = vocab_of(&w), n = N_IDS * n_vocab;
    float *plain = malloc(n * 4), *adapted = malloc(n * 4);
    const char *path = unit_path(w.dir, "a.gguf");
    write_adapter(&w, path, NULL, "llama");
    assert_status_ok(eng_lora_open(w.x, w.m, path, 1, &l, &e), e);
    run(&w, w.m, NULL, plain, n_vocab);
    run(&w, w.m, l, adapted, n_vocab);
    eng_session *s = open_session(&w, w.m);
    assert_status_ok(eng_session_adapt(s, 1, l, &e), e);
    for (size_t at = 0; at < N_IDS; at += 4) {
        size_t k = N_IDS - at < 4 ? N_IDS - at : 4;
        eng_step_item it[] = {
            {.slot = 0, .pos = at, .n = k, .ids = ids + at, .want = ENG_WANT_ALL},
            {.slot = 1, .pos = at, .n = k, .ids = ids + at, .want = ENG_WANT_LAST}};
        assert_status_ok(eng_session_step(s, it, 2, &e), e);
        assert_memory_equal(it[0].logits, plain + at * n_vocab, k * n_vocab * 4);
        assert_memory_equal(it[1].logits, adapted + (at + k - 1) * n_vocab, n_vocab * 4);
    }
    /* a slot that changes its adapter begins anew */
    assert_status_ok(eng_session_adapt(s, 1, NULL, &e), e);
    eng_step_item it = {.slot = 1, .pos = 4, .n = 1, .ids = ids, .want = ENG_WANT_LAST};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_INVALID, e, "holds 0 tokens");
    eng_session_close(s);
    eng_lora_close(l);
    free(plain);
    free(adapted);
    close_world(&w);
}

static void refuses_what_it_cannot_change(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    sk_err e = SK_ERR_INIT;
    eng_lora *l = NULL;
    const char *path = unit_path(w.dir, "a.gguf");
    write_adapter(&w, path, "token_embd.weight", "llama");
    assert_status(eng_lora_open(w.x, w.m, path, 1, &l, &e), SK_E_UNSUPPORTED, e,
                  "cannot be adapted");
    write_adapter(&w, path, "blk.9.attn_q.weight", "llama");
    assert_status(eng_lora_open(w.x, w.m, path, 1, &l, &e), SK_E_UNSUPPORTED, e, "does not exist");
    write_adapter(&w, path, "blk.0.ffn_down.weight", "llama");
    assert_status(eng_lora_open(w.x, w.m, path, 1, &l, &e), SK_E_FORMAT, e, "the matrix has");
    write_adapter(&w, path, NULL, "qwen3");
    assert_status(eng_lora_open(w.x, w.m, path, 1, &l, &e), SK_E_UNSUPPORTED, e, "qwen3");
    assert_status(eng_lora_open(w.x, w.m, unit_path(w.dir, "base.gguf"), 1, &l, &e), SK_E_NOTFOUND,
                  e, "general.type");
    close_world(&w);
}

/* ---- PEFT folders ---- */

/* The folder's row of a GGUF's row, for heads of hd that RoPE turns in pairs. */
static size_t unpaired(size_t r, size_t hd)
{
    return r / hd * hd + r % hd % 2 * (hd / 2) + r % hd / 2;
}

static void write_peft(const world *w, const char *dir, const char *config)
{
    static const char *const names[] = {"self_attn.q_proj", "self_attn.v_proj"};
    static const size_t target[] = {0, 1};
    sk_err e = SK_ERR_INIT;
    eng_st_writer *out = NULL;
    char full[4][120];
    eng_st_decl decl[4];
    size_t hd = fixture_config("llama").head_dim;
    for (size_t k = 0; k < 4; k++) {
        const eng_gguf_tensor *b = eng_gguf_tensor_find(w->base, targets[target[k / 2]]);
        (void)snprintf(full[k], sizeof full[k], "base_model.model.model.layers.0.%s.lora_%c.weight",
                       names[k / 2], k % 2 ? 'B' : 'A');
        decl[k] = (eng_st_decl){
            full[k], ENG_F32, 2, {k % 2 ? b->dim[1] : RANK, k % 2 ? RANK : b->dim[0]}};
    }
    unit_write(unit_path(dir, "adapter_config.json"), config, strlen(config));
    assert_status_ok(eng_st_create(unit_path(dir, "adapter_model.safetensors"), decl, 4, &out, &e),
                     e);
    for (size_t k = 0; k < 4; k++) {
        float v[4096];
        size_t rows = decl[k].dim[0], cols = decl[k].dim[1];
        bool turn = k == 1;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++)
                v[(turn ? unpaired(r, hd) : r) * cols + c] =
                    element(target[k / 2], k % 2, r * cols + c);
        assert_status_ok(eng_st_write(out, v, rows * cols * 4, &e), e);
    }
    assert_status_ok(eng_st_commit(out, &e), e);
}

/* The same numbers from a folder give the same bytes as from a GGUF that holds these two. */
static void reads_peft_folders(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    sk_err e = SK_ERR_INIT;
    eng_lora *l = NULL;
    size_t n = N_IDS * vocab_of(&w);
    float *got = malloc(n * 4), *plain = malloc(n * 4);
    char dir[300];
    (void)snprintf(dir, sizeof dir, "%s/peft", w.dir);
    assert_status_ok(sk_mkdirs(dir, &e), e);
    write_peft(&w, dir, "{\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":6,\"bias\":\"none\"}");
    assert_status_ok(eng_lora_open(w.x, w.m, dir, 1, &l, &e), e);
    run(&w, w.m, l, got, vocab_of(&w));
    run(&w, w.m, NULL, plain, vocab_of(&w));
    assert_true(memcmp(got, plain, n * 4) != 0);
    eng_lora_close(l);
    /* zero strength: exactly the base but for the sign of zeros */
    assert_status_ok(eng_lora_open(w.x, w.m, dir, 0, &l, &e), e);
    run(&w, w.m, l, got, vocab_of(&w));
    for (size_t i = 0; i < n; i++)
        assert_true(got[i] == plain[i]);
    eng_lora_close(l);
    write_peft(&w, dir, "{\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":6,\"use_dora\":true}");
    assert_status(eng_lora_open(w.x, w.m, dir, 1, &l, &e), SK_E_UNSUPPORTED, e, "use_dora");
    write_peft(&w, dir, "{\"peft_type\":\"IA3\"}");
    assert_status(eng_lora_open(w.x, w.m, dir, 1, &l, &e), SK_E_UNSUPPORTED, e, "IA3");
    free(got);
    free(plain);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_like_changed_weights), cmocka_unit_test(vectors),
        cmocka_unit_test(sequences_do_not_mix),    cmocka_unit_test(refuses_what_it_cannot_change),
        cmocka_unit_test(reads_peft_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
