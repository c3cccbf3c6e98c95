/* t_reply.c - prompts with accepted answers: which answers are right, what is refused; regular
 * expressions within bounds. */
#include "tests/unit/unit.h"

#include "base/pattern.h"
#include "engine/engine.h"
#include "engine/eval/prompt.h"
#include "engine/eval/reply.h"

#include <math.h>
#include <stdio.h>

/* A suite of one item that accepts `accept`. */
static bool right(const char *accept, const char *answer)
{
    char text[400];
    sk_err e = SK_ERR_INIT;
    eng_suite *s;
    bool yes;
    (void)snprintf(text, sizeof text, "{\"prompt\":\"p\",\"accept\":{%s}}", accept);
    assert_status_ok(eng_suite_parse("f", text, strlen(text), &s, &e), e);
    assert_int_equal(s->kind, ENG_SUITE_REPLY);
    assert_status_ok(eng_reply_is_right(&s->item[0], answer, &yes, &e), e);
    eng_suite_close(s);
    return yes;
}

static void answers(void **state)
{
    (void)state;
    assert_true(right("\"contains\":\"Paris\"", "It is paris."));
    assert_true(right("\"contains\":\"Paris\"", "Paris"));
    assert_false(right("\"contains\":\"Paris\"", "The parishes of it"));
    assert_false(right("\"contains\":\"Paris\"", "Comparis"));
    assert_true(right("\"contains\":\"Paris\"", "The parishes of Paris"));
    assert_false(right("\"contains\":\"8\"", "18, 80, 8a"));
    assert_true(right("\"contains\":\"8\"", "18 and (8)"));
    assert_true(right("\"contains\":[\"eight\",\"8\"]", "It has Eight."));
    assert_true(right("\"contains\":\"C++\"", "in C++11")); /* a sign is no letter */
    assert_false(right("\"contains\":\"Paris\"", ""));
    assert_true(right("\"one_of\":[\"no\",\"yes\"]", " Yes!\n"));
    assert_true(right("\"one_of\":\"no\"", "no."));
    assert_true(right("\"one_of\":\"no.\"", "no."));
    assert_false(right("\"one_of\":\"no\"", "no.."));
    assert_false(right("\"one_of\":\"no\"", "no, never"));
    assert_false(right("\"one_of\":\"no\"", "n"));
    assert_false(right("\"one_of\":\"no\"", ""));
    assert_true(right("\"regex\":\"^a+b$\"", "aaab"));
    assert_false(right("\"regex\":\"^a+b$\"", "aaabc"));
    assert_true(right("\"regex\":\"(?i)PARIS\"", "Paris \xff"));
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"{\"accept\":{\"contains\":\"a\"}}", "\"prompt\" is missing"},
        {"{\"prompt\":\" \",\"accept\":{\"contains\":\"a\"}}", "\"prompt\" is empty"},
        {"{\"prompt\":7,\"accept\":{\"contains\":\"a\"}}", "'prompt' must be a str"},
        {"{\"prompt\":\"p\",\"accept\":7}", "one member"},
        {"{\"prompt\":\"p\",\"accept\":{}}", "one member"},
        {"{\"prompt\":\"p\",\"accept\":{\"contains\":\"a\",\"regex\":\"b\"}}", "one member"},
        {"{\"prompt\":\"p\",\"accept\":{\"is\":\"a\"}}", "neither"},
        {"{\"prompt\":\"p\",\"accept\":{\"contains\":[]}}", "1 to 32"},
        {"{\"prompt\":\"p\",\"accept\":{\"contains\":[\"a\",1]}}", "list of texts"},
        {"{\"prompt\":\"p\",\"accept\":{\"one_of\":\"\"}}", "must be a text"},
        {"{\"prompt\":\"p\",\"accept\":{\"regex\":[\"a\"]}}", "must be a text"},
        {"{\"prompt\":\"p\",\"accept\":{\"regex\":\"(a\"}}", "bad regular expression"},
        {"{\"messages\":[],\"accept\":{\"contains\":\"a\"}}", "1 to 1024"},
        {"{\"messages\":[7],\"accept\":{\"contains\":\"a\"}}", "not an object"},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}],\"accept\":{\"contains\":"
         "\"a\"}"
         "}",
         "the user's"},
        {"{\"prompt\":\"p\",\"accept\":{\"contains\":\"a\"}}\n{\"context\":\"c\",\"answer\":1}",
         "f:2: another form"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        eng_suite *s = NULL;
        sk_status st = eng_suite_parse("f", bad[i].text, strlen(bad[i].text), &s, &e);
        assert_status(st, SK_E_FORMAT, e, bad[i].part);
        assert_null(s);
    }
}

#define TALK                                                                                       \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"    \
    "\"b\"},{\"role\":\"user\",\"content\":\"c\"}],\"accept\":{\"contains\":\"x\"}}\n"

/* As a conversation and as a text. */
static void prompts(void **state)
{
    (void)state;
    static const char one[] = "{\"prompt\":\" tell \",\"accept\":{\"contains\":\"x\"}}\n";
    sk_err e = SK_ERR_INIT;
    eng_exec *x;
    eng_model *m;
    eng_suite *s;
    eng_prompt made = {.n = 0};
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_model_open(x, "tests/golden/tiny.gguf", &m, &e), e);
    assert_status_ok(eng_suite_parse("f", TALK, strlen(TALK), &s, &e), e);
    eng_prompts p = {.m = m, .s = s, .chat = true};
    assert_status_ok(eng_prompts_init(&p, &e), e);
    assert_status_ok(eng_prompt_make(&p, 0, &made, &e), e);
    const eng_vocab *v = eng_model_vocab(m);
    assert_status_ok(eng_vocab_decode(v, made.ids.id, made.ids.n, true, &b, &e), e);
    assert_string_equal(b.p, "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
                             "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n");
    p.chat = false;
    assert_status(eng_prompts_init(&p, &e), SK_E_INVALID, e, "f:1: a conversation");
    eng_suite_close(s);
    assert_status_ok(eng_suite_parse("f", one, strlen(one), &s, &e), e);
    p = (eng_prompts){.m = m, .s = s};
    assert_status_ok(eng_prompts_init(&p, &e), e);
    assert_status_ok(eng_prompt_make(&p, 0, &made, &e), e);
    sk_buf_reset(&b);
    assert_status_ok(eng_vocab_decode(v, made.ids.id, made.ids.n, true, &b, &e), e);
    assert_string_equal(b.p, " tell ");
    eng_suite_close(s);
    sk_buf_fini(&b);
    eng_prompt_fini(&made);
    eng_model_close(m);
    eng_exec_close(x);
}

static void patterns(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    bool found;
    char text[60];
    assert_status(sk_pattern_check("a{2,1}", &e), SK_E_INVALID, e, "regular expression");
    assert_status(sk_pattern_find("(", "a", 1, &found, &e), SK_E_INVALID, e, "at byte 1");
    assert_status_ok(sk_pattern_check("a.b", &e), e);
    assert_status_ok(sk_pattern_find("a.b", "xa\nb", 4, &found, &e), e);
    assert_false(found);
    assert_status_ok(sk_pattern_find("", "", 0, &found, &e), e);
    assert_true(found);
    /* A pattern that would try for years is given up. */
    memset(text, 'a', sizeof text);
    assert_status_ok(sk_pattern_find("^(a|aa|a?)+$b", text, sizeof text, &found, &e), e);
    assert_false(found);
}

static sk_status attempt(void *arg, sk_err *e)
{
    static const char text[] = TALK "{\"prompt\":\"p\",\"accept\":{\"regex\":\"a+b\"}}";
    eng_suite *s;
    bool yes;
    (void)arg;
    sk_status st = eng_suite_parse("f", text, sizeof text - 1, &s, e);
    if (st) return st;
    st = eng_reply_is_right(&s->item[1], "aaab", &yes, e);
    eng_suite_close(s);
    return st;
}

static void want_of_memory(void **state)
{
    (void)state;
    unit_starve(attempt, NULL, 2000, 0);
}

/* The one that is bundled. */
static void bundled(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_suite *s;
    eng_suite_info info;
    assert_status_ok(eng_suite_load("data/answers.jsonl", &s, &e), e);
    eng_suite_get_info(s, &info);
    assert_int_equal(info.kind, ENG_SUITE_REPLY);
    assert_in_range(info.n, 30, 50);
    eng_suite_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),  cmocka_unit_test(refused),        cmocka_unit_test(prompts),
        cmocka_unit_test(patterns), cmocka_unit_test(want_of_memory), cmocka_unit_test(bundled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
