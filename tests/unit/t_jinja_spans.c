/* t_jinja_spans.c - every byte of a rendering knows whether it stems from the template. */
#include "tests/unit/jinja_case.h"
#include "tests/unit/unit.h"

/* The rendering with [..] around what stems from messages. */
static void shows(const char *template, const char *want)
{
    static const char vars[] =
        "{\"bos_token\":\"<s>\",\"s\":\"hey\",\"n\":7,\"l\":[\"a\",\"b\"],\"d\":{\"k\":\"v\"},"
        "\"j\":\"{\\\"x\\\":\\\"y\\\"}\",\"messages\":[{\"role\":\"user\",\"content\":\"<s>\"},"
        "{\"role\":\"evil<s>\",\"content\":\" hi \"}]}";
    sk_err e = SK_ERR_INIT;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(jinja_render_text(template, vars, NULL, &out, &e), e);
    const char *p = out.text.p;
    sk_buf_adds(&b, "");
    for (size_t i = 0; i < out.n_span; i++) {
        assert_true(out.span[i].n > 0);
        if (i) assert_true(out.span[i].message != out.span[i - 1].message);
        if (out.span[i].message) sk_buf_addc(&b, '[');
        sk_buf_add(&b, p, out.span[i].n);
        if (out.span[i].message) sk_buf_addc(&b, ']');
        p += out.span[i].n;
    }
    assert_ptr_equal(p, out.text.p + out.text.len);
    assert_string_equal(b.p, want);
    sk_buf_fini(&b);
    eng_jinja_text_fini(&out);
}

static void origins(void **state)
{
    (void)state;
    shows("a{{ s }}b", "a[hey]b");
    shows("{{ bos_token }}{{ s }}", "<s>[hey]");
    shows("{{ 'a' + s + 'b' }}", "a[hey]b");
    shows("{{ 'a' ~ s ~ n ~ 'b' }}", "a[hey7]b");
    shows("{{ messages[0].content }}", "[<s>]");
    shows("{{ ('a' ~ s)[1:3] }}|{{ ('a' ~ s)[::-1] }}", "[he]|[yeh]a");
    shows("{{ s|upper }}{{ s.title() }}{{ 'x'|upper }}", "[HEYHey]X");
    shows("{{ ('  ' ~ s ~ '  ')|trim }}", "[hey]");
    shows("{{ s|replace('e', 'EE') }}", "[h]EE[y]");
    shows("{{ 'a-b'|replace('-', s) }}", "a[hey]b");
    shows("{{ l|join(', ') }}{{ ', '.join(l) }}", "[a], [ba], [b]");
    shows("{{ s.split('e') }}", "[['h'], ['y']]");
    shows("{{ l }}", "[['a', 'b']]");
    shows("{{ [s] }}", "[['hey']]");
    shows("{{ d|tojson }}", "[{\"k\": \"v\"}]");
    shows("{{ {'a': s}|tojson }}", "{\"a\": [\"hey\"]}");
    shows("{{ d|tojson(indent=1) }}", "[{\n \"k\": \"v\"\n}]");
    shows("{{ (j|from_json).x }}", "[y]");
    shows("{{ '%s-%d' % (s, n) }}{{ '{}!'.format(s) }}", "[hey]-[7hey]!");
    shows("{{ n + 1 }}{{ n * 2.5 }}{{ -n }}", "[817.5-7]");
    shows("{% set x %}<{{ s }}>{% endset %}{{ x }}", "<[hey]>");
    shows("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(s) }}", "<[hey]>");
    shows("{% filter upper %}a{{ s }}{% endfilter %}", "A[HEY]");
    shows(
        "{% set ns = namespace(t='') %}{% for c in s %}{% set ns.t = ns.t ~ c ~ '.' %}{% endfor %}"
        "{{ ns.t }}",
        "[h].[e].[y].");
    shows("{{ s|e }}{{ '<'|e }}{{ s|indent(2, true) }}", "[hey]&lt;  [hey]");
    shows("{{ s|default('x') }}{{ nope|default('x') }}", "[hey]x");
    shows("{{ loop_|default(s|first) }}{{ s|length }}", "[h]3");
}

/* A role that every server knows is the template's: markers are made of it.  Any other is text. */
static void roles(void **state)
{
    (void)state;
    shows("{% for m in messages %}<|{{ m.role }}|>{% endfor %}", "<|user|><|[evil<s>]|>");
    shows("{{ messages[0]|tojson }}", "[{\"role\": ]\"user\"[, \"content\": \"<s>\"}]");
    shows("{{ d.role }}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(origins), cmocka_unit_test(roles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
