/* grammar.c - compiled grammars: their making and their end. */
#include "engine/grammar/grammar_core.h"
#include "engine/grammar/regex.h"

enum { EXPRESSIONS_MOST = 1500000, EDGES_MOST = 1000000, MEGABYTE = 1 << 20 };

eng_grammar *eng_grammar_blank(const eng_tokentrie *t, const eng_grammar_opts *o)
{
    eng_grammar *g = sk_calloc(SK_MEM_REQUEST, 1, sizeof *g);
    size_t most = o && o->max_nodes ? o->max_nodes : EXPRESSIONS_MOST;
    if (!g) return NULL;
    g->trie = t;
    g->rules.most = most < EDGES_MOST ? most : EDGES_MOST;
    g->walk = sk_calloc(SK_MEM_REQUEST, 1, sizeof *g->walk);
    g->has_lock = pthread_mutex_init(&g->lock, NULL) == 0;
    if (!g->walk || !g->has_lock || eng_rxpool_init(&g->rx, most, NULL)) {
        eng_grammar_close(g);
        return NULL;
    }
    return g;
}

sk_status eng_grammar_seal(eng_grammar *g, const eng_grammar_opts *o, eng_grammar **out, sk_err *e)
{
    size_t most = o && o->max_memory ? o->max_memory : (size_t)64 * MEGABYTE;
    sk_status st = eng_rxpool_check(&g->rx, e);
    if (!st) st = eng_rules_finish(&g->rules, &g->rx, e);
    g->rx.most = EXPRESSIONS_MOST; /* what is added from now on is the notebook's */
    if (!st) st = eng_book_init(&g->book, &g->rules, &g->rx, most + eng_rxpool_bytes(&g->rx), e);
    if (st) {
        eng_grammar_close(g);
        return st;
    }
    g->may_be_empty = g->book.stand[g->book.first].complete;
    *out = g;
    return SK_OK;
}

void eng_grammar_close(eng_grammar *g)
{
    if (!g) return;
    for (unsigned i = 0; i < ENG_MASKS_KEPT; i++)
        sk_free(g->kept[i].mask);
    eng_book_fini(&g->book);
    eng_rules_fini(&g->rules);
    eng_rxpool_fini(&g->rx);
    sk_free(g->walk);
    if (g->has_lock) pthread_mutex_destroy(&g->lock);
    sk_free(g);
}

size_t eng_grammar_bytes(const eng_grammar *g)
{
    size_t sum = sizeof *g + sizeof *g->walk + eng_book_bytes(&g->book) +
                 g->rules.cap_edge * sizeof *g->rules.edge +
                 g->rules.cap_node * sizeof *g->rules.node;
    for (unsigned i = 0; i < ENG_MASKS_KEPT; i++)
        sum += g->kept[i].mask ? g->trie->words * 8 : 0;
    return sum;
}

size_t eng_tokentrie_words(const eng_tokentrie *t)
{
    return t->words;
}

sk_status eng_grammar_open_regex(const eng_tokentrie *t, const char *text, size_t n,
                                 const eng_grammar_opts *o, eng_grammar **out, sk_err *e)
{
    eng_grammar *g = eng_grammar_blank(t, o);
    eng_rx rx = ENG_RX_NONE;
    if (!g) return sk_fail(e, SK_E_NOMEM, "no memory for a grammar");
    sk_status st = eng_regex_plain(&g->rx, text, n, &rx, e);
    if (st) {
        eng_grammar_close(g);
        return st;
    }
    (void)eng_rules_add(&g->rules);
    eng_rules_rx(&g->rules, 0, rx, eng_rules_node(&g->rules, true));
    return eng_grammar_seal(g, o, out, e);
}
