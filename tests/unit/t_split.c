/* t_split.c - what a model writes, taken apart: reasoning, calls in the syntaxes of four families,
 * text that only looks like them; the same however the bytes were cut. */
#include "tests/unit/unit.h"

#include "serve/api/split.h"

/* 600 letters: more than a head may have. */
#define L60 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh"
#define L600 L60 L60 L60 L60 L60 L60 L60 L60 L60 L60

typedef struct example {
    srv_calls calls;
    bool reasoning, in_reason;
    const char *in;
    const char *out; /* text, then {R reasoning}, then (name args) for each call */
} example;

static const example examples[] = {
    {SRV_CALLS_NONE, false, false, "  plain <tool_call> text\n", "  plain <tool_call> text\n"},
    {SRV_CALLS_NONE, true, false, "<think>\nhm, so\n</think>\n\nYes.", "Yes.{R\nhm, so}"},
    {SRV_CALLS_NONE, true, false, "\n <thinking> no", "\n <thinking> no"},
    {SRV_CALLS_NONE, true, true, "well</think>so </think>", "so </think>{Rwell}"},
    {SRV_CALLS_NONE, true, true, "never ends </th", "{Rnever ends </th}"},
    {SRV_CALLS_NONE, true, false, "<think>", ""},
    {SRV_CALLS_NONE, true, false, "<thi", "<thi"},
    {SRV_CALLS_TAGS, false, false,
     "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"}\\\"{\", \"b\": [1, "
     "{}]}}\n</tool_call>",
     "(f {\"a\": \"}\\\"{\", \"b\": [1, {}]})"},
    {SRV_CALLS_TAGS, true, false,
     "<think>x</think>I look.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n"
     "<tool_call>{\"arguments\":{\"k\":1},\"name\":\"g\"}</tool_call>\n",
     "I look.{Rx}(f {})(g {\"k\":1})"},
    {SRV_CALLS_TAGS, false, false, "<tool_call>{\"name\":\"f\"}</tool_call> done", "done(f {})"},
    {SRV_CALLS_TAGS, false, false, "<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}",
     "(f {\"a\":1})"},
    {SRV_CALLS_TAGS, false, false, "<tool_call>{\"name\":\"f\",\"arguments\":null,\"x\":3}",
     "(f {})"},
    {SRV_CALLS_TAGS, false, false, "<tool_call>{\"title\":\"f\"}</tool_call>",
     "{\"title\":\"f\"}</tool_call>"},
    {SRV_CALLS_TAGS, false, false,
     "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":", "(f {\"a\":)"},
    {SRV_CALLS_TAGS, false, false, "a < b <tool b", "a < b <tool b"},
    {SRV_CALLS_TAGS, false, false, "<function=f>{\"a\": 1}</function>", "(f {\"a\": 1})"},
    {SRV_CALLS_TAGS, false, false,
     "<tool_call>\n<function=f>\n<parameter=city>\nParis\n</parameter>\n<parameter=n>\n3\n"
     "</parameter>\n</function>\n</tool_call>",
     "(f {\"city\":\"Paris\",\"n\":3})"},
    {SRV_CALLS_BRACKET, false, false,
     "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", \"arguments\": "
     "{}}]",
     "(f {\"a\": 1})(g {})"},
    {SRV_CALLS_BRACKET, false, false, "Yes [1]. [TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g{}",
     "Yes [1].(f {\"a\": 1})(g {})"},
    {SRV_CALLS_BARE, false, false, "{\"name\": \"f\", \"parameters\": {\"a\": \"1\"}}",
     "(f {\"a\": \"1\"})"},
    {SRV_CALLS_BARE, false, false,
     "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}",
     "(f {})(g {})"},
    {SRV_CALLS_BARE, false, false, "{\"answer\": 42} {\"name\":\"f\"}",
     "{\"answer\": 42} {\"name\":\"f\"}"},
    {SRV_CALLS_BARE, false, false, "{ is a brace", "{ is a brace"},
    {SRV_CALLS_BARE, false, false, "no call {\"name\": \"f\"}", "no call {\"name\": \"f\"}"},
    {SRV_CALLS_HARMONY, true, false,
     "<|channel|>analysis<|message|>Hm <b>.<|end|><|start|>assistant<|channel|>final<|message|>Yes "
     "< no.\n",
     "Yes < no.\n{RHm <b>.}"},
    {SRV_CALLS_HARMONY, true, false,
     "<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant<|channel|>commentary "
     "to=functions.weather <|constrain|>json<|message|>{\"city\": \"Oslo\"}<|call|>",
     "{RLook it up.}(weather {\"city\": \"Oslo\"})"},
    {SRV_CALLS_HARMONY, true, false,
     " to=functions.f<|channel|>commentary json<|message|>{}<|call|>", "(f {})"},
    {SRV_CALLS_HARMONY, true, false,
     "<|channel|>commentary<|message|>I look. <|end|><|start|>assistant to=functions.f<|channel|>"
     "commentary json<|message|>{\"a\":[1]}",
     "I look. (f {\"a\":[1]})"},
    {SRV_CALLS_HARMONY, false, false,
     "<|channel|>analysis<|message|>raw<|end|><|start|>assistant<|channel|>final<|message|>text",
     "rawtext"},
    {SRV_CALLS_HARMONY, true, false, "plain, without a head", "plain, without a head"},
    {SRV_CALLS_HARMONY, true, false, "<|channel|>final<|message|>a<|start|>x<|message|>b", "ab"},
    {SRV_CALLS_HARMONY, true, false, "to=f<|message|>]<|end|>", "(f )"},
    {SRV_CALLS_HARMONY, true, false, "<|chan", "<|chan"},
    {SRV_CALLS_HARMONY, true, false, "<|channel|>" L600, L600},
    {SRV_CALLS_HARMONY, true, false, "a<|end|>" L600 "<|channel|>final<|message|>b", "a" L600 "b"},
    {SRV_CALLS_HARMONY, true, false, "<|channel|>final", ""},
    {SRV_CALLS_HARMONY, true, false, "<|channel|>analysis<|message|>cut <|en", "{Rcut <|en}"},
};

static void on_part(void *arg, srv_part part, size_t call, const char *p, size_t n)
{
    srv_turn *t = arg;
    if (part == SRV_PART_CALL) assert_int_equal(call, t->n_calls);
    if (part == SRV_PART_ARGS) assert_int_equal(call + 1, t->n_calls);
    srv_turn_add(t, part, p, n);
}

/* Takes an example apart, `piece` bytes at a time; the outcome as examples spell it. */
static void take_apart(const example *x, size_t piece, sk_buf *out)
{
    srv_turn t = {.oom = false};
    srv_split s = {.fn = on_part,
                   .arg = &t,
                   .calls = x->calls,
                   .reasoning = x->reasoning,
                   .in_reason = x->in_reason};
    size_t n = strlen(x->in);
    for (size_t i = 0; i < n; i += piece)
        srv_split_feed(&s, x->in + i, n - i < piece ? n - i : piece);
    srv_split_end(&s);
    assert_true(srv_split_ok(&s) && srv_turn_ok(&t));
    sk_buf_reset(out);
    sk_buf_add(out, t.text.p, t.text.len);
    if (t.reason.len) sk_buf_addf(out, "{R%s}", t.reason.p);
    for (size_t i = 0; i < t.n_calls; i++)
        sk_buf_addf(out, "(%s %s)", t.call[i].name.p, t.call[i].args.len ? t.call[i].args.p : "");
    srv_split_fini(&s);
    srv_turn_fini(&t);
}

static void takes_turns_apart(void **state)
{
    (void)state;
    sk_buf out = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        for (size_t piece = 1; piece <= strlen(examples[i].in); piece++) {
            take_apart(&examples[i], piece, &out);
            const char *got = out.len ? out.p : "";
            if (strcmp(got, examples[i].out) != 0)
                fail_msg("%s in pieces of %zu: %s", examples[i].in, piece, got);
        }
    }
    sk_buf_fini(&out);
}

/* The end of the reasoning, in bytes, is what its tokens are counted by. */
static void knows_where_reasoning_ends(void **state)
{
    (void)state;
    static const char text[] = "<think>abc</think>de";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        srv_turn t = {.oom = false};
        srv_split s = {.fn = on_part, .arg = &t, .reasoning = true};
        for (size_t i = 0; i < sizeof text - 1; i += piece)
            srv_split_feed(&s, text + i, sizeof text - 1 - i < piece ? sizeof text - 1 - i : piece);
        assert_int_equal(s.reason_end, 18);
        srv_split_end(&s);
        srv_split_fini(&s);
        srv_turn_fini(&t);
    }
}

static void drops_further_calls_where_one_is_wanted(void **state)
{
    (void)state;
    static const char text[] = "[TOOL_CALLS][{\"name\":\"f\"},{\"name\":\"g\"}]";
    srv_turn t = {.oom = false};
    srv_split s = {.fn = on_part, .arg = &t, .calls = SRV_CALLS_BRACKET, .one_call = true};
    srv_split_feed(&s, text, sizeof text - 1);
    srv_split_end(&s);
    assert_int_equal(t.n_calls, 1);
    assert_int_equal(s.n_calls, 2);
    srv_split_fini(&s);
    srv_turn_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_turns_apart),
        cmocka_unit_test(knows_where_reasoning_ends),
        cmocka_unit_test(drops_further_calls_where_one_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
