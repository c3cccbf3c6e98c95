/* bpe.c - merging by rank: a scan for short pieces, a heap for long ones; both give the same. */
#include "engine/token/bpe.h"

#include "engine/token/heap.h"

#include <assert.h>
#include <string.h>

/* Longest piece that is scanned: words and numbers, nearly all there is. */
enum { SCAN_MAX = 32 };

#define NO_RANK UINT32_MAX

struct eng_bpe_slot {
    uint32_t a, b, c, rank; /* rank NO_RANK: empty */
};

/* The slot of the pair, or the empty one where it would go. */
static struct eng_bpe_slot *probe(const eng_bpe *t, uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    size_t i = (h ^ h >> 32) & t->mask;
    while (t->slot[i].rank != NO_RANK && (t->slot[i].a != a || t->slot[i].b != b))
        i = (i + 1) & t->mask;
    return &t->slot[i];
}

/* Builds the table in mem from n merges. */
bool eng_bpe_init(eng_bpe *t, sk_arena *mem, const eng_bpe_merge *merge, size_t n)
{
    assert(n < (size_t)1 << 31);
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    t->slot = sk_arena_alloc(mem, slots * sizeof *t->slot);
    if (!t->slot) return false;
    memset(t->slot, 0xff, slots * sizeof *t->slot);
    t->mask = slots - 1;
    for (size_t i = 0; i < n; i++) {
        struct eng_bpe_slot *s = probe(t, merge[i].a, merge[i].b);
        if (s->rank != NO_RANK) continue;
        *s = (struct eng_bpe_slot){merge[i].a, merge[i].b, merge[i].c, (uint32_t)i};
    }
    return true;
}

/* A short piece: find the lowest rank, merge, close the gap, look up the two new neighbours. */
static size_t merge_scan(const eng_bpe *t, uint32_t *sym, size_t n)
{
    const struct eng_bpe_slot *pair[SCAN_MAX]; /* of symbols i and i + 1 */
    assert(n <= SCAN_MAX);
    for (size_t i = 0; i + 1 < n; i++)
        pair[i] = probe(t, sym[i], sym[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (pair[i]->rank < pair[best]->rank) best = i;
        if (pair[best]->rank == NO_RANK) break;
        sym[best] = pair[best]->c;
        n--;
        memmove(sym + best + 1, sym + best + 2, (n - best - 1) * sizeof *sym);
        if (best + 1 < n) {
            memmove(pair + best + 1, pair + best + 2, (n - best - 2) * sizeof *pair);
            pair[best] = probe(t, sym[best], sym[best + 1]);
        }
        if (best > 0) pair[best - 1] = probe(t, sym[best - 1], sym[best]);
    }
    return n;
}

/* A long piece: symbols in a linked list, pairs that have a rank in a heap.  A heap entry is rank
 * and place in one number, so that the smallest is the next merge; an entry is stale when its
 * symbol is gone or now begins a pair of another rank. */
typedef struct node {
    uint32_t prev, next; /* NONE at the ends */
    uint32_t rank; /* of the pair that begins here, NO_RANK if none or if the symbol is gone */
    uint32_t to;   /* what that pair becomes */
} node;

#define NONE UINT32_MAX

/* Looks up the pair that begins at symbol i and queues it. */
static void queue_pair(const eng_bpe *t, eng_heap *h, node *list, const uint32_t *sym, uint32_t i)
{
    list[i].rank = NO_RANK;
    if (list[i].next == NONE) return;
    const struct eng_bpe_slot *s = probe(t, sym[i], sym[list[i].next]);
    if (s->rank == NO_RANK) return;
    list[i].rank = s->rank;
    list[i].to = s->c;
    eng_heap_push(h, (uint64_t)s->rank << 32 | i);
}

/* Merges by heap.  The heap never holds more than 2 n entries: n - 1 at the start, and each merge
 * takes one out and puts at most two in. */
static size_t merge_heap(const eng_bpe *t, uint32_t *sym, size_t n, node *list, uint64_t *at)
{
    eng_heap h = {at, 0};
    for (size_t i = 0; i < n; i++) {
        list[i].prev = i ? (uint32_t)i - 1 : NONE;
        list[i].next = i + 1 < n ? (uint32_t)i + 1 : NONE;
        queue_pair(t, &h, list, sym, (uint32_t)i);
    }
    while (h.n) {
        uint64_t top = eng_heap_pop(&h);
        uint32_t i = (uint32_t)top, gone = list[i].next;
        if (list[i].rank != (uint32_t)(top >> 32)) continue;
        assert(gone != NONE);
        sym[i] = list[i].to;
        list[i].next = list[gone].next;
        list[gone].rank = NO_RANK;
        if (list[i].next != NONE) list[list[i].next].prev = i;
        queue_pair(t, &h, list, sym, i);
        if (list[i].prev != NONE) queue_pair(t, &h, list, sym, list[i].prev);
        assert(h.n <= 2 * n);
    }
    size_t left = 0;
    for (uint32_t i = 0; i != NONE; i = list[i].next)
        sym[left++] = sym[i];
    return left;
}

/* Merges sym[0..*n) in place. */
bool eng_bpe_run(const eng_bpe *t, eng_bpe_work *w, uint32_t *sym, size_t *n)
{
    assert(*n < (size_t)1 << 31);
    if (*n <= SCAN_MAX) {
        *n = merge_scan(t, sym, *n);
        return true;
    }
    size_t need = *n * (sizeof(node) + 2 * sizeof(uint64_t));
    if (need > w->cap) {
        void *p = sk_alloc(SK_MEM_TOKEN, 2 * need);
        if (!p) return false;
        sk_free(w->p);
        w->p = p;
        w->cap = 2 * need;
    }
    uint64_t *at = w->p;
    *n = merge_heap(t, sym, *n, (node *)(void *)(at + 2 * *n), at);
    return true;
}

void eng_bpe_work_fini(eng_bpe_work *w)
{
    sk_free(w->p);
    *w = (eng_bpe_work){NULL, 0};
}
