/* t_manifest.c - manifests of data sets that were written by somebody else: every name and number
 * of them is checked before it is used. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/data/manifest.h"

#include <stdio.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD                                                                                       \
    "{\"format\":\"stoke-data\",\"version\":1,\"tokenizer\":{\"sha256\":\"" HASH "\"},"            \
    "\"splits\":{\"train\":{\"shards\":["
#define TAIL "]}}}"
#define ROW(name, docs, tokens, bytes, hash)                                                       \
    "{\"file\":" name ",\"documents\":" docs ",\"tokens\":" tokens ",\"bytes\":" bytes             \
    ",\"sha256\":" hash "}"
#define GOOD ROW("\"train-00000.tok\"", "3", "40", "200", "\"" HASH "\"")

/* Reads text as the manifest of a folder. */
static sk_status read_text(const char *text, const char *split, eng_manifest_split *out, sk_err *e)
{
    unit_write(unit_path(unit_dir, ENG_MANIFEST_FILE), text, strlen(text));
    return eng_manifest_read(unit_dir, split, out, e);
}

static void a_good_one(void **state)
{
    (void)state;
    eng_manifest_split s = {.n = 7};
    sk_err e = SK_ERR_INIT;
    assert_status_ok(read_text(HEAD GOOD "," GOOD TAIL, "train", &s, &e), e);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.shard[1].name, "train-00000.tok");
    assert_int_equal(s.shard[1].sum.n_docs, 3);
    assert_int_equal(s.shard[1].sum.n_tokens, 40);
    assert_int_equal(s.shard[1].sum.bytes, 200);
    assert_int_equal(s.tokenizer[0], 0x01);
    sk_free(s.shard);
    assert_status_ok(read_text(HEAD TAIL, "train", &s, &e), e); /* nothing was kept */
    assert_int_equal(s.n, 0);
    sk_free(s.shard);
}

/* A row that is refused, with what the sentence says of it; *out stays. */
static void refused(const char *row, const char *part)
{
    char text[1024];
    eng_manifest_split s = {.n = 7};
    sk_err e = SK_ERR_INIT;
    (void)snprintf(text, sizeof text, "%s%s,%s%s", HEAD, GOOD, row, TAIL);
    sk_status st = read_text(text, "train", &s, &e);
    if (!st) fail_msg("taken: %s", row);
    assert_status(st, SK_E_INVALID, e, part);
    assert_contains(e.text, ENG_MANIFEST_FILE);
    assert_int_equal(s.n, 7);
    assert_null(s.shard);
}

/* A shard lies in the folder itself: no name leads anywhere else. */
static void names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"\"",       "\"..\"",  "\"../x.tok\"", "\"/etc/passwd\"",  "\"a/b.tok\"", "\".hidden\"",
        "\"a\\\\b\"", "\"a b\"", "\"\\u0000\"",  "\"x\\u0000.tok\"", "\"\\u00e9\"", "\"%s\"",
        "7",          "[\"x\"]", "null",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char row[300];
        (void)snprintf(row, sizeof row,
                       "{\"file\":%s,\"documents\":1,\"tokens\":1,\"bytes\":1,\"sha256\":\"%s\"}",
                       bad[i], HASH);
        refused(row, "");
    }
    for (int n = 60; n < 300; n += 13) { /* longer than there is room for */
        char row[600], name[400];
        memset(name, 'x', (size_t)n);
        name[n] = 0;
        (void)snprintf(
            row, sizeof row,
            "{\"file\":\"%s\",\"documents\":1,\"tokens\":1,\"bytes\":1,\"sha256\":\"%s\"}", name,
            HASH);
        if (n > 64) refused(row, "name of a shard");
    }
}

static void numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "-1", "1.5", "\"1\"", "[]", "1e300", "true"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int member = 0; member < 3; member++) {
            char row[400];
            const char *v[3] = {"1", "1", "1"}, *key[3] = {"documents", "tokens", "bytes"};
            v[member] = bad[i];
            (void)snprintf(row, sizeof row,
                           "{\"file\":\"a.tok\",\"documents\":%s,\"tokens\":%s,\"bytes\":%s,"
                           "\"sha256\":\"%s\"}",
                           v[0], v[1], v[2], HASH);
            refused(row, key[member]);
        }
    refused(ROW("\"a\"", "1", "1", "1", "\"\""), "sha256");
    refused(ROW("\"a\"", "1", "1", "1", "\"" HASH "0\""), "sha256");
    refused(ROW("\"a\"", "1", "1", "1", "\"z" HASH "\""), "sha256");
    refused(ROW("\"a\"", "1", "1", "1", "7"), "sha256");
}

/* Whole texts that are none, or not of a data set. */
static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        sk_status st;
    } bad[] = {
        {"", SK_E_INVALID},
        {"null", SK_E_INVALID},
        {"{}", SK_E_FORMAT},
        {"{\"format\":\"stoke-data\",\"version\":2}", SK_E_UNSUPPORTED},
        {"{\"format\":\"stoke-data\",\"version\":0}", SK_E_INVALID},
        {"{\"format\":\"stoke-data\",\"version\":1,\"tokenizer\":[]}", SK_E_INVALID},
        {HEAD GOOD "]}}", SK_E_INVALID},
        {HEAD "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]" TAIL, SK_E_INVALID},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        eng_manifest_split s = {.n = 7};
        sk_err e = SK_ERR_INIT;
        assert_status(read_text(bad[i].text, "train", &s, &e), bad[i].st, e, ENG_MANIFEST_FILE);
        assert_int_equal(s.n, 7);
    }
    eng_manifest_split s = {.n = 7};
    sk_err e = SK_ERR_INIT;
    assert_status(read_text(HEAD GOOD TAIL, "valid", &s, &e), SK_E_INVALID, e,
                  "no shards of valid");
    assert_status(eng_manifest_read("/proc/none", "train", &s, &e), SK_E_NOTFOUND, e, "/proc/none");
}

static sk_status read_starved(void *arg, sk_err *e)
{
    eng_manifest_split s = {.n = 0};
    sk_status st = eng_manifest_read(arg, "train", &s, e);
    if (!st) sk_free(s.shard);
    return st;
}

static void without_memory(void **state)
{
    (void)state;
    unit_write(unit_path(unit_dir, ENG_MANIFEST_FILE), HEAD GOOD TAIL, strlen(HEAD GOOD TAIL));
    unit_starve(read_starved, unit_dir, 200, UNIT_TOLD);
    unit_starve(read_starved, unit_dir, 200, UNIT_TOLD | UNIT_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one), cmocka_unit_test(names),          cmocka_unit_test(numbers),
        cmocka_unit_test(texts),      cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, unit_dir_make, unit_dir_remove);
}
