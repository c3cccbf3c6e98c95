/* pack_line.c - floats to super-blocks whose groups have a scale and a minimum: Q2_K, Q4_K, Q5_K.
 *
 * First each group gets the best scale (and minimum) of its own, then these are rounded to the
 * whole numbers of the format, and from there three things are mended in turn while the error
 * falls: the whole numbers of each group (to neighbours), the codes of the elements, and the
 * super-block's own scales (least squares).  The error is always that of the numbers as they will
 * be unpacked.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/fit.h"
#include "engine/quant/rows.h"
#include "engine/quant/superblock.h"
#include "engine/tensor/dtype.h"

#include <assert.h>
#include <string.h>

enum { GROUPS = 16 };

/* A format with scales and minima: x = (d s) q - (dmin m). */
typedef struct line_format {
    unsigned groups, len; /* len elements a group */
    float top;            /* codes are 0 ... top */
    float scale_top;      /* s and m are 0 ... scale_top */
} line_format;

/* What a super-block holds, before it is laid out. */
typedef struct line_block {
    uint16_t d, dmin;
    float s[GROUPS], m[GROUPS];
    float q[ENG_QK];
    double error;
} line_block;

/* Tries s and m for a group of b; takes them when that is better than *best. d and dmin are read
 * back from their halves, so the error is that of what will be unpacked. */
static void try_line(const line_format *f, eng_numbers in, const line_block *b, unsigned g, float s,
                     float m, float *best, line_block *out)
{
    float q[32], d = eng_f16_to(b->d), dmin = eng_f16_to(b->dmin);
    assert(g < f->groups && f->len <= sizeof q / sizeof *q);
    if (s < 0 || m < 0 || s > f->scale_top || m > f->scale_top) return;
    const float *x = in.x + g * f->len, *w = in.w + g * f->len;
    float error = eng_fit_codes(x, w, f->len, d * s, dmin * m, f->top, q);
    if (!(error < *best)) return;
    *best = error;
    out->s[g] = s;
    out->m[g] = m;
    memcpy(out->q + g * f->len, q, f->len * sizeof *q);
}

/* Codes and whole numbers for the d and dmin of b, whose s and m are the starts.  Nine
 * neighbours: the start itself first, so that it wins ties. */
static void choose_lines(const line_format *f, eng_numbers in, line_block *b)
{
    line_block out = *b;
    out.error = 0;
    for (unsigned g = 0; g < f->groups; g++) {
        float best = __builtin_inff();
        for (int i = 0; i < 9; i++) {
            float s = b->s[g] + (float)((i + 1) % 3 - 1),
                  m = b->m[g] + (float)((i / 3 + 1) % 3 - 1);
            try_line(f, in, b, g, s, m, &best, &out);
        }
        out.error += (double)best;
    }
    *b = out;
}

/* The least-squares d and dmin for b's whole numbers and codes.  A determinant near 0 says that
 * scales and minima go together in all groups (say, one group that is not flat): then d alone is
 * solved for. */
static void solve_lines(const line_format *f, eng_numbers in, line_block *b)
{
    double uu = 0, uv = 0, vv = 0, ux = 0, vx = 0;
    for (unsigned g = 0; g < f->groups; g++) {
        double s = (double)b->s[g], m = (double)b->m[g];
        eng_fit_sums t =
            eng_fit_sum(in.x + g * f->len, in.w + g * f->len, f->len, b->q + g * f->len);
        uu += s * s * (double)t.qq;
        uv += s * m * (double)t.q;
        vv += m * m * (double)t.w;
        ux += s * (double)t.xq;
        vx += m * (double)t.x;
    }
    double det = uu * vv - uv * uv;
    if (det > 1e-6 * uu * vv) {
        b->d = eng_f16_of((float)((ux * vv - uv * vx) / det));
        b->dmin = eng_f16_of((float)((uv * ux - uu * vx) / det));
    } else if (uu > 0) {
        b->d = eng_f16_of((float)(ux / uu));
    }
}

/* Refines b from its start; *best gets it when it is better. eng_half keeps a scale that
 * overflows half precision finite. */
static void refine_lines(const line_format *f, eng_numbers in, line_block *b, line_block *best)
{
    double last = 0;
    for (int r = 0; r < ENG_PACK_ROUNDS; r++) {
        choose_lines(f, in, b);
        if (b->error < best->error) *best = *b;
        if (r && !(b->error < last)) return;
        last = b->error;
        solve_lines(f, in, b);
        b->d = eng_half(eng_f16_to(b->d));
        b->dmin = eng_half(eng_f16_to(b->dmin));
    }
}

/* Packs one super-block of a format with minima.  Two starts for d: the largest group's scale at
 * the top of its range, and half a step below it, which rounds the others differently. */
static void fit_lines(const line_format *f, eng_numbers in, line_block *best)
{
    eng_fit_line line[GROUPS];
    float most_a = 0, most_b = 0;
    assert(f->groups <= GROUPS && f->groups * f->len == ENG_QK);
    for (unsigned g = 0; g < f->groups; g++) {
        line[g] = eng_fit_best_line(in.x + g * f->len, in.w + g * f->len, f->len, f->top, 1);
        most_a = line[g].a > most_a ? line[g].a : most_a;
        most_b = line[g].b > most_b ? line[g].b : most_b;
    }
    *best = (line_block){.error = (double)__builtin_inff()};
    for (int k = 0; k < 2; k++) {
        line_block b = {.d = eng_half(most_a / (f->scale_top - (float)k * 0.5f)),
                        .dmin = eng_half(most_b / (f->scale_top - (float)k * 0.5f))};
        for (unsigned g = 0; g < f->groups; g++) {
            b.s[g] = eng_steps(line[g].a, eng_f16_to(b.d), f->scale_top);
            b.m[g] = eng_steps(line[g].b, eng_f16_to(b.dmin), f->scale_top);
        }
        refine_lines(f, in, &b, best);
    }
}

/* The scales and minima of Q4_K and Q5_K (eng_q45_scale reads them).  Groups 0-3 fill the low
 * six bits of eight bytes; of groups 4-7 the upper two bits go on top of these, the lower four
 * into the last four bytes. */
static void put_scales45(const line_block *b, uint8_t scales[12])
{
    for (unsigned g = 0; g < 4; g++) {
        unsigned s = (unsigned)b->s[g], m = (unsigned)b->m[g];
        unsigned s4 = (unsigned)b->s[g + 4], m4 = (unsigned)b->m[g + 4];
        assert((s | m | s4 | m4) < 64); /* six bits each */
        scales[g] = (uint8_t)(s | s4 >> 4 << 6);
        scales[g + 4] = (uint8_t)(m | m4 >> 4 << 6);
        scales[g + 8] = (uint8_t)((s4 & 15) | (m4 & 15) << 4);
    }
}

/* The low halves of codes, two to a byte, in Q4_K's order.  A byte holds elements 32 apart, so
 * that a vector of 32 bytes unpacks to two runs of 32 elements by one mask and one shift. */
static void put_bits4(const uint8_t q[ENG_QK], uint8_t qs[128])
{
    for (unsigned i = 0; i < 128; i++) {
        const uint8_t *c = q + i / 32 * 64 + i % 32;
        qs[i] = (uint8_t)((c[0] & 15) | (c[32] & 15) << 4);
    }
}

/* Packs one super-block; its codes one to a byte. */
static void fit_codes(const line_format *f, eng_numbers in, line_block *l, uint8_t q[ENG_QK])
{
    fit_lines(f, in, l);
    eng_code_bytes(l->q, 0, q);
}

/* 2 bits a code: 16 groups of 16, s and m of 4 bits; 2.625 bits a weight in all. */
void eng_pack_q2_k(const float *x, const float *w, void *dst)
{
    static const line_format f = {16, 16, 3, 15};
    eng_q2_k *b = dst;
    line_block l;
    uint8_t q[ENG_QK];
    fit_codes(&f, (eng_numbers){x, w}, &l, q);
    b->d = l.d;
    b->dmin = l.dmin;
    for (unsigned g = 0; g < 16; g++)
        b->scales[g] = (uint8_t)((unsigned)l.s[g] | (unsigned)l.m[g] << 4);
    eng_put_bits2(q, b->qs);
}

/* 4 bits a code: 8 groups of 32, s and m of 6 bits; 4.5 bits a weight in all. */
void eng_pack_q4_k(const float *x, const float *w, void *dst)
{
    static const line_format f = {8, 32, 15, 63};
    eng_q4_k *b = dst;
    line_block l;
    uint8_t q[ENG_QK];
    fit_codes(&f, (eng_numbers){x, w}, &l, q);
    b->d = l.d;
    b->dmin = l.dmin;
    put_scales45(&l, b->scales);
    put_bits4(q, b->qs);
}

/* As Q4_K with a fifth bit in a plane of its own; 5.5 bits a weight. */
void eng_pack_q5_k(const float *x, const float *w, void *dst)
{
    static const line_format f = {8, 32, 31, 63};
    eng_q5_k *b = dst;
    line_block l;
    uint8_t q[ENG_QK];
    fit_codes(&f, (eng_numbers){x, w}, &l, q);
    b->d = l.d;
    b->dmin = l.dmin;
    put_scales45(&l, b->scales);
    put_bits4(q, b->qs);
    memset(b->qh, 0, sizeof b->qh);
    for (unsigned i = 0; i < ENG_QK; i++)
        b->qh[i % 32] |= (uint8_t)(q[i] >> 4 << (i / 32));
}
