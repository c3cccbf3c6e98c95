/* t_vocab.c - encoding and decoding, special tokens, and vocabularies from files good and bad. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "engine/format/gguf.h"
#include "engine/token/bytemap.h"

#include <pthread.h>
#include <stdio.h>

typedef struct golden {
    const char *text, *ids;
} golden;

/* Ids of the vocabulary of 400 tokens that tiny_text gives, for two pre-tokenizers.  Checked with
 * llama.cpp (llama-tokenize --ids --no-bos --no-parse-special on the saved file). */
static const golden qwen2[] = {
    {"The ship's engine wasn't running;",
     "288 345 311 332 110 103 290 101 287 110 39 116 32 114 117 110 110 290 103 59"},
    {"they'LL be here by 4:30, I'm told",
     "116 258 121 39 76 76 338 32 258 262 297 121 32 52 58 51 48 44 32 73 39 109 309 108 100"},
    {"for (int i = 0; i < 100; i++) {\n\ttotal += table[i];\n}\n",
     "102 111 114 328 359 278 32 61 32 48 59 278 32 60 32 49 48 48 59 278 43 43 41 32 369 9 368 "
     "367 32 43 61 257 353 360 91 105 93 312 370"},
    {"\303\207a va? Gr\303\266\303\237e \303\274ber Stra\303\237e",
     "195 135 97 32 118 97 63 32 71 114 394 195 159 101 285 188 98 267 32 83 116 114 97 195 159 "
     "101"},
    {"Корабль стоял "
     "у причала",
     "208 387 351 319 143 270 349 266 191 276 396 209 135 269 270 269"},
    {"船は岸壁にあり、石炭",
     "232 375 178 184 229 163 129 259 388 130 227 130 138 325 129 231 159 179 231 130 173"},
    {"배는 부두에 있었다",
     "235 391 301 182 128 235 145 144 236 151 144 32 236 158 136 236 151 136 235 377"},
    {"السفينة "
     "في الميناء",
     "323 216 393 300 129 282 32 323 217 133 324 293 216 161"},
    {"🚢🔥 🚢", "295 382 32 295 379"},
    {"12345678 3.14159 1,000,000",
     "49 50 51 52 53 54 55 56 32 51 46 49 52 49 53 57 32 49 44 48 48 48 44 48 48 48"},
    {"  \t spaces \r\n\r\n   \n", "256 9 260 112 354 101 115 32 326 326 272 10"},
    {"a\302\240b\343\200\200c\341\240\216d\342\200\250e\302\205f",
     "97 194 160 98 325 128 99 225 160 142 100 226 128 168 101 194 133 102"},
    {"<|im_end|><|endoftext|>",
     "60 124 105 109 95 101 268 124 62 60 124 101 268 111 102 292 120 116 124 62"},
    {"\001\177\302\200\342\200\213", "1 127 194 128 226 128 139"},
    {"e\314\201\314\201 \340\270\201\340\270\263",
     "101 204 129 204 129 32 224 184 129 224 184 179"},
    {"'s''S 'ſ ''re", "311 39 39 83 32 39 197 191 32 39 39 262"},
};
static const golden gpt2[] = {
    {"The ship's engine wasn't running;",
     "289 348 313 335 110 103 291 101 288 110 39 116 32 114 117 110 110 291 103 59"},
    {"they'LL be here by 4:30, I'm told",
     "116 258 121 39 76 76 341 32 258 262 300 121 32 52 58 51 48 44 32 73 39 109 311 108 100"},
    {"for (int i = 0; i < 100; i++) {\n\ttotal += table[i];\n}\n",
     "102 111 114 330 362 279 32 61 331 59 279 32 60 272 281 59 279 43 43 41 32 123 10 9 371 370 "
     "32 43 61 257 356 363 91 105 93 59 10 125 10"},
    {"  \t spaces \r\n\r\n   \n", "256 9 260 112 357 101 115 32 13 10 13 297 10"},
    {"a\302\240b\343\200\200c\341\240\216d\342\200\250e\302\205f",
     "97 194 160 98 326 128 99 225 160 142 100 226 128 168 101 194 133 102"},
    {"'s''S 'ſ ''re", "313 39 39 83 32 39 197 191 32 39 39 262"},
};

/* The ids as text, blanks between. */
static const char *ids_of(const eng_vocab *v, const char *text, size_t n, unsigned flags, sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {NULL, 0, 0};
    assert_status_ok(eng_vocab_encode(v, text, n, flags, &ids, &e), e);
    sk_buf_reset(b);
    sk_buf_adds(b, "");
    for (size_t i = 0; i < ids.n; i++)
        sk_buf_addf(b, i ? " %d" : "%d", ids.id[i]);
    eng_ids_fini(&ids);
    return b->p;
}

static void encodes(const eng_vocab *v, const char *text, unsigned flags, const char *want)
{
    sk_buf b = SK_BUF_INIT;
    assert_string_equal(ids_of(v, text, strlen(text), flags, &b), want);
    sk_buf_fini(&b);
}

static void golden_ids(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(400, "qwen2");
    for (size_t i = 0; i < sizeof qwen2 / sizeof qwen2[0]; i++)
        encodes(v, qwen2[i].text, 0, qwen2[i].ids);
    eng_vocab_close(v);
    v = tiny_vocab(400, "gpt-2");
    for (size_t i = 0; i < sizeof gpt2 / sizeof gpt2[0]; i++)
        encodes(v, gpt2[i].text, 0, gpt2[i].ids);
    eng_vocab_close(v);
}

/* Markers are text unless asked for, and then the longest and leftmost. */
static void special_only_when_asked(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(400, NULL);
    sk_buf b = SK_BUF_INIT;
    encodes(v, "<|im_end|>", ENG_TOK_SPECIAL, "399");
    encodes(v, "a<|im_start|><|endoftext|>b", ENG_TOK_SPECIAL, "97 398 397 98");
    encodes(v, "<|im_end|", ENG_TOK_SPECIAL, ids_of(v, "<|im_end|", 9, 0, &b));
    assert_null(strstr(ids_of(v, "<|im_end|><|im_start|>", 22, ENG_TOK_ADD, &b), "39"));
    assert_int_equal(eng_vocab_special(v, "<|im_end|>"), 399);
    assert_int_equal(eng_vocab_special(v, "<|im_end|"), -1);
    assert_int_equal(eng_vocab_special(v, "the"), -1);
    assert_int_equal(eng_vocab_special(v, ""), -1);
    sk_buf_fini(&b);
    eng_vocab_close(v);
}

static void pieces_and_ranges(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(400, NULL);
    static const int32_t outside[] = {-1, 400, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        size_t n = 9;
        assert_string_equal(eng_vocab_piece(v, outside[i], true, &n), "");
        assert_int_equal(n, 0);
        assert_false(eng_vocab_is_end(v, outside[i]));
    }
    size_t n = 9;
    assert_string_equal(eng_vocab_piece(v, 399, false, &n), "");
    assert_int_equal(n, 0);
    assert_string_equal(eng_vocab_piece(v, 399, true, &n), "<|im_end|>");
    assert_int_equal(n, 10);
    eng_vocab_close(v);
}

/* Appending keeps what is there. */
static void appends(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(300, NULL);
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {NULL, 0, 0};
    assert_true(eng_ids_push(&ids, -7));
    assert_status_ok(eng_vocab_encode(v, "Z", 1, 0, &ids, &e), e);
    assert_status_ok(eng_vocab_encode(v, NULL, 0, ENG_TOK_ADD | ENG_TOK_SPECIAL, &ids, &e), e);
    assert_status_ok(eng_vocab_encode(v, "Z", 1, 0, &ids, &e), e);
    assert_int_equal(ids.n, 3);
    assert_int_equal(ids.id[0], -7);
    assert_int_equal(ids.id[1], 'Z');
    eng_ids_fini(&ids);
    eng_vocab_close(v);
}

/* A megabyte without a break: done in the time of any other megabyte. */
static void endless_word(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    eng_vocab *v = tiny_vocab(400, NULL);
    sk_buf text = SK_BUF_INIT;
    static const char *const unit[] = {"e", "\xff", "the", "\xed\x95\x9c", "=", " "};
    for (size_t u = 0; u < sizeof unit / sizeof unit[0]; u++) {
        sk_buf_reset(&text);
        while (text.len < N)
            sk_buf_adds(&text, unit[u]);
        sk_err e = SK_ERR_INIT;
        eng_ids ids = {NULL, 0, 0};
        assert_status_ok(eng_vocab_encode(v, text.p, text.len, 0, &ids, &e), e);
        size_t at = 0;
        for (size_t i = 0; i < ids.n; i++) {
            size_t n;
            const char *p = eng_vocab_piece(v, ids.id[i], false, &n);
            assert_true(n <= text.len - at && memcmp(p, text.p + at, n) == 0);
            at += n;
        }
        assert_int_equal(at, text.len);
        eng_ids_fini(&ids);
    }
    sk_buf_fini(&text);
    eng_vocab_close(v);
}

/* Saved, loaded, saved again: the same ids and the same bytes. */
static void file_both_ways(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = tiny_vocab(400, "llama-bpe"), *w = NULL;
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    assert_status_ok(eng_vocab_save(v, unit_path(dir, "a.gguf"), &e), e);
    assert_status_ok(eng_vocab_load(unit_path(dir, "a.gguf"), &w, &e), e);
    assert_status_ok(eng_vocab_save(w, unit_path(dir, "b.gguf"), &e), e);
    assert_true(unit_read(unit_path(dir, "a.gguf"), &a) && unit_read(unit_path(dir, "b.gguf"), &b));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.p, b.p, a.len);
    assert_int_equal(eng_vocab_eos(w), eng_vocab_eos(v));
    assert_int_equal(eng_vocab_bos(w), eng_vocab_bos(v));
    assert_string_equal(eng_vocab_chat_template(w), eng_vocab_chat_template(v));
    char text[300];
    for (uint64_t seed = 0; seed < 100; seed++) {
        tiny_random(text, sizeof text, seed);
        sk_buf_reset(&a);
        sk_buf_adds(&a, ids_of(v, text, sizeof text, ENG_TOK_SPECIAL, &b));
        assert_string_equal(ids_of(w, text, sizeof text, ENG_TOK_SPECIAL, &b), a.p);
    }
    sk_buf_fini(&a);
    sk_buf_fini(&b);
    eng_vocab_close(v);
    eng_vocab_close(w);
    unit_rm_rf(dir);
}

/* ---- files made by hand ---- */

/* A vocabulary of the 256 bytes, "ab" (256), "abc" (257, reached by no merge), and what a test adds
 * from 258 on. */
typedef struct handmade {
    const char *model, *pre;
    const char *extra[6];
    int32_t extra_type[6];
    const char *merges[4];
    int64_t eos, eot, unknown;
    int add_bos, lacking; /* lacking: a byte whose token is another one */
    bool no_types, no_merges, add_eos;
} handmade;

static void write_handmade(const handmade *h, const char *path)
{
    sk_err e = SK_ERR_INIT;
    sk_buf all = SK_BUF_INIT;
    eng_str token[270], merge[4];
    int32_t type[270];
    size_t end[270], n = 0, m = 0;
    for (; n < 256; n++) {
        char c = (char)n;
        if (h->lacking && h->lacking == (int)n)
            sk_buf_adds(&all, "zzz");
        else
            eng_bytemap_write(&c, 1, &all);
        end[n] = all.len;
    }
    sk_buf_adds(&all, "ab");
    end[n++] = all.len;
    sk_buf_adds(&all, "abc");
    end[n++] = all.len;
    for (size_t i = 0; i < 6 && h->extra[i]; i++) {
        sk_buf_adds(&all, h->extra[i]);
        end[n++] = all.len;
    }
    for (size_t i = 0; i < n; i++) {
        size_t from = i ? end[i - 1] : 0;
        token[i] = (eng_str){all.p + from, end[i] - from};
        type[i] = i < 258 ? 1 : h->extra_type[i - 258];
    }
    for (; m < 4 && h->merges[m]; m++)
        merge[m] = (eng_str){h->merges[m], strlen(h->merges[m])};
    eng_gguf_writer *w = NULL;
    assert_status_ok(eng_gguf_create(path, &w, &e), e);
    if (h->model) eng_gguf_put_str(w, "tokenizer.ggml.model", h->model, strlen(h->model));
    if (h->pre) eng_gguf_put_str(w, "tokenizer.ggml.pre", h->pre, strlen(h->pre));
    eng_gguf_put_strs(w, "tokenizer.ggml.tokens", token, n);
    if (!h->no_types) eng_gguf_put_i32s(w, "tokenizer.ggml.token_type", type, n);
    if (!h->no_merges) eng_gguf_put_strs(w, "tokenizer.ggml.merges", merge, m);
    if (h->eos) eng_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)h->eos);
    if (h->eot) eng_gguf_put_u32(w, "tokenizer.ggml.eot_token_id", (uint32_t)h->eot);
    if (h->unknown) eng_gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", (uint32_t)h->unknown);
    if (h->add_eos) eng_gguf_put_bool(w, "tokenizer.ggml.add_eos_token", true);
    eng_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 'B');
    if (h->add_bos >= 0) eng_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", h->add_bos > 0);
    assert_status_ok(eng_gguf_commit(w, &e), e);
    sk_buf_fini(&all);
}

/* Writes and loads it; the status is the load's. */
static sk_status load_handmade(const handmade *h, eng_vocab **v, sk_err *e)
{
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "h.gguf");
    write_handmade(h, path);
    sk_status st = eng_vocab_load(path, v, e);
    unit_rm_rf(dir);
    return st;
}

static eng_vocab *good_handmade(const handmade *h)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status_ok(load_handmade(h, &v, &e), e);
    return v;
}

static void bad_handmade(const handmade *h, sk_status want, const char *part)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status(load_handmade(h, &v, &e), want, e, part);
    assert_contains(e.text, "h.gguf");
    assert_null(v);
}

/* A token no merge leads to is not taken, unless the model takes whole words first. */
static void whole_words(void **state)
{
    (void)state;
    handmade h = {.model = "gpt2", .pre = "gpt-2", .merges = {"a b"}, .add_bos = -1};
    eng_vocab *v = good_handmade(&h);
    encodes(v, "abc ab", 0, "256 99 32 256");
    encodes(v, "ab", ENG_TOK_ADD, "256");
    eng_vocab_close(v);
    h.pre = "llama-bpe";
    v = good_handmade(&h);
    encodes(v, "abc ab", 0, "257 32 256");
    encodes(v, "ab", ENG_TOK_ADD, "66 256"); /* such models begin with BOS ... */
    eng_vocab_close(v);
    h.add_bos = 0;
    v = good_handmade(&h);
    encodes(v, "ab", ENG_TOK_ADD, "256"); /* ... unless the file says no */
    eng_vocab_close(v);
}

/* User-defined tokens are found in any text; control tokens only when asked for; markers of turns
 * are control whatever the file calls them. */
static void kinds_of_special(void **state)
{
    (void)state;
    const handmade h = {.model = "gpt2",
                        .pre = "qwen2",
                        .merges = {"a b"},
                        .extra = {"<think>", "<|tool|>", "<|im_end|>", "<|eot_id|>", "a b"},
                        .extra_type = {4, 3, 4, 1, 4},
                        .eos = 259};
    eng_vocab *v = good_handmade(&h);
    encodes(v, "ab<think>", 0, "256 258");
    encodes(v, "a b", 0, "262");
    encodes(v, "<|tool|>", ENG_TOK_SPECIAL, "259");
    encodes(v, "<|im_end|>", ENG_TOK_SPECIAL, "260");
    encodes(v, "<|eot_id|>", ENG_TOK_SPECIAL, "261");
    encodes(v, "<|im_end|>", 0, "60 124 105 109 95 101 110 100 124 62");
    encodes(v, "<|eot_id|>", 0, "60 124 101 111 116 95 105 100 124 62");
    assert_true(eng_vocab_is_end(v, 259) && eng_vocab_is_end(v, 260) && eng_vocab_is_end(v, 261));
    assert_false(eng_vocab_is_end(v, 258) || eng_vocab_is_end(v, 256));
    size_t n;
    assert_string_equal(eng_vocab_piece(v, 258, false, &n), "<think>");
    assert_string_equal(eng_vocab_piece(v, 260, false, &n), "");
    eng_vocab_close(v);
}

/* A byte without a token is left out, or is the unknown token where the model has one. */
static void lacking_byte(void **state)
{
    (void)state;
    handmade h = {.model = "gpt2", .pre = "gpt-2", .merges = {"a b"}, .lacking = 0xff};
    eng_vocab *v = good_handmade(&h);
    encodes(v,
            "a\xff"
            "b",
            0, "97 98");
    encodes(v, "\xff", 0, "");
    encodes(v, "\xfe\xff\xfe", 0, "254 254");
    eng_vocab_close(v);
    h.unknown = '?';
    v = good_handmade(&h);
    encodes(v, "ab\xff\xff", 0, "256 63 63");
    eng_vocab_close(v);
}

/* What a file wants at the ends of a text, and only when asked. */
static void ends_of_a_text(void **state)
{
    (void)state;
    const handmade h = {.model = "gpt2",
                        .pre = "gpt-2",
                        .merges = {"a b"},
                        .eos = 'E',
                        .add_bos = 1,
                        .add_eos = true};
    eng_vocab *v = good_handmade(&h);
    encodes(v, "ab", ENG_TOK_ADD, "66 256 69");
    encodes(v, "", ENG_TOK_ADD, "66 69");
    encodes(v, "ab", 0, "256");
    eng_vocab_close(v);
}

/* Strings that stand for no bytes are kept, written back, and never encoded to. */
static void alien_tokens(void **state)
{
    (void)state;
    const handmade h = {.model = "gpt2",
                        .pre = "gpt-2",
                        .merges = {"a b"},
                        .extra = {"<\xef\xbd\x9c>", "x y", "", "abc"},
                        .extra_type = {1, 1, 1, 1}};
    eng_vocab *v = good_handmade(&h);
    size_t n;
    assert_string_equal(eng_vocab_piece(v, 258, false, &n), "<\xef\xbd\x9c>");
    encodes(v, "x y", 0, "120 32 121");
    encodes(v, "<\xef\xbd\x9c>", ENG_TOK_SPECIAL, "60 239 189 156 62");
    (void)eng_vocab_piece(v, 260, true, &n);
    assert_int_equal(n, 0);
    eng_vocab_close(v);
}

static void refused_files(void **state)
{
    (void)state;
    const handmade good = {.model = "gpt2", .pre = "gpt-2", .merges = {"a b"}, .add_bos = -1};
    handmade h = good;
    h.model = "rwkv";
    bad_handmade(&h, SK_E_UNSUPPORTED, "\"rwkv\"");
    h.model = "plamo2";
    bad_handmade(&h, SK_E_UNSUPPORTED, "\"plamo2\"");
    h.model = "";
    bad_handmade(&h, SK_E_UNSUPPORTED, "\"\"");
    h.model = NULL;
    bad_handmade(&h, SK_E_NOTFOUND, "tokenizer.ggml.model");
    h = good;
    h.pre = "no-such-thing";
    bad_handmade(&h, SK_E_UNSUPPORTED, "no-such-thing");
    h = good;
    h.no_merges = true;
    bad_handmade(&h, SK_E_NOTFOUND, "tokenizer.ggml.merges");
    static const char *const bad_merge[] = {"ab", "a",   "",    " ",    "a ",
                                            " b", "a q", "q b", "a  b", "a c"};
    for (size_t i = 0; i < sizeof bad_merge / sizeof bad_merge[0]; i++) {
        h = good;
        h.merges[1] = bad_merge[i];
        bad_handmade(&h, SK_E_FORMAT, "merge 1");
    }
    h = good;
    h.eos = 258;
    bad_handmade(&h, SK_E_FORMAT, "eos_token_id");
    h.eos = 0;
    h.eot = UINT32_MAX;
    bad_handmade(&h, SK_E_FORMAT, "eot_token_id");
    h = good;
    h.extra[0] = "x";
    h.extra_type[0] = 7;
    bad_handmade(&h, SK_E_FORMAT, "type 7");
    h.extra_type[0] = -1;
    bad_handmade(&h, SK_E_FORMAT, "type -1");
}

/* A file with no pre-tokenizer and no types is one all the same. */
static void bare_file(void **state)
{
    (void)state;
    const handmade h = {.model = "gpt2", .merges = {"a b"}, .no_types = true};
    eng_vocab *v = good_handmade(&h);
    encodes(v, "ab,12345", 0, "256 44 49 50 51 52 53");
    assert_int_equal(eng_vocab_eos(v), -1);
    assert_int_equal(eng_vocab_bos(v), 'B');
    assert_string_equal(eng_vocab_chat_template(v), "");
    eng_vocab_close(v);
}

/* ---- threads and faults ---- */

static void *encode_all(void *arg)
{
    const eng_vocab *v = arg;
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof qwen2 / sizeof qwen2[0]; i++)
            encodes(v, qwen2[i].text, 0, qwen2[i].ids);
    return NULL;
}

static void several_threads(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(400, "qwen2");
    pthread_t t[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, encode_all, v), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    eng_vocab_close(v);
}

static sk_status load_starved(void *arg, sk_err *e)
{
    (void)arg;
    eng_vocab *v = NULL;
    eng_ids ids = {NULL, 0, 0};
    char text[5000];
    memset(text, 'e', sizeof text); /* long: the heap and its scratch are needed */
    memcpy(text, "<|im_end|> the ", 15);
    sk_status st = eng_vocab_load(unit_path(unit_dir, "v.gguf"), &v, e);
    if (!st) st = eng_vocab_encode(v, text, sizeof text, ENG_TOK_SPECIAL, &ids, e);
    if (!st) st = eng_vocab_save(v, unit_path(unit_dir, "w.gguf"), e);
    eng_vocab_close(v);
    eng_ids_fini(&ids);
    return st;
}

/* Loading and encoding with every allocation failing in turn. */
static void without_memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = tiny_vocab(400, NULL);
    assert_status_ok(eng_vocab_save(v, unit_path(unit_dir, "v.gguf"), &e), e);
    eng_vocab_close(v);
    unit_starve(load_starved, NULL, 2000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_ids),
        cmocka_unit_test(special_only_when_asked),
        cmocka_unit_test(pieces_and_ranges),
        cmocka_unit_test(appends),
        cmocka_unit_test(endless_word),
        cmocka_unit_test(file_both_ways),
        cmocka_unit_test(whole_words),
        cmocka_unit_test(kinds_of_special),
        cmocka_unit_test(lacking_byte),
        cmocka_unit_test(ends_of_a_text),
        cmocka_unit_test(alien_tokens),
        cmocka_unit_test(refused_files),
        cmocka_unit_test(bare_file),
        cmocka_unit_test(several_threads),
        cmocka_unit_test_setup_teardown(without_memory, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
