/* t_corpus.c - text files to one stream of tokens. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "engine/train/corpus.h"

#include <stdio.h>

/* What encode must give: separator, document, ..., separator, made one by one. */
static void check_encode(eng_exec *x, const eng_vocab *v, const char *text, size_t n,
                         const char *const *doc, size_t n_docs)
{
    sk_err e = SK_ERR_INIT;
    eng_ids got = {0}, want = {0};
    int32_t sep = eng_corpus_separator(v);
    for (size_t i = 0; i < n_docs; i++) {
        assert_true(eng_ids_push(&want, sep));
        assert_status_ok(eng_vocab_encode(v, doc[i], strlen(doc[i]), 0, &want, &e), e);
    }
    assert_true(eng_ids_push(&want, sep));
    assert_status_ok(eng_corpus_encode(x, v, text, n, &got, &e), e);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.id, want.id, want.n * sizeof(int32_t));
    eng_ids_fini(&got);
    eng_ids_fini(&want);
}

static void documents_are_set_apart(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x;
    eng_vocab *v = tiny_vocab(300, NULL);
    assert_status_ok(eng_exec_open(2, &x, &e), e);
    static const char text[] = "one\n<|endoftext|>\n<|endoftext|>\ntwo <|endoftext|> is no line\n"
                               "<|endoftext|>\nlast, without an end";
    static const char *const docs[] = {"one\n", "two <|endoftext|> is no line\n",
                                       "last, without an end"};
    check_encode(x, v, text, sizeof(text) - 1, docs, 3);
    check_encode(x, v, "alone", 5, (const char *const[]){"alone"}, 1);
    eng_exec_close(x);
    eng_vocab_close(v);
}

/* A text of many tasks gives the same for every number of threads, and the whole comes back. */
static void a_long_text_survives_in_pieces(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = tiny_vocab(300, NULL);
    sk_buf text = SK_BUF_INIT, back = SK_BUF_INIT, plain = SK_BUF_INIT;
    const char *tail = tiny_text; /* what follows the separators in it */
    for (const char *p; (p = strstr(tail, "<|endoftext|>\n"));)
        tail = p + 14;
    for (size_t i = 0; text.len < 1500000; i++) {
        char raw[3000];
        size_t n = 1 + i * 37 % sizeof(raw);
        tiny_random(raw, n, i);
        for (size_t k = 0; k < n; k++)
            raw[k] = raw[k] == '<' ? '(' : raw[k]; /* no separators */
        sk_buf_adds(&text, tail);
        sk_buf_adds(&plain, tail);
        sk_buf_add(&text, raw, n);
        sk_buf_add(&plain, raw, n);
        sk_buf_adds(&text, "\n<|endoftext|>\n");
        sk_buf_adds(&plain, "\n");
    }
    eng_ids one = {0};
    for (size_t threads = 1; threads <= 3; threads++) {
        eng_exec *x;
        eng_ids got = {0};
        assert_status_ok(eng_exec_open(threads, &x, &e), e);
        assert_status_ok(eng_corpus_encode(x, v, text.p, text.len, &got, &e), e);
        eng_exec_close(x);
        if (threads == 1) {
            one = got;
            continue;
        }
        assert_int_equal(got.n, one.n);
        assert_memory_equal(got.id, one.id, got.n * sizeof(int32_t));
        eng_ids_fini(&got);
    }
    for (size_t i = 0; i < one.n; i++) {
        size_t n;
        const char *p = eng_vocab_piece(v, one.id[i], false, &n);
        sk_buf_add(&back, p, n);
    }
    assert_int_equal(back.len, plain.len);
    assert_memory_equal(back.p, plain.p, plain.len);
    eng_ids_fini(&one);
    sk_buf_fini(&text);
    sk_buf_fini(&back);
    sk_buf_fini(&plain);
    eng_vocab_close(v);
}

static void files_are_documents_apart(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    char dir[128], a[160], c[160];
    (void)snprintf(dir, sizeof(dir), "%s", unit_tmpdir());
    (void)snprintf(a, sizeof(a), "%s/a", dir);
    (void)snprintf(c, sizeof(c), "%s/c", dir);
    unit_write(a, "first", 5);
    unit_write(c, "second\n", 7);
    const char *const both[] = {a, c};
    assert_status_ok(eng_corpus_load(both, 2, &b, &e), e);
    assert_string_equal(b.p, "first\n<|endoftext|>\nsecond\n");
    sk_buf_reset(&b);
    unit_write(a, "", 0);
    assert_status(eng_corpus_load(both, 1, &b, &e), SK_E_INVALID, e, "no text");
    sk_buf_reset(&b);
    assert_status_ok(eng_corpus_load(both, 2, &b, &e), e);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_set_apart),
        cmocka_unit_test(a_long_text_survives_in_pieces),
        cmocka_unit_test(files_are_documents_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
