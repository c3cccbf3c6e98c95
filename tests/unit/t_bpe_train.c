/* t_bpe_train.c - training: against a plain restatement of the rule, limits, determinism, faults.
 */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/crc.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/token/bpe_train.h"
#include "engine/token/chat.h"
#include "engine/token/vocab_build.h"

#include <stdio.h>

enum { FIXED = 256 + 3 };

static eng_vocab *train(const char *text, size_t n, size_t n_vocab)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    eng_bpe_opts o = {.n_vocab = n_vocab};
    assert_status_ok(eng_bpe_train(text, n, &o, &v, &e), e);
    assert_int_equal(eng_vocab_size(v), n_vocab);
    return v;
}

static void refused(const char *text, size_t n, size_t n_vocab, sk_status want, const char *part)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    eng_bpe_opts o = {.n_vocab = n_vocab};
    assert_status(eng_bpe_train(text, n, &o, &v, &e), want, e, part);
    assert_null(v);
}

/* ---- a plain trainer: words of letters with blanks between, all counts made anew each time ----
 */

typedef struct plain {
    char words[64][32][16]; /* words, their symbols */
    size_t len[64], n;
} plain;

/* The most frequent pair, ties by the smaller strings; how often it occurs. */
static size_t plain_best(const plain *p, char *a, char *b)
{
    size_t best = 0;
    for (size_t w = 0; w < p->n; w++)
        for (size_t i = 0; i + 1 < p->len[w]; i++) {
            const char *x = p->words[w][i], *y = p->words[w][i + 1];
            size_t count = 0;
            for (size_t u = 0; u < p->n; u++)
                for (size_t j = 0; j + 1 < p->len[u]; j++)
                    count += !strcmp(p->words[u][j], x) && !strcmp(p->words[u][j + 1], y);
            int d = count != best ? (count < best) - (count > best) : strcmp(x, a);
            if (!d) d = strcmp(y, b);
            if (count > 1 && (!best || d < 0)) {
                best = count;
                memcpy(a, x, 16);
                memcpy(b, y, 16);
            }
        }
    return best;
}

static void plain_merge(plain *p, const char *a, const char *b)
{
    for (size_t w = 0; w < p->n; w++) {
        size_t left = 0;
        for (size_t i = 0; i < p->len[w]; left++) {
            char joined[32];
            size_t step = 1;
            memcpy(joined, p->words[w][i], 16);
            if (i + 1 < p->len[w] && !strcmp(p->words[w][i], a) && !strcmp(p->words[w][i + 1], b)) {
                snprintf(joined, sizeof joined, "%s%s", a, b);
                step = 2;
            }
            memcpy(p->words[w][left], joined, 16);
            i += step;
        }
        p->len[w] = left;
    }
}

/* Random words over few letters, one to a line, so that each line is a piece (and "\n" another). */
static size_t plain_text(plain *p, char *text, uint64_t seed)
{
    size_t n = 0;
    memset(p, 0, sizeof *p);
    p->n = 20 + seed % 40;
    for (size_t w = 0; w < p->n; w++) {
        p->len[w] = 1 + sk_rng_below(seed, SK_RNG_TEST, 100 * w, 12);
        for (size_t i = 0; i < p->len[w]; i++) {
            char c = (char)('a' + sk_rng_below(seed, SK_RNG_TEST, 100 * w + i + 1, 2 + seed % 3));
            p->words[w][i][0] = text[n++] = c;
        }
        text[n++] = '\n';
    }
    return n;
}

static void equals_the_rule(void **state)
{
    (void)state;
    static plain p;
    static char text[64 * 32];
    for (uint64_t seed = 0; seed < 40; seed++) {
        size_t n = plain_text(&p, text, seed);
        char want[40][2][16], a[16] = "", b[16] = "";
        size_t k = 0;
        /* a string that two merges make would be one token for two: left to the golden test */
        for (; k < 12 && plain_best(&p, a, b) > 1; k++) {
            memcpy(want[k][0], a, 16);
            memcpy(want[k][1], b, 16);
            plain_merge(&p, a, b);
        }
        eng_vocab *v = train(text, n, FIXED + 5);
        eng_vocab_parts parts;
        eng_vocab_get_parts(v, &parts);
        assert_true(parts.n_merges >= 5);
        for (size_t i = 0; i < parts.n_merges && i < k; i++) {
            eng_str x = parts.text[parts.merge[i].a], y = parts.text[parts.merge[i].b];
            assert_int_equal(x.n, strlen(want[i][0]));
            assert_int_equal(y.n, strlen(want[i][1]));
            assert_memory_equal(x.p, want[i][0], x.n);
            assert_memory_equal(y.p, want[i][1], y.n);
        }
        eng_vocab_close(v);
    }
}

/* What the header says of ids and special tokens. */
static void shape_of_the_result(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(400, NULL);
    assert_int_equal(eng_vocab_special(v, "<|endoftext|>"), 397);
    assert_int_equal(eng_vocab_special(v, "<|im_start|>"), 398);
    assert_int_equal(eng_vocab_special(v, "<|im_end|>"), 399);
    assert_int_equal(eng_vocab_eos(v), 399);
    assert_int_equal(eng_vocab_bos(v), 397);
    assert_true(eng_vocab_is_end(v, 397) && eng_vocab_is_end(v, 399));
    assert_false(eng_vocab_is_end(v, 398));
    assert_string_equal(eng_vocab_chat_template(v), eng_chat_template_chatml);
    for (int32_t id = 0; id < 256; id++) {
        size_t n;
        const char *p = eng_vocab_piece(v, id, false, &n);
        assert_int_equal(n, 1);
        assert_int_equal((unsigned char)p[0], id);
    }
    for (int32_t id = 256; id < 397; id++) {
        size_t n;
        (void)eng_vocab_piece(v, id, false, &n);
        assert_true(n >= 2);
    }
    eng_vocab_close(v);
}

/* The separator is no part of the text learnt from, and no piece crosses it. */
static void separators_teach_nothing(void **state)
{
    (void)state;
    static const char text[] = "ab\n<|endoftext|>\nab\n<|endoftext|>\nab\n<|endoftext|>\nab\n";
    eng_vocab *v = train(text, sizeof text - 1, FIXED + 1);
    size_t n;
    const char *p = eng_vocab_piece(v, 256, false, &n);
    assert_int_equal(n, 2);
    assert_memory_equal(p, "ab", 2);
    eng_vocab_close(v);
    refused(text, sizeof text - 1, FIXED + 2, SK_E_INVALID, "only 1 merges");
}

static void impossible_sizes(void **state)
{
    (void)state;
    const size_t n = strlen(tiny_text);
    refused("", 0, 300, SK_E_INVALID, "empty");
    refused("<|endoftext|>\n", 14, 300, SK_E_INVALID, "empty");
    refused(tiny_text, n, 0, SK_E_INVALID, "259");
    refused(tiny_text, n, 258, SK_E_INVALID, "259");
    refused(tiny_text, n, SIZE_MAX, SK_E_INVALID, "259");
    refused(tiny_text, n, (1 << 24) + 1, SK_E_INVALID, "259");
    refused(tiny_text, n, 1 << 20, SK_E_INVALID, "at most");
    refused("a", 1, 260, SK_E_INVALID, "only 0 merges");
    eng_vocab_close(train("a", 1, FIXED));
}

/* A text of NULs is a text: there is just little to learn. */
static void text_of_nuls(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    char *nul = sk_calloc(SK_MEM_MISC, N, 1);
    assert_non_null(nul);
    refused(nul, N, 4096, SK_E_INVALID, "merges");
    eng_vocab *v = train(nul, N, FIXED + 4);
    eng_ids ids = {NULL, 0, 0};
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_vocab_encode(v, nul, N, 0, &ids, &e), e);
    assert_int_equal(ids.n, N / 16);
    eng_ids_fini(&ids);
    eng_vocab_close(v);
    sk_free(nul);
}

static void unknown_pretokenizer(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    eng_bpe_opts o = {.n_vocab = 300, .pretok = "nonesuch"};
    assert_status(eng_bpe_train("aaaa", 4, &o, &v, &e), SK_E_UNSUPPORTED, e, "nonesuch");
    assert_null(v);
}

/* The same text gives the same file, byte for byte; its documents' order does not matter. */
static void deterministic(void **state)
{
    (void)state;
    static const char one[] = "the cat sat\n<|endoftext|>\nthe dog sat down\n<|endoftext|>\nthat\n";
    static const char two[] = "that\n<|endoftext|>\nthe dog sat down\n<|endoftext|>\nthe cat sat\n";
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    static const char *const texts[] = {one, two, one};
    for (int i = 0; i < 3; i++) {
        eng_vocab *v = train(texts[i], strlen(texts[i]), FIXED + 6);
        assert_status_ok(eng_vocab_save(v, unit_path(dir, "v.gguf"), &e), e);
        eng_vocab_close(v);
        assert_true(unit_read(unit_path(dir, "v.gguf"), i ? &b : &a));
        if (!i) continue;
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.p, b.p, a.len);
    }
    sk_buf_fini(&a);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

/* A source that gives a text in bites of a size. */
typedef struct bites {
    const char *p;
    size_t n, bite;
} bites;

static sk_status read_bite(void *arg, char *p, size_t cap, size_t *n, sk_err *e)
{
    bites *b = arg;
    (void)e;
    *n = b->n < b->bite ? b->n : b->bite;
    if (*n > cap) *n = cap;
    memcpy(p, b->p, *n);
    b->p += *n;
    b->n -= *n;
    return SK_OK;
}

/* Files as they have been since the trainer was first released, and the same ones for every number
 * of threads and for a text that comes in bites. */
static void same_bytes_as_ever(void **state)
{
    (void)state;
    static const struct {
        const char *pre;
        size_t n;
        uint32_t crc;
    } want[] = {{"qwen2", 8711, 0xb39c496e},
                {"gpt-2", 8733, 0xe0a2e4dd},
                {"llama-bpe", 8709, 0xb6e02c4a},
                {"starcoder", 8813, 0xfc24312a}};
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "v.gguf");
    const size_t n = strlen(tiny_text);
    for (size_t k = 0; k < 16; k++) {
        sk_err e = SK_ERR_INIT;
        sk_buf b = SK_BUF_INIT;
        eng_vocab *v = NULL;
        eng_bpe_stats s;
        bites from = {tiny_text, n, 1 + k * 100};
        eng_bpe_source source = {read_bite, &from};
        eng_bpe_opts o = {.n_vocab = 400, .pretok = want[k % 4].pre};
        if (k / 4) assert_status_ok(sk_pool_open(k / 4, &o.pool, &e), e);
        assert_status_ok(k % 2 ? eng_bpe_train(tiny_text, n, &o, &v, &e)
                               : eng_bpe_train_source(&source, &o, &s, &v, &e),
                         e);
        if (k % 2 == 0) {
            assert_int_equal(s.bytes, n);
            assert_int_equal(s.documents, 3);
            assert_true(s.pieces > s.words && s.words > 100 && !s.dropped_words);
        }
        assert_status_ok(eng_vocab_save(v, path, &e), e);
        assert_true(unit_read(path, &b));
        assert_int_equal(b.len, want[k % 4].n);
        assert_int_equal(sk_crc32c(0, b.p, b.len), want[k % 4].crc);
        sk_buf_fini(&b);
        eng_vocab_close(v);
        sk_pool_close(o.pool);
    }
    unit_rm_rf(dir);
}

/* A source's own error comes through. */
static sk_status read_fails(void *arg, char *p, size_t cap, size_t *n, sk_err *e)
{
    (void)arg;
    memset(p, 'a', cap);
    *n = cap / 2 + 1;
    return cap > 100000 ? SK_OK : sk_fail(e, SK_E_CORRUPT, "the tape is torn");
}

static void sources_fail(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    eng_bpe_source source = {read_fails, NULL};
    eng_bpe_opts o = {.n_vocab = 300};
    assert_status(eng_bpe_train_source(&source, &o, NULL, &v, &e), SK_E_CORRUPT, e, "torn");
    bites none = {"", 0, 10};
    source = (eng_bpe_source){read_bite, &none};
    assert_status(eng_bpe_train_source(&source, &o, NULL, &v, &e), SK_E_INVALID, e, "empty");
    assert_null(v);
}

/* With little memory a text of many words is learnt from what is frequent in it. */
static void little_memory(void **state)
{
    (void)state;
    sk_buf text = SK_BUF_INIT;
    for (uint64_t i = 0; i < 30000; i++) {
        uint64_t r = sk_rng_u64(7, SK_RNG_TEST, i) % 26000;
        sk_buf_addf(&text, "steam %c%c%c%c engine\n", (char)('a' + r % 26),
                    (char)('a' + r / 26 % 26), (char)('a' + r / 676 % 26), 'q');
    }
    sk_buf first = SK_BUF_INIT, b = SK_BUF_INIT;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "v.gguf");
    for (size_t k = 0; k < 4; k++) {
        sk_err e = SK_ERR_INIT;
        eng_vocab *v = NULL;
        eng_bpe_stats s;
        bites from = {text.p, text.len, k == 3 ? 1000 : SIZE_MAX};
        eng_bpe_source source = {read_bite, &from};
        eng_bpe_opts o = {.n_vocab = 500, .memory = 1 << 20};
        if (k) assert_status_ok(sk_pool_open(k, &o.pool, &e), e);
        assert_status_ok(eng_bpe_train_source(&source, &o, &s, &v, &e), e);
        assert_true(s.dropped_words > 1000 && s.dropped_pieces >= s.dropped_words);
        assert_int_equal(s.pieces, 4 * 30000);
        assert_status_ok(eng_vocab_save(v, path, &e), e);
        assert_true(unit_read(path, k ? &b : &first));
        if (k) {
            assert_int_equal(b.len, first.len);
            assert_memory_equal(b.p, first.p, b.len);
        }
        eng_vocab_close(v);
        sk_pool_close(o.pool);
    }
    sk_buf_fini(&text);
    sk_buf_fini(&first);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

/* Text it has never seen still goes there and back. */
static void round_trip(void **state)
{
    (void)state;
    static const size_t sizes[] = {FIXED, 300, 400};
    char text[500];
    for (size_t k = 0; k < 3; k++) {
        eng_vocab *v = tiny_vocab(sizes[k], k == 2 ? "llama-bpe" : NULL);
        for (uint64_t seed = 0; seed < 200; seed++) {
            sk_err e = SK_ERR_INIT;
            eng_ids ids = {NULL, 0, 0};
            sk_buf b = SK_BUF_INIT;
            size_t n = seed * 13 % sizeof text;
            tiny_random(text, n, seed);
            assert_status_ok(eng_vocab_encode(v, text, n, 0, &ids, &e), e);
            for (size_t i = 0; i < ids.n; i++) {
                size_t len;
                const char *p = eng_vocab_piece(v, ids.id[i], false, &len);
                assert_true(len > 0);
                sk_buf_add(&b, p, len);
            }
            assert_int_equal(b.len, n);
            if (n) assert_memory_equal(b.p, text, n);
            eng_ids_fini(&ids);
            sk_buf_fini(&b);
        }
        eng_vocab_close(v);
    }
}

typedef struct watching {
    size_t calls, last, total, stop_at;
} watching;

static bool watch(void *arg, size_t done, size_t total)
{
    watching *w = arg;
    assert_true(done >= w->last && done <= total);
    w->calls++;
    w->last = done;
    w->total = total;
    return done < w->stop_at;
}

static void progress_and_stop(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    watching w = {.stop_at = SIZE_MAX};
    eng_bpe_opts o = {.n_vocab = FIXED + 100, .progress = watch, .arg = &w};
    assert_status_ok(eng_bpe_train(tiny_text, strlen(tiny_text), &o, &v, &e), e);
    assert_int_equal(w.total, 100);
    assert_int_equal(w.last, 100);
    assert_true(w.calls >= 3);
    eng_vocab_close(v);
    v = NULL;
    static const size_t stops[] = {0, 1, 50, 100};
    for (size_t i = 0; i < 4; i++) {
        w = (watching){.stop_at = stops[i]};
        assert_status(eng_bpe_train(tiny_text, strlen(tiny_text), &o, &v, &e), SK_E_STOPPED, e,
                      "stopped");
        assert_null(v);
    }
}

static sk_status train_tiny(void *arg, sk_err *e)
{
    (void)arg;
    eng_vocab *v = NULL;
    eng_bpe_opts o = {.n_vocab = FIXED + 40};
    sk_status st = eng_bpe_train(tiny_text, strlen(tiny_text), &o, &v, e);
    assert_int_equal(st == SK_OK, v != NULL);
    eng_vocab_close(v);
    return st;
}

/* Every allocation fails once, and every one from the Nth on: refused, nothing kept. */
static void without_memory(void **state)
{
    (void)state;
    unit_starve(train_tiny, NULL, 2000, 0);
    unit_starve(train_tiny, NULL, 2000, UNIT_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_rule),
        cmocka_unit_test(shape_of_the_result),
        cmocka_unit_test(separators_teach_nothing),
        cmocka_unit_test(impossible_sizes),
        cmocka_unit_test(text_of_nuls),
        cmocka_unit_test(unknown_pretokenizer),
        cmocka_unit_test(deterministic),
        cmocka_unit_test(same_bytes_as_ever),
        cmocka_unit_test(sources_fail),
        cmocka_unit_test(little_memory),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(progress_and_stop),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
