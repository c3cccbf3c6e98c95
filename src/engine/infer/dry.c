/* dry.c - lengths of repetitions by the Z function, read backwards; the breakers' bound. */
#include "engine/infer/dry.h"

#include "engine/infer/penalty.h"

#include <math.h>

/* Largest natural logarithm a penalty without its multiplier may have: that of FLT_MAX. */
#define MAX_LOG 88.7228391

bool eng_dry_on(const eng_sample_opts *o)
{
    return o->dry_multiplier != 0 && o->dry_base >= 1 && o->dry_last_n != 0;
}

/* The first breaker entry with this head. */
static const eng_dry_entry *first_of(const eng_dry_breakers *b, int32_t head)
{
    size_t lo = 0, hi = b->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->entry[mid].head < head)
            lo = mid + 1;
        else
            hi = mid;
    }
    return b->entry + lo;
}

/* Length of the longest breaker tail that follows the token `back` places before the last one
 * (0: the last); -1 if that token begins no breaker. */
static int64_t breaker_at(const eng_dry_breakers *b, const int32_t *last, size_t back)
{
    int64_t longest = -1;
    const eng_dry_entry *end = b->entry + b->n;
    for (const eng_dry_entry *t = first_of(b, last[-(ptrdiff_t)back]);
         t < end && t->head == last[-(ptrdiff_t)back]; t++) {
        if (t->n > back || (int64_t)t->n <= longest) continue;
        size_t i = 0;
        while (i < t->n && t->tail[i] == last[(ptrdiff_t)(i + 1) - (ptrdiff_t)back])
            i++;
        if (i == t->n) longest = t->n;
    }
    return longest;
}

/* How many of the last tokens come after the last breaker; n if there is none. */
static size_t since_breaker(const eng_dry_breakers *b, const int32_t *last, size_t n)
{
    for (size_t back = 0; b && back < n; back++) {
        int64_t tail = breaker_at(b, last, back);
        if (tail >= 0) return back - (size_t)tail;
    }
    return n;
}

/* True if the token alone is a breaker. */
static bool breaks(const eng_dry_breakers *b, int32_t id)
{
    if (!b) return false;
    for (const eng_dry_entry *t = first_of(b, id); t < b->entry + b->n && t->head == id; t++)
        if (!t->n) return true;
    return false;
}

/* z[k] = how many tokens ending k places before the last equal the last ones, k = 1 .. n - 1 (the Z
 * function of the window read backwards; O(n)). */
static void repetitions(const int32_t *last, size_t n, uint32_t *z)
{
    size_t left = 0, right = 0; /* the match that reaches furthest covers [left, right) */
    for (size_t k = 1; k < n; k++) {
        size_t len = 0;
        if (k < right) {
            len = z[k - left];
            if (len > right - k) len = right - k;
        }
        while (k + len < n && last[-(ptrdiff_t)len] == last[-(ptrdiff_t)(k + len)])
            len++;
        z[k] = (uint32_t)len;
        if (k + len > right) {
            left = k;
            right = k + len;
        }
    }
}

/* multiplier * base^over, by squaring: the same on every machine. */
static double penalty(const eng_sample_opts *o, uint64_t over)
{
    double power = 1, b = o->dry_base;
    if (b > 1.000001 && (double)over > floor(MAX_LOG / log(b))) over = (uint64_t)(MAX_LOG / log(b));
    while (over) {
        if (over & 1) power *= b;
        b *= b;
        over >>= 1;
    }
    return o->dry_multiplier * power;
}

/* Each token is lowered once, for the longest repetition it would continue. */
void eng_dry_apply(float *x, size_t n_vocab, const eng_sample_opts *o, const int32_t *ids, size_t n,
                   uint32_t *length, uint32_t *z)
{
    ids = eng_penalty_window(ids, &n, o->dry_last_n);
    uint64_t allowed = (uint64_t)o->dry_allowed_length;
    if (n < 2 || n <= allowed) return;
    const int32_t *last = ids + n - 1;
    size_t most = since_breaker(o->dry_breakers, last, n);
    if (most < allowed) return;
    repetitions(last, n, z);
    /* length + 1 of the longest repetition that each token would continue */
    for (size_t k = 1; k < n; k++) {
        int32_t next = last[1 - (ptrdiff_t)k];
        uint32_t len = z[k] < most ? z[k] : (uint32_t)most;
        if (len < allowed || next < 0 || (size_t)next >= n_vocab) continue;
        if (len + 1 > length[next]) length[next] = len + 1;
    }
    for (size_t k = 1; k < n; k++) {
        int32_t next = last[1 - (ptrdiff_t)k];
        if (next < 0 || (size_t)next >= n_vocab || !length[next]) continue;
        if (!breaks(o->dry_breakers, next))
            eng_penalty_lower(x, next, penalty(o, length[next] - 1 - allowed));
        length[next] = 0;
    }
}
