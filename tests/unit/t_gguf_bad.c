/* t_gguf_bad.c - GGUF files that lie: every cut, every flipped bit, and headers made by hand.
 *
 * Whatever the bytes, opening ends in a sentence or in an object all of whose questions can be
 * asked.
 */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/format/gguf.h"
#include "engine/format/gguf_type.h"

/* ---- files made by hand, piece by piece ---- */

static void u32(sk_buf *b, uint32_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void u64(sk_buf *b, uint64_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void str(sk_buf *b, const char *s)
{
    u64(b, strlen(s));
    sk_buf_adds(b, s);
}

static void head(sk_buf *b, uint64_t n_tensors, uint64_t n_keys)
{
    sk_buf_reset(b);
    sk_buf_adds(b, "GGUF");
    u32(b, 3);
    u64(b, n_tensors);
    u64(b, n_keys);
}

static void key(sk_buf *b, const char *name, uint32_t type)
{
    str(b, name);
    u32(b, type);
}

/* A row of the tensor table for a tensor of n floats. */
static void tensor(sk_buf *b, const char *name, uint64_t n, uint64_t offset)
{
    str(b, name);
    u32(b, 1);
    u64(b, n);
    u32(b, 0);
    u64(b, offset);
}

static void zeros(sk_buf *b, size_t n)
{
    while (n--)
        sk_buf_addc(b, 0);
}

/* Pads to 32 and adds n bytes of data. */
static void data(sk_buf *b, size_t n)
{
    zeros(b, (32 - b->len % 32) % 32 + n);
}

/* Asks everything there is to ask.  Reads every byte a tensor or a string claims. */
static unsigned walk(const eng_gguf *g)
{
    unsigned sum = 0;
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_str name = eng_gguf_key_at(g, i), s = {NULL, 0};
        char *text = malloc(name.n + 1);
        assert_non_null(text);
        memcpy(text, name.p, name.n);
        text[name.n] = 0;
        uint64_t u = 0;
        double f = 0;
        bool flag = false;
        size_t n = 0;
        int64_t v = 0;
        (void)eng_gguf_u64(g, text, &u, NULL);
        (void)eng_gguf_f64(g, text, &f, NULL);
        (void)eng_gguf_bool(g, text, &flag, NULL);
        if (!eng_gguf_str(g, text, &s, NULL))
            for (size_t k = 0; k < s.n; k++)
                sum += (unsigned char)s.p[k];
        (void)eng_gguf_arr_len(g, text, &n, NULL);
        for (size_t k = 0; k <= n && k < 1000; k++) {
            (void)eng_gguf_arr_str(g, text, k, &s, NULL);
            (void)eng_gguf_arr_i64(g, text, k, &v, NULL);
            (void)eng_gguf_arr_f64(g, text, k, &f, NULL);
        }
        eng_gguf_key_text(g, i, &b);
        free(text);
    }
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        const uint8_t *p = t->data;
        for (uint64_t k = 0; k < t->bytes; k++)
            sum += p[k];
        assert_non_null(eng_gguf_type_name(t->type));
    }
    sk_buf_fini(&b);
    return sum;
}

/* Opens a copy of exactly n bytes and walks it; the status. */
static sk_status try_bytes(const void *p, size_t n, sk_err *e)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, p, n);
    eng_gguf *g = NULL;
    eng_vocab *v = NULL;
    *e = (sk_err)SK_ERR_INIT;
    sk_status st = eng_gguf_open_bytes(copy, n, &g, e);
    assert_int_equal(st == SK_OK, g != NULL);
    assert_int_equal(st, e->status);
    assert_true(!st || e->text[0]);
    if (g) {
        (void)walk(g);
        if (!eng_vocab_from_gguf(g, &v, NULL)) eng_vocab_close(v);
    }
    eng_gguf_close(g);
    free(copy);
    return st;
}

static void good(const sk_buf *b)
{
    sk_err e;
    assert_status_ok(try_bytes(b->p, b->len, &e), e);
}

static void bad(const sk_buf *b, sk_status want, const char *part)
{
    sk_err e;
    assert_status(try_bytes(b->p, b->len, &e), want, e, part);
}

/* ---- the tests ---- */

static void other_files(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "");
    bad(&b, SK_E_FORMAT, "not a GGUF");
    sk_buf_adds(&b, "GGU");
    bad(&b, SK_E_FORMAT, "not a GGUF");
    sk_buf_adds(&b, "fx and more of it");
    bad(&b, SK_E_FORMAT, "not a GGUF");
    static const uint32_t versions[] = {0, 1, 4, 0x00030000, 0x03000000, UINT32_MAX};
    for (size_t i = 0; i < 6; i++) {
        head(&b, 0, 0);
        memcpy(b.p + 4, &versions[i], 4);
        bad(&b, SK_E_UNSUPPORTED, versions[i] == 0x03000000 ? "big-endian" : "GGUF");
    }
    head(&b, 0, 0);
    good(&b);
    b.p[4] = 2;
    good(&b);
    sk_buf_fini(&b);
}

/* Counts far beyond the file: refused before anything is allocated for them. */
static void huge_counts(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1,          2,          1ull << 20, 1ull << 32,
                                      1ull << 61, 1ull << 63, UINT64_MAX, UINT64_MAX / 24 + 1};
    sk_buf b = SK_BUF_INIT;
    uint64_t before = sk_mem_bytes(SK_MEM_MISC);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        head(&b, counts[i], 0);
        bad(&b, SK_E_FORMAT, "");
        head(&b, 0, counts[i]);
        bad(&b, SK_E_FORMAT, "");
        head(&b, counts[i], counts[i]);
        zeros(&b, 64);
        bad(&b, SK_E_FORMAT, "");
        /* a key's name, a string, an array, an array's string of that length */
        if (counts[i] < 1ull << 20) continue;
        head(&b, 0, 1);
        u64(&b, counts[i]);
        zeros(&b, 64);
        bad(&b, SK_E_FORMAT, "");
        for (uint32_t type = 0; type < ENG_GGUF_TYPES; type++) {
            head(&b, 0, 1);
            key(&b, "k", ENG_GGUF_ARR);
            u32(&b, type);
            u64(&b, counts[i]);
            zeros(&b, 64);
            bad(&b, SK_E_FORMAT, "more than the file holds");
        }
        head(&b, 0, 1);
        key(&b, "k", ENG_GGUF_STR);
        u64(&b, counts[i]);
        bad(&b, SK_E_FORMAT, "longer than the file");
        head(&b, 0, 1);
        key(&b, "k", ENG_GGUF_ARR);
        u32(&b, ENG_GGUF_STR);
        u64(&b, 1);
        u64(&b, counts[i]);
        bad(&b, SK_E_FORMAT, "longer than the file");
    }
    sk_buf_fini(&b);
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), before);
}

static void bad_keys(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    head(&b, 0, 2);
    key(&b, "k", ENG_GGUF_U8);
    sk_buf_addc(&b, 1);
    key(&b, "k", ENG_GGUF_U32);
    u32(&b, 1);
    bad(&b, SK_E_FORMAT, "comes twice");
    head(&b, 0, 1);
    key(&b, "", ENG_GGUF_U32);
    u32(&b, 1);
    bad(&b, SK_E_FORMAT, "name");
    head(&b, 0, 1);
    u64(&b, 3);
    sk_buf_add(&b, "a\0b", 3);
    u32(&b, ENG_GGUF_U32);
    u32(&b, 1);
    bad(&b, SK_E_FORMAT, "name");
    head(&b, 0, 1);
    u64(&b, 65536);
    while (b.len < 70000)
        sk_buf_addc(&b, 'x');
    bad(&b, SK_E_FORMAT, "name");
    static const uint32_t types[] = {ENG_GGUF_TYPES, 99, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        head(&b, 0, 1);
        key(&b, "k", types[i]);
        zeros(&b, 32);
        bad(&b, SK_E_FORMAT, "unknown type");
        head(&b, 0, 1);
        key(&b, "k", ENG_GGUF_ARR);
        u32(&b, types[i]);
        zeros(&b, 32);
        bad(&b, SK_E_FORMAT, "unknown type");
    }
    for (unsigned v = 0; v < 256; v++) {
        head(&b, 0, 1);
        key(&b, "k", ENG_GGUF_BOOL);
        sk_buf_addc(&b, (char)v);
        if (v < 2)
            good(&b);
        else
            bad(&b, SK_E_FORMAT, "not 0 or 1");
    }
    head(&b, 0, 1);
    key(&b, "k", ENG_GGUF_ARR);
    u32(&b, ENG_GGUF_BOOL);
    u64(&b, 3);
    sk_buf_add(&b, "\1\0\2", 3);
    bad(&b, SK_E_FORMAT, "not 0 or 1");
    sk_buf_fini(&b);
}

/* Arrays in arrays: read to a depth, refused beyond it, never followed into the stack. */
static void nested_arrays(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    for (int depth = 1; depth <= 100000; depth = depth < 8 ? depth + 1 : depth * 10) {
        head(&b, 0, 1);
        key(&b, "k", ENG_GGUF_ARR);
        for (int i = 1; i < depth; i++) {
            u32(&b, ENG_GGUF_ARR);
            u64(&b, 1);
        }
        u32(&b, ENG_GGUF_U8);
        u64(&b, 1);
        sk_buf_addc(&b, 7);
        if (depth <= 4)
            good(&b);
        else
            bad(&b, SK_E_FORMAT, "nested deeper");
    }
    /* many small ones, side by side */
    head(&b, 0, 1);
    key(&b, "k", ENG_GGUF_ARR);
    u32(&b, ENG_GGUF_ARR);
    u64(&b, 1000);
    for (int i = 0; i < 1000; i++) {
        u32(&b, ENG_GGUF_STR);
        u64(&b, 1);
        str(&b, "x");
    }
    good(&b);
    b.len -= 1;
    bad(&b, SK_E_FORMAT, "");
    sk_buf_fini(&b);
}

static void alignments(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        bool ok;
    } c[] = {{0, false},  {1, false},  {2, false},          {3, false},       {4, false},
             {8, true},   {16, true},  {24, false},         {32, true},       {64, true},
             {33, false}, {128, true}, {UINT32_MAX, false}, {1u << 31, false}};
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        head(&b, 1, 1);
        key(&b, "general.alignment", ENG_GGUF_U32);
        u32(&b, (uint32_t)c[i].value);
        tensor(&b, "t", 4, 0);
        zeros(&b, 256); /* 1 << 31 passes as an alignment; its data lies far past the end */
        if (c[i].ok)
            good(&b);
        else
            bad(&b, SK_E_FORMAT, c[i].value == 1u << 31 ? "passes the end" : "general.alignment");
    }
    head(&b, 0, 1);
    key(&b, "general.alignment", ENG_GGUF_STR);
    str(&b, "32");
    bad(&b, SK_E_FORMAT, "general.alignment");
    sk_buf_fini(&b);
}

static void bad_tensors(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    head(&b, 2, 0);
    tensor(&b, "a", 8, 0);
    tensor(&b, "a", 8, 32);
    data(&b, 64);
    bad(&b, SK_E_FORMAT, "comes twice");
    head(&b, 1, 0);
    tensor(&b, "", 8, 0);
    data(&b, 32);
    bad(&b, SK_E_FORMAT, "name");
    head(&b, 1, 0);
    tensor(&b, "0123456789012345678901234567890123456789012345678901234567890123x", 8, 0);
    data(&b, 32);
    bad(&b, SK_E_FORMAT, "name");
    static const uint32_t types[] = {4, 5, 31, 33, 36, 38, 43, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        head(&b, 1, 0);
        tensor(&b, "a", 256, 0);
        memcpy(b.p + b.len - 12, &types[i], 4);
        data(&b, 4096);
        bad(&b, SK_E_UNSUPPORTED, "does not know");
    }
    static const uint32_t dims[] = {0, 5, 1000, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        head(&b, 1, 0);
        str(&b, "a");
        u32(&b, dims[i]);
        zeros(&b, 256);
        bad(&b, SK_E_FORMAT, "dimensions");
    }
    static const uint64_t shapes[][4] = {{0, 1, 1, 1},
                                         {1, 0, 1, 1},
                                         {1ull << 32, 1ull << 32, 1, 1},
                                         {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                         {1ull << 62, 1, 1, 1},
                                         {1ull << 16, 1ull << 16, 1ull << 16, 1ull << 16}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        head(&b, 1, 0);
        str(&b, "a");
        u32(&b, 4);
        for (int d = 0; d < 4; d++)
            u64(&b, shapes[i][d]);
        u32(&b, 0);
        u64(&b, 0);
        data(&b, 64);
        bad(&b, SK_E_FORMAT, "no possible shape");
    }
    head(&b, 1, 0);
    tensor(&b, "a", 48, 0);
    memcpy(b.p + b.len - 12, &(uint32_t){2}, 4); /* Q4_0: blocks of 32 */
    data(&b, 4096);
    bad(&b, SK_E_FORMAT, "blocks");
    sk_buf_fini(&b);
}

static void places_of_tensors(void **state)
{
    (void)state;
    static const uint64_t past[] = {64, 96, 1ull << 32, 1ull << 63, UINT64_MAX - 31};
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        head(&b, 1, 0);
        tensor(&b, "a", 8, past[i]);
        data(&b, 64);
        bad(&b, SK_E_FORMAT, "passes the end");
    }
    head(&b, 1, 0);
    tensor(&b, "a", 8, 32);
    data(&b, 64);
    good(&b);
    b.len--;
    bad(&b, SK_E_FORMAT, "passes the end");
    head(&b, 1, 0);
    tensor(&b, "a", 8, 31);
    data(&b, 64);
    bad(&b, SK_E_FORMAT, "multiple");
    /* overlapping: the same place, one inside, one reaching into the next */
    static const uint64_t second[] = {0, 32, 64};
    for (size_t i = 0; i < 3; i++) {
        head(&b, 2, 0);
        tensor(&b, "a", 17, 0);
        tensor(&b, "b", 8, second[i]);
        data(&b, 256);
        bad(&b, SK_E_FORMAT, "overlap");
    }
    head(&b, 2, 0);
    tensor(&b, "a", 17, 96); /* in any order, with holes */
    tensor(&b, "b", 8, 0);
    data(&b, 256);
    good(&b);
    /* the table right at the end of the file, with no data */
    head(&b, 1, 0);
    tensor(&b, "a", 1, 0);
    bad(&b, SK_E_FORMAT, "more than it holds");
    sk_buf_fini(&b);
}

/* A small real file: vocabulary keys and two tensors. */
static void real_file(sk_buf *b)
{
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "r.gguf");
    static const float x[40];
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = tiny_vocab(262, NULL);
    eng_gguf_writer *w = NULL;
    assert_status_ok(eng_gguf_create(path, &w, &e), e);
    assert_status_ok(eng_vocab_to_gguf(v, w, &e), e);
    eng_gguf_add_tensor(w, "a", ENG_F32, 2, 5, false);
    eng_gguf_add_tensor(w, "b", ENG_BF16, 1, 7, true);
    assert_status_ok(eng_gguf_write_f32(w, x, &e), e);
    assert_status_ok(eng_gguf_write_f32(w, x, &e), e);
    assert_status_ok(eng_gguf_commit(w, &e), e);
    eng_vocab_close(v);
    assert_true(unit_read(path, b));
    unit_rm_rf(dir);
}

static void every_cut(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e;
    real_file(&b);
    good(&b);
    for (size_t n = 0; n < b.len; n++) {
        sk_status st = try_bytes(b.p, n, &e);
        /* padding behind the last tensor is all that may be missing */
        assert_true(st != SK_OK || b.len - n <= 32);
    }
    sk_buf_fini(&b);
}

static void every_flipped_bit(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e;
    real_file(&b);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.p[bit / 8] ^= (char)(1u << bit % 8);
        (void)try_bytes(b.p, b.len, &e);
        b.p[bit / 8] ^= (char)(1u << bit % 8);
    }
    good(&b);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_files),       cmocka_unit_test(huge_counts),
        cmocka_unit_test(bad_keys),          cmocka_unit_test(nested_arrays),
        cmocka_unit_test(alignments),        cmocka_unit_test(bad_tensors),
        cmocka_unit_test(places_of_tensors), cmocka_unit_test(every_cut),
        cmocka_unit_test(every_flipped_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
