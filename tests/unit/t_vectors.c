/* t_vectors.c - vocabularies of real models with the ids their own tokenizers give, where they are
 * at hand: $SK_SHARED/tokenizers (default ../shared/data/tokenizers).  Skipped without them. */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/token/vocab.h"

#include <stdio.h>

static const char *const models[] = {"gpt-2",     "falcon",   "starcoder",    "refact",
                                     "mpt",       "gpt-neox", "deepseek-llm", "deepseek-coder",
                                     "llama-spm", "phi-3",    "baichuan",     "bert-bge"};
enum { N_MODELS = sizeof models / sizeof models[0] };

/* A file of the folder; false if it is not there. */
static bool path_of(char *path, size_t n, const char *before, const char *model, const char *after)
{
    const char *shared = getenv("SK_SHARED");
    snprintf(path, n, "%s/tokenizers/%s%s%s", shared ? shared : "../shared/data", before, model,
             after);
    return sk_file_exists(path);
}

/* The vocabulary, NULL if it is not there. */
static eng_vocab *load(const char *model)
{
    char path[1024];
    if (!path_of(path, sizeof path, "ggml-vocab-", model, ".gguf")) return NULL;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status_ok(eng_vocab_load(path, &v, &e), e);
    return v;
}

static void read_text(const char *path, sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    sk_buf_reset(b);
    assert_status_ok(sk_file_load(path, 1 << 26, b, &e), e);
}

/* The ids as the .out files have them: a blank before each. */
static void encode(const eng_vocab *v, const char *text, size_t n, sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {NULL, 0, 0};
    assert_status_ok(eng_vocab_encode(v, text, n, 0, &ids, &e), e);
    sk_buf_reset(b);
    sk_buf_adds(b, "");
    for (size_t i = 0; i < ids.n; i++)
        sk_buf_addf(b, " %d", ids.id[i]);
    eng_ids_fini(&ids);
}

/* NAME.gguf.inp: texts between separators; NAME.gguf.out: a line of ids for each. */
static void check_inp(const eng_vocab *v, const char *model)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    char path[1024];
    sk_buf in = SK_BUF_INIT, out = SK_BUF_INIT, b = SK_BUF_INIT;
    if (!path_of(path, sizeof path, "ggml-vocab-", model, ".gguf.inp")) return;
    read_text(path, &in);
    assert_true(path_of(path, sizeof path, "ggml-vocab-", model, ".gguf.out"));
    read_text(path, &out);
    const char *text = in.p;
    char *want = out.p;
    while (text && want) {
        const char *end = strstr(text, separator);
        char *line = strchr(want, '\n');
        assert_true(line || !end); /* the last line has no end */
        if (line) *line = 0;
        encode(v, text, end ? (size_t)(end - text) : strlen(text), &b);
        assert_string_equal(b.p, want);
        text = end ? end + sizeof separator - 1 : NULL;
        want = line ? line + 1 : NULL;
    }
    assert_null(text);
    sk_buf_fini(&in);
    sk_buf_fini(&out);
    sk_buf_fini(&b);
}

/* extra/NAME.json: [{"text", "ids"}, ...] */
static void check_extra(const eng_vocab *v, const char *model)
{
    char path[1024];
    sk_buf in = SK_BUF_INIT, b = SK_BUF_INIT, want = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    json_t *all = NULL, *row, *id;
    size_t i, k;
    if (!path_of(path, sizeof path, "extra/", model, ".json")) return;
    read_text(path, &in);
    assert_status_ok(sk_json_parse(in.p, in.len, 8, &all, &e), e);
    json_array_foreach(all, i, row)
    {
        const json_t *text = json_object_get(row, "text");
        encode(v, json_string_value(text), json_string_length(text), &b);
        sk_buf_reset(&want);
        sk_buf_adds(&want, "");
        json_array_foreach(json_object_get(row, "ids"), k, id)
            sk_buf_addf(&want, " %d", (int)json_integer_value(id));
        assert_string_equal(b.p, want.p);
    }
    json_decref(all);
    sk_buf_fini(&in);
    sk_buf_fini(&b);
    sk_buf_fini(&want);
}

/* Any bytes go there and back where the vocabulary has all of them. */
static void check_bytes(const eng_vocab *v, const char *model)
{
    static const char *const whole[] = {"gpt-2", "llama-spm", "phi-3", "baichuan"};
    char text[500];
    bool all = false;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        all |= strcmp(model, whole[i]) == 0;
    for (uint64_t seed = 0; seed < 400 && all; seed++) {
        size_t n = seed * 17 % sizeof text;
        tiny_random(text, n, seed);
        tiny_round_trip(v, text, n);
    }
}

static void ids_of_real_models(void **state)
{
    (void)state;
    size_t found = 0;
    for (size_t i = 0; i < N_MODELS; i++) {
        eng_vocab *v = load(models[i]);
        if (!v) continue;
        found++;
        check_inp(v, models[i]);
        check_extra(v, models[i]);
        check_bytes(v, models[i]);
        eng_vocab_close(v);
    }
    if (!found) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ids_of_real_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
