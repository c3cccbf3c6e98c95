/* rules.c - building a grammar's rules, and the checks on the whole. */
#include "engine/grammar/rules.h"

#include <assert.h>

#define NONE ENG_RULE_NONE

void eng_rules_fini(eng_rules *r)
{
    sk_free(r->node);
    sk_free(r->edge);
    sk_free(r->start);
    sk_free(r->null);
    *r = (eng_rules){0};
}

static void failed(eng_rules *r, sk_status st)
{
    if (!r->st) r->st = st;
}

uint32_t eng_rules_node(eng_rules *r, bool final)
{
    if (r->st) return 0;
    if (r->n_node >= r->most)
        failed(r, SK_E_TOOBIG);
    else if (!eng_grow(&r->node, &r->cap_node, r->n_node + 1, sizeof *r->node))
        failed(r, SK_E_NOMEM);
    if (r->st) return 0;
    r->node[r->n_node] = (eng_node){NONE, final};
    return (uint32_t)r->n_node++;
}

uint32_t eng_rules_add(eng_rules *r)
{
    uint32_t start = eng_rules_node(r, false);
    if (r->st) return 0;
    if (!eng_grow(&r->start, &r->cap_rule, r->n_rule + 1, sizeof *r->start)) {
        failed(r, SK_E_NOMEM);
        return 0;
    }
    r->start[r->n_rule] = start;
    return (uint32_t)r->n_rule++;
}

static void add_edge(eng_rules *r, uint32_t from, eng_edgekind kind, uint32_t what, uint32_t to)
{
    if (r->st) return;
    if (r->n_edge >= r->most)
        failed(r, SK_E_TOOBIG);
    else if (!eng_grow(&r->edge, &r->cap_edge, r->n_edge + 1, sizeof *r->edge))
        failed(r, SK_E_NOMEM);
    if (r->st) return;
    assert(from < r->n_node && to < r->n_node);
    r->edge[r->n_edge] = (eng_edge){to, r->node[from].edge, what, (uint8_t)kind};
    r->node[from].edge = (uint32_t)r->n_edge++;
}

void eng_rules_eps(eng_rules *r, uint32_t from, uint32_t to)
{
    add_edge(r, from, ENG_EDGE_EPS, 0, to);
}

void eng_rules_rx(eng_rules *r, uint32_t from, eng_rx rx, uint32_t to)
{
    if (rx != ENG_RX_NONE) add_edge(r, from, ENG_EDGE_RX, rx, to);
}

void eng_rules_call(eng_rules *r, uint32_t from, uint32_t rule, uint32_t to)
{
    add_edge(r, from, ENG_EDGE_CALL, rule, to);
}

/* ---- which nodes reach an end ---- */

/* Edges by where they go to and by the rule they call: so that a node found good finds those that
 * become good with it. */
typedef struct reach {
    eng_rules *r;
    bool *good;                 /* [n_node] an end is reached */
    uint32_t *from;             /* [n_edge] the node an edge leaves */
    uint32_t *into, *into_next; /* [n_node], [n_edge] edges that arrive at a node */
    uint32_t *call, *call_next; /* [n_rule], [n_edge] edges that call a rule */
    uint32_t *todo;             /* [n_node] */
    size_t n_todo;
    uint32_t *rule_of; /* [n_node] the rule that starts here, NONE */
    sk_arena *mem;
} reach;

/* Threads the edges into lists, by the node they go to and by the rule they call, so that spread()
 * looks at each edge a bounded number of times.  False without memory; w->mem is freed by the
 * caller either way. */
static bool reach_new(reach *w, eng_rules *r)
{
    *w = (reach){.r = r, .mem = sk_arena_new(SK_MEM_REQUEST)};
    if (!w->mem) return false;
    size_t nodes = r->n_node * 4, edges = r->n_edge * 4 + 4, rules = r->n_rule * 4 + 4;
    w->good = sk_arena_calloc(w->mem, r->n_node, 1);
    w->from = sk_arena_alloc(w->mem, edges);
    w->into = sk_arena_alloc(w->mem, nodes);
    w->into_next = sk_arena_alloc(w->mem, edges);
    w->call = sk_arena_alloc(w->mem, rules);
    w->call_next = sk_arena_alloc(w->mem, edges);
    w->todo = sk_arena_alloc(w->mem, nodes);
    w->rule_of = sk_arena_alloc(w->mem, nodes);
    if (!w->good || !w->from || !w->into || !w->into_next || !w->call || !w->call_next ||
        !w->todo || !w->rule_of)
        return false;
    memset(w->into, 0xff, nodes);
    memset(w->call, 0xff, rules);
    memset(w->rule_of, 0xff, nodes);
    for (size_t i = 0; i < r->n_rule; i++)
        w->rule_of[r->start[i]] = (uint32_t)i;
    for (uint32_t v = 0; v < r->n_node; v++)
        for (uint32_t k = r->node[v].edge; k != NONE; k = r->edge[k].next) {
            const eng_edge *x = &r->edge[k];
            w->from[k] = v;
            w->into_next[k] = w->into[x->to];
            w->into[x->to] = k;
            if (x->kind != ENG_EDGE_CALL) continue;
            w->call_next[k] = w->call[x->what];
            w->call[x->what] = k;
        }
    return true;
}

static void mark(reach *w, uint32_t v)
{
    if (w->good[v]) return;
    assert(w->n_todo < w->r->n_node); /* each comes here once */
    w->good[v] = true;
    w->todo[w->n_todo++] = v;
}

/* Marks every node from which a final one is reached; with `empty` without taking a byte. */
static void spread(reach *w, const eng_rxpool *p, bool empty)
{
    const eng_rules *r = w->r;
    memset(w->good, 0, r->n_node);
    for (uint32_t v = 0; v < r->n_node; v++)
        if (r->node[v].final) mark(w, v);
    while (w->n_todo) {
        uint32_t v = w->todo[--w->n_todo];
        for (uint32_t k = w->into[v]; k != NONE; k = w->into_next[k]) {
            const eng_edge *x = &r->edge[k];
            bool pass = x->kind == ENG_EDGE_EPS;
            if (x->kind == ENG_EDGE_RX) pass = !empty || p->node[x->what].nullable;
            if (x->kind == ENG_EDGE_CALL) pass = w->good[r->start[x->what]];
            if (pass) mark(w, w->from[k]);
        }
        if (w->rule_of[v] == NONE) continue;
        for (uint32_t k = w->call[w->rule_of[v]]; k != NONE; k = w->call_next[k])
            if (w->good[r->edge[k].to]) mark(w, w->from[k]);
    }
}

/* Takes out the edges that lead nowhere, and gives those whose expression may match nothing a twin
 * that takes nothing. */
static void prune(reach *w, eng_rxpool *p)
{
    eng_rules *r = w->r;
    size_t n = r->n_edge;
    for (uint32_t v = 0; v < r->n_node; v++) {
        uint32_t *at = &r->node[v].edge;
        while (*at != NONE) {
            eng_edge *x = &r->edge[*at];
            bool dead =
                !w->good[x->to] || (x->kind == ENG_EDGE_CALL && !w->good[r->start[x->what]]);
            if (dead)
                *at = x->next;
            else
                at = &x->next;
        }
    }
    for (uint32_t k = 0; k < n; k++)
        if (r->edge[k].kind == ENG_EDGE_RX && p->node[r->edge[k].what].nullable)
            eng_rules_eps(r, w->from[k], r->edge[k].to);
}

/* ---- left recursion ---- */

/* Walks, from the start of every rule, all that is reached without taking a byte, calls entered.
 * state of a rule: 0 not seen, 1 being walked, 2 done.  The stack holds rules; each is left when
 * all it begins with are done. */
typedef struct leftwalk {
    eng_rules *r;
    uint8_t *state;                 /* [n_rule] */
    uint32_t *stack, *seen, *queue; /* [n_rule], [n_node] stamp of the last walk, [n_node] */
} leftwalk;

/* The first rule not done that `rule` may begin with, NONE when all are done; *loop when it is
 * being walked. */
static uint32_t first_left(leftwalk *w, uint32_t rule, uint32_t stamp, bool *loop)
{
    const eng_rules *r = w->r;
    size_t n = 0;
    w->queue[n++] = r->start[rule];
    w->seen[r->start[rule]] = stamp;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = r->node[w->queue[i]].edge; k != NONE; k = r->edge[k].next) {
            const eng_edge *x = &r->edge[k];
            if (x->kind == ENG_EDGE_RX) continue;
            if (x->kind == ENG_EDGE_CALL && w->state[x->what] != 2) {
                *loop = w->state[x->what] == 1;
                return x->what;
            }
            bool pass = x->kind == ENG_EDGE_EPS || r->null[x->what];
            if (!pass || w->seen[x->to] == stamp) continue;
            assert(n < r->n_node);
            w->seen[x->to] = stamp;
            w->queue[n++] = x->to;
        }
    return NONE;
}

/* A search in depth with a stack of its own, since a grammar may be deeper than C's.  A rule is on
 * it once at most (its state is 1 meanwhile), so n_rule places are enough; one that is met again
 * while it is there begins with itself. */
static sk_status check_left(eng_rules *r, sk_arena *mem, sk_err *e)
{
    leftwalk w = {r, sk_arena_calloc(mem, r->n_rule, 1), sk_arena_alloc(mem, r->n_rule * 4),
                  sk_arena_calloc(mem, r->n_node, 4), sk_arena_alloc(mem, r->n_node * 4)};
    uint32_t stamp = 0;
    if (!w.state || !w.stack || !w.seen || !w.queue)
        return sk_fail(e, SK_E_NOMEM, "no memory for the grammar");
    for (uint32_t i = 0; i < r->n_rule; i++) {
        size_t n = 0;
        if (w.state[i]) continue;
        w.stack[n++] = i;
        w.state[i] = 1;
        while (n) {
            bool loop = false;
            uint32_t next = first_left(&w, w.stack[n - 1], ++stamp, &loop);
            if (loop)
                return sk_fail(e, SK_E_UNSUPPORTED,
                               "the grammar is left recursive: a rule begins with itself");
            if (next == NONE) {
                w.state[w.stack[--n]] = 2;
                continue;
            }
            assert(n < r->n_rule);
            w.state[next] = 1;
            w.stack[n++] = next;
        }
    }
    return SK_OK;
}

/* Expressions that match nothing are found first: their edges are dead. */
static sk_status drop_empty(eng_rules *r, eng_rxpool *p, sk_err *e)
{
    for (uint32_t v = 0; v < r->n_node; v++) {
        uint32_t *at = &r->node[v].edge;
        while (*at != NONE) {
            eng_edge *x = &r->edge[*at];
            if (x->kind == ENG_EDGE_RX && eng_rx_empty(p, x->what))
                *at = x->next;
            else
                at = &x->next;
        }
    }
    return eng_rxpool_check(p, e);
}

/* The order matters: what matches nothing goes first, then the edges from which no end is reached;
 * which rules may be empty is asked of what is left, and left recursion last, because what stands
 * behind an empty rule is a beginning, too. */
sk_status eng_rules_finish(eng_rules *r, eng_rxpool *p, sk_err *e)
{
    if (r->st == SK_E_TOOBIG)
        return sk_fail(e, SK_E_TOOBIG, "the grammar is too large: more than %zu edges", r->most);
    if (r->st) return sk_fail(e, r->st, "no memory for the grammar");
    sk_status st = drop_empty(r, p, e);
    if (st) return st;
    reach w;
    bool ok = reach_new(&w, r) && eng_grow(&r->null, &r->cap_null, r->n_rule, sizeof *r->null);
    if (ok) {
        spread(&w, p, false);
        bool any = w.good[r->start[0]];
        if (any) prune(&w, p);
        spread(&w, p, true);
        for (size_t i = 0; i < r->n_rule; i++)
            r->null[i] = w.good[r->start[i]];
        st = !any    ? sk_fail(e, SK_E_INVALID, "nothing satisfies the grammar")
             : r->st ? sk_fail(e, r->st, "no room for the grammar")
                     : check_left(r, w.mem, e);
    } else {
        st = sk_fail(e, SK_E_NOMEM, "no memory for the grammar");
    }
    sk_arena_free(w.mem);
    return st;
}
