/* bpe_words.c - a hash table of words that grows. */
#include "engine/token/bpe_words.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define NONE UINT32_MAX
enum { FIRST_SLOTS = 1 << 16, FIRST_WORDS = 1 << 14 };

/* Starts empty. */
sk_status eng_words_init(eng_words *w, sk_err *e)
{
    *w = (eng_words){.bytes = SK_BUF_INIT, .cap = FIRST_WORDS, .mask = FIRST_SLOTS - 1};
    w->word = sk_alloc(SK_MEM_TOKEN, w->cap * sizeof *w->word);
    w->slot = sk_alloc(SK_MEM_TOKEN, FIRST_SLOTS * sizeof *w->slot);
    if (!w->word || !w->slot) {
        eng_words_fini(w);
        return sk_fail(e, SK_E_NOMEM, "no memory to count words");
    }
    memset(w->slot, 0xff, FIRST_SLOTS * sizeof *w->slot);
    return SK_OK;
}

void eng_words_fini(eng_words *w)
{
    sk_buf_fini(&w->bytes);
    sk_free(w->word);
    sk_free(w->slot);
    *w = (eng_words){.bytes = SK_BUF_INIT};
}

/* FNV-1a, folded: words are short. */
static uint32_t hash_of(const char *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    return (uint32_t)(h ^ h >> 32);
}

/* Doubles what is full; false without memory. */
static bool grow(eng_words *w)
{
    if (w->n == w->cap) {
        eng_word *p = sk_realloc(SK_MEM_TOKEN, w->word, 2 * w->cap * sizeof *p);
        if (!p) return false;
        w->word = p;
        w->cap *= 2;
    }
    if (2 * (w->n + 1) <= w->mask + 1) return true;
    size_t slots = 2 * (w->mask + 1);
    uint32_t *slot = sk_alloc(SK_MEM_TOKEN, slots * sizeof *slot);
    if (!slot) return false;
    memset(slot, 0xff, slots * sizeof *slot);
    for (size_t k = 0; k < w->n; k++) {
        size_t i = w->word[k].hash & (slots - 1);
        while (slot[i] != NONE)
            i = (i + 1) & (slots - 1);
        slot[i] = (uint32_t)k;
    }
    sk_free(w->slot);
    w->slot = slot;
    w->mask = slots - 1;
    return true;
}

/* Counts one word; false without memory.  The table grows before it is more than half full, so a
 * probe ends. */
static bool count_word(eng_words *w, const char *p, size_t n)
{
    assert(n > 0 && n <= ENG_WORD_MAX);
    uint32_t hash = hash_of(p, n);
    size_t i = hash & w->mask;
    for (; w->slot[i] != NONE; i = (i + 1) & w->mask) {
        eng_word *k = &w->word[w->slot[i]];
        if (k->hash == hash && k->n == n && memcmp(w->bytes.p + k->at, p, n) == 0) {
            k->count++;
            return true;
        }
    }
    if (w->n == NONE - 1 || !grow(w)) return false;
    i = hash & w->mask;
    while (w->slot[i] != NONE)
        i = (i + 1) & w->mask;
    eng_word *k = &w->word[w->n];
    *k = (eng_word){.count = 1, .at = w->bytes.len, .n = (uint32_t)n, .hash = hash};
    sk_buf_add(&w->bytes, p, n);
    if (!sk_buf_ok(&w->bytes)) return false;
    w->slot[i] = (uint32_t)w->n++;
    return true;
}

typedef struct counting {
    eng_words *w;
    sk_err *e;
} counting;

/* One piece, in parts if it is long; no part ends inside a character. */
static sk_status count_piece(void *arg, const char *p, size_t n)
{
    const counting *c = arg;
    while (n) {
        size_t k = n;
        if (k > ENG_WORD_MAX) {
            k = ENG_WORD_MAX;
            while (k > ENG_WORD_MAX - 4 && ((unsigned char)p[k] & 0xc0) == 0x80)
                k--;
        }
        if (!count_word(c->w, p, k)) return sk_fail(c->e, SK_E_NOMEM, "no memory to count words");
        p += k;
        n -= k;
    }
    return SK_OK;
}

/* Counts the pieces of a document. */
sk_status eng_words_add(eng_words *w, const eng_pretok *pt, const char *doc, size_t n, sk_err *e)
{
    counting c = {w, e};
    return eng_pretok_split(pt, doc, n, count_piece, &c, e);
}
