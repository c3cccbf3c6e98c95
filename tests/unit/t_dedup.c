/* t_dedup.c - duplicates: the same, nearly the same, and texts that are neither. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "base/sha256.h"
#include "engine/data/dedup.h"

#include <stdio.h>

/* A text of n words drawn from 2000 by the seed; every `every`th is another one (0: none). */
static void make_text(sk_buf *b, uint64_t seed, size_t n, size_t every)
{
    sk_buf_reset(b);
    for (size_t i = 0; i < n; i++) {
        uint64_t word = sk_rng_below(seed, SK_RNG_TEST, i, 2000);
        if (every && i % every == every - 1) word += 5000;
        sk_buf_addf(b, "w%llu%s", (unsigned long long)word, i % 9 == 8 ? ".\n" : " ");
    }
}

static eng_dup ask(eng_dedup *d, const sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    eng_dup dup;
    eng_sketch s;
    uint8_t h[SK_SHA256_BYTES];
    sk_sha256_of(b->p, b->len, h);
    eng_sketch_make(b->p, b->len, &s);
    assert_status_ok(eng_dedup_ask(d, h, &s, &dup, &e), e);
    return dup;
}

static eng_dedup *table(bool exact, bool near, double threshold, uint64_t bytes)
{
    sk_err e = SK_ERR_INIT;
    eng_dedup *d;
    eng_dedup_opts o = {exact, near, threshold, bytes};
    assert_status_ok(eng_dedup_open(&o, &d, &e), e);
    return d;
}

static void same_and_near(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    for (int i = 0; i < 3; i++) {
        eng_dedup *d = table(i > 0, i > 1, 0.8, 1 << 30);
        make_text(&b, 1, 400, 0);
        assert_int_equal(ask(d, &b), ENG_DUP_NONE);
        assert_int_equal(ask(d, &b), i ? ENG_DUP_EXACT : ENG_DUP_NONE);
        for (size_t k = 0; k < b.len; k++) /* other case, other blanks: the same words */
            b.p[k] = (char)(b.p[k] == 'w' ? 'W' : b.p[k] == ' ' ? '\t' : b.p[k]);
        assert_int_equal(ask(d, &b), i > 1 ? ENG_DUP_NEAR : ENG_DUP_NONE);
        make_text(&b, 1, 400, 150); /* two words of 400: ten runs of 396 on each side */
        assert_int_equal(ask(d, &b), i > 1 ? ENG_DUP_NEAR : ENG_DUP_NONE);
        make_text(&b, 1, 400, 8); /* half of the runs */
        assert_int_equal(ask(d, &b), ENG_DUP_NONE);
        eng_dedup_close(d);
    }
    sk_buf_fini(&b);
}

/* 3000 texts that share words but no runs: none is taken for another; all are found again. */
static void different_texts_stay(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    eng_dedup *d = table(true, true, 0.5, 1 << 30);
    for (uint64_t i = 0; i < 3000; i++) {
        make_text(&b, i, 40 + i % 60, 0);
        assert_int_equal(ask(d, &b), ENG_DUP_NONE);
    }
    for (uint64_t i = 0; i < 3000; i++) {
        make_text(&b, i, 40 + i % 60, 0);
        assert_int_equal(ask(d, &b), ENG_DUP_EXACT);
        sk_buf_adds(&b, "end");
        assert_int_equal(ask(d, &b), ENG_DUP_NEAR);
    }
    assert_false(eng_dedup_full(d));
    eng_dedup_close(d);
    sk_buf_fini(&b);
}

/* Of texts with a known share of equal runs, the estimate is near it. */
static void estimates(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    double error = 0;
    for (uint64_t i = 0; i < 100; i++) {
        eng_sketch x, y;
        make_text(&b, i, 600, 0);
        eng_sketch_make(b.p, b.len, &x);
        make_text(&b, i, 600, 40); /* 15 words, 5 runs each: 521 of 671 are common */
        eng_sketch_make(b.p, b.len, &y);
        assert_int_equal(y.n_words, 600);
        double s = eng_sketch_similarity(x.bin, y.bin);
        assert_true(s > 0.55 && s < 0.95);
        error += s - 521.0 / 671;
    }
    assert_true(error / 100 < 0.02 && error / 100 > -0.02);
    sk_buf_fini(&b);
}

static void odd_texts(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    eng_sketch s;
    eng_sketch_make("", 0, &s);
    assert_int_equal(s.n_words, 0);
    eng_sketch_make("one, two - three", 16, &s);
    assert_int_equal(s.n_words, 3);
    eng_sketch_make("\xE4\xB8\xAD\xE6\x96\x87 na\xC3\xAFve \xE4\xB8", 16, &s);
    assert_int_equal(s.n_words, 4); /* two characters, a word, half a character */
    for (int i = 0; i < 50; i++)
        sk_buf_adds(&b, "yes ");
    eng_sketch_make(b.p, b.len, &s); /* one run, over and over */
    assert_int_equal(s.n_words, 50);
    sk_buf_fini(&b);
}

/* A table that may not grow forgets nothing it has. */
static void bounded(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    eng_dedup *d = table(true, true, 0.8, 400000);
    for (uint64_t i = 0; i < 3000; i++) {
        make_text(&b, i, 50, 0);
        assert_int_equal(ask(d, &b), ENG_DUP_NONE);
    }
    assert_true(eng_dedup_full(d) && eng_dedup_bytes(d) <= 400000);
    make_text(&b, 0, 50, 0);
    assert_int_equal(ask(d, &b), ENG_DUP_EXACT);
    eng_dedup_close(d);
    d = table(true, true, 0.8, 0);
    assert_int_equal(ask(d, &b), ENG_DUP_NONE);
    assert_int_equal(ask(d, &b), ENG_DUP_NONE);
    eng_dedup_close(d);
    sk_buf_fini(&b);
}

static sk_status ask_starved(void *sketch, sk_err *e)
{
    uint8_t h[SK_SHA256_BYTES] = {0};
    eng_dup dup;
    eng_dedup *d = NULL;
    eng_dedup_opts o = {true, true, 0.8, 1 << 30};
    sk_status st = eng_dedup_open(&o, &d, e);
    if (!st) st = eng_dedup_ask(d, h, sketch, &dup, e);
    if (st) assert_contains(e->text, "memory");
    eng_dedup_close(d);
    return st;
}

static void refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_dedup *d;
    eng_dedup_opts o = {true, true, 0.3, 1};
    assert_status(eng_dedup_open(&o, &d, &e), SK_E_INVALID, e, "0.3");
    eng_sketch s;
    sk_buf b = SK_BUF_INIT;
    make_text(&b, 1, 100, 0);
    eng_sketch_make(b.p, b.len, &s);
    sk_buf_fini(&b);
    assert_true(unit_starve(ask_starved, &s, 100, UNIT_TOLD) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_and_near), cmocka_unit_test(different_texts_stay),
        cmocka_unit_test(estimates),     cmocka_unit_test(odd_texts),
        cmocka_unit_test(bounded),       cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
