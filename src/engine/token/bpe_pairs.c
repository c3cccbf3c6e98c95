/* bpe_pairs.c - a hash table of pairs, a lazy heap over it, and lists of words in one array. */
#include "engine/token/bpe_pairs.h"

#include "base/mem.h"
#include "engine/format/gguf.h"

#include <assert.h>
#include <string.h>

#define NONE ENG_PAIR_NONE
enum { FIRST = 1 << 12 };

struct eng_pair_entry {
    uint64_t count;
    uint32_t pair;
};

struct eng_pair_place {
    uint32_t word, next;
};

/* Starts empty: memory comes with the first use. */
void eng_pairs_init(eng_pairs *p, const eng_str *text)
{
    *p = (eng_pairs){.text = text, .free_place = NONE};
}

void eng_pairs_fini(eng_pairs *p)
{
    sk_free(p->pair);
    sk_free(p->slot);
    sk_free(p->queue);
    sk_free(p->place);
    sk_free(p->grown);
    eng_pairs_init(p, NULL);
}

/* Makes room for one more of `size` bytes behind n; false (and oom set) without memory.  Numbers of
 * things are 32 bits wide. */
static bool room(eng_pairs *p, void **array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return true;
    size_t bytes, more = *cap ? 2 * *cap : FIRST;
    void *q = n < NONE - 1 && sk_mul_size(more, size, &bytes)
                  ? sk_realloc(SK_MEM_TOKEN, *array, bytes)
                  : NULL;
    if (!q) {
        p->oom = true;
        return false;
    }
    *array = q;
    *cap = more;
    return true;
}

/* The slot of the pair, or the empty one where it would go. */
static size_t probe(const eng_pairs *p, uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    size_t i = (h ^ h >> 32) & p->mask;
    for (; p->slot[i] != NONE; i = (i + 1) & p->mask) {
        const eng_pair *q = &p->pair[p->slot[i]];
        if (q->a == a && q->b == b) break;
    }
    return i;
}

/* Doubles the hash table when it is half full; false without memory. */
static bool grow_slots(eng_pairs *p)
{
    if (p->slot && 2 * (p->n + 1) <= p->mask + 1) return true;
    size_t slots = p->slot ? 2 * (p->mask + 1) : 2 * FIRST;
    uint32_t *slot = sk_alloc(SK_MEM_TOKEN, slots * sizeof *slot);
    if (!slot) {
        p->oom = true;
        return false;
    }
    memset(slot, 0xff, slots * sizeof *slot);
    sk_free(p->slot);
    p->slot = slot;
    p->mask = slots - 1;
    for (size_t i = 0; i < p->n; i++)
        p->slot[probe(p, p->pair[i].a, p->pair[i].b)] = (uint32_t)i;
    return true;
}

/* The number of a pair, made if it is new; NONE without memory. */
static uint32_t need_pair(eng_pairs *p, uint32_t a, uint32_t b)
{
    if (!grow_slots(p)) return NONE;
    size_t i = probe(p, a, b);
    if (p->slot[i] != NONE) return p->slot[i];
    void *array = p->pair;
    if (!room(p, &array, p->n, &p->cap, sizeof *p->pair)) return NONE;
    p->pair = array;
    p->pair[p->n] = (eng_pair){.a = a, .b = b, .where = NONE};
    p->slot[i] = (uint32_t)p->n;
    return (uint32_t)p->n++;
}

/* Puts the word on the pair's list, unless it was the last one put there.  Words come in
 * ascending order while they are counted first, so the last one is enough to look at; later a
 * word may be on the list twice. */
static void add_place(eng_pairs *p, eng_pair *q, uint32_t word)
{
    if (q->where != NONE && p->place[q->where].word == word) return;
    uint32_t k = p->free_place;
    if (k != NONE) {
        p->free_place = p->place[k].next;
    } else {
        void *array = p->place;
        if (!room(p, &array, p->n_place, &p->cap_place, sizeof *p->place)) return;
        p->place = array;
        k = (uint32_t)p->n_place++;
    }
    p->place[k] = (struct eng_pair_place){word, q->where};
    q->where = k;
}

/* Counts the pair `count` times more in a word. */
void eng_pairs_add(eng_pairs *p, uint32_t a, uint32_t b, uint64_t count, uint32_t word)
{
    uint32_t i = p->oom ? NONE : need_pair(p, a, b);
    if (i == NONE) return;
    eng_pair *q = &p->pair[i];
    q->count += count;
    add_place(p, q, word);
    if (q->grown) return;
    void *array = p->grown;
    if (!room(p, &array, p->n_grown, &p->cap_grown, sizeof *p->grown)) return;
    p->grown = array;
    p->grown[p->n_grown++] = i;
    q->grown = true;
}

/* Counts the pair `count` times fewer. */
void eng_pairs_sub(eng_pairs *p, uint32_t a, uint32_t b, uint64_t count)
{
    if (p->oom) return;
    uint32_t i = p->slot[probe(p, a, b)];
    assert(i != NONE && p->pair[i].count >= count);
    p->pair[i].count -= count;
}

/* True when entry x goes before y: the greater count, then the smaller pair of byte strings.
 * The bytes decide ties, never the numbers of the symbols: a vocabulary must not depend on the
 * order in which pairs were met. */
static bool before(const eng_pairs *p, struct eng_pair_entry x, struct eng_pair_entry y)
{
    if (x.count != y.count) return x.count > y.count;
    const eng_pair *s = &p->pair[x.pair], *t = &p->pair[y.pair];
    int d = eng_str_cmp(p->text[s->a], p->text[t->a]);
    return d ? d < 0 : eng_str_cmp(p->text[s->b], p->text[t->b]) < 0;
}

/* Queues the pair with its present count. */
static void push(eng_pairs *p, uint32_t pair)
{
    void *array = p->queue;
    if (!room(p, &array, p->n_queue, &p->cap_queue, sizeof *p->queue)) return;
    p->queue = array;
    struct eng_pair_entry v = {p->pair[pair].count, pair};
    p->pair[pair].queued = v.count;
    size_t i = p->n_queue++;
    for (; i && before(p, v, p->queue[(i - 1) / 2]); i = (i - 1) / 2)
        p->queue[i] = p->queue[(i - 1) / 2];
    p->queue[i] = v;
}

/* Takes the first entry out. */
static struct eng_pair_entry pop(eng_pairs *p)
{
    assert(p->n_queue > 0);
    struct eng_pair_entry top = p->queue[0], v = p->queue[--p->n_queue];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < p->n_queue; i = k) {
        if (k + 1 < p->n_queue && before(p, p->queue[k + 1], p->queue[k])) k++;
        if (!before(p, p->queue[k], v)) break;
        p->queue[i] = p->queue[k];
    }
    p->queue[i] = v;
    return top;
}

/* Queues what was added to since the last call; what occurs once never becomes a merge. */
void eng_pairs_settle(eng_pairs *p)
{
    for (size_t i = 0; i < p->n_grown && !p->oom; i++) {
        eng_pair *q = &p->pair[p->grown[i]];
        q->grown = false;
        if (q->count > 1 && q->count != q->queued) push(p, p->grown[i]);
    }
    p->n_grown = 0;
}

/* Takes the most frequent pair out of the queue.  An entry whose count is no longer true is
 * queued again with the true one if it was the pair's newest, else dropped.  So the queue is
 * right about the pair it gives, whatever else is stale in it. */
uint32_t eng_pairs_best(eng_pairs *p)
{
    while (p->n_queue && !p->oom) {
        struct eng_pair_entry top = pop(p);
        eng_pair *q = &p->pair[top.pair];
        if (q->queued != top.count) continue;
        q->queued = 0;
        if (q->count == top.count) return top.pair;
        if (q->count > 1) push(p, top.pair);
    }
    return NONE;
}

/* Takes the next word off the pair's list. */
uint32_t eng_pairs_take_word(eng_pairs *p, uint32_t pair)
{
    assert(pair < p->n);
    uint32_t k = p->pair[pair].where;
    if (k == NONE) return NONE;
    p->pair[pair].where = p->place[k].next;
    p->place[k].next = p->free_place;
    p->free_place = k;
    return p->place[k].word;
}
