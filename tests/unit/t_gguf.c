/* t_gguf.c - writing a GGUF and reading it back; what the writer refuses; faults on the way. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/format/gguf.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 3, COLS = 5 };

static float weights[ROWS * COLS];

/* A file with a key of every kind the writer has, and three tensors. */
static sk_status write_sample(const char *path, sk_err *e)
{
    static const eng_str strs[] = {{"one", 3}, {"", 0}, {"two\0three", 9}};
    static const int32_t ints[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
    static const float floats[] = {0.5F, -2.0F};
    eng_gguf_writer *w = NULL;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_put_str(w, "general.architecture", "test", 4);
    eng_gguf_put_u32(w, "a.u32", UINT32_MAX);
    eng_gguf_put_f32(w, "a.f32", 0.25F);
    eng_gguf_put_bool(w, "a.yes", true);
    eng_gguf_put_bool(w, "a.no", false);
    eng_gguf_put_strs(w, "a.strs", strs, 3);
    eng_gguf_put_i32s(w, "a.ints", ints, 5);
    eng_gguf_put_f32s(w, "a.floats", floats, 2);
    eng_gguf_put_i32s(w, "a.none", NULL, 0);
    eng_gguf_put_strs(w, "a.nostrs", NULL, 0);
    eng_gguf_add_tensor(w, "matrix", ENG_F32, ROWS, COLS, false);
    eng_gguf_add_tensor(w, "half", ENG_BF16, ROWS, COLS, false);
    eng_gguf_add_tensor(w, "vector", ENG_F16, 1, COLS, true);
    for (size_t i = 0; i < ROWS * COLS; i++)
        weights[i] = (float)i * 0.37F - 2.0F;
    for (int i = 0; i < 3 && !st; i++)
        st = eng_gguf_write_f32(w, weights, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

static eng_gguf *open_sample(const char *dir)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = NULL;
    assert_status_ok(write_sample(unit_path(dir, "s.gguf"), &e), e);
    assert_status_ok(eng_gguf_open(unit_path(dir, "s.gguf"), &g, &e), e);
    return g;
}

static void keys_come_back(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    eng_gguf *g = open_sample(dir);
    sk_err e = SK_ERR_INIT;
    uint64_t u = 0;
    double f = 0;
    bool b = false;
    eng_str s = {NULL, 0};
    size_t n = 0;
    int64_t i = 0;
    assert_int_equal(eng_gguf_version(g), 3);
    assert_int_equal(eng_gguf_n_keys(g), 11); /* with general.alignment */
    assert_status_ok(eng_gguf_u64(g, "a.u32", &u, &e), e);
    assert_int_equal(u, UINT32_MAX);
    assert_status_ok(eng_gguf_f64(g, "a.f32", &f, &e), e);
    assert_true(f == 0.25);
    assert_status_ok(eng_gguf_bool(g, "a.yes", &b, &e), e);
    assert_true(b);
    assert_status_ok(eng_gguf_bool(g, "a.no", &b, &e), e);
    assert_false(b);
    assert_status_ok(eng_gguf_str(g, "general.architecture", &s, &e), e);
    assert_int_equal(s.n, 4);
    assert_memory_equal(s.p, "test", 4);
    assert_status_ok(eng_gguf_arr_len(g, "a.strs", &n, &e), e);
    assert_int_equal(n, 3);
    assert_status_ok(eng_gguf_arr_str(g, "a.strs", 2, &s, &e), e);
    assert_int_equal(s.n, 9);
    assert_memory_equal(s.p, "two\0three", 9);
    assert_status_ok(eng_gguf_arr_str(g, "a.strs", 1, &s, &e), e);
    assert_int_equal(s.n, 0);
    assert_status_ok(eng_gguf_arr_i64(g, "a.ints", 0, &i, &e), e);
    assert_int_equal(i, INT32_MIN);
    assert_status_ok(eng_gguf_arr_f64(g, "a.floats", 1, &f, &e), e);
    assert_true(f == -2.0);
    assert_status_ok(eng_gguf_arr_len(g, "a.none", &n, &e), e);
    assert_int_equal(n, 0);
    assert_status_ok(eng_gguf_u64(g, "general.alignment", &u, &e), e);
    assert_int_equal(u, 32);
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

/* Asking for what is not there, or for another type: said so, and out stays. */
static void wrong_questions(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    eng_gguf *g = open_sample(dir);
    sk_err e = SK_ERR_INIT;
    uint64_t u = 7;
    double f = 7;
    bool b = true;
    eng_str s = {"7", 1};
    size_t n = 7;
    int64_t i = 7;
    static const char *const absent[] = {"", "a", "a.u3", "a.u322", "zzz", "A.u32"};
    for (size_t k = 0; k < sizeof absent / sizeof absent[0]; k++) {
        assert_status(eng_gguf_u64(g, absent[k], &u, &e), SK_E_NOTFOUND, e, absent[k]);
        assert_status(eng_gguf_f64(g, absent[k], &f, &e), SK_E_NOTFOUND, e, absent[k]);
        assert_status(eng_gguf_bool(g, absent[k], &b, &e), SK_E_NOTFOUND, e, absent[k]);
        assert_status(eng_gguf_str(g, absent[k], &s, &e), SK_E_NOTFOUND, e, absent[k]);
        assert_status(eng_gguf_arr_len(g, absent[k], &n, &e), SK_E_NOTFOUND, e, absent[k]);
        assert_status(eng_gguf_arr_i64(g, absent[k], 0, &i, &e), SK_E_NOTFOUND, e, absent[k]);
    }
    assert_status(eng_gguf_u64(g, "a.f32", &u, &e), SK_E_FORMAT, e, "integer");
    assert_status(eng_gguf_u64(g, "a.yes", &u, &e), SK_E_FORMAT, e, "integer");
    assert_status(eng_gguf_u64(g, "a.ints", &u, &e), SK_E_FORMAT, e, "integer");
    assert_status(eng_gguf_f64(g, "a.u32", &f, &e), SK_E_FORMAT, e, "float");
    assert_status(eng_gguf_bool(g, "a.u32", &b, &e), SK_E_FORMAT, e, "truth");
    assert_status(eng_gguf_str(g, "a.strs", &s, &e), SK_E_FORMAT, e, "string");
    assert_status(eng_gguf_arr_len(g, "a.u32", &n, &e), SK_E_FORMAT, e, "array");
    assert_status(eng_gguf_arr_str(g, "a.ints", 0, &s, &e), SK_E_FORMAT, e, "array of strings");
    assert_status(eng_gguf_arr_str(g, "a.strs", 3, &s, &e), SK_E_FORMAT, e, "3 elements");
    assert_status(eng_gguf_arr_i64(g, "a.strs", 0, &i, &e), SK_E_FORMAT, e, "integers");
    assert_status(eng_gguf_arr_i64(g, "a.floats", 0, &i, &e), SK_E_FORMAT, e, "integers");
    assert_status(eng_gguf_arr_i64(g, "a.none", 0, &i, &e), SK_E_FORMAT, e, "0 elements");
    assert_status(eng_gguf_arr_f64(g, "a.ints", 0, &f, &e), SK_E_FORMAT, e, "floats");
    assert_true(u == 7 && f == 7 && b && s.n == 1 && n == 7 && i == 7);
    assert_null(eng_gguf_tensor_find(g, ""));
    assert_null(eng_gguf_tensor_find(g, "matri"));
    assert_null(eng_gguf_tensor_find(g, "matrixx"));
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

static void tensors_come_back(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    eng_gguf *g = open_sample(dir);
    assert_int_equal(eng_gguf_n_tensors(g), 3);
    const eng_gguf_tensor *t = eng_gguf_tensor_find(g, "matrix");
    assert_ptr_equal(t, eng_gguf_tensor_at(g, 0));
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dim[0], COLS);
    assert_int_equal(t->dim[1], ROWS);
    assert_int_equal(t->dim[2] * t->dim[3], 1);
    assert_int_equal(t->bytes, sizeof weights);
    assert_memory_equal(t->data, weights, sizeof weights);
    uint16_t want[ROWS * COLS];
    t = eng_gguf_tensor_find(g, "half");
    eng_dtype_of_f32(ENG_BF16, weights, want, ROWS * COLS);
    assert_int_equal(t->type, ENG_BF16);
    assert_int_equal(t->bytes, sizeof want);
    assert_memory_equal(t->data, want, sizeof want);
    t = eng_gguf_tensor_find(g, "vector");
    eng_dtype_of_f32(ENG_F16, weights, want, COLS);
    assert_int_equal(t->n_dims, 1);
    assert_int_equal(t->bytes, COLS * 2);
    assert_memory_equal(t->data, want, COLS * 2);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal((uintptr_t)eng_gguf_tensor_at(g, i)->data % 32, 0);
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

/* A tensor larger than the writer's chunk, with a size that is no multiple of it. */
static void large_tensor(void **state)
{
    (void)state;
    enum { N = 8192 * 2 + 77 };
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    float *x = sk_alloc(SK_MEM_MISC, N * sizeof *x);
    uint16_t *want = sk_alloc(SK_MEM_MISC, N * sizeof *want);
    for (size_t i = 0; i < N; i++)
        x[i] = sinf((float)i) * 100.0F;
    eng_dtype_of_f32(ENG_BF16, x, want, N);
    assert_status_ok(eng_gguf_create(unit_path(dir, "l.gguf"), &w, &e), e);
    eng_gguf_add_tensor(w, "x", ENG_BF16, 1, N, true);
    assert_status_ok(eng_gguf_write_f32(w, x, &e), e);
    assert_status_ok(eng_gguf_commit(w, &e), e);
    assert_status_ok(eng_gguf_open(unit_path(dir, "l.gguf"), &g, &e), e);
    assert_memory_equal(eng_gguf_tensor_at(g, 0)->data, want, N * sizeof *want);
    eng_gguf_rest(g, eng_gguf_tensor_at(g, 0));
    assert_memory_equal(eng_gguf_tensor_at(g, 0)->data, want, N * sizeof *want);
    eng_gguf_close(g);
    sk_free(x);
    sk_free(want);
    unit_rm_rf(dir);
}

/* The same calls give the same bytes, and what is read can be printed. */
static void bytes_and_text(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    eng_gguf *g = open_sample(dir);
    assert_status_ok(write_sample(unit_path(dir, "t.gguf"), &e), e);
    assert_true(unit_read(unit_path(dir, "s.gguf"), &a) && unit_read(unit_path(dir, "t.gguf"), &b));
    assert_int_equal(a.len, b.len);
    assert_int_equal(a.len, eng_gguf_file_bytes(g));
    assert_memory_equal(a.p, b.p, a.len);
    static const char *const text[] = {"\"test\"",
                                       "4294967295",
                                       "0.25",
                                       "true",
                                       "false",
                                       "[\"one\", \"\", \"two\\x00three\"] (3 str)",
                                       "[-2147483648, -1, 0, 1, 2147483647] (5 i32)",
                                       "[0.5, -2] (2 f32)",
                                       "[] (0 i32)",
                                       "[] (0 str)",
                                       "32"};
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        sk_buf_reset(&b);
        eng_gguf_key_text(g, i, &b);
        assert_string_equal(b.p, text[i]);
    }
    eng_gguf_close(g);
    sk_buf_fini(&a);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

/* Long values are cut for people. */
static void long_values_are_cut(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    sk_buf b = SK_BUF_INIT;
    char text[1000];
    int32_t ints[100] = {0};
    memset(text, 'x', sizeof text);
    text[0] = '\x1b';
    assert_status_ok(eng_gguf_create(unit_path(dir, "c.gguf"), &w, &e), e);
    eng_gguf_put_str(w, "s", text, sizeof text);
    eng_gguf_put_i32s(w, "i", ints, 100);
    assert_status_ok(eng_gguf_commit(w, &e), e);
    assert_status_ok(eng_gguf_open(unit_path(dir, "c.gguf"), &g, &e), e);
    eng_gguf_key_text(g, 0, &b);
    assert_true(b.len < 300);
    assert_contains(b.p, "\"\\x1bxxx");
    assert_contains(b.p, "... (1000 bytes)");
    sk_buf_reset(&b);
    eng_gguf_key_text(g, 1, &b);
    assert_string_equal(b.p, "[0, 0, 0, 0, 0, 0, 0, 0, ...] (100 i32)");
    eng_gguf_close(g);
    sk_buf_fini(&b);
    unit_rm_rf(dir);
}

/* Mistakes of a caller come out at the commit, and leave no file. */
typedef enum mistake {
    NONE,
    KEY_TWICE,
    TENSOR_TWICE,
    NO_NAME,
    LONG_NAME,
    NO_ROWS,
    TOO_MANY,
    VECTOR_OF_ROWS,
    BAD_TYPE,
    NO_DATA,
    TOO_MUCH_DATA,
    KEY_TOO_LATE,
    TENSOR_TOO_LATE,
    N_MISTAKES
} mistake;

static sk_status make_mistake(mistake m, const char *path, sk_err *e)
{
    static const char name64[] = "0123456789012345678901234567890123456789012345678901234567890123";
    eng_gguf_writer *w = NULL;
    sk_status st = eng_gguf_create(path, &w, e);
    assert_status_ok(st, *e);
    eng_gguf_put_u32(w, "k", 1);
    if (m == KEY_TWICE) eng_gguf_put_bool(w, "k", true);
    if (m == NO_NAME) eng_gguf_put_u32(w, "", 1);
    eng_gguf_add_tensor(w, "k", ENG_F32, 1, 2, false); /* a key's name is no tensor's */
    if (m == TENSOR_TWICE) eng_gguf_add_tensor(w, "k", ENG_F32, 1, 2, false);
    if (m == LONG_NAME) eng_gguf_add_tensor(w, name64, ENG_F32, 1, 2, false);
    if (m == NO_ROWS) eng_gguf_add_tensor(w, "t", ENG_F32, 0, 2, false);
    if (m == TOO_MANY) eng_gguf_add_tensor(w, "t", ENG_F32, SIZE_MAX, 2, false);
    if (m == VECTOR_OF_ROWS) eng_gguf_add_tensor(w, "t", ENG_F32, 2, 2, true);
    if (m == BAD_TYPE) eng_gguf_add_tensor(w, "t", (eng_dtype)4, 1, 32, false);
    if (m == NO_DATA) return eng_gguf_commit(w, e);
    st = eng_gguf_write_f32(w, weights, e);
    if (m == TOO_MUCH_DATA && !st) st = eng_gguf_write_f32(w, weights, e);
    if (m == KEY_TOO_LATE) eng_gguf_put_u32(w, "late", 1);
    if (m == TENSOR_TOO_LATE) eng_gguf_add_tensor(w, "late", ENG_F32, 1, 2, false);
    sk_err again = SK_ERR_INIT;
    sk_status end = eng_gguf_commit(w, &again);
    if (!st && end) *e = again;
    assert_true(!st || end);
    return st ? st : end;
}

static void writer_refuses(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.gguf");
    for (int m = NONE; m < N_MISTAKES; m++) {
        sk_err e = SK_ERR_INIT;
        sk_status st = make_mistake((mistake)m, path, &e);
        assert_int_equal(st, m == NONE ? SK_OK : SK_E_INTERNAL);
        assert_int_equal(e.status, st);
        assert_int_equal(unit_count_files(dir), m == NONE ? 1 : 0);
        if (m == NONE) unit_rm_rf(path);
    }
    unit_rm_rf(dir);
}

/* A write, fsync, rename or allocation that fails: the old file stays, nothing is left beside it.
 */
static void faults_keep_the_old_file(void **state)
{
    (void)state;
    static const sk_fault_kind kinds[] = {SK_FAULT_ALLOC, SK_FAULT_WRITE, SK_FAULT_FSYNC,
                                          SK_FAULT_RENAME};
    const char *dir = unit_tmpdir();
    char path[512];
    snprintf(path, sizeof path, "%s", unit_path(dir, "f.gguf"));
    uint64_t misc = sk_mem_bytes(SK_MEM_MISC);
    for (size_t k = 0; k < 4; k++)
        for (unsigned long nth = 1;; nth++) {
            sk_err e = SK_ERR_INIT;
            sk_buf b = SK_BUF_INIT;
            unit_write(path, "old", 3);
            sk_fault_plan(kinds[k], nth, false);
            sk_status st = write_sample(path, &e);
            bool reached = sk_fault_count(kinds[k]) >= nth;
            sk_fault_plan(kinds[k], 0, false);
            assert_int_equal(e.status, st);
            assert_true(unit_read(path, &b));
            /* once renamed it is there, also when the folder cannot be synced then */
            assert_true(b.len > 100 || (st && b.len == 3));
            sk_buf_fini(&b);
            assert_int_equal(unit_count_files(dir), 1);
            assert_int_equal(sk_mem_bytes(SK_MEM_MISC), misc);
            if (!reached) break;
            assert_true(nth < 500);
        }
    unit_rm_rf(dir);
}

static sk_status open_starved(void *path, sk_err *e)
{
    eng_gguf *g = NULL;
    sk_status st = eng_gguf_open(path, &g, e);
    assert_int_equal(st == SK_OK, g != NULL);
    eng_gguf_close(g);
    return st;
}

/* Opening with each allocation failing. */
static void open_without_memory(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    char path[512];
    snprintf(path, sizeof path, "%s", unit_path(dir, "s.gguf"));
    eng_gguf_close(open_sample(dir));
    unit_starve(open_starved, path, 100, 0);
    unit_rm_rf(dir);
}

static void no_such_file(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = NULL;
    eng_gguf_writer *w = NULL;
    assert_status(eng_gguf_open(unit_path(dir, "none.gguf"), &g, &e), SK_E_NOTFOUND, e,
                  "none.gguf");
    assert_int_not_equal(eng_gguf_open(dir, &g, &e), SK_OK);
    assert_int_not_equal(eng_gguf_create(unit_path(dir, "no/such/folder.gguf"), &w, &e), SK_OK);
    assert_null(g);
    assert_null(w);
    unit_write(unit_path(dir, "empty"), "", 0);
    assert_status(eng_gguf_open(unit_path(dir, "empty"), &g, &e), SK_E_FORMAT, e, "not a GGUF");
    eng_gguf_close(NULL);
    eng_gguf_abort(NULL);
    unit_rm_rf(dir);
}

static void names_of_types(void **state)
{
    (void)state;
    assert_string_equal(eng_gguf_type_name(ENG_F32), "F32");
    assert_string_equal(eng_gguf_type_name(ENG_F16), "F16");
    assert_string_equal(eng_gguf_type_name(ENG_BF16), "BF16");
    assert_string_equal(eng_gguf_type_name(12), "Q4_K");
    assert_string_equal(eng_gguf_type_name(4), "?");
    assert_string_equal(eng_gguf_type_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back),      cmocka_unit_test(wrong_questions),
        cmocka_unit_test(tensors_come_back),   cmocka_unit_test(large_tensor),
        cmocka_unit_test(bytes_and_text),      cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(writer_refuses),      cmocka_unit_test(faults_keep_the_old_file),
        cmocka_unit_test(open_without_memory), cmocka_unit_test(no_such_file),
        cmocka_unit_test(names_of_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
