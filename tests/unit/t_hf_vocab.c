/* t_hf_vocab.c - tokenizer.json and tokenizer.model: written and read back with the same ids, forms
 * from the wild, what is refused, damaged files, failures.  The vocabularies of real models take
 * part where they are at hand ($SK_SHARED/tokenizers). */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "engine/format/gguf_build.h"
#include "engine/token/hf_vocab.h"
#include "engine/token/pretok.h"

#include <stdio.h>

/* Reads a folder's tokenizer by way of a GGUF. */
static sk_status read_folder(const char *dir, size_t n_vocab, eng_vocab **v, sk_err *e)
{
    eng_gguf_writer *w;
    eng_gguf *g;
    sk_status st = eng_gguf_build(&w, e);
    if (st) return st;
    st = eng_hf_vocab_put(dir, w, n_vocab, e);
    if (st) {
        eng_gguf_abort(w);
        return st;
    }
    st = eng_gguf_build_open(w, &g, e);
    if (st) return st;
    st = eng_vocab_from_gguf(g, v, e);
    eng_gguf_close(g);
    return st;
}

/* Writes v as a folder and reads that. */
static eng_vocab *there_and_back(const eng_vocab *v)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *back = NULL;
    const char *dir = unit_tmpdir();
    assert_status_ok(eng_hf_vocab_write(v, dir, &e), e);
    assert_status_ok(read_folder(dir, eng_vocab_size(v), &back, &e), e);
    unit_rm_rf(dir);
    return back;
}

static void same_ids(const eng_vocab *a, const eng_vocab *b, const char *text, size_t n)
{
    for (unsigned flags = 0; flags < 4; flags++) {
        sk_err e = SK_ERR_INIT;
        eng_ids x = {NULL, 0, 0}, y = {NULL, 0, 0};
        assert_status_ok(eng_vocab_encode(a, text, n, flags, &x, &e), e);
        assert_status_ok(eng_vocab_encode(b, text, n, flags, &y, &e), e);
        assert_int_equal(x.n, y.n);
        if (x.n) assert_memory_equal(x.id, y.id, x.n * sizeof *x.id);
        eng_ids_fini(&x);
        eng_ids_fini(&y);
    }
}

static void same_vocab(const eng_vocab *a, const eng_vocab *b)
{
    char text[300];
    assert_int_equal(eng_vocab_size(a), eng_vocab_size(b));
    assert_int_equal(eng_vocab_bos(a), eng_vocab_bos(b));
    assert_int_equal(eng_vocab_eos(a), eng_vocab_eos(b));
    assert_string_equal(eng_vocab_chat_template(a), eng_vocab_chat_template(b));
    for (uint64_t seed = 0; seed < 200; seed++) {
        size_t n = seed * 13 % sizeof text;
        tiny_random(text, n, seed);
        same_ids(a, b, text, n);
    }
    same_ids(a, b, tiny_text, strlen(tiny_text));
}

/* Byte-level vocabularies with every pre-tokenizer that has a form in tokenizer.json. */
static void byte_level(void **state)
{
    (void)state;
    static const char *const names[] = {
        "gpt-2",        "qwen2",    "qwen35", "llama-bpe",  "dbrx",           "falcon",
        "starcoder",    "smollm",   "gpt-4o", "tekken",     "deepseek-coder", "deepseek-v3",
        "youtu",        "superbpe", "bloom",  "bailingmoe", "seed-coder",     "exaone-moe",
        "deepseek-llm", "tiny_aya", "viking", "chameleon",  "jais-2",         "laguna"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        eng_vocab *v = tiny_vocab(400, names[i]), *back = there_and_back(v);
        same_vocab(v, back);
        eng_vocab_close(v);
        eng_vocab_close(back);
    }
    /* one that has none is refused by name */
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = tiny_vocab(300, "kimi-k2");
    const char *dir = unit_tmpdir();
    assert_status(eng_hf_vocab_write(v, dir, &e), SK_E_UNSUPPORTED, e, "kimi-k2");
    assert_int_equal(unit_count_files(dir), 0);
    unit_rm_rf(dir);
    eng_vocab_close(v);
}

/* The other kinds, small ones. */
static void start_words(tiny_kind *k, eng_vocab_kind kind)
{
    static const char *const words[] = {" ",  "a",   "b",  "ab",  "s",  "t", "e", "st", " t",
                                        " s", " th", "he", " st", "er", "h", "r", "est"};
    tiny_kind_start(k, kind);
    k->parts.role[ENG_ROLE_UNKNOWN] = tiny_kind_add(k, "<unk>", ENG_TOKEN_UNKNOWN, 0);
    k->parts.role[ENG_ROLE_BOS] = tiny_kind_add(k, "<s>", ENG_TOKEN_CONTROL, 0);
    k->parts.role[ENG_ROLE_EOS] = tiny_kind_add(k, "</s>", ENG_TOKEN_CONTROL, 0);
    k->parts.role[ENG_ROLE_SEPARATOR] = k->parts.role[ENG_ROLE_EOS];
    if (kind == ENG_VOCAB_SPM) tiny_kind_bytes(k);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        tiny_kind_add(k, words[i], ENG_TOKEN_NORMAL, -1 - (float)((i * 7) % 17));
    tiny_kind_add(k, "<user>", ENG_TOKEN_USER, 0);
    tiny_kind_add(k, "[PAD]", ENG_TOKEN_UNUSED, 0);
    k->parts.chat_template = (eng_str){"{{ \"x\" }}", 9};
}

static void other_kinds(void **state)
{
    (void)state;
    static tiny_kind k;
    static const char map[] = "\4\0\0\0\0\0\0\0a"; /* a map that replaces nothing */
    for (int round = 0; round < 6; round++) {
        eng_vocab_kind kind = round < 2 ? ENG_VOCAB_SPM : round < 5 ? ENG_VOCAB_UGM : ENG_VOCAB_WPM;
        start_words(&k, kind);
        k.parts.space_prefix = round % 2;
        k.parts.merge_spaces = round == 3;
        if (round == 4) k.parts.charsmap = (eng_str){map, sizeof map};
        eng_vocab *v = tiny_kind_build(&k), *back = there_and_back(v);
        same_vocab(v, back);
        eng_vocab_close(v);
        eng_vocab_close(back);
    }
}

/* ---- real vocabularies ---- */

/* The texts of NAME.gguf.inp. */
static void same_ids_of_file(const eng_vocab *a, const eng_vocab *b, const char *path)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    sk_buf in = SK_BUF_INIT;
    if (!unit_read(path, &in)) return;
    for (const char *text = in.p; text;) {
        const char *end = strstr(text, separator);
        same_ids(a, b, text, end ? (size_t)(end - text) : strlen(text));
        text = end ? end + sizeof separator - 1 : NULL;
    }
    sk_buf_fini(&in);
}

static void real_vocabularies(void **state)
{
    (void)state;
    static const char *const models[] = {"gpt-2",     "falcon",   "starcoder",    "refact",
                                         "mpt",       "gpt-neox", "deepseek-llm", "deepseek-coder",
                                         "llama-spm", "phi-3",    "baichuan",     "bert-bge"};
    const char *shared = getenv("SK_SHARED");
    size_t found = 0;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char path[1024], inp[1100];
        sk_err e = SK_ERR_INIT;
        eng_vocab *v = NULL;
        snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-%s.gguf",
                 shared ? shared : "../shared/data", models[i]);
        snprintf(inp, sizeof inp, "%s.inp", path);
        if (!sk_file_exists(path)) continue;
        found++;
        assert_status_ok(eng_vocab_load(path, &v, &e), e);
        eng_vocab *back = there_and_back(v);
        same_ids_of_file(v, back, inp);
        same_ids(v, back, tiny_text, strlen(tiny_text));
        eng_vocab_close(v);
        eng_vocab_close(back);
    }
    if (!found) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(real_vocabularies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
