/* rank.c - block maxima, selection by a heap, and two sorts. */
#include "engine/infer/rank.h"

#include "engine/infer/exp.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16

/* Candidates from which on the radix sort wins. */
#define RADIX_FROM ((size_t)1024)

/* A logit, or -INFINITY for one that is not finite. */
static inline float usable(float x)
{
    return x <= FLT_MAX ? x : -INFINITY;
}

/* Highest of one whole block, in lanes that the compiler makes a vector of: as long as it leaves
 * the short loops over them alone (gcc 12 else spells them out in scalars, four times slower). */
static float block_highest(const float *x)
{
    float top[LANES];
    for (size_t j = 0; j < LANES; j++)
        top[j] = -INFINITY;
    for (size_t i = 0; i < ENG_RANK_BLOCK; i += LANES) {
#pragma GCC unroll 1
        for (size_t j = 0; j < LANES; j++) {
            float v = usable(x[i + j]);
            top[j] = v > top[j] ? v : top[j];
        }
    }
#pragma GCC unroll 1
    for (size_t w = LANES / 2; w; w /= 2) {
#pragma GCC unroll 1
        for (size_t j = 0; j < w; j++)
            top[j] = top[j + w] > top[j] ? top[j + w] : top[j];
    }
    return top[0];
}

/* The first block whose maximum is the highest holds the best, at its first place: ties go to
 * the smaller id. */
void eng_rank_scan(eng_rank *r)
{
    size_t whole = r->n / ENG_RANK_BLOCK, at = 0;
    float top = -INFINITY;
    for (size_t b = 0; b < whole; b++)
        r->block_max[b] = block_highest(r->x + b * ENG_RANK_BLOCK);
    if (r->n % ENG_RANK_BLOCK) {
        float last = -INFINITY;
        for (size_t i = whole * ENG_RANK_BLOCK; i < r->n; i++)
            last = usable(r->x[i]) > last ? r->x[i] : last;
        r->block_max[whole] = last;
    }
    for (size_t b = 0; b < ENG_RANK_BLOCKS(r->n); b++)
        if (r->block_max[b] > top) {
            top = r->block_max[b];
            at = b * ENG_RANK_BLOCK;
        }
    r->best = (eng_cand){top, -1};
    if (top == -INFINITY) return;
    while (r->x[at] != top)
        at++;
    r->best.id = (int32_t)at;
}

/* Moves v[i] down the heap v[0..n) whose root ranks lowest. */
static void sift(eng_cand *v, size_t n, size_t i)
{
    eng_cand c = v[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && eng_cand_above(v[child], v[child + 1])) child++;
        if (!eng_cand_above(c, v[child])) break;
        v[i] = v[child];
    }
    v[i] = c;
}

/* Heapsort of a heap whose root ranks lowest: the lowest go to the end. */
static void unheap(eng_cand *v, size_t n)
{
    while (n > 1) {
        eng_cand low = v[0];
        v[0] = v[--n];
        v[n] = low;
        sift(v, n, 0);
    }
}

static void heapify(eng_cand *v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(v, n, i);
}

/* A number that rises as logits fall; -0 and 0 have the same. */
static uint32_t falling_key(eng_cand c)
{
    uint32_t u;
    float x = c.logit + 0.0f;
    memcpy(&u, &x, sizeof u);
    return u >> 31 ? u : ~(u | (uint32_t)1 << 31);
}

static uint32_t id_key(eng_cand c)
{
    return (uint32_t)c.id;
}

/* Radix sort by a key, three times eleven bits.  It is stable: ids that rise before still rise
 * among equals. */
static inline void radix(eng_cand *v, size_t n, eng_cand *scratch, uint32_t (*key)(eng_cand))
{
    enum { BITS = 11, DIGITS = 1 << BITS };
    eng_cand *from = v, *to = scratch;
    for (unsigned shift = 0; shift < 33; shift += BITS) {
        uint32_t start[DIGITS] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++)
            start[key(from[i]) >> shift & (DIGITS - 1)]++;
        for (size_t d = 0; d < DIGITS; d++) {
            uint32_t count = start[d];
            start[d] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            to[start[key(from[i]) >> shift & (DIGITS - 1)]++] = from[i];
        eng_cand *t = from;
        from = to;
        to = t;
    }
    memcpy(v, scratch, n * sizeof *v); /* an odd number of passes ends there */
}

static bool ids_rise(const eng_cand *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (v[i - 1].id > v[i].id) return false;
    return true;
}

void eng_cands_by_rank(eng_cand *v, size_t n, eng_cand *scratch)
{
    if (n >= RADIX_FROM && scratch && ids_rise(v, n)) {
        radix(v, n, scratch, falling_key);
        return;
    }
    heapify(v, n);
    unheap(v, n);
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = ((const eng_cand *)a)->id, y = ((const eng_cand *)b)->id;
    return x < y ? -1 : x > y;
}

void eng_cands_by_id(eng_cand *v, size_t n, eng_cand *scratch)
{
    if (ids_rise(v, n)) return;
    if (n >= RADIX_FROM && scratch)
        radix(v, n, scratch, id_key);
    else
        qsort(v, n, sizeof *v, compare_ids);
}

/* Offers the logits of block b to the heap of the k highest so far; returns its new size. */
static size_t offer_block(const eng_rank *r, size_t b, size_t k, eng_cand *v, size_t n)
{
    size_t end = (b + 1) * ENG_RANK_BLOCK < r->n ? (b + 1) * ENG_RANK_BLOCK : r->n;
    for (size_t i = b * ENG_RANK_BLOCK; i < end; i++) {
        eng_cand c = {usable(r->x[i]), (int32_t)i};
        if (!(c.logit > -INFINITY)) continue;
        if (n < k) {
            v[n++] = c;
            if (n == k) heapify(v, n);
        } else if (c.logit > v[0].logit) { /* at the same logit the later id ranks lower */
            v[0] = c;
            sift(v, k, 0);
        }
    }
    return n;
}

/* Ids rise along the walk, so a block whose maximum only equals the lowest kept adds nothing. */
size_t eng_rank_top(const eng_rank *r, size_t k, eng_cand *out)
{
    size_t n = 0;
    for (size_t b = 0; k && b < ENG_RANK_BLOCKS(r->n); b++)
        if (n < k ? r->block_max[b] > -INFINITY : r->block_max[b] > out[0].logit)
            n = offer_block(r, b, k, out, n);
    if (n < k) heapify(out, n);
    unheap(out, n);
    return n;
}

size_t eng_rank_from(const eng_rank *r, double least, eng_cand *out)
{
    size_t n = 0;
    for (size_t b = 0; b < ENG_RANK_BLOCKS(r->n); b++) {
        if ((double)r->block_max[b] < least || r->block_max[b] == -INFINITY) continue;
        size_t end = (b + 1) * ENG_RANK_BLOCK < r->n ? (b + 1) * ENG_RANK_BLOCK : r->n;
        for (size_t i = b * ENG_RANK_BLOCK; i < end; i++)
            if ((double)r->x[i] >= least && isfinite(r->x[i]))
                out[n++] = (eng_cand){r->x[i], (int32_t)i};
    }
    return n;
}

/* What is not finite counts as e^-700, which no sum notices: the best alone is 1. */
double eng_rank_mass(const eng_rank *r)
{
    enum { SUMS = 8 };
    double sum[SUMS] = {0}, best = (double)r->best.logit;
    size_t i = 0;
    for (; i + SUMS <= r->n; i += SUMS)
        for (size_t j = 0; j < SUMS; j++)
            sum[j] += eng_exp_neg((double)usable(r->x[i + j]) - best);
    for (; i < r->n; i++)
        sum[i % SUMS] += eng_exp_neg((double)usable(r->x[i]) - best);
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}
