/* t_suite.c - suites: the four forms, what is refused and how it is named; prompts and where they
 * are cut; numbers in answers. */
#include "tests/unit/unit.h"

#include "engine/engine.h"
#include "engine/eval/number.h"
#include "engine/eval/prompt.h"

#include <math.h>

static void forms(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    static const char text[] =
        "\n{\"query\":\"q\",\"choices\":[\"a\",\"b\"],\"gold\":1,\"more\":[{}]}\r\n \t\n"
        "{\"query\":\"r\",\"choices\":[\"c\",\"d\",\"e\"],\"gold\":0,\"delimiter\":\"\"}";
    eng_suite *s;
    eng_suite_info info;
    assert_status_ok(eng_suite_parse("f", text, sizeof text - 1, &s, &e), e);
    eng_suite_get_info(s, &info);
    assert_true(info.kind == ENG_SUITE_CHOICE && info.n == 2);
    assert_true(s->item[0].line == 2 && s->item[0].n == 2 && s->item[0].gold == 1);
    assert_true(s->item[1].line == 4 && s->item[1].n == 3 && !s->item[0].delimiter);
    assert_string_equal(s->item[1].opt[2], "e");
    assert_string_equal(s->item[1].delimiter, "");
    eng_suite_close(s);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
        sk_status want;
    } bad[] = {
        {"", "f: there is no item", SK_E_FORMAT},
        {"\n\n", "f: there is no item", SK_E_FORMAT},
        {"\n{\"query\":", "f:2: ", SK_E_FORMAT},
        {"[]", "f:1: a line must be", SK_E_FORMAT},
        {"{}", "f:1: no item", SK_E_FORMAT},
        {"{\"choices\":[\"a\",\"b\"],\"gold\":0}", "\"query\" is missing", SK_E_FORMAT},
        {"{\"query\":\"q\",\"choices\":[\"a\",\"b\"]}", "\"gold\" is missing", SK_E_FORMAT},
        {"{\"query\":\"q\",\"choices\":[\"a\",\"b\"],\"gold\":null}", "\"gold\" must", SK_E_FORMAT},
        {"{\"query\":\"q\",\"choices\":[\"a\",\"b\"],\"gold\":2}", "gold", SK_E_FORMAT},
        {"{\"query\":\"q\",\"choices\":[\"a\"],\"gold\":0}", "2 to 32", SK_E_FORMAT},
        {"{\"query\":\"q\",\"choices\":\"ab\",\"gold\":0}", "2 to 32", SK_E_FORMAT},
        {"{\"query\":\"q\",\"choices\":[\"a\",1],\"gold\":0}", "\"choices\"[1] is not",
         SK_E_FORMAT},
        {"{\"query\":\" \",\"choices\":[\"a\",\"b\"],\"gold\":0}", "\"query\" is empty",
         SK_E_FORMAT},
        {"{\"query\":7,\"choices\":[\"a\",\"b\"],\"gold\":0}", "'query' must be a str",
         SK_E_FORMAT},
        {"{\"context\":\"c\",\"continuation\":\"\"}", "\"continuation\" is empty", SK_E_FORMAT},
        {"{\"context\":\"c\",\"answer\":\"many\"}", "not a number", SK_E_FORMAT},
        {"{\"context\":\"c\",\"answer\":1}\n{\"context\":\"c\",\"continuation\":\"d\"}",
         "f:2: another form", SK_E_FORMAT},
        {"{\"context\":\"c\",\"answer\":1}\n{\"context\":\"c\"}", "\"answer\" is missing",
         SK_E_FORMAT},
        {"{\"prompt\":\"c\",\"entry_point\":\"f\"}", "programs", SK_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        eng_suite *s = NULL;
        sk_status st = eng_suite_parse("f", bad[i].text, strlen(bad[i].text), &s, &e);
        assert_status(st, bad[i].want, e, bad[i].part);
        assert_null(s);
    }
}

/* ---- prompts ---- */

typedef struct ready {
    eng_exec *x;
    eng_model *m;
    eng_suite *s;
    eng_prompts p;
    eng_prompt made;
} ready;

static void ready_init(ready *r, const char *text)
{
    sk_err e = SK_ERR_INIT;
    memset(r, 0, sizeof *r);
    assert_status_ok(eng_exec_open(1, &r->x, &e), e);
    assert_status_ok(eng_model_open(r->x, "tests/golden/tiny.gguf", &r->m, &e), e);
    assert_status_ok(eng_suite_parse("f", text, strlen(text), &r->s, &e), e);
    r->p = (eng_prompts){.m = r->m, .s = r->s, .seed = 1};
}

static void ready_fini(ready *r)
{
    eng_prompt_fini(&r->made);
    eng_suite_close(r->s);
    eng_model_close(r->m);
    eng_exec_close(r->x);
}

/* Fails unless option k of item i is `context` and, scored, `option`. */
static void cut_is(ready *r, size_t i, size_t k, const char *context, const char *option)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(eng_prompts_init(&r->p, &e), e);
    assert_status_ok(eng_prompt_make(&r->p, i, &r->made, &e), e);
    const eng_cut *c = &r->made.cut[k];
    const int32_t *id = r->made.ids.id + c->at;
    const eng_vocab *v = eng_model_vocab(r->m);
    assert_status_ok(eng_vocab_decode(v, id, c->first, true, &b, &e), e);
    assert_string_equal(b.p, context);
    sk_buf_reset(&b);
    sk_buf_adds(&b, "");
    assert_status_ok(eng_vocab_decode(v, id + c->first, c->n - c->first, true, &b, &e), e);
    assert_string_equal(b.p ? b.p : "", option);
    sk_buf_fini(&b);
}

#define ITEM(q, rest) "{\"query\":\"" q "\",\"choices\":[\"x\",\"y z\"],\"gold\":1" rest "}\n"

static void where_prompts_are_cut(void **state)
{
    (void)state;
    ready r;
    ready_init(&r, ITEM("Is it?", "") ITEM("Question: is it?",
                                           "") ITEM("Passage: p\\nQuestion: is it?\\n", "")
                       ITEM("Question: is it?\\nAnswer:", "") ITEM("i  ", ",\"delimiter\":\"\""));
    cut_is(&r, 0, 0, "Is it?", " x");
    cut_is(&r, 0, 1, "Is it?", " y z");
    cut_is(&r, 1, 0, "Question: is it?\nAnswer:", " x");
    cut_is(&r, 2, 0, "Passage: p\nQuestion: is it?\n\nAnswer:", " x");
    cut_is(&r, 3, 1, "Question: is it?\nAnswer:", " y z");
    cut_is(&r, 4, 1, "i", "  y z");
    assert_int_equal(r.made.cut[1].bytes, 3);
    r.p.delimiter = " - ";
    cut_is(&r, 1, 0, "Question: is it? -", " x");
    ready_fini(&r);
    /* "t" + "he" is one token: it is scored whole, though a part of it is the context's. */
    ready_init(&r, "{\"context\":\"in t\",\"continuation\":\"he\",\"delimiter\":\"\"}\n"
                   "{\"context\":\" in \",\"continuation\":\"the\"}\n");
    cut_is(&r, 0, 0, "in", " the");
    cut_is(&r, 1, 0, "in", " the");
    ready_fini(&r);
    ready_init(&r, "{\"context_options\":[\"so a\",\"so i\"],\"continuation\":\"b c\",\"gold\":0}");
    cut_is(&r, 0, 1, "so i", " b c");
    assert_int_equal(r.made.cut[1].core, 4);
    ready_fini(&r);
}

static void examples(void **state)
{
    (void)state;
    ready r;
    ready_init(&r, "{\"context\":\"1 + 1? \",\"answer\":2,\"chain_of_thought\":\"one and one\"}\n"
                   "{\"context\":\"2 + 2?\",\"answer\":\"4\"}\n");
    r.p.shots = 1;
    cut_is(&r, 0, 0, "Question: 2 + 2?\nAnswer: #### 4\n\nQuestion: 1 + 1?\nAnswer:", "");
    cut_is(&r, 1, 0,
           "Question: 1 + 1?\nAnswer: one and one\n#### 2\n\nQuestion: 2 + 2?\nAnswer:", "");
    r.p.chat = true;
    cut_is(&r, 1, 0,
           "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\none and one\n#### "
           "2<|im_end|>\n<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n",
           "");
    ready_fini(&r);
    ready_init(&r, ITEM("a", "") ITEM("b", "") ITEM("c", ""));
    r.p.shots = 2; /* both others, in some order */
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(eng_prompts_init(&r.p, &e), e);
    assert_status_ok(eng_prompt_make(&r.p, 1, &r.made, &e), e);
    const eng_cut *c = &r.made.cut[0];
    assert_status_ok(eng_vocab_decode(eng_model_vocab(r.m), r.made.ids.id, c->first, true, &b, &e),
                     e);
    assert_contains(b.p, "a y z\n\n");
    assert_contains(b.p, "c y z\n\n");
    assert_int_equal(b.len, 2 * 7 + 1);
    sk_buf_fini(&b);
    r.p.shots = 3;
    assert_status(eng_prompts_init(&r.p, &e), SK_E_INVALID, e, "3 examples");
    ready_fini(&r);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double want; /* NAN: none */
    } c[] = {
        {"", NAN},
        {"none", NAN},
        {"7", 7},
        {"it is 3 or 4.", 4},
        {"3 + 4 = 7\n#### 7\n\nand 9", 7},
        {"#### none, but 12", 12},
        {"12 and then ####", 12},
        {"$1,234.50!", 1234.5},
        {"1,2,3", 3},
        {"-5", -5},
        {"it cost -$20", -20},
        {"10-3", 3},
        {"x-3", 3},
        {"= -3.25.", -3.25},
        {"1.2.3", 3},
        {"1,000,000 men", 1e6},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        double got = 99;
        assert_int_equal(eng_number_find(c[i].text, &got), !isnan(c[i].want));
        assert_true(got == (isnan(c[i].want) ? 99 : c[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(refused),
        cmocka_unit_test(where_prompts_are_cut),
        cmocka_unit_test(examples),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
