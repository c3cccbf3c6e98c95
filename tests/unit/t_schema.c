/* t_schema.c - JSON Schemas as grammars: what each keyword lets through, and what it doesn't. */
#include "tests/unit/grammar_case.h"
#include "tests/unit/unit.h"

#define TABLE(...) grammar_table(GRAMMAR_SCHEMA, __VA_ARGS__)

static void any_value(void **state)
{
    (void)state;
    TABLE("{}", "+{}", "+[]", "+\"a\"", "+1", "+-1.5e10", "+null", "+true", "+false",
          "+{\"a\": [1, {\"b\": null}], \"a\": \"\\u00e9\\n\"}", "+ [ 1 ,\n2 ]", ".{\"a\"", ".[1,",
          "-01", "-{1}", "-[1,]", "-tru1", "-\"\\x\"", "-\"\n\"", ".1e", "-.5", "-\xff");
    TABLE("true", "+1", "+[[[[]]]]");
    TABLE("{\"type\":[\"integer\",\"null\"]}", "+5", "+null", "+-0", "-5.0", "-true", "-\"5\"");
    TABLE("{\"type\":\"string\"}", "+\"\xc3\xa9\xf0\x9f\x9a\xa2\"", "+\"\\ud83d\\udea2\"",
          "-\"\\ud83d\"", "-\"\\udea2\"", "-\"\xc3\"", "+\"\"");
}

static void objects(void **state)
{
    (void)state;
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
          "\"string\"}},\"required\":[\"b\"],\"additionalProperties\":false}",
          "+{\"b\": \"x\"}", "+{\"a\": 1, \"b\": \"x\"}", "-{\"a\": 1}", "-{}",
          "-{\"b\": \"x\", \"c\"", "-{\"b\": 1", "-{\"b\": \"x\", \"b\"");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
          "\"additionalProperties\":{\"type\":\"boolean\"}}",
          "+{}", "+{\"a\": 1, \"ab\": true, \"\": false}", "+{\"b\": true}", "-{\"b\": 1",
          "-{\"b\": true, \"a\"", "-{\"b\": true, \"\\u0061\"", "+{\"a\\n\": true}");
    TABLE("{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"integer\"},\"y$\":{"
          "\"type\":"
          "\"integer\",\"minimum\":10}},\"additionalProperties\":false}",
          "+{\"x\": 1}", "+{\"y\": 10}", "-{\"y\": 9,", "+{\"xy\": 11}", "-{\"xy\": 9,", "-{\"z\"");
    TABLE("{\"type\":\"object\",\"required\":[\"q\"]}", "+{\"q\": []}", "-{\"r\": 1}",
          "+{\"q\": 1, \"r\": 2}");
    TABLE("{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":2}", "-{}", "+{\"a\":1}",
          "+{\"a\":1,\"b\":2}", "-{\"a\":1,\"b\":2,");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{},\"c\":{}},\"minProperties\":2,"
          "\"additionalProperties\":false}",
          "-{}", "-{\"a\":1}", "+{\"a\":1,\"c\":1}", "+{\"a\":1,\"b\":1,\"c\":1}");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{}},\"minProperties\":2}",
          "-{\"x\":1,\"x\":1}", "+{\"a\":1,\"x\":1}", "-{\"a\":1}");
    TABLE("{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[a-c]+$\",\"maxLength\":2}}",
          "+{\"ab\":1}", "-{\"d\"", "-{\"abc\"");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":false,\"b\":true}}", "-{\"a\"", "+{\"b\": 1}",
          "+{\"c\": 1}");
}

static void arrays(void **state)
{
    (void)state;
    TABLE("{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":3}",
          "-[]", "+[1]", "+[1,2,3]", "-[1,2,3,", "-[\"a\"");
    TABLE("{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":false}", "+[]",
          "+[1]", "+[1,\"a\"]", "-[1,\"a\",", "-[\"a\"", "+5");
    TABLE("{\"$schema\":\"http://json-schema.org/draft-07/"
          "schema#\",\"items\":[{\"type\":\"integer\"}],"
          "\"additionalItems\":{\"type\":\"null\"}}",
          "+[1,null,null]", "-[1,2");
    TABLE("{\"type\":\"array\",\"contains\":{\"type\":\"integer\",\"minimum\":5}}", "-[]",
          "-[1,\"a\"]", "+[5]", "+[1,\"a\",7,2]");
    TABLE("{\"type\":\"array\",\"minItems\":3,\"items\":{\"enum\":[0]}}", "-[0,0]", "+[0,0,0,0]");
    TABLE("{\"type\":\"array\",\"uniqueItems\":true,\"maxItems\":1}", "+[1]", "-[1,");
    TABLE(
        "{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[\"a\",\"b\",\"c\",\"a\"]}}",
        "+[]", "+[\"a\"]", "+[\"c\", \"a\" ,\"b\"]", "-[\"a\",\"a\"", "-[\"a\",\"b\",\"a\"",
        "-[\"a\",\"b\",\"c\",");
    TABLE(
        "{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":\"boolean\"},\"minItems\":1}",
        "-[]", "+[true]", "+[false,true]", "-[true,t", "-[true,false,");
    TABLE("{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"$ref\":\"#/$defs/"
          "e\"},\"minItems\":2,"
          "\"maxItems\":2,\"$defs\":{\"e\":{\"enum\":[1,2,[3],\"x\"],\"type\":[\"integer\","
          "\"array\"]}}}",
          "+[1,2]", "+[[3],1]", "-[1]", "-[1,2,", "-[[3],[", "-[\"x\"");
    TABLE("{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[1,2]},\"minItems\":1,"
          "\"allOf\":[{\"items\":{\"minimum\":2}}]}",
          "+[2]", "-[1", "-[2,");
}

static void strings(void **state)
{
    (void)state;
    TABLE("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "-\"a\"", "+\"ab\"",
          "+\"\\u00e9\xc3\xa9\\n\"", "-\"abcd");
    TABLE("{\"type\":\"string\",\"pattern\":\"^a.c$\"}", "+\"abc\"", "+\"a\\\"c\"", "+\"a\\\\c\"",
          "-\"a\\nc", "-\"abcd");
    TABLE("{\"type\":\"string\",\"pattern\":\"b\"}", "+\"abc\"", "+\"b\"", "-\"ac\"");
    TABLE("{\"type\":\"string\",\"pattern\":\"^a|b$\"}", "+\"axx\"", "+\"xxb\"", "-\"xax\"");
    TABLE("{\"type\":\"string\",\"pattern\":\"^(?!ab)\"}", "+\"ac\"", "+\"\"", "-\"ab");
    TABLE("{\"type\":\"string\",\"pattern\":\"^[a-z]*$\",\"minLength\":3,\"maxLength\":4}",
          "-\"ab\"", "+\"abc\"", "-\"abcde", "-\"ab1");
    TABLE("{\"type\":\"string\",\"format\":\"date\"}", "+\"2024-02-29\"", "-\"2023-02-29",
          "-\"2024-13", "-\"2024-04-31", "+\"2000-02-29\"", "-\"1900-02-29");
    TABLE("{\"type\":\"string\",\"format\":\"date-time\"}", "+\"2024-01-01T12:00:00Z\"",
          "+\"2024-01-01T12:00:00.5+01:00\"", "-\"2024-01-01 ");
    TABLE("{\"type\":\"string\",\"format\":\"uuid\"}", "+\"123e4567-e89b-12d3-a456-426614174000\"",
          "-\"123e4567e");
    TABLE("{\"type\":\"string\",\"format\":\"ipv4\"}", "+\"127.0.0.1\"", "-\"256");
    TABLE("{\"type\":\"string\",\"format\":\"ipv6\"}", "+\"::1\"", "+\"1:2:3:4:5:6:7:8\"",
          "+\"fe80::1:2\"", "-\"1::2::");
    TABLE("{\"type\":\"string\",\"format\":\"email\"}", "+\"a.b@c.de\"", "-\"a@b@", "-\"@");
    TABLE("{\"type\":\"string\",\"format\":\"uri\"}", "+\"https://a.b/c?d=e#f\"", "-\"no uri");
    TABLE("{\"type\":\"string\",\"format\":\"hostname\"}", "+\"a-b.example\"", "-\"-a");
    TABLE("{\"type\":\"string\",\"format\":\"duration\"}", "+\"P3DT4H\"", "+\"P1W\"", "-\"P1S");
    TABLE("{\"type\":\"string\",\"format\":\"of-our-own\"}", "+\"anything\"");
}

static void numbers(void **state)
{
    (void)state;
    TABLE("{\"type\":\"integer\",\"minimum\":-5,\"maximum\":120}", "+-5", "-6a", "-121", "+120",
          "+0", "+7", "-1.5", "--6");
    TABLE("{\"type\":\"integer\",\"exclusiveMinimum\":9,\"exclusiveMaximum\":12}", "+10", "+11",
          ".1", "-12", "-9 ");
    TABLE("{\"type\":\"number\",\"minimum\":0.5,\"maximum\":10.25}", "+0.5", "+0.51", "-0.4",
          "+10.25", "+10.2", "-10.26", "+10", "-11", "+3.14159", "-1e", "+10.250");
    TABLE("{\"type\":\"number\",\"exclusiveMinimum\":0}", "+0.001", ".0.00", "+5", "--");
    TABLE("{\"type\":\"number\",\"maximum\":-1.5}", "+-1.5", "+-2", "+-1.6", "--1.4", "-1");
    TABLE("{\"type\":\"integer\",\"multipleOf\":7}", "+14", "+0", "+-21", ".1", ".15");
    TABLE("{\"type\":\"number\",\"multipleOf\":0.25}", "+0.25", "+1.5", "+3", "-0.3", ".0.7",
          "+2.750");
    TABLE("{\"type\":\"integer\",\"multipleOf\":3,\"minimum\":10,\"maximum\":15}", "+12", "+15",
          "-10 ", "-18");
    TABLE("{\"type\":\"number\",\"minimum\":5,\"exclusiveMinimum\":true}", "+5.1", ".5", "+6");
}

static void constants(void **state)
{
    (void)state;
    TABLE("{\"enum\":[\"a\",1,null,[1,{\"x\":true}],\"q\\\"\"]}", "+\"a\"", "+1", "+1.0", "+null",
          "+[1, {\"x\": true}]", "+\"q\\\"\"", "-\"b", "-2", "-[2");
    TABLE("{\"const\":{\"a\":1}}", "+{\"a\":1}", "-{\"b\"");
    TABLE("{\"type\":\"string\",\"enum\":[\"a\",1,\"abc\"],\"maxLength\":2}", "+\"a\"", "-1",
          "-\"ab");
    TABLE("{\"enum\":[1,2,3,4],\"not\":{\"enum\":[2,3]}}", "+1", "-2", "+4");
    TABLE("{\"const\":2,\"enum\":[2,3]}", "+2", "-3");
    TABLE("{\"anyOf\":[{\"const\":1,\"enum\":[2]},{\"const\":5}]}", "-1", "-2", "+5");
    TABLE("{\"allOf\":[{\"enum\":[1,2]},{\"enum\":[2,3]}]}", "-1", "+2", "-3");
}

static void combined(void **state)
{
    (void)state;
    TABLE("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"maxLength\":1}]}", "+1",
          "+\"a\"", "-\"ab", "-null");
    TABLE("{\"allOf\":[{\"type\":\"integer\",\"minimum\":3},{\"maximum\":5}]}", "+3", "+5", "-6",
          "-2");
    TABLE("{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},{"
          "\"properties\":{\"a\":"
          "{\"minimum\":5},\"b\":{\"type\":\"null\"}}}],\"type\":\"object\"}",
          "+{\"a\": 5, \"b\": null}", "-{\"a\": 4,", "-{}");
    TABLE("{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\",\"minimum\":2}]}", "+1", "+2.5",
          ".2", "-1.5");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"oneOf\":[{\"required\":[\"a\"]"
          "},{\"required\":"
          "[\"b\"]}],\"additionalProperties\":false}",
          "+{\"a\":1}", "+{\"b\":1}", "-{}", "-{\"a\":1,\"b\"");
    TABLE("{\"type\":\"string\",\"not\":{\"pattern\":\"^a\"}}", "+\"b\"", "-\"a", "+\"\"");
    TABLE("{\"not\":{\"type\":[\"string\",\"object\"]}}", "+1", "+[]", "-\"", "-{");
    TABLE("{\"type\":\"array\",\"not\":{\"contains\":{\"type\":\"integer\"}}}", "+[]", "+[null]",
          "-[1]", "+[1.5]");
    TABLE("{\"type\":\"integer\",\"not\":{\"oneOf\":[{\"minimum\":5},{\"maximum\":7}]}}", "+5",
          "+6", "+7", "-4 ", "-8");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"not\":{\"dependencies\":{"
          "\"a\":[\"b\"]}},"
          "\"additionalProperties\":false}",
          "+{\"a\":1}", "-{}", "-{\"b\"", "-{\"a\":1,\"b\"");
    TABLE("{\"type\":\"object\",\"properties\":{\"k\":{\"enum\":[1,2]},\"v\":{}},\"if\":{"
          "\"properties\":{\"k\":"
          "{\"const\":1}},\"required\":[\"k\"]},\"then\":{\"properties\":{\"v\":{\"type\":"
          "\"string\"}}},\"else\":"
          "{\"properties\":{\"v\":{\"type\":\"integer\"}}}}",
          "+{\"k\":1,\"v\":\"a\"}", "-{\"k\":1,\"v\":1", "+{\"k\":2,\"v\":1}",
          "-{\"k\":2,\"v\":\"");
    TABLE("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"dependentRequired\":{\"a\":["
          "\"b\"]}}",
          "+{\"b\":1}", "+{\"a\":1,\"b\":1}", "-{\"a\":1}", "+{}");
}

static void references(void **state)
{
    (void)state;
    TABLE("{\"$ref\":\"#/$defs/a%20b~1c\",\"$defs\":{\"a b/c\":{\"type\":\"null\"}}}", "+null",
          "-1");
    TABLE("{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"l\":{\"$ref\":\"#/$defs/"
          "t\"},\"r\":{\"$ref\":"
          "\"#/$defs/t\"}},\"additionalProperties\":false}},\"$ref\":\"#/$defs/t\"}",
          "+{\"l\":{\"l\":{},\"r\":{\"r\":{}}}}", "-{\"x\"", ".{\"l\":{\"l\":{");
    TABLE("{\"$defs\":{\"x\":{\"$anchor\":\"here\",\"type\":\"integer\"}},\"$ref\":\"#here\","
          "\"minimum\":5}",
          "+5", "-4 ");
    TABLE("{\"$schema\":\"http://json-schema.org/draft-07/"
          "schema#\",\"definitions\":{\"x\":{\"type\":\"integer\"}},"
          "\"properties\":{\"a\":{\"$ref\":\"#/definitions/x\",\"minimum\":5}}}",
          "+{\"a\":4}");
    TABLE("{\"type\":[\"array\",\"integer\"],\"items\":{\"$ref\":\"#\"}}", "+[[1,[]],2]", "-[\"");
}

static void refused(void **state)
{
    (void)state;
#define REFUSED(text, part) grammar_refused(GRAMMAR_SCHEMA, text, SK_E_UNSUPPORTED, part)
#define INVALID(text, part) grammar_refused(GRAMMAR_SCHEMA, text, SK_E_INVALID, part)
    REFUSED("{\"properties\":{\"a\":{\"uniqueItems\":true}}}", "#/properties/a/uniqueItems");
    REFUSED("{\"$ref\":\"http://elsewhere/x\"}", "#/$ref: refers to nothing");
    REFUSED("{\"$ref\":\"#\"}", "refers to itself");
    REFUSED("{\"allOf\":[{\"$ref\":\"#\"}]}", "refers to itself");
    REFUSED("{\"pattern\":\"(a)\\\\1\"}", "#/pattern: a back reference");
    REFUSED("{\"format\":\"regex\"}", "#/format");
    REFUSED("{\"unevaluatedProperties\":false}", "#/unevaluatedProperties");
    REFUSED("{\"$dynamicRef\":\"#x\"}", "#/$dynamicRef");
    REFUSED("{\"not\":{\"additionalProperties\":{\"const\":1}}}", "#/not/additionalProperties");
    REFUSED("{\"contains\":{},\"minContains\":2}", "#/contains");
    REFUSED("{\"multipleOf\":1e-300}", "#/multipleOf");
    REFUSED("{\"type\":\"array\",\"maxItems\":100000}", "cannot be counted");
    INVALID("{\"type\":\"strng\"}", "#/type: no type of that name");
    INVALID("{\"type\":5}", "#/type");
    INVALID("{\"required\":\"a\"}", "#/required");
    INVALID("{\"enum\":5}", "#/enum");
    INVALID("{\"properties\":{\"a\":5}}", "#/properties/a: a schema is an object");
    INVALID("{\"anyOf\":{}}", "#/anyOf: not an array");
    INVALID("{\"minLength\":-1}", "#/minLength");
    INVALID("{\"pattern\":\"(\"}", "#/pattern");
    INVALID("false", "nothing satisfies");
    INVALID("{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}", "nothing satisfies");
    INVALID("{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"],\"type\":\"object\"}",
            "nothing satisfies");
    INVALID("{\"a\":", "the schema");
    INVALID("5", "a schema is an object");
    INVALID("", "the schema");
}

/* Schemas that are made to take long end soon, with a sentence. */
static void hostile(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"allOf\":[");
    for (int i = 0; i < 30; i++)
        sk_buf_addf(&b, "%s{\"anyOf\":[{\"minimum\":%d},{\"maximum\":%d},{\"multipleOf\":%d}]}",
                    i ? "," : "", i, 100 + i, i + 2);
    sk_buf_adds(&b, "]}");
    grammar_refused(GRAMMAR_SCHEMA, b.p, SK_E_TOOBIG, "too ");
    sk_buf_reset(&b);
    for (int i = 0; i < 300; i++)
        sk_buf_adds(&b, "{\"items\":");
    grammar_refused(GRAMMAR_SCHEMA, b.p, SK_E_INVALID, "too deep");
    sk_buf_reset(&b);
    sk_buf_adds(&b, "{\"type\":\"string\",\"pattern\":\"^(");
    for (int i = 0; i < 200; i++)
        sk_buf_adds(&b, "(");
    sk_buf_adds(&b, "\"}");
    grammar_refused(GRAMMAR_SCHEMA, b.p, SK_E_UNSUPPORTED, "so deep");
    sk_buf_fini(&b);
    /* A pattern whose automaton has a million states works as long as few of them are met. */
    TABLE("{\"type\":\"string\",\"pattern\":\"(a|b)*a(a|b){20}$\"}",
          "+\"aaaaaaaaaaaaaaaaaaaaaaaa\"", ".\"abab",
          ".\"aaaaaaaaaaaaaaaaaaaaaaabaaaaaaaaaaaaaaaaaaa");
}

/* Deep nesting stops at a bound instead of taking memory without end. */
static void deep(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_grammar *g = grammar_open(GRAMMAR_SCHEMA, "{}");
    eng_matcher *m = NULL;
    int n = 0;
    assert_status_ok(eng_matcher_new(g, &m, &e), e);
    while (n < 5000 && eng_matcher_accept_bytes(m, "[", 1, &e) == SK_OK)
        n++;
    assert_in_range(n, 500, 2000);
    for (; n; n--)
        assert_status_ok(eng_matcher_accept_bytes(m, "]", 1, &e), e);
    assert_true(eng_matcher_ended(m));
    eng_matcher_reset(m);
    while (n < 5000 && eng_matcher_accept_bytes(m, " ", 1, &e) == SK_OK)
        n++;
    assert_in_range(n, 50, 200);
    eng_matcher_free(m);
    eng_grammar_close(g);
}

static void compact(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_grammar *g = NULL;
    eng_grammar_opts o = {.compact = true};
    assert_status_ok(eng_grammar_open_json(grammar_trie(), &o, &g, &e), e);
    assert_int_equal(grammar_try(g, "{\"a\":[1,2]}"), 2);
    assert_int_equal(grammar_try(g, "{\"a\": 1}"), 0);
    assert_int_equal(grammar_try(g, "[]"), 0);
    eng_grammar_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_value),
        cmocka_unit_test(objects),
        cmocka_unit_test(arrays),
        cmocka_unit_test(strings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(constants),
        cmocka_unit_test(combined),
        cmocka_unit_test(references),
        cmocka_unit_test(refused),
        cmocka_unit_test(hostile),
        cmocka_unit_test(deep),
        cmocka_unit_test(compact),
        cmocka_unit_test(grammar_trie_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
