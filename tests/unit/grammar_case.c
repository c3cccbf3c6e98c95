/* grammar_case.c - see grammar_case.h. */
#include "tests/unit/grammar_case.h"
#include "tests/unit/unit.h"

#include "engine/token/bpe_train.h"

#include <stdio.h>

static eng_vocab *vocab;
static eng_tokentrie *trie;

/* Has pieces such as answers in JSON have: quotes with what stands beside them, white space. */
static const char sample[] =
    "{\"name\": \"abc\", \"age\": 12, \"list\": [1, 2, 3], \"ok\": true, \"no\": false}\n"
    "{\"name\": \"the the and and\", \"age\": 120, \"list\": [], \"x\": null, \"y\": {\"a\": {}}}\n"
    "{\n  \"name\": \"abc\",\n  \"list\": [\n    1,\n    2\n  "
    "]\n}\n\"\\n\\n\\\"x\\\"\\u00e9\\u00e9\"\n"
    "{\"type\":\"string\",\"type\":\"number\",\"kind\":\"a\",\"kind\":\"b\"} 3.14 -2.5e10 "
    "\"\xc3\xa9\xc3\xa9\"";

const eng_vocab *grammar_vocab(void)
{
    sk_err e = SK_ERR_INIT;
    eng_bpe_opts o = {.n_vocab = 290};
    if (!vocab) assert_status_ok(eng_bpe_train(sample, strlen(sample), &o, &vocab, &e), e);
    return vocab;
}

const eng_tokentrie *grammar_trie(void)
{
    sk_err e = SK_ERR_INIT;
    if (!trie) assert_status_ok(eng_tokentrie_new(grammar_vocab(), &trie, &e), e);
    return trie;
}

void grammar_trie_done(void **state)
{
    (void)state;
    eng_tokentrie_free(trie);
    eng_vocab_close(vocab);
    trie = NULL;
    vocab = NULL;
}

static sk_status open_kind(grammar_kind kind, const char *text, eng_grammar **g, sk_err *e)
{
    size_t n = strlen(text);
    if (kind == GRAMMAR_SCHEMA) return eng_grammar_open_schema(grammar_trie(), text, n, NULL, g, e);
    if (kind == GRAMMAR_GBNF) return eng_grammar_open_gbnf(grammar_trie(), text, n, NULL, g, e);
    return eng_grammar_open_regex(grammar_trie(), text, n, NULL, g, e);
}

eng_grammar *grammar_open(grammar_kind kind, const char *text)
{
    eng_grammar *g = NULL;
    sk_err e = SK_ERR_INIT;
    sk_status st = open_kind(kind, text, &g, &e);
    if (st) printf("%s\n", text);
    assert_status_ok(st, e);
    return g;
}

void grammar_refused_at(grammar_kind kind, const char *text, sk_status want, const char *part,
                        const char *file, int line)
{
    eng_grammar *g = NULL;
    sk_err e = SK_ERR_INIT;
    sk_status st = open_kind(kind, text, &g, &e);
    if (st == want && strstr(e.text, part)) return;
    eng_grammar_close(g);
    printf("%s\nstatus %d, \"%s\"\n", text, (int)st, e.text);
    _fail(file, line);
}

static bool has(const uint64_t *mask, int32_t id)
{
    return mask[id >> 6] >> (id & 63) & 1;
}

/* Every token of the mask can be taken and no other: tried for one token in `every`. */
static void check_mask(eng_matcher *m, const uint64_t *mask, size_t every, size_t first)
{
    sk_err e = SK_ERR_INIT;
    size_t n = eng_vocab_size(grammar_vocab());
    for (size_t id = first % every; id < n; id += every) {
        int32_t one = (int32_t)id;
        size_t taken = 0;
        assert_status_ok(eng_matcher_check(m, &one, 1, &taken, &e), e);
        assert_int_equal(taken == 1, has(mask, one));
    }
}

int grammar_try(eng_grammar *g, const char *text)
{
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {NULL, 0, 0};
    eng_matcher *m = NULL, *bytes = NULL;
    uint64_t mask[64];
    assert_true(eng_tokentrie_words(grammar_trie()) <= 64);
    assert_status_ok(eng_vocab_encode(grammar_vocab(), text, strlen(text), 0, &ids, &e), e);
    assert_status_ok(eng_matcher_new(g, &m, &e), e);
    assert_status_ok(eng_matcher_new(g, &bytes, &e), e);
    bool alive = true;
    for (size_t i = 0; i < ids.n && alive; i++) {
        assert_status_ok(eng_matcher_mask(m, mask, &e), e);
        check_mask(m, mask, 7, i);
        alive = eng_matcher_accept(m, ids.id[i], &e) == SK_OK;
        assert_int_equal(alive, has(mask, ids.id[i]));
    }
    if (alive) {
        assert_status_ok(eng_matcher_mask(m, mask, &e), e);
        check_mask(m, mask, 1, 0);
    }
    assert_int_equal(eng_matcher_accept_bytes(bytes, text, strlen(text), &e) == SK_OK, alive);
    if (alive) assert_int_equal(eng_matcher_complete(m), eng_matcher_complete(bytes));
    int r = !alive ? 0 : eng_matcher_complete(m) ? 2 : 1;
    eng_matcher_free(m);
    eng_matcher_free(bytes);
    eng_ids_fini(&ids);
    return r;
}

void grammar_table_at(grammar_kind kind, const char *text, const char *const *cases,
                      const char *file, int line)
{
    eng_grammar *g = grammar_open(kind, text);
    for (; *cases; cases++) {
        int want = **cases == '+' ? 2 : **cases == '.' ? 1 : 0, got = grammar_try(g, *cases + 1);
        if (got == want) continue;
        printf("%s\n%s\ngives %d\n", text, *cases, got);
        _fail(file, line);
    }
    eng_grammar_close(g);
}
