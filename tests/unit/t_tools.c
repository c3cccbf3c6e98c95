/* t_tools.c - the schema of a call: what it says of each tool, and that want of memory never makes
 * one that lacks a part. */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "serve/api/tools.h"

static const char two[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"look\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"at\":{\"$ref\":\"#/$defs/p\"}},\"required\":[\"at\"],"
    "\"$defs\":{\"p\":{\"enum\":[\"sea\",1,null]}}}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"wait\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{}}}}]";

static const char whole[] =
    "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"name\":"
    "{\"const\":\"look\"},\"arguments\":{\"type\":\"object\",\"properties\":{\"at\":{\"$ref\":"
    "\"#/items/anyOf/0/properties/arguments/$defs/p\"}},\"required\":[\"at\"],\"$defs\":{\"p\":"
    "{\"enum\":[\"sea\",1,null]}}}},\"required\":[\"name\",\"arguments\"],"
    "\"additionalProperties\":false},{\"type\":\"object\",\"properties\":{\"name\":{\"const\":"
    "\"wait\"},\"arguments\":{\"type\":\"object\",\"properties\":{}}},\"required\":[\"name\","
    "\"arguments\"],\"additionalProperties\":false}]},\"minItems\":1,\"maxItems\":1}";

static json_t *tools_of(const char *json)
{
    json_t *v = NULL;
    sk_err e;
    assert_int_equal(sk_json_parse(json, strlen(json), 64, &v, &e), SK_OK);
    return v;
}

/* What was appended, as a string. */
static const char *text(sk_buf *b)
{
    sk_buf_addc(b, 0);
    assert_true(sk_buf_ok(b));
    return b->p;
}

static void each_tool_with_its_references_moved(void **s)
{
    (void)s;
    srv_params p = {.tools = tools_of(two), .choice = SRV_TOOLS_REQUIRED, .parallel = true};
    sk_buf out = SK_BUF_INIT;
    assert_true(srv_tools_schema(&p, "arguments", true, &out));
    assert_string_equal(text(&out), whole);
    json_decref(p.tools);
    sk_buf_fini(&out);
}

static void only_the_one_that_was_named(void **s)
{
    (void)s;
    srv_params p = {.tools = tools_of(two), .tool_name = "wait", .parallel = true};
    sk_buf out = SK_BUF_INIT;
    assert_true(srv_tools_schema(&p, "parameters", false, &out));
    const char *schema = text(&out);
    assert_contains(schema, "\"wait\"");
    assert_null(strstr(schema, "\"look\""));
    json_decref(p.tools);
    sk_buf_fini(&out);
}

/* A failed allocation is told; what comes through is the whole schema. */
static sk_status schema_whole(void *arg, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    bool ok = srv_tools_schema(arg, "arguments", true, &out);
    if (ok) {
        unit_starve_end();
        assert_string_equal(text(&out), whole);
    }
    sk_buf_fini(&out);
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the tools");
}

static void without_memory(void **s)
{
    (void)s;
    srv_params p = {.tools = tools_of(two), .choice = SRV_TOOLS_REQUIRED, .parallel = true};
    unit_starve(schema_whole, &p, 2000, UNIT_TOLD);
    unit_starve(schema_whole, &p, 2000, UNIT_LATER);
    json_decref(p.tools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tool_with_its_references_moved),
        cmocka_unit_test(only_the_one_that_was_named),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
