/* chars.c - ranges of characters to expressions over bytes. */
#include "engine/grammar/chars.h"
#include "engine/token/unidata.h"

#include <stdlib.h>

#define LAST_CHAR 0x10ffffu

void eng_chars_fini(eng_chars *c)
{
    sk_free(c->r);
    *c = (eng_chars)ENG_CHARS_INIT;
}

void eng_chars_add(eng_chars *c, uint32_t lo, uint32_t hi)
{
    if (lo > hi || lo > LAST_CHAR) return;
    if (!eng_grow(&c->r, &c->cap, c->n + 1, sizeof *c->r)) {
        c->oom = true;
        return;
    }
    c->r[c->n][0] = lo;
    c->r[c->n++][1] = hi < LAST_CHAR ? hi : LAST_CHAR;
}

static int by_first(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

/* Sorted, touching ranges joined. */
static void join(eng_chars *c)
{
    if (!c->n) return;
    qsort(c->r, c->n, sizeof *c->r, by_first);
    size_t k = 0;
    for (size_t i = 1; i < c->n; i++) {
        if (c->r[i][0] <= c->r[k][1] + 1) {
            if (c->r[i][1] > c->r[k][1]) c->r[k][1] = c->r[i][1];
            continue;
        }
        k++;
        c->r[k][0] = c->r[i][0];
        c->r[k][1] = c->r[i][1];
    }
    c->n = k + 1;
}

/* Surrogates are no characters: ranges are cut at them. */
void eng_chars_tidy(eng_chars *c)
{
    const uint32_t first = 0xd800, last = 0xdfff;
    join(c);
    for (size_t i = 0; i < c->n; i++) {
        uint32_t lo = c->r[i][0], hi = c->r[i][1];
        if (hi < first || lo > last) continue;
        c->r[i][0] = c->r[i][1] = UINT32_MAX;
        if (lo < first) c->r[i][0] = lo, c->r[i][1] = first - 1;
        if (hi > last) eng_chars_add(c, last + 1, hi);
    }
    size_t k = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->r[i][0] == UINT32_MAX) continue;
        c->r[k][0] = c->r[i][0];
        c->r[k++][1] = c->r[i][1];
    }
    c->n = k;
    if (c->n) qsort(c->r, c->n, sizeof *c->r, by_first);
}

void eng_chars_join(eng_chars *c, const eng_chars *b)
{
    for (size_t i = 0; i < b->n; i++)
        eng_chars_add(c, b->r[i][0], b->r[i][1]);
    c->oom = c->oom || b->oom;
}

void eng_chars_invert(eng_chars *c)
{
    eng_chars out = ENG_CHARS_INIT;
    uint32_t next = 0;
    join(c);
    for (size_t i = 0; i < c->n; i++) {
        if (c->r[i][0] > next) eng_chars_add(&out, next, c->r[i][0] - 1);
        next = c->r[i][1] + 1;
    }
    eng_chars_add(&out, next, LAST_CHAR);
    out.oom = out.oom || c->oom;
    eng_chars_fini(c);
    *c = out;
    eng_chars_tidy(c);
}

static eng_rx range_set(eng_rxpool *p, unsigned lo, unsigned hi)
{
    eng_bytes b = {{0}};
    eng_bytes_add(&b, lo, hi);
    return eng_rx_set(p, &b);
}

/* n bytes, each any that continues a sequence. */
static eng_rx any_tail(eng_rxpool *p, size_t n)
{
    eng_rx r = ENG_RX_EPS;
    while (n--)
        r = eng_rx_cat(p, range_set(p, 0x80, 0xbf), r);
    return r;
}

/* The sequences from lo[0..n) to hi[0..n), byte strings of one length in their order: the first
 * byte's own rest, those between, the last byte's own rest. */
static eng_rx sequences(eng_rxpool *p, const uint8_t *lo, const uint8_t *hi, size_t n)
{
    static const uint8_t least[3] = {0x80, 0x80, 0x80}, most[3] = {0xbf, 0xbf, 0xbf};
    if (n == 1) return range_set(p, lo[0], hi[0]);
    if (lo[0] == hi[0])
        return eng_rx_cat(p, range_set(p, lo[0], lo[0]), sequences(p, lo + 1, hi + 1, n - 1));
    bool from_least = !memcmp(lo + 1, least, n - 1), to_most = !memcmp(hi + 1, most, n - 1);
    eng_rx part[3];
    size_t k = 0;
    unsigned a = lo[0], b = hi[0];
    if (!from_least)
        part[k++] = eng_rx_cat(p, range_set(p, a, a), sequences(p, lo + 1, most, n - 1)), a++;
    if (!to_most)
        part[k++] = eng_rx_cat(p, range_set(p, b, b), sequences(p, least, hi + 1, n - 1)), b--;
    if (a <= b) part[k++] = eng_rx_cat(p, range_set(p, a, b), any_tail(p, n - 1));
    return eng_rx_or(p, part, k);
}

/* Characters lo..hi behind ASCII as UTF-8: cut where the length of sequences changes. */
static eng_rx utf8_range(eng_rxpool *p, uint32_t lo, uint32_t hi)
{
    static const uint32_t last[] = {0x7f, 0x7ff, 0xffff, LAST_CHAR};
    eng_rx part[4];
    size_t k = 0;
    for (size_t i = 0; i < 4 && lo <= hi; i++) {
        if (lo > last[i]) continue;
        uint32_t end = hi < last[i] ? hi : last[i];
        char a[4], b[4];
        size_t n = eng_utf8_put(lo, a);
        (void)eng_utf8_put(end, b);
        part[k++] = sequences(p, (const uint8_t *)a, (const uint8_t *)b, n);
        lo = end + 1;
    }
    return eng_rx_or(p, part, k);
}

/* The characters of c as UTF-8, of the ASCII ones those in `may`. */
static eng_rx as_utf8(eng_rxpool *p, eng_chars *c, const eng_bytes *may)
{
    size_t k = 0;
    eng_bytes ascii = {{0}};
    eng_chars_tidy(c);
    eng_rx *part = c->oom ? NULL : sk_alloc(SK_MEM_REQUEST, (c->n + 1) * sizeof *part);
    if (!part) {
        if (!p->st) p->st = SK_E_NOMEM;
        return ENG_RX_NONE;
    }
    for (size_t i = 0; i < c->n; i++) {
        uint32_t lo = c->r[i][0], hi = c->r[i][1];
        if (lo < 0x80) eng_bytes_add(&ascii, lo, hi < 0x7f ? hi : 0x7f);
        if (hi >= 0x80) part[k++] = utf8_range(p, lo < 0x80 ? 0x80 : lo, hi);
    }
    ascii = eng_bytes_and(&ascii, may);
    part[k++] = eng_rx_set(p, &ascii);
    eng_rx r = eng_rx_or(p, part, k);
    sk_free(part);
    return r;
}

eng_rx eng_chars_plain(eng_rxpool *p, eng_chars *c)
{
    eng_bytes all = {{~0ull, ~0ull, 0, 0}};
    return as_utf8(p, c, &all);
}

static bool holds(const eng_chars *c, uint32_t ch)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->r[i][0] <= ch && ch <= c->r[i][1]) return true;
    return false;
}

/* The hexadecimal digit v (0..15), in either case. */
static eng_rx hex_digit(eng_rxpool *p, unsigned v)
{
    eng_bytes b = {{0}};
    if (v < 10) {
        eng_bytes_add(&b, '0' + v, '0' + v);
    } else {
        eng_bytes_add(&b, 'a' + v - 10, 'a' + v - 10);
        eng_bytes_add(&b, 'A' + v - 10, 'A' + v - 10);
    }
    return eng_rx_set(p, &b);
}

/* Characters that can't stand for themselves in a JSON string, and the slash, by their escapes. */
static eng_rx json_escapes(eng_rxpool *p, const eng_chars *c)
{
    static const char by[][2] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
                                 {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};
    eng_bytes lone = {{0}};
    eng_rx part[34];
    size_t k = 0;
    for (size_t i = 0; i < sizeof by / sizeof *by; i++)
        if (holds(c, (uint8_t)by[i][1])) eng_bytes_add(&lone, (uint8_t)by[i][0], (uint8_t)by[i][0]);
    for (unsigned ch = 0; ch < 0x20; ch++) {
        if (!holds(c, ch) || (ch >= '\b' && ch <= '\r' && ch != '\v')) continue;
        eng_rx digits = eng_rx_cat(p, hex_digit(p, ch >> 4), hex_digit(p, ch & 15));
        part[k++] = eng_rx_cat(p, eng_rx_lit(p, "u00", 3), digits);
    }
    part[k++] = eng_rx_set(p, &lone);
    return eng_rx_cat(p, eng_rx_lit(p, "\\", 1), eng_rx_or(p, part, k));
}

/* ASCII that may stand for itself in a JSON string. */
static eng_bytes json_itself(void)
{
    eng_bytes b = {{0}};
    eng_bytes_add(&b, 0x20, 0x7f);
    b.w['"' / 64] &= ~((uint64_t)1 << '"' % 64);
    b.w['\\' / 64] &= ~((uint64_t)1 << '\\' % 64);
    return b;
}

eng_rx eng_chars_json(eng_rxpool *p, eng_chars *c)
{
    eng_bytes may = json_itself();
    eng_rx plain = as_utf8(p, c, &may); /* tidies c */
    return eng_rx_or2(p, plain, json_escapes(p, c));
}

eng_rx eng_chars_any_plain(eng_rxpool *p)
{
    eng_chars c = ENG_CHARS_INIT;
    eng_chars_add(&c, 0, LAST_CHAR);
    eng_rx r = eng_chars_plain(p, &c);
    eng_chars_fini(&c);
    return r;
}

eng_rx eng_chars_any_json(eng_rxpool *p)
{
    eng_chars c = ENG_CHARS_INIT;
    eng_chars_add(&c, 0, LAST_CHAR);
    eng_rx r = eng_chars_json(p, &c);
    eng_chars_fini(&c);
    return r;
}

/* \uXXXX for what is no surrogate, and for a pair of them. */
static eng_rx any_unicode_escape(eng_rxpool *p)
{
    eng_bytes hex = {{0}}, not_d = {{0}}, low = {{0}}, high = {{0}}, tail = {{0}};
    eng_bytes_add(&hex, '0', '9');
    not_d = hex;
    eng_bytes_add(&hex, 'a', 'f');
    eng_bytes_add(&hex, 'A', 'F');
    eng_bytes_add(&not_d, 'a', 'c');
    eng_bytes_add(&not_d, 'e', 'f');
    eng_bytes_add(&not_d, 'A', 'C');
    eng_bytes_add(&not_d, 'E', 'F');
    eng_bytes_add(&low, '0', '7');
    eng_bytes_add(&high, '8', '9');
    eng_bytes_add(&high, 'a', 'b');
    eng_bytes_add(&high, 'A', 'B');
    eng_bytes_add(&tail, 'c', 'f');
    eng_bytes_add(&tail, 'C', 'F');
    eng_rx h = eng_rx_set(p, &hex), h2 = eng_rx_rep(p, h, 2, 2), d = hex_digit(p, 13);
    eng_rx u = eng_rx_lit(p, "u", 1), bu = eng_rx_lit(p, "\\u", 2);
    eng_rx usual = eng_rx_cat(p, eng_rx_set(p, &not_d), eng_rx_rep(p, h, 3, 3));
    eng_rx below = eng_rx_cat(p, d, eng_rx_cat(p, eng_rx_set(p, &low), h2));
    eng_rx first = eng_rx_cat(p, d, eng_rx_cat(p, eng_rx_set(p, &high), h2));
    eng_rx second = eng_rx_cat(p, d, eng_rx_cat(p, eng_rx_set(p, &tail), h2));
    eng_rx part[3] = {usual, below, eng_rx_cat(p, first, eng_rx_cat(p, bu, second))};
    return eng_rx_cat(p, u, eng_rx_or(p, part, 3));
}

eng_rx eng_chars_any_free(eng_rxpool *p)
{
    eng_chars c = ENG_CHARS_INIT;
    eng_bytes may = json_itself(), lone = {{0}};
    const char *by = "\"\\/bfnrt";
    eng_chars_add(&c, 0, LAST_CHAR);
    eng_rx plain = as_utf8(p, &c, &may);
    eng_chars_fini(&c);
    for (; *by; by++)
        eng_bytes_add(&lone, (uint8_t)*by, (uint8_t)*by);
    eng_rx escape = eng_rx_or2(p, eng_rx_set(p, &lone), any_unicode_escape(p));
    return eng_rx_or2(p, plain, eng_rx_cat(p, eng_rx_lit(p, "\\", 1), escape));
}

/* A byte that begins no UTF-8 sequence stands for U+FFFD. The parts are joined from the end,
 * because a CAT leans to the right: each is then made once. */
eng_rx eng_chars_text(eng_rxpool *p, const char *s, size_t n)
{
    eng_rx *part = sk_alloc(SK_MEM_REQUEST, (n + 1) * sizeof *part), r = ENG_RX_EPS;
    size_t k = 0;
    if (!part) {
        if (!p->st) p->st = SK_E_NOMEM;
        return ENG_RX_NONE;
    }
    for (size_t i = 0; i < n && !p->st; k++) {
        size_t len = eng_utf8_sequence((const uint8_t *)s + i, n - i);
        uint32_t ch = len ? eng_utf8_char((const uint8_t *)s + i, len) : 0xfffd;
        bool itself = ch >= 0x20 && !strchr("\"\\/", (int)(ch < 0x80 ? ch : '"'));
        if (itself) {
            part[k] = eng_rx_lit(p, s + i, 1);
        } else {
            eng_chars c = ENG_CHARS_INIT;
            eng_chars_add(&c, ch, ch);
            part[k] = eng_chars_json(p, &c);
            eng_chars_fini(&c);
        }
        i += len ? len : 1;
    }
    while (k)
        r = eng_rx_cat(p, part[--k], r);
    sk_free(part);
    return r;
}
