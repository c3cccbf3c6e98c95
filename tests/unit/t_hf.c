/* t_hf.c - Hugging Face folders: the forms of tensors against their definition by loops, every
 * architecture to a folder and back, folders made by hand, and folders that lie. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "engine/engine.h"
#include "engine/format/safetensors.h"
#include "engine/hf/form.h"
#include "engine/hf/match.h"
#include "tests/arch/fixture.h"

#include <stdio.h>
#include <unistd.h>

/* ---- forms ---- */

static const eng_hf_sizes sizes = {.n_head = 6, .n_kv_head = 2, .head_dim = 4};

/* Row r of the GGUF holds this row of the folder: each form by the loops that define it. */
static void forms_are_their_loops(void **state)
{
    (void)state;
    size_t r = 0, per = sizes.n_head / sizes.n_kv_head, hd = sizes.head_dim;
    for (size_t h = 0; h < sizes.n_head; h++)
        for (size_t i = 0; i < hd / 2; i++)
            for (size_t half = 0; half < 2; half++)
                assert_int_equal(eng_hf_form_row(ENG_HF_ROPE_Q, &sizes, 0, r++),
                                 h * hd + half * (hd / 2) + i);
    r = 0;
    for (size_t part = 0; part < 3; part++)
        for (size_t h = 0; h < sizes.n_head; h++)
            for (size_t i = 0; i < hd; i++)
                assert_int_equal(eng_hf_form_row(ENG_HF_QKV_HEADS, &sizes, 0, r++),
                                 (h * 3 + part) * hd + i);
    r = 0;
    for (size_t g = 0; g < sizes.n_kv_head; g++)
        for (size_t q = 0; q < per; q++)
            for (size_t i = 0; i < hd; i++)
                assert_int_equal(eng_hf_form_row(ENG_HF_QKV_GROUPS, &sizes, 0, r++),
                                 (g * (per + 2) + q) * hd + i);
    for (size_t part = 0; part < 2; part++)
        for (size_t g = 0; g < sizes.n_kv_head; g++)
            for (size_t i = 0; i < hd; i++)
                assert_int_equal(eng_hf_form_row(ENG_HF_QKV_GROUPS, &sizes, 0, r++),
                                 (g * (per + 2) + per + part) * hd + i);
}

/* A form that only moves rows takes each row once. */
static void forms_lose_nothing(void **state)
{
    (void)state;
    const eng_hf_form whole[] = {ENG_HF_SAME, ENG_HF_ROPE_Q, ENG_HF_QKV_GROUPS};
    const size_t rows[] = {24, 24, 40};
    for (size_t k = 0; k < 3; k++) {
        bool seen[64] = {false};
        for (size_t r = 0; r < rows[k]; r++) {
            size_t at = eng_hf_form_row(whole[k], &sizes, rows[k], r);
            assert_true(at < rows[k] && !seen[at]);
            seen[at] = true;
        }
    }
    bool seen[40] = {false};
    const eng_hf_form parts[] = {ENG_HF_GROUP_Q, ENG_HF_GROUP_K, ENG_HF_GROUP_V};
    const size_t n[] = {24, 8, 8};
    for (size_t k = 0; k < 3; k++)
        for (size_t r = 0; r < n[k]; r++) {
            size_t at = eng_hf_form_row(parts[k], &sizes, n[k], r);
            assert_true(at < 40 && !seen[at]);
            seen[at] = true;
        }
}

static void shapes_must_fit_the_heads(void **state)
{
    (void)state;
    eng_hf_shape to;
    assert_true(eng_hf_form_shape(ENG_HF_ROPE_K, &sizes, (eng_hf_shape){1, 8, 5}, &to));
    assert_false(eng_hf_form_shape(ENG_HF_ROPE_K, &sizes, (eng_hf_shape){1, 9, 5}, &to));
    assert_false(eng_hf_form_shape(ENG_HF_HALF_0, &sizes, (eng_hf_shape){2, 7, 5}, &to));
    assert_true(eng_hf_form_shape(ENG_HF_PART_V, &sizes, (eng_hf_shape){1, 40, 5}, &to));
    assert_int_equal(to.rows, 8);
}

/* Value k of a folder's block stands in byte k / 2; of ggml's in byte k % 16. */
static void four_bit_blocks_keep_their_values(void **state)
{
    (void)state;
    uint8_t packed[16], out[17];
    for (unsigned j = 0; j < 16; j++)
        packed[j] = (uint8_t)(j * 37 + 11);
    eng_hf_fp4_block(out, packed, 0x7f);
    assert_int_equal(out[0], 0x7f);
    for (unsigned k = 0; k < 32; k++)
        assert_int_equal(out[1 + k % 16] >> (k / 16 * 4) & 15, packed[k / 2] >> (k % 2 * 4) & 15);
}

static void names_have_numbers(void **state)
{
    (void)state;
    uint32_t layer = 99, expert = 99;
    char made[40];
    assert_true(eng_hf_name_fits("a.#.b.@.w", "a.12.b.3.w", &layer, &expert));
    assert_int_equal(layer, 12);
    assert_int_equal(expert, 3);
    assert_false(eng_hf_name_fits("a.#.w", "a.01.w", &layer, &expert));
    assert_false(eng_hf_name_fits("a.#.w", "a.1234567.w", &layer, &expert));
    assert_false(eng_hf_name_fits("a.#.w", "a..w", &layer, &expert));
    assert_true(eng_hf_name_make("a.#.b.@.w", 7, 10, made, sizeof made));
    assert_string_equal(made, "a.7.b.10.w");
    assert_false(eng_hf_name_make("a.#.b.@.w", 7, 10, made, 5));
}

/* ---- there and back ---- */

/* Every tensor of a is in b with the same type, shape and bytes. */
static void same_tensors(const eng_gguf *a, const eng_gguf *b)
{
    assert_int_equal(eng_gguf_n_tensors(a), eng_gguf_n_tensors(b));
    for (size_t i = 0; i < eng_gguf_n_tensors(a); i++) {
        const eng_gguf_tensor *x = eng_gguf_tensor_at(a, i);
        char name[80];
        (void)snprintf(name, sizeof name, "%.*s", (int)x->name.n, x->name.p);
        const eng_gguf_tensor *y = eng_gguf_tensor_find(b, name);
        if (!y) fail_msg("%s is lost", name);
        if (x->type != y->type || x->bytes != y->bytes ||
            memcmp(x->dim, y->dim, sizeof x->dim) != 0)
            fail_msg("%s changed its type or shape", name);
        if (memcmp(x->data, y->data, x->bytes) != 0) fail_msg("%s changed its bytes", name);
    }
}

/* A key of a, if it has it, has the same text in b. */
static void same_key(const eng_gguf *a, const eng_gguf *b, const char *arch, const char *suffix)
{
    char key[120];
    uint64_t u = 0, v = 0;
    double f = 0, g = 0;
    (void)snprintf(key, sizeof key, "%s.%s", arch, suffix);
    if (!eng_gguf_u64(a, key, &u, NULL)) {
        assert_int_equal(eng_gguf_u64(b, key, &v, NULL), SK_OK);
        assert_int_equal(u, v);
    } else if (!eng_gguf_f64(a, key, &f, NULL)) {
        assert_int_equal(eng_gguf_f64(b, key, &g, NULL), SK_OK);
        assert_true(f == g);
    }
}

static void same_keys(const eng_gguf *a, const eng_gguf *b, const char *arch)
{
    static const char *const suffix[] = {"context_length",
                                         "embedding_length",
                                         "block_count",
                                         "feed_forward_length",
                                         "attention.head_count",
                                         "attention.head_count_kv",
                                         "attention.layer_norm_rms_epsilon",
                                         "attention.layer_norm_epsilon",
                                         "rope.freq_base",
                                         "expert_count",
                                         "expert_used_count",
                                         "expert_feed_forward_length",
                                         "embedding_scale",
                                         "residual_scale",
                                         "logit_scale",
                                         "attention.scale",
                                         "attn_logit_softcapping",
                                         "final_logit_softcapping",
                                         "rope.scaling.factor",
                                         "rope.scaling.original_context_length",
                                         "attention.clamp_kqv"};
    for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++)
        same_key(a, b, arch, suffix[i]);
}

/* One architecture of tests/arch as GGUF, folder, GGUF, folder. */
static void there_and_back(const char *name, const char *dir)
{
    char path[200];
    sk_buf bytes = SK_BUF_INIT, one = SK_BUF_INIT, two = SK_BUF_INIT;
    arch_case info;
    eng_gguf *a = NULL, *b = NULL;
    sk_err e = SK_ERR_INIT;
    const char *folder = unit_path(dir, "f"), *again = unit_path(dir, "g");
    (void)snprintf(path, sizeof path, "tests/arch/%s.arch", name);
    assert_status_ok(arch_make(path, true, &info, &bytes, &e), e);
    assert_status_ok(eng_gguf_open_bytes(bytes.p, bytes.len, &a, &e), e);
    sk_status st = eng_hf_from_gguf(a, folder, ENG_HF_KEEP, NULL, NULL, &e);
    if (st) fail_msg("%s: %s", name, e.text);
    st = eng_hf_open(folder, &b, &e);
    if (st) fail_msg("%s: %s", name, e.text);
    same_tensors(a, b);
    same_keys(a, b, info.arch);
    assert_status_ok(eng_hf_from_gguf(b, again, ENG_HF_KEEP, NULL, NULL, &e), e);
    assert_true(unit_read(unit_path(folder, "model.safetensors"), &one));
    assert_true(unit_read(unit_path(again, "model.safetensors"), &two));
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.p, two.p, one.len);
    eng_gguf_close(a);
    eng_gguf_close(b);
    sk_buf_fini(&bytes);
    sk_buf_fini(&one);
    sk_buf_fini(&two);
    unit_rm_rf(folder);
    unit_rm_rf(again);
}

static void architectures_go_there_and_back(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama",      "llama-bias", "llama-headdim",  "llama-linear", "llama-tied",
        "llama-yarn", "qwen2",      "qwen3",          "qwen2moe",     "qwen3moe",
        "gemma",      "gemma2",     "gemma3",         "granite",      "olmo",
        "olmo2",      "olmoe",      "smollm3",        "glm4",         "starcoder2",
        "ernie4_5",   "command-r",  "command-r-plus", "mixtral",      "seed_oss"};
    const char *dir = unit_tmpdir();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "tests/arch/%s.arch", names[i]);
        if (!sk_file_exists(path)) fail_msg("%s is missing", path);
        if (getenv("HF_VERBOSE")) print_message("%s\n", names[i]);
        there_and_back(names[i], dir);
    }
    unit_rm_rf(dir);
}

/* ---- folders that lie ---- */

#define GOOD                                                                                       \
    "\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":4,\"num_hidden_layers\":1,"          \
    "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"intermediate_size\":4,"                 \
    "\"max_position_embeddings\":16,\"rms_norm_eps\":1e-5,\"vocab_size\":4"

/* A folder with this config.json and one tensor of the given name and shape [4, 4]. */
static void make_folder(const char *dir, const char *config, const char *tensor)
{
    const eng_st_decl decl = {tensor, ENG_F32, 2, {4, 4}};
    const float w[16] = {0};
    eng_st_writer *out = NULL;
    sk_err e = SK_ERR_INIT;
    unit_write(unit_path(dir, "config.json"), config, strlen(config));
    assert_status_ok(eng_st_create(unit_path(dir, "model.safetensors"), &decl, 1, &out, &e), e);
    assert_status_ok(eng_st_write(out, w, sizeof w, &e), e);
    assert_status_ok(eng_st_commit(out, &e), e);
}

static void refused(const char *dir, const char *config, const char *tensor, sk_status want,
                    const char *part)
{
    eng_gguf *g = NULL;
    sk_err e = SK_ERR_INIT;
    make_folder(dir, config, tensor);
    assert_status(eng_hf_open(dir, &g, &e), want, e, part);
}

static void refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *q = "model.layers.0.self_attn.q_proj.weight";
    refused(dir, "{", q, SK_E_FORMAT, "config.json");
    refused(dir, "{\"architectures\":[\"NoSuchModel\"]}", q, SK_E_UNSUPPORTED, "NoSuchModel");
    refused(dir, "{\"architectures\":[\"LlamaForCausalLM\"]}", q, SK_E_FORMAT, "lacks");
    refused(dir, "{" GOOD ",\"head_dim\":1e9}", q, SK_E_FORMAT, "head_dim");
    refused(dir, "{" GOOD ",\"rope_scaling\":{\"rope_type\":\"odd\",\"factor\":2}}", q,
            SK_E_UNSUPPORTED, "odd");
    refused(dir, "{" GOOD "}", "model.surprise", SK_E_UNSUPPORTED, "model.surprise");
    refused(dir, "{" GOOD ",\"head_dim\":8}", q, SK_E_FORMAT, "does not fit the heads");
    unit_rm_rf(dir);
}

/* llama3's scaling is a tensor in a GGUF and numbers in a folder. */
static void llama3_scaling_survives(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *out = unit_path(dir, "out");
    eng_gguf *g = NULL;
    sk_err e = SK_ERR_INIT;
    sk_buf text = SK_BUF_INIT;
    make_folder(dir,
                "{" GOOD ",\"head_dim\":64,\"rope_theta\":500000.0,\"rope_scaling\":{"
                "\"rope_type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":1.0,"
                "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":8192}}",
                "model.embed_tokens.weight");
    assert_status_ok(eng_hf_open(dir, &g, &e), e);
    const eng_gguf_tensor *t = eng_gguf_tensor_find(g, "rope_freqs.weight");
    assert_non_null(t);
    assert_int_equal(t->dim[0], 32);
    /* the shortest wave is kept, the longest stretched by the factor */
    assert_true(((const float *)t->data)[0] == 1.0f && ((const float *)t->data)[31] == 32.0f);
    assert_status_ok(eng_hf_from_gguf(g, out, ENG_HF_KEEP, NULL, NULL, &e), e);
    assert_true(unit_read(unit_path(out, "config.json"), &text));
    assert_contains(text.p, "\"factor\": 32.0");
    assert_contains(text.p, "\"original_max_position_embeddings\": 8192");
    eng_gguf_close(g);
    sk_buf_fini(&text);
    unit_rm_rf(dir);
}

static void names_the_missing_file(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *index = unit_path(dir, "model.safetensors.index.json");
    eng_gguf *g = NULL;
    sk_err e = SK_ERR_INIT;
    unit_write(unit_path(dir, "config.json"), "{" GOOD "}", strlen("{" GOOD "}"));
    assert_status(eng_hf_open(dir, &g, &e), SK_E_NOTFOUND, e, "model.safetensors");
    const char *map = "{\"weight_map\":{\"a\":\"m-1.safetensors\"}}";
    unit_write(index, map, strlen(map));
    assert_status(eng_hf_open(dir, &g, &e), SK_E_NOTFOUND, e, "m-1.safetensors");
    map = "{\"weight_map\":{\"a\":\"../m.safetensors\"}}";
    unit_write(index, map, strlen(map));
    assert_status(eng_hf_open(dir, &g, &e), SK_E_FORMAT, e, "no file of the folder");
    unit_rm_rf(dir);
}

/* A file of the folder that is cut short while the model is in use. */
static void a_file_is_cut_short(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *file = unit_path(dir, "model.safetensors");
    eng_gguf *g = NULL;
    sk_err e = SK_ERR_INIT;
    make_folder(dir, "{" GOOD "}", "model.embed_tokens.weight");
    assert_status_ok(eng_hf_open(dir, &g, &e), e);
    const eng_gguf_tensor *t = eng_gguf_tensor_find(g, "token_embd.weight");
    assert_non_null(t);
    assert_false(eng_gguf_torn(g));
    eng_gguf_watch(g);
    assert_int_equal(truncate(file, 0), 0);
    assert_false(eng_gguf_torn(g)); /* nobody has read it yet */
    assert_true(((const volatile float *)t->data)[5] == 0.0f);
    assert_true(eng_gguf_torn(g));
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_their_loops),
        cmocka_unit_test(forms_lose_nothing),
        cmocka_unit_test(shapes_must_fit_the_heads),
        cmocka_unit_test(four_bit_blocks_keep_their_values),
        cmocka_unit_test(names_have_numbers),
        cmocka_unit_test(architectures_go_there_and_back),
        cmocka_unit_test(refuses_what_it_does_not_understand),
        cmocka_unit_test(llama3_scaling_survives),
        cmocka_unit_test(names_the_missing_file),
        cmocka_unit_test(a_file_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
