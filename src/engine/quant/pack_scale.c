/* pack_scale.c - floats to super-blocks whose groups have only a scale: Q3_K, Q6_K.
 *
 * The same search as in pack_line.c, over x = (d s) q.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/fit.h"
#include "engine/quant/rows.h"
#include "engine/quant/superblock.h"
#include "engine/tensor/dtype.h"

#include <string.h>

enum { GROUPS = 16, LEN = 16 };

/* Sixteen groups of 16; codes are -top ... top - 1, scales -scale_top ... scale_top - 1. */
typedef struct scale_format {
    float top, scale_top;
} scale_format;

typedef struct scale_block {
    uint16_t d;
    float s[GROUPS];
    float q[ENG_QK];
    double error;
} scale_block;

/* Codes and whole numbers for b's d; its s are the starts.  Three neighbours a group, the start
 * first.  A scale of either sign is allowed: the format stores it less 32 or as it is. */
static void choose_scales(const scale_format *f, eng_numbers in, scale_block *b)
{
    float d = eng_f16_to(b->d);
    b->error = 0;
    for (unsigned g = 0; g < GROUPS; g++) {
        float start = b->s[g], best = __builtin_inff();
        for (int i = 0; i < 3; i++) {
            float q[LEN], s = start + (float)((i + 1) % 3 - 1);
            if (s < -f->scale_top || s > f->scale_top - 1) continue;
            float error =
                eng_fit_signed_codes(in.x + g * LEN, in.w + g * LEN, LEN, d * s, f->top, q);
            if (!(error < best)) continue;
            best = error;
            b->s[g] = s;
            memcpy(b->q + g * LEN, q, sizeof q);
        }
        b->error += (double)best;
    }
}

/* The least-squares d for b's whole numbers and codes.  Where every code or scale is 0 there is
 * nothing to solve, and d stays. */
static void solve_scales(eng_numbers in, scale_block *b)
{
    double uu = 0, ux = 0;
    for (unsigned g = 0; g < GROUPS; g++) {
        double s = (double)b->s[g];
        eng_fit_sums t = eng_fit_sum(in.x + g * LEN, in.w + g * LEN, LEN, b->q + g * LEN);
        uu += s * s * (double)t.qq;
        ux += s * (double)t.xq;
    }
    if (uu > 0) b->d = eng_half((float)(ux / uu));
}

/* Packs one super-block of a format without minima. */
static void fit_scales(const scale_format *f, eng_numbers in, scale_block *best)
{
    float scale[GROUPS], most = 0;
    for (unsigned g = 0; g < GROUPS; g++) {
        scale[g] = eng_fit_best_scale(in.x + g * LEN, in.w + g * LEN, LEN, f->top);
        if ((scale[g] < 0 ? -scale[g] : scale[g]) > (most < 0 ? -most : most)) most = scale[g];
    }
    *best = (scale_block){.error = (double)__builtin_inff()};
    for (int k = 0; k < 2; k++) {
        scale_block b = {.d = eng_half(-most / (f->scale_top - (float)k))};
        float d = eng_f16_to(b.d);
        for (unsigned g = 0; g < GROUPS; g++) /* shifted up, since eng_steps() counts from 0 */
            b.s[g] = d != 0 ? eng_steps(scale[g] / d + f->scale_top, 1, 2 * f->scale_top - 1) -
                                  f->scale_top
                            : 0;
        double last = 0;
        for (int r = 0; r < ENG_PACK_ROUNDS; r++) {
            choose_scales(f, in, &b);
            if (b.error < best->error) *best = b;
            if (r && !(b.error < last)) break;
            last = b.error;
            solve_scales(in, &b);
        }
    }
}

/* 3 bits a code, the third in a plane of its own (hmask); scales of 6 bits, packed as blocks.h
 * says; 3.4375 bits a weight. */
void eng_pack_q3_k(const float *x, const float *w, void *dst)
{
    static const scale_format f = {4, 32};
    eng_q3_k *b = dst;
    scale_block l;
    uint8_t q[ENG_QK];
    fit_scales(&f, (eng_numbers){x, w}, &l);
    eng_code_bytes(l.q, 4, q);
    b->d = l.d;
    eng_put_bits2(q, b->qs);
    memset(b->hmask, 0, sizeof b->hmask);
    for (unsigned i = 0; i < ENG_QK; i++)
        b->hmask[i % 32] |= (uint8_t)(q[i] >> 2 << (i / 32));
    memset(b->scales, 0, sizeof b->scales);
    for (unsigned g = 0; g < GROUPS; g++) {
        unsigned s = (unsigned)((int)l.s[g] + 32);
        b->scales[g % 8] |= (uint8_t)((s & 15) << (g / 8 * 4));
        b->scales[8 + g % 4] |= (uint8_t)(s >> 4 << (g / 4 * 2));
    }
}

/* 6 bits a code, scales whole bytes; 6.5625 bits a weight.  The nearest to lossless of the K
 * formats. */
void eng_pack_q6_k(const float *x, const float *w, void *dst)
{
    static const scale_format f = {32, 128};
    eng_q6_k *b = dst;
    scale_block l;
    uint8_t q[ENG_QK];
    fit_scales(&f, (eng_numbers){x, w}, &l);
    eng_code_bytes(l.q, 32, q);
    b->d = l.d;
    for (unsigned g = 0; g < GROUPS; g++)
        b->scales[g] = (int8_t)l.s[g];
    for (unsigned i = 0; i < 64; i++) { /* i / 32: which half */
        const uint8_t *c = q + i / 32 * 128 + i % 32;
        uint8_t *low = b->ql + i / 32 * 64 + i % 32;
        low[0] = (uint8_t)((c[0] & 15) | (c[64] & 15) << 4);
        low[32] = (uint8_t)((c[32] & 15) | (c[96] & 15) << 4);
        b->qh[i] = (uint8_t)(c[0] >> 4 | c[32] >> 4 << 2 | c[64] >> 4 << 4 | c[96] >> 4 << 6);
    }
}
