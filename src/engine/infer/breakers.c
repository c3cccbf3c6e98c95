/* breakers.c - texts that break repetitions, as the tokens they may come in.
 *
 * A breaker need not be whole tokens: a token that holds it breaks by itself, and one that ends in
 * its beginning breaks together with the tokens of the rest.
 */
#include "base/mem.h"
#include "engine/infer/dry.h"

#include <stdlib.h>
#include <string.h>

/* Adds head + the n ids of tail, but not twice. */
static sk_status add(eng_dry_breakers *b, int32_t head, const int32_t *tail, size_t n, sk_err *e)
{
    if (n > ENG_DRY_TAIL) n = ENG_DRY_TAIL;
    for (size_t i = b->n; i-- > 0 && b->entry[i].head == head;)
        if (b->entry[i].n == n && (!n || !memcmp(b->entry[i].tail, tail, n * sizeof *tail)))
            return SK_OK;
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        eng_dry_entry *p = sk_realloc(SK_MEM_SCRATCH, b->entry, cap * sizeof *p);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for sequence breakers");
        b->entry = p;
        b->cap = cap;
    }
    eng_dry_entry *t = &b->entry[b->n++];
    *t = (eng_dry_entry){.head = head, .n = (uint32_t)n};
    if (n) memcpy(t->tail, tail, n * sizeof *tail);
    return SK_OK;
}

/* True if text[0..n) occurs in piece[0..len). */
static bool holds(const char *piece, size_t len, const char *text, size_t n)
{
    return len >= n && memmem(piece, len, text, n) != NULL;
}

/* One token against one breaker of n bytes; rest[i] are the ids of its bytes from i on. */
static sk_status match(eng_dry_breakers *b, int32_t id, const char *piece, size_t len,
                       const char *text, size_t n, const eng_ids *rest, sk_err *e)
{
    if (holds(piece, len, text, n)) return add(b, id, NULL, 0, e);
    size_t longest = len < n - 1 ? len : n - 1;
    for (size_t i = longest; i > 0; i--) {
        if (memcmp(piece + len - i, text, i) != 0) continue;
        sk_status st = add(b, id, rest[i].id, rest[i].n, e);
        if (st) return st;
    }
    return SK_OK;
}

/* All tokens against one breaker. */
static sk_status add_text(eng_dry_breakers *b, const eng_model *m, size_t n_vocab, const char *text,
                          sk_err *e)
{
    eng_ids rest[ENG_DRY_BYTES + 1] = {{0}};
    size_t n = strnlen(text, ENG_DRY_BYTES);
    sk_status st = SK_OK;
    for (size_t i = 1; !st && i < n; i++)
        st = eng_model_encode(m, text + i, n - i, 0, &rest[i], e);
    for (size_t id = 0; !st && n && id < n_vocab; id++) {
        size_t len;
        const char *piece = eng_vocab_piece(eng_model_vocab(m), (int32_t)id, true, &len);
        if (len) st = match(b, (int32_t)id, piece, len, text, n, rest, e);
    }
    for (size_t i = 0; i <= ENG_DRY_BYTES; i++)
        eng_ids_fini(&rest[i]);
    return st;
}

static int compare_heads(const void *a, const void *b)
{
    const eng_dry_entry *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    return x->n < y->n ? -1 : x->n > y->n;
}

sk_status eng_dry_breakers_new(const eng_model *m, const char *const *text, size_t n,
                               eng_dry_breakers **out, sk_err *e)
{
    const eng_vocab *v = eng_model_vocab(m);
    if (!v) return sk_fail(e, SK_E_UNSUPPORTED, "sequence breakers need the model's tokenizer");
    eng_dry_breakers *b = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *b);
    if (!b) return sk_fail(e, SK_E_NOMEM, "no memory for sequence breakers");
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = add_text(b, m, eng_vocab_size(v), text[i], e);
    if (st) {
        eng_dry_breakers_free(b);
        return st;
    }
    if (b->n) qsort(b->entry, b->n, sizeof *b->entry, compare_heads);
    *out = b;
    return SK_OK;
}

void eng_dry_breakers_free(eng_dry_breakers *b)
{
    if (!b) return;
    sk_free(b->entry);
    sk_free(b);
}
