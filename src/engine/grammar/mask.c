/* mask.c - which tokens may come next: a walk over the vocabulary's trees. */
#include "engine/grammar/grammar_core.h"

#include <assert.h>

/* How a walk of a tree treats its tokens: it adds those that may come; or all are in the mask and
 * it takes out those that may not. */
typedef enum walk_kind { WALK_ADD, WALK_TAKE_OUT } walk_kind;

static inline void set_bit(uint64_t *out, uint32_t token)
{
    out[token >> 6] |= (uint64_t)1 << (token & 63);
}

/* Takes the tokens of a subtree out. */
static void clear(const eng_tree *t, uint32_t from, uint32_t to, uint64_t *out)
{
    for (uint32_t i = from; i < to; i++) {
        uint32_t k = t->node[i].token;
        if (k != ENG_TRIE_NONE) out[k >> 6] &= ~((uint64_t)1 << (k & 63));
    }
}

/* Puts the place behind node i, of depth d, into d + 1. */
static bool enter(eng_grammar *g, eng_walk *w, unsigned d, uint8_t byte)
{
    eng_place *at = &w->place[d], *to = &w->place[d + 1];
    if (w->n[d] == 1) {
        at->n = 1;
        at->lex[0] = w->lex[d];
        at->stand[0] = w->stand[d];
    }
    bool ok = eng_book_step(&g->book, at, byte, to);
    w->n[d + 1] = to->n;
    w->lex[d + 1] = to->lex[0];
    w->stand[d + 1] = to->stand[0];
    return ok;
}

/* Where only ends are left (the answer is complete and nothing goes on) a place has no pairs: its
 * subtree is dead but for the token that ends there. */
static bool walk(eng_grammar *g, const eng_tree *t, walk_kind kind, bool no_blank, uint64_t *out)
{
    eng_walk *w = g->walk;
    eng_book *b = &g->book;
    uint64_t visited = 0;
    for (uint32_t i = 0; i < t->n; visited++) {
        const eng_trienode *v = &t->node[i];
        unsigned d = v->depth;
        bool alive = false;
        if (w->n[d] == 1) {
            const uint16_t *row = b->lex[w->lex[d]].row;
            if (!row) {
                if (!eng_book_row(b, w->lex[d])) return false;
                row = b->lex[w->lex[d]].row;
            }
            uint16_t next = row[v->byte];
            alive = next != 0 && !(no_blank && !d && eng_is_blank(v->byte));
            if (alive && b->lex[next].ends) {
                alive = enter(g, w, d, v->byte);
                if (b->st) return false;
            } else if (alive) {
                w->lex[d + 1] = next;
                w->stand[d + 1] = w->stand[d];
                w->n[d + 1] = 1;
                if (kind == WALK_TAKE_OUT && b->lex[next].plain == ENG_PLAIN_ANY) {
                    i = v->skip;
                    continue;
                }
            }
        } else if (w->n[d] > 1) {
            alive = enter(g, w, d, v->byte);
            if (b->st) return false;
        }
        if (alive) {
            if (kind == WALK_ADD && v->token != ENG_TRIE_NONE) set_bit(out, v->token);
            i++;
        } else {
            if (kind == WALK_TAKE_OUT) clear(t, i, v->skip, out);
            i = v->skip;
        }
    }
    w->visited += visited;
    return true;
}

static void add_mask(uint64_t *out, const uint64_t *mask, size_t words)
{
    for (size_t i = 0; i < words; i++)
        out[i] |= mask[i];
}

/* The plain tokens of at most n characters. */
static void add_plain(const eng_tokentrie *t, uint32_t n, uint64_t *out)
{
    if (n == ENG_PLAIN_ANY) {
        add_mask(out, t->by_length[0], t->words);
        return;
    }
    if (n) add_mask(out, t->by_length[n < ENG_TRIE_LENGTHS ? n : ENG_TRIE_LENGTHS], t->words);
    for (size_t i = 0; i < t->n_longer; i++)
        if (t->longer[i].chars <= n) set_bit(out, t->longer[i].token);
}

/* True if most letters lead to where any text may follow (a key that only must not be one of a
 * few): then it is less work to take tokens out. */
static bool mostly_any(const eng_book *b, uint16_t lex)
{
    unsigned n = 0;
    for (unsigned c = 'a'; c <= 'z'; c++)
        n += b->lex[b->lex[lex].row[c]].plain == ENG_PLAIN_ANY;
    return n >= 13;
}

static bool start_walk(eng_grammar *g, const eng_place *at)
{
    eng_walk *w = g->walk;
    assert(at->n && at->n <= ENG_PLACE_MOST);
    w->visited = 0;
    w->place[0] = *at;
    w->n[0] = at->n;
    w->lex[0] = at->lex[0];
    w->stand[0] = at->stand[0];
    for (unsigned i = 0; i < at->n; i++)
        if (!g->book.lex[at->lex[i]].row && !eng_book_row(&g->book, at->lex[i])) return false;
    return true;
}

/* The tree of plain tokens: by a ready mask where that is exact, else by a walk. */
static bool mask_plain(eng_grammar *g, const eng_place *at, bool no_blank, uint64_t *out)
{
    const eng_tokentrie *t = g->trie;
    const eng_lex *l = &g->book.lex[at->lex[0]];
    for (unsigned i = 0; i < at->n; i++)
        if (g->book.lex[at->lex[i]].plain == ENG_PLAIN_ANY) {
            add_plain(t, ENG_PLAIN_ANY, out);
            return true;
        }
    if (at->n == 1 && l->plain && l->exact) {
        add_plain(t, l->plain, out);
        return true;
    }
    if (at->n == 1 && mostly_any(&g->book, at->lex[0])) {
        add_plain(t, ENG_PLAIN_ANY, out);
        return walk(g, &t->plain, WALK_TAKE_OUT, no_blank, out);
    }
    return walk(g, &t->plain, WALK_ADD, no_blank, out);
}

/* A mask that was kept for this place, NULL if none was. */
static eng_keptmask *kept(eng_grammar *g, const eng_place *at)
{
    for (unsigned i = 0; i < ENG_MASKS_KEPT; i++) {
        eng_keptmask *k = &g->kept[i];
        if (k->mask && k->lex == at->lex[0] && k->stand == at->stand[0] &&
            k->complete == at->complete && k->generation == (uint32_t)g->book.generation)
            return k;
    }
    return NULL;
}

/* Keeps a mask in the next place; without memory it isn't kept. */
static void keep(eng_grammar *g, const eng_place *at, const uint64_t *mask)
{
    eng_keptmask *k = &g->kept[g->next_kept++ % ENG_MASKS_KEPT];
    if (!k->mask) k->mask = sk_alloc(SK_MEM_REQUEST, g->trie->words * 8);
    if (!k->mask) return;
    memcpy(k->mask, mask, g->trie->words * 8);
    k->lex = at->lex[0];
    k->stand = at->stand[0];
    k->complete = at->complete;
    k->generation = (uint32_t)g->book.generation;
}

bool eng_grammar_mask(eng_grammar *g, const eng_place *at, bool no_blank, uint64_t *out)
{
    const eng_tokentrie *t = g->trie;
    bool one = at->n == 1 && !no_blank;
    eng_keptmask *old = one ? kept(g, at) : NULL;
    if (old) {
        memcpy(out, old->mask, t->words * 8);
        return true;
    }
    memset(out, 0, t->words * 8);
    if (at->n) {
        if (!start_walk(g, at) || !mask_plain(g, at, no_blank, out) ||
            !walk(g, &t->rest, WALK_ADD, no_blank, out))
            return false;
    }
    for (size_t i = 0; i < t->n_end && at->complete; i++)
        set_bit(out, (uint32_t)t->end[i]);
    if (one && g->walk->visited > ENG_MASK_COSTLY) keep(g, at, out);
    return true;
}
