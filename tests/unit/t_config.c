/* t_config.c - bounds of a model's shape, its parameter list, angles, and the keys of its file. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"
#include "engine/model/layout.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

static void families(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_config c = {.arch = "llama"};
    assert_status_ok(eng_config_family(&c, &e), e);
    assert_int_equal(c.rope_form, ENG_ROPE_PAIRS);
    assert_false(c.qk_norm);
    c = (eng_config){.arch = "qwen3"};
    assert_status_ok(eng_config_family(&c, &e), e);
    assert_int_equal(c.rope_form, ENG_ROPE_HALF);
    assert_true(c.qk_norm);
    static const char *const unknown[] = {"", "qwen", "qwen33", "LLAMA", "llama ", "mamba"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        c = (eng_config){0};
        snprintf(c.arch, sizeof c.arch, "%s", unknown[i]);
        assert_status(eng_config_family(&c, &e), SK_E_UNSUPPORTED, e, unknown[i]);
        assert_contains(e.text, eng_family_names());
        assert_null(eng_family_find(unknown[i]));
    }
}

/* Every bound, just inside and just outside. */
static void bounds(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const struct {
        size_t at;
        uint32_t min, max;
        const char *says;
    } row[] = {
        {offsetof(eng_config, n_vocab), 1, 1u << 22, "vocab"},
        {offsetof(eng_config, n_ctx), 2, 1u << 22, "context"},
        {offsetof(eng_config, n_embd), 1, 1u << 17, "dim"},
        {offsetof(eng_config, n_layer), 1, 1024, "layers"},
        {offsetof(eng_config, head_dim), 2, 1024, "head size"},
        {offsetof(eng_config, n_ff), 1, 1u << 20, "ffn"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const uint32_t good[] = {row[i].min, row[i].max}, bad[] = {row[i].min - 1, row[i].max + 1};
        for (size_t j = 0; j < 2; j++) {
            eng_config c = fixture_config("qwen3");
            uint32_t *field = (uint32_t *)(void *)((char *)&c + row[i].at);
            *field = good[j];
            assert_status_ok(eng_config_check(&c, &e), e);
            *field = bad[j];
            assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, row[i].says);
        }
    }
    eng_config c = fixture_config("llama");
    c.n_head = c.n_kv_head = 1025;
    assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "heads");
    c.n_head = c.n_kv_head = 0;
    assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "heads");
    c.n_head = 1;
    assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "kv-heads");
}

static void relations(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("llama");
    c.n_head = 5;
    assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "multiple of kv-heads");
    c = fixture_config("llama");
    c.head_dim = 15;
    assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "even");
    const float bad_eps[] = {0, -1e-5f, 1, NAN, INFINITY}, bad_theta[] = {0, 0.5f, -1, NAN, 1e13f};
    for (size_t i = 0; i < 5; i++) {
        c = fixture_config("llama");
        c.rms_eps = bad_eps[i];
        assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "rms_epsilon");
        c = fixture_config("llama");
        c.rope_theta = bad_theta[i];
        assert_status(eng_config_check(&c, &e), SK_E_INVALID, e, "freq_base");
    }
    c = fixture_config("llama");
    c.rope_form = (eng_rope_form)7;
    assert_status(eng_config_check(&c, &e), SK_E_INTERNAL, e, "rope");
}

/* Offsets aligned and disjoint, names unique, counts right, every parameter found. */
static void layout_of(const eng_config *c)
{
    sk_err e = SK_ERR_INIT;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_layout l;
    assert_status_ok(eng_layout_build(c, a, &l, &e), e);
    assert_int_equal(l.n_params, c->n_layer * (c->qk_norm ? 11u : 9u) + 2 + !c->tied);
    size_t floats = 0, weights = 0;
    for (size_t i = 0; i < l.n_params; i++) {
        const eng_param *p = &l.param[i];
        assert_int_equal(p->offset, floats);
        assert_int_equal(p->offset % 16, 0);
        assert_int_equal(p->is_matrix, p->rows > 1);
        floats += (p->rows * p->cols + 15) / 16 * 16;
        weights += p->rows * p->cols;
        assert_int_equal(eng_layout_find(&l, p->kind, p->layer), i);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(p->name, l.param[j].name);
    }
    assert_int_equal(l.n_floats, floats);
    assert_int_equal(l.n_weights, weights);
    assert_int_equal(eng_layout_find(&l, ENG_P_Q, c->n_layer), SIZE_MAX);
    assert_int_equal(eng_layout_find(&l, ENG_P_Q, UINT32_MAX), SIZE_MAX);
    assert_int_equal(eng_layout_find(&l, ENG_P_HEAD, 0) == SIZE_MAX, c->tied);
    assert_int_equal(eng_layout_find(&l, ENG_P_Q_NORM, 0) == SIZE_MAX, !c->qk_norm);
    assert_int_equal(eng_layout_find(&l, ENG_P_EMBD, 77), 0); /* layer is ignored */
    assert_string_equal(l.param[0].name, "token_embd.weight");
    assert_string_equal(l.param[1].name, "blk.0.attn_norm.weight");
    sk_arena_free(a);
}

static void layouts(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        eng_config c = fixture_config(i & 1 ? "llama" : "qwen3");
        c.tied = i & 2;
        c.n_layer = i & 4 ? 1 : 13;
        layout_of(&c);
    }
    /* the largest shape there is does not overflow */
    eng_config c = fixture_config("llama");
    c.n_vocab = 1u << 22;
    c.n_embd = 1u << 17;
    c.n_ff = 1u << 20;
    c.n_layer = c.n_head = c.n_kv_head = c.head_dim = 1024;
    c.tied = false;
    sk_err e = SK_ERR_INIT;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_layout l;
    assert_status_ok(eng_layout_build(&c, a, &l, &e), e);
    uint64_t d = c.n_embd, q = 1u << 20;
    uint64_t want = 2 * d * c.n_vocab + d + 1024 * (2 * d + 4 * d * q + 3 * d * c.n_ff);
    assert_int_equal(l.n_weights, want);
    sk_arena_free(a);
}

static void layout_errors(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("llama");
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_layout l = {.n_params = 99};
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    sk_status st = eng_layout_build(&c, a, &l, &e);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_status(st, SK_E_NOMEM, e, "memory");
    c.n_layer = 0;
    assert_status(eng_layout_build(&c, a, &l, &e), SK_E_INVALID, e, "layers");
    assert_int_equal(l.n_params, 99);
    sk_arena_free(a);
}

/* ---- keys of a file ---- */

/* What a file of test_keys says besides the usual. */
typedef struct keys {
    const char *skip; /* one of the usual keys */
    const char *name; /* an extra one: */
    const char *text; /* as a string, or */
    double number;    /* as u32 (whole) or f32 */
    bool is_bool;
} keys;

static void put_u32(eng_gguf_writer *w, const keys *k, const char *key, uint32_t v)
{
    if (!k->skip || strcmp(k->skip, key) != 0) eng_gguf_put_u32(w, key, v);
}

/* A file with the keys of a small llama and its embedding (n_vocab 3, n_embd 8), then read. */
static sk_status read_keys(const keys *k, eng_config *out, sk_err *e)
{
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "keys.gguf");
    eng_gguf_writer *w = NULL;
    sk_err err = SK_ERR_INIT;
    assert_status_ok(eng_gguf_create(path, &w, &err), err);
    if (!k->skip || strcmp(k->skip, "general.architecture") != 0)
        eng_gguf_put_str(w, "general.architecture", "llama", 5);
    put_u32(w, k, "llama.context_length", 64);
    put_u32(w, k, "llama.embedding_length", 8);
    put_u32(w, k, "llama.block_count", 1);
    put_u32(w, k, "llama.feed_forward_length", 16);
    put_u32(w, k, "llama.attention.head_count", 2);
    if (!k->skip || !strstr(k->skip, "epsilon"))
        eng_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    if (k->name && k->text)
        eng_gguf_put_str(w, k->name, k->text, strlen(k->text));
    else if (k->name && k->is_bool)
        eng_gguf_put_bool(w, k->name, k->number != 0);
    else if (k->name && k->number == floor(k->number))
        eng_gguf_put_u32(w, k->name, (uint32_t)k->number);
    else if (k->name)
        eng_gguf_put_f32(w, k->name, (float)k->number);
    const char *tensor = k->skip && !strcmp(k->skip, "embd") ? "other" : "token_embd.weight";
    eng_gguf_add_tensor(w, tensor, ENG_F32, 3, 8, false);
    const float data[24] = {0};
    assert_status_ok(eng_gguf_write_f32(w, data, &err), err);
    assert_status_ok(eng_gguf_commit(w, &err), err);
    eng_gguf *g = NULL;
    assert_status_ok(eng_gguf_open(path, &g, &err), err);
    sk_status st = eng_config_read(g, out, e);
    eng_gguf_close(g);
    unit_rm_rf(dir);
    return st;
}

static void keys_read(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_config c;
    assert_status_ok(read_keys(&(keys){0}, &c, &e), e);
    assert_string_equal(c.arch, "llama");
    assert_string_equal(c.name, "");
    assert_int_equal(c.n_vocab, 3);
    assert_int_equal(c.n_ctx, 64);
    assert_int_equal(c.n_embd, 8);
    assert_int_equal(c.n_head, 2);
    assert_int_equal(c.n_kv_head, 2);
    assert_int_equal(c.head_dim, 4);
    assert_int_equal(c.n_ff, 16);
    assert_true(c.tied && c.rope_theta == 10000.0f && c.rms_eps == 1e-5f);
    /* optional keys that repeat or change what is allowed */
    const keys fine[] = {
        {.name = "llama.attention.head_count_kv", .number = 1},
        {.name = "llama.attention.key_length", .number = 6},
        {.name = "llama.rope.freq_base", .number = 500000.5},
        {.name = "llama.vocab_size", .number = 3},
        {.name = "llama.rope.dimension_count", .number = 4},
        {.name = "llama.rope.dimension_count", .number = 2},
        {.name = "llama.attention.value_length", .number = 2},
        {.name = "llama.rope.scaling.type", .text = "yarn"},
        {.name = "llama.rope.scaling.factor", .number = 4},
        {.name = "llama.rope.scale_linear", .number = 4},
        {.name = "llama.logit_scale", .number = 1},
        {.name = "llama.logit_scale", .number = 0},
        {.name = "llama.attention.clamp_kqv", .number = 0},
        {.name = "llama.expert_weights_norm", .number = 1, .is_bool = true},
        {.name = "llama.expert_gating_func", .number = 1},
        {.name = "llama.leading_dense_block_count", .number = 0},
        {.name = "llama.nextn_predict_layers", .number = 0},
        {.name = "llama.rope.scaling.yarn_attn_factor", .number = 1.5},
        {.name = "llama.attention.layer_norm_epsilon", .number = 0.1},
        {.name = "llama.rope.scaling.type", .text = "none"},
        {.name = "llama.rope.scaling.type", .text = "linear"},
        {.name = "llama.rope.scaling.factor", .number = 1},
        {.name = "llama.rope.scaling.factor", .number = 0},
        {.name = "llama.expert_count", .number = 0},
        {.name = "llama.attention.causal", .number = 1, .is_bool = true},
        {.name = "llama.tensor_data_layout", .text = "Meta AI original pth"},
        {.name = "llamas.are.fine", .number = 1},
        {.name = "llama", .number = 1},
        {.name = "general.name",
         .text = "a name that is far longer than the sixty-three bytes a "
                 "config holds, and is therefore cut"},
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_status_ok(read_keys(&fine[i], &c, &e), e);
    assert_int_equal(strlen(c.name), 63);
}

static void keys_refused(void **state)
{
    (void)state;
    const struct {
        keys k;
        sk_status st;
        const char *says;
    } bad[] = {
        {{.skip = "general.architecture"}, SK_E_FORMAT, "general.architecture"},
        {{.skip = "embd"}, SK_E_FORMAT, "token_embd.weight"},
        {{.skip = "llama.context_length"}, SK_E_FORMAT, "llama.context_length"},
        {{.skip = "llama.embedding_length"}, SK_E_FORMAT, "llama.embedding_length"},
        {{.skip = "llama.block_count"}, SK_E_FORMAT, "llama.block_count"},
        {{.skip = "llama.feed_forward_length"}, SK_E_FORMAT, "llama.feed_forward_length"},
        {{.skip = "llama.attention.head_count"}, SK_E_FORMAT, "llama.attention.head_count"},
        {{.skip = "epsilon"}, SK_E_FORMAT, "layer_norm_rms_epsilon"},
        {{.name = "llama.unheard.of", .number = 1}, SK_E_UNSUPPORTED, "llama.unheard.of"},
        {{.name = "llama.rope.scaling.type", .text = "dynamic"}, SK_E_UNSUPPORTED, "scaling.type"},
        {{.name = "llama.rope.scaling.type", .number = 1}, SK_E_UNSUPPORTED, "scaling.type"},
        {{.name = "llama.rope.scaling.factor", .number = -4.5}, SK_E_FORMAT, "scaling.factor"},
        {{.name = "llama.rope.scaling.factor", .text = "1"}, SK_E_FORMAT, "scaling.factor"},
        {{.name = "llama.expert_count", .number = 8}, SK_E_FORMAT, "expert_used_count"},
        {{.name = "llama.expert_count", .number = 1025}, SK_E_FORMAT, "expert_count"},
        {{.name = "llama.logit_scale", .number = 2}, SK_E_UNSUPPORTED, "logit_scale"},
        {{.name = "llama.attention.clamp_kqv", .number = 8}, SK_E_UNSUPPORTED, "clamp_kqv"},
        {{.name = "llama.attention.max_alibi_bias", .number = 8}, SK_E_UNSUPPORTED, "alibi"},
        {{.name = "llama.expert_weights_norm", .is_bool = true}, SK_E_UNSUPPORTED, "weights_norm"},
        {{.name = "llama.expert_gating_func", .number = 2}, SK_E_UNSUPPORTED, "gating_func"},
        {{.name = "llama.leading_dense_block_count", .number = 1}, SK_E_UNSUPPORTED, "leading"},
        {{.name = "llama.nextn_predict_layers", .number = 1}, SK_E_FORMAT, "nextn"},
        {{.name = "llama.rope.dimension_sections", .text = "x"}, SK_E_UNSUPPORTED, "sections"},
        {{.name = "llama.rope.dimension_count", .number = 6}, SK_E_FORMAT, "dimension_count"},
        {{.name = "llama.rope.dimension_count", .number = 3}, SK_E_FORMAT, "dimension_count"},
        {{.name = "llama.rope.scaling.alpha", .number = -1.5}, SK_E_FORMAT, "alpha"},
        {{.name = "llama.attention.scale", .number = -0.5}, SK_E_FORMAT, "attention.scale"},
        {{.name = "llama.attention.causal", .is_bool = true}, SK_E_UNSUPPORTED, "causal"},
        {{.name = "llama.attention.sliding_window", .number = 32}, SK_E_UNSUPPORTED, "sliding"},
        {{.name = "llama.vocab_size", .number = 4}, SK_E_UNSUPPORTED, "vocab_size"},
        {{.name = "llama.attention.value_length", .number = 1025}, SK_E_FORMAT, "value_length"},
        {{.name = "llama.attention.key_length", .number = 3}, SK_E_FORMAT, "even"},
        {{.name = "llama.attention.key_length", .text = "4"}, SK_E_FORMAT, "key_length"},
        {{.name = "llama.attention.head_count_kv", .number = 3}, SK_E_FORMAT, "kv-heads"},
        {{.name = "llama.rope.freq_base", .text = "hot"}, SK_E_FORMAT, "freq_base"},
        {{.name = "llama.rope.freq_base", .number = 0.25}, SK_E_FORMAT, "freq_base"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        eng_config c = {.n_vocab = 99};
        assert_status(read_keys(&bad[i].k, &c, &e), bad[i].st, e, bad[i].says);
        assert_int_equal(c.n_vocab, 99);
        assert_int_equal(read_keys(&bad[i].k, &c, NULL), bad[i].st);
    }
}

/* What eng_config_put writes comes back by eng_config_read. */
static void round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        sk_err e = SK_ERR_INIT;
        eng_config c = fixture_config(i & 1 ? "llama" : "qwen3"), back;
        c.tied = i & 2;
        c.rms_eps = 3e-6f;
        c.rope_theta = 123456.0f;
        c.head_dim = 10;
        const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.gguf");
        assert_status_ok(fixture_model_write(path, &c, 1, ENG_F32, &e), e);
        eng_gguf *g = NULL;
        assert_status_ok(eng_gguf_open(path, &g, &e), e);
        memset(&back, 0, sizeof back);
        assert_status_ok(eng_config_read(g, &back, &e), e);
        assert_memory_equal(&back, &c, offsetof(eng_config, tied) + sizeof c.tied);
        eng_gguf_close(g);
        unit_rm_rf(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families),      cmocka_unit_test(bounds),
        cmocka_unit_test(relations),     cmocka_unit_test(layouts),
        cmocka_unit_test(layout_errors), cmocka_unit_test(keys_read),
        cmocka_unit_test(keys_refused),  cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
