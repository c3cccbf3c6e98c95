/* arrivals.c - when requests come and how long they are. */
#include "fleet/sim/arrivals.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

#define SECOND 1e9

void flt_arrivals_make(flt_arrivals *a, const flt_fluid *f, int64_t first)
{
    *a = (flt_arrivals){.f = f, .bucket = first};
    if (!f->trace.n) return;
    /* The trace begins with the scenario and begins again at its end. */
    int64_t minute = 60 * (int64_t)SECOND, whole = (int64_t)f->trace.minutes * minute;
    int64_t at = (int64_t)fmod((double)(first * f->s->bucket_s) * SECOND, (double)whole);
    while (a->row + 1 < f->trace.n && f->trace.row[a->row].t < at)
        a->row++;
    a->base = -at;
}

/* 128 bits for request number `count`, in two draws of which this is number `use`. */
static void bits(const flt_arrivals *a, uint32_t use, uint64_t count, uint32_t out[4])
{
    uint64_t seed = (uint64_t)a->f->s->seed;
    const uint32_t ctr[4] = {(uint32_t)count, (uint32_t)(count >> 32),
                             (uint32_t)FLT_DRAW_ARRIVAL << 24, use};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    sk_philox4x32(ctr, key, out);
}

/* Uniform in (0, 1] out of 32 or 64 bits. */
static double unit32(uint32_t w)
{
    return (w + 1.0) * 0x1p-32;
}

static double unit64(uint32_t low, uint32_t high)
{
    return ((double)(((uint64_t)high << 32 | low) >> 11) + 1) * 0x1p-53;
}

/* A length around its mean. */
static uint32_t length(const flt_arrivals *a, double mean, uint32_t w)
{
    bool constant = strcmp(a->f->curve.d.lengths, "constant") == 0;
    double v = constant ? mean : -mean * log(unit32(w));
    return (uint32_t)fmin(v + 0.5, 4e9);
}

/* The next of a Poisson process: where the rate changes before it comes, it is drawn again from
 * there, as a process without memory allows. */
static void poisson(flt_arrivals *a, flt_arrival *out)
{
    const flt_demand *d = &a->f->curve.d;
    uint32_t w[4], x[4];
    for (int idle = 0;;) {
        if (a->now >= a->until) {
            int64_t at = a->bucket * a->f->s->bucket_s + (int64_t)a->until;
            a->rate = flt_demand_rate(&a->f->curve, a->f->s->start + at);
            a->now = a->until;
            a->until += 60;
        }
        bits(a, 0, a->count, w);
        double wait = a->rate > 0 ? -log(unit64(w[0], w[1])) / a->rate : INFINITY;
        a->count++;
        if (a->now + wait < a->until) {
            a->now += wait;
            break;
        }
        a->now = a->until;
        if (++idle > 1000000) {
            out->t = INT64_MAX;
            return;
        }
    }
    bits(a, 1, a->count, x);
    *out = (flt_arrival){(int64_t)(a->now * SECOND), length(a, d->input_tokens, w[2]),
                         length(a, d->output_tokens, w[3]), (uint64_t)x[1] << 32 | x[0]};
}

/* The next of a trace: each row comes `scale` times before the next row does; a part of one as
 * often as chance says. */
static void traced(flt_arrivals *a, flt_arrival *out)
{
    const flt_trace *t = &a->f->trace;
    uint32_t x[4];
    for (int rows = 0; a->copy >= a->copies; rows++) {
        if (rows > 100000000) {
            out->t = INT64_MAX;
            return;
        }
        if (a->count) a->row++;
        if (a->row == t->n) {
            a->row = 0;
            a->base += (int64_t)t->minutes * 60 * (int64_t)SECOND;
        }
        bits(a, 2, a->count++, x);
        a->copies = (int64_t)floor(a->f->s->scale + unit32(x[0]) - 0x1p-32);
        a->copy = 0;
    }
    const flt_trace_row *r = &t->row[a->row];
    int64_t gap =
        (a->row + 1 < t->n ? t->row[a->row + 1].t : (int64_t)t->minutes * 60 * (int64_t)SECOND) -
        r->t;
    bits(a, 1, a->count++, x);
    double part = ((double)a->copy + unit32(x[2]) - 0x1p-32) / (double)a->copies;
    a->copy++;
    *out = (flt_arrival){a->base + r->t + (int64_t)((double)gap * part), r->input, r->output,
                         (uint64_t)x[1] << 32 | x[0]};
}

void flt_arrivals_next(flt_arrivals *a, flt_arrival *out)
{
    if (a->f->trace.n)
        traced(a, out);
    else
        poisson(a, out);
}
