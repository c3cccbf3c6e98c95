/* t_store.c - responses that are kept: the newest within bounds of number and bytes, for the key
 * that made them, until they are deleted. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "serve/api/store.h"

#include <stdio.h>

/* Keeps a response of n bytes under a number. */
static void put(srv_store *s, int number, uint32_t key, size_t n)
{
    char id[16];
    sk_buf body = SK_BUF_INIT;
    json_t *messages = json_pack("[i]", number), *input = json_pack("[s]", "x");
    assert_true(messages && input);
    for (size_t i = 0; i < n; i++)
        sk_buf_addc(&body, (char)('a' + number));
    snprintf(id, sizeof id, "r%d", number);
    const srv_kept k = {messages, input, body.p, body.len};
    srv_store_put(s, id, key, &k);
    json_decref(messages);
    json_decref(input);
    sk_buf_fini(&body);
}

/* True if number is there for key, and is what was put. */
static bool has(const srv_store *s, int number, uint32_t key)
{
    char id[16];
    srv_kept k;
    snprintf(id, sizeof id, "r%d", number);
    if (!srv_store_get(s, id, key, &k)) return false;
    assert_int_equal(json_integer_value(json_array_get(k.messages, 0)), number);
    assert_int_equal(json_array_size(k.input), 1);
    if (k.n_body) assert_int_equal(k.body[k.n_body - 1], 'a' + number);
    return true;
}

/* Which of 0 .. n - 1 are there, as letters. */
static const char *all(const srv_store *s, int n)
{
    static char out[32];
    size_t at = 0;
    for (int i = 0; i < n; i++)
        if (has(s, i, 1)) out[at++] = (char)('a' + i);
    out[at] = 0;
    return out;
}

static void newest_are_kept(void **state)
{
    (void)state;
    srv_store *s = srv_store_new(3, 1 << 20);
    assert_non_null(s);
    for (int i = 0; i < 5; i++)
        put(s, i, 1, 10);
    assert_string_equal(all(s, 5), "cde");
    assert_false(has(s, 4, 2));
    srv_store_free(s);
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    srv_store *s = srv_store_new(10, 10000);
    assert_non_null(s);
    for (int i = 0; i < 4; i++)
        put(s, i, 1, 3000);
    assert_string_equal(all(s, 4), "bcd");
    put(s, 4, 1, 20000);
    assert_string_equal(all(s, 5), "bcd");
    put(s, 5, 1, 9000);
    assert_string_equal(all(s, 6), "f");
    for (int i = 6; i < 20; i++)
        put(s, i, 1, i % 3 ? 100 : 4000);
    assert_true(has(s, 19, 1) && has(s, 18, 1));
    srv_store_free(s);
}

/* What is deleted leaves the order of the others as it was. */
static void deleted(void **state)
{
    (void)state;
    srv_store *s = srv_store_new(3, 1 << 20);
    assert_non_null(s);
    for (int i = 0; i < 3; i++)
        put(s, i, 1, 10);
    assert_false(srv_store_drop(s, "r0", 2));
    assert_true(srv_store_drop(s, "r0", 1));
    assert_false(srv_store_drop(s, "r0", 1));
    assert_false(srv_store_drop(s, "", 0));
    put(s, 3, 1, 10);
    assert_string_equal(all(s, 4), "bcd");
    assert_true(srv_store_drop(s, "r3", 1));
    put(s, 4, 1, 10);
    put(s, 5, 1, 10);
    assert_string_equal(all(s, 6), "ef");
    srv_store_free(s);
}

static void without_memory(void **state)
{
    (void)state;
    srv_store *s = srv_store_new(2, 1 << 20);
    assert_non_null(s);
    put(s, 0, 1, 10);
    json_t *v = json_array();
    const srv_kept k = {v, v, "x", 1};
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    srv_store_put(s, "r1", 1, &k);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    json_decref(v);
    assert_string_equal(all(s, 2), "a");
    srv_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_are_kept),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(deleted),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
