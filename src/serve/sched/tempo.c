/* tempo.c - smoothed times of steps. */
#include "serve/sched/tempo.h"

#include <stdbool.h>

/* Shortest chunk of a prompt. */
#define MIN_CHUNK 4u

/* Part of a measurement that enters what is known; of a prompt's token that turns out dearer, since
 * somebody waited for it already. */
#define FRESH 0.3
#define FRESH_DEARER 0.7

/* What a step with prompts may take besides a step without, as part of that.  So far below one that
 * a machine whose steps vary by a fifth keeps below two steps. */
#define SHARE 0.6

void srv_tempo_init(srv_tempo *p, uint64_t target_us)
{
    *p = (srv_tempo){.target_us = target_us};
}

/* 1, 2, 3..4, 5..8, ... */
static size_t kind_of(size_t n)
{
    size_t k = 0;
    while (k + 1 < SRV_TEMPO_KINDS && ((size_t)1 << k) < n)
        k++;
    return k;
}

/* What is known of steps nearest to n answers, fewer rather than more; NULL: of none. */
static const srv_tempo_kind *nearest(const srv_tempo *p, size_t n)
{
    size_t k = kind_of(n);
    for (size_t far = 0; far < SRV_TEMPO_KINDS; far++) {
        if (k >= far && p->decode[k - far].us > 0) return &p->decode[k - far];
        if (k + far < SRV_TEMPO_KINDS && p->decode[k + far].us > 0) return &p->decode[k + far];
    }
    return NULL;
}

/* Time of a step of n answers alone; 0: unknown.  From the nearest kind, a row for each answer more
 * or fewer: between a time that does not depend on n and one in proportion to it. */
static double decode_us(const srv_tempo *p, size_t n, double row_us)
{
    const srv_tempo_kind *k = nearest(p, n);
    if (!k) return 0;
    double in_proportion = k->us * (double)n / k->n;
    double least = in_proportion < k->us ? in_proportion : k->us;
    double most = in_proportion > k->us ? in_proportion : k->us;
    double us = k->us + ((double)n - k->n) * row_us;
    if (us < least) return least;
    return us > most ? most : us;
}

static void smooth(double *known, double now, double fresh)
{
    *known = *known > 0 ? (1 - fresh) * *known + fresh * now : now;
}

/* A step of answers only. */
static void note_decode(srv_tempo *p, size_t n, double us)
{
    srv_tempo_kind *k = &p->decode[kind_of(n)];
    smooth(&k->us, us, FRESH);
    smooth(&k->n, (double)n, FRESH);
    p->n_beside = 0;
}

/* A step with prompts; answers beyond what is known of steps without count as rows of prompts. */
void srv_tempo_note(srv_tempo *p, size_t n_decode, size_t n_prefill, uint64_t us)
{
    if (!n_prefill) {
        note_decode(p, n_decode, (double)us);
        return;
    }
    const srv_tempo_kind *k = n_decode ? nearest(p, n_decode) : NULL;
    if (n_decode) p->n_beside++;
    if (n_prefill < MIN_CHUNK || (n_decode && !k)) return;
    double base = k ? k->us : 0, rows = (double)n_prefill;
    if (k) rows += (double)n_decode - k->n;
    if (rows < MIN_CHUNK || (double)us <= base) return;
    double *each = n_decode ? &p->beside_us : &p->alone_us, now = ((double)us - base) / rows;
    smooth(each, now, now > *each ? FRESH_DEARER : FRESH);
}

/* True if the next step should be one of answers only, to be timed. */
static bool is_stale(const srv_tempo *p, size_t n_decode)
{
    bool known = p->decode[kind_of(n_decode)].us > 0;
    return p->n_beside >= (known ? SRV_TEMPO_PROBE : SRV_TEMPO_PROBE_NEW);
}

size_t srv_tempo_chunk(const srv_tempo *p, size_t n_decode, size_t n_wait)
{
    double each = p->beside_us > 0 ? p->beside_us : p->alone_us;
    double d = decode_us(p, n_decode, each);
    if (is_stale(p, n_decode)) return 0;
    if (each <= 0 || d <= 0) return MIN_CHUNK;
    double most = (1 + SHARE) * d, crowded = d * (1 + SHARE * (double)n_wait / (double)n_decode);
    if (crowded > SRV_TEMPO_PACE_US) crowded = SRV_TEMPO_PACE_US;
    if (most < crowded) most = crowded;
    if (most < (double)p->target_us) most = (double)p->target_us;
    double n = (most - d) / each;
    if (n < MIN_CHUNK) return MIN_CHUNK;
    return n < (double)UINT32_MAX ? (size_t)n : UINT32_MAX;
}

size_t srv_tempo_brief(const srv_tempo *p, size_t n_decode, size_t chunk)
{
    double each = p->beside_us > 0 ? p->beside_us : p->alone_us;
    double d = decode_us(p, n_decode, each);
    if (each <= 0 || d <= 0 || d >= SRV_TEMPO_PACE_US) return chunk;
    double n = (SRV_TEMPO_PACE_US - d) / each;
    if (n >= (double)UINT32_MAX) return UINT32_MAX;
    return n > (double)chunk ? (size_t)n : chunk;
}
