/* str.c - marked strings: views, slices, growth in place, searching, building.
 *
 * Every byte of text carries its origin (value.h), but most strings are of one origin: mk stays
 * NULL until a byte of another kind comes in, and only then is an array of marks made.  Bytes
 * that were handed out never change; appending writes behind them.
 */
#include "engine/jinja/str.h"

#include <assert.h>
#include <string.h>

/* ---- UTF-8 ---- */

/* No checks: strings hold valid UTF-8 from where they enter (convert.h, the template itself). */
uint32_t eng_jn_utf8_get(const char *p, size_t *len)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] < 0x80) {
        *len = 1;
        return u[0];
    }
    size_t n = u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;
    uint32_t c = u[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (u[i] & 0x3Fu);
    *len = n;
    return c;
}

/* Surrogates never get here. */
size_t eng_jn_utf8_put(uint32_t c, char out[4])
{
    assert(c <= 0x10FFFF);
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(0xF00 >> n | c);
    return n;
}

/* True for a byte that continues a character. */
static bool inside(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* ---- strings ---- */

/* chars is counted when first asked for: most strings never are. */
jn_str *eng_jn_str_view(jn_run *r, const char *p, size_t n, uint8_t mark)
{
    jn_str *s = jn_new(&r->mem, jn_str);
    if (s) *s = (jn_str){.p = p, .n = n, .chars = SIZE_MAX, .mark = mark};
    return s;
}

/* With a NUL behind, for debuggers. */
sk_status eng_jn_str_copy(jn_run *r, const char *p, size_t n, uint8_t mark, jn_val *out)
{
    char *copy = eng_jn_alloc(&r->mem, n + 1);
    if (!copy) return eng_jn_oom(r);
    if (n) memcpy(copy, p, n);
    jn_str *s = eng_jn_str_view(r, copy, n, mark);
    if (!s) return eng_jn_oom(r);
    *out = jn_of_str(s);
    return SK_OK;
}

/* Not copied. */
sk_status eng_jn_str_lit(jn_run *r, const char *text, jn_val *out)
{
    jn_str *s = eng_jn_str_view(r, text, strlen(text), JN_TEMPLATE);
    if (!s) return eng_jn_oom(r);
    *out = jn_of_str(s);
    return SK_OK;
}

/* Shares bytes, marks, and the room behind where it ends at the end.  A slice of ASCII knows its
 * number of characters.  It may share grow: only who ends where that ends can append in place. */
sk_status eng_jn_str_sub(jn_run *r, const jn_str *s, size_t from, size_t n, jn_val *out)
{
    assert(from <= s->n && n <= s->n - from);
    jn_str *sub = eng_jn_str_view(r, s->p + from, n, s->mark);
    if (!sub) return eng_jn_oom(r);
    sub->mk = s->mk ? s->mk + from : NULL;
    sub->grow = s->grow;
    sub->safe = s->safe;
    if (s->chars == s->n) sub->chars = n;
    *out = jn_of_str(sub);
    return SK_OK;
}

/* Kept once counted. */
size_t eng_jn_str_chars(jn_str *s)
{
    if (s->chars != SIZE_MAX) return s->chars;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += !inside(s->p[i]);
    s->chars = n;
    return n;
}

/* At once for ASCII, else by walking. */
size_t eng_jn_str_offset(jn_str *s, size_t at)
{
    size_t chars = eng_jn_str_chars(s);
    assert(at <= chars);
    if (chars == s->n) return at;
    size_t i = 0;
    while (at > 0) {
        i++;
        while (i < s->n && inside(s->p[i]))
            i++;
        at--;
    }
    assert(i <= s->n);
    return i;
}

/* UTF-8 sorts as its code points do. */
int eng_jn_str_cmp(const jn_str *a, const jn_str *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int c = n ? memcmp(a->p, b->p, n) : 0;
    return c ? c : (a->n > b->n) - (a->n < b->n);
}

/* Marks don't matter. */
bool eng_jn_str_eq(const jn_str *a, const jn_str *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* For names. */
bool eng_jn_str_is(const jn_str *s, const char *text)
{
    size_t n = strlen(text);
    return s->n == n && (n == 0 || memcmp(s->p, text, n) == 0);
}

/* An empty text is found at once. */
size_t eng_jn_str_find(const jn_str *s, size_t from, size_t to, const jn_str *what)
{
    assert(to <= s->n);
    if (from > to || what->n > to - from) return SIZE_MAX;
    if (!what->n) return from;
    const char *hit = memmem(s->p + from, to - from, what->p, what->n);
    return hit ? (size_t)(hit - s->p) : SIZE_MAX;
}

/* From the end.  Plain search: the needle is short, and the caller counts the steps of the text. */
size_t eng_jn_str_rfind(const jn_str *s, size_t from, size_t to, const jn_str *what)
{
    assert(to <= s->n);
    if (from > to || what->n > to - from) return SIZE_MAX;
    if (!what->n) return to;
    for (size_t i = to - what->n + 1; i-- > from;)
        if (memcmp(s->p + i, what->p, what->n) == 0) return i;
    return SIZE_MAX;
}

/* ---- growing ---- */

/* Makes room for n more bytes in g; the old bytes stay where they are for those who share them. */
static sk_status grow(jn_run *r, jn_grow *g, size_t n)
{
    assert(g->used <= g->cap);
    if (n <= g->cap - g->used) return SK_OK;
    size_t want = g->used + n, cap = g->cap * 2;
    if (want < n) return eng_jn_fail(r, SK_E_TOOBIG, "a text is too long");
    if (cap < want) cap = want;
    if (cap < 32) cap = 32;
    char *p = eng_jn_alloc(&r->mem, cap);
    uint8_t *mk = p && g->mk ? eng_jn_alloc(&r->mem, cap) : NULL;
    if (!p || (g->mk && !mk)) return eng_jn_oom(r);
    if (g->used) memcpy(p, g->p, g->used);
    if (g->used && mk) memcpy(mk, g->mk, g->used);
    *g = (jn_grow){p, mk, g->used, cap};
    return SK_OK;
}

/* Appends n bytes; g so far is all of origin `old` where it has no marks of its own.  The new bytes
 * have the marks mk, or `mark` where mk is NULL.  Marks come into being at the first byte whose
 * origin differs from all before it. */
static sk_status append(jn_run *r, jn_grow *g, uint8_t old, const char *p, size_t n,
                        const uint8_t *mk, uint8_t mark)
{
    sk_status st = grow(r, g, n);
    if (st || !n) return st;
    if (!g->mk && (mk || mark != old)) {
        g->mk = eng_jn_alloc(&r->mem, g->cap);
        if (!g->mk) return eng_jn_oom(r);
        memset(g->mk, old, g->used);
    }
    memcpy(g->p + g->used, p, n);
    if (g->mk && mk) memcpy(g->mk + g->used, mk, n);
    if (g->mk && !mk) memset(g->mk + g->used, mark, n);
    g->used += n;
    return SK_OK;
}

/* A string over all that g holds. */
static sk_status grown(jn_run *r, jn_grow *g, uint8_t mark, jn_val *out)
{
    jn_str *s = eng_jn_str_view(r, g->p ? g->p : "", g->used, mark);
    jn_grow *keep = s ? jn_new(&r->mem, jn_grow) : NULL;
    if (!keep) return eng_jn_oom(r);
    *keep = *g;
    s->mk = g->mk;
    s->grow = keep;
    *out = jn_of_str(s);
    return SK_OK;
}

/* b behind a, in the room behind a's growing bytes: there must be enough. */
static sk_status cat_in_place(jn_run *r, const jn_str *a, const jn_str *b, jn_val *out)
{
    jn_grow *own = a->grow;
    size_t from = (size_t)(a->p - own->p);
    assert(from + a->n == own->used && b->n <= own->cap - own->used);
    sk_status st = append(r, own, a->mark, b->p, b->n, b->mk, b->mark);
    if (st) return st;
    jn_str *s = eng_jn_str_view(r, a->p, a->n + b->n, a->mark);
    if (!s) return eng_jn_oom(r);
    s->grow = own;
    s->mk = own->mk ? own->mk + from : NULL;
    *out = jn_of_str(s);
    return SK_OK;
}

/* Where a ends at the end of its growing bytes (nobody has appended to it yet), b goes behind it in
 * place; else both are copied.  Either way the bytes that others share don't change. */
sk_status eng_jn_str_cat(jn_run *r, const jn_str *a, const jn_str *b, jn_val *out)
{
    sk_status st = eng_jn_step_bytes(r, b->n);
    if (st) return st;
    if (!a->n || !b->n) {
        const jn_str *s = a->n ? a : b;
        return eng_jn_str_sub(r, s, 0, s->n, out);
    }
    const jn_grow *own = a->grow;
    if (own && a->p + a->n == own->p + own->used && b->n <= own->cap - own->used)
        return cat_in_place(r, a, b, out);
    jn_grow g = {NULL, NULL, 0, 0};
    uint8_t old = a->mark;
    st = eng_jn_step_bytes(r, a->n);
    if (!st) st = grow(r, &g, a->n + b->n + (a->n + b->n) / 2);
    if (!st) st = append(r, &g, old, a->p, a->n, a->mk, a->mark);
    if (!st) st = append(r, &g, old, b->p, b->n, b->mk, b->mark);
    return st ? st : grown(r, &g, old, out);
}

/* ---- building ---- */

/* Memory comes with the first byte. */
void eng_jn_sb_init(jn_sb *b, jn_run *r)
{
    *b = (jn_sb){.r = r};
}

/* Appends marked bytes, unless something failed before.  The first bytes decide b->mark; a later
 * different one makes the marks (append). */
static void add(jn_sb *b, const char *p, size_t n, const uint8_t *mk, uint8_t mark)
{
    if (b->st || !n) return;
    if (b->max && n > b->max - b->g.used) {
        b->st = eng_jn_fail(b->r, SK_E_TOOBIG, "it writes more than %llu bytes",
                            (unsigned long long)b->max);
        return;
    }
    assert(!b->max || b->g.used <= b->max);
    if (!b->g.used) b->mark = mk ? mk[0] : mark;
    b->st = eng_jn_step_bytes(b->r, n);
    if (!b->st) b->st = append(b->r, &b->g, b->mark, p, n, mk, mark);
}

/* Bytes of one origin. */
void eng_jn_sb_add(jn_sb *b, const char *p, size_t n, uint8_t mark)
{
    add(b, p, n, NULL, mark);
}

/* One byte of ASCII. */
void eng_jn_sb_addc(jn_sb *b, char c, uint8_t mark)
{
    add(b, &c, 1, NULL, mark);
}

/* A C string. */
void eng_jn_sb_adds(jn_sb *b, const char *text, uint8_t mark)
{
    add(b, text, strlen(text), NULL, mark);
}

/* A code point. */
void eng_jn_sb_char(jn_sb *b, uint32_t c, uint8_t mark)
{
    char p[4];
    add(b, p, eng_jn_utf8_put(c, p), NULL, mark);
}

/* A piece of a string, marks kept. */
void eng_jn_sb_part(jn_sb *b, const jn_str *s, size_t from, size_t n)
{
    assert(from <= s->n && n <= s->n - from);
    add(b, s->p + from, n, s->mk ? s->mk + from : NULL, s->mark);
}

/* A string, marks kept. */
void eng_jn_sb_str(jn_sb *b, const jn_str *s)
{
    add(b, s->p, s->n, s->mk, s->mark);
}

/* The builder must not be used after it: the string may grow in its place. */
sk_status eng_jn_sb_done(jn_sb *b, jn_val *out)
{
    return b->st ? b->st : grown(b->r, &b->g, b->mark, out);
}
