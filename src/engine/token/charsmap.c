/* charsmap.c - walking the double array; nothing in it is trusted. */
#include "engine/token/charsmap.h"

#include <string.h>

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Takes a blob apart. */
sk_status eng_charsmap_init(eng_charsmap *m, eng_str blob, sk_err *e)
{
    *m = (eng_charsmap){NULL, 0, {"", 0}};
    if (!blob.n) return SK_OK;
    const uint8_t *p = (const uint8_t *)blob.p;
    size_t units = blob.n >= 4 ? read_u32(p) : 0;
    if (blob.n < 4 || units % 4 || units > blob.n - 4)
        return sk_fail(e, SK_E_FORMAT, "the tokenizer's character map of %zu bytes is damaged",
                       blob.n);
    m->units = p + 4;
    m->n_units = units / 4;
    m->text = (eng_str){blob.p + 4 + units, blob.n - 4 - units};
    if (m->text.n && m->text.p[m->text.n - 1] != 0)
        return sk_fail(e, SK_E_FORMAT, "the tokenizer's character map has no end");
    return SK_OK;
}

/* Distance from a unit to where its children are counted from. */
static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The longest sequence at p[0..n) that has a replacement.  A child with label c of the unit at i
 * stands at i ^ offset ^ c; the value of a unit stands at its children's place for label 0. */
size_t eng_charsmap_find(const eng_charsmap *m, const char *p, size_t n, eng_str *to)
{
    enum { LABEL = 0xff, HAS_VALUE = 1 << 8 };
    const uint32_t no_label = 1u << 31;
    size_t best = 0;
    if (!m->n_units) return 0;
    uint32_t at = offset_of(read_u32(m->units));
    for (size_t i = 0; i < n && p[i]; i++) {
        uint32_t c = (unsigned char)p[i];
        at ^= c;
        if (at >= m->n_units) break;
        uint32_t unit = read_u32(m->units + 4 * (size_t)at);
        if ((unit & (no_label | LABEL)) != c) break;
        at ^= offset_of(unit);
        if (at >= m->n_units) break;
        if (!(unit & HAS_VALUE)) continue;
        uint32_t value = read_u32(m->units + 4 * (size_t)at) & ~no_label;
        if (value >= m->text.n) break;
        *to = (eng_str){m->text.p + value, strlen(m->text.p + value)};
        best = i + 1;
    }
    return best;
}
