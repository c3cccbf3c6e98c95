/* ids.c - the growable array of token ids: doubling, and a failed growth that changes nothing. */
#include "engine/token/ids.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { FIRST_CAP = 64 };

/* Makes room for n more ids; false without memory.  Doubling keeps pushes at a constant cost; a
 * size that would pass PTRDIFF_MAX is refused before it can overflow. */
static bool reserve(eng_ids *a, size_t n)
{
    assert(a->n <= a->cap && (a->id || !a->cap));
    if (n <= a->cap - a->n) return true;

    size_t need, bytes, cap = a->cap ? a->cap : FIRST_CAP;
    if (__builtin_add_overflow(a->n, n, &need) || need > PTRDIFF_MAX / sizeof *a->id) return false;
    while (cap < need)
        cap *= 2;
    if (!sk_mul_size(cap, sizeof *a->id, &bytes)) return false;
    int32_t *p = sk_realloc(SK_MEM_TOKEN, a->id, bytes);
    if (!p) return false;
    a->id = p;
    a->cap = cap;
    return true;
}

/* Appends n ids; false without memory (the array is unchanged). */
bool eng_ids_add(eng_ids *a, const int32_t *id, size_t n)
{
    assert(id || !n);
    if (!reserve(a, n)) return false;
    if (n) memcpy(a->id + a->n, id, n * sizeof *id);
    a->n += n;
    return true;
}

/* Appends one id; false without memory (the array is unchanged). */
bool eng_ids_push(eng_ids *a, int32_t id)
{
    if (a->n == a->cap && !reserve(a, 1)) return false;
    a->id[a->n++] = id;
    return true;
}

/* Frees the array; a is then empty. */
void eng_ids_fini(eng_ids *a)
{
    sk_free(a->id);
    *a = (eng_ids){NULL, 0, 0};
}
