/* expr_arrow.c - derivatives: what is left of an expression after a byte, for all bytes at once. */
#include "engine/grammar/expr.h"

#include <assert.h>

#define NO_LINK UINT32_MAX

/* Levels of a derivation in one another; each is a C frame of some hundred bytes. */
enum { DEPTH_MAX = 4000, FATE_MAX = 20000 };

/* ---- classes of bytes ---- */

void eng_spread_init(eng_spread *s)
{
    memset(s->cls, 0, sizeof s->cls);
    s->size[0] = 256;
    s->n = 1;
    s->head[0] = NO_LINK;
}

/* A class of which some bytes are in the set and some are not becomes two. */
void eng_spread_cut(eng_spread *s, const eng_bytes *set)
{
    uint16_t in[256];
    uint8_t to[256];
    unsigned n = s->n;
    memset(in, 0, n * sizeof *in);
    for (unsigned b = eng_bytes_next(set, 0); b < 256; b = eng_bytes_next(set, b + 1))
        in[s->cls[b]]++;
    for (unsigned c = 0; c < n; c++) {
        to[c] = (uint8_t)c;
        if (!in[c] || in[c] == s->size[c]) continue;
        assert(s->n < 256); /* no class is empty */
        s->head[s->n] = NO_LINK;
        s->size[c] = (uint16_t)(s->size[c] - in[c]);
        s->size[s->n] = in[c];
        to[c] = (uint8_t)s->n++;
    }
    if (s->n == n) return;
    for (unsigned b = eng_bytes_next(set, 0); b < 256; b = eng_bytes_next(set, b + 1))
        s->cls[b] = to[s->cls[b]];
}

void eng_spread_done(eng_spread *s)
{
    for (unsigned b = 256; b-- > 0;)
        s->rep[s->cls[b]] = (uint8_t)b;
}

static void hang(eng_spread *s, unsigned c, uint32_t item, eng_spreadlink *link, size_t *n_link)
{
    link[*n_link] = (eng_spreadlink){item, s->head[c]};
    s->head[c] = (uint32_t)(*n_link)++;
}

void eng_spread_link(eng_spread *s, const eng_bytes *set, uint32_t item, eng_spreadlink *link,
                     size_t *n_link)
{
    unsigned b = eng_bytes_next(set, 0);
    if (b < 256 && eng_bytes_next(set, b + 1) == 256) { /* most are of one byte */
        hang(s, s->cls[b], item, link, n_link);
        return;
    }
    for (unsigned c = 0; c < s->n; c++)
        if (eng_bytes_has(set, s->rep[c])) hang(s, c, item, link, n_link);
}

/* ---- arrows under construction ---- */

/* A list of arrows that grows; `p` notes when there is no memory. */
typedef struct arrows {
    eng_rxpool *p;
    eng_rxarrow *v;
    size_t n, cap;
} arrows;

/* Adds an arrow; arrows to the same expression become one. */
static void put(arrows *w, const eng_bytes *set, eng_rx to)
{
    if (to == ENG_RX_NONE || eng_bytes_none(set)) return;
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].to == to) {
            w->v[i].set = eng_bytes_or(&w->v[i].set, set);
            return;
        }
    if (!eng_grow(&w->v, &w->cap, w->n + 1, sizeof *w->v)) {
        if (!w->p->st) w->p->st = SK_E_NOMEM;
        return;
    }
    w->v[w->n++] = (eng_rxarrow){*set, to};
}

/* Adds an arrow as it is. */
static void append(arrows *w, const eng_bytes *set, eng_rx to)
{
    if (!eng_grow(&w->v, &w->cap, w->n + 1, sizeof *w->v)) {
        if (!w->p->st) w->p->st = SK_E_NOMEM;
        return;
    }
    w->v[w->n++] = (eng_rxarrow){*set, to};
}

/* Where bytes of `in` lead to several expressions, they now lead to the OR of them. */
static void unite(arrows *w, const arrows *in)
{
    eng_spread s;
    eng_spreadlink *link = NULL;
    eng_rx *to = NULL;
    size_t cap_link = 0, n_link = 0;
    if (w->p->st) return;
    eng_rxpool_worked(w->p, in->n);
    eng_spread_init(&s);
    for (size_t i = 0; i < in->n; i++)
        eng_spread_cut(&s, &in->v[i].set);
    eng_spread_done(&s);
    to = sk_alloc(SK_MEM_REQUEST, (in->n + 1) * sizeof *to);
    bool ok = to != NULL;
    for (size_t i = 0; i < in->n && ok; i++) {
        ok = eng_grow(&link, &cap_link, n_link + 256, sizeof *link);
        if (ok) eng_spread_link(&s, &in->v[i].set, (uint32_t)i, link, &n_link);
    }
    for (unsigned c = 0; c < s.n && ok && link; c++) {
        size_t n = 0;
        eng_bytes set = {{0}};
        for (uint32_t k = s.head[c]; k != NO_LINK; k = link[k].next)
            to[n++] = in->v[link[k].item].to;
        if (!n) continue;
        for (unsigned b = 0; b < 256; b++)
            if (s.cls[b] == c) eng_bytes_add(&set, b, b);
        put(w, &set, n == 1 ? to[0] : eng_rx_or(w->p, to, n));
    }
    if (!ok && !w->p->st) w->p->st = SK_E_NOMEM;
    sk_free(link);
    sk_free(to);
}

/* Adds the arrows of e, each with `rest` behind what is left. */
static void add_followed(arrows *w, eng_rx e, eng_rx rest)
{
    size_t n, at = eng_rx_arrows(w->p, e, &n);
    for (size_t i = 0; i < n; i++) {
        eng_rxarrow a = w->p->arrow[at + i];
        append(w, &a.set, eng_rx_cat(w->p, a.to, rest));
    }
}

/* ---- one kind each ---- */

static void of_cat(arrows *w, eng_rxnode x)
{
    arrows all = {w->p, NULL, 0, 0};
    add_followed(&all, x.a, x.b);
    if (w->p->node[x.a].nullable) {
        add_followed(&all, x.b, ENG_RX_EPS);
        unite(w, &all);
    } else {
        for (size_t i = 0; i < all.n; i++)
            put(w, &all.v[i].set, all.v[i].to);
    }
    sk_free(all.v);
}

static void of_or(arrows *w, eng_rxnode x)
{
    arrows all = {w->p, NULL, 0, 0};
    for (uint32_t i = 0; i < x.b && !w->p->st; i++)
        add_followed(&all, eng_rx_member(w->p, &x, i), ENG_RX_EPS);
    unite(w, &all);
    sk_free(all.v);
}

/* Every pair of arrows that share bytes, member by member. */
static void of_and(arrows *w, eng_rxnode x)
{
    arrows sum = {w->p, NULL, 0, 0};
    assert(x.b >= 2);
    add_followed(&sum, eng_rx_member(w->p, &x, 0), ENG_RX_EPS);
    for (uint32_t i = 1; i < x.b && !w->p->st; i++) {
        arrows next = {w->p, NULL, 0, 0};
        size_t n, at = eng_rx_arrows(w->p, eng_rx_member(w->p, &x, i), &n);
        eng_rxpool_worked(w->p, sum.n * n);
        for (size_t k = 0; k < sum.n && !w->p->st; k++)
            for (size_t j = 0; j < n; j++) {
                eng_rxarrow a = w->p->arrow[at + j];
                eng_bytes both = eng_bytes_and(&sum.v[k].set, &a.set);
                if (!eng_bytes_none(&both)) put(&next, &both, eng_rx_and2(w->p, sum.v[k].to, a.to));
            }
        sk_free(sum.v);
        sum = next;
    }
    for (size_t i = 0; i < sum.n; i++)
        put(w, &sum.v[i].set, sum.v[i].to);
    sk_free(sum.v);
}

static void of_not(arrows *w, eng_rxnode x)
{
    size_t n, at = eng_rx_arrows(w->p, x.a, &n);
    eng_bytes rest = eng_bytes_not(&(eng_bytes){{0}});
    for (size_t i = 0; i < n; i++) {
        eng_rxarrow a = w->p->arrow[at + i];
        eng_bytes out = eng_bytes_not(&a.set);
        rest = eng_bytes_and(&rest, &out);
        put(w, &a.set, eng_rx_not(w->p, a.to));
    }
    put(w, &rest, ENG_RX_ALL);
}

static void of_rep(arrows *w, eng_rxnode x)
{
    assert(x.hi);
    uint32_t lo = x.lo ? x.lo - 1 : 0, hi = x.hi == ENG_RX_INF ? ENG_RX_INF : x.hi - 1;
    eng_rx rest = eng_rx_rep(w->p, x.a, lo, hi);
    arrows all = {w->p, NULL, 0, 0};
    add_followed(&all, x.a, rest);
    for (size_t i = 0; i < all.n; i++)
        put(w, &all.v[i].set, all.v[i].to);
    sk_free(all.v);
}

/* Digits, of which the last `places` stand behind a point (modes: see eng_rx_rem; 3: no point). */
static void of_rem(arrows *w, eng_rxnode x)
{
    bool behind = x.hi == 1 || x.hi == 2;
    for (unsigned d = 0; d < 10; d++) {
        eng_bytes set = {{0}};
        eng_bytes_add(&set, '0' + d, '0' + d);
        if (!behind)
            put(w, &set, eng_rx_rem(w->p, x.a, (uint64_t)x.b * 10 + d, x.lo, x.hi));
        else if (x.lo)
            put(w, &set, eng_rx_rem(w->p, x.a, (uint64_t)x.b * 10 + d, x.lo - 1, 2));
        else if (!d)
            put(w, &set, eng_rx_rem(w->p, x.a, x.b, 0, 2));
    }
    eng_bytes point = {{0}};
    eng_bytes_add(&point, '.', '.');
    if (x.hi == 0) put(w, &point, eng_rx_rem(w->p, x.a, x.b, x.lo, 1));
}

/* ---- asking ---- */

/* Puts the arrows of e: for each set of bytes, what is left to be matched behind one of them.  An
 * expression that can only end, or match nothing, has none. */
static void derive(arrows *w, eng_rx e)
{
    eng_rxnode x = w->p->node[e];
    switch ((eng_rxkind)x.kind) {
    case ENG_RXK_NONE:
    case ENG_RXK_EPS:
        return;
    case ENG_RXK_SET:
        put(w, &w->p->set[x.a], ENG_RX_EPS);
        return;
    case ENG_RXK_CAT:
        of_cat(w, x);
        return;
    case ENG_RXK_OR:
        of_or(w, x);
        return;
    case ENG_RXK_AND:
        of_and(w, x);
        return;
    case ENG_RXK_NOT:
        of_not(w, x);
        return;
    case ENG_RXK_REP:
        of_rep(w, x);
        return;
    case ENG_RXK_REM:
        of_rem(w, x);
        return;
    }
}

/* A failure leaves the expression without arrows, which are asked for again should the pool be
 * mended. */
size_t eng_rx_arrows(eng_rxpool *p, eng_rx e, size_t *n)
{
    *n = 0;
    if (p->st) return 0;
    assert(e < p->n);
    if (p->node[e].arrow == UINT32_MAX) {
        if (eng_rxpool_is_spent(p)) return 0;
        if (p->depth >= DEPTH_MAX) {
            p->st = SK_E_TOOBIG;
            return 0;
        }
        arrows w = {p, NULL, 0, 0};
        p->depth++;
        derive(&w, e);
        p->depth--;
        eng_rxpool_worked(p, 1 + w.n);
        if (!p->st && !eng_grow(&p->arrow, &p->cap_arrow, p->n_arrow + w.n, sizeof *p->arrow))
            p->st = SK_E_NOMEM;
        if (!p->st) {
            if (w.n) memcpy(p->arrow + p->n_arrow, w.v, w.n * sizeof *w.v);
            p->node[e].arrow = (uint32_t)p->n_arrow;
            p->node[e].n_arrow = (uint32_t)w.n;
            p->n_arrow += w.n;
        }
        sk_free(w.v);
        if (p->st) return 0;
        p->made++;
        if (p->depth) (void)eng_rxpool_is_spent(p); /* then those around this one are given up */
    }
    *n = p->node[e].n_arrow;
    return p->node[e].arrow;
}

eng_rx eng_rx_step(eng_rxpool *p, eng_rx e, unsigned b)
{
    assert(b < 256);
    size_t n, at = eng_rx_arrows(p, e, &n);
    for (size_t i = 0; i < n; i++)
        if (eng_bytes_has(&p->arrow[at + i].set, b)) return p->arrow[at + i].to;
    return ENG_RX_NONE;
}

bool eng_rx_match(eng_rxpool *p, eng_rx e, const char *s, size_t n)
{
    for (size_t i = 0; i < n && e != ENG_RX_NONE; i++)
        e = eng_rx_step(p, e, (uint8_t)s[i]);
    return p->node[e].nullable;
}

/* An expression met on the search, and the one it came from. */
typedef struct met {
    eng_rx e;
    uint32_t from;
} met;

/* 1: surely matches something, 2: surely nothing, 0: not known without looking further. */
static int fate_now(const eng_rxpool *p, eng_rx e)
{
    const eng_rxnode *x = &p->node[e];
    if (e == ENG_RX_NONE) return 2;
    return x->nullable || !x->hard ? 1 : x->fate;
}

/* Breadth first over the derivatives, until one is met that surely matches; those on the way to it
 * do so too.  Without one, none of those met matches anything.  fate 3 marks what is in `q`. */
static sk_status search(eng_rxpool *p, eng_rx e, met **q, size_t *n, size_t *cap)
{
    if (!eng_grow(q, cap, 1, sizeof **q)) return SK_E_NOMEM;
    (*q)[(*n)++] = (met){e, UINT32_MAX};
    p->node[e].fate = 3;
    for (size_t i = 0; i < *n; i++) {
        size_t k, at = eng_rx_arrows(p, (*q)[i].e, &k);
        if (p->st) return p->st;
        for (size_t j = 0; j < k; j++) {
            eng_rx to = p->arrow[at + j].to;
            int f = fate_now(p, to);
            if (f == 1) {
                for (uint32_t b = (uint32_t)i; b != UINT32_MAX; b = (*q)[b].from)
                    p->node[(*q)[b].e].fate = 1;
                return SK_OK;
            }
            if (f) continue;
            if (*n >= FATE_MAX) return SK_E_TOOBIG;
            if (!eng_grow(q, cap, *n + 1, sizeof **q)) return SK_E_NOMEM;
            (*q)[(*n)++] = (met){to, (uint32_t)i};
            p->node[to].fate = 3;
        }
    }
    for (size_t i = 0; i < *n; i++)
        p->node[(*q)[i].e].fate = 2;
    return SK_OK;
}

bool eng_rx_empty(eng_rxpool *p, eng_rx e)
{
    int f = fate_now(p, e);
    if (f) return f == 2;
    met *q = NULL;
    size_t n = 0, cap = 0;
    sk_status st = search(p, e, &q, &n, &cap);
    for (size_t i = 0; i < n; i++)
        if (p->node[q[i].e].fate == 3) p->node[q[i].e].fate = 0;
    sk_free(q);
    if (st && !p->st) p->st = st;
    return !st && p->node[e].fate == 2;
}
