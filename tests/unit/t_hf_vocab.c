/* t_hf_vocab.c - tokenizer.json and tokenizer.model: written and read back with the same ids, forms
 * from the wild, what is refused, damaged files, failures.  The vocabularies of real models take
 * part where they are at hand ($SK_SHARED/tokenizers). */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

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

/* ---- forms from the wild: the seeds of the fuzzers ---- */

/* A folder with one seed as the named file. */
static const char *folder_of(const char *seed, const char *name)
{
    sk_buf b = SK_BUF_INIT;
    const char *dir = unit_tmpdir();
    assert_true(unit_read(unit_path("tests/fuzz/corpus", seed), &b));
    unit_write(unit_path(dir, name), b.p, b.len);
    sk_buf_fini(&b);
    return dir;
}

static void put(const char *dir, const char *name, const char *text)
{
    unit_write(unit_path(dir, name), text, strlen(text));
}

static eng_vocab *good(const char *dir, size_t n_vocab)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status_ok(read_folder(dir, n_vocab, &v, &e), e);
    return v;
}

/* Llama 3's form: a Split, ignore_merges, a template, an added token that takes white space. */
static void form_of_bytes(void **state)
{
    (void)state;
    const char *dir = folder_of("hf_json/bytes", "tokenizer.json");
    eng_vocab *v = good(dir, 310);
    assert_int_equal(eng_vocab_size(v), 310);
    tiny_encodes(v, "the the", 0, "257 259");
    tiny_encodes(v, "the", ENG_TOK_ADD, "300 257");
    tiny_encodes(v, "<s> \n the", ENG_TOK_SPECIAL, "300 257");
    tiny_encodes(v, "a  a", 0, "97 302 97");
    tiny_encodes(v, "<s>", 0, "60 115 62");
    eng_vocab_close(v);
    sk_err e = SK_ERR_INIT;
    v = NULL;
    assert_status(read_folder(dir, 200, &v, &e), SK_E_FORMAT, e, "the model only 200");
    /* ids that the model has no room for: of added tokens they are left out */
    v = good(dir, 300);
    assert_int_equal(eng_vocab_size(v), 300);
    eng_vocab_close(v);
    unit_rm_rf(dir);
}

static void form_of_sentencepiece(void **state)
{
    (void)state;
    const char *dir = folder_of("hf_json/spm", "tokenizer.json");
    eng_vocab *v = good(dir, 0);
    tiny_encodes(v, "the a", ENG_TOK_ADD, "1 268 269");
    tiny_encodes(v, "\xc3\xa9", 0, "259 198 172");
    eng_vocab_close(v);
    unit_rm_rf(dir);
    /* merges in another order than any scores would give: by rank, on characters */
    dir = folder_of("hf_json/other_order", "tokenizer.json");
    v = good(dir, 0);
    tiny_encodes(v, "a the", 0, "260 268");
    eng_vocab_close(v);
    unit_rm_rf(dir);
}

static void forms_of_the_others(void **state)
{
    (void)state;
    const char *dir = folder_of("hf_json/unigram", "tokenizer.json");
    eng_vocab *v = good(dir, 0);
    tiny_encodes(v, "a  a", ENG_TOK_ADD, "5 5 1");
    tiny_encodes(v, "the q", 0, "7 3 2");
    eng_vocab_close(v);
    unit_rm_rf(dir);
    dir = folder_of("hf_json/wordpiece", "tokenizer.json");
    v = good(dir, 0);
    tiny_encodes(v, "The CATs, zz", ENG_TOK_ADD, "2 4 5 6 11 1 3");
    tiny_encodes(v, "ab", 0, "7 8");
    eng_vocab_close(v);
    unit_rm_rf(dir);
}

static void form_of_tokenizer_model(void **state)
{
    (void)state;
    const char *dir = folder_of("hf_spm/bpe", "tokenizer.model");
    put(dir, "tokenizer_config.json",
        "{\"add_bos_token\": true, \"added_tokens_decoder\": {\"270\": {\"content\": "
        "\"<|turn|>\", \"special\": false}, \"271\": {\"content\": \"\\u2581\\u2581\", "
        "\"special\": false}}}");
    eng_vocab *v = good(dir, 280);
    assert_int_equal(eng_vocab_size(v), 280);
    tiny_encodes(v, "the a", ENG_TOK_ADD, "1 267 259 260");
    tiny_encodes(v, "a<|turn|>", ENG_TOK_SPECIAL, "259 260 270");
    tiny_encodes(v, "a  a", 0, "259 260 271 259 260");
    tiny_encodes(v, "<user>", 0, "268");
    assert_int_equal(eng_vocab_eos(v), 2);
    eng_vocab_close(v);
    /* a file of that name that is another thing does not hide tokenizer.json */
    put(dir, "tokenizer.model", "IQ== 0\nIg== 1\n");
    sk_err e = SK_ERR_INIT;
    v = NULL;
    assert_status(read_folder(dir, 0, &v, &e), SK_E_FORMAT, e, "SentencePiece");
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read("tests/fuzz/corpus/hf_json/wordpiece", &b));
    unit_write(unit_path(dir, "tokenizer.json"), b.p, b.len);
    v = good(dir, 0);
    tiny_encodes(v, "the", 0, "4");
    eng_vocab_close(v);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
    dir = folder_of("hf_spm/unigram", "tokenizer.model");
    v = good(dir, 0);
    tiny_encodes(v, "a", 0, "3");
    eng_vocab_close(v);
    unit_rm_rf(dir);
}

/* Roles and templates from the files beside the tokenizer. */
static void files_beside(void **state)
{
    (void)state;
    const char *dir = folder_of("hf_json/bytes", "tokenizer.json");
    put(dir, "tokenizer_config.json",
        "{\"bos_token\": {\"content\": \"<s>\", \"lstrip\": false}, \"eos_token\": \"</s>\","
        " \"add_bos_token\": false, \"chat_template\": [{\"name\": \"tool_use\", \"template\": "
        "\"T\"}, {\"name\": \"default\", \"template\": \"D\"}]}");
    put(dir, "generation_config.json", "{\"eos_token_id\": [301, 5, 6, 7]}");
    put(dir, "config.json", "{\"text_config\": {\"pad_token_id\": 9}, \"bos_token_id\": 8}");
    eng_vocab *v = good(dir, 0);
    assert_int_equal(eng_vocab_bos(v), 300);
    assert_int_equal(eng_vocab_eos(v), 301);
    assert_true(eng_vocab_is_end(v, 301) && eng_vocab_is_end(v, 5) && eng_vocab_is_end(v, 6));
    assert_false(eng_vocab_is_end(v, 7));
    assert_string_equal(eng_vocab_chat_template(v), "D");
    tiny_encodes(v, "a", ENG_TOK_ADD, "97");
    eng_vocab_close(v);
    put(dir, "chat_template.jinja", "{{ messages }}\n");
    v = good(dir, 0);
    assert_string_equal(eng_vocab_chat_template(v), "{{ messages }}\n");
    eng_vocab_close(v);
    sk_err e = SK_ERR_INIT;
    v = NULL;
    put(dir, "config.json", "{\"text_config\": ");
    assert_status(read_folder(dir, 0, &v, &e), SK_E_FORMAT, e, "config.json, line 1");
    unit_rm_rf(dir);
    dir = unit_tmpdir();
    assert_status(read_folder(dir, 0, &v, &e), SK_E_NOTFOUND, e, "neither");
    unit_rm_rf(dir);
}

/* A seed with one text put in place of another: what is said of it. */
static void refused(const char *seed, const char *was, const char *is, sk_status want,
                    const char *part)
{
    sk_buf b = SK_BUF_INIT, c = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_true(unit_read(unit_path("tests/fuzz/corpus/hf_json", seed), &b));
    char *at = strstr(b.p, was);
    assert_non_null(at);
    sk_buf_add(&c, b.p, (size_t)(at - b.p));
    sk_buf_adds(&c, is);
    sk_buf_adds(&c, at + strlen(was));
    const char *dir = unit_tmpdir();
    unit_write(unit_path(dir, "tokenizer.json"), c.p, c.len);
    assert_status(read_folder(dir, 0, &v, &e), want, e, part);
    assert_null(v);
    unit_rm_rf(dir);
    sk_buf_fini(&b);
    sk_buf_fini(&c);
}

static void unknown_parts(void **state)
{
    (void)state;
    const sk_status no = SK_E_UNSUPPORTED, bad = SK_E_FORMAT;
    refused("bytes", "\"type\": \"BPE\"", "\"type\": \"WordLevel\"", no, "WordLevel");
    refused("bytes", "\"NFC\"", "\"Lowercase\"", no, "Lowercase");
    refused("bytes", "{1,3}", "{1,7}", no, "\\p{N}{1,7}");
    refused("bytes", "\"Isolated\"", "\"MergedWithNext\"", no, "MergedWithNext");
    refused("bytes", "\"add_prefix_space\": false", "\"add_prefix_space\": true", no,
            "adds a space");
    refused("bytes", "\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", no,
            "</w>");
    refused("spm", "\"type\": \"Prepend\"", "\"type\": \"NFKD\"", no, "NFKD");
    refused("unigram", "\"Metaspace\"", "\"CharDelimiterSplit\"", no, "Metaspace");
    refused("wordpiece", "\"BertNormalizer\"", "\"NFD\"", no, "NFD");
    refused("wordpiece", "\"##\"", "\"@@\"", no, "@@");
    refused("bytes", "\"merges\": [[\"t\", \"h\"]", "\"merges\": [[\"t\", \"q\"]", bad, "merge 0");
    refused("bytes", "\"merges\": [[\"t\", \"h\"]", "\"merges\": [[\"t\"]", bad, "pair");
    refused("bytes", "\"merges\": [[\"t\", \"h\"]", "\"merges\": [[\"t\", \"h\", \"e\"]", bad,
            "pair");
    refused("bytes", "\"merges\": [[\"t\", \"h\"]", "\"merges\": [7", bad, "'\"' expected");
    refused("bytes", "\"th\": 256", "\"th\": 2147483646", bad, "ids up to");
    refused("bytes", "\"th\": 256", "\"th\": -1", bad, "ids up to");
    refused("bytes", "\"th\": 256", "\"th\": 1.5", bad, "whole number");
    refused("bytes", "\"th\": 256", "\"t\\ud800h\": 256", bad, "surrogate");
    refused("bytes", "\"th\": 256", "\"th\" 256", bad, "':' expected");
    refused("bytes", "\"vocab\"", "\"vocabulary\"", bad, "no vocabulary");
    refused("bytes", "\"model\"", "\"modell\"", bad, "no model");
    refused("unigram", "[\"a\", -3]", "[\"a\"]", bad, "line 1");
    refused("unigram", "[\"a\", -3]", "[\"a\", -3e999]", bad, "no number");
}

/* Every file cut anywhere is refused, or is a vocabulary still; nothing is read outside of it. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const char *const seeds[][2] = {{"hf_json/wordpiece", "tokenizer.json"},
                                           {"hf_json/unigram", "tokenizer.json"},
                                           {"hf_spm/unigram", "tokenizer.model"}};
    for (size_t i = 0; i < 3; i++) {
        sk_buf b = SK_BUF_INIT;
        assert_true(unit_read(unit_path("tests/fuzz/corpus", seeds[i][0]), &b));
        const char *dir = unit_tmpdir();
        for (size_t n = 0; n < b.len; n += 1 + n / 64) {
            sk_err e = SK_ERR_INIT;
            eng_vocab *v = NULL;
            unit_write(unit_path(dir, seeds[i][1]), b.p, n);
            sk_status st = read_folder(dir, 0, &v, &e);
            assert_true(st == SK_OK || st == SK_E_FORMAT || st == SK_E_UNSUPPORTED);
            assert_true((st == SK_OK) == (v != NULL));
            eng_vocab_close(v);
        }
        unit_rm_rf(dir);
        sk_buf_fini(&b);
    }
}

static sk_status read_starved(void *dir, sk_err *e)
{
    eng_vocab *v = NULL;
    sk_status st = read_folder(dir, 0, &v, e);
    assert_int_equal(st == SK_OK, v != NULL);
    eng_vocab_close(v);
    return st;
}

static void without_memory(void **state)
{
    (void)state;
    static const char *const seeds[][2] = {{"hf_json/spm", "tokenizer.json"},
                                           {"hf_json/unigram", "tokenizer.json"},
                                           {"hf_json/wordpiece", "tokenizer.json"},
                                           {"hf_spm/unigram", "tokenizer.model"}};
    for (size_t i = 0; i < 4; i++) {
        char dir[512];
        snprintf(dir, sizeof dir, "%s", folder_of(seeds[i][0], seeds[i][1]));
        put(dir, "tokenizer_config.json", "{\"bos_token\": \"<s>\", \"chat_template\": \"x\"}");
        unit_starve(read_starved, dir, 5000, 0);
        unit_rm_rf(dir);
    }
}

static sk_status write_starved(void *vocab, sk_err *e)
{
    return eng_hf_vocab_write(vocab, unit_dir, e);
}

static void writing_without_memory(void **state)
{
    (void)state;
    static tiny_kind k;
    start_words(&k, ENG_VOCAB_SPM);
    eng_vocab *v = tiny_kind_build(&k);
    unit_starve(write_starved, v, 5000, 0);
    eng_vocab_close(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(real_vocabularies),
        cmocka_unit_test(form_of_bytes),
        cmocka_unit_test(form_of_sentencepiece),
        cmocka_unit_test(forms_of_the_others),
        cmocka_unit_test(form_of_tokenizer_model),
        cmocka_unit_test(files_beside),
        cmocka_unit_test(unknown_parts),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(without_memory),
        cmocka_unit_test_setup_teardown(writing_without_memory, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
