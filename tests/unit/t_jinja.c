/* t_jinja.c - templates against what Python's jinja2 renders of them; tests/golden/jinja/README.md.
 */
#include "tests/unit/jinja_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* Renders one case; false, and said so, where it is not as Python has it. */
static bool check_case(json_t *vars, json_t *c)
{
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    json_t *want = json_object_get(c, "expect"), *template = json_object_get(c, "template");
    sk_status st = jinja_render(json_string_value(template), json_string_length(template), vars,
                                json_object_get(c, "vars"), NULL, &out, &e);
    bool ok = want ? !st && out.text.len == json_string_length(want) &&
                         memcmp(out.text.p, json_string_value(want), out.text.len) == 0
                   : st != SK_OK;
    if (!ok)
        print_error("template: %s\nwant:     %s\ngot:      %s\n", json_string_value(template),
                    want ? json_string_value(want) : json_string_value(json_object_get(c, "error")),
                    st ? e.text : out.text.p);
    eng_jinja_text_fini(&out);
    return ok;
}

/* All cases of a file. */
static void check_file(const char *path, size_t at_least)
{
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    json_t *doc = NULL, *c;
    size_t i, bad = 0;
    assert_true(unit_read(path, &b));
    assert_status_ok(sk_json_parse(b.p, b.len, 20, &doc, &e), e);
    json_t *cases = json_object_get(doc, "cases");
    json_array_foreach(cases, i, c) bad += !check_case(json_object_get(doc, "vars"), c);
    assert_true(json_array_size(cases) >= at_least);
    assert_int_equal(bad, 0);
    json_decref(doc);
    sk_buf_fini(&b);
}

static void own(void **state)
{
    (void)state;
    check_file("tests/golden/jinja/own.json", 400);
}

static void llamacpp(void **state)
{
    (void)state;
    check_file("tests/golden/jinja/llamacpp.json", 173);
}

static void llamacpp_chat(void **state)
{
    (void)state;
    check_file("tests/golden/jinja/llamacpp_chat.json", 20);
}

/* Where the templates of real models lie, which are not ours to keep here. */
static const char *shared(void)
{
    const char *dir = getenv("SK_SHARED");
    return unit_path(dir ? dir : "../shared/data", "templates");
}

/* One rendering of a real model's template. */
static bool check_golden(const char *dir, json_t *doc, json_t *g)
{
    char path[1200];
    sk_buf text = SK_BUF_INIT;
    const char *name = json_string_value(json_object_get(g, "template"));
    json_t *c = json_object(), *ok = json_object_get(g, "ok"), *own_vars;
    snprintf(path, sizeof path, "%s/shared_templates/%s", dir, name);
    if (!unit_read(path, &text)) fail_msg("%s", path);
    json_object_set_new(c, "template", json_stringn(text.p, text.len));
    own_vars = json_object_get(json_object_get(doc, "vars"),
                               json_string_value(json_object_get(g, "case")));
    json_object_set(c, "vars", own_vars);
    json_object_set(c, ok ? "expect" : "error", ok ? ok : json_object_get(g, "error"));
    bool good = check_case(json_object_get(doc, "defaults"), c);
    if (!good) print_error("%s, %s\n", name, json_string_value(json_object_get(g, "case")));
    json_decref(c);
    sk_buf_fini(&text);
    return good;
}

static void real_models(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    json_t *doc = NULL, *g;
    size_t i, bad = 0;
    char dir[1024];
    snprintf(dir, sizeof dir, "%s", shared());
    if (!unit_read(unit_path(dir, "shared_template_goldens.json"), &b)) skip();
    assert_status_ok(sk_json_parse(b.p, b.len, 20, &doc, &e), e);
    /* There it says what the clock shows, which is what the function is set to. */
    json_object_del(json_object_get(doc, "defaults"), "strftime_now");
    json_array_foreach(json_object_get(doc, "goldens"), i, g) bad += !check_golden(dir, doc, g);
    assert_true(i >= 300);
    assert_int_equal(bad, 0);
    json_decref(doc);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own),
        cmocka_unit_test(llamacpp),
        cmocka_unit_test(llamacpp_chat),
        cmocka_unit_test(real_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
