/* t_yaml.c - YAML to JSON values: the core schema, lines, all that is refused, failed memory. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/yaml.h"

#include <stdio.h>

static sk_status parse(const char *s, sk_yaml **y, sk_err *e)
{
    return sk_yaml_parse("r.yaml", s, strlen(s), y, e);
}

/* What a document becomes, as compact JSON. */
static void becomes(const char *text, const char *json)
{
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    assert_status_ok(parse(text, &y, &e), e);
    char *got = json_dumps(sk_yaml_root(y), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(got);
    assert_string_equal(got, json);
    sk_free(got);
    sk_yaml_free(y);
}

static void refused(const char *text, const char *part)
{
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = (sk_yaml *)&e;
    sk_status st = parse(text, &y, &e);
    if (!st) fail_msg("taken: %s", text);
    assert_status(st, SK_E_FORMAT, e, part);
    assert_ptr_equal(y, &e);
    assert_int_equal(parse(text, &y, NULL), SK_E_FORMAT);
}

static void styles(void **state)
{
    (void)state;
    becomes("a: 1\nb:\n  - x\n  - {c: d, e: [1, 2]}\n",
            "{\"a\":1,\"b\":[\"x\",{\"c\":\"d\",\"e\":[1,2]}]}");
    becomes("# only\n---\nz: 1 # last\na: 2\n...\n", "{\"z\":1,\"a\":2}");
    becomes("t: |\n  two\n  lines\nf: >-\n  one\n  line\n",
            "{\"t\":\"two\\nlines\\n\",\"f\":\"one line\"}");
    becomes("{\"json\": [true, null, \"a\\u00e9\"]}", "{\"json\":[true,null,\"a\xC3\xA9\"]}");
    becomes("- - 1\n  - 2\n- []\n- {}\n", "[[1,2],[],{}]");
    becomes("just text", "\"just text\"");
    becomes("\xEF\xBB\xBF"
            "a: b",
            "{\"a\":\"b\"}");
    becomes("{a, b}", "{\"a\":null,\"b\":null}");
}

static void plain_words(void **state)
{
    (void)state;
    becomes("[null, ~, Null, NULL, true, True, TRUE, false, False, FALSE]",
            "[null,null,null,null,true,true,true,false,false,false]");
    becomes("a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}");
    becomes("[yes, no, on, nULL, tRUE]", "[\"yes\",\"no\",\"on\",\"nULL\",\"tRUE\"]");
    becomes("[0, -7, +7, 012, 0x1F, 0o17, 9223372036854775807]",
            "[0,-7,7,12,31,15,9223372036854775807]");
    becomes("[1.5, .5, 5., -1e3, 25e-2, +1.5E+2]", "[1.5,0.5,5.0,-1000.0,0.25,150.0]");
    becomes("[5M, 16Ki, 1_000, 0x, 0o8, 1e, ., -, 2026-01-31, 1:30, .e1, 0b1]",
            "[\"5M\",\"16Ki\",\"1_000\",\"0x\",\"0o8\",\"1e\",\".\",\"-\",\"2026-01-31\",\"1:30\","
            "\".e1\",\"0b1\"]");
    becomes("['1', \"true\", 'null']", "[\"1\",\"true\",\"null\"]");
}

static void what_is_refused(void **state)
{
    (void)state;
    refused("a: 1\nb: 2\na: 3\n", "r.yaml:3: 'a' is given twice, first in line 1");
    refused("a: {b: 1, \"b\": 2}", "r.yaml:1: 'b' is given twice");
    refused("a: &x 1\nb: *x\n", "r.yaml:1: anchors and aliases");
    refused("b: *x\n", "r.yaml:1: anchors and aliases");
    refused("a:\n  - !!str 1\n", "r.yaml:2: tags");
    refused("a: 1\n--- \nb: 2\n", "r.yaml:2: a second document");
    refused("? [a]\n: b\n", "r.yaml:1: a key must be plain text");
    refused("? {a: 1}\n: b\n", "a key must be plain text");
    refused("", "r.yaml: there is nothing in it");
    refused("# a remark\n", "there is nothing in it");
    refused("a: 9223372036854775808", "too large");
    refused("a: 1e999", "too large");
    refused("a: 0xFFFFFFFFFFFFFFFFFF", "too large");
    refused("a: .inf", "r.yaml:1: .inf is no number to work with");
    refused("a:\n  .nan", "r.yaml:2: .nan");
    refused("a: \"x\\0y\"", "a NUL in a text");
    refused("\"x\\0y\": 1", "a NUL in a text");
    refused("a: [1, 2\nb: 3\n", "r.yaml:2: ");
    refused("a: 'open\n", "r.yaml:2: ");
    refused("a: b: c\n", "r.yaml:1: mapping values are not allowed");
    refused("a: 1\n\tb: 2\n", "r.yaml:2: ");
    refused("a: \x01\n", "r.yaml:1: ");
    refused("%YAML 3.0\n---\na: 1\n", "r.yaml:1: ");
    refused("]", "r.yaml:1: ");
    refused("\xFF\xFE"
            "a",
            "not UTF-8");
}

static void bytes_and_size(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    assert_status(sk_yaml_parse("n", "a\0b", 3, &y, &e), SK_E_FORMAT, e, "n: a NUL byte");
    assert_status(sk_yaml_parse("n", NULL, 0, &y, &e), SK_E_FORMAT, e, "n: there is nothing");
    size_t n = SK_YAML_MAX_BYTES + 1;
    char *big = malloc(n);
    memset(big, 'a', n);
    assert_status(sk_yaml_parse("n", big, n, &y, &e), SK_E_TOOBIG, e, "n: more than");
    assert_status_ok(sk_yaml_parse("n", big, n - 1, &y, &e), e);
    sk_yaml_free(y);
    free(big);
    sk_yaml_free(NULL);
}

/* Depth is a bound of its own, long before libyaml's stack. */
static void depth(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        char text[128] = "";
        memset(text, '[', n);
        memset(text + n, ']', n);
        sk_err e = SK_ERR_INIT;
        sk_yaml *y = NULL;
        sk_status st = parse(text, &y, &e);
        if (n <= SK_YAML_MAX_DEPTH)
            assert_status_ok(st, e);
        else
            assert_status(st, SK_E_FORMAT, e, "r.yaml:1: nested more than 16 deep");
        sk_yaml_free(y);
    }
    size_t n = 200000;
    char *bomb = malloc(n);
    memset(bomb, '[', n);
    sk_err e = SK_ERR_INIT;
    sk_yaml *y;
    assert_status(sk_yaml_parse("n", bomb, n, &y, &e), SK_E_FORMAT, e, "nested");
    for (size_t i = 0; i < n; i++)
        bomb[i] = i % 2 ? ' ' : '-';
    assert_status(sk_yaml_parse("n", bomb, n, &y, &e), SK_E_FORMAT, e, "nested");
    free(bomb);
}

static void places(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    assert_status_ok(
        parse("first: true\nlist:\n  - 007\n  - {lr: 4e-3, on: true}\n\nlast: \"a b\"\n", &y, &e),
        e);
    json_t *root = sk_yaml_root(y), *list = json_object_get(root, "list"),
           *map = json_array_get(list, 1);
    assert_string_equal(sk_yaml_name(y), "r.yaml");
    assert_int_equal(sk_yaml_line(y, root, "first", 0), 1);
    assert_int_equal(sk_yaml_line(y, root, "list", 0), 2);
    assert_int_equal(sk_yaml_line(y, list, NULL, 0), 3);
    assert_int_equal(sk_yaml_line(y, list, NULL, 1), 4);
    assert_int_equal(sk_yaml_line(y, map, "on", 0), 4);
    assert_int_equal(sk_yaml_line(y, root, "last", 0), 6);
    assert_int_equal(sk_yaml_line(y, root, "none", 0), 1);
    assert_int_equal(sk_yaml_line(y, list, NULL, 2), 1);
    assert_string_equal(sk_yaml_text(y, list, NULL, 0), "007");
    assert_string_equal(sk_yaml_text(y, map, "lr", 0), "4e-3");
    assert_string_equal(sk_yaml_text(y, root, "last", 0), "a b");
    assert_null(sk_yaml_text(y, root, "list", 0));
    assert_null(sk_yaml_text(y, root, "none", 0));
    assert_status(sk_yaml_fail(y, 4, &e, SK_E_USAGE, "%s", "no"), SK_E_USAGE, e, "r.yaml:4: no");
    sk_yaml_free(y);
}

static void files(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    const char *path = unit_path(unit_dir, "x.yaml");
    unit_write(path, "a: 1\n", 5);
    assert_status_ok(sk_yaml_load(path, &y, &e), e);
    assert_int_equal(json_integer_value(json_object_get(sk_yaml_root(y), "a")), 1);
    sk_yaml_free(y);
    assert_status(sk_yaml_load(unit_path(unit_dir, "none"), &y, &e), SK_E_NOTFOUND, e, "none");
}

static sk_status parse_starved(void *arg, sk_err *e)
{
    (void)arg;
    sk_yaml *y = NULL;
    sk_status st = parse("a: [1, 2.5, \"x\", {b: null}]\nc: |\n  long\n  text\n", &y, e);
    if (st) assert_contains(e->text, "no memory");
    sk_yaml_free(y);
    return st;
}

/* Each allocation of ours can fail: an error, and nothing held. */
static void out_of_memory(void **state)
{
    (void)state;
    unit_starve(parse_starved, NULL, 200, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles),
        cmocka_unit_test(plain_words),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(bytes_and_size),
        cmocka_unit_test(depth),
        cmocka_unit_test(places),
        cmocka_unit_test_setup_teardown(files, unit_dir_make, unit_dir_remove),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
