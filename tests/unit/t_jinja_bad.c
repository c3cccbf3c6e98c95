/* t_jinja_bad.c - templates that are wrong, hostile or ask for what there is not; and no memory. */
#include "tests/unit/jinja_case.h"
#include "tests/unit/unit.h"

#include "base/mem.h"

/* A template that is refused, with a status and a part of the sentence. */
static void refused(const char *template, sk_status want, const char *part)
{
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    assert_status(jinja_render_text(template, "{\"n\":5,\"messages\":[]}", NULL, &out, &e), want, e,
                  part);
    assert_int_equal(out.text.len, 0);
    assert_null(out.span);
}

static void the_line_is_named(void **state)
{
    (void)state;
    refused("a\n{{ 1 + }}", SK_E_FORMAT, "template line 2: ");
    refused("a\n\n{% if n %}\nb", SK_E_FORMAT,
            "template line 4: 'elif' is expected here: unexpected the end");
    refused("{{ n.a.b }}", SK_E_INVALID, "template line 1: 'int object' has no attribute 'a'");
    refused("{% if n %}\n{{ nope.b }}{% endif %}", SK_E_INVALID,
            "template line 2: 'nope' is undefined");
    refused("\n{{ raise_exception('No, ' ~ n) }}", SK_E_INVALID, "template line 2: No, 5");
    refused("{{ 'a' + n }}", SK_E_INVALID, "can only concatenate str (not \"int\") to str");
    refused("{% for %}", SK_E_FORMAT, "unexpected the end of the tag");
    refused("\n{{ 'a }}", SK_E_FORMAT, "template line 2: a string is not closed");
    refused("\n{{ n", SK_E_FORMAT, "template line 2: \"{{\" is not closed");
    refused("\n{# n", SK_E_FORMAT, "template line 2: a comment");
    refused("{% raw %}", SK_E_FORMAT, "a block \"raw\" is not closed");
    refused("{{ (1] }}", SK_E_FORMAT, "unexpected ']'");
    refused("{{ 1 $ 2 }}", SK_E_FORMAT, "unexpected character '$'");
    refused("\n\n{% wobble %}", SK_E_FORMAT, "template line 3: unknown statement 'wobble'");
    refused("{{ messages[0].x }}", SK_E_INVALID, "list object has no element 0");
}

static void what_is_not_supported_is_named(void **state)
{
    (void)state;
    refused("\n{% include 'x' %}", SK_E_UNSUPPORTED, "template line 2: the statement 'include'");
    refused("{% extends 'x' %}", SK_E_UNSUPPORTED, "the statement 'extends'");
    refused("{{ n|wobble }}", SK_E_UNSUPPORTED, "the filter 'wobble' is not supported");
    refused("{{ n|random }}", SK_E_UNSUPPORTED, "the filter 'random' is not supported");
    refused("{{ n is wobble }}", SK_E_UNSUPPORTED, "the test 'wobble' is not supported");
    refused("{{ [n]|map('wobble')|list }}", SK_E_UNSUPPORTED, "the filter 'wobble'");
    refused("{% if n %}{{ n|wobble }}{% endif %}", SK_E_UNSUPPORTED, "the filter 'wobble'");
    refused("{{ 'a'.encode() }}", SK_E_UNSUPPORTED, "the method 'encode' of str");
    refused("{{ lipsum() }}", SK_E_UNSUPPORTED, "the function 'lipsum'");
    refused("{{ 9223372036854775807 + 1 }}", SK_E_UNSUPPORTED, "more than 64 bits");
    refused("{{ 99999999999999999999 }}", SK_E_UNSUPPORTED, "more than 64 bits");
    refused("{{ 10 ** 30 }}", SK_E_UNSUPPORTED, "more than 64 bits");
    refused("{{ -9223372036854775807 - 2 }}", SK_E_UNSUPPORTED, "more than 64 bits");
    refused("{{ range }}", SK_E_UNSUPPORTED, "the text of a 'function' object");
    refused("\xff", SK_E_FORMAT, "not valid UTF-8");
}

/* Growth, repetition, nesting and recursion without end come to an end. */
static void bombs(void **state)
{
    (void)state;
    refused("{{ 'a' * 10**9 }}", SK_E_TOOBIG, "bytes");
    refused("{{ 'a' * 10**18 }}", SK_E_TOOBIG, "bytes");
    refused("{{ [1] * 10**18 }}", SK_E_TOOBIG, "it ");
    refused("{{ [1] * 70000000 }}", SK_E_TOOBIG, "bytes of memory");
    refused("{{ ('a' * 10**6) * 10**6 }}", SK_E_TOOBIG, "bytes");
    refused("{{ range(10**9) }}", SK_E_TOOBIG, "range of more than");
    refused("{{ range(0 - 10**18, 10**18)|list }}", SK_E_TOOBIG, "range of more than");
    refused("{{ '%1000000000s' % 1 }}", SK_E_TOOBIG, "bytes");
    refused("{{ '{:1000000000}'.format(1) }}", SK_E_TOOBIG, "bytes");
    refused("{{ 'a'.center(10**12) }}", SK_E_TOOBIG, "bytes");
    refused("{{ 'a'|center(10**12) }}", SK_E_TOOBIG, "bytes");
    refused("{{ 'a'.zfill(10**12) }}", SK_E_TOOBIG, "bytes");
    refused("{{ 'a\\nb'|indent(10**12) }}", SK_E_TOOBIG, "bytes");
    refused("{{ [1]|tojson(indent=10**12) }}", SK_E_TOOBIG, "bytes");
    refused("{{ [1]|batch(10**12, 0)|list }}", SK_E_TOOBIG, "it ");
    refused("{{ [1]|slice(10**12)|list }}", SK_E_TOOBIG, "it ");
    refused("{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}"
            "{% endfor %}{% endfor %}{% endfor %}",
            SK_E_TOOBIG, "it ");
    refused("{% for a in range(10000) %}{% for b in range(10000) %}"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "{% endfor %}{% endfor %}",
            SK_E_TOOBIG, "it ");
    refused("{% macro m(k) %}{{ m(k + 1) }}{% endmacro %}{{ m(0) }}", SK_E_TOOBIG, "deep");
    refused("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
            SK_E_TOOBIG, "deep");
    refused("{% macro m(k) %}{% if k %}{{ m(k - 1) }}{{ m(k - 1) }}{% endif %}{% endmacro %}"
            "{{ m(40) }}",
            SK_E_TOOBIG, "it ");
    refused("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}", SK_E_TOOBIG, "deep");
    refused("{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", SK_E_TOOBIG, "deep");
    refused("{% set l = [] %}{% set _ = l.append(l) %}{{ l == [l] }}", SK_E_TOOBIG, "deep");
    refused("{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}", SK_E_TOOBIG, "deep");
    refused("{% set ns = namespace(t=()) %}{% for i in range(9999) %}{% set ns.t = (ns.t,) %}"
            "{% endfor %}{{ {ns.t: 1} }}",
            SK_E_TOOBIG, "deep");
    refused("{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}"
            "{% endfor %}",
            SK_E_TOOBIG, "it ");
    refused("{% set ns = namespace(l=[0]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}"
            "{% endfor %}",
            SK_E_TOOBIG, "it ");
    refused("{% set ns = namespace(s='ab') %}{% for i in range(40) %}"
            "{% set ns.s = ns.s.replace('a', 'aa') %}{% endfor %}",
            SK_E_TOOBIG, "it ");
}

/* Building a text piece by piece costs its length, not its square. */
static void appending_is_linear(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    const eng_jinja_limits small = {.max_bytes = 40 << 20};
    static const char t[] =
        "{% set ns = namespace(s='') %}{% for i in range(50000) %}"
        "{% set ns.s = ns.s ~ 'some more text ' %}{% endfor %}{{ ns.s|length }}";
    assert_status_ok(jinja_render_text(t, NULL, &small, &out, &e), e);
    assert_string_equal(out.text.p, "750000");
    eng_jinja_text_fini(&out);
}

/* Where the origin changes at every byte, spans take more than the text: they count as well. */
static void spans_count_as_memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    eng_jinja_limits l = {.max_bytes = 4 << 20};
    static const char t[] = "{{ l * 20000 }}", vars[] = "{\"l\": [\"a\"]}";
    assert_status_ok(jinja_render_text(t, vars, &l, &out, &e), e);
    assert_true(out.n_span > 20000);
    eng_jinja_text_fini(&out);
    l.max_bytes = (1 << 20) + (1 << 18);
    assert_int_equal(jinja_render_text(t, vars, &l, &out, &e), SK_E_TOOBIG);
    assert_non_null(strstr(e.text, "bytes of memory"));
}

/* n times the text before, a middle, n times the text behind. */
static char *nested(const char *before, const char *middle, const char *behind, size_t n)
{
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        sk_buf_adds(&b, before);
    sk_buf_adds(&b, middle);
    for (size_t i = 0; i < n; i++)
        sk_buf_adds(&b, behind);
    return sk_buf_detach(&b, NULL);
}

static void deep_templates(void **state)
{
    (void)state;
    static const struct {
        const char *before, *middle, *behind;
    } forms[] = {
        {"(", "1", ")"},   {"[", "", "]"},   {"{1:", "1", "}"}, {"-", "1", ""},
        {"not ", "1", ""}, {"n[", "1", "]"}, {"n(", "1", ")"},  {"1 if 1 else ", "1", ""},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char *inner = nested(forms[i].before, forms[i].middle, forms[i].behind, 900);
        sk_buf b = SK_BUF_INIT;
        sk_err e = SK_ERR_INIT;
        eng_jinja *t = NULL;
        sk_buf_addf(&b, "{{ %s }}", inner);
        assert_status(eng_jinja_compile(b.p, b.len, &t, &e), SK_E_TOOBIG, e, "deep");
        sk_buf_fini(&b);
        sk_free(inner);
    }
    static const char *const blocks[][2] = {
        {"{% if 1 %}", "{% endif %}"},
        {"{% for i in [1] %}", "{% endfor %}"},
        {"{% macro m() %}", "{% endmacro %}"},
        {"{% filter upper %}", "{% endfilter %}"},
        {"{% if 1 %}{% elif 1 %}", "{% endif %}"},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        char *text = nested(blocks[i][0], "", blocks[i][1], 100000);
        sk_err e = SK_ERR_INIT;
        eng_jinja *t = NULL;
        assert_status(eng_jinja_compile(text, strlen(text), &t, &e), SK_E_TOOBIG, e, "deep");
        sk_free(text);
    }
    /* Chains of operators don't nest in the parser, but do in the tree. */
    char *chain = nested("1 + ", "1", "", 100000);
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    sk_buf_addf(&b, "{{ %s }}", chain);
    assert_status(jinja_render_text(b.p, NULL, NULL, &out, &e), SK_E_TOOBIG, e, "deep");
    sk_buf_fini(&b);
    sk_free(chain);
}

static void deep_variables(void **state)
{
    (void)state;
    char *list = nested("[", "", "]", 400);
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    const eng_jinja_limits shallow = {.max_depth = 100};
    sk_buf_addf(&b, "{\"a\":%s}", list);
    assert_status_ok(jinja_render_text("{{ a|tojson|length }}", b.p, NULL, &out, &e), e);
    assert_string_equal(out.text.p, "800");
    assert_status(jinja_render_text("{{ a }}", b.p, &shallow, &out, &e), SK_E_TOOBIG, e, "deep");
    sk_buf_fini(&b);
    sk_free(list);
    eng_jinja_text_fini(&out);
}

static sk_status render_starved(void *vars, sk_err *e)
{
    static const char t[] =
        "{% macro m(a, b=2) %}{{ a ~ b }}{% endmacro %}{% for x in l|sort %}{{ m(x) }}{% endfor %}"
        "{% set ns = namespace(s='') %}{% set ns.s = ns.s ~ d|tojson(indent=1) %}{{ ns.s|upper }}"
        "{{ l|map('string')|join(',') }}{{ '%5d' % 3 }}{{ d|dictsort }}{{ l|batch(2)|list }}";
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    sk_status st = jinja_render(t, strlen(t), vars, NULL, NULL, &out, e);
    eng_jinja_text_fini(&out);
    return st;
}

/* The Nth allocation fails, for every N there is. */
static void without_memory(void **state)
{
    (void)state;
    uint64_t held = sk_mem_bytes(SK_MEM_REQUEST);
    sk_err e = SK_ERR_INIT;
    json_t *vars = NULL;
    const char *text = "{\"l\":[3,1,2],\"d\":{\"a\":[1,\"x\"],\"b\":null}}";
    assert_status_ok(sk_json_parse(text, strlen(text), 9, &vars, &e), e);
    unit_starve(render_starved, vars, 500, UNIT_LATER | UNIT_TOLD);
    json_decref(vars);
    assert_int_equal(sk_mem_bytes(SK_MEM_REQUEST), held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_named),
        cmocka_unit_test(what_is_not_supported_is_named),
        cmocka_unit_test(bombs),
        cmocka_unit_test(appending_is_linear),
        cmocka_unit_test(spans_count_as_memory),
        cmocka_unit_test(deep_templates),
        cmocka_unit_test(deep_variables),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
