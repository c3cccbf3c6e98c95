/* trie.c - building the two trees of a vocabulary. */
#include "engine/grammar/trie.h"
#include "engine/grammar/bytes.h"
#include "engine/token/unidata.h"

#include <assert.h>
#include <stdlib.h>

/* A token while the trees are built. */
typedef struct piece {
    const char *p;
    size_t n;
    uint32_t id, chars; /* chars: 0 if it is not plain */
} piece;

/* Characters of a token that are all plain, 0 otherwise. */
static uint32_t plain_chars(const char *p, size_t n)
{
    uint32_t chars = 0;
    for (size_t i = 0; i < n; chars++) {
        size_t len = eng_utf8_sequence((const uint8_t *)p + i, n - i);
        if (!len || (uint8_t)p[i] < 0x20 || p[i] == '"' || p[i] == '\\') return 0;
        i += len;
    }
    return chars;
}

/* Plain ones first, each kind in the order of bytes, equal ones by id. */
static int by_bytes(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    if (!x->chars != !y->chars) return x->chars ? -1 : 1;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = memcmp(x->p, y->p, n);
    if (!c) c = (x->n > y->n) - (x->n < y->n);
    return c ? c : (x->id > y->id) - (x->id < y->id);
}

/* Bytes that a and b begin with alike. */
static size_t shared(const piece *a, const piece *b)
{
    size_t i = 0;
    while (i < a->n && i < b->n && a->p[i] == b->p[i])
        i++;
    return i;
}

/* Nodes of the tree of v[0..n): a token of the same bytes as the one before it gets a leaf of its
 * own beside it. */
static size_t count_nodes(const piece *v, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = i ? shared(&v[i - 1], &v[i]) : 0;
        sum += same == v[i].n ? 1 : v[i].n - same;
    }
    return sum;
}

/* Lays the tree down depth first; `open` are the nodes on the way to the one before. */
static bool build_tree(sk_arena *mem, const piece *v, size_t n, eng_tree *t)
{
    uint32_t open[ENG_TRIE_DEPTH + 1];
    size_t depth = 0, total = count_nodes(v, n);
    t->node = sk_new_n(mem, eng_trienode, total ? total : 1);
    if (!t->node) return false;
    for (size_t i = 0; i < n; i++) {
        size_t same = i ? shared(&v[i - 1], &v[i]) : 0;
        assert(v[i].n && v[i].n <= ENG_TRIE_DEPTH);
        if (same == v[i].n) same--; /* a twin */
        while (depth > same)
            t->node[open[--depth]].skip = (uint32_t)t->n;
        for (; depth < v[i].n; depth++) {
            open[depth] = (uint32_t)t->n;
            t->node[t->n++] =
                (eng_trienode){0, ENG_TRIE_NONE, (uint8_t)v[i].p[depth], (uint8_t)depth};
        }
        t->node[t->n - 1].token = v[i].id;
    }
    while (depth)
        t->node[open[--depth]].skip = (uint32_t)t->n;
    assert(t->n == total); /* what count_nodes foresaw */
    return true;
}

/* The ready masks and the list of long tokens, of the plain tokens v[0..n). */
static bool build_masks(eng_tokentrie *t, const piece *v, size_t n)
{
    for (size_t k = 0; k <= ENG_TRIE_LENGTHS; k++)
        if (!(t->by_length[k] = sk_arena_calloc(t->mem, t->words, 8))) return false;
    if (!(t->longer = sk_new_n(t->mem, eng_longtoken, n + 1))) return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t bit = (uint64_t)1 << (v[i].id & 63);
        t->by_length[0][v[i].id >> 6] |= bit;
        if (v[i].chars > ENG_TRIE_LENGTHS)
            t->longer[t->n_longer++] = (eng_longtoken){v[i].id, v[i].chars};
        for (size_t k = v[i].chars; k <= ENG_TRIE_LENGTHS; k++)
            t->by_length[k][v[i].id >> 6] |= bit;
    }
    return true;
}

/* Special tokens, empty ones and those of more than ENG_TRIE_DEPTH bytes are in no tree: no answer
 * takes them. */
static bool build(eng_tokentrie *t, const eng_vocab *vocab, piece *v)
{
    size_t n = 0, n_plain = 0;
    for (size_t i = 0; i < t->n_vocab; i++) {
        piece x = {.id = (uint32_t)i};
        if (eng_vocab_is_end(vocab, (int32_t)i)) t->end[t->n_end++] = (int32_t)i;
        x.p = eng_vocab_piece(vocab, (int32_t)i, false, &x.n);
        if (!x.n || x.n > ENG_TRIE_DEPTH || eng_vocab_is_end(vocab, (int32_t)i)) continue;
        x.chars = plain_chars(x.p, x.n);
        n_plain += x.chars > 0;
        v[n++] = x;
    }
    qsort(v, n, sizeof *v, by_bytes);
    return build_tree(t->mem, v, n_plain, &t->plain) &&
           build_tree(t->mem, v + n_plain, n - n_plain, &t->rest) && build_masks(t, v, n_plain);
}

/* `all` is where the pieces are sorted; the trees keep what they need of it in their arena. */
sk_status eng_tokentrie_new(const eng_vocab *v, eng_tokentrie **out, sk_err *e)
{
    size_t n = eng_vocab_size(v);
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_tokentrie *t = mem ? sk_new(mem, eng_tokentrie) : NULL;
    piece *all = t ? sk_calloc(SK_MEM_TOKEN, n + 1, sizeof *all) : NULL;
    bool ok = all != NULL;
    if (ok) {
        t->mem = mem;
        t->vocab = v;
        t->n_vocab = n;
        t->words = (n + 63) / 64;
        t->end = sk_new_n(mem, int32_t, n + 1);
        ok = t->end && build(t, v, all);
    }
    sk_free(all);
    if (!ok) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory for the tree of %zu tokens", n);
    }
    *out = t;
    return SK_OK;
}

void eng_tokentrie_free(eng_tokentrie *t)
{
    if (t) sk_arena_free(t->mem);
}
