/* t_ckpt.c - the checkpoint container: its bytes, every cut and every flipped bit, faults. */
#include "tests/unit/unit.h"

#include "base/crc.h"
#include "base/fault.h"
#include "base/mem.h"
#include "engine/format/ckpt.h"

#include <stdio.h>

static const char meta[] = "step=12";
static float param[40];

/* Three sections: one shorter than the alignment, one longer, one empty. */
static sk_status write_sample(const char *path, sk_err *e)
{
    for (int i = 0; i < 40; i++)
        param[i] = (float)i / 7;
    const eng_ckpt_section s[] = {
        {"meta", meta, sizeof meta}, {"param", param, sizeof param}, {"adam.m.8", NULL, 0}};
    return eng_ckpt_write(path, s, 3, e);
}

/* The sample's bytes, 64-byte aligned; to be freed with sk_free. */
static uint8_t *sample(size_t *n)
{
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(write_sample(unit_path(dir, "c.stk"), &e), e);
    assert_true(unit_read(unit_path(dir, "c.stk"), &b));
    uint8_t *p = sk_alloc(SK_MEM_MISC, b.len);
    assert_non_null(p);
    memcpy(p, b.p, b.len);
    *n = b.len;
    sk_buf_fini(&b);
    unit_rm_rf(dir);
    return p;
}

static void holds(const eng_ckpt *c, const char *name, const void *want, size_t want_n)
{
    sk_err e = SK_ERR_INIT;
    const void *p = NULL;
    uint64_t n = 99;
    assert_status_ok(eng_ckpt_get(c, name, &p, &n, &e), e);
    assert_int_equal(n, want_n);
    assert_int_equal((uintptr_t)p % 64, 0);
    if (want_n) assert_memory_equal(p, want, want_n);
}

static void sections_come_back(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_ckpt *c = NULL;
    assert_status_ok(write_sample(unit_path(dir, "c.stk"), &e), e);
    assert_status_ok(eng_ckpt_open(unit_path(dir, "c.stk"), &c, &e), e);
    holds(c, "param", param, sizeof param);
    holds(c, "meta", meta, sizeof meta);
    holds(c, "adam.m.8", "", 0);
    const void *p = &e;
    uint64_t n = 9;
    static const char *const absent[] = {"", "met", "metaa", "META", "adam.m"};
    for (size_t i = 0; i < 5; i++)
        assert_status(eng_ckpt_get(c, absent[i], &p, &n, &e), SK_E_FORMAT, e, absent[i]);
    assert_ptr_equal(p, &e);
    assert_int_equal(n, 9);
    eng_ckpt_close(c);
    eng_ckpt_close(NULL);
    unit_rm_rf(dir);
}

/* The layout of docs/format/checkpoint.md, byte by byte. */
static void layout(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = sample(&n);
    uint64_t u64[2];
    uint32_t u32[2];
    assert_int_equal(n, 192 + 64 + 192);
    assert_memory_equal(p, "STKCKPT\n", 8);
    memcpy(u32, p + 8, 8);
    assert_int_equal(u32[0], 1);
    assert_int_equal(u32[1], 3);
    memcpy(u64, p + 16, 8);
    assert_int_equal(u64[0], n);
    memcpy(u32, p + 24, 4);
    memset(p + 24, 0, 4);
    assert_int_equal(u32[0], sk_crc32c(0, p, 192));
    /* second row of the table */
    assert_memory_equal(p + 64 + 32, "param\0\0\0", 8);
    memcpy(u64, p + 64 + 32 + 8, 16);
    assert_int_equal(u64[0], 192 + 64);
    assert_int_equal(u64[1], sizeof param);
    memcpy(u32, p + 64 + 32 + 24, 8);
    assert_int_equal(u32[0], sk_crc32c(0, param, sizeof param));
    assert_int_equal(u32[1], 0);
    assert_memory_equal(p + u64[0], param, sizeof param);
    sk_free(p);
}

/* The same sections give the same bytes. */
static void deterministic(void **state)
{
    (void)state;
    size_t n, m;
    uint8_t *a = sample(&n), *b = sample(&m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    sk_free(a);
    sk_free(b);
}

static bool opens(const void *p, size_t n)
{
    sk_err e = SK_ERR_INIT;
    eng_ckpt *c = NULL;
    sk_status st = eng_ckpt_open_bytes(p, n, &c, &e);
    assert_int_equal(st == SK_OK, c != NULL);
    assert_int_equal(st, e.status);
    assert_true(!st || e.text[0]);
    eng_ckpt_close(c);
    return !st;
}

static void every_cut_is_seen(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = sample(&n);
    for (size_t k = 0; k < n; k++) {
        uint8_t *cut = malloc(k ? k : 1); /* exact, so that a sanitizer sees a read past it */
        assert_non_null(cut);
        memcpy(cut, p, k);
        assert_false(opens(cut, k));
        free(cut);
    }
    uint8_t *longer = sk_calloc(SK_MEM_MISC, n + 64, 1);
    memcpy(longer, p, n);
    assert_true(opens(longer, n));
    assert_false(opens(longer, n + 1));
    assert_false(opens(longer, n + 64));
    sk_free(longer);
    sk_free(p);
}

static void every_flipped_bit_is_seen(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = sample(&n);
    assert_true(opens(p, n));
    for (size_t bit = 0; bit < 8 * n; bit++) {
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(opens(p, n));
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(opens(p, n));
    sk_free(p);
}

/* Puts the header's checksum right, so that what it covers is believed. */
static void sign(uint8_t *p, size_t directory)
{
    memset(p + 24, 0, 4);
    uint32_t crc = sk_crc32c(0, p, directory);
    memcpy(p + 24, &crc, 4);
}

/* A well-signed directory that lies: places and lengths past the end or on top of each other. */
static void lies_are_seen(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = sample(&n);
    static const uint64_t values[] = {0,
                                      1,
                                      64,
                                      191,
                                      193,
                                      255,
                                      257,
                                      UINT64_MAX,
                                      1ull << 63,
                                      (1ull << 63) + 192,
                                      UINT64_MAX - 63,
                                      1ull << 32};
    for (size_t at = 64 + 8; at < 64 + 3 * 32; at += 32)
        for (size_t field = 0; field < 2; field++)
            for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                uint64_t old;
                memcpy(&old, p + at + 8 * field, 8);
                if (old == values[i]) continue;
                memcpy(p + at + 8 * field, &values[i], 8);
                sign(p, 192);
                assert_false(opens(p, n));
                memcpy(p + at + 8 * field, &old, 8);
            }
    sign(p, 192);
    assert_true(opens(p, n));
    static const uint32_t counts[] = {0, 1, 2, 4, 5, 1024, 1025, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        memcpy(p + 12, &counts[i], 4);
        sign(p, 64);
        assert_false(opens(p, n));
        sign(p, 192);
        assert_false(opens(p, n));
    }
    sk_free(p);
}

/* What is wrong is named. */
static void sentences(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = sample(&n);
    sk_err e = SK_ERR_INIT;
    eng_ckpt *c = NULL;
    p[192 + 64 + 3] ^= 1;
    assert_status(eng_ckpt_open_bytes(p, n, &c, &e), SK_E_CORRUPT, e, "param");
    p[192 + 64 + 3] ^= 1;
    p[192 + 1] ^= 1;
    assert_status(eng_ckpt_open_bytes(p, n, &c, &e), SK_E_CORRUPT, e, "meta");
    p[192 + 1] ^= 1;
    p[8] = 2; /* a turned bit, since the checksum does not agree */
    assert_status(eng_ckpt_open_bytes(p, n, &c, &e), SK_E_CORRUPT, e, "header");
    memset(p + 24, 0, 4);
    uint32_t crc = sk_crc32c(0, p, 192);
    memcpy(p + 24, &crc, sizeof crc);
    assert_status(eng_ckpt_open_bytes(p, n, &c, &e), SK_E_UNSUPPORTED, e, "version 2");
    assert_status(eng_ckpt_open_bytes("hello", 5, &c, &e), SK_E_FORMAT, e, "not a checkpoint");
    assert_status(eng_ckpt_open_bytes("", 0, &c, &e), SK_E_FORMAT, e, "not a checkpoint");
    assert_null(c);
    sk_free(p);
}

static void writer_refuses(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "c.stk");
    sk_err e = SK_ERR_INIT;
    const eng_ckpt_section twice[] = {{"a", "x", 1}, {"b", "x", 1}, {"a", "y", 1}};
    assert_status(eng_ckpt_write(path, twice, 3, &e), SK_E_INTERNAL, e, "twice");
    assert_status(eng_ckpt_write(path, twice, 1025, &e), SK_E_INTERNAL, e, "1025");
    assert_int_not_equal(eng_ckpt_write(unit_path(dir, "no/such"), twice, 2, &e), SK_OK);
    assert_int_equal(unit_count_files(dir), 0);
    eng_ckpt *c = NULL;
    assert_status_ok(eng_ckpt_write(path, NULL, 0, &e), e);
    assert_status_ok(eng_ckpt_open(path, &c, &e), e);
    eng_ckpt_close(c);
    unit_rm_rf(dir);
}

/* Whatever fails while writing, the checkpoint that was there opens as it was. */
static void faults_keep_the_old_one(void **state)
{
    (void)state;
    static const sk_fault_kind kinds[] = {SK_FAULT_ALLOC, SK_FAULT_WRITE, SK_FAULT_FSYNC,
                                          SK_FAULT_RENAME};
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "c.stk");
    const eng_ckpt_section old = {"old", "old", 3};
    for (size_t k = 0; k < 4; k++)
        for (unsigned long nth = 1;; nth++) {
            sk_err e = SK_ERR_INIT;
            eng_ckpt *c = NULL;
            assert_status_ok(eng_ckpt_write(path, &old, 1, &e), e);
            sk_fault_plan(kinds[k], nth, false);
            sk_status st = write_sample(path, &e);
            bool reached = sk_fault_count(kinds[k]) >= nth;
            sk_fault_plan(kinds[k], 0, false);
            assert_int_equal(st, e.status);
            e = (sk_err)SK_ERR_INIT;
            assert_status_ok(eng_ckpt_open(path, &c, &e), e);
            const void *p;
            uint64_t n;
            bool is_new = eng_ckpt_get(c, "param", &p, &n, &e) == SK_OK;
            assert_true(is_new || st);
            eng_ckpt_close(c);
            assert_int_equal(unit_count_files(dir), 1);
            if (!reached) break;
            assert_true(nth < 50);
        }
    unit_rm_rf(dir);
}

static void open_without_memory(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = sample(&n);
    sk_err e = SK_ERR_INIT;
    eng_ckpt *c = NULL;
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    sk_status st = eng_ckpt_open_bytes(p, n, &c, &e);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_status(st, SK_E_NOMEM, e, "memory");
    assert_null(c);
    sk_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_come_back),
        cmocka_unit_test(layout),
        cmocka_unit_test(deterministic),
        cmocka_unit_test(every_cut_is_seen),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(lies_are_seen),
        cmocka_unit_test(sentences),
        cmocka_unit_test(writer_refuses),
        cmocka_unit_test(faults_keep_the_old_one),
        cmocka_unit_test(open_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
