/* t_grammar_fault.c - grammars without memory: every allocation fails once, nothing is lost, and
 * what works again gives the same. */
#include "tests/unit/grammar_case.h"
#include "tests/unit/unit.h"

#include "base/fault.h"

static const char schema[] = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\","
                             "\"minimum\":3},\"b\":{\"oneOf\":[{\"type\":"
                             "\"string\",\"pattern\":\"^x|y$\"},{\"enum\":[1,[2]]}]}},\"required\":"
                             "[\"a\"],\"patternProperties\":{\"z\":"
                             "false},\"if\":{\"required\":[\"b\"]},\"then\":{\"minProperties\":1}}";
static const char gbnf[] = "root ::= \"a\" root [^b]{1,2} | x?\nx ::= (\"q\" | \"\\n\")+";
static const char answer[] = "{\"a\": 31, \"b\": \"xx\", \"c\": [null, {\"k\": \"v\"}]}";

/* Compiles and walks an answer; whatever fails, all is given back. */
static sk_status run(const char *text, const char *say, sk_err *e)
{
    eng_grammar *g = NULL;
    eng_matcher *m = NULL, *c = NULL;
    uint64_t mask[64];
    const eng_tokentrie *t = grammar_trie();
    sk_status st = *text == '{' ? eng_grammar_open_schema(t, text, strlen(text), NULL, &g, e)
                                : eng_grammar_open_gbnf(t, text, strlen(text), NULL, &g, e);
    if (!st) st = eng_matcher_new(g, &m, e);
    for (; !st && *say; say++) {
        st = eng_matcher_mask(m, mask, e);
        if (!st) st = eng_matcher_accept_bytes(m, say, 1, e);
    }
    if (!st) st = eng_matcher_clone(m, &c, e);
    if (!st) assert_true(eng_matcher_complete(c));
    eng_matcher_free(c);
    eng_matcher_free(m);
    eng_grammar_close(g);
    return st;
}

typedef struct grammar_and_text {
    const char *text, *say;
} grammar_and_text;

static sk_status run_starved(void *arg, sk_err *e)
{
    const grammar_and_text *g = arg;
    return run(g->text, g->say, e);
}

/* The allocations are walked in growing steps: there are some thousands. */
static void walk(const char *text, const char *say)
{
    (void)grammar_trie();
    sk_err e = SK_ERR_INIT;
    assert_status_ok(run(text, say, &e), e);
    grammar_and_text g = {text, say};
    unit_starve(run_starved, &g, 100000, UNIT_STRIDES);
}

static void of_schemas(void **state)
{
    (void)state;
    walk(schema, answer);
}

static void of_gbnf(void **state)
{
    (void)state;
    walk(gbnf, "aqxa");
}

/* A mask or a step that finds no memory leaves the matcher as it was. */
static void of_a_matcher(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_grammar *g = grammar_open(GRAMMAR_SCHEMA, schema);
    eng_matcher *m = NULL;
    uint64_t mask[64], again[64];
    size_t bytes = eng_tokentrie_words(grammar_trie()) * 8, failures = 0;
    assert_status_ok(eng_matcher_new(g, &m, &e), e);
    for (const char *p = answer; *p; p++) {
        for (unsigned long nth = 1; nth < 8; nth++) {
            sk_fault_plan(SK_FAULT_ALLOC, nth, true);
            sk_status st = eng_matcher_mask(m, again, &e);
            sk_fault_plan(SK_FAULT_ALLOC, 0, false);
            failures += st != SK_OK;
            if (st) assert_int_equal(st, SK_E_NOMEM);
        }
        sk_fault_plan(SK_FAULT_ALLOC, 1, true);
        sk_status st = eng_matcher_accept_bytes(m, p, 1, &e);
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        failures += st != SK_OK;
        if (st) assert_status_ok(eng_matcher_accept_bytes(m, p, 1, &e), e);
        assert_status_ok(eng_matcher_mask(m, mask, &e), e);
        assert_status_ok(eng_matcher_mask(m, again, &e), e);
        assert_memory_equal(mask, again, bytes);
    }
    assert_true(failures > 3);
    assert_true(eng_matcher_ended(m));
    eng_matcher_free(m);
    eng_grammar_close(g);
}

static sk_status open_tree(void *arg, sk_err *e)
{
    (void)arg;
    eng_tokentrie *t = NULL;
    sk_status st = eng_tokentrie_new(grammar_vocab(), &t, e);
    eng_tokentrie_free(t);
    return st;
}

static void of_a_tree(void **state)
{
    (void)state;
    (void)grammar_vocab(); /* opened once, before */
    unit_starve(open_tree, NULL, 1000, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_schemas),        cmocka_unit_test(of_gbnf),
        cmocka_unit_test(of_a_matcher),      cmocka_unit_test(of_a_tree),
        cmocka_unit_test(grammar_trie_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
