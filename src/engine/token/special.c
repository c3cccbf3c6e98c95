/* special.c - at each byte, the longest text of the set that begins there. */
#include "engine/token/special.h"

#include <assert.h>

static_assert(ENG_PREFIX_NONE == ENG_STRINDEX_NONE, "one number for both says there is none");

/* Builds the set of str[id[0..n)] in mem. */
bool eng_special_init(eng_special *s, sk_arena *mem, const eng_str *str, const uint32_t *id,
                      size_t n)
{
    if (!eng_prefix_init(&s->set, mem, str, id, n)) return false;
    s->any = s->set.first[256] > 0;
    return true;
}

/* The first text of the set in p[0..n). */
uint32_t eng_special_next(const eng_special *s, const char *p, size_t n, size_t *at)
{
    for (size_t i = 0; i < n && s->any; i++) {
        unsigned b = (unsigned char)p[i];
        if (s->set.first[b] == s->set.first[b + 1]) continue;
        uint32_t id = eng_prefix_longest(&s->set, p + i, n - i);
        if (id == ENG_PREFIX_NONE) continue;
        *at = i;
        return id;
    }
    *at = n;
    return ENG_STRINDEX_NONE;
}

/* The number of the text p[0..n). */
uint32_t eng_special_find(const eng_special *s, const char *p, size_t n)
{
    if (!s->any) return ENG_STRINDEX_NONE;
    uint32_t id = eng_prefix_longest(&s->set, p, n);
    return id != ENG_PREFIX_NONE && s->set.str[id].n == n ? id : ENG_STRINDEX_NONE;
}
