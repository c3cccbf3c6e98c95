/* t_bpe_count.c - words counted in parts and by threads against counting them at once; what is
 * forgotten for want of memory. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/token/bpe_count.h"
#include "engine/token/document.h"

typedef struct bench {
    eng_pretok *pt;
    sk_pool *pool;
    eng_counter c;
    eng_words words;
} bench;

static void open_bench(bench *b, const char *pre, size_t threads, uint64_t memory)
{
    sk_err e = SK_ERR_INIT;
    *b = (bench){.pt = NULL};
    assert_status_ok(eng_pretok_open(pre, &b->pt, &e), e);
    if (threads) assert_status_ok(sk_pool_open(threads, &b->pool, &e), e);
    assert_status_ok(eng_counter_init(&b->c, b->pt, b->pool, memory, &e), e);
}

static void close_bench(bench *b)
{
    eng_counter_fini(&b->c);
    eng_words_fini(&b->words);
    sk_pool_close(b->pool);
    eng_pretok_close(b->pt);
}

/* Counts the text in parts of at most `part` bytes. */
static void count(bench *b, const char *text, size_t n, size_t part)
{
    sk_err e = SK_ERR_INIT;
    for (size_t at = 0, used = 0; at < n; at += used) {
        size_t some = n - at < part ? n - at : part;
        assert_status_ok(eng_counter_add(&b->c, text + at, some, some == n - at, &used, &e), e);
        assert_true(used > 0 && used <= some);
        assert_true(used == some || some < n - at);
    }
    assert_int_equal(b->c.bytes, n);
    assert_status_ok(eng_counter_take(&b->c, &b->words, &e), e);
}

/* The count of a word, 0 if it was not seen. */
static uint64_t seen(const eng_words *w, const char *word, size_t n)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->word[i].n == n && memcmp(w->bytes.p + w->word[i].at, word, n) == 0)
            return w->word[i].count;
    return 0;
}

/* The same words and counts, in any order: added up they are a's words, each twice as often. */
static void same_words(const eng_words *a, const eng_words *b)
{
    eng_words sum = {.n = 0};
    const eng_words *both[] = {a, b};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < both[k]->n; i++) {
            const eng_word *v = &both[k]->word[i];
            assert_true(eng_words_add(&sum, both[k]->bytes.p + v->at, v->n, v->hash, v->count));
        }
    assert_int_equal(a->n, b->n);
    assert_int_equal(sum.n, a->n);
    for (size_t i = 0; i < a->n; i++)
        assert_int_equal(sum.word[i].count, 2 * a->word[i].count);
    eng_words_fini(&sum);
}

/* Documents of tiny_text's pieces, some empty, some without a line's end before the separator. */
static size_t make_text(sk_buf *b, uint64_t seed)
{
    char piece[200];
    sk_buf_reset(b);
    for (uint64_t k = 0; k < 40; k++) {
        size_t n = sk_rng_below(seed, SK_RNG_TEST, 2 * k, sizeof piece);
        tiny_random(piece, n, 4 * (seed * 40 + k) + 3);
        sk_buf_add(b, piece, n);
        if (sk_rng_below(seed, SK_RNG_TEST, 2 * k + 1, 3) == 0)
            sk_buf_adds(b, k % 2 ? "\n<|endoftext|>\n" : "\n<|endoftext|>\r\n");
    }
    return b->len;
}

/* How often each word occurs, the obvious way: documents, pieces, one table. */
static sk_status count_piece(void *arg, const char *p, size_t n)
{
    return eng_words_add(arg, p, n, eng_word_hash(p, n), 1) ? SK_OK : SK_E_NOMEM;
}

static uint64_t count_plainly(const eng_pretok *pt, const char *text, size_t n, eng_words *w)
{
    sk_err e = SK_ERR_INIT;
    size_t at = 0, len;
    const char *doc;
    uint64_t documents = 0;
    for (; eng_document_next(text, n, &at, &doc, &len); documents++)
        assert_status_ok(eng_pretok_split(pt, doc, len, count_piece, w, &e), e);
    return documents;
}

/* Parts that hold a cut, of any size, change nothing; nor do threads. */
static void parts_and_threads_change_nothing(void **state)
{
    (void)state;
    static const char *const pre[] = {"qwen2", "gpt-2", "llama-bpe"};
    sk_buf text = SK_BUF_INIT;
    for (uint64_t seed = 0; seed < 24; seed++) {
        size_t n = make_text(&text, seed);
        for (size_t threads = 0; threads <= 3; threads++) {
            bench b;
            eng_words want = {.n = 0};
            open_bench(&b, pre[seed % 3], threads, UINT64_MAX);
            uint64_t documents = count_plainly(b.pt, text.p, n, &want);
            count(&b, text.p, n, 600 + 97 * seed + 13 * threads);
            same_words(&b.words, &want);
            assert_int_equal(b.c.documents, documents);
            close_bench(&b);
            eng_words_fini(&want);
        }
    }
    sk_buf_fini(&text);
}

/* One document larger than a task is cut into several, which changes nothing either. */
static void a_long_document(void **state)
{
    (void)state;
    enum { N = 3 << 20 };
    sk_buf text = SK_BUF_INIT;
    char piece[400];
    for (uint64_t seed = 0; text.len < N; seed++) {
        size_t n = 50 + seed % 350;
        tiny_random(piece, n, 4 * seed + 3);
        sk_buf_add(&text, piece, n);
    }
    for (size_t i = 0; i + 1 < text.len; i++) /* no separators: one document */
        if (text.p[i] == '<' && text.p[i + 1] == '|') text.p[i] = '(';
    for (size_t threads = 1; threads <= 3; threads++) {
        bench b;
        eng_words want = {.n = 0};
        open_bench(&b, "qwen2", threads, UINT64_MAX);
        assert_int_equal(count_plainly(b.pt, text.p, text.len, &want), 1);
        count(&b, text.p, text.len, 1 << 20);
        same_words(&b.words, &want);
        assert_int_equal(b.c.documents, 1);
        close_bench(&b);
        eng_words_fini(&want);
    }
    sk_buf_fini(&text);
}

/* A text that can be cut nowhere is cut at the end of a part, between characters; a separator is
 * still found wherever the part ends in it. */
static void texts_without_a_harmless_cut(void **state)
{
    (void)state;
    for (size_t part = 40; part < 60; part++) {
        bench b;
        sk_buf text = SK_BUF_INIT;
        for (int i = 0; i < 40; i++)
            sk_buf_adds(&text, i % 10 == 9 ? "\n<|endoftext|>\n" : "\xe8\x88\xb9\xe3\x81\xaf");
        open_bench(&b, "qwen2", 2, UINT64_MAX);
        count(&b, text.p, text.len, part);
        uint64_t bytes = 0;
        for (size_t i = 0; i < b.words.n; i++) {
            const eng_word *v = &b.words.word[i];
            const char *p = b.words.bytes.p + v->at;
            assert_true(*p == '\n' || *p == '\xe8' || *p == '\xe3');
            assert_null(memchr(p, '<', v->n));
            bytes += v->n * v->count;
        }
        assert_int_equal(bytes, 36 * 6 + 4);
        assert_int_equal(b.c.documents, 4);
        close_bench(&b);
        sk_buf_fini(&text);
    }
    static const char *const odd[] = {"\x80", "<", "\n", "\xff", "a"};
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        bench b;
        char text[5000];
        memset(text, *odd[k], sizeof text);
        open_bench(&b, "gpt-2", 2, UINT64_MAX);
        count(&b, text, sizeof text, 333);
        close_bench(&b);
    }
}

/* Words "w0" .. with w(i) once in every 2^(i % 8) lines: what is dropped is what the rule says,
 * for every number of threads. */
static void rare_words_are_forgotten(void **state)
{
    (void)state;
    enum { LINES = 4000, PART = 1 << 14 };
    const uint64_t memory = 60000;
    sk_buf text = SK_BUF_INIT;
    for (unsigned i = 0; i < LINES; i++)
        sk_buf_addf(&text, " %c%c%c common words here\n", 'a' + i % 26, 'a' + i / 26 % 26,
                    'a' + i / 676 % 26);
    bench b[4];
    for (size_t threads = 0; threads < 4; threads++) {
        open_bench(&b[threads], "qwen2", threads, memory);
        sk_err e = SK_ERR_INIT;
        for (size_t at = 0, used = 0; at < text.len; at += used) {
            size_t some = text.len - at < PART ? text.len - at : PART;
            eng_counter *c = &b[threads].c;
            assert_status_ok(
                eng_counter_add(c, text.p + at, some, some == text.len - at, &used, &e), e);
            uint64_t words = 0, bytes = 0;
            for (size_t s = 0; s < ENG_COUNT_SHARDS; s++) {
                words += c->sum[s].n;
                bytes += c->sum[s].bytes.len;
            }
            assert_true(eng_words_memory(words, bytes) <= memory);
        }
        assert_status_ok(eng_counter_take(&b[threads].c, &b[threads].words, &e), e);
        assert_int_equal(seen(&b[threads].words, " common", 7), LINES);
        assert_true(b[threads].c.dropped_words > 1000);
        uint64_t pieces = b[threads].c.dropped_sum;
        for (size_t i = 0; i < b[threads].words.n; i++)
            pieces += b[threads].words.word[i].count;
        assert_int_equal(pieces, 5 * LINES);
        same_words(&b[threads].words, &b[0].words);
    }
    for (size_t threads = 0; threads < 4; threads++)
        close_bench(&b[threads]);
    sk_buf_fini(&text);
}

static void words_table(void **state)
{
    (void)state;
    eng_words w = {.n = 0};
    char word[ENG_WORD_MAX];
    for (size_t round = 1; round <= 3; round++)
        for (size_t n = 1; n <= ENG_WORD_MAX; n++)
            for (int k = 0; k < 20; k++) {
                memset(word, 'a' + k, n);
                word[n / 2] = 'z';
                assert_true(eng_words_add(&w, word, n, eng_word_hash(word, n), round));
            }
    assert_int_equal(w.n, 20 * ENG_WORD_MAX - 19);
    assert_int_equal(seen(&w, "z", 1), 20 * 6);
    assert_int_equal(seen(&w, "azaa", 4), 0);
    assert_int_equal(seen(&w, "aaza", 4), 6);
    assert_true(eng_words_drop(&w, 5));
    assert_int_equal(w.n, 20 * ENG_WORD_MAX - 19);
    assert_true(eng_words_drop(&w, 6));
    assert_int_equal(w.n, 1);
    assert_int_equal(seen(&w, "z", 1), 20 * 6);
    eng_words_clear(&w);
    assert_int_equal(w.n, 0);
    assert_true(eng_words_add(&w, "ab", 2, eng_word_hash("ab", 2), 1));
    assert_int_equal(seen(&w, "ab", 2), 1);
    eng_words_fini(&w);
}

/* A word without end is counted in parts that cut no character in two. */
static void long_words_are_cut(void **state)
{
    (void)state;
    bench b;
    sk_buf text = SK_BUF_INIT;
    for (size_t i = 0; i < 500; i++)
        sk_buf_adds(&text, "\303\251"); /* 1000 bytes of e with an accent */
    sk_buf_adds(&text, "x");
    open_bench(&b, "qwen2", 0, UINT64_MAX);
    count(&b, text.p, text.len, text.len);
    size_t bytes = 0;
    for (size_t i = 0; i < b.words.n; i++) {
        const eng_word *v = &b.words.word[i];
        assert_true(v->n <= ENG_WORD_MAX);
        assert_int_equal((unsigned char)b.words.bytes.p[v->at] & 0xc0, 0xc0);
        bytes += v->n * v->count;
    }
    assert_int_equal(bytes, text.len);
    close_bench(&b);
    sk_buf_fini(&text);
}

static sk_status count_words(void *pretok, sk_err *e)
{
    eng_counter c = {.n_workers = 0};
    eng_words w = {.n = 0};
    size_t used;
    sk_status st = eng_counter_init(&c, pretok, NULL, 2000, e);
    if (!st) st = eng_counter_add(&c, tiny_text, strlen(tiny_text), true, &used, e);
    if (!st) st = eng_counter_take(&c, &w, e);
    eng_counter_fini(&c);
    eng_words_fini(&w);
    return st;
}

/* Every allocation fails once: refused, nothing kept. */
static void without_memory(void **state)
{
    (void)state;
    uint64_t before = sk_mem_bytes(SK_MEM_TOKEN);
    eng_pretok *pt = NULL;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_pretok_open("qwen2", &pt, &e), e);
    unit_starve(count_words, pt, 500, 0);
    eng_pretok_close(pt);
    assert_int_equal(sk_mem_bytes(SK_MEM_TOKEN), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_and_threads_change_nothing),
        cmocka_unit_test(a_long_document),
        cmocka_unit_test(texts_without_a_harmless_cut),
        cmocka_unit_test(rare_words_are_forgotten),
        cmocka_unit_test(words_table),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
