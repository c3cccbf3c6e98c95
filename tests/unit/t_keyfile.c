/* t_keyfile.c - the file of API keys: made, read, revoked, damaged; usage added up line by line. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "serve/api/keyfile.h"

#include <stdio.h>

static void makes_and_revokes(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    srv_keyfile k;
    sk_buf secret = SK_BUF_INIT;
    const char *path = unit_path(unit_dir, "keys");
    srv_key_row like = {.name = "alice", .rpm = 60, .tpm = 1000, .running = 3, .priority = -1};
    assert_status(srv_keyfile_read(path, &k, &e), SK_E_NOTFOUND, e, "keys");
    assert_status_ok(srv_keyfile_add(path, &like, &secret, &e), e);
    assert_int_equal(secret.len, 46);
    assert_status(srv_keyfile_add(path, &like, &secret, &e), SK_E_INUSE, e, "alice");
    memcpy(like.name, "bob", 4);
    assert_status_ok(srv_keyfile_add(path, &like, &secret, &e), e);
    assert_status_ok(srv_keyfile_read(path, &k, &e), e);
    assert_int_equal(k.n, 2);
    uint8_t hash[SK_SHA256_BYTES];
    sk_sha256_of(secret.p, 46, hash);
    assert_memory_equal(k.row[0].hash, hash, sizeof hash);
    assert_int_equal(k.row[0].rpm, 60);
    assert_int_equal(k.row[0].running, 3);
    assert_int_equal(k.row[0].priority, -1);
    assert_string_equal(k.row[1].name, "bob");
    assert_status_ok(srv_keyfile_revoke(path, k.row[1].id, &e), e);
    assert_status(srv_keyfile_revoke(path, "bob", &e), SK_E_NOTFOUND, e, "bob");
    srv_keyfile_fini(&k);
    assert_status_ok(srv_keyfile_read(path, &k, &e), e);
    assert_true(k.row[1].revoked > 0 && !k.row[0].revoked);
    assert_status_ok(srv_keyfile_add(path, &like, &secret, &e), e); /* the name is free again */
    srv_keyfile_fini(&k);
    sk_buf_fini(&secret);
}

static void refuses_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a\nb", "\xc3\xa4", "a\"\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        sk_buf secret = SK_BUF_INIT;
        srv_key_row like = {.rpm = 0};
        memcpy(like.name, bad[i], strlen(bad[i]) + 1);
        assert_status(srv_keyfile_add(unit_path(unit_dir, "names"), &like, &secret, &e),
                      SK_E_INVALID, e, "name");
        assert_int_equal(secret.len, 0);
    }
}

#define HASH "0000000000000000000000000000000000000000000000000000000000000000"

static void refuses_damage(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x",
        "[]",
        "{}",
        "{\"id\":\"a\"}",
        "{\"id\":\"a\",\"sha256\":\"00\"}",
        "{\"id\":\"\",\"sha256\":\"" HASH "\"}",
        "{\"id\":\"a b\",\"sha256\":\"" HASH "\"}",
        "{\"id\":\"0123456789abcdef\",\"sha256\":\"" HASH "\"}",
        "{\"id\":\"a\",\"sha256\":\"" HASH "\",\"rpm\":-1}",
        "{\"id\":\"a\",\"sha256\":\"" HASH "\",\"tpm\":\"1\"}",
        "{\"id\":\"a\",\"sha256\":\"" HASH "\",\"priority\":1001}",
        "{\"id\":\"a\",\"sha256\":\"" HASH "\"}\n{",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        srv_keyfile k;
        unit_write(unit_path(unit_dir, "bad"), bad[i], strlen(bad[i]));
        assert_status(srv_keyfile_read(unit_path(unit_dir, "bad"), &k, &e), SK_E_INVALID, e, "bad");
    }
}

static void adds_usage_up(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    srv_keyfile k;
    static const char keys[] = "{\"id\":\"a\",\"sha256\":\"" HASH "\"}\n";
    static const char used[] = "a 1 10 2 5\nb 1 1 1 1\n\na\na x\na 2 20 4 10 \na 1 1 1";
    unit_write(unit_path(unit_dir, "k"), keys, strlen(keys));
    unit_write(unit_path(unit_dir, "k.usage"), used, strlen(used));
    assert_status_ok(srv_keyfile_read(unit_path(unit_dir, "k"), &k, &e), e);
    assert_int_equal(k.row[0].used.requests, 3);
    assert_int_equal(k.row[0].used.prompt, 30);
    assert_int_equal(k.row[0].used.cached, 6);
    assert_int_equal(k.row[0].used.out, 15);
    char line[SRV_KEYFILE_LINE];
    assert_int_equal(srv_keyfile_line("a", &k.row[0].used, line), 12);
    assert_string_equal(line, "a 3 30 6 15\n");
    const srv_key_usage most = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    assert_int_equal(srv_keyfile_line("0123456789abcdef", &most, line), SRV_KEYFILE_LINE - 3);
    srv_keyfile_fini(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_and_revokes, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(refuses_names, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(refuses_damage, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(adds_usage_up, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
