/* gbnf.c - grammars as llama.cpp's GBNF writes them: a BNF with the repetitions of patterns.
 *
 * Rules that no rule comes back to are expressions, and so are parts of others that call no such
 * rule: "a number, then white space" is one step of the lexer, not a dozen of the parser.
 */
#include "engine/grammar/gbnf_read.h"
#include "engine/grammar/grammar_core.h"

/* A grammar being compiled. */
typedef struct gbnf {
    eng_gbnf *g;
    eng_rxpool *p;
    eng_rules *r;
    sk_err *e;
    sk_status st;
} gbnf;

/* ---- which rules are expressions ---- */

static bool regular_node(eng_gbnf *g, const eng_gnode *v);

/* States of a rule: 0 not asked, 1 being asked, 2 an expression, 3 none. */
static bool regular_rule(eng_gbnf *g, uint32_t i)
{
    eng_grule *r = &g->rule[i];
    if (r->state) return r->state == 2; /* one that is being asked comes back to itself */
    r->state = 1;
    r->state = regular_node(g, r->body) ? 2 : 3;
    return g->rule[i].state == 2;
}

static bool regular_node(eng_gbnf *g, const eng_gnode *v)
{
    bool ok = v->kind != ENG_GN_REF || regular_rule(g, v->rule);
    for (const eng_gnode *k = v->child; k; k = k->next)
        ok = regular_node(g, k) && ok;
    return ok;
}

/* True if v calls no rule that isn't an expression; all rules have been asked. */
static bool is_regular(const eng_gbnf *g, const eng_gnode *v)
{
    if (v->kind == ENG_GN_REF) return g->rule[v->rule].state == 2;
    for (const eng_gnode *k = v->child; k; k = k->next)
        if (!is_regular(g, k)) return false;
    return true;
}

/* ---- expressions ---- */

/* The expression that v is, which must be regular (is_regular): no rule comes back to itself then,
 * and the recursion ends.  A rule's expression is made once and kept. */
static eng_rx rx_of(gbnf *c, const eng_gnode *v)
{
    eng_rx r;
    eng_rxsum sum = {0};
    switch (v->kind) {
    case ENG_GN_RX:
        return v->rx;
    case ENG_GN_REF:
        if (c->g->rule[v->rule].rx == ENG_RX_NONE)
            c->g->rule[v->rule].rx = rx_of(c, c->g->rule[v->rule].body);
        return c->g->rule[v->rule].rx;
    case ENG_GN_REP:
        return eng_rx_rep(c->p, rx_of(c, v->child), v->lo, v->hi);
    case ENG_GN_ALT:
        for (const eng_gnode *k = v->child; k; k = k->next)
            eng_rxsum_add(c->p, &sum, rx_of(c, k));
        return eng_rxsum_or(c->p, &sum);
    default:
        r = ENG_RX_EPS;
        for (const eng_gnode *k = v->child; k; k = k->next)
            r = eng_rx_cat(c->p, r, rx_of(c, k));
        return r;
    }
}

/* ---- rules ---- */

static void edges(gbnf *c, const eng_gnode *v, uint32_t from, uint32_t to);

/* A sequence: what is an expression in a row becomes one edge. */
static void edges_seq(gbnf *c, const eng_gnode *v, uint32_t from, uint32_t to)
{
    eng_rx run = ENG_RX_EPS;
    for (const eng_gnode *k = v->child; k; k = k->next) {
        if (is_regular(c->g, k)) {
            run = eng_rx_cat(c->p, run, rx_of(c, k));
            continue;
        }
        if (run != ENG_RX_EPS) {
            uint32_t mid = eng_rules_node(c->r, false);
            eng_rules_rx(c->r, from, run, mid);
            from = mid;
            run = ENG_RX_EPS;
        }
        uint32_t next = eng_rules_node(c->r, false);
        edges(c, k, from, next);
        from = next;
    }
    if (run == ENG_RX_EPS)
        eng_rules_eps(c->r, from, to);
    else
        eng_rules_rx(c->r, from, run, to);
}

/* lo copies, then as many more as may come, or a loop. */
static void edges_rep(gbnf *c, const eng_gnode *v, uint32_t from, uint32_t to)
{
    uint32_t copies = v->hi == ENG_RX_INF ? v->lo : v->hi;
    for (uint32_t i = 0; i < copies && !c->r->st; i++) {
        uint32_t next = eng_rules_node(c->r, false);
        if (i >= v->lo) eng_rules_eps(c->r, from, to);
        edges(c, v->child, from, next);
        from = next;
    }
    eng_rules_eps(c->r, from, to);
    if (v->hi != ENG_RX_INF) return;
    uint32_t loop = eng_rules_node(c->r, false);
    eng_rules_eps(c->r, from, loop);
    edges(c, v->child, loop, loop);
    eng_rules_eps(c->r, loop, to);
}

static void edges(gbnf *c, const eng_gnode *v, uint32_t from, uint32_t to)
{
    if (c->r->st || c->p->st) return;
    if (is_regular(c->g, v)) {
        eng_rules_rx(c->r, from, rx_of(c, v), to);
        return;
    }
    if (v->kind == ENG_GN_REF)
        eng_rules_call(c->r, from, c->g->rule[v->rule].number, to);
    else if (v->kind == ENG_GN_REP)
        edges_rep(c, v, from, to);
    else if (v->kind == ENG_GN_SEQ)
        edges_seq(c, v, from, to);
    else
        for (const eng_gnode *k = v->child; k; k = k->next)
            edges(c, k, from, to);
}

/* Rule 0 of the grammar is a call of `root`, or its expression. */
static void build(gbnf *c)
{
    eng_gbnf *g = c->g;
    uint32_t start = eng_rules_add(c->r), end = eng_rules_node(c->r, true);
    eng_gnode root = {.kind = ENG_GN_REF, .rule = g->root};
    (void)start;
    for (size_t i = 0; i < g->n_rule; i++)
        (void)regular_rule(g, (uint32_t)i);
    for (size_t i = 0; i < g->n_rule; i++)
        if (g->rule[i].state == 3) g->rule[i].number = eng_rules_add(c->r);
    edges(c, &root, c->r->st ? 0 : c->r->start[0], end);
    for (size_t i = 0; i < g->n_rule && !c->r->st; i++) {
        if (g->rule[i].state != 3) continue;
        edges(c, g->rule[i].body, c->r->start[g->rule[i].number], eng_rules_node(c->r, true));
    }
}

/* What fails while the rules are built (memory, too many edges) stays in the pool and the rules,
 * and is said by eng_grammar_seal. */
sk_status eng_grammar_open_gbnf(const eng_tokentrie *t, const char *text, size_t n,
                                const eng_grammar_opts *o, eng_grammar **out, sk_err *e)
{
    size_t most = o && o->max_text ? o->max_text : (size_t)2 << 20;
    if (n > most)
        return sk_fail(e, SK_E_TOOBIG, "the grammar has %zu bytes, more than %zu", n, most);
    eng_grammar *g = eng_grammar_blank(t, o);
    if (!g) return sk_fail(e, SK_E_NOMEM, "no memory for a grammar");
    eng_gbnf read = {0};
    sk_status st = eng_gbnf_read(&read, &g->rx, text, n, e);
    if (!st) {
        gbnf c = {&read, &g->rx, &g->rules, e, SK_OK};
        build(&c);
    }
    eng_gbnf_fini(&read);
    if (st) {
        eng_grammar_close(g);
        return st;
    }
    return eng_grammar_seal(g, o, out, e);
}
