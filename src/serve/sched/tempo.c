/* tempo.c - smoothed times of steps. */
#include "serve/sched/tempo.h"

/* Shortest chunk of a prompt. */
#define MIN_CHUNK 16u

/* Part of a measurement that enters what is known. */
#define FRESH 0.3

/* A step with prompts may take so many steps without: something below two. */
#define LONGER 1.8

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

/* Time of a step of n answers alone: as known, or of the next fewer, or of the next more; 0. */
static double decode_us(const srv_tempo *p, size_t n)
{
    size_t k = kind_of(n);
    for (size_t i = k + 1; i-- > 0;)
        if (p->decode_us[i] > 0) return p->decode_us[i];
    for (size_t i = k; i < SRV_TEMPO_KINDS; i++)
        if (p->decode_us[i] > 0) return p->decode_us[i];
    return 0;
}

static void smooth(double *known, double us)
{
    *known = *known > 0 ? (1 - FRESH) * *known + FRESH * us : us;
}

void srv_tempo_note(srv_tempo *p, size_t n_decode, size_t n_prefill, uint64_t us)
{
    double t = (double)us;
    if (!n_prefill) {
        smooth(&p->decode_us[kind_of(n_decode)], t);
        return;
    }
    if (n_prefill < MIN_CHUNK) return;
    double d = n_decode ? decode_us(p, n_decode) : 0;
    if (n_decode && d <= 0) return;
    double each = (t > d ? t - d : 0) / (double)n_prefill;
    if (each > 0) smooth(n_decode ? &p->beside_us : &p->alone_us, each);
}

size_t srv_tempo_chunk(const srv_tempo *p, size_t n_decode)
{
    double d = decode_us(p, n_decode), each = p->beside_us > 0 ? p->beside_us : p->alone_us;
    double most = LONGER * d > (double)p->target_us ? LONGER * d : (double)p->target_us;
    if (each <= 0 || d <= 0) return MIN_CHUNK;
    double n = (most - d) / each;
    if (n < MIN_CHUNK) return MIN_CHUNK;
    return n < (double)UINT32_MAX ? (size_t)n : UINT32_MAX;
}
