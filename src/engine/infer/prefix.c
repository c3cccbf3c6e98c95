/* prefix.c - the tree of pages: children by a hash of their tokens, leaves that may go in one array
 * with their worth. */
#include "engine/infer/prefix.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* Tokens in common that are worth copying a page for, and how many children are looked at. */
#define LEAST_PART 8u
#define MOST_LOOKED 64u

/* Keys whose attention costs about as much as all matrices: with so many before it, a token is
 * twice as dear. */
#define DEAR_DEPTH 16384u

/* Nodes are all zero as long as their page is not in the tree, so that memory of a large pool is
 * not touched before it is used.  Links are page numbers; where n is 0 they mean nothing. */
typedef struct node {
    const void *tag;
    uint64_t hash, rank;                /* rank: worth << 32 | time of last use */
    uint32_t parent, child, prev, next; /* first child; siblings, the one used last first */
    uint32_t same_hash;                 /* next in the chain of a bucket */
    uint32_t leaf;                      /* place in the array of leaves + 1; 0: not in it */
    uint32_t n, n_children, depth;      /* tokens; depth in pages */
    bool held;
    int32_t ids[ENG_PAGE_TOKENS];
} node;

/* A leaf that may be evicted. */
typedef struct leaf {
    uint64_t rank;
    uint32_t page;
} leaf;

struct eng_prefix {
    node *node;       /* [n_pages] */
    uint32_t *bucket; /* [n_buckets] first page of a chain + 1 */
    leaf *leaf;       /* [n_pages] of them n_leaves */
    size_t n_pages, n_buckets, n_leaves, n_nodes, n_idle;
    uint32_t root; /* first of the nodes without parent */
    uint32_t age, now;
    void (*evicted)(void *arg, uint32_t page);
    void *arg;
};

/* ---- open and close ---- */

sk_status eng_prefix_open(size_t n_pages, eng_prefix **out, sk_err *e)
{
    assert(n_pages && n_pages < ENG_PAGE_NONE);
    eng_prefix *t = sk_calloc(SK_MEM_KV, 1, sizeof *t);
    if (t) {
        t->n_pages = n_pages;
        t->root = ENG_PAGE_NONE;
        for (t->n_buckets = 64; t->n_buckets < n_pages;)
            t->n_buckets *= 2;
        t->node = sk_calloc(SK_MEM_KV, n_pages, sizeof *t->node);
        t->bucket = sk_calloc(SK_MEM_KV, t->n_buckets, sizeof *t->bucket);
        t->leaf = sk_calloc(SK_MEM_KV, n_pages, sizeof *t->leaf);
    }
    if (!t || !t->node || !t->bucket || !t->leaf) {
        eng_prefix_close(t);
        return sk_fail(e, SK_E_NOMEM, "no memory for the tree of %zu pages", n_pages);
    }
    *out = t;
    return SK_OK;
}

void eng_prefix_close(eng_prefix *t)
{
    if (!t) return;
    sk_free(t->node);
    sk_free(t->bucket);
    sk_free(t->leaf);
    sk_free(t);
}

/* ---- worth ---- */

/* A use of a node: its worth is what its tokens cost, on top of the age. */
static void touch(eng_prefix *t, node *x)
{
    uint64_t cost = x->n + (uint64_t)x->n * x->depth * ENG_PAGE_TOKENS / DEAR_DEPTH;
    x->rank = (t->age + cost) << 32 | t->now++;
}

/* Whether x may be evicted decides whether it is in the array of leaves. */
static void settle(eng_prefix *t, uint32_t page)
{
    node *x = &t->node[page];
    bool may_go = x->n && !x->held && !x->n_children;
    if (may_go && !x->leaf) x->leaf = (uint32_t)++t->n_leaves;
    if (may_go) {
        t->leaf[x->leaf - 1] = (leaf){x->rank, page};
        return;
    }
    if (!x->leaf) return;
    leaf last = t->leaf[--t->n_leaves];
    t->leaf[x->leaf - 1] = last;
    t->node[last.page].leaf = x->leaf;
    x->leaf = 0;
}

/* ---- links ---- */

/* FNV-1a over the tokens, begun with parent and tag; a page number is as good as the path to it. */
static uint64_t hash_of(const void *tag, uint32_t parent, const int32_t *ids)
{
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)(uintptr_t)tag ^ (uint64_t)parent << 32;
    for (size_t i = 0; i < ENG_PAGE_TOKENS; i++)
        h = (h ^ (uint32_t)ids[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static uint32_t *first_of(eng_prefix *t, uint32_t parent)
{
    return parent == ENG_PAGE_NONE ? &t->root : &t->node[parent].child;
}

static void unlink_sibling(eng_prefix *t, const node *x)
{
    if (x->prev == ENG_PAGE_NONE)
        *first_of(t, x->parent) = x->next;
    else
        t->node[x->prev].next = x->next;
    if (x->next != ENG_PAGE_NONE) t->node[x->next].prev = x->prev;
}

static void link_first(eng_prefix *t, uint32_t page)
{
    node *x = &t->node[page];
    uint32_t *first = first_of(t, x->parent);
    x->prev = ENG_PAGE_NONE;
    x->next = *first;
    if (x->next != ENG_PAGE_NONE) t->node[x->next].prev = page;
    *first = page;
}

/* A hit: first among its siblings, and worth more again. */
static void use(eng_prefix *t, uint32_t page)
{
    node *x = &t->node[page];
    unlink_sibling(t, x);
    link_first(t, page);
    touch(t, x);
    settle(t, page);
}

/* Takes a leaf that nobody holds out of the tree. */
static void cut(eng_prefix *t, uint32_t page)
{
    node *x = &t->node[page];
    uint32_t parent = x->parent;
    assert(x->n && !x->held && !x->n_children);
    unlink_sibling(t, x);
    if (x->n == ENG_PAGE_TOKENS) {
        uint32_t *at = &t->bucket[x->hash & (t->n_buckets - 1)];
        while (*at != page + 1)
            at = &t->node[*at - 1].same_hash;
        *at = x->same_hash;
    }
    x->n = 0;
    t->n_nodes--;
    t->n_idle--;
    settle(t, page);
    if (parent == ENG_PAGE_NONE) return;
    t->node[parent].n_children--;
    settle(t, parent);
}

/* ---- looking up ---- */

uint32_t eng_prefix_next(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids)
{
    uint64_t h = hash_of(tag, parent, ids);
    for (uint32_t i = t->bucket[h & (t->n_buckets - 1)]; i; i = t->node[i - 1].same_hash) {
        const node *x = &t->node[i - 1];
        if (x->hash != h || x->parent != parent || x->tag != tag) continue;
        if (memcmp(x->ids, ids, sizeof x->ids) != 0) continue;
        use(t, i - 1);
        return i - 1;
    }
    return ENG_PAGE_NONE;
}

/* Tokens that x and ids [n] begin with in common. */
static size_t same(const node *x, const int32_t *ids, size_t n)
{
    size_t i = 0;
    while (i < n && i < x->n && x->ids[i] == ids[i])
        i++;
    return i;
}

uint32_t eng_prefix_part(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids,
                         size_t n, size_t *n_same)
{
    uint32_t best = ENG_PAGE_NONE, page = *first_of(t, parent);
    size_t most = LEAST_PART - 1;
    if (n > ENG_PAGE_TOKENS) n = ENG_PAGE_TOKENS;
    for (size_t i = 0; i < MOST_LOOKED && page != ENG_PAGE_NONE; i++, page = t->node[page].next) {
        size_t k = t->node[page].tag == tag ? same(&t->node[page], ids, n) : 0;
        if (k <= most) continue;
        most = k;
        best = page;
    }
    if (best == ENG_PAGE_NONE) return best;
    use(t, best);
    *n_same = most;
    return best;
}

bool eng_prefix_has(const eng_prefix *t, uint32_t page)
{
    return t->node[page].n > 0;
}

size_t eng_prefix_count(const eng_prefix *t)
{
    return t->n_nodes;
}

size_t eng_prefix_idle(const eng_prefix *t)
{
    return t->n_idle;
}

/* ---- changes ---- */

/* The sibling that makes a short page of n tokens needless.  Short ones that the new page makes
 * needless are worth nothing any more. */
static uint32_t supplant(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids,
                         size_t n)
{
    uint32_t page = *first_of(t, parent);
    for (size_t i = 0; i < MOST_LOOKED && page != ENG_PAGE_NONE; i++, page = t->node[page].next) {
        node *x = &t->node[page];
        size_t k = x->tag == tag ? same(x, ids, n) : 0;
        if (k == n) return page;
        if (k < x->n || k == 0) continue;
        x->rank = 0;
        settle(t, page);
    }
    return ENG_PAGE_NONE;
}

/* A full page enters the table by which eng_prefix_next finds it; a short one is found among its
 * siblings only (eng_prefix_part). settle() comes last: a parent with a child may not go. */
uint32_t eng_prefix_add(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids,
                        size_t n, uint32_t page)
{
    node *x = &t->node[page];
    assert(page < t->n_pages && !x->n && n && n <= ENG_PAGE_TOKENS);
    assert(parent == ENG_PAGE_NONE || t->node[parent].n == ENG_PAGE_TOKENS);
    uint32_t old = n == ENG_PAGE_TOKENS ? eng_prefix_next(t, tag, parent, ids) : ENG_PAGE_NONE;
    if (old == ENG_PAGE_NONE) old = supplant(t, tag, parent, ids, n);
    if (old != ENG_PAGE_NONE) return old;
    uint32_t depth = parent == ENG_PAGE_NONE ? 0 : t->node[parent].depth + 1;
    x->tag = tag;
    x->parent = parent;
    x->child = ENG_PAGE_NONE;
    x->n = (uint32_t)n;
    x->n_children = 0;
    x->depth = depth;
    x->held = true;
    memcpy(x->ids, ids, n * sizeof *ids);
    if (n == ENG_PAGE_TOKENS) {
        x->hash = hash_of(tag, parent, ids);
        uint32_t *first = &t->bucket[x->hash & (t->n_buckets - 1)];
        x->same_hash = *first;
        *first = page + 1;
    }
    link_first(t, page);
    touch(t, x);
    t->n_nodes++;
    if (parent == ENG_PAGE_NONE) return page;
    t->node[parent].n_children++;
    settle(t, parent);
    return page;
}

void eng_prefix_hold(eng_prefix *t, uint32_t page, bool held)
{
    node *x = &t->node[page];
    assert(x->n);
    touch(t, x);
    if (x->held != held) t->n_idle = held ? t->n_idle - 1 : t->n_idle + 1;
    x->held = held;
    settle(t, page);
}

uint32_t eng_prefix_evict(eng_prefix *t)
{
    if (!t->n_leaves) return ENG_PAGE_NONE;
    leaf least = t->leaf[0];
    for (size_t i = 1; i < t->n_leaves; i++)
        if (t->leaf[i].rank < least.rank) least = t->leaf[i];
    uint32_t worth = (uint32_t)(least.rank >> 32);
    if (worth > t->age) t->age = worth;
    if (t->evicted) t->evicted(t->arg, least.page);
    cut(t, least.page);
    return least.page;
}

void eng_prefix_watch(eng_prefix *t, void (*fn)(void *arg, uint32_t page), void *arg)
{
    t->evicted = fn;
    t->arg = arg;
}

size_t eng_prefix_path(const eng_prefix *t, uint32_t page, const void **tag, const int32_t **ids)
{
    const node *x = &t->node[page];
    size_t n = (size_t)x->depth + 1;
    if (x->n != ENG_PAGE_TOKENS) return 0;
    *tag = x->tag;
    for (size_t i = n; i-- > 0; page = x->parent) {
        x = &t->node[page];
        ids[i] = x->ids;
    }
    return n;
}

uint32_t eng_prefix_evict_tag(eng_prefix *t, const void *tag)
{
    for (size_t i = 0; i < t->n_leaves; i++) {
        uint32_t page = t->leaf[i].page;
        if (t->node[page].tag != tag) continue;
        cut(t, page);
        return page;
    }
    return ENG_PAGE_NONE;
}
