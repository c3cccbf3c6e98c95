/* t_npy.c - the .npy file: its header to the byte, its data, faults. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "engine/format/npy.h"

#include <stdio.h>

/* Reads the file and checks all that the format says of it; returns where the data begins. */
static const char *check(const char *path, const char *shape, size_t n_data, sk_buf *b)
{
    assert_true(unit_read(path, b));
    assert_true(b->len >= 64);
    assert_memory_equal(b->p, "\x93NUMPY\x01\x00", 8);
    size_t head = 10 + (size_t)(unsigned char)b->p[8] + 256 * (size_t)(unsigned char)b->p[9];
    assert_int_equal(head % 64, 0);
    assert_int_equal(b->p[head - 1], '\n');
    assert_int_equal(b->len, head + n_data);
    char dict[200];
    size_t len = head - 11;
    assert_true(len < sizeof dict);
    memcpy(dict, b->p + 10, len);
    dict[len] = 0;
    while (len && dict[len - 1] == ' ')
        dict[--len] = 0;
    char want[200];
    snprintf(want, sizeof want, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    assert_string_equal(dict, want);
    return b->p + head;
}

static void header_and_data(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "a.npy");
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    const float x[6] = {0, -1.5F, 2, 3e38F, 1e-40F, 5};
    assert_status_ok(eng_npy_write(path, x, 2, 3, &e), e);
    assert_memory_equal(check(path, "2, 3", sizeof x, &b), x, sizeof x);
    assert_status_ok(eng_npy_write(path, x, 1, 1, &e), e);
    assert_memory_equal(check(path, "1, 1", 4, &b), x, 4);
    assert_status_ok(eng_npy_write(path, NULL, 0, 4096, &e), e);
    (void)check(path, "0, 4096", 0, &b);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

/* Shapes whose text makes the header longer, up to the largest there is. */
static void long_shapes(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "a.npy");
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    size_t cols = 1;
    for (int digits = 1; digits <= 19; digits++, cols *= 10) {
        char shape[64];
        snprintf(shape, sizeof shape, "0, %zu", cols);
        assert_status_ok(eng_npy_write(path, NULL, 0, cols, &e), e);
        (void)check(path, shape, 0, &b);
    }
    assert_status_ok(eng_npy_write(path, NULL, 0, SIZE_MAX, &e), e);
    (void)check(path, "0, 18446744073709551615", 0, &b);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

static void too_large(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "a.npy");
    sk_err e = SK_ERR_INIT;
    const float x = 1;
    assert_status(eng_npy_write(path, &x, SIZE_MAX, 2, &e), SK_E_TOOBIG, e, "a.npy");
    assert_status(eng_npy_write(path, &x, (size_t)1 << 31, (size_t)1 << 31, &e), SK_E_TOOBIG, e,
                  "a.npy");
    assert_int_equal(unit_count_files(dir), 0);
    unit_rm_rf(dir);
}

static void faults_leave_nothing(void **state)
{
    (void)state;
    static const sk_fault_kind kinds[] = {SK_FAULT_ALLOC, SK_FAULT_WRITE, SK_FAULT_RENAME};
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "a.npy");
    const float x[4] = {1, 2, 3, 4};
    sk_buf b = SK_BUF_INIT;
    for (size_t k = 0; k < 3; k++)
        for (unsigned long nth = 1;; nth++) {
            sk_err e = SK_ERR_INIT;
            sk_fault_plan(kinds[k], nth, false);
            sk_status st = eng_npy_write(path, x, 2, 2, &e);
            bool reached = sk_fault_count(kinds[k]) >= nth;
            sk_fault_plan(kinds[k], 0, false);
            size_t files = unit_count_files(dir);
            assert_true(st ? files <= 1 : files == 1);
            assert_int_equal(e.status, st);
            /* renamed before the fault: then it is whole */
            if (files) assert_memory_equal(check(path, "2, 2", sizeof x, &b), x, sizeof x);
            unit_rm_rf(path);
            if (!reached) break;
            assert_true(nth < 50);
        }
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_data),
        cmocka_unit_test(long_shapes),
        cmocka_unit_test(too_large),
        cmocka_unit_test(faults_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
