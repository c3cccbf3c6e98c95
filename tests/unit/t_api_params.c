/* t_api_params.c - request bodies: every field's errors, what is refused rather than ignored, and
 * the bounds of the context. */
#include "tests/unit/unit.h"

#include "serve/api/message.h"
#include "serve/api/params.h"
#include "tests/unit/fake_engine.h"

#include <stdio.h>

#define M "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define P "{\"prompt\":\"hi\""
#define F(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"

typedef struct bad_body {
    bool chat;
    const char *body;
    srv_code code;
    const char *param;
} bad_body;

static const bad_body bad[] = {
    {true, "", SRV_BAD_JSON, ""},
    {true, "{", SRV_BAD_JSON, ""},
    {true, "[]", SRV_BAD_JSON, ""},
    {true, "null", SRV_BAD_JSON, ""},
    {true, "3", SRV_BAD_JSON, ""},
    {true, M ",\"seed\":1,\"seed\":2}", SRV_BAD_JSON, ""},
    {true, M "} x", SRV_BAD_JSON, ""},
    {true, M ",\"x\":\"\xff\"}", SRV_BAD_JSON, ""},
    {true, M ",\"max_tokens\":99999999999999999999}", SRV_BAD_JSON, ""},
    {true, "{}", SRV_MISSING, "messages"},
    {true, "{\"messages\":null}", SRV_BAD_TYPE, "messages"},
    {true, "{\"messages\":\"hi\"}", SRV_BAD_TYPE, "messages"},
    {true, "{\"messages\":[]}", SRV_BAD_VALUE, "messages"},
    {true, "{\"messages\":[3]}", SRV_BAD_TYPE, "messages[0]"},
    {true, "{\"messages\":[{}]}", SRV_BAD_TYPE, "messages[0].role"},
    {true, "{\"messages\":[{\"role\":\"pirate\",\"content\":\"x\"}]}", SRV_BAD_VALUE,
     "messages[0].role"},
    {true, "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", SRV_MISSING,
     "messages[0].tool_call_id"},
    {true, "{\"messages\":[{\"role\":\"user\"}]}", SRV_BAD_TYPE, "messages[0].content"},
    {true, "{\"messages\":[{\"role\":\"user\",\"content\":null}]}", SRV_BAD_TYPE,
     "messages[0].content"},
    {true, "{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", SRV_BAD_VALUE,
     "messages[0].content"},
    {true, "{\"messages\":[{\"role\":\"user\",\"content\":[3]}]}", SRV_BAD_TYPE,
     "messages[0].content[0]"},
    {true, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", SRV_BAD_TYPE,
     "messages[0].content[0]"},
    {true,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
     "{\"type\":\"image_url\",\"image_url\":{}}]}]}",
     SRV_UNSUPPORTED, "messages[0].content[1]"},
    {true,
     "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":[{\"id\":\"a\"}]}]}",
     SRV_BAD_TYPE, "messages[0].tool_calls[0].function"},
    {true,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"tool_calls\":[{\"function\":"
     "{\"name\":\"f\"}}]}]}",
     SRV_BAD_VALUE, "messages[0].tool_calls"},
    {true,
     "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
     "\"arguments\":{}}}]}]}",
     SRV_BAD_TYPE, "messages[0].tool_calls[0].function.arguments"},
    {true, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"name\":3}]}", SRV_BAD_TYPE,
     "messages[0].name"},
    {true, M ",\"temperature\":\"hot\"}", SRV_BAD_TYPE, "temperature"},
    {true, M ",\"temperature\":2.01}", SRV_BAD_VALUE, "temperature"},
    {true, M ",\"temperature\":-0.1}", SRV_BAD_VALUE, "temperature"},
    {true, M ",\"temperature\":true}", SRV_BAD_TYPE, "temperature"},
    {true, M ",\"top_p\":1.5}", SRV_BAD_VALUE, "top_p"},
    {true, M ",\"top_k\":1.5}", SRV_BAD_TYPE, "top_k"},
    {true, M ",\"top_k\":-1}", SRV_BAD_VALUE, "top_k"},
    {true, M ",\"min_p\":2}", SRV_BAD_VALUE, "min_p"},
    {true, M ",\"seed\":1.5}", SRV_BAD_TYPE, "seed"},
    {true, M ",\"seed\":\"1\"}", SRV_BAD_TYPE, "seed"},
    {true, M ",\"model\":3}", SRV_BAD_TYPE, "model"},
    {true, M ",\"model\":\"a\\u0000b\"}", SRV_BAD_TYPE, "model"},
    {true, M ",\"max_tokens\":0}", SRV_BAD_VALUE, "max_tokens"},
    {true, M ",\"max_tokens\":-1}", SRV_BAD_VALUE, "max_tokens"},
    {true, M ",\"max_tokens\":1.5}", SRV_BAD_TYPE, "max_tokens"},
    {true, M ",\"max_tokens\":1e300}", SRV_BAD_VALUE, "max_tokens"},
    {true, M ",\"max_tokens\":9223372036854775807}", SRV_BAD_VALUE, "max_tokens"},
    {true, M ",\"max_completion_tokens\":0}", SRV_BAD_VALUE, "max_completion_tokens"},
    {true, M ",\"max_completion_tokens\":3,\"max_tokens\":4}", SRV_BAD_VALUE, "max_tokens"},
    {true, M ",\"stop\":3}", SRV_BAD_TYPE, "stop"},
    {true, M ",\"stop\":\"\"}", SRV_BAD_VALUE, "stop"},
    {true, M ",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", SRV_BAD_VALUE, "stop"},
    {true, M ",\"stop\":[\"a\",3]}", SRV_BAD_TYPE, "stop"},
    {true, M ",\"stream\":\"yes\"}", SRV_BAD_TYPE, "stream"},
    {true, M ",\"stream\":1}", SRV_BAD_TYPE, "stream"},
    {true, M ",\"stream_options\":{}}", SRV_BAD_VALUE, "stream_options"},
    {true, M ",\"stream\":true,\"stream_options\":3}", SRV_BAD_TYPE, "stream_options"},
    {true, M ",\"stream\":true,\"stream_options\":{\"include_usage\":1}}", SRV_BAD_TYPE,
     "stream_options.include_usage"},
    {true, M ",\"n\":129}", SRV_BAD_VALUE, "n"},
    {true, M ",\"n\":0}", SRV_BAD_VALUE, "n"},
    {true, M ",\"n\":\"1\"}", SRV_BAD_TYPE, "n"},
    {true, M ",\"logprobs\":1}", SRV_BAD_TYPE, "logprobs"},
    {true, M ",\"top_logprobs\":5}", SRV_BAD_VALUE, "top_logprobs"},
    {true, M ",\"logprobs\":true,\"top_logprobs\":21}", SRV_BAD_VALUE, "top_logprobs"},
    {true, M ",\"chat_template_kwargs\":3}", SRV_BAD_TYPE, "chat_template_kwargs"},
    {true, M ",\"reasoning_effort\":3}", SRV_BAD_TYPE, "reasoning_effort"},
    {true, M ",\"tools\":3}", SRV_BAD_TYPE, "tools"},
    {true, M ",\"tools\":[{\"type\":\"function\"}]}", SRV_BAD_TYPE, "tools[0]"},
    {true, M ",\"tools\":[{\"type\":\"web\"}]}", SRV_UNSUPPORTED, "tools[0]"},
    {true, M ",\"tools\":[" F("f") "," F("f") "]}", SRV_BAD_VALUE, "tools[1]"},
    {true, M ",\"tools\":[" F("a b") "]}", SRV_BAD_VALUE, "tools[0]"},
    {true, M ",\"tools\":[" F("f\",\"parameters\":\"x") "]}", SRV_BAD_TYPE, "tools[0]"},
    {true, M ",\"tool_choice\":\"required\"}", SRV_BAD_VALUE, "tool_choice"},
    {true, M ",\"tool_choice\":\"maybe\"}", SRV_BAD_TYPE, "tool_choice"},
    {true, M ",\"tool_choice\":{\"type\":\"function\"}}", SRV_BAD_TYPE, "tool_choice"},
    {true, M ",\"tools\":[" F("f") "],\"tool_choice\":{\"type\":\"function\",\"name\":\"g\"}}",
     SRV_BAD_VALUE, "tool_choice"},
    {true, M ",\"tools\":[" F("f") "],\"grammar\":\"root ::= \\\"a\\\"\"}", SRV_UNSUPPORTED,
     "grammar"},
    {true, M ",\"grammar\":3}", SRV_BAD_TYPE, "grammar"},
    {true, M ",\"regex\":\"a\",\"grammar\":\"b\"}", SRV_BAD_VALUE, "regex"},
    {true, M ",\"reasoning_format\":\"odd\"}", SRV_BAD_VALUE, "reasoning_format"},
    {true, M ",\"functions\":[{}]}", SRV_UNSUPPORTED, "functions"},
    {true, M ",\"response_format\":\"json\"}", SRV_BAD_TYPE, "response_format"},
    {true, M ",\"response_format\":{\"type\":\"yaml\"}}", SRV_UNSUPPORTED, "response_format"},
    {true, M ",\"response_format\":{\"type\":\"json_schema\"}}", SRV_MISSING,
     "response_format.json_schema.schema"},
    {true, M ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":3}}}",
     SRV_BAD_TYPE, "response_format"},
    {true, M ",\"presence_penalty\":2.5}", SRV_BAD_VALUE, "presence_penalty"},
    {true, M ",\"frequency_penalty\":-2.1}", SRV_BAD_VALUE, "frequency_penalty"},
    {true, M ",\"frequency_penalty\":\"1\"}", SRV_BAD_TYPE, "frequency_penalty"},
    {true, M ",\"logit_bias\":[]}", SRV_BAD_TYPE, "logit_bias"},
    {true, M ",\"logit_bias\":{\"x\":1}}", SRV_BAD_VALUE, "logit_bias"},
    {true, M ",\"logit_bias\":{\"-1\":1}}", SRV_BAD_VALUE, "logit_bias"},
    {true, M ",\"logit_bias\":{\"\":1}}", SRV_BAD_VALUE, "logit_bias"},
    {true, M ",\"logit_bias\":{\"99999999999\":1}}", SRV_BAD_VALUE, "logit_bias"},
    {true, M ",\"logit_bias\":{\"1\":101}}", SRV_BAD_VALUE, "logit_bias"},
    {true, M ",\"logit_bias\":{\"1\":\"1\"}}", SRV_BAD_VALUE, "logit_bias"},
    {true, M ",\"mirostat\":3}", SRV_BAD_VALUE, "mirostat"},
    {true, M ",\"modalities\":[\"text\",\"audio\"]}", SRV_UNSUPPORTED, "modalities"},
    {true, M ",\"store\":true}", SRV_UNSUPPORTED, "store"},
    {true, M ",\"service_tier\":\"flex\"}", SRV_UNSUPPORTED, "service_tier"},
    {false, "{}", SRV_MISSING, "prompt"},
    {false, "{\"prompt\":3}", SRV_BAD_TYPE, "prompt"},
    {false, "{\"prompt\":{}}", SRV_BAD_TYPE, "prompt"},
    {false, "{\"prompt\":[\"a\",3]}", SRV_BAD_TYPE, "prompt"},
    {false, "{\"prompt\":[1,\"b\"]}", SRV_BAD_VALUE, "prompt"},
    {false, "{\"prompt\":[-1]}", SRV_BAD_VALUE, "prompt"},
    {false, "{\"prompt\":[1.0,2]}", SRV_BAD_VALUE, "prompt"},
    {false, "{\"prompt\":[4294967296]}", SRV_BAD_VALUE, "prompt"},
    {false, "{\"prompt\":[[1,2],[-3]]}", SRV_BAD_VALUE, "prompt"},
    {false, "{\"prompt\":[[1,2],[[3]]]}", SRV_BAD_VALUE, "prompt"},
    {false, "{\"prompt\":[\"a\",\"b\"],\"n\":65}", SRV_BAD_VALUE, "n"},
    {false, P ",\"suffix\":3}", SRV_BAD_TYPE, "suffix"},
    {false, P ",\"best_of\":1,\"n\":2}", SRV_BAD_VALUE, "best_of"},
    {false, P ",\"best_of\":2,\"stream\":true}", SRV_BAD_VALUE, "best_of"},
    {false, P ",\"best_of\":129}", SRV_BAD_VALUE, "best_of"},
    {false, P ",\"deadline\":0}", SRV_BAD_VALUE, "deadline"},
    {false, P ",\"priority\":1001}", SRV_BAD_VALUE, "priority"},
    {false, P ",\"logprobs\":true}", SRV_BAD_TYPE, "logprobs"},
    {false, P ",\"logprobs\":21}", SRV_BAD_VALUE, "logprobs"},
    {false, P ",\"logprobs\":0,\"echo\":true,\"suffix\":\"x\"}", SRV_UNSUPPORTED, "suffix"},
    {true, M ",\"continue_final_message\":true}", SRV_BAD_VALUE, "continue_final_message"},
    {true, M ",\"continue_final_message\":1}", SRV_BAD_TYPE, "continue_final_message"},
    {true, M ",\"add_generation_prompt\":0}", SRV_BAD_TYPE, "add_generation_prompt"},
    {false, P ",\"echo\":\"yes\"}", SRV_BAD_TYPE, "echo"},
    {false, P ",\"max_tokens\":0}", SRV_BAD_VALUE, "max_tokens"},
};

static void refuses_bad_bodies_by_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        srv_params p = {0};
        srv_fault f = {0};
        sk_status st =
            srv_params_read(&p, bad[i].chat, bad[i].body, strlen(bad[i].body), false, &f);
        if (!st) fail_msg("accepted %s", bad[i].body);
        if (f.code != bad[i].code || strcmp(f.param, bad[i].param) != 0 || !f.text[0])
            fail_msg("%s: code %d param '%s' text '%s'", bad[i].body, (int)f.code, f.param, f.text);
        srv_params_fini(&p);
    }
}

static const char *const good[] = {
    M "}",
    M ",\"temperature\":null,\"max_tokens\":null,\"stop\":null,\"n\":null,\"tools\":null}",
    M ",\"n\":1,\"logprobs\":false,\"tools\":[],\"tool_choice\":\"auto\",\"logit_bias\":{}}",
    M ",\"n\":1.0,\"presence_penalty\":0.0,\"frequency_penalty\":0,\"store\":false}",
    M ",\"response_format\":{\"type\":\"text\"},\"modalities\":[\"text\"],\"user\":\"u\"}",
    M ",\"temperature\":2,\"top_p\":0.0,\"min_p\":1,\"top_k\":40.0,\"seed\":-5}",
    M ",\"seed\":9223372036854775807,\"stop\":[],\"stream\":false}",
    M ",\"max_tokens\":7,\"max_completion_tokens\":7}",
    M ",\"n\":128,\"logprobs\":true,\"top_logprobs\":20,\"reasoning_effort\":\"low\"}",
    M ",\"chat_template_kwargs\":{\"enable_thinking\":false}}",
    "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\","
    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"5\"}]}",
    "{\"messages\":[{\"role\":\"developer\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
    "[{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"\\u0000c\"}]},"
    "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[]}]}",
};

static void takes_good_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        srv_params p = {0};
        srv_fault f = {0};
        if (srv_params_read(&p, true, good[i], strlen(good[i]), true, &f))
            fail_msg("%s: %s", good[i], f.text);
        srv_params_fini(&p);
    }
}

static void reads_every_field(void **state)
{
    (void)state;
    static const char body[] =
        "{\"messages\":[{\"role\":\"developer\",\"content\":\"be\"},{\"role\":\"user\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"\\u0000c\"}]}],"
        "\"model\":\"m\",\"temperature\":0.25,\"top_p\":0.5,\"top_k\":40,\"min_p\":0.125,"
        "\"seed\":-1,\"stop\":[\"\\n\",\"END\"],\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":9,"
        "\"presence_penalty\":1.5,\"frequency_penalty\":-1,\"repeat_penalty\":1.25,"
        "\"repeat_last_n\":-1,\"dry_multiplier\":0.5,\"mirostat\":2,"
        "\"logit_bias\":{\"5\":-100,\"7\":2.5}}";
    srv_params p = {0};
    srv_fault f = {0};
    assert_int_equal(srv_params_read(&p, true, body, sizeof body - 1, true, &f), SK_OK);
    assert_string_equal(p.model, "m");
    assert_int_equal(json_array_size(p.messages), 2);
    const json_t *m = json_array_get(p.messages, 0);
    assert_string_equal(json_string_value(json_object_get(m, "role")), "system");
    m = json_object_get(json_array_get(p.messages, 1), "content");
    assert_int_equal(json_string_length(m), 3);
    assert_memory_equal(json_string_value(m), "b\0c", 3);
    assert_true(p.sample.temperature == 0.25 && p.sample.top_p == 0.5 && p.sample.min_p == 0.125);
    assert_true(p.sample.top_k == 40 && p.sample.seed == UINT64_MAX && p.has_seed);
    assert_true(p.sample.presence_penalty == 1.5 && p.sample.frequency_penalty == -1 &&
                p.sample.repeat_penalty == 1.25 && p.sample.penalty_last_n == -1);
    assert_true(p.sample.dry_multiplier == 0.5 && p.sample.mirostat == 2);
    assert_int_equal(p.sample.n_bias, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(p.sample.bias[i].bias == (p.sample.bias[i].id == 5 ? -100 : 2.5f));
    assert_int_equal(p.stops.n, 2);
    assert_true(p.stream && p.include_usage);
    assert_int_equal(p.max_tokens, 9);
    srv_params_fini(&p);
}

/* The defaults in the docs are those of the engine. */
static void documents_the_defaults_it_uses(void **state)
{
    (void)state;
    eng_sample_opts o;
    eng_sample_opts_default(&o);
    for (size_t i = 0; i < srv_chat_fields.n; i++) {
        const srv_field *row = &srv_chat_fields.row[i];
        double want = -1;
        if (strcmp(row->name, "temperature") == 0) want = o.temperature;
        if (strcmp(row->name, "top_p") == 0) want = o.top_p;
        if (strcmp(row->name, "min_p") == 0) want = o.min_p;
        if (strcmp(row->name, "top_k") == 0) want = (double)o.top_k;
        if (strcmp(row->name, "repeat_penalty") == 0) want = o.repeat_penalty;
        if (strcmp(row->name, "repeat_last_n") == 0) want = (double)o.penalty_last_n;
        if (strcmp(row->name, "typical_p") == 0) want = o.typical_p;
        if (strcmp(row->name, "xtc_threshold") == 0) want = o.xtc_threshold;
        if (strcmp(row->name, "dry_base") == 0) want = o.dry_base;
        if (strcmp(row->name, "dry_penalty_last_n") == 0) want = (double)o.dry_last_n;
        if (strcmp(row->name, "mirostat_tau") == 0) want = o.mirostat_tau;
        if (strcmp(row->name, "mirostat_eta") == 0) want = o.mirostat_eta;
        if (want >= 0) assert_true(strtod(row->deflt, NULL) == want);
    }
}

/* Values that ask for nothing must be readable, or the row refuses everything. */
static void has_readable_tables(void **state)
{
    (void)state;
    const srv_fields *const all[] = {&srv_chat_fields, &srv_completion_fields};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < all[t]->n; i++) {
            const srv_field *row = &all[t]->row[i];
            assert_non_null(row->help);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(row->name, all[t]->row[k].name);
            if (row->type == SRV_FIELD_READ) assert_true(row->read && row->kind);
            if (row->type != SRV_FIELD_ONLY) continue;
            json_t *v = json_loads(row->only, 0, NULL);
            assert_true(json_is_array(v));
            json_decref(v);
        }
    }
}

static void names_unknown_fields(void **state)
{
    (void)state;
    static const char body[] = P ",\"frobnicate\":1,\"gramophone\":2,\"a\\nb\":1}";
    srv_params p = {0};
    srv_fault f = {0};
    assert_int_equal(srv_params_read(&p, false, body, sizeof body - 1, false, &f), SK_OK);
    assert_contains(p.unknown.p, "frobnicate");
    assert_contains(p.unknown.p, "gramophone");
    assert_null(strchr(p.unknown.p, '\n'));
    srv_params_fini(&p);
    assert_int_not_equal(srv_params_read(&p, false, body, sizeof body - 1, true, &f), SK_OK);
    assert_int_equal(f.code, SRV_UNKNOWN_FIELD);
    srv_params_fini(&p);
}

static void bounds_the_depth(void **state)
{
    (void)state;
    for (int depth = SRV_MAX_DEPTH - 2; depth < SRV_MAX_DEPTH + 2; depth++) {
        sk_buf b = SK_BUF_INIT;
        sk_buf_adds(&b, P ",\"user\":");
        for (int i = 0; i < depth; i++)
            sk_buf_addc(&b, '[');
        for (int i = 0; i < depth; i++)
            sk_buf_addc(&b, ']');
        sk_buf_addc(&b, '}');
        srv_params p = {0};
        srv_fault f = {0};
        sk_status st = srv_params_read(&p, false, b.p, b.len, false, &f);
        assert_int_equal(st == SK_OK, depth + 1 <= SRV_MAX_DEPTH);
        srv_params_fini(&p);
        sk_buf_fini(&b);
    }
}

/* Reads a completion and tokenises it for a context of 10. */
static sk_status tokens(const char *body, size_t *n_prompt, size_t *n_max, srv_fault *f)
{
    fake_engine fake;
    srv_params p = {0};
    eng_ids ids = {0};
    fake_engine_init(&fake, 1, 10, 8);
    sk_status st = srv_params_read(&p, false, body, strlen(body), true, f);
    if (!st) st = srv_params_tokens(&p, &fake.engine, 0, &ids, n_max, f);
    *n_prompt = ids.n;
    eng_ids_fini(&ids);
    srv_params_fini(&p);
    fake_engine_fini(&fake);
    return st;
}

static void fits_the_answer_into_the_context(void **state)
{
    (void)state;
    size_t n = 0, max = 0;
    srv_fault f = {0};
    assert_int_equal(tokens("{\"prompt\":\"123\"}", &n, &max, &f), SK_OK);
    assert_true(n == 3 && max == 7);
    assert_int_equal(tokens("{\"prompt\":\"123\",\"max_tokens\":7}", &n, &max, &f), SK_OK);
    assert_int_equal(max, 7);
    assert_int_equal(tokens("{\"prompt\":\"123456789\"}", &n, &max, &f), SK_OK);
    assert_int_equal(max, 1);
    assert_int_not_equal(tokens("{\"prompt\":\"123\",\"max_tokens\":8}", &n, &max, &f), SK_OK);
    assert_int_equal(f.code, SRV_TOO_LONG);
    assert_string_equal(f.param, "max_tokens");
    assert_int_not_equal(tokens("{\"prompt\":\"1234567890\"}", &n, &max, &f), SK_OK);
    assert_int_equal(f.code, SRV_TOO_LONG);
    assert_string_equal(f.param, "prompt");
    assert_int_not_equal(tokens("{\"prompt\":\"\"}", &n, &max, &f), SK_OK);
    assert_int_equal(f.code, SRV_BAD_VALUE);
    assert_int_not_equal(tokens("{\"prompt\":[]}", &n, &max, &f), SK_OK);
    assert_int_equal(tokens("{\"prompt\":[0,256]}", &n, &max, &f), SK_OK);
    assert_int_equal(n, 2);
    assert_int_not_equal(tokens("{\"prompt\":[0,257]}", &n, &max, &f), SK_OK);
    assert_int_equal(f.code, SRV_BAD_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_bodies_by_field),
        cmocka_unit_test(takes_good_bodies),
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(documents_the_defaults_it_uses),
        cmocka_unit_test(has_readable_tables),
        cmocka_unit_test(names_unknown_fields),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(fits_the_answer_into_the_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
