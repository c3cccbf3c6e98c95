/* t_answer.c - the JSON of answers and faults: always valid, whatever the text, and of the form
 * that clients of OpenAI's API expect. */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "serve/api/answer.h"
#include "serve/http/fault.h"

static json_t *read_json(const sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    assert_status_ok(sk_json_parse(b->p, b->len, 16, &v, &e), e);
    return v;
}

/* The string at obj.a.b or obj.a[0].b ... written as a path of keys; numbers index arrays. */
static json_t *at(json_t *v, const char *const *path)
{
    for (; *path; path++)
        v = json_is_array(v) ? json_array_get(v, (size_t)(**path - '0'))
                             : json_object_get(v, *path);
    return v;
}
#define AT(v, ...) at((v), (const char *const[]){__VA_ARGS__, NULL})

static const char hostile[] = "a\"b\\c\nd\x01\xff\xc3(\xe2\x82\xac</script>\xf0\x9f\x94";

static void writes_whole_answers(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    for (int chat = 0; chat < 2; chat++) {
        srv_answer a = {.chat = chat, .id = "id-1", .model = "m \"x\"", .created = 5};
        srv_usage u = {10, 4, 3, 1};
        srv_turn t = {0};
        srv_turn_add(&t, SRV_PART_TEXT, hostile, sizeof hostile - 1);
        sk_buf_reset(&b);
        srv_answer_begin(&a, &b);
        srv_answer_choice(&a, 0, &t, "x", NULL, "stop", &b);
        srv_answer_choice(&a, 1, &t, "x", NULL, "length", &b);
        srv_answer_end(&u, &b);
        json_t *v = read_json(&b);
        const char *text = json_string_value(chat ? AT(v, "choices", "0", "message", "content")
                                                  : AT(v, "choices", "0", "text"));
        assert_non_null(text);
        assert_contains(text, "a\"b\\c\nd\x01");
        assert_contains(text, "\xef\xbf\xbd");
        assert_contains(text, "\xe2\x82\xac</script>");
        assert_string_equal(json_string_value(AT(v, "choices", "0", "finish_reason")), "stop");
        assert_int_equal(json_integer_value(AT(v, "choices", "1", "index")), 1);
        assert_string_equal(json_string_value(AT(v, "model")), "m \"x\"");
        assert_int_equal(json_integer_value(AT(v, "usage", "total_tokens")), 13);
        assert_int_equal(
            json_integer_value(AT(v, "usage", "prompt_tokens_details", "cached_tokens")), 4);
        assert_int_equal(
            json_integer_value(AT(v, "usage", "completion_tokens_details", "reasoning_tokens")), 1);
        json_decref(v);
        srv_turn_fini(&t);
    }
    sk_buf_fini(&b);
}

static void writes_calls_and_reasoning(void **state)
{
    (void)state;
    static const struct {
        srv_part part;
        const char *text;
    } parts[] = {{SRV_PART_REASON, "hm\n"},    {SRV_PART_CALL, "f\"1"}, {SRV_PART_ARGS, "{\"a\":"},
                 {SRV_PART_ARGS, "\"b\\n\"}"}, {SRV_PART_DONE, ""},     {SRV_PART_CALL, "g"},
                 {SRV_PART_ARGS, "{}"}};
    sk_buf b = SK_BUF_INIT, head = SK_BUF_INIT;
    srv_answer a = {.chat = true, .id = "id", .model = "m"};
    srv_usage u = {0};
    srv_turn t = {0};
    srv_answer_head(&a, &head);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        srv_turn_add(&t, parts[i].part, parts[i].text, strlen(parts[i].text));
        if (parts[i].part == SRV_PART_DONE) continue;
        sk_buf_reset(&b);
        srv_answer_chunk(&head, 0, &b);
        srv_answer_delta(i == 0, parts[i].part, 0, "call_1", parts[i].text, strlen(parts[i].text),
                         &b);
        srv_answer_close(&a, NULL, NULL, &b);
        json_decref(read_json(&b));
    }
    sk_buf_reset(&b);
    srv_answer_begin(&a, &b);
    srv_answer_choice(&a, 0, &t, "x", NULL, "tool_calls", &b);
    srv_answer_end(&u, &b);
    json_t *v = read_json(&b), *m = AT(v, "choices", "0", "message");
    assert_true(json_is_null(AT(m, "content")));
    assert_string_equal(json_string_value(AT(m, "reasoning_content")), "hm\n");
    assert_string_equal(json_string_value(AT(m, "tool_calls", "0", "function", "name")), "f\"1");
    assert_string_equal(json_string_value(AT(m, "tool_calls", "0", "function", "arguments")),
                        "{\"a\":\"b\\n\"}");
    assert_string_equal(json_string_value(AT(m, "tool_calls", "1", "id")), "call_x_0_1");
    json_decref(v);
    srv_turn_fini(&t);
    sk_buf_fini(&b);
    sk_buf_fini(&head);
}

/* One chunk of a chat. */
static json_t *chunk(const srv_answer *a, bool first, const char *text, const char *finish,
                     sk_buf *b)
{
    sk_buf head = SK_BUF_INIT;
    srv_answer_head(a, &head);
    sk_buf_reset(b);
    srv_answer_chunk(&head, 0, b);
    sk_buf_fini(&head);
    if (*text)
        srv_answer_delta(first, SRV_PART_TEXT, 0, "", text, strlen(text), b);
    else
        srv_answer_delta_none(first, b);
    srv_answer_close(a, NULL, finish, b);
    return read_json(b);
}

static void writes_chunks(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    srv_answer a = {.chat = true, .has_usage = true, .id = "id", .model = "m"};
    json_t *v = chunk(&a, true, "hi", NULL, &b);
    assert_string_equal(json_string_value(AT(v, "object")), "chat.completion.chunk");
    assert_string_equal(json_string_value(AT(v, "choices", "0", "delta", "role")), "assistant");
    assert_true(json_is_null(AT(v, "choices", "0", "finish_reason")));
    assert_true(json_is_null(AT(v, "usage")));
    json_decref(v);

    v = chunk(&a, false, "", "length", &b);
    assert_int_equal(json_object_size(AT(v, "choices", "0", "delta")), 0);
    assert_string_equal(json_string_value(AT(v, "choices", "0", "finish_reason")), "length");
    json_decref(v);

    sk_buf_reset(&b);
    srv_usage u = {1, 0, 2, 0};
    srv_answer_usage(&a, &u, &b);
    v = read_json(&b);
    assert_int_equal(json_array_size(AT(v, "choices")), 0);
    assert_int_equal(json_integer_value(AT(v, "usage", "completion_tokens")), 2);
    json_decref(v);

    sk_buf event = SK_BUF_INIT;
    srv_sse_event("x", &b, &event);
    assert_memory_equal(event.p, "event: x\ndata: {", 16);
    assert_string_equal(event.p + event.len - 3, "}\n\n");
    sk_buf_fini(&event);
    sk_buf_fini(&b);
}

static void writes_faults(void **state)
{
    (void)state;
    for (int i = 0; i < SRV_CODE_N; i++) {
        srv_fault f = {0};
        sk_buf b = SK_BUF_INIT;
        sk_status st = srv_fail(&f, (srv_code)i, i % 2 ? "a\"b" : NULL, "%s", hostile);
        assert_int_not_equal(st, SK_OK);
        assert_in_range(srv_code_http((srv_code)i), 400, 507);
        assert_string_not_equal(srv_http_reason(srv_code_http((srv_code)i)), "Unknown");
        srv_fault_json(&f, &b);
        json_t *v = read_json(&b);
        assert_true(json_is_string(AT(v, "error", "message")));
        assert_true(json_is_string(AT(v, "error", "type")));
        assert_true(json_is_string(AT(v, "error", "code")));
        assert_true(i % 2 ? json_is_string(AT(v, "error", "param"))
                          : json_is_null(AT(v, "error", "param")));
        json_decref(v);
        sk_buf_fini(&b);
    }
}

static void maps_errors_of_the_engine(void **state)
{
    (void)state;
    static const struct {
        sk_status st;
        int http;
    } cases[] = {{SK_E_NOMEM, 503},    {SK_E_INVALID, 400},     {SK_E_TOOBIG, 400},
                 {SK_E_INTERNAL, 500}, {SK_E_UNSUPPORTED, 400}, {SK_E_IO, 500}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sk_err e = SK_ERR_INIT;
        srv_fault f = {0};
        (void)sk_fail(&e, cases[i].st, "the sentence");
        assert_int_not_equal(srv_fail_err(&f, &e), SK_OK);
        assert_int_equal(srv_code_http(f.code), cases[i].http);
        assert_string_equal(f.text, "the sentence");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_whole_answers),
        cmocka_unit_test(writes_calls_and_reasoning),
        cmocka_unit_test(writes_chunks),
        cmocka_unit_test(writes_faults),
        cmocka_unit_test(maps_errors_of_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
