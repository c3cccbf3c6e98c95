/* bpe_words.c - a hash table of words that grows. */
#include "engine/token/bpe_words.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define NONE UINT32_MAX
enum { FIRST_SLOTS = 1 << 11, FIRST_WORDS = 1 << 10 };

void eng_words_fini(eng_words *w)
{
    sk_buf_fini(&w->bytes);
    sk_free(w->word);
    sk_free(w->slot);
    *w = (eng_words){.bytes = SK_BUF_INIT};
}

void eng_words_clear(eng_words *w)
{
    sk_buf_reset(&w->bytes);
    w->n = 0;
    if (w->slots) memset(w->slot, 0xff, w->slots * sizeof *w->slot);
}

/* Eight bytes of a word at a time, the last ones over again where they are no eight; multiplied,
 * and folded so that the low bits depend on all. */
uint32_t eng_word_hash(const char *p, size_t n)
{
    const uint64_t mix = 0x9e3779b97f4a7c15u;
    uint64_t h = n * mix, x = 0;
    for (size_t i = 0; n - i > 8; i += 8) {
        memcpy(&x, p + i, 8);
        h = (h ^ x) * mix;
        h ^= h >> 32;
    }
    if (n >= 8) {
        memcpy(&x, p + n - 8, 8);
    } else if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        x = (uint64_t)a << 32 | b;
    } else if (n) {
        x = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1];
    }
    h = (h ^ x) * mix;
    h = (h ^ h >> 29) * mix;
    return (uint32_t)(h >> 32);
}

/* The first free slot for a hash. */
static size_t free_slot(const uint32_t *slot, size_t slots, uint32_t hash)
{
    size_t i = hash & (slots - 1);
    while (slot[i] != NONE)
        i = (i + 1) & (slots - 1);
    return i;
}

/* A table of `slots` slots for the n words; NULL without memory. */
static uint32_t *make_slots(const eng_word *word, size_t n, size_t slots)
{
    uint32_t *slot = sk_alloc(SK_MEM_TOKEN, slots * sizeof *slot);
    if (!slot) return NULL;
    memset(slot, 0xff, slots * sizeof *slot);
    for (size_t k = 0; k < n; k++)
        slot[free_slot(slot, slots, word[k].hash)] = (uint32_t)k;
    return slot;
}

/* Makes what is full larger; false without memory. */
static bool grow(eng_words *w)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : FIRST_WORDS;
        eng_word *p = sk_realloc(SK_MEM_TOKEN, w->word, cap * sizeof *p);
        if (!p) return false;
        w->word = p;
        w->cap = cap;
    }
    if (2 * (w->n + 1) <= w->slots) return true;
    size_t slots = w->slots ? 2 * w->slots : FIRST_SLOTS;
    uint32_t *slot = make_slots(w->word, w->n, slots);
    if (!slot) return false;
    sk_free(w->slot);
    w->slot = slot;
    w->slots = slots;
    return true;
}

/* The table grows before it is more than half full, so a probe ends. */
bool eng_words_add(eng_words *w, const char *p, size_t n, uint32_t hash, uint64_t count)
{
    assert(n > 0 && n <= ENG_WORD_MAX);
    size_t mask = w->slots - 1;
    for (size_t i = hash & mask; w->slots && w->slot[i] != NONE; i = (i + 1) & mask) {
        eng_word *k = &w->word[w->slot[i]];
        if (k->hash == hash && k->n == n && memcmp(w->bytes.p + k->at, p, n) == 0) {
            k->count += count;
            return true;
        }
    }
    if (w->n == NONE - 1 || !grow(w)) return false;
    w->word[w->n] = (eng_word){.count = count, .at = w->bytes.len, .n = (uint32_t)n, .hash = hash};
    sk_buf_add(&w->bytes, p, n);
    if (!sk_buf_ok(&w->bytes)) return false;
    w->slot[free_slot(w->slot, w->slots, hash)] = (uint32_t)w->n++;
    return true;
}

/* A new table takes over what stays, so that memory shrinks with it. */
bool eng_words_drop(eng_words *w, uint64_t most)
{
    eng_words kept = {.bytes = SK_BUF_INIT};
    for (size_t k = 0; k < w->n; k++) {
        const eng_word *v = &w->word[k];
        if (v->count <= most || eng_words_add(&kept, w->bytes.p + v->at, v->n, v->hash, v->count))
            continue;
        eng_words_fini(&kept);
        return false;
    }
    eng_words_fini(w);
    *w = kept;
    return true;
}
