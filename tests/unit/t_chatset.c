/* t_chatset.c - conversations packed into rows. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/token/chat.h"
#include "engine/train/chatset.h"

#include <stdio.h>

enum { TALKS = 200 };

typedef struct fixture {
    eng_vocab *v;
    char dir[128], path[160];
    char text[TALKS][2][96];
} fixture;

/* Conversation i: one question and one answer of random lengths. */
static void open_fixture(fixture *f)
{
    sk_buf b = SK_BUF_INIT;
    f->v = tiny_vocab(320, NULL);
    (void)snprintf(f->dir, sizeof(f->dir), "%s", unit_tmpdir());
    (void)snprintf(f->path, sizeof(f->path), "%s/talks.jsonl", f->dir);
    for (size_t i = 0; i < TALKS; i++) {
        for (size_t k = 0; k < 2; k++) {
            size_t n = 1 + sk_rng_below(k, SK_RNG_TEST, i, 60);
            (void)snprintf(f->text[i][k], sizeof(f->text[i][k]), "%zu%.*s", i, (int)n,
                           " and so it goes on and on until it is at its end which is here now");
        }
        sk_buf_addf(&b,
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"},"
                    "{\"role\":\"assistant\",\"content\":\"%s\"}]}\n",
                    f->text[i][0], f->text[i][1]);
    }
    unit_write(f->path, b.p, b.len);
    sk_buf_fini(&b);
}

static void close_fixture(fixture *f)
{
    unit_rm_rf(f->dir);
    eng_vocab_close(f->v);
}

/* The rows of conversation i, found by its tokens; returns how often it stands in the set. */
static size_t find_talk(const fixture *f, const eng_dataset *d, size_t i)
{
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {0}, loss = {0};
    size_t found = 0;
    eng_chat_msg msg[2] = {{"user", f->text[i][0], strlen(f->text[i][0])},
                           {"assistant", f->text[i][1], strlen(f->text[i][1])}};
    assert_status_ok(eng_chat_render(f->v, msg, 2, false, &ids, &loss, &e), e);
    size_t n = ids.n - 1;
    for (size_t r = 0; r < d->n_rows; r++)
        for (size_t at = 0; at + n <= d->n_ctx; at++) {
            size_t base = r * d->n_ctx + at;
            if (d->first[base] != (int32_t)at) continue;
            if (memcmp(d->ids + base, ids.id, n * sizeof(int32_t)) != 0) continue;
            found++;
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(d->first[base + k], at);
                assert_int_equal(d->target[base + k], loss.id[k + 1] ? ids.id[k + 1] : -1);
            }
        }
    eng_ids_fini(&ids);
    eng_ids_fini(&loss);
    return found;
}

static void every_conversation_stands_in_the_rows_once(void **state)
{
    (void)state;
    fixture f;
    sk_err e = SK_ERR_INIT;
    open_fixture(&f);
    const char *const path[] = {f.path};
    const size_t widths[] = {90, 128, 500};
    for (size_t w = 0; w < 3; w++) {
        eng_dataset d;
        eng_chatset_stats s;
        assert_status_ok(eng_chatset_load(f.v, path, 1, widths[w], &d, &s, &e), e);
        assert_int_equal(s.n_read, TALKS);
        size_t found = 0, targets = 0;
        for (size_t i = 0; i < TALKS; i++)
            found += find_talk(&f, &d, i);
        assert_int_equal(found, TALKS - s.n_dropped);
        for (size_t i = 0; i < d.n_rows * d.n_ctx; i++)
            targets += d.target[i] >= 0;
        assert_int_equal(targets, s.loss_tokens);
        assert_true(d.n_rows * d.n_ctx < (s.tokens + widths[w]) * 5 / 4);
        eng_dataset_fini(&d);
    }
    close_fixture(&f);
}

/* No token sees further back than its own conversation, and padding sees only itself. */
static void first_is_never_before_the_conversation(void **state)
{
    (void)state;
    fixture f;
    sk_err e = SK_ERR_INIT;
    eng_dataset d;
    eng_chatset_stats s;
    open_fixture(&f);
    const char *const path[] = {f.path};
    assert_status_ok(eng_chatset_load(f.v, path, 1, 128, &d, &s, &e), e);
    for (size_t r = 0; r < d.n_rows; r++) {
        bool any = false;
        for (size_t i = 0; i < d.n_ctx; i++) {
            size_t at = r * d.n_ctx + i;
            assert_true(d.first[at] >= 0 && d.first[at] <= (int32_t)i);
            assert_true(i == 0 || d.first[at] >= d.first[at - 1]);
            assert_int_equal(d.first[r * d.n_ctx + (size_t)d.first[at]], d.first[at]);
            any |= d.target[at] >= 0;
        }
        assert_true(any);
    }
    eng_dataset_fini(&d);
    close_fixture(&f);
}

static void rows_do_not_depend_on_luck(void **state)
{
    (void)state;
    fixture f;
    sk_err e = SK_ERR_INIT;
    eng_dataset a, b;
    eng_chatset_stats s;
    open_fixture(&f);
    const char *const path[] = {f.path};
    assert_status_ok(eng_chatset_load(f.v, path, 1, 100, &a, &s, &e), e);
    assert_status_ok(eng_chatset_load(f.v, path, 1, 100, &b, &s, &e), e);
    assert_int_equal(a.crc, b.crc);
    assert_int_equal(a.n_rows, b.n_rows);
    eng_dataset_fini(&a);
    eng_dataset_fini(&b);
    close_fixture(&f);
}

static void nothing_fits_is_said(void **state)
{
    (void)state;
    fixture f;
    sk_err e = SK_ERR_INIT;
    eng_dataset d;
    eng_chatset_stats s;
    open_fixture(&f);
    const char *const path[] = {f.path};
    assert_status(eng_chatset_load(f.v, path, 1, 4, &d, &s, &e), SK_E_INVALID, e, "--context");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_conversation_stands_in_the_rows_once),
        cmocka_unit_test(first_is_never_before_the_conversation),
        cmocka_unit_test(rows_do_not_depend_on_luck),
        cmocka_unit_test(nothing_fits_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
