/* enc_spm.c - text to ids as SentencePiece's BPE does: of all neighbours that together are a token,
 * those with the best score are joined first, the leftmost among equals; what is no token in the
 * end is written by bytes.
 *
 * No text is cut before merging, but where no token can reach over a place (a space behind another
 * character, in the usual vocabularies) the parts are merged apart: the same ids, and a word's
 * symbols are few.
 */
#include "engine/token/vocab_core.h"

#include "engine/token/heap.h"
#include "engine/token/unidata.h"

#include <assert.h>

#define NO_RANK UINT32_MAX
#define NONE UINT32_MAX

/* Longest part, in symbols, that is scanned for the best pair. */
enum { SCAN_MAX = 24 };

/* A symbol: a stretch of the text.  In a list (heap) or an array (scan). */
typedef struct symbol {
    uint32_t at, n;      /* bytes; n is 0 when it was joined to the one before */
    uint32_t prev, next; /* NONE at the ends */
    uint32_t rank;       /* of it and the next together, NO_RANK if they are no token */
} symbol;

/* The rank of the token p[0..n). */
static uint32_t rank_of(const eng_vocab *v, const char *p, size_t n)
{
    if (n > v->longest) return NO_RANK;
    uint32_t id = eng_strindex_find(&v->normal, p, n);
    return id == ENG_NO_TOKEN ? NO_RANK : v->order[id];
}

/* The token of a finished symbol, else its bytes. */
static sk_status put_symbol(eng_encoder *c, const char *p, size_t n)
{
    uint32_t id = n <= c->v->longest ? eng_strindex_find(&c->v->normal, p, n) : ENG_NO_TOKEN;
    if (id == ENG_NO_TOKEN) return eng_encoder_bytes(c, p, n);
    return eng_ids_push(c->out, (int32_t)id) ? SK_OK : eng_encoder_no_memory(c);
}

/* Bytes of the character at p: one for a byte that is no UTF-8. */
static size_t char_bytes(const char *p, size_t n)
{
    size_t len = eng_utf8_sequence((const uint8_t *)p, n);
    return len ? len : 1;
}

/* A short part: the best pair is searched anew for each merge.  Quadratic in the part's length,
 * which is short here, and faster than a heap below SCAN_MAX. */
static sk_status merge_scan(eng_encoder *c, const char *p, symbol *s, size_t n)
{
    assert(n > 0);
    for (size_t i = 0; i + 1 < n; i++)
        s[i].rank = rank_of(c->v, p + s[i].at, s[i].n + s[i + 1].n);
    for (;;) {
        size_t best = 0;
        s[n - 1].rank = NO_RANK;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < s[best].rank) best = i;
        if (s[best].rank == NO_RANK) break;
        s[best].n += s[best + 1].n;
        n--;
        for (size_t i = best + 1; i < n; i++)
            s[i] = s[i + 1];
        if (best + 1 < n) s[best].rank = rank_of(c->v, p + s[best].at, s[best].n + s[best + 1].n);
        if (best) s[best - 1].rank = rank_of(c->v, p + s[best - 1].at, s[best - 1].n + s[best].n);
    }
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = put_symbol(c, p + s[i].at, s[i].n);
    return st;
}

/* Looks up the pair that begins at symbol i and queues it. */
static void queue_pair(const eng_vocab *v, eng_heap *h, symbol *s, const char *p, uint32_t i)
{
    s[i].rank = NO_RANK;
    if (s[i].next == NONE) return;
    s[i].rank = rank_of(v, p + s[i].at, (size_t)s[i].n + s[s[i].next].n);
    if (s[i].rank != NO_RANK) eng_heap_push(h, (uint64_t)s[i].rank << 32 | i);
}

/* A long part: pairs in a heap.  An entry is stale when its symbol is gone or begins a pair of
 * another rank now.  The heap never holds more than 2 n entries (bpe.c). */
static sk_status merge_heap(eng_encoder *c, const char *p, symbol *s, size_t n, uint64_t *at)
{
    eng_heap h = {at, 0};
    for (uint32_t i = 0; i < n; i++)
        queue_pair(c->v, &h, s, p, i);
    while (h.n) {
        uint64_t top = eng_heap_pop(&h);
        uint32_t i = (uint32_t)top, gone = s[i].next;
        if (s[i].rank != (uint32_t)(top >> 32)) continue;
        assert(gone != NONE);
        s[i].n += s[gone].n;
        s[i].next = s[gone].next;
        s[gone].rank = NO_RANK;
        if (s[i].next != NONE) s[s[i].next].prev = i;
        queue_pair(c->v, &h, s, p, i);
        if (s[i].prev != NONE) queue_pair(c->v, &h, s, p, s[i].prev);
        assert(h.n <= 2 * n);
    }
    sk_status st = SK_OK;
    for (uint32_t i = 0; i != NONE && !st; i = s[i].next)
        st = put_symbol(c, p + s[i].at, s[i].n);
    return st;
}

/* One part of n bytes: its characters become symbols and are merged.  SentencePiece's merges
 * never reach over a space where no token has one inside, so a text is cut there first: time is
 * then linear in the text. */
static sk_status encode_part(eng_encoder *c, const char *p, size_t n)
{
    if (n >= (size_t)1 << 31)
        return sk_fail(c->e, SK_E_TOOBIG, "the text has a word of %zu bytes", n);
    symbol few[SCAN_MAX], *s = few;
    size_t chars = 0;
    for (size_t i = 0; i < n && chars <= SCAN_MAX; i += char_bytes(p + i, n - i))
        chars++;
    if (chars > SCAN_MAX) { /* as many symbols as bytes are enough */
        s = eng_encoder_scratch(c, n * (2 * sizeof(uint64_t) + sizeof *s));
        if (!s) return eng_encoder_no_memory(c);
    }
    uint64_t *at = (uint64_t *)(void *)s;
    if (s != few) s = (symbol *)(void *)(at + 2 * n);
    size_t k = 0;
    for (size_t i = 0, len; i < n; i += len, k++) {
        len = char_bytes(p + i, n - i);
        s[k] = (symbol){.at = (uint32_t)i, .n = (uint32_t)len};
        s[k].prev = k ? (uint32_t)k - 1 : NONE;
        s[k].next = i + len < n ? (uint32_t)k + 1 : NONE;
    }
    return s == few ? merge_scan(c, p, s, k) : merge_heap(c, p, s, k, at);
}

/* Appends the ids of a text without special tokens. */
sk_status eng_encode_spm(eng_encoder *c, const char *p, size_t n, bool first)
{
    const eng_vocab *v = c->v;
    sk_buf_reset(&c->text);
    if (first && v->space_prefix) {
        sk_buf_addc(&c->text, ' ');
        sk_buf_add(&c->text, p, n);
        if (!sk_buf_ok(&c->text)) return eng_encoder_no_memory(c);
        p = c->text.p;
        n = c->text.len;
    }
    if (!eng_encoder_spaces(c, &p, &n)) return eng_encoder_no_memory(c);
    sk_status st = SK_OK;
    for (size_t len; n && !st; p += len, n -= len) {
        len = v->word_cuts ? eng_encoder_part(p, n) : n;
        st = encode_part(c, p, len);
    }
    return st;
}
