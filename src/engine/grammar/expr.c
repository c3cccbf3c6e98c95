/* expr.c - making expressions: each is brought into one form, and found again if it exists. */
#include "engine/grammar/expr.h"

#include <assert.h>
#include <stdlib.h>

#define EMPTY UINT32_MAX

/* ---- the index ---- */

uint32_t eng_rxindex_find(const eng_rxindex *x, uint64_t h, bool (*same)(const void *, uint32_t),
                          const void *arg)
{
    if (!x->cap) return EMPTY;
    assert(x->n < x->cap); /* a free place ends the search */
    for (size_t i = (size_t)h & (x->cap - 1);; i = (i + 1) & (x->cap - 1)) {
        if (x->slot[i] == EMPTY) return EMPTY;
        if (same(arg, x->slot[i])) return x->slot[i];
    }
}

static void place(eng_rxindex *x, uint64_t h, uint32_t number)
{
    assert(x->n < x->cap);
    size_t i = (size_t)h & (x->cap - 1);
    while (x->slot[i] != EMPTY)
        i = (i + 1) & (x->cap - 1);
    x->slot[i] = number;
}

bool eng_rxindex_add(eng_rxindex *x, uint64_t h, uint32_t number,
                     uint64_t (*hash_of)(const void *, uint32_t), const void *arg)
{
    if ((x->n + 1) * 2 > x->cap) {
        eng_rxindex big = {NULL, x->n, x->cap ? x->cap * 2 : 256};
        big.slot = sk_alloc(SK_MEM_REQUEST, big.cap * sizeof *big.slot);
        if (!big.slot) return false;
        memset(big.slot, 0xff, big.cap * sizeof *big.slot);
        for (size_t i = 0; i < x->cap; i++)
            if (x->slot[i] != EMPTY) place(&big, hash_of(arg, x->slot[i]), x->slot[i]);
        sk_free(x->slot);
        *x = big;
    }
    place(x, h, number);
    x->n++;
    return true;
}

/* ---- the pool ---- */

/* What a search compares with: a node that is to be, its members not yet in the list. */
typedef struct probe {
    const eng_rxpool *p;
    const eng_rxnode *node;
    const uint32_t *member; /* of OR and AND */
    const eng_bytes *set;   /* when a set is looked for */
} probe;

static bool is_list(const eng_rxnode *v)
{
    return v->kind == ENG_RXK_OR || v->kind == ENG_RXK_AND;
}

static uint32_t hash_node(const eng_rxnode *v, const uint32_t *member)
{
    uint64_t h = eng_mix(v->kind, v->b);
    if (!is_list(v)) return (uint32_t)eng_mix(eng_mix(h, v->a), (uint64_t)v->lo << 32 | v->hi);
    for (uint32_t i = 0; i < v->b; i++)
        h = eng_mix(h, member[i]);
    return (uint32_t)h;
}

static uint64_t hash_of_node(const void *arg, uint32_t i)
{
    return ((const eng_rxpool *)arg)->node[i].hash;
}

static bool same_node(const void *arg, uint32_t i)
{
    const probe *q = arg;
    const eng_rxnode *a = q->node, *b = &q->p->node[i];
    if (a->hash != b->hash || a->kind != b->kind || a->b != b->b) return false;
    if (is_list(a))
        return q->member &&
               !memcmp(q->member, eng_blocks_at(&q->p->list, b->a), a->b * sizeof *q->member);
    return a->a == b->a && a->lo == b->lo && a->hi == b->hi;
}

static uint64_t hash_set(const eng_bytes *s)
{
    uint64_t h = 1;
    for (int i = 0; i < 4; i++)
        h = eng_mix(h, s->w[i]);
    return h;
}

static uint64_t hash_of_set(const void *arg, uint32_t i)
{
    return hash_set(&((const eng_rxpool *)arg)->set[i]);
}

static bool same_set(const void *arg, uint32_t i)
{
    const probe *q = arg;
    return !memcmp(q->set, &q->p->set[i], sizeof *q->set);
}

static eng_rx failed(eng_rxpool *p, sk_status st)
{
    if (!p->st) p->st = st;
    return ENG_RX_NONE;
}

/* The number of the expression v, which is made if there is none like it.  member: of OR and AND,
 * v->b of them, outside the pool's own list. */
static eng_rx intern(eng_rxpool *p, eng_rxnode v, const uint32_t *member)
{
    if (p->st) return ENG_RX_NONE;
    assert(!is_list(&v) || (v.b >= 2 && member));
    assert(v.kind != ENG_RXK_CAT || (v.a < p->n && v.b < p->n));
    v.hash = hash_node(&v, member);
    uint32_t i = eng_rxindex_find(&p->by_node, v.hash, same_node, &(probe){p, &v, member, NULL});
    if (i != EMPTY) return i;
    size_t more = is_list(&v) ? v.b : 0;
    eng_rxpool_worked(p, more / 8);
    if (p->n + (p->list.len + more) / ENG_RX_MEMBERS >= p->most) return failed(p, SK_E_TOOBIG);
    if (!eng_grow(&p->node, &p->cap, p->n + 1, sizeof *p->node)) return failed(p, SK_E_NOMEM);
    if (more && member && !eng_blocks_add(&p->list, member, more, &v.a))
        return failed(p, SK_E_NOMEM);
    v.arrow = EMPTY;
    p->node[p->n] = v;
    if (!eng_rxindex_add(&p->by_node, v.hash, (uint32_t)p->n, hash_of_node, p))
        return failed(p, SK_E_NOMEM);
    return (eng_rx)p->n++;
}

sk_status eng_rxpool_init(eng_rxpool *p, size_t most, sk_err *e)
{
    *p = (eng_rxpool){.most = most};
    (void)intern(p, (eng_rxnode){.kind = ENG_RXK_NONE}, NULL);
    (void)intern(p, (eng_rxnode){.kind = ENG_RXK_EPS, .nullable = true}, NULL);
    (void)intern(p, (eng_rxnode){.kind = ENG_RXK_NOT, .nullable = true, .a = ENG_RX_NONE}, NULL);
    return eng_rxpool_check(p, e);
}

void eng_rxpool_fini(eng_rxpool *p)
{
    sk_free(p->node);
    eng_blocks_fini(&p->list);
    sk_free(p->set);
    sk_free(p->arrow);
    sk_free(p->by_node.slot);
    sk_free(p->by_set.slot);
    sk_free(p->bits);
    *p = (eng_rxpool){0};
}

size_t eng_rxpool_bytes(const eng_rxpool *p)
{
    return p->cap * sizeof *p->node + eng_blocks_bytes(&p->list) + p->cap_set * sizeof *p->set +
           p->cap_arrow * sizeof *p->arrow + p->cap_bits * sizeof *p->bits +
           (p->by_node.cap + p->by_set.cap) * 4;
}

eng_rxmark eng_rxpool_mark(const eng_rxpool *p)
{
    return (eng_rxmark){p->n, p->list.len, p->n_set, p->n_arrow};
}

void eng_rxpool_cut(eng_rxpool *p, const eng_rxmark *m)
{
    assert(m->n <= p->n && m->n_set <= p->n_set && m->n_arrow <= p->n_arrow);
    p->n = m->n;
    eng_blocks_cut(&p->list, m->n_list);
    p->n_set = m->n_set;
    p->n_arrow = m->n_arrow;
    p->st = SK_OK;
    p->by_node.n = m->n;
    p->by_set.n = m->n_set;
    if (p->by_node.cap) memset(p->by_node.slot, 0xff, p->by_node.cap * sizeof(uint32_t));
    if (p->by_set.cap) memset(p->by_set.slot, 0xff, p->by_set.cap * sizeof(uint32_t));
    for (uint32_t i = 0; i < m->n; i++) {
        eng_rxnode *v = &p->node[i];
        if (v->arrow != EMPTY && v->arrow + v->n_arrow > m->n_arrow) v->arrow = EMPTY;
        place(&p->by_node, hash_of_node(p, i), i);
    }
    for (uint32_t i = 0; i < m->n_set; i++)
        place(&p->by_set, hash_of_set(p, i), i);
}

sk_status eng_rxpool_check(const eng_rxpool *p, sk_err *e)
{
    if (!p->st) return SK_OK;
    if (p->st == SK_E_NOMEM) return sk_fail(e, SK_E_NOMEM, "no memory for the grammar");
    return sk_fail(e, p->st, "the grammar is too complex: more than %zu expressions", p->most);
}

/* ---- makers ---- */

eng_rx eng_rx_set(eng_rxpool *p, const eng_bytes *s)
{
    if (p->st || eng_bytes_none(s)) return ENG_RX_NONE;
    uint64_t h = hash_set(s);
    uint32_t i = eng_rxindex_find(&p->by_set, h, same_set, &(probe){p, NULL, NULL, s});
    if (i == EMPTY) {
        if (!eng_grow(&p->set, &p->cap_set, p->n_set + 1, sizeof *p->set))
            return failed(p, SK_E_NOMEM);
        p->set[p->n_set] = *s;
        i = (uint32_t)p->n_set;
        if (!eng_rxindex_add(&p->by_set, h, i, hash_of_set, p)) return failed(p, SK_E_NOMEM);
        p->n_set++;
    }
    return intern(p, (eng_rxnode){.kind = ENG_RXK_SET, .a = i}, NULL);
}

eng_rx eng_rx_lit(eng_rxpool *p, const char *s, size_t n)
{
    eng_rx r = ENG_RX_EPS;
    while (n--) {
        eng_bytes b = {{0}};
        eng_bytes_add(&b, (uint8_t)s[n], (uint8_t)s[n]);
        r = eng_rx_cat(p, eng_rx_set(p, &b), r);
    }
    return r;
}

/* The parts of a chain of CATs, in order; the usual few need no memory. */
typedef struct chain {
    eng_rx few[64], *many;
    size_t n, cap; /* cap: of `many` */
} chain;

enum { FEW = sizeof((chain *)NULL)->few / sizeof(eng_rx) };

static bool chain_add(chain *c, eng_rx x)
{
    if (c->n == FEW) {
        if (!eng_grow(&c->many, &c->cap, 4 * FEW, sizeof *c->many)) return false;
        memcpy(c->many, c->few, sizeof c->few);
    }
    if (c->n >= FEW && !eng_grow(&c->many, &c->cap, c->n + 1, sizeof *c->many)) return false;
    eng_rx *to = c->n < FEW ? c->few : c->many;
    to[c->n++] = x;
    return true;
}

/* All parts of a; false without memory. */
static bool chain_of(const eng_rxpool *p, eng_rx a, chain *c)
{
    for (; p->node[a].kind == ENG_RXK_CAT; a = p->node[a].b)
        if (!chain_add(c, p->node[a].a)) return false;
    return chain_add(c, a);
}

/* Concatenation leans to the right, so the left part of a CAT is none itself: a chain of them on
 * the left is turned over, from its end. */
eng_rx eng_rx_cat(eng_rxpool *p, eng_rx a, eng_rx b)
{
    if (p->st || a == ENG_RX_NONE || b == ENG_RX_NONE) return ENG_RX_NONE;
    if (a == ENG_RX_EPS) return b;
    if (b == ENG_RX_EPS) return a;
    assert(a < p->n && b < p->n);
    chain c; /* `few` is left as it is: most chains are short, and this is called often */
    c.many = NULL;
    c.n = c.cap = 0;
    if (!chain_of(p, a, &c)) {
        sk_free(c.many);
        return failed(p, SK_E_NOMEM);
    }
    const eng_rx *part = c.many ? c.many : c.few;
    eng_rxpool_worked(p, c.n / 2);
    while (c.n && !p->st) {
        eng_rx left = part[--c.n];
        const eng_rxnode *x = &p->node[left], *y = &p->node[b];
        b = intern(p,
                   (eng_rxnode){.kind = ENG_RXK_CAT,
                                .nullable = x->nullable && y->nullable,
                                .hard = x->hard || y->hard,
                                .a = left,
                                .b = b},
                   NULL);
    }
    sk_free(c.many);
    return p->st ? ENG_RX_NONE : b;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Puts v[n - 1] among the sorted v[0..n - 1), if it is not there yet; the new length. */
static size_t insert_last(eng_rx *v, size_t n)
{
    assert(n);
    eng_rx x = v[n - 1];
    size_t lo = 0, hi = n - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (v[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < n - 1 && v[lo] == x) return n - 1;
    memmove(v + lo + 1, v + lo, (n - 1 - lo) * sizeof *v);
    v[lo] = x;
    return n;
}

/* Sorts v[0..n) and takes out what is there twice; the new length. */
static size_t sort_unique(eng_rx *v, size_t n)
{
    size_t k = 0, sorted = 1;
    while (sorted < n && v[sorted - 1] < v[sorted])
        sorted++;
    if (sorted >= n) return n;
    if (sorted == n - 1) return insert_last(v, n); /* the union of sets, most often */
    qsort(v, n, sizeof *v, by_number);
    for (size_t i = 0; i < n; i++)
        if (!k || v[k - 1] != v[i]) v[k++] = v[i];
    return k;
}

/* Room for a bit for each expression, all 0; false without memory. */
static bool room_for_bits(eng_rxpool *p)
{
    size_t before = p->cap_bits, words = p->n / 64 + 1;
    if (!eng_grow(&p->bits, &p->cap_bits, words, sizeof *p->bits)) return false;
    if (p->cap_bits > before) memset(p->bits + before, 0, (p->cap_bits - before) * sizeof *p->bits);
    return true;
}

static void set_bit(eng_rxpool *p, eng_rx x)
{
    p->bits[x / 64] |= UINT64_C(1) << x % 64;
}

/* Sets the bits of the members of v, those of its members of the same kind instead of these. */
static void mark_members(eng_rxpool *p, eng_rxkind kind, const eng_rx *v, size_t n)
{
    size_t looked = n + p->n / 64;
    for (size_t i = 0; i < n; i++) {
        const eng_rxnode *x = &p->node[v[i]];
        if (x->kind == kind && p->bits[v[i] / 64] >> v[i] % 64 & 1) continue; /* opened before */
        set_bit(p, v[i]);
        if (x->kind != kind) continue;
        looked += x->b;
        const eng_rx *member = eng_blocks_at(&p->list, x->a);
        for (uint32_t k = 0; k < x->b; k++)
            set_bit(p, member[k]);
    }
    for (size_t i = 0; i < n; i++)
        if (p->node[v[i]].kind == kind) p->bits[v[i] / 64] &= ~(UINT64_C(1) << v[i] % 64);
    eng_rxpool_worked(p, 1 + looked / 8);
}

/* The members of v with members of the same kind opened up, in a new array of *n_out, sorted and
 * each once; NULL without memory.  Long lists hold much of one another: a bit for each expression
 * says what is there in time that goes with their lengths. */
static eng_rx *flatten(eng_rxpool *p, eng_rxkind kind, const eng_rx *v, size_t n, size_t *n_out)
{
    size_t total = 0, k = 0, words = p->n / 64 + 1;
    if (!room_for_bits(p)) return NULL;
    mark_members(p, kind, v, n);
    for (size_t i = 0; i < words; i++)
        total += (size_t)__builtin_popcountll(p->bits[i]);
    eng_rx *out = sk_alloc(SK_MEM_REQUEST, (total + 1) * sizeof *out);
    for (size_t i = 0; i < words; i++) {
        for (uint64_t w = out ? p->bits[i] : 0; w; w &= w - 1)
            out[k++] = (eng_rx)(i * 64 + (size_t)__builtin_ctzll(w));
        p->bits[i] = 0;
    }
    assert(!out || k == total);
    *n_out = k;
    return out;
}

/* The sets among v[0..n) become one, their union or their intersection; the new length. */
static size_t join_sets(eng_rxpool *p, bool both, eng_rx *v, size_t n)
{
    size_t k = 0, found = 0;
    eng_bytes sum = {{0}};
    for (size_t i = 0; i < n; i++) {
        const eng_rxnode *x = &p->node[v[i]];
        if (x->kind != ENG_RXK_SET) {
            v[k++] = v[i];
            continue;
        }
        const eng_bytes *s = &p->set[x->a];
        sum = !found++ ? *s : both ? eng_bytes_and(&sum, s) : eng_bytes_or(&sum, s);
    }
    if (found) v[k++] = eng_rx_set(p, &sum);
    return k;
}

/* What is left of an OR (or, mirrored, an AND) of v[0..n) when what changes nothing is dropped:
 * `unit` is dropped, `top` decides; the new length, or SIZE_MAX when it is `top` alone. */
static size_t reduce(eng_rxpool *p, bool both, eng_rx *v, size_t n)
{
    eng_rx unit = both ? ENG_RX_ALL : ENG_RX_NONE, top = both ? ENG_RX_NONE : ENG_RX_ALL;
    n = sort_unique(v, join_sets(p, both, v, n));
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i] == top) return SIZE_MAX;
        if (v[i] != unit) v[k++] = v[i];
    }
    return k;
}

/* An OR or AND of members in their form. */
static eng_rx make_list(eng_rxpool *p, bool both, const eng_rx *v, size_t n)
{
    eng_rxnode x = {
        .kind = both ? ENG_RXK_AND : ENG_RXK_OR, .nullable = both, .hard = both, .b = (uint32_t)n};
    bool all_hard = true;
    for (size_t i = 0; i < n; i++) {
        const eng_rxnode *y = &p->node[v[i]];
        x.nullable = both ? x.nullable && y->nullable : x.nullable || y->nullable;
        all_hard = all_hard && y->hard;
    }
    /* An OR is sure to match something as soon as one member is. */
    if (!both) x.hard = all_hard;
    return intern(p, x, v);
}

/* The OR or AND of members.  Most have a few that are of another kind: those need no memory.  Of
 * nothing, an OR matches nothing and an AND everything. */
static eng_rx combine(eng_rxpool *p, bool both, const eng_rx *in, size_t n)
{
    eng_rx few[64], *v = few, r;
    eng_rxkind kind = both ? ENG_RXK_AND : ENG_RXK_OR;
    bool flat = n <= 64;
    for (size_t i = 0; i < n && flat; i++)
        flat = p->node[in[i]].kind != kind;
    if (flat) {
        if (n) memcpy(few, in, n * sizeof *few);
    } else {
        v = flatten(p, kind, in, n, &n);
        if (!v) return failed(p, SK_E_NOMEM);
    }
    n = reduce(p, both, v, n);
    if (n == SIZE_MAX)
        r = both ? ENG_RX_NONE : ENG_RX_ALL;
    else if (!n)
        r = both ? ENG_RX_ALL : ENG_RX_NONE;
    else if (n == 1)
        r = v[0];
    else
        r = make_list(p, both, v, n);
    if (v != few) sk_free(v);
    return p->st ? ENG_RX_NONE : r;
}

eng_rx eng_rx_or(eng_rxpool *p, eng_rx *v, size_t n)
{
    return p->st ? ENG_RX_NONE : combine(p, false, v, n);
}

eng_rx eng_rx_and(eng_rxpool *p, eng_rx *v, size_t n)
{
    if (p->st) return ENG_RX_NONE;
    /* With the empty string among them all that is left is that string, or nothing. */
    for (size_t i = 0; i < n; i++) {
        if (v[i] != ENG_RX_EPS) continue;
        bool nullable = true;
        for (size_t k = 0; k < n; k++)
            nullable = nullable && p->node[v[k]].nullable;
        return nullable ? ENG_RX_EPS : ENG_RX_NONE;
    }
    return combine(p, true, v, n);
}

eng_rx eng_rx_or2(eng_rxpool *p, eng_rx a, eng_rx b)
{
    eng_rx v[2] = {a, b};
    return eng_rx_or(p, v, 2);
}

void eng_rxsum_add(eng_rxpool *p, eng_rxsum *s, eng_rx a)
{
    if (p->st) return;
    if (eng_grow(&s->v, &s->cap, s->n + 1, sizeof *s->v))
        s->v[s->n++] = a;
    else
        (void)failed(p, SK_E_NOMEM);
}

eng_rx eng_rxsum_or(eng_rxpool *p, eng_rxsum *s)
{
    eng_rx r = s->n ? eng_rx_or(p, s->v, s->n) : ENG_RX_NONE;
    sk_free(s->v);
    *s = (eng_rxsum){0};
    return r;
}

eng_rx eng_rx_and2(eng_rxpool *p, eng_rx a, eng_rx b)
{
    eng_rx v[2] = {a, b};
    return eng_rx_and(p, v, 2);
}

eng_rx eng_rx_not(eng_rxpool *p, eng_rx a)
{
    if (p->st) return ENG_RX_NONE;
    assert(a < p->n);
    const eng_rxnode *x = &p->node[a];
    if (x->kind == ENG_RXK_NOT) return x->a;
    return intern(
        p, (eng_rxnode){.kind = ENG_RXK_NOT, .nullable = !x->nullable, .hard = true, .a = a}, NULL);
}

eng_rx eng_rx_rep(eng_rxpool *p, eng_rx a, uint32_t lo, uint32_t hi)
{
    if (p->st || lo > hi) return ENG_RX_NONE;
    if (hi == 0 || a == ENG_RX_EPS) return ENG_RX_EPS;
    if (a == ENG_RX_NONE) return lo ? ENG_RX_NONE : ENG_RX_EPS;
    if (lo == 1 && hi == 1) return a;
    assert(a < p->n);
    const eng_rxnode *x = &p->node[a];
    if (x->nullable) lo = 0;
    if (x->kind == ENG_RXK_REP && x->lo == 0 && x->hi == ENG_RX_INF) return a;
    return intern(p,
                  (eng_rxnode){.kind = ENG_RXK_REP,
                               .nullable = lo == 0,
                               .hard = lo > 0 && x->hard,
                               .a = a,
                               .lo = lo,
                               .hi = hi},
                  NULL);
}

eng_rx eng_rx_rem(eng_rxpool *p, uint32_t div, uint64_t rem, uint32_t places, uint32_t mode)
{
    if (p->st) return ENG_RX_NONE;
    assert(div && mode <= 3);
    uint64_t r = rem % div;
    for (uint32_t i = 0; i < places; i++)
        r = r * 10 % div;
    return intern(p,
                  (eng_rxnode){.kind = ENG_RXK_REM,
                               .nullable = mode != 1 && r == 0,
                               .hard = true,
                               .a = div,
                               .b = (uint32_t)(rem % div),
                               .lo = places,
                               .hi = mode},
                  NULL);
}

eng_rx eng_rx_multiple(eng_rxpool *p, uint32_t div, uint32_t places)
{
    return eng_rx_rem(p, div, 0, places, places ? 0 : 3);
}
