/* t_vocab_bad.c - vocabularies that mean harm or nonsense: cycles of merges, equal and empty
 * tokens, scores that are none, arrays of wrong lengths; and what a file that says little gets. */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "engine/format/gguf.h"
#include "engine/format/gguf_type.h"

#include <math.h>

#define KEY(name) "tokenizer.ggml." name

/* A file being written. */
typedef struct file {
    const char *dir, *path;
    eng_gguf_writer *w;
} file;

static file start(const char *model)
{
    sk_err e = SK_ERR_INIT;
    file f = {.dir = unit_tmpdir()};
    f.path = unit_path(f.dir, "v.gguf");
    assert_status_ok(eng_gguf_create(f.path, &f.w, &e), e);
    eng_gguf_put_str(f.w, KEY("model"), model, strlen(model));
    return f;
}

static void put_strs(file *f, const char *key, const char *const *s, size_t n)
{
    eng_str str[16];
    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++)
        str[i] = (eng_str){s[i], strlen(s[i])};
    eng_gguf_put_strs(f->w, key, str, n);
}

/* Ends the file and loads it. */
static sk_status load(file *f, eng_vocab **v, sk_err *e)
{
    assert_status_ok(eng_gguf_commit(f->w, e), *e);
    sk_status st = eng_vocab_load(f->path, v, e);
    unit_rm_rf(f->dir);
    return st;
}

static eng_vocab *good(file *f)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status_ok(load(f, &v, &e), e);
    return v;
}

static void bad(file *f, const char *part)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status(load(f, &v, &e), SK_E_FORMAT, e, part);
    assert_null(v);
}

/* Merges that undo each other: a b -> c, c a -> b, b a -> c.  Each takes a symbol away, so there is
 * an end. */
static void cycles(void **state)
{
    (void)state;
    static tiny_kind k;
    static const eng_bpe_merge merge[] = {{0, 1, 2}, {2, 0, 1}, {1, 0, 2}, {2, 2, 2}, {0, 0, 0}};
    tiny_kind_start(&k, ENG_VOCAB_BPE);
    tiny_kind_add(&k, "a", ENG_TOKEN_NORMAL, 0);
    tiny_kind_add(&k, "b", ENG_TOKEN_NORMAL, 0);
    tiny_kind_add(&k, "c", ENG_TOKEN_NORMAL, 0);
    k.parts.merge = merge;
    k.parts.n_merges = 5;
    eng_vocab *v = tiny_kind_build(&k);
    enum { N = 200000 };
    char *text = malloc(N);
    assert_non_null(text);
    for (size_t i = 0; i < N; i++)
        text[i] = "aabab"[i % 5];
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {NULL, 0, 0};
    assert_status_ok(eng_vocab_encode(v, text, N, 0, &ids, &e), e);
    assert_true(ids.n < N);
    eng_ids_fini(&ids);
    free(text);
    eng_vocab_close(v);
}

/* Of equal tokens the last counts; empty ones are never taken. */
static void equals_and_empties(void **state)
{
    (void)state;
    static const eng_vocab_kind kinds[] = {ENG_VOCAB_SPM, ENG_VOCAB_UGM, ENG_VOCAB_WPM};
    static const char *const want[] = {"4 5 4", "4 5 4", "7 8"};
    for (size_t i = 0; i < 3; i++) {
        static tiny_kind k;
        tiny_kind_start(&k, kinds[i]);
        k.parts.space_prefix = 0;
        tiny_kind_add(&k, "", ENG_TOKEN_NORMAL, 5);
        tiny_kind_add(&k, "a", ENG_TOKEN_NORMAL, -1);
        tiny_kind_add(&k, " ", ENG_TOKEN_NORMAL, -1);
        tiny_kind_add(&k, "", ENG_TOKEN_USER, 0);
        tiny_kind_add(&k, "a", ENG_TOKEN_NORMAL, -1);
        tiny_kind_add(&k, " ", ENG_TOKEN_NORMAL, -1);
        tiny_kind_add(&k, "", ENG_TOKEN_CONTROL, 0);
        if (kinds[i] == ENG_VOCAB_WPM) {
            tiny_kind_add(&k, " a", ENG_TOKEN_NORMAL, 0);
            tiny_kind_add(&k, " b", ENG_TOKEN_NORMAL, 0);
        }
        eng_vocab *v = tiny_kind_build(&k);
        tiny_encodes(v, kinds[i] == ENG_VOCAB_WPM ? "a b" : "a a", ENG_TOK_SPECIAL, want[i]);
        eng_vocab_close(v);
    }
}

static void wrong_lengths(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "\xe2\x96\x81", "a"};
    const int32_t types[] = {2, 1, 1, 1};
    const float scores[] = {0, -1, -2, -3};
    for (size_t n = 0; n <= 4; n++) {
        file f = start("llama");
        put_strs(&f, KEY("tokens"), tokens, 3);
        eng_gguf_put_i32s(f.w, KEY("token_type"), types, n);
        if (n == 3)
            eng_vocab_close(good(&f));
        else
            bad(&f, "types");
        f = start("llama");
        put_strs(&f, KEY("tokens"), tokens, 3);
        eng_gguf_put_f32s(f.w, KEY("scores"), scores, n);
        if (n == 3)
            eng_vocab_close(good(&f));
        else
            bad(&f, "scores");
    }
    file f = start("llama");
    put_strs(&f, KEY("tokens"), tokens, 0);
    bad(&f, "0 tokens");
    f = start("llama");
    eng_gguf_put_i32s(f.w, KEY("tokens"), types, 3);
    bad(&f, "tokens");
    f = start("llama");
    put_strs(&f, KEY("tokens"), tokens, 3);
    put_strs(&f, KEY("scores"), tokens, 3);
    bad(&f, "scores");
}

static void scores_that_are_none(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "b", "ab"};
    const float nan_at_1[] = {0, NAN, 0}, huge[] = {3e38f, -INFINITY, INFINITY};
    file f = start("llama");
    put_strs(&f, KEY("tokens"), tokens, 3);
    eng_gguf_put_f32s(f.w, KEY("scores"), nan_at_1, 3);
    bad(&f, "score of token 1");
    f = start("llama");
    put_strs(&f, KEY("tokens"), tokens, 3);
    eng_gguf_put_f32s(f.w, KEY("scores"), huge, 3);
    eng_gguf_put_bool(f.w, KEY("add_space_prefix"), false);
    eng_vocab *v = good(&f);
    tiny_encodes(v, "abab", 0, "2 2");
    eng_vocab_close(v);
}

/* A file without the keys gets what its kind has; roles past the last token are none. */
static void defaults(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "\xe2\x96\x81", "a"};
    file f = start("llama");
    put_strs(&f, KEY("tokens"), tokens, 5);
    eng_vocab *v = good(&f);
    assert_int_equal(eng_vocab_bos(v), 1);
    assert_int_equal(eng_vocab_eos(v), 2);
    tiny_encodes(v, "a", ENG_TOK_ADD, "1 3 4");
    eng_vocab_close(v);
    f = start("t5");
    put_strs(&f, KEY("tokens"), tokens, 5);
    v = good(&f);
    assert_int_equal(eng_vocab_bos(v), -1);
    tiny_encodes(v, "a", ENG_TOK_ADD, "4 1");
    eng_vocab_close(v);
    f = start("bert");
    put_strs(&f, KEY("tokens"), tokens, 5);
    v = good(&f);
    assert_int_equal(eng_vocab_bos(v), -1); /* 101 is past the last */
    eng_vocab_close(v);
}

/* Bytes: in either case of hexadecimal, and strings that are none. */
static void byte_tokens(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<0x41>", "<0x4a>", "<0x4>", "<0xZZ>", "A"};
    const int32_t types[] = {2, 6, 6, 6, 6, 6};
    file f = start("llama");
    put_strs(&f, KEY("tokens"), tokens, 6);
    eng_gguf_put_i32s(f.w, KEY("token_type"), types, 6);
    eng_gguf_put_bool(f.w, KEY("add_space_prefix"), false);
    eng_vocab *v = good(&f);
    tiny_encodes(v, "AJ", 0, "1 2");
    tiny_encodes(v, "Ax", 0, "1 0");
    size_t n;
    assert_string_equal(eng_vocab_piece(v, 2, false, &n), "J");
    assert_string_equal(eng_vocab_piece(v, 3, false, &n), "<0x4>");
    eng_vocab_close(v);
}

/* A character map that points outside of itself is refused or finds nothing. */
static void character_maps(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<pad>", "</s>", "<unk>", "a"};
    const uint8_t maps[][12] = {{255, 255, 255, 255, 0, 0, 0, 0},
                                {3, 0, 0, 0, 0, 0, 0, 0},
                                {4, 0, 0, 0, 0, 0, 0, 0, 'a'},
                                {8, 0, 0, 0, 255, 255, 255, 127, 255, 255, 255, 255}};
    const size_t len[] = {8, 8, 9, 12};
    for (size_t i = 0; i < 4; i++) {
        file f = start("t5");
        put_strs(&f, KEY("tokens"), tokens, 4);
        eng_gguf_put_array(f.w, KEY("precompiled_charsmap"), ENG_GGUF_U8, maps[i], len[i]);
        if (i < 3) {
            bad(&f, "character map");
            continue;
        }
        eng_vocab *v = good(&f);
        tiny_encodes(v, "aa", 0, "3 3");
        eng_vocab_close(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycles),         cmocka_unit_test(equals_and_empties),
        cmocka_unit_test(wrong_lengths),  cmocka_unit_test(scores_that_are_none),
        cmocka_unit_test(defaults),       cmocka_unit_test(byte_tokens),
        cmocka_unit_test(character_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
