/* book_lex.c - the notebook of a grammar: its lexer. */
#include "engine/grammar/book.h"

#include <assert.h>
#include <stdlib.h>

/* What is looked for. */
typedef struct probe {
    const eng_book *b;
    const eng_lexitem *v;
    size_t n;
} probe;

static uint64_t hash_items(const eng_lexitem *v, size_t n)
{
    uint64_t h = 3;
    for (size_t i = 0; i < n; i++)
        h = eng_mix(h, (uint64_t)v[i].lexeme << 32 | v[i].left);
    return h;
}

static uint64_t hash_of_lex(const void *arg, uint32_t i)
{
    const eng_book *b = arg;
    return hash_items(b->lexitem + b->lex[i].item, b->lex[i].n);
}

static bool same_lex(const void *arg, uint32_t i)
{
    const probe *q = arg;
    const eng_lex *l = &q->b->lex[i];
    return l->n == q->n && !memcmp(q->v, q->b->lexitem + l->item, q->n * sizeof *q->v);
}

/* True if rx begins with a quote that ends a string. */
static bool ends_string(const eng_book *b, eng_rx rx)
{
    const eng_rxnode *x = &b->rx->node[rx];
    return b->quote != ENG_RX_NONE && (x->kind == ENG_RXK_CAT ? x->a : rx) == b->quote;
}

/* How many characters of a string may surely come in what is left of an expression: it is a
 * repetition of any character, then the quote.  *exact: no more than that many. */
static uint32_t plain_of(const eng_book *b, eng_rx left, bool *exact)
{
    const eng_rxnode *x = &b->rx->node[left];
    eng_rx rest = ENG_RX_EPS;
    if (x->kind == ENG_RXK_CAT) {
        rest = x->b;
        x = &b->rx->node[x->a];
    }
    bool any = x->kind == ENG_RXK_REP && b->any_json != ENG_RX_NONE &&
               (x->a == b->any_free || x->a == b->any_json);
    if (any) {
        *exact = x->hi == ENG_RX_INF || ends_string(b, rest);
        return x->hi;
    }
    *exact = ends_string(b, left);
    if (x->kind != ENG_RXK_OR || rest != ENG_RX_EPS) return 0;
    /* An OR: as long as its longest member of that form. */
    uint32_t most = 0;
    for (uint32_t i = 0; i < x->b; i++) {
        bool sure;
        const eng_rxnode *m = &b->rx->node[eng_rx_member(b->rx, x, i)];
        if (m->kind == ENG_RXK_OR) continue;
        uint32_t k = plain_of(b, eng_rx_member(b->rx, x, i), &sure);
        if (k > most) most = k;
    }
    return most;
}

/* What a new state's items say of it. */
static void describe(const eng_book *b, eng_lex *l)
{
    l->exact = true;
    for (uint32_t i = 0; i < l->n; i++) {
        eng_rx left = b->lexitem[l->item + i].left;
        bool exact;
        uint32_t k = plain_of(b, left, &exact);
        if (k > l->plain) l->plain = k;
        l->exact = l->exact && exact;
        l->ends = l->ends || b->rx->node[left].nullable;
        l->goes_on = l->goes_on || left != ENG_RX_EPS;
    }
    if (l->plain == ENG_PLAIN_ANY) l->exact = true;
}

/* A state is known by its items as they stand, which is why they must come sorted: the same items
 * in another order would be another state.  It is written before it enters the index, which reads
 * it back (hash_of_lex); n_lex counts it last, so a failure leaves no half state. */
uint16_t eng_book_lex(eng_book *b, const eng_lexitem *v, size_t n)
{
    if (b->st || !n) return 0;
    uint64_t h = hash_items(v, n);
    uint32_t i = eng_rxindex_find(&b->by_lex, h, same_lex, &(probe){b, v, n});
    if (i != UINT32_MAX) return (uint16_t)i;
    if (b->n_lex >= ENG_LEX_MOST) {
        eng_book_fail(b, SK_E_TOOBIG);
        return 0;
    }
    if (!eng_grow(&b->lex, &b->cap_lex, b->n_lex + 1, sizeof *b->lex) ||
        !eng_grow(&b->lexitem, &b->cap_lexitem, b->n_lexitem + n, sizeof *b->lexitem)) {
        eng_book_fail(b, SK_E_NOMEM);
        return 0;
    }
    i = (uint32_t)b->n_lex;
    memcpy(b->lexitem + b->n_lexitem, v, n * sizeof *v);
    b->lex[i] = (eng_lex){.item = (uint32_t)b->n_lexitem, .n = (uint32_t)n};
    b->n_lexitem += n;
    describe(b, &b->lex[i]);
    if (!eng_rxindex_add(&b->by_lex, h, i, hash_of_lex, b)) {
        eng_book_fail(b, SK_E_NOMEM);
        return 0;
    }
    b->n_lex++;
    return (uint16_t)i;
}

/* A row under construction: the arrows of all items, and the classes of bytes they make. */
typedef struct rowwork {
    eng_spread s;
    eng_spreadlink *link;
    eng_lexitem *item; /* by arrow: the lexeme and what is left */
    eng_bytes *set;
    eng_lexitem *one; /* the items of one class */
    size_t n, cap_item, cap_set, n_link, cap_link, cap_one;
    bool ok;
} rowwork;

/* Collects the arrows of every item that lead to something. */
static void collect(eng_book *b, uint16_t lex, rowwork *w)
{
    for (uint32_t i = 0; i < b->lex[lex].n && w->ok; i++) {
        eng_lexitem x = b->lexitem[b->lex[lex].item + i];
        size_t n, at = eng_rx_arrows(b->rx, x.left, &n);
        w->ok = !b->rx->st && eng_grow(&w->item, &w->cap_item, w->n + n, sizeof *w->item) &&
                eng_grow(&w->set, &w->cap_set, w->n + n, sizeof *w->set);
        for (size_t k = 0; k < n && w->ok; k++) {
            eng_rxarrow a = b->rx->arrow[at + k];
            if (eng_rx_empty(b->rx, a.to)) continue;
            w->item[w->n] = (eng_lexitem){x.lexeme, a.to};
            w->set[w->n++] = a.set;
            eng_spread_cut(&w->s, &a.set);
        }
        w->ok = w->ok && !b->rx->st;
    }
}

static int by_lexeme(const void *a, const void *b)
{
    const eng_lexitem *x = a, *y = b;
    if (x->lexeme != y->lexeme) return x->lexeme < y->lexeme ? -1 : 1;
    return (x->left > y->left) - (x->left < y->left);
}

/* The state that bytes of class c lead to. */
static uint16_t follow(eng_book *b, rowwork *w, unsigned c)
{
    size_t n = 0;
    bool sorted = true;
    assert(c < w->s.n);
    for (uint32_t k = w->s.head[c]; k != UINT32_MAX; k = w->link[k].next) {
        w->one[n] = w->item[w->link[k].item];
        sorted = sorted && (!n || by_lexeme(&w->one[n - 1], &w->one[n]) < 0);
        n++;
    }
    if (!n) return 0;
    if (!sorted) qsort(w->one, n, sizeof *w->one, by_lexeme);
    return eng_book_lex(b, w->one, n);
}

/* The bytes fall into classes that no arrow tells apart; the state that follows is looked up once a
 * class, not once a byte.  follow() may make states and so move b->lex: the row is written through
 * the index, when all of them are there. */
bool eng_book_row(eng_book *b, uint16_t lex)
{
    rowwork w = {.ok = true};
    uint16_t to[256];
    assert(lex && lex < b->n_lex); /* 0 is the end, which has no row */
    if (b->st) return false;
    if (eng_book_is_full(b)) return false;
    eng_spread_init(&w.s);
    collect(b, lex, &w);
    eng_rxpool_worked(b->rx, 1 + w.n);
    eng_spread_done(&w.s);
    w.ok = w.ok && eng_grow(&w.one, &w.cap_one, w.n + 1, sizeof *w.one);
    for (size_t i = 0; i < w.n && w.ok; i++) {
        w.ok = eng_grow(&w.link, &w.cap_link, w.n_link + 256, sizeof *w.link);
        if (w.ok) eng_spread_link(&w.s, &w.set[i], (uint32_t)i, w.link, &w.n_link);
    }
    for (unsigned c = 0; c < w.s.n && w.ok; c++)
        to[c] = follow(b, &w, c);
    uint16_t *row = w.ok && !b->st ? sk_arena_alloc(b->mem, 512) : NULL;
    if (row) {
        for (unsigned i = 0; i < 256; i++)
            row[i] = to[w.s.cls[i]];
        b->lex[lex].row = row;
        b->lex[lex].blank = row[' '] == lex && !b->lex[lex].plain;
        b->n_row++;
        b->rx->made++;
    } else {
        eng_book_fail(b, b->rx->st ? b->rx->st : SK_E_NOMEM);
    }
    sk_free(w.link);
    sk_free(w.item);
    sk_free(w.set);
    sk_free(w.one);
    return row != NULL;
}
