/* t_dataset.c - rows of tokens and the order of a run. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "engine/train/dataset.h"

static eng_dataset stream_of(size_t n, size_t n_ctx)
{
    sk_err e = SK_ERR_INIT;
    eng_dataset d;
    int32_t *s = calloc(n, sizeof(*s));
    assert_non_null(s);
    for (size_t i = 0; i < n; i++)
        s[i] = (int32_t)(100 + i);
    assert_status_ok(eng_dataset_of_stream(s, n, n_ctx, 7, &d, &e), e);
    free(s);
    return d;
}

/* Every token but the first is a target once, of the token before it, whatever the lengths. */
static void a_stream_loses_no_token(void **state)
{
    (void)state;
    for (size_t n = 2; n < 40; n++)
        for (size_t n_ctx = 1; n_ctx < 12; n_ctx++) {
            eng_dataset d = stream_of(n, n_ctx);
            assert_int_equal(d.n_rows, (n - 2) / n_ctx + 1);
            for (size_t i = 0; i < d.n_rows * n_ctx; i++) {
                bool real = i + 1 < n;
                assert_int_equal(d.ids[i], real ? (int)(100 + i) : 7);
                assert_int_equal(d.target[i], real ? (int)(101 + i) : -1);
            }
            assert_null(d.first);
            eng_dataset_fini(&d);
        }
}

static void an_epoch_visits_every_row_once(void **state)
{
    (void)state;
    for (size_t rows = 1; rows < 70; rows += 3) {
        eng_dataset d = stream_of(rows * 4 + 1, 4);
        assert_int_equal(d.n_rows, rows);
        size_t moved = 0;
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            char seen[80] = {0};
            for (size_t i = 0; i < rows; i++) {
                size_t r = eng_dataset_pick(&d, 9, epoch * rows + i);
                assert_true(r < rows && !seen[r]);
                seen[r] = 1;
                moved += r != eng_dataset_pick(&d, 9, (epoch + 1) * rows + i);
                moved += r != eng_dataset_pick(&d, 10, epoch * rows + i);
            }
        }
        if (rows > 10) assert_true(moved > 0); /* orders differ by epoch and seed */
        eng_dataset_fini(&d);
    }
}

static void the_checksum_sees_every_element(void **state)
{
    (void)state;
    eng_dataset d = stream_of(21, 5);
    uint32_t crc = d.crc;
    for (size_t i = 0; i < 20; i++) {
        d.ids[i] ^= 1;
        eng_dataset_seal(&d);
        assert_int_not_equal(d.crc, crc);
        d.ids[i] ^= 1;
        d.target[i] ^= 4;
        eng_dataset_seal(&d);
        assert_int_not_equal(d.crc, crc);
        d.target[i] ^= 4;
    }
    eng_dataset_seal(&d);
    assert_int_equal(d.crc, crc);
    eng_dataset_fini(&d);
}

static void counts_are_of_targets_and_their_bytes(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = tiny_vocab(300, NULL);
    eng_ids ids = {0};
    uint64_t targets, bytes;
    eng_dataset d;
    const char text[] = "Counting bytes, not tokens.";
    int32_t eot = eng_vocab_special(v, "<|endoftext|>");
    assert_true(eot >= 0 && eng_ids_push(&ids, eot));
    assert_status_ok(eng_vocab_encode(v, text, sizeof(text) - 1, 0, &ids, &e), e);
    assert_true(eng_ids_push(&ids, eot));
    assert_status_ok(eng_dataset_of_stream(ids.id, ids.n, 8, eot, &d, &e), e);
    eng_dataset_count(&d, v, 0, d.n_rows, &targets, &bytes);
    assert_int_equal(targets, ids.n - 1);
    assert_int_equal(bytes, sizeof(text) - 1);
    eng_dataset_count(&d, v, 0, 0, &targets, &bytes);
    assert_int_equal(targets + bytes, 0);
    eng_dataset_fini(&d);
    eng_ids_fini(&ids);
    eng_vocab_close(v);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_dataset d;
    assert_status(eng_dataset_init(&d, SIZE_MAX / 2, 4, 0, false, &e), SK_E_TOOBIG, e, "rows");
    e = (sk_err)SK_ERR_INIT;
    assert_status(eng_dataset_init(&d, (size_t)1 << 50, 16, 0, true, &e), SK_E_NOMEM, e, "MB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_loses_no_token),
        cmocka_unit_test(an_epoch_visits_every_row_once),
        cmocka_unit_test(the_checksum_sees_every_element),
        cmocka_unit_test(counts_are_of_targets_and_their_bytes),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
