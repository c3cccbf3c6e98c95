/* t_grammar.c - masks and matchers: regular expressions and GBNF grammars, states, clones. */
#include "engine/grammar/grammar_core.h"
#include "tests/unit/grammar_case.h"
#include "tests/unit/unit.h"

static void patterns(void **state)
{
    (void)state;
    grammar_table(GRAMMAR_REGEX, "[a-z]+", "+a", "+abc", "-A", "-a1", ".");
    grammar_table(GRAMMAR_REGEX, "^(?:ab|cd)*$", "+", "+abcd", ".a", "-ac");
    grammar_table(GRAMMAR_REGEX, "a{2,3}", ".a", "+aa", "+aaa", "-aaaa");
    grammar_table(GRAMMAR_REGEX, "\\d{3}-\\d{4}", "+555-1234", ".555-123", "-5555");
    grammar_table(GRAMMAR_REGEX, ".", "+\xc3\xa9", "+\xe2\x82\xac", "+x", "-\n", "-xx");
    grammar_table(GRAMMAR_REGEX, "[^a]", "+b", "+\xc3\xa9", "-a", "+\n");
    grammar_table(GRAMMAR_REGEX, "\\u00e9|\\x41", "+\xc3\xa9", "+A", "-B");
    grammar_table(GRAMMAR_REGEX, "(?!ab)[a-c]{2}", "+ac", "+ba", "-ab", "+cc");
    grammar_table(GRAMMAR_REGEX, "(a|b)*abb", "+abb", "+ababb", ".ab", "-abc");
}

static void patterns_refused(void **state)
{
    (void)state;
    grammar_refused(GRAMMAR_REGEX, "(a)\\1", SK_E_UNSUPPORTED, "a back reference");
    grammar_refused(GRAMMAR_REGEX, "(?<=a)b", SK_E_UNSUPPORTED, "look-behind");
    grammar_refused(GRAMMAR_REGEX, "\\bx", SK_E_UNSUPPORTED, "a word boundary");
    grammar_refused(GRAMMAR_REGEX, "\\p{L}", SK_E_UNSUPPORTED, "\\p");
    grammar_refused(GRAMMAR_REGEX, "(^a)*", SK_E_UNSUPPORTED, "inside a repetition");
    grammar_refused(GRAMMAR_REGEX, "(a", SK_E_INVALID, "a group without its end");
    grammar_refused(GRAMMAR_REGEX, "a)", SK_E_INVALID, "too many");
    grammar_refused(GRAMMAR_REGEX, "[b-a]", SK_E_INVALID, "the wrong way round");
    grammar_refused(GRAMMAR_REGEX, "*", SK_E_INVALID, "nothing to repeat");
    grammar_refused(GRAMMAR_REGEX, "a{5,2}", SK_E_INVALID, "bounds the wrong way round");
    grammar_refused(GRAMMAR_REGEX, "a^b", SK_E_INVALID, "nothing satisfies");
}

static void gbnf(void **state)
{
    (void)state;
    grammar_table(GRAMMAR_GBNF, "root ::= \"yes\" | \"no\"", "+yes", "+no", ".ye", "-maybe");
    grammar_table(GRAMMAR_GBNF,
                  "# sums\nroot ::= term (\"+\" term)*\nterm ::= num | \"(\" root \")\"\n"
                  "num ::= [0-9]+\n",
                  "+1", "+1+22", "+(1+(2+3))+4", ".(1", ".1+", "-+", "-1)");
    grammar_table(GRAMMAR_GBNF, "root ::= a{2,3} b?\na ::= \"x\" | \"(\" a \")\"\nb ::= \"!\"",
                  "+xx", "+xx!", "+x(x)x!", ".x", "-xxxx");
    grammar_table(GRAMMAR_GBNF, "root ::= list\nlist ::= [a-c] | [a-c] \",\" list", "+a", "+a,b,c",
                  ".a,", "-a,,");
    grammar_table(GRAMMAR_GBNF, "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"\"", "+", "+ab",
                  "+aabc", "+aaaaaaaaabbbbbbbbb", ".aaab", "-abb");
    grammar_table(GRAMMAR_GBNF, "root ::= [^\"\\n]{1,2} \"\\u20ac\"\n  | \"\\x41\" .",
                  "+x\xe2\x82\xac", "+Ax", "+A\xe2\x82\xac", "-\n");
}

static void gbnf_refused(void **state)
{
    (void)state;
    grammar_refused(GRAMMAR_GBNF, "root ::= root \"a\" | \"b\"", SK_E_UNSUPPORTED,
                    "left recursive");
    grammar_refused(GRAMMAR_GBNF, "root ::= x\nx ::= y? x\ny ::= \"a\"", SK_E_INVALID, "nothing");
    grammar_refused(GRAMMAR_GBNF, "root ::= y? x\nx ::= root \"b\" | \"c\"\ny ::= \"a\"",
                    SK_E_UNSUPPORTED, "left recursive");
    grammar_refused(GRAMMAR_GBNF, "root ::= \"a\" root", SK_E_INVALID, "nothing satisfies");
    grammar_refused(GRAMMAR_GBNF, "rot ::= \"a\"", SK_E_INVALID, "no rule root");
    grammar_refused(GRAMMAR_GBNF, "root ::= [\\", SK_E_INVALID, "unknown escape");
    grammar_refused(GRAMMAR_GBNF, "root ::= \"\\", SK_E_INVALID, "unknown escape");
    grammar_refused(GRAMMAR_GBNF, "root ::= b", SK_E_INVALID, "no rule b");
    grammar_refused(GRAMMAR_GBNF, "root ::= \"a\n", SK_E_INVALID, "line 2");
    grammar_refused(GRAMMAR_GBNF, "root ::= (\"a\"", SK_E_INVALID, "a group without its end");
    grammar_refused(GRAMMAR_GBNF, "root ::= \"a\"\nroot ::= \"b\"", SK_E_INVALID, "second rule");
    grammar_refused(GRAMMAR_GBNF, "root ::= <[10]>", SK_E_UNSUPPORTED, "tokens in a grammar");
    grammar_refused(GRAMMAR_GBNF, "", SK_E_INVALID, "no rule root");
}

/* A clone goes its own way; reset leads back to the beginning; an end is an end. */
static void matchers(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_grammar *g = grammar_open(GRAMMAR_REGEX, "ab|ac");
    eng_matcher *m = NULL, *c = NULL;
    uint64_t mask[64];
    int32_t eos = eng_vocab_eos(grammar_vocab());
    assert_status_ok(eng_matcher_new(g, &m, &e), e);
    assert_false(eng_matcher_complete(m));
    assert_int_equal(eng_matcher_accept(m, eos, &e), SK_E_INVALID);
    assert_status_ok(eng_matcher_accept_bytes(m, "a", 1, &e), e);
    assert_status_ok(eng_matcher_clone(m, &c, &e), e);
    assert_status_ok(eng_matcher_accept_bytes(m, "b", 1, &e), e);
    assert_status_ok(eng_matcher_accept_bytes(c, "c", 1, &e), e);
    assert_int_equal(eng_matcher_accept_bytes(c, "c", 1, &e), SK_E_INVALID);
    assert_true(eng_matcher_complete(m) && eng_matcher_ended(m));
    assert_status_ok(eng_matcher_mask(m, mask, &e), e);
    for (size_t i = 0; i < eng_vocab_size(grammar_vocab()); i++)
        assert_int_equal(mask[i >> 6] >> (i & 63) & 1,
                         eng_vocab_is_end(grammar_vocab(), (int32_t)i));
    assert_status_ok(eng_matcher_accept(m, eos, &e), e);
    assert_int_equal(eng_matcher_accept(m, eos, &e), SK_E_INVALID);
    eng_matcher_reset(m);
    assert_false(eng_matcher_complete(m));
    assert_status_ok(eng_matcher_accept_bytes(m, "ac", 2, &e), e);
    assert_int_equal(eng_matcher_accept(m, -5, &e), SK_E_INVALID);
    assert_int_equal(eng_matcher_accept(m, 1 << 30, &e), SK_E_INVALID);
    eng_matcher_free(m);
    eng_matcher_free(c);
    eng_grammar_close(g);
}

static void forced_bytes(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_grammar *g = grammar_open(GRAMMAR_REGEX, "hello (?:world|there)");
    eng_matcher *m = NULL;
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(eng_matcher_new(g, &m, &e), e);
    assert_status_ok(eng_matcher_forced(m, 100, &b, &e), e);
    assert_string_equal(b.p, "hello ");
    assert_status_ok(eng_matcher_accept_bytes(m, "hello t", 7, &e), e);
    sk_buf_reset(&b);
    assert_status_ok(eng_matcher_forced(m, 3, &b, &e), e);
    assert_string_equal(b.p, "her");
    sk_buf_fini(&b);
    eng_matcher_free(m);
    eng_grammar_close(g);
}

/* With a notebook far too small for the whole, it is emptied again and again, and nothing changes.
 */
static void a_small_notebook(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const char *text = "(?:[a-f]{1,40}[0-9]{1,40} ){1,20}";
    const char *answer = "abc123 fedcba0987654321 a1 bbbbbbbbbbbbbbbb2 ";
    eng_grammar_opts small = {.max_memory = 60000};
    eng_grammar *g = grammar_open(GRAMMAR_REGEX, text), *s = NULL;
    eng_matcher *a = NULL, *b = NULL;
    uint64_t x[64], y[64];
    size_t words = eng_tokentrie_words(grammar_trie());
    assert_status_ok(eng_grammar_open_regex(grammar_trie(), text, strlen(text), &small, &s, &e), e);
    assert_status_ok(eng_matcher_new(g, &a, &e), e);
    assert_status_ok(eng_matcher_new(s, &b, &e), e);
    for (; *answer; answer++) {
        assert_status_ok(eng_matcher_mask(a, x, &e), e);
        assert_status_ok(eng_matcher_mask(b, y, &e), e);
        assert_memory_equal(x, y, words * 8);
        assert_status_ok(eng_matcher_accept_bytes(a, answer, 1, &e), e);
        assert_status_ok(eng_matcher_accept_bytes(b, answer, 1, &e), e);
    }
    eng_matcher_free(a);
    eng_matcher_free(b);
    eng_grammar_close(g);
    eng_grammar_close(s);
}

/* A mask that is made by pieces is the one that is made at once, however small they are; also where
 * the notebook is emptied meanwhile. */
static void masks_by_pieces(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const char *text = "(?:[a-f]{1,40}[0-9]{1,40} (?:[^x]|xyz)?){1,20}";
    const eng_grammar_opts small = {.max_memory = 60000};
    size_t words = eng_tokentrie_words(grammar_trie());
    for (uint64_t work = 1; work < 4000; work *= 7) {
        eng_grammar *g = grammar_open(GRAMMAR_REGEX, text), *s = NULL;
        eng_matcher *a = NULL, *b = NULL;
        uint64_t x[64], y[64];
        size_t tries = 0, masks = 0;
        const eng_grammar_opts *o = work % 2 ? &small : NULL;
        assert_status_ok(eng_grammar_open_regex(grammar_trie(), text, strlen(text), o, &s, &e), e);
        assert_status_ok(eng_matcher_new(g, &a, &e), e);
        assert_status_ok(eng_matcher_new(s, &b, &e), e);
        for (const char *p = "abc123 fedcba0987654321 a1 "; *p; p++, masks++) {
            sk_status st;
            assert_status_ok(eng_matcher_mask(a, x, &e), e);
            while (tries++, (st = eng_matcher_mask_some(b, work, y, &e)) == SK_E_AGAIN)
                e = (sk_err)SK_ERR_INIT;
            assert_status_ok(st, e);
            assert_memory_equal(x, y, words * 8);
            assert_status_ok(eng_matcher_accept_bytes(a, p, 1, &e), e);
            assert_status_ok(eng_matcher_accept_bytes(b, p, 1, &e), e);
        }
        if (work == 1) assert_true(tries > masks + 20);
        assert_true(tries < 100000);
        eng_matcher_free(a);
        eng_matcher_free(b);
        eng_grammar_close(g);
        eng_grammar_close(s);
    }
}

/* The token of one byte. */
static int32_t token_of(char c)
{
    for (int32_t id = 0;; id++) {
        size_t n;
        const char *p = eng_vocab_piece(grammar_vocab(), id, false, &n);
        if (n == 1 && *p == c) return id;
    }
}

/* A token is taken by pieces where the notebook was emptied since its mask was made, and what may
 * come behind it is the same. */
static void tokens_by_pieces(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const char *text = "(?:[a-f]{1,40}[0-9]{1,40} (?:[^x]|xyz)?){1,20}";
    size_t words = eng_tokentrie_words(grammar_trie()), tries = 0, tokens = 0;
    eng_grammar *g = grammar_open(GRAMMAR_REGEX, text), *s = grammar_open(GRAMMAR_REGEX, text);
    eng_matcher *a = NULL, *b = NULL;
    uint64_t x[64], y[64];
    assert_status_ok(eng_matcher_new(g, &a, &e), e);
    assert_status_ok(eng_matcher_new(s, &b, &e), e);
    for (const char *p = "abc123 fedcba0987654321 a1 "; *p; p++, tokens++) {
        sk_status st;
        assert_status_ok(eng_book_empty(&s->book, &e), e);
        assert_status_ok(eng_matcher_accept(a, token_of(*p), &e), e);
        while (tries++, (st = eng_matcher_accept_some(b, 1, token_of(*p), &e)) == SK_E_AGAIN)
            e = (sk_err)SK_ERR_INIT;
        assert_status_ok(st, e);
        assert_status_ok(eng_matcher_mask(a, x, &e), e);
        assert_status_ok(eng_matcher_mask(b, y, &e), e);
        assert_memory_equal(x, y, words * 8);
    }
    assert_true(tries > 10 * tokens);
    assert_status_ok(eng_matcher_accept_some(b, 1000, token_of('x'), &e), e);
    assert_status(eng_matcher_accept_some(b, 1000, token_of('q'), &e), SK_E_INVALID, e, "text");
    eng_matcher_free(a);
    eng_matcher_free(b);
    eng_grammar_close(g);
    eng_grammar_close(s);
}

/* Patterns whose states are sums of thousands of members that hold much of one another: no single
 * piece of work is long, and in all it goes with the lengths of the sums. */
static void hostile_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int times;
    } hostile[] = {
        {"(?:ab*[a-z]?)*", 1200}, {"(?:a?b?c?)*(?:[a-z]*d)*", 500}, {"(?:.*a.*b)*", 400}};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        sk_buf b = SK_BUF_INIT;
        sk_err e = SK_ERR_INIT;
        eng_grammar *g = NULL;
        eng_matcher *m = NULL;
        uint64_t mask[64], most = 0, all = 0;
        sk_status st;
        for (int k = 0; k < hostile[i].times; k++)
            sk_buf_adds(&b, hostile[i].text);
        assert_true(sk_buf_ok(&b));
        assert_status_ok(eng_grammar_open_regex(grammar_trie(), b.p, b.len, NULL, &g, &e), e);
        assert_status_ok(eng_matcher_new(g, &m, &e), e);
        while ((st = eng_matcher_mask_some(m, 40000, mask, &e)) == SK_E_AGAIN) {
            if (g->rx.work > most) most = g->rx.work;
            all += g->rx.work;
            e = (sk_err)SK_ERR_INIT;
        }
        assert_status_ok(st, e);
        assert_true(all > 40000);
        assert_true(most < 250000);
        assert_true(all < 3000000);
        eng_matcher_free(m);
        eng_grammar_close(g);
        sk_buf_fini(&b);
    }
}

/* A long list of words is one sum; a compiler's bound holds for what it makes. */
static void many_alternatives(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_grammar *g = NULL;
    sk_buf_adds(&b, "root ::= \"w\"");
    for (int i = 0; i < 3000; i++)
        sk_buf_addf(&b, " | \"w%d\"", i);
    assert_true(sk_buf_ok(&b));
    assert_status_ok(eng_grammar_open_gbnf(grammar_trie(), b.p, b.len, NULL, &g, &e), e);
    assert_int_equal(grammar_try(g, "w2999"), 2);
    assert_int_equal(grammar_try(g, "w3000"), 0);
    eng_grammar_close(g);
    eng_grammar_opts few = {.max_nodes = 1000};
    assert_status(eng_grammar_open_gbnf(grammar_trie(), b.p, b.len, &few, &g, &e), SK_E_TOOBIG, e,
                  "more than 1000 expressions");
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(patterns_refused),
        cmocka_unit_test(gbnf),
        cmocka_unit_test(gbnf_refused),
        cmocka_unit_test(matchers),
        cmocka_unit_test(forced_bytes),
        cmocka_unit_test(a_small_notebook),
        cmocka_unit_test(masks_by_pieces),
        cmocka_unit_test(tokens_by_pieces),
        cmocka_unit_test(hostile_patterns),
        cmocka_unit_test(many_alternatives),
        cmocka_unit_test(grammar_trie_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
