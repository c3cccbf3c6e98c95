/* pack_small.c - floats to blocks of 32 elements.
 *
 * Without importance, the definition of these formats: ggml's quantize_row_*_ref, bit for bit (what
 * that leaves undefined, codes of numbers that overflow, is 0 here).  With importance, scale and
 * minimum come from the searches of fit.h.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/fit.h"
#include "engine/quant/rows.h"
#include "engine/tensor/dtype.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* v cut to a whole number of at most top; 0 where v is no code.  Numbers beyond int would be
 * undefined to convert; that is what v < 128 keeps out.  The added half rounds, as v is not
 * negative where it is a code. */
static uint8_t code(float v, int top)
{
    assert(top > 0 && top < 128);
    int q = v > 0 && v < 128 ? (int)v : 0;
    return (uint8_t)(q < top ? q : top);
}

/* The first number of the greatest size. */
static float greatest(const float *x)
{
    float most = 0, size = 0;
    for (unsigned i = 0; i < ENG_QB; i++)
        if (size < fabsf(x[i])) {
            size = fabsf(x[i]);
            most = x[i];
        }
    return most;
}

/* 1/d, or 0 for 0. */
static float inverse(float d)
{
    return d != 0 ? 1.0f / d : 0.0f;
}

/* Codes of y = d (q - zero): by the definition, or the nearest to the best d.  By the definition
 * the largest number gets code 0, which stands for -zero: the scale takes its sign. */
static float scale_codes(const float *x, const float *w, int zero, uint8_t q[ENG_QB])
{
    if (!w) {
        float d = greatest(x) / (float)-zero, id = inverse(d);
        for (unsigned i = 0; i < ENG_QB; i++)
            q[i] = code(x[i] * id + ((float)zero + 0.5f), 2 * zero - 1);
        return d;
    }
    float c[ENG_QB], d = eng_fit_best_scale(x, w, ENG_QB, (float)zero);
    eng_fit_signed_codes(x, w, ENG_QB, eng_f16_to(eng_f16_of(d)), (float)zero, c);
    for (unsigned i = 0; i < ENG_QB; i++)
        q[i] = (uint8_t)((int)c[i] + zero);
    return d;
}

/* Codes of y = d q + m.  The searches' line is y = a q - b, the format's y = d q + m: hence the
 * signs. */
static float line_codes(const float *x, const float *w, int top, float *m, uint8_t q[ENG_QB])
{
    if (!w) {
        float least = FLT_MAX, most = -FLT_MAX;
        for (unsigned i = 0; i < ENG_QB; i++) {
            least = x[i] < least ? x[i] : least;
            most = x[i] > most ? x[i] : most;
        }
        float d = (most - least) / (float)top, id = inverse(d);
        for (unsigned i = 0; i < ENG_QB; i++)
            q[i] = code((x[i] - least) * id + 0.5f, top);
        *m = least;
        return d;
    }
    float c[ENG_QB];
    eng_fit_line l = eng_fit_best_line(x, w, ENG_QB, (float)top, 0);
    eng_fit_codes(x, w, ENG_QB, eng_f16_to(eng_f16_of(l.a)), -eng_f16_to(eng_f16_of(-l.b)),
                  (float)top, c);
    for (unsigned i = 0; i < ENG_QB; i++)
        q[i] = (uint8_t)c[i];
    *m = -l.b;
    return l.a;
}

/* Low halves of the codes, two to a byte. */
static void put_low(const uint8_t q[ENG_QB], uint8_t qs[16])
{
    for (unsigned i = 0; i < 16; i++)
        qs[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

/* Fifth bits of the codes. */
static void put_high(const uint8_t q[ENG_QB], uint8_t qh[4])
{
    uint32_t high = 0;
    for (unsigned i = 0; i < ENG_QB; i++)
        high |= (uint32_t)(q[i] >> 4 & 1) << i;
    memcpy(qh, &high, sizeof high);
}

/* 4.5 bits a weight: 4 a code and a half float for 32. */
void eng_pack_q4_0(const float *x, const float *w, void *dst)
{
    eng_q4_0 *b = dst;
    uint8_t q[ENG_QB];
    b->d = eng_f16_of(scale_codes(x, w, 8, q));
    put_low(q, b->qs);
}

/* 5 bits a weight: a minimum more than Q4_0. */
void eng_pack_q4_1(const float *x, const float *w, void *dst)
{
    eng_q4_1 *b = dst;
    uint8_t q[ENG_QB];
    float m;
    b->d = eng_f16_of(line_codes(x, w, 15, &m, q));
    b->m = eng_f16_of(m);
    put_low(q, b->qs);
}

/* 5.5 bits a weight. */
void eng_pack_q5_0(const float *x, const float *w, void *dst)
{
    eng_q5_0 *b = dst;
    uint8_t q[ENG_QB];
    b->d = eng_f16_of(scale_codes(x, w, 16, q));
    put_low(q, b->qs);
    put_high(q, b->qh);
}

/* 6 bits a weight. */
void eng_pack_q5_1(const float *x, const float *w, void *dst)
{
    eng_q5_1 *b = dst;
    uint8_t q[ENG_QB];
    float m;
    b->d = eng_f16_of(line_codes(x, w, 31, &m, q));
    b->m = eng_f16_of(m);
    put_low(q, b->qs);
    put_high(q, b->qh);
}

/* Importance makes no difference: 8 bits leave nothing to choose. */
void eng_pack_q8_0(const float *x, const float *w, void *dst)
{
    eng_q8_0 *b = dst;
    float d = fabsf(greatest(x)) / 127.0f, id = inverse(d);
    (void)w;
    b->d = eng_f16_of(d);
    for (unsigned i = 0; i < ENG_QB; i++) {
        float v = roundf(x[i] * id);
        b->qs[i] = (int8_t)(v >= -127 && v <= 127 ? v : 0);
    }
}

/* The first of MXFP4's codes that is nearest to x with scale d. -0 is a code of its own and
 * never chosen: 0 comes first. */
static uint8_t mxfp4_code(float x, float d)
{
    unsigned best = 0;
    float least = fabsf((float)eng_mxfp4_values[0] * d - x);
    for (unsigned i = 1; i < 16; i++) {
        float e = fabsf((float)eng_mxfp4_values[i] * d - x);
        if (e < least) {
            best = i;
            least = e;
        }
    }
    return (uint8_t)best;
}

/* The scale is the power of two that takes the greatest number to [4, 8), of which the largest
 * value is 6.  log2f and not the exponent itself: just below a power of two it rounds up, and that
 * is the definition.  Importance makes no difference. */
void eng_pack_mxfp4(const float *x, const float *w, void *dst)
{
    eng_mxfp4 *b = dst;
    uint8_t q[ENG_QB];
    float most = fabsf(greatest(x)), e = most > 0 ? floorf(log2f(most)) - 2 + 127 : 0;
    (void)w;
    b->e = (uint8_t)(e > 0 ? e : 0);
    for (unsigned i = 0; i < ENG_QB; i++)
        q[i] = mxfp4_code(x[i], eng_mxfp4_scale(b->e));
    put_low(q, b->qs);
}
