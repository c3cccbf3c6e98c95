/* t_hf_config.c - config.json of a folder: which keys of a GGUF it becomes, and what is refused. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/format/gguf_build.h"
#include "engine/hf/config.h"

#include <stdio.h>

/* What every config below has; more members go behind it. */
#define LLAMA                                                                                      \
    "{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2,\"hidden_size\":64,"        \
    "\"num_attention_heads\":4,\"intermediate_size\":128,\"max_position_embeddings\":256,"         \
    "\"rms_norm_eps\":1e-6,\"vocab_size\":100"

/* Reads the text and opens the keys it gives as a GGUF; NULL and the status where it is refused. */
static eng_gguf *read(const char *text, sk_status *st, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    static eng_hf_in in;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    *st = eng_hf_config_read(text, strlen(text), mem, &in, e);
    if (!*st) *st = eng_gguf_build(&w, e);
    if (!*st) *st = eng_hf_config_put(&in, "test", w, e);
    if (!*st)
        *st = eng_gguf_build_open(w, &g, e);
    else
        eng_gguf_abort(w);
    json_decref(in.cfg);
    sk_arena_free(mem);
    return g;
}

/* Reads what must be right. */
static eng_gguf *good(const char *text)
{
    sk_status st;
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = read(text, &st, &e);
    assert_status_ok(st, e);
    return g;
}

static void is_number(const eng_gguf *g, const char *key, double want)
{
    uint64_t u = 0;
    double f = 0;
    if (!eng_gguf_u64(g, key, &u, NULL))
        f = (double)u;
    else if (eng_gguf_f64(g, key, &f, NULL))
        fail_msg("%s is missing", key);
    if (!(f == want || (f - want) * (f - want) < 1e-12 * want * want))
        fail_msg("%s is %g, not %g", key, f, want);
}

static void is_text(const eng_gguf *g, const char *key, const char *want)
{
    eng_str s;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_gguf_str(g, key, &s, &e), e);
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.p, want, s.n);
}

static void is_absent(const eng_gguf *g, const char *key)
{
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_str k = eng_gguf_key_at(g, i);
        assert_false(k.n == strlen(key) && memcmp(k.p, key, k.n) == 0);
    }
}

static void common_keys(void **state)
{
    (void)state;
    eng_gguf *g = good(LLAMA "}");
    is_text(g, "general.architecture", "llama");
    is_text(g, "general.name", "test");
    is_number(g, "llama.block_count", 2);
    is_number(g, "llama.embedding_length", 64);
    is_number(g, "llama.attention.head_count", 4);
    is_number(g, "llama.feed_forward_length", 128);
    is_number(g, "llama.context_length", 256);
    is_number(g, "llama.attention.layer_norm_rms_epsilon", 1e-6);
    is_absent(g, "llama.rope.scaling.type");
    is_absent(g, "llama.rope.freq_base_swa");
    eng_gguf_close(g);
}

/* rope_theta at the top, or in rope_parameters where newer folders have it. */
static void bases_of_rope(void **state)
{
    (void)state;
    eng_gguf *g = good(LLAMA ",\"rope_theta\":500000.0}");
    is_number(g, "llama.rope.freq_base", 500000);
    eng_gguf_close(g);
    g = good(LLAMA ",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":30000}}");
    is_number(g, "llama.rope.freq_base", 30000);
    is_absent(g, "llama.rope.scaling.type");
    eng_gguf_close(g);
}

static void scaling_of_rope(void **state)
{
    (void)state;
    eng_gguf *g = good(LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}}");
    is_text(g, "llama.rope.scaling.type", "linear");
    is_number(g, "llama.rope.scaling.factor", 4);
    is_absent(g, "llama.rope.scaling.original_context_length");
    eng_gguf_close(g);
    g = good(LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":8,\"beta_fast\":24,"
                   "\"beta_slow\":2,\"attn_factor\":1.5,\"extrapolation_factor\":0.5,"
                   "\"original_max_position_embeddings\":32}}");
    is_text(g, "llama.rope.scaling.type", "yarn");
    is_number(g, "llama.rope.scaling.factor", 8);
    is_number(g, "llama.rope.scaling.original_context_length", 32);
    is_number(g, "llama.rope.scaling.yarn_beta_fast", 24);
    is_number(g, "llama.rope.scaling.yarn_beta_slow", 2);
    is_number(g, "llama.rope.scaling.yarn_attn_factor", 1.5);
    is_number(g, "llama.rope.scaling.yarn_ext_factor", 0.5);
    eng_gguf_close(g);
    /* without an original context it is the model's own */
    g = good(LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":8}}");
    is_number(g, "llama.rope.scaling.original_context_length", 256);
    is_absent(g, "llama.rope.scaling.yarn_beta_fast");
    eng_gguf_close(g);
    static const char *const none[] = {
        ",\"rope_scaling\":null}", ",\"rope_scaling\":{\"rope_type\":\"default\"}}",
        ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}}"};
    for (size_t i = 0; i < 3; i++) { /* llama3's are a tensor, not keys */
        char text[800];
        snprintf(text, sizeof text, "%s%s", LLAMA, none[i]);
        g = good(text);
        is_absent(g, "llama.rope.scaling.type");
        is_absent(g, "llama.rope.scaling.factor");
        eng_gguf_close(g);
    }
}

/* The text model's part of a model that also sees is laid over the rest. */
static void text_model_inside(void **state)
{
    (void)state;
    eng_gguf *g = good("{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":7,"
                       "\"text_config\":{\"architectures\":[\"Other\"],\"num_hidden_layers\":3,"
                       "\"hidden_size\":32,\"num_attention_heads\":2,\"intermediate_size\":64,"
                       "\"max_position_embeddings\":16,\"rms_norm_eps\":1e-5,\"vocab_size\":9}}");
    is_text(g, "general.architecture", "llama");
    is_number(g, "llama.embedding_length", 32);
    is_number(g, "llama.block_count", 3);
    eng_gguf_close(g);
}

/* Every number that cannot be, and what is no config at all. */
static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        sk_status st;
    } row[] = {
        {"", "config.json: ", SK_E_FORMAT},
        {"[]", "it is no JSON object", SK_E_FORMAT},
        {"5", "config.json: ", SK_E_FORMAT},
        {"{\"architectures\":", "config.json: ", SK_E_FORMAT},
        {"{}", "\"(none)\", which is not supported", SK_E_UNSUPPORTED},
        {"{\"architectures\":\"LlamaForCausalLM\"}", "\"(none)\"", SK_E_UNSUPPORTED},
        {"{\"architectures\":[5]}", "\"(none)\"", SK_E_UNSUPPORTED},
        {"{\"architectures\":[\"Nope\",\"Neither\"]}", "\"Nope\"", SK_E_UNSUPPORTED},
        {"{\"architectures\":[\"LlamaForCausalLM\"]}", "lacks num_hidden_layers", SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"num_hidden_layers\":0}}", "it must be 1 to 1024", SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"num_hidden_layers\":1025}}", "it must be 1 to 1024",
         SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"num_hidden_layers\":1.5}}", "is 1.5", SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"num_hidden_layers\":-1}}", "is -1", SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"hidden_size\":1e300}}", "hidden_size", SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"num_attention_heads\":2048}}", "num_attention_heads",
         SK_E_FORMAT},
        {LLAMA ",\"num_key_value_heads\":0}", "num_key_value_heads", SK_E_FORMAT},
        {LLAMA ",\"head_dim\":4096}", "head_dim", SK_E_FORMAT},
        {LLAMA ",\"num_local_experts\":-1}", "claims -1 experts", SK_E_FORMAT},
        {LLAMA ",\"num_local_experts\":5000}", "claims 5000 experts", SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"intermediate_size\":-3}}", "no whole number of 32 bits",
         SK_E_FORMAT},
        {LLAMA ",\"text_config\":{\"intermediate_size\":1e12}}", "no whole number of 32 bits",
         SK_E_FORMAT},
        {LLAMA ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}", "\"dynamic\"",
         SK_E_UNSUPPORTED},
        {LLAMA ",\"rope_scaling\":{\"type\":\"linear\"}}", "\"linear\"", SK_E_UNSUPPORTED},
        {LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":\"8\"}}", "\"yarn\"",
         SK_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        sk_status st;
        sk_err e = SK_ERR_INIT;
        eng_gguf *g = read(row[i].text, &st, &e);
        assert_null(g);
        assert_status(st, row[i].st, e, row[i].says);
    }
}

/* Cut anywhere, a good config is refused and nothing is lost. */
static void cut_short(void **state)
{
    (void)state;
    static const char whole[] = LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}}";
    for (size_t n = 0; n + 1 < sizeof whole; n++) {
        char part[sizeof whole];
        sk_status st;
        sk_err e = SK_ERR_INIT;
        memcpy(part, whole, n);
        part[n] = 0;
        assert_null(read(part, &st, &e));
        assert_status(st, SK_E_FORMAT, e, "config.json: ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_keys),     cmocka_unit_test(bases_of_rope),
        cmocka_unit_test(scaling_of_rope), cmocka_unit_test(text_model_inside),
        cmocka_unit_test(refused),         cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
