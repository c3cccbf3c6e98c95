/* dedup.c - the tables: open addressing, doubled when two thirds full. */
#include "engine/data/dedup.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* Documents of one band's key that are compared: a text that thousands share (a licence, a menu)
 * must not make each of them look at all others. */
enum { MAX_COMPARED = 16, FIRST_SLOTS = 1024, FIRST_DOCS = 256 };

/* A document in a band's table. */
typedef struct near_slot {
    uint32_t tag; /* upper half of the key's hash */
    uint32_t doc; /* number + 1; 0: free */
} near_slot;

struct eng_dedup {
    eng_dedup_opts o;
    uint8_t (*hash)[ENG_DEDUP_HASH]; /* [n_hash_slots]; all zero: free */
    size_t n_hashes, n_hash_slots;
    uint8_t (*sketch)[ENG_SKETCH_BINS]; /* [doc_cap] */
    size_t n_docs, doc_cap;
    near_slot *slot; /* [n_slots], all bands in one table */
    size_t n_used, n_slots;
    unsigned bands, rows; /* bands * rows = ENG_SKETCH_BINS */
    bool full;
};

/* Bands for a threshold s: a pair of similarity s is found with probability 1 - (1 - s^rows)^bands,
 * which is at least 0.97 in each case; what is found in vain costs a comparison. */
static void choose_bands(eng_dedup *d)
{
    d->rows = d->o.threshold >= 0.75 ? 6 : d->o.threshold >= 0.6 ? 4 : 3;
    d->bands = ENG_SKETCH_BINS / d->rows;
    assert(d->bands * d->rows == ENG_SKETCH_BINS);
}

/* Empty tables. */
sk_status eng_dedup_open(const eng_dedup_opts *o, eng_dedup **out, sk_err *e)
{
    if (o->near && !(o->threshold >= 0.5 && o->threshold <= 1))
        return sk_fail(e, SK_E_INVALID,
                       "the similarity of near-duplicates is %g; 0.5 to 1 is meant", o->threshold);
    eng_dedup *d = sk_calloc(SK_MEM_MISC, 1, sizeof *d);
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory to look for duplicates");
    d->o = *o;
    d->o.exact |= o->near;
    choose_bands(d);
    *out = d;
    return SK_OK;
}

/* NULL is allowed. */
void eng_dedup_close(eng_dedup *d)
{
    if (!d) return;
    sk_free(d->hash);
    sk_free(d->sketch);
    sk_free(d->slot);
    sk_free(d);
}

/* Bytes the tables hold. */
uint64_t eng_dedup_bytes(const eng_dedup *d)
{
    return d->n_hash_slots * sizeof *d->hash + d->doc_cap * sizeof *d->sketch +
           d->n_slots * sizeof *d->slot;
}

/* True when the bound was reached. */
bool eng_dedup_full(const eng_dedup *d)
{
    return d->full;
}

/* True when so many more bytes are within the bound; else the tables stay as they are from now on.
 */
static bool may_grow(eng_dedup *d, uint64_t more)
{
    uint64_t have = eng_dedup_bytes(d);
    if (!d->full && have <= d->o.max_bytes && more <= d->o.max_bytes - have) return true;
    d->full = true;
    return false;
}

/* ---- exact ---- */

/* The slot that holds h or would. */
static size_t find_hash(const eng_dedup *d, const uint8_t *h)
{
    static const uint8_t none[ENG_DEDUP_HASH];
    uint64_t at;
    assert(d->n_hashes < d->n_hash_slots); /* a free one ends the search */
    memcpy(&at, h, sizeof at);
    for (size_t i = (size_t)at & (d->n_hash_slots - 1);; i = (i + 1) & (d->n_hash_slots - 1))
        if (memcmp(d->hash[i], h, ENG_DEDUP_HASH) == 0 ||
            memcmp(d->hash[i], none, ENG_DEDUP_HASH) == 0)
            return i;
}

/* Twice as many slots. */
static sk_status grow_hashes(eng_dedup *d, sk_err *e)
{
    static const uint8_t none[ENG_DEDUP_HASH];
    eng_dedup old = *d;
    size_t n = old.n_hash_slots ? 2 * old.n_hash_slots : FIRST_SLOTS;
    if (!may_grow(d, (n - old.n_hash_slots) * sizeof *d->hash)) return SK_OK;
    d->hash = sk_calloc(SK_MEM_MISC, n, sizeof *d->hash);
    if (!d->hash) {
        d->hash = old.hash;
        return sk_fail(e, SK_E_NOMEM,
                       "no memory for the hashes of %zu documents: a smaller --dedup-memory stops "
                       "their growth",
                       old.n_hashes);
    }
    d->n_hash_slots = n;
    for (size_t i = 0; i < old.n_hash_slots; i++)
        if (memcmp(old.hash[i], none, ENG_DEDUP_HASH) != 0)
            memcpy(d->hash[find_hash(d, old.hash[i])], old.hash[i], ENG_DEDUP_HASH);
    sk_free(old.hash);
    return SK_OK;
}

/* Looks for the hash and keeps it; *seen says that it was there. */
static sk_status ask_exact(eng_dedup *d, const uint8_t *hash, bool *seen, sk_err *e)
{
    uint8_t h[ENG_DEDUP_HASH];
    memcpy(h, hash, sizeof h);
    h[ENG_DEDUP_HASH - 1] |= 1; /* never all zero */
    if (3 * (d->n_hashes + 1) > 2 * d->n_hash_slots) {
        sk_status st = grow_hashes(d, e);
        if (st) return st;
    }
    *seen = false;
    if (!d->n_hash_slots) return SK_OK;
    size_t i = find_hash(d, h);
    *seen = memcmp(d->hash[i], h, sizeof h) == 0;
    if (*seen || 3 * (d->n_hashes + 1) > 2 * d->n_hash_slots) return SK_OK;
    memcpy(d->hash[i], h, sizeof h);
    d->n_hashes++;
    return SK_OK;
}

/* ---- near ---- */

/* Hash of one band of a sketch. */
static uint64_t band_key(const eng_dedup *d, const uint8_t *bin, unsigned band)
{
    uint64_t k = 0;
    assert(band < d->bands);
    for (unsigned i = 0; i < d->rows; i++)
        k = k << 8 | bin[band * d->rows + i];
    return eng_mix64(k << 8 | band);
}

/* Enters document `doc` under all its bands, behind those that are there; no more than MAX_COMPARED
 * a key. */
static void enter(eng_dedup *d, size_t doc)
{
    for (unsigned b = 0; b < d->bands; b++) {
        uint64_t key = band_key(d, d->sketch[doc], b);
        size_t i = (size_t)key & (d->n_slots - 1);
        unsigned same = 0;
        assert(d->n_used < d->n_slots && doc < UINT32_MAX);
        for (; d->slot[i].doc && same < MAX_COMPARED; i = (i + 1) & (d->n_slots - 1))
            same += d->slot[i].tag == (uint32_t)(key >> 32);
        if (same == MAX_COMPARED) continue;
        d->slot[i] = (near_slot){(uint32_t)(key >> 32), (uint32_t)doc + 1};
        d->n_used++;
    }
}

/* True when a document remembered is similar enough. */
static bool is_near(const eng_dedup *d, const uint8_t *bin)
{
    for (unsigned b = 0; d->n_slots && b < d->bands; b++) {
        uint64_t key = band_key(d, bin, b);
        for (size_t i = (size_t)key & (d->n_slots - 1); d->slot[i].doc;
             i = (i + 1) & (d->n_slots - 1))
            if (d->slot[i].tag == (uint32_t)(key >> 32) &&
                eng_sketch_similarity(bin, d->sketch[d->slot[i].doc - 1]) >= d->o.threshold)
                return true;
    }
    return false;
}

/* Twice as many slots; the documents are entered anew in their order, which gives what they would
 * have been from the start. */
static sk_status grow_slots(eng_dedup *d, sk_err *e)
{
    size_t n = d->n_slots ? 2 * d->n_slots : FIRST_SLOTS;
    if (!may_grow(d, (n - d->n_slots) * sizeof *d->slot)) return SK_OK;
    near_slot *slot = sk_calloc(SK_MEM_MISC, n, sizeof *slot);
    if (!slot)
        return sk_fail(e, SK_E_NOMEM,
                       "no memory to look for near-duplicates of %zu documents: a smaller "
                       "--dedup-memory stops the growth of the tables",
                       d->n_docs);
    sk_free(d->slot);
    d->slot = slot;
    d->n_slots = n;
    d->n_used = 0;
    for (size_t i = 0; i < d->n_docs; i++)
        enter(d, i);
    return SK_OK;
}

/* Half as many documents again. */
static sk_status grow_docs(eng_dedup *d, sk_err *e)
{
    size_t n = d->doc_cap ? d->doc_cap + d->doc_cap / 2 : FIRST_DOCS;
    if (!may_grow(d, (n - d->doc_cap) * sizeof *d->sketch)) return SK_OK;
    void *p = sk_realloc(SK_MEM_MISC, d->sketch, n * sizeof *d->sketch);
    if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for the sketches of %zu documents", d->n_docs);
    d->sketch = p;
    d->doc_cap = n;
    return SK_OK;
}

/* Remembers a sketch, while there is room. */
static sk_status remember(eng_dedup *d, const uint8_t *bin, sk_err *e)
{
    sk_status st = SK_OK;
    if (d->n_docs == d->doc_cap) st = grow_docs(d, e);
    while (!st && !d->full && 3 * (d->n_used + d->bands) > 2 * d->n_slots)
        st = grow_slots(d, e);
    bool room = d->n_docs < d->doc_cap && 3 * (d->n_used + d->bands) <= 2 * d->n_slots;
    if (st || !room || d->n_docs >= UINT32_MAX - 1) return st;
    memcpy(d->sketch[d->n_docs], bin, ENG_SKETCH_BINS);
    enter(d, d->n_docs++);
    return SK_OK;
}

/* Exact first: a document that was there needs no comparison. */
sk_status eng_dedup_ask(eng_dedup *d, const uint8_t hash[ENG_DEDUP_HASH], const eng_sketch *sketch,
                        eng_dup *out, sk_err *e)
{
    bool seen = false;
    sk_status st = d->o.exact ? ask_exact(d, hash, &seen, e) : SK_OK;
    if (st) return st;
    *out = seen ? ENG_DUP_EXACT : ENG_DUP_NONE;
    if (seen || !d->o.near || !sketch || sketch->n_words < ENG_SKETCH_MIN_WORDS) return SK_OK;
    if (is_near(d, sketch->bin)) {
        *out = ENG_DUP_NEAR;
        return SK_OK;
    }
    return remember(d, sketch->bin, e);
}
