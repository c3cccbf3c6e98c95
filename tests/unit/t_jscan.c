/* t_jscan.c - walking JSON and reading small values of it: what is right, what is not, failures. */
#include "tests/unit/unit.h"

#include "engine/token/jtree.h"

/* One value to a tree and all of the text; NULL with e set if it is refused. */
static eng_jnode *tree(const char *text, sk_arena *mem, sk_err *e)
{
    eng_jscan s;
    eng_jnode *o = NULL;
    eng_jscan_init(&s, text, strlen(text), "x.json", e);
    if (!eng_jtree_read(&s, mem, &o)) return NULL;
    if (!eng_jscan_end(&s)) {
        (void)eng_jscan_fail(&s, "something behind the end");
        return NULL;
    }
    return o;
}

static void trees(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    const eng_jnode *o =
        tree(" {\"a\": [1, -2.5e1, \"x\\u00e9\\ud83d\\ude00\\n\\/\"],\r\n\t\"b\": {\"c\": true, "
             "\"d\": false, \"e\": null}, \"\": {}, \"f\": []} ",
             mem, &e);
    assert_non_null(o);
    const eng_jnode *a = eng_jtree_get(o, "a"), *b = eng_jtree_get(o, "b");
    assert_int_equal(eng_jtree_size(a), 3);
    assert_int_equal(eng_jtree_id(eng_jtree_at(a, 0)), 1);
    assert_int_equal(eng_jtree_id(eng_jtree_at(a, 1)), -1);
    assert_true(eng_jtree_at(a, 1)->num == -25);
    assert_string_equal(eng_jtree_str(eng_jtree_at(a, 2)), "x\xc3\xa9\xf0\x9f\x98\x80\n/");
    assert_null(eng_jtree_at(a, 3));
    assert_int_equal(eng_jtree_flag(b, "c", 7), 1);
    assert_int_equal(eng_jtree_flag(b, "d", 7), 0);
    assert_int_equal(eng_jtree_flag(b, "e", 7), 7);
    assert_null(eng_jtree_get(b, "e"));
    assert_null(eng_jtree_get(a, "a"));
    assert_null(eng_jtree_get(NULL, "a"));
    assert_string_equal(eng_jtree_text(o, "a"), "");
    assert_int_equal(eng_jtree_get(o, "")->kind, '{');
    assert_int_equal(eng_jtree_size(eng_jtree_get(o, "f")), 0);
    sk_arena_free(mem);
}

static void wrong(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "{",         "[",        "[1",          "[1,",         "[1,]",
        "[,1]",  "{\"a\"}",   "{\"a\":}", "{\"a\":1,}",  "{a:1}",       "\"",
        "\"\\",  "\"\\x\"",   "\"\t\"",   "\"\\ud800\"", "\"\\udc00\"", "\"\\u12g4\"",
        "tru",   "nul",       "+1",       "1e999",       "--1",         "1.2.3",
        "[1 2]", "{\"a\" 1}", "\"\xff\"", "1 2",         "]",           "}",
        ","};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sk_err e = SK_ERR_INIT;
        sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
        if (tree(texts[i], mem, &e)) print_error("taken: %s\n", texts[i]);
        assert_int_equal(e.status, SK_E_FORMAT);
        assert_contains(e.text, "x.json, line 1: ");
        sk_arena_free(mem);
    }
}

static void bounds(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    sk_buf b = SK_BUF_INIT;
    for (int i = 0; i < 100; i++)
        sk_buf_addc(&b, '[');
    assert_null(tree(b.p, mem, &e));
    assert_contains(e.text, "too deep");
    sk_buf_reset(&b);
    sk_buf_addc(&b, '[');
    for (int i = 0; i < 50000; i++)
        sk_buf_adds(&b, "1,");
    assert_null(tree(b.p, mem, &e));
    assert_contains(e.text, "too large");
    sk_buf_fini(&b);
    sk_arena_free(mem);
}

/* Skipping passes exactly one value, whatever is in it. */
static void skipping(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1",    "\"a]}\\\"\"",           "[]",           "{}", "true", "-1.5e-7",
        "null", "[[1],{\"a\":[\"]\"]}]", "{\"x\":\"}\"}"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        sk_err e = SK_ERR_INIT;
        sk_buf b = SK_BUF_INIT;
        eng_jscan s;
        eng_str got = {NULL, 0};
        bool first = true;
        sk_buf_addf(&b, "[ %s , 5]", values[i]);
        eng_jscan_init(&s, b.p, b.len, "x", &e);
        assert_true(eng_jscan_open(&s, '[') && eng_jscan_element(&s, &first));
        assert_true(eng_jscan_skip(&s, &got));
        assert_int_equal(got.n, strlen(values[i]));
        assert_memory_equal(got.p, values[i], got.n);
        int64_t five = 0;
        assert_true(eng_jscan_element(&s, &first) && eng_jscan_int(&s, &five) && five == 5);
        assert_false(eng_jscan_element(&s, &first));
        assert_true(eng_jscan_end(&s));
        sk_buf_fini(&b);
    }
    static const char *const cut[] = {"", "\"abc", "\"abc\\", "[1", "{\"a\":1", "]", "[\"\\"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        sk_err e = SK_ERR_INIT;
        eng_jscan s;
        eng_jscan_init(&s, cut[i], strlen(cut[i]), "x", &e);
        assert_false(eng_jscan_skip(&s, NULL));
        assert_int_equal(s.st, SK_E_FORMAT);
    }
}

static void lines(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    assert_null(tree("{\n\"a\":\n\n oops}", mem, &e));
    assert_contains(e.text, "line 4: ");
    sk_arena_free(mem);
}

static sk_status read_starved(void *arg, sk_err *e)
{
    (void)arg;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no memory for an arena");
    bool ok = tree("{\"a\": [\"some text that is long enough for a buffer to grow\", 2]}", mem, e);
    sk_arena_free(mem);
    return ok ? SK_OK : e->status;
}

static void without_memory(void **state)
{
    (void)state;
    unit_starve(read_starved, NULL, 100, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),    cmocka_unit_test(wrong), cmocka_unit_test(bounds),
        cmocka_unit_test(skipping), cmocka_unit_test(lines), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
