/* t_shard.c - shards: there and back, and files that are cut, damaged or lying. */
#include "tests/unit/unit.h"

#include "base/crc.h"
#include "engine/data/shard.h"
#include "engine/data/shard_layout.h"

#include <stdio.h>

/* A shard of documents of 0, 1, ... n - 1 ids; its bytes into b. */
static void write_shard(const char *path, uint32_t n_vocab, size_t n, sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    eng_shard_spec spec = {n_vocab, 3, {7, 8, 9}};
    eng_shard_writer *w;
    eng_shard_sum sum;
    int32_t id[9000];
    assert_status_ok(eng_shard_create(path, &spec, &w, &e), e);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            id[k] = (int32_t)((i * 31 + k * 7) % n_vocab);
        assert_status_ok(eng_shard_add(w, id, i, &e), e);
    }
    assert_int_equal(eng_shard_docs(w), n);
    assert_status_ok(eng_shard_commit(w, &sum, &e), e);
    assert_true(unit_read(path, b));
    uint8_t h[SK_SHA256_BYTES];
    sk_sha256_of(b->p, b->len, h);
    assert_memory_equal(h, sum.sha256, sizeof h);
    assert_int_equal(sum.bytes, b->len);
    assert_int_equal(sum.n_tokens, n + n * (n - 1) / 2);
}

static void there_and_back(void **state)
{
    (void)state;
    static const uint32_t vocab[] = {4, 300, 65536, 65537, 200000};
    sk_buf b = SK_BUF_INIT;
    for (size_t v = 0; v < sizeof vocab / sizeof *vocab; v++) {
        sk_err e = SK_ERR_INIT;
        eng_shard s;
        int32_t id[64];
        const char *path = unit_path(unit_dir, "s.tok");
        write_shard(path, vocab[v], 50, &b);
        assert_status_ok(eng_shard_open(path, &s, &e), e);
        assert_status_ok(eng_shard_check(&s, path, &e), e);
        assert_int_equal(s.wide, vocab[v] > 65536);
        assert_int_equal(s.spec.n_vocab, vocab[v]);
        assert_int_equal(s.spec.separator, 3);
        assert_int_equal(s.n_docs, 50);
        for (size_t i = 0; i < 50; i++) {
            assert_int_equal(s.doc[i + 1] - s.doc[i], i + 1);
            eng_shard_read(&s, s.doc[i], i + 1, id);
            assert_int_equal(id[0], 3);
            for (size_t k = 0; k < i; k++)
                assert_int_equal(id[k + 1], (i * 31 + k * 7) % vocab[v]);
        }
        eng_shard_close(&s);
    }
    write_shard(unit_path(unit_dir, "big.tok"), 300, 9000 / 10, &b); /* more than one part */
    sk_buf_fini(&b);
}

/* Opens exactly n bytes and reads all there is. */
static sk_status try_bytes(const void *p, size_t n, sk_err *e)
{
    eng_shard s;
    uint8_t *copy = malloc(n + 1);
    memcpy(copy, p, n);
    *e = (sk_err)SK_ERR_INIT;
    sk_status st = eng_shard_open_bytes(copy, n, "x.tok", &s, e);
    if (!st) st = eng_shard_check(&s, "x.tok", e);
    assert_int_equal(st, e->status);
    assert_true(!st || e->text[0]);
    free(copy);
    return st;
}

static void cut_and_flipped(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e;
    write_shard(unit_path(unit_dir, "c.tok"), 300, 9, &b);
    assert_int_equal(try_bytes(b.p, b.len, &e), SK_OK);
    for (size_t n = 0; n < b.len; n++)
        assert_int_not_equal(try_bytes(b.p, n, &e), SK_OK);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
        assert_int_not_equal(try_bytes(b.p, b.len, &e), SK_OK);
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
    }
    sk_buf_addc(&b, 0);
    assert_status(try_bytes(b.p, b.len, &e), SK_E_CORRUPT, e, "grown");
    assert_status(try_bytes("GGUF", 4, &e), SK_E_FORMAT, e, "not a shard");
    sk_buf_fini(&b);
}

/* Puts the checksums of head and tail right, as somebody would who wants to be believed. */
static void sign(sk_buf *b)
{
    shard_head h;
    shard_tail t;
    char *end = b->p + b->len - sizeof t;
    memcpy(&h, b->p, sizeof h);
    memcpy(&t, end, sizeof t);
    h.crc = sk_crc32c(0, &h, sizeof h - 4);
    t.head_crc = h.crc;
    t.crc = sk_crc32c(0, &t, sizeof t - 4);
    memcpy(b->p, &h, sizeof h);
    memcpy(end, &t, sizeof t);
}

/* Sets one 8-byte number of the tail, or one 4-byte number of the head. */
static void lie(sk_buf *b, size_t at, uint64_t value, bool tail, sk_status want, const char *part)
{
    sk_err e;
    sk_buf c = SK_BUF_INIT;
    sk_buf_add(&c, b->p, b->len);
    if (tail)
        memcpy(c.p + c.len - ENG_SHARD_TAIL + at, &value, 8);
    else
        memcpy(c.p + at, &value, 4);
    sign(&c);
    assert_status(try_bytes(c.p, c.len, &e), want, e, part);
    sk_buf_fini(&c);
}

static void signed_lies(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    write_shard(unit_path(unit_dir, "l.tok"), 300, 9, &b);
    lie(&b, 8, 2, false, SK_E_UNSUPPORTED, "version 2");
    lie(&b, 12, 3, false, SK_E_CORRUPT, "sense");
    lie(&b, 12, 4, false, SK_E_CORRUPT, "");
    lie(&b, 16, 0, false, SK_E_CORRUPT, "sense");
    lie(&b, 16, 70000, false, SK_E_CORRUPT, "sense");
    lie(&b, 16, 5, false, SK_E_CORRUPT, "not in the vocabulary");
    lie(&b, 20, 300, false, SK_E_CORRUPT, "sense");
    for (uint64_t v = 1; v; v = v << 7 | (v >> 57 ? 0 : v == 1)) {
        lie(&b, 8, v << 3, true, SK_E_CORRUPT, "");  /* tokens */
        lie(&b, 16, v << 4, true, SK_E_CORRUPT, ""); /* documents */
        lie(&b, 24, v, true, SK_E_CORRUPT, "");      /* offset of the table */
    }
    lie(&b, 8, UINT64_MAX, true, SK_E_CORRUPT, "claims");
    lie(&b, 16, UINT64_MAX, true, SK_E_CORRUPT, "claims");
    lie(&b, 24, UINT64_MAX - 7, true, SK_E_CORRUPT, "parts");
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(cut_and_flipped),
        cmocka_unit_test(signed_lies),
    };
    return cmocka_run_group_tests(tests, unit_dir_make, unit_dir_remove);
}
