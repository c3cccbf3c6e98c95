/* prefix.c - sorting once, then narrowing ranges. */
#include "engine/token/prefix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Order of two strings by their numbers: bytes, then length, then the higher number. */
static int by_string(const void *a, const void *b, void *arg)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const eng_prefix *s = arg;
    int d = eng_str_cmp(s->str[i], s->str[k]);
    return d ? d : (i < k) - (i > k);
}

/* Builds the set of str[id[0..n)] in mem. */
bool eng_prefix_init(eng_prefix *s, sk_arena *mem, const eng_str *str, const uint32_t *id, size_t n)
{
    assert(n < ENG_PREFIX_NONE);
    memset(s, 0, sizeof *s);
    s->str = str;
    s->order = sk_arena_alloc(mem, (n + 1) * sizeof *s->order);
    if (!s->order) return false;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!str[id[i]].n || str[id[i]].n > ENG_PREFIX_LONGEST) continue;
        s->order[m++] = id[i];
    }
    qsort_r(s->order, m, sizeof *s->order, by_string, s);
    size_t kept = 0;
    for (size_t i = 0; i < m; i++) {
        eng_str t = str[s->order[i]];
        if (kept && eng_str_cmp(str[s->order[kept - 1]], t) == 0) continue;
        s->order[kept++] = s->order[i];
        s->first[(unsigned char)t.p[0] + 1]++;
    }
    for (size_t b = 0; b < 256; b++)
        s->first[b + 1] += s->first[b];
    return true;
}

bool eng_prefix_start(const eng_prefix *s, eng_prefix_walk *w, char c)
{
    unsigned b = (unsigned char)c;
    *w = (eng_prefix_walk){s->first[b], s->first[b + 1], 1};
    return w->lo < w->hi;
}

/* Byte `at` of the string in place i of the order. */
static inline unsigned byte_at(const eng_prefix *s, uint32_t i, size_t at)
{
    return (unsigned char)s->str[s->order[i]].p[at];
}

/* The first place of [lo, hi) whose byte `at` is not below b; hi if there is none. */
static uint32_t lower_bound(const eng_prefix *s, uint32_t lo, uint32_t hi, size_t at, unsigned b)
{
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (byte_at(s, mid, at) < b)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* One more byte.  The string that ends here stands in front. */
bool eng_prefix_step(const eng_prefix *s, eng_prefix_walk *w, char c)
{
    unsigned b = (unsigned char)c;
    uint32_t lo = w->lo, hi = w->hi;
    if (s->str[s->order[lo]].n == w->depth) lo++;
    lo = lower_bound(s, lo, hi, w->depth, b);
    hi = lo < hi && byte_at(s, lo, w->depth) == b ? lower_bound(s, lo, hi, w->depth, b + 1) : lo;
    *w = (eng_prefix_walk){lo, hi, w->depth + 1};
    return lo < hi;
}

/* The longest string of the set that p[0..n) begins with. */
uint32_t eng_prefix_longest(const eng_prefix *s, const char *p, size_t n)
{
    eng_prefix_walk w;
    uint32_t best = ENG_PREFIX_NONE;
    if (!n || !eng_prefix_start(s, &w, p[0])) return best;
    for (size_t i = 1;; i++) {
        uint32_t id = eng_prefix_here(s, &w);
        if (id != ENG_PREFIX_NONE) best = id;
        if (i == n || !eng_prefix_step(s, &w, p[i])) return best;
    }
}
