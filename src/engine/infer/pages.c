/* pages.c - lists of pages by slot over a pool of numbers and the tree of beginnings. */
#include "engine/infer/pages.h"

#include "base/mem.h"

#include <assert.h>

static size_t pages_of(size_t tokens)
{
    return tokens / ENG_PAGE_TOKENS + (tokens % ENG_PAGE_TOKENS != 0);
}

/* A slot's sequence. */
typedef struct seq {
    uint32_t *page;  /* [most] */
    size_t n_pages;  /* it has */
    size_t n_shared; /* the first so many are in the tree */
    size_t promised; /* pages it may still take */
    uint32_t *near;  /* [most] near pages, those from near_lo to n_pages held, 0 below */
    size_t near_lo;
    size_t near_cap; /* near pages it may hold, which nobody else is promised */
} seq;

struct eng_pages {
    eng_pages_opts o;
    eng_prefix *tree;     /* NULL: none */
    eng_near *near;       /* NULL: none */
    seq *seq;             /* [n_slots] */
    uint32_t *list;       /* [n_slots * most] all their pages; near ones behind those, likewise */
    uint32_t *refs;       /* [n_pages] slots that hold a page */
    uint32_t *free;       /* [n_pages] of them n_free: given back, the last one goes first */
    size_t n_free, n_new; /* pages from n_new on were never used */
    size_t n_held, promised, near_promised;
};

/* ---- open and close ---- */

/* The lists of all slots are one block: first the pages of every slot, then (with windows) the near
 * ones of every slot. */
sk_status eng_pages_open(const eng_pages_opts *o, eng_pages **out, sk_err *e)
{
    assert(o->n_pages && o->n_pages < ENG_PAGE_NONE && o->n_slots && o->most);
    eng_pages *p = sk_calloc(SK_MEM_KV, 1, sizeof *p);
    if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for the pages of a KV cache");
    p->o = *o;
    size_t entries = 0;
    p->seq = sk_calloc(SK_MEM_KV, o->n_slots, sizeof *p->seq);
    size_t lists = o->n_near ? 2 : 1;
    if (sk_mul_size(o->n_slots, o->most, &entries) && sk_mul_size(entries, lists, &entries))
        p->list = sk_calloc(SK_MEM_KV, entries, sizeof *p->list);
    p->refs = sk_calloc(SK_MEM_KV, o->n_pages, sizeof *p->refs);
    p->free = sk_calloc(SK_MEM_KV, o->n_pages, sizeof *p->free);
    sk_status st = SK_OK;
    if (!p->seq || !p->list || !p->refs || !p->free)
        st = sk_fail(e, SK_E_NOMEM, "no memory for the lists of %zu pages", o->n_pages);
    if (!st && o->prefix) st = eng_prefix_open(o->n_pages, &p->tree, e);
    if (!st && o->n_near) st = eng_near_open(o->n_near, o->n_pages, &p->near, e);
    if (st) {
        eng_pages_close(p);
        return st;
    }
    for (size_t i = 0; i < o->n_slots; i++) {
        p->seq[i].page = p->list + i * o->most;
        if (o->n_near) p->seq[i].near = p->seq[i].page + o->n_slots * o->most;
    }
    *out = p;
    return SK_OK;
}

void eng_pages_close(eng_pages *p)
{
    if (!p) return;
    eng_prefix_close(p->tree);
    eng_near_close(p->near);
    sk_free(p->seq);
    sk_free(p->list);
    sk_free(p->refs);
    sk_free(p->free);
    sk_free(p);
}

/* ---- one page ---- */

static bool in_tree(const eng_pages *p, uint32_t page)
{
    return p->tree && eng_prefix_has(p->tree, page);
}

/* Pages that nobody holds. */
static size_t n_available(const eng_pages *p)
{
    size_t idle = p->tree ? eng_prefix_idle(p->tree) : 0;
    return p->n_free + (p->o.n_pages - p->n_new) + idle;
}

/* The page that the tree can do without best; ENG_PAGE_NONE. */
static uint32_t evict(eng_pages *p)
{
    uint32_t page = eng_prefix_evict(p->tree);
    if (p->near && page != ENG_PAGE_NONE) eng_near_detach(p->near, page);
    return page;
}

/* A page for a slot: one given back, one never used, one that the tree can do without. */
static uint32_t take(eng_pages *p)
{
    uint32_t page = ENG_PAGE_NONE;
    if (p->n_free)
        page = p->free[--p->n_free];
    else if (p->n_new < p->o.n_pages)
        page = (uint32_t)p->n_new++;
    else if (p->tree)
        page = evict(p);
    assert(page != ENG_PAGE_NONE && p->refs[page] == 0);
    p->refs[page] = 1;
    p->n_held++;
    return page;
}

static void hold(eng_pages *p, uint32_t page)
{
    if (p->refs[page]++) return;
    p->n_held++;
    if (in_tree(p, page)) eng_prefix_hold(p->tree, page, true);
}

static void drop(eng_pages *p, uint32_t page)
{
    assert(p->refs[page]);
    if (--p->refs[page]) return;
    p->n_held--;
    if (in_tree(p, page))
        eng_prefix_hold(p->tree, page, false);
    else
        p->free[p->n_free++] = page;
}

/* ---- a slot ---- */

const uint32_t *eng_pages_list(const eng_pages *p, uint32_t slot)
{
    return p->seq[slot].page;
}

const uint32_t *eng_pages_near(const eng_pages *p, uint32_t slot)
{
    return p->seq[slot].near;
}

/* ---- near pages of a slot ---- */

size_t eng_pages_near_most(size_t n_tokens, size_t window, size_t ahead)
{
    /* the window of the first token that is written, and the others */
    size_t span = window - 1 + (ahead < ENG_PAGE_TOKENS ? ENG_PAGE_TOKENS : ahead);
    size_t all = pages_of(n_tokens), most = (span + ENG_PAGE_TOKENS - 2) / ENG_PAGE_TOKENS + 1;
    return all < most ? all : most;
}

/* The first page that a token at pos sees of near ones. */
static size_t near_first(const eng_pages *p, size_t pos)
{
    return pos + 1 > p->o.window ? (pos + 1 - p->o.window) / ENG_PAGE_TOKENS : 0;
}

/* Near pages that all slots may be promised; one more is there for a page that is being replaced by
 * its copy. */
static size_t near_usable(const eng_pages *p)
{
    return p->o.n_near - 1;
}

static void promise_near(eng_pages *p, seq *q, size_t cap)
{
    p->near_promised = p->near_promised - q->near_cap + cap;
    q->near_cap = cap;
}

/* Gives back near pages below number lo. */
static void drop_near(eng_pages *p, seq *q, size_t lo)
{
    for (; p->near && q->near_lo < lo && q->near_lo < q->n_pages; q->near_lo++) {
        eng_near_drop(p->near, q->near[q->near_lo]);
        q->near[q->near_lo] = 0;
    }
    if (p->near && q->near_lo < lo) q->near_lo = lo;
}

/* The last page goes, with the near one if the slot has it. */
static void drop_last(eng_pages *p, seq *q)
{
    size_t i = --q->n_pages;
    drop(p, q->page[i]);
    if (!p->near) return;
    if (i >= q->near_lo) eng_near_drop(p->near, q->near[i]);
    if (q->near_lo > q->n_pages) q->near_lo = q->n_pages;
    q->near[i] = 0;
}

/* Gives back all a slot has; the last page first, so that in the tree it is the first to go. */
static void release(eng_pages *p, seq *q)
{
    while (q->n_pages)
        drop_last(p, q);
    p->promised -= q->promised;
    q->n_shared = q->promised = q->near_lo = 0;
    promise_near(p, q, 0);
}

static void promise(eng_pages *p, seq *q, size_t n)
{
    p->promised = p->promised - q->promised + n;
    q->promised = n;
}

static void append(seq *q, uint32_t page)
{
    q->page[q->n_pages++] = page;
}

/* Of the pages that the slot has just taken from the tree, those behind number `had`, it keeps as
 * many as have the near pages that a token behind them sees; these it takes too. */
static void take_near(eng_pages *p, seq *q, size_t had)
{
    size_t run = 0, best = had;
    for (size_t k = had + 1; k <= q->n_pages; k++) {
        size_t lo = near_first(p, k * ENG_PAGE_TOKENS);
        run = eng_near_of(p->near, q->page[k - 1]) == ENG_PAGE_NONE ? 0 : run + 1;
        if (run >= k - (lo > had ? lo : had)) best = k;
    }
    while (q->n_pages > best) /* of these it has no near ones */
        drop(p, q->page[--q->n_pages]);
    if (best == had) return;
    size_t lo = near_first(p, best * ENG_PAGE_TOKENS);
    q->n_pages = had;
    drop_near(p, q, lo);
    q->n_pages = best;
    for (size_t i = lo > had ? lo : had; i < best; i++) {
        q->near[i] = eng_near_of(p->near, q->page[i]);
        eng_near_hold(p->near, q->near[i]);
    }
}

/* The full pages of s that the tree has, onto the end of the slot's list. */
static void take_full(eng_pages *p, seq *q, const eng_pages_seq *s)
{
    size_t had = q->n_pages;
    while (p->tree && (q->n_pages + 1) * ENG_PAGE_TOKENS < s->n) {
        uint32_t above = q->n_pages ? q->page[q->n_pages - 1] : ENG_PAGE_NONE;
        const int32_t *ids = s->ids + q->n_pages * ENG_PAGE_TOKENS;
        uint32_t page = eng_prefix_next(p->tree, s->tag, above, ids);
        if (page == ENG_PAGE_NONE) break;
        hold(p, page);
        append(q, page);
    }
    if (p->near) take_near(p, q, had);
    if (q->n_pages > had) q->n_shared = q->n_pages;
}

/* A near page of its own as number i, with what another one holds. */
static void copy_near(eng_pages *p, seq *q, size_t i, uint32_t from)
{
    q->near[i] = eng_near_take(p->near);
    p->o.copy(p->o.arg, true, q->near[i], from);
}

/* A copy of a page whose first tokens go on as s does; how many do. */
static size_t take_part(eng_pages *p, seq *q, const eng_pages_seq *s)
{
    size_t at = q->n_pages * ENG_PAGE_TOKENS, n = 0;
    uint32_t above = q->n_pages ? q->page[q->n_pages - 1] : ENG_PAGE_NONE;
    if (!p->tree) return 0;
    uint32_t from = eng_prefix_part(p->tree, s->tag, above, s->ids + at, s->n - 1 - at, &n);
    uint32_t near = p->near && from != ENG_PAGE_NONE ? eng_near_of(p->near, from) : 0;
    if (from == ENG_PAGE_NONE || near == ENG_PAGE_NONE) return 0;
    hold(p, from); /* or it might be the one that is evicted */
    if (p->near) eng_near_hold(p->near, near);
    if (n_available(p) >= p->promised) {
        uint32_t own = take(p);
        p->o.copy(p->o.arg, false, own, from);
        append(q, own);
        promise(p, q, q->promised - 1);
        if (p->near) copy_near(p, q, q->n_pages - 1, near);
    } else {
        n = 0;
    }
    if (p->near) eng_near_drop(p->near, near);
    drop(p, from);
    return n;
}

/* Near pages that a slot with n_all tokens is promised. */
static size_t near_need(const eng_pages *p, size_t n_all)
{
    return p->near ? eng_pages_near_most(n_all, p->o.window, p->o.ahead) : 0;
}

/* Nothing is promised before it is known to be there, and what the tree holds of the beginning need
 * not be promised at all: full pages are taken from it first, the rest is counted then. */
sk_status eng_pages_begin(eng_pages *p, uint32_t slot, const eng_pages_seq *s, size_t n_all,
                          size_t *n_held, sk_err *e)
{
    seq *q = &p->seq[slot];
    size_t need = pages_of(n_all), near = near_need(p, n_all);
    assert(s->n && s->n <= n_all && need <= p->o.most);
    release(p, q);
    if (need > p->o.n_pages || (p->near && near > near_usable(p)))
        return sk_fail(e, SK_E_TOOBIG, "%zu tokens do not fit into a KV cache of %zu", n_all,
                       p->o.n_pages * ENG_PAGE_TOKENS);
    if (p->near && p->near_promised + near > near_usable(p))
        return sk_fail(e, SK_E_BUSY, "the KV cache is full");
    promise_near(p, q, near);
    take_full(p, q, s);
    need -= q->n_pages;
    if (need + p->promised > n_available(p)) {
        release(p, q);
        return sk_fail(e, SK_E_BUSY, "the KV cache is full");
    }
    promise(p, q, need);
    size_t full = q->n_pages * ENG_PAGE_TOKENS;
    *n_held = full + take_part(p, q, s);
    return SK_OK;
}

sk_status eng_pages_extend(eng_pages *p, uint32_t slot, size_t n_all)
{
    seq *q = &p->seq[slot];
    size_t need = pages_of(n_all), has = q->n_pages + q->promised, near = near_need(p, n_all);
    assert(need <= p->o.most);
    if (need <= has) need = has;
    if (near <= q->near_cap) near = q->near_cap;
    if (p->promised + (need - has) > n_available(p)) return SK_E_BUSY;
    if (p->near && p->near_promised - q->near_cap + near > near_usable(p)) return SK_E_BUSY;
    promise(p, q, q->promised + (need - has));
    promise_near(p, q, near);
    return SK_OK;
}

size_t eng_pages_adopt(eng_pages *p, uint32_t slot, const eng_pages_seq *s, size_t held)
{
    seq *q = &p->seq[slot];
    size_t had = q->n_pages;
    assert(held % ENG_PAGE_TOKENS == 0);
    if (!p->tree || held != had * ENG_PAGE_TOKENS || q->n_shared != had) return held;
    take_full(p, q, s);
    size_t more = q->n_pages - had;
    promise(p, q, q->promised > more ? q->promised - more : 0);
    return q->n_pages * ENG_PAGE_TOKENS;
}

/* The near page number i goes with the page of the tree that the slot has there if it says all
 * that does (`whole`), or that one's is taken instead. */
static void share_near(eng_pages *p, seq *q, size_t i, bool whole)
{
    uint32_t mine = q->near[i], there = eng_near_of(p->near, q->page[i]);
    if (there == ENG_PAGE_NONE) {
        if (whole) eng_near_attach(p->near, q->page[i], mine);
        return;
    }
    eng_near_hold(p->near, there);
    eng_near_drop(p->near, mine);
    q->near[i] = there;
}

/* Puts page number i of the slot, with n tokens, into the tree, or takes what the tree has instead.
 */
static void share_page(eng_pages *p, seq *q, const eng_pages_seq *s, size_t i, size_t n)
{
    uint32_t above = i ? q->page[i - 1] : ENG_PAGE_NONE, mine = q->page[i];
    uint32_t there = eng_prefix_add(p->tree, s->tag, above, s->ids + i * ENG_PAGE_TOKENS, n, mine);
    if (there != mine) {
        hold(p, there);
        drop(p, mine);
        q->page[i] = there;
    }
    /* a page that was there may say more than this slot's near page does */
    bool whole = there == mine || n == ENG_PAGE_TOKENS;
    if (p->near && i >= q->near_lo) share_near(p, q, i, whole);
}

void eng_pages_share(eng_pages *p, uint32_t slot, const eng_pages_seq *s)
{
    seq *q = &p->seq[slot];
    size_t full = s->n / ENG_PAGE_TOKENS;
    assert(full <= q->n_pages);
    for (; p->tree && q->n_shared < full; q->n_shared++)
        share_page(p, q, s, q->n_shared, ENG_PAGE_TOKENS);
}

void eng_pages_end(eng_pages *p, uint32_t slot, const eng_pages_seq *s)
{
    seq *q = &p->seq[slot];
    assert(!s || pages_of(s->n) <= q->n_pages);
    if (s && p->tree) {
        eng_pages_share(p, slot, s);
        size_t rest = s->n % ENG_PAGE_TOKENS;
        if (rest) share_page(p, q, s, s->n / ENG_PAGE_TOKENS, rest);
    }
    release(p, q);
}

/* ---- writing ---- */

/* True if a slot must not write into its page number i. */
static bool is_shared(const eng_pages *p, const seq *q, size_t i)
{
    return p->refs[q->page[i]] > 1 || in_tree(p, q->page[i]);
}

size_t eng_pages_lack(const eng_pages *p, uint32_t slot, size_t pos, size_t n)
{
    const seq *q = &p->seq[slot];
    size_t more = 0, first = pos / ENG_PAGE_TOKENS;
    size_t kept = first < q->n_shared ? first + 1 : q->n_pages;
    for (size_t i = first; i < pages_of(pos + n); i++)
        if (i >= kept || is_shared(p, q, i)) more++;
    return more > q->promised ? more - q->promised : 0;
}

size_t eng_pages_spare(const eng_pages *p)
{
    size_t n = n_available(p);
    return n > p->promised ? n - p->promised : 0;
}

/* The page takes the place of number i. */
static void replace(eng_pages *p, seq *q, size_t i, size_t keep)
{
    uint32_t old = q->page[i], own = take(p);
    if (keep) p->o.copy(p->o.arg, false, own, old);
    q->page[i] = own;
    if (p->near && eng_near_is_shared(p->near, q->near[i])) {
        uint32_t near = q->near[i];
        copy_near(p, q, i, near);
        eng_near_drop(p->near, near);
    }
    drop(p, old);
    if (q->n_shared > i) q->n_shared = i;
}

/* Near pages that the slot holds while tokens are written there. */
static size_t near_span(const eng_pages *p, size_t pos, size_t n)
{
    return p->near ? pages_of(pos + n) - near_first(p, pos) : 0;
}

size_t eng_pages_near_lack(const eng_pages *p, uint32_t slot, size_t pos, size_t n)
{
    size_t span = near_span(p, pos, n), cap = p->seq[slot].near_cap;
    return span > cap ? span - cap : 0;
}

size_t eng_pages_near_spare(const eng_pages *p)
{
    return p->near ? near_usable(p) - p->near_promised : 0;
}

bool eng_pages_reaches(const eng_pages *p, uint32_t slot, size_t pos)
{
    return !p->near || near_first(p, pos) >= p->seq[slot].near_lo;
}

/* What a token at pos does not see is given back, and what it is to write promised. */
static void own_near(eng_pages *p, seq *q, size_t pos, size_t n)
{
    size_t span = near_span(p, pos, n), lo = near_first(p, pos);
    assert(lo >= q->near_lo);
    drop_near(p, q, lo);
    if (span > q->near_cap) promise_near(p, q, span);
}

/* From the first position on, in order: a page that others see too is replaced by a copy of its
 * part below pos, and behind the last page new ones are appended.  Each comes off what the slot was
 * promised. */
void eng_pages_own(eng_pages *p, uint32_t slot, size_t pos, size_t n)
{
    seq *q = &p->seq[slot];
    size_t first = pos / ENG_PAGE_TOKENS;
    assert(pages_of(pos + n) <= p->o.most && pos <= q->n_pages * ENG_PAGE_TOKENS);
    if (p->near) own_near(p, q, pos, n);
    /* who holds a page of the tree must hold those above it */
    while (first < q->n_shared && q->n_pages > first + 1)
        drop_last(p, q);
    for (size_t i = first; i < pages_of(pos + n); i++) {
        size_t below = pos > i * ENG_PAGE_TOKENS ? pos - i * ENG_PAGE_TOKENS : 0;
        if (i < q->n_pages && !is_shared(p, q, i)) continue;
        if (q->promised) promise(p, q, q->promised - 1);
        if (i < q->n_pages) {
            replace(p, q, i, below);
            continue;
        }
        append(q, take(p));
        if (p->near) q->near[i] = eng_near_take(p->near);
    }
}

/* ---- all ---- */

eng_prefix *eng_pages_tree(const eng_pages *p)
{
    return p->tree;
}

void eng_pages_flush(eng_pages *p)
{
    for (uint32_t page; p->tree && (page = evict(p)) != ENG_PAGE_NONE;)
        p->free[p->n_free++] = page;
}

void eng_pages_forget(eng_pages *p, const void *tag)
{
    for (uint32_t page; p->tree;) {
        page = eng_prefix_evict_tag(p->tree, tag);
        if (page == ENG_PAGE_NONE) return;
        if (p->near) eng_near_detach(p->near, page);
        p->free[p->n_free++] = page;
    }
}

eng_pages_usage eng_pages_used(const eng_pages *p)
{
    return (eng_pages_usage){.all = p->o.n_pages,
                             .held = p->n_held,
                             .kept = p->tree ? eng_prefix_idle(p->tree) : 0,
                             .promised = p->promised};
}
