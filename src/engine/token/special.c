/* special.c - at each byte a text may begin with, look up every length there is. */
#include "engine/token/special.h"

#include <assert.h>
#include <string.h>

/* Puts a length into the list, longest first, unless it is there. */
static void add_length(eng_special *s, size_t len)
{
    size_t i = s->n_len;
    for (size_t k = 0; k < s->n_len; k++)
        if (s->len[k] == len) return;
    for (; i && s->len[i - 1] < len; i--)
        s->len[i] = s->len[i - 1];
    s->len[i] = len;
    s->n_len++;
}

/* Builds the set of str[id[0..n)] in mem. */
bool eng_special_init(eng_special *s, sk_arena *mem, const eng_str *str, const uint32_t *id,
                      size_t n)
{
    memset(s, 0, sizeof *s);
    s->len = sk_new_n(mem, size_t, n);
    if (!s->len || !eng_strindex_init(&s->index, mem, str, n)) return false;
    for (size_t i = 0; i < n; i++) {
        const eng_str *t = &str[id[i]];
        if (!t->n) continue;
        s->first[(unsigned char)t->p[0]] = true;
        add_length(s, t->n);
        eng_strindex_put(&s->index, id[i]);
    }
    return true;
}

/* The first text of the set in p[0..n). */
uint32_t eng_special_next(const eng_special *s, const char *p, size_t n, size_t *at)
{
    assert(s->len || !s->n_len);
    for (size_t i = 0; i < n && s->n_len; i++) {
        if (!s->first[(unsigned char)p[i]]) continue;
        for (size_t k = 0; k < s->n_len; k++) {
            if (s->len[k] > n - i) continue;
            uint32_t id = eng_strindex_find(&s->index, p + i, s->len[k]);
            if (id == ENG_STRINDEX_NONE) continue;
            *at = i;
            return id;
        }
    }
    *at = n;
    return ENG_STRINDEX_NONE;
}
