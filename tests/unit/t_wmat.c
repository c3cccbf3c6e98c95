/* t_wmat.c - weight matrices: stacking, refusals, memory.  What the kernels compute is checked by
 * checkkern. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/kernel/wmat.h"

enum { N_IN = 64, ROWS = 5 };

static eng_exec *open_exec(size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_exec *x = NULL;
    assert_status_ok(eng_exec_open(threads, &x, &e), e);
    return x;
}

/* Two parts give the rows of each, one beside the other, as each part alone gives them. */
static void parts_are_stacked(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x = open_exec(2);
    float w[2 * ROWS * N_IN], a[3 * N_IN], c[3 * 2 * ROWS], one[3 * ROWS];
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        w[i] = (float)(i % 13) - 6.0f;
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        a[i] = (float)(i % 7) - 3.0f;
    eng_wpart part[2] = {{ENG_F32, w, ROWS}, {ENG_F32, w + (size_t)ROWS * N_IN, ROWS}};
    eng_wmat *both = NULL, *second = NULL;
    assert_status_ok(eng_wmat_new(x, N_IN, part, 2, 0, &both, &e), e);
    assert_status_ok(eng_wmat_new(x, N_IN, part + 1, 1, 0, &second, &e), e);
    assert_int_equal(eng_wmat_n_in(both), N_IN);
    assert_int_equal(eng_wmat_n_out(both), 2 * ROWS);
    assert_true(eng_wmat_bytes(both) >= sizeof w);
    eng_wmat_mul(x, 3, a, N_IN, both, c, (size_t)2 * ROWS, false);
    eng_wmat_mul(x, 3, a, N_IN, second, one, ROWS, false);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(c + i * 2 * ROWS + ROWS, one + i * ROWS, ROWS * sizeof(float));
    eng_wmat_free(both);
    eng_wmat_free(second);
    eng_wmat_free(NULL);
    eng_exec_close(x);
}

enum { SPACE_ROWS = 70, SPACE_IN = 64 };

/* Bytes below 0x40: as elements or scales of any type they are numbers. */
static void fill_rows(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 37 % 61);
}

/* Packs that lie in a space give the same bytes as those that do not; what finds no room is
 * allocated; a filled space is taken as it is. */
static void space(void **state)
{
    (void)state;
    static const eng_dtype types[] = {ENG_F32, ENG_F16, ENG_BF16, ENG_Q8_0, ENG_Q4_0};
    static uint8_t rows[SPACE_ROWS * SPACE_IN * 4];
    eng_exec *x = open_exec(2);
    float a[SPACE_IN], c[2][2 * SPACE_ROWS];
    fill_rows(rows, sizeof rows);
    for (size_t i = 0; i < SPACE_IN; i++)
        a[i] = (float)(i % 7) - 3.0f;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        sk_err e = SK_ERR_INIT;
        eng_wmat *alone = NULL, *in = NULL;
        eng_wpart part[2] = {{types[t], rows, SPACE_ROWS}, {types[t], rows, 3}};
        size_t need = eng_wspace_need(&part[0], SPACE_IN, 0);
        assert_true(need >= eng_dtype_bytes(types[t], SPACE_IN) * SPACE_ROWS);
        eng_wspace s = {sk_alloc(SK_MEM_WEIGHTS, need), need, 0, false, 0};
        assert_status_ok(eng_wmat_new(x, SPACE_IN, part, 2, 0, &alone, &e), e);
        eng_wmat_mul(x, 1, a, SPACE_IN, alone, c[0], (size_t)2 * SPACE_ROWS, false);
        for (int filled = 0; filled < 2; filled++) {
            s.used = 0;
            s.filled = filled;
            part[0].data = filled ? NULL : rows;
            assert_status_ok(eng_wmat_new_in(x, SPACE_IN, part, 2, 0, &s, &in, &e), e);
            assert_int_equal(s.used, need);
            eng_wmat_mul(x, 1, a, SPACE_IN, in, c[1], (size_t)2 * SPACE_ROWS, false);
            assert_memory_equal(c[0], c[1], (SPACE_ROWS + 3) * sizeof(float));
            eng_wmat_free(in);
        }
        eng_wmat_free(alone);
        sk_free(s.base);
    }
    eng_exec_close(x);
}

/* What takes nothing of a space. */
static void space_of_nothing(void **state)
{
    (void)state;
    eng_wpart q = {ENG_Q8_0, NULL, 5}, none = {(eng_dtype)4, NULL, 5},
              huge = {ENG_Q8_0, NULL, SIZE_MAX / 64}, wide = {ENG_F32, NULL, SIZE_MAX / 8};
    assert_true(eng_wspace_need(&q, 32, 0) > 0);
    assert_int_equal(eng_wspace_need(&q, 32, ENG_WMAT_IN_PLACE), 0);
    assert_int_equal(eng_wspace_need(&q, 33, 0), 0);
    assert_int_equal(eng_wspace_need(&none, 32, 0), 0);
    assert_int_equal(eng_wspace_need(&huge, 320, 0), 0);
    assert_int_equal(eng_wspace_need(&wide, 320, 0), 0);
}

typedef struct layout_of {
    eng_exec *x;
    uint32_t number;
} layout_of;

static sk_status layout_starved(void *arg, sk_err *e)
{
    const layout_of *l = arg;
    uint32_t v = 0;
    sk_status st = eng_wspace_layout(l->x, &v, e);
    assert_int_equal(v, st ? 0 : l->number);
    return st;
}

/* The layout's number does not depend on the threads, and says when there is no memory. */
static void layout(void **state)
{
    (void)state;
    uint32_t one = 0, two = 1;
    sk_err e = SK_ERR_INIT;
    for (size_t threads = 1; threads <= 2; threads++) {
        eng_exec *x = open_exec(threads);
        assert_status_ok(eng_wspace_layout(x, threads == 1 ? &one : &two, &e), e);
        layout_of l = {x, one};
        unit_starve(layout_starved, &l, 100, UNIT_TOLD);
        eng_exec_close(x);
    }
    assert_int_equal(one, two);
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x = open_exec(1);
    eng_wmat *w = NULL;
    float data[N_IN] = {0};
    eng_wpart part = {(eng_dtype)4, data, 1};
    assert_int_equal(eng_wmat_new(x, N_IN, &part, 1, 0, &w, &e), SK_E_UNSUPPORTED);
    assert_null(w);
    eng_exec_close(x);
}

static sk_status make_starved(void *exec, sk_err *e)
{
    float data[N_IN] = {0};
    eng_wpart part[2] = {{ENG_F32, data, 1}, {ENG_BF16, data, 1}};
    eng_wmat *w = NULL;
    sk_status st = eng_wmat_new(exec, N_IN, part, 2, 0, &w, e);
    eng_wmat_free(w);
    return st;
}

/* Every failed allocation is reported and leaks nothing. */
static void no_memory(void **state)
{
    (void)state;
    eng_exec *x = open_exec(1);
    unit_starve(make_starved, x, 100, UNIT_TOLD);
    eng_exec_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_stacked), cmocka_unit_test(space),
        cmocka_unit_test(space_of_nothing),  cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(no_memory),         cmocka_unit_test(layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
