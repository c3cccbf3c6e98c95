/* t_instream.c - reading files as they are and unpacked: whole, in small bites, damaged, cut short.
 */
#include "tests/unit/unit.h"

#include "base/instream.h"

#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

enum { N = 300000, PACKED = N + 4096 };

/* Text that packs well in part and badly in part. */
static void make_text(char *p)
{
    uint32_t x = 12345;
    for (size_t i = 0; i < N; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = i % 5000 < 2500 ? (char)('a' + i % 17) : (char)(x >> 24);
    }
}

static size_t pack_gzip(const char *text, size_t n, char *out)
{
    z_stream z = {.zalloc = NULL};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)out;
    z.avail_out = PACKED;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = z.total_out;
    (void)deflateEnd(&z);
    return len;
}

static size_t pack_zstd(const char *text, size_t n, char *out)
{
    size_t len = ZSTD_compress(out, PACKED, text, n, 3);
    assert_false(ZSTD_isError(len));
    return len;
}

typedef size_t (*packer)(const char *text, size_t n, char *out);
static const packer packers[] = {pack_gzip, pack_zstd};

/* Reads all of path in bites of `bite` bytes into b. */
static sk_status read_all(const char *path, size_t bite, sk_buf *b, sk_err *e)
{
    sk_instream *s;
    size_t n = 1;
    sk_buf_reset(b);
    sk_status st = sk_instream_open(path, NULL, &s, e);
    if (st) return st;
    while (!st && n) {
        if (!sk_buf_reserve(b, bite)) st = sk_fail(e, SK_E_NOMEM, "the test's own buffer");
        if (!st) st = sk_instream_read(s, b->p + b->len, bite, &n, e);
        if (!st) {
            assert_true(n <= bite);
            b->len += n;
        }
    }
    if (!st) {
        assert_int_equal(sk_instream_read(s, b->p, 1, &n, e), SK_OK);
        assert_int_equal(n, 0);
        assert_int_equal(sk_instream_pos(s), sk_instream_size(s));
    }
    sk_instream_close(s);
    return st;
}

static void reads(const char *path, size_t bite, const char *want, size_t n)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(read_all(path, bite, &b, &e), e);
    assert_int_equal(b.len, n);
    if (n) assert_memory_equal(b.p, want, n);
    sk_buf_fini(&b);
}

/* Plain, packed, and packed in two parts one behind the other; in bites of many sizes. */
static void every_form(void **state)
{
    (void)state;
    static char text[N], packed[2 * PACKED];
    static const size_t bites[] = {1000, 4096, 131072, 131073, N, 2 * N};
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "f");
    make_text(text);
    for (size_t k = 0; k < sizeof bites / sizeof bites[0]; k++) {
        unit_write(path, text, N);
        reads(path, bites[k], text, N);
        for (size_t p = 0; p < 2; p++) {
            unit_write(path, packed, packers[p](text, N, packed));
            reads(path, bites[k], text, N);
            size_t n = packers[p](text, N / 3, packed);
            n += packers[p](text + N / 3, N - N / 3, packed + n);
            unit_write(path, packed, n);
            reads(path, bites[k], text, N);
        }
    }
    unit_write(path, packed, pack_gzip("", 0, packed));
    reads(path, 10, "", 0);
    unit_write(path, packed, pack_zstd("", 0, packed));
    reads(path, 10, "", 0);
    unit_write(path, "", 0);
    reads(path, 10, "", 0);
    unit_write(path, "\x1f\x8b", 2); /* shorter than any magic number: a text */
    reads(path, 10, "\x1f\x8b", 2);
    unit_write(path, "abc", 3);
    reads(path, 1, "abc", 3);
    unit_rm_rf(dir);
}

/* Cut anywhere it is an error, and never more text than there was. */
static void cut_short(void **state)
{
    (void)state;
    static char text[N], packed[PACKED];
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "f");
    make_text(text);
    for (size_t p = 0; p < 2; p++) {
        size_t n = packers[p](text, 20000, packed);
        for (size_t k = 5; k < n; k += k < 40 || k + 40 > n ? 1 : 997) {
            sk_err e = SK_ERR_INIT;
            sk_buf b = SK_BUF_INIT;
            unit_write(path, packed, k);
            assert_status(read_all(path, 4096, &b, &e), SK_E_CORRUPT, e, "ends early");
            assert_true(b.len <= 20000);
            sk_buf_fini(&b);
        }
    }
    unit_rm_rf(dir);
}

/* A turned bit is found by gzip's checksum, or the text is as it was. */
static void damaged(void **state)
{
    (void)state;
    static char text[N], packed[PACKED];
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "f");
    make_text(text);
    size_t n = pack_gzip(text, 20000, packed);
    for (size_t k = 3; k < n; k += 11) {
        sk_err e = SK_ERR_INIT;
        sk_buf b = SK_BUF_INIT;
        packed[k] ^= 0x10;
        unit_write(path, packed, n);
        packed[k] ^= 0x10;
        sk_status st = read_all(path, 4096, &b, &e);
        if (st == SK_OK) {
            assert_int_equal(b.len, 20000);
            assert_memory_equal(b.p, text, b.len);
        } else {
            assert_status(st, SK_E_CORRUPT, e, path);
        }
        sk_buf_fini(&b);
    }
    unit_rm_rf(dir);
}

static void what_is_no_file(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_instream *s = NULL;
    const char *dir = unit_tmpdir();
    assert_status(sk_instream_open(dir, NULL, &s, &e), SK_E_INVALID, e, "folder");
    assert_status(sk_instream_open(unit_path(dir, "none"), NULL, &s, &e), SK_E_NOTFOUND, e, "none");
    assert_null(s);
    sk_instream_close(NULL);
    unit_rm_rf(dir);
}

static sk_status read_starved(void *path, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_status st = read_all(path, 30000, &b, e);
    sk_buf_fini(&b);
    return st;
}

/* Every allocation fails once: refused, nothing kept. */
static void without_memory(void **state)
{
    (void)state;
    static char text[N], packed[PACKED];
    char path[512];
    snprintf(path, sizeof path, "%s", unit_path(unit_dir, "f"));
    make_text(text);
    for (size_t p = 0; p < 2; p++) {
        unit_write(path, packed, packers[p](text, 20000, packed));
        unit_starve(read_starved, path, 100, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(damaged),
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test_setup_teardown(without_memory, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
