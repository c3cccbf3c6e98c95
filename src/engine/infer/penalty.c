/* penalty.c - mask, bias and penalties; all but the mask touch few logits. */
#include "engine/infer/penalty.h"

#include <float.h>
#include <math.h>

const int32_t *eng_penalty_window(const int32_t *ids, size_t *n, int64_t last_n)
{
    if (last_n < 0 || (uint64_t)last_n >= *n) return ids;
    ids += *n - (size_t)last_n;
    *n = (size_t)last_n;
    return ids;
}

/* Stores v; what was finite before stays finite. */
static void store(float *x, double v)
{
    if (v > FLT_MAX) v = FLT_MAX;
    if (v < -FLT_MAX) v = -FLT_MAX;
    *x = (float)v;
}

void eng_penalty_lower(float *x, int32_t id, double d)
{
    if (isfinite(x[id])) store(&x[id], (double)x[id] - d);
}

void eng_penalty_mask(float *x, size_t n, const uint64_t *allowed)
{
    for (size_t i = 0; i < n; i += 64) {
        uint64_t bits = allowed[i / 64];
        if (bits == UINT64_MAX) continue;
        size_t end = i + 64 < n ? i + 64 : n;
        for (size_t j = i; j < end; j++)
            if (!(bits >> (j - i) & 1)) x[j] = -INFINITY;
    }
}

void eng_penalty_bias(float *x, size_t n_vocab, const eng_sample_opts *o)
{
    for (size_t i = 0; i < o->n_bias; i++) {
        const eng_logit_bias *b = &o->bias[i];
        if (b->id < 0 || (size_t)b->id >= n_vocab) continue;
        if (b->bias == -INFINITY)
            x[b->id] = -INFINITY;
        else
            eng_penalty_lower(x, b->id, -(double)b->bias);
    }
}

bool eng_penalty_on(const eng_sample_opts *o)
{
    bool repeat = o->repeat_penalty != 0 && o->repeat_penalty != 1;
    return o->penalty_last_n != 0 &&
           (repeat || o->frequency_penalty != 0 || o->presence_penalty != 0);
}

/* One pass counts, one applies each token once, one clears. */
void eng_penalty_repeats(float *x, size_t n_vocab, const eng_sample_opts *o, const int32_t *ids,
                         size_t n, uint32_t *count, int32_t *seen)
{
    double repeat = o->repeat_penalty != 0 ? o->repeat_penalty : 1;
    size_t n_seen = 0;
    ids = eng_penalty_window(ids, &n, o->penalty_last_n);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= n_vocab) continue;
        if (!count[ids[i]]++) seen[n_seen++] = ids[i];
    }
    for (size_t i = 0; i < n_seen; i++) {
        int32_t id = seen[i];
        double times = count[id], v = (double)x[id];
        count[id] = 0;
        if (!isfinite(x[id])) continue;
        v = v > 0 ? v / repeat : v * repeat;
        store(&x[id], v - times * o->frequency_penalty - o->presence_penalty);
    }
}
