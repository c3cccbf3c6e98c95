/* unpack_super.c - super-blocks of 256 elements to floats.  Formulas: blocks.h.
 *
 * The products are formed as written there: scale of the group first, then the element.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/rows.h"
#include "engine/tensor/dtype.h"

/* The two low bits of element i of a super-block with Q2_K's order. */
static inline unsigned bits2(const uint8_t qs[64], unsigned i)
{
    return qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

/* s and m are the halves of one byte a group. */
void eng_unpack_q2_k(const void *src, float *dst, size_t n_blocks)
{
    const eng_q2_k *b = src;
    for (; n_blocks--; b++, dst += ENG_QK) {
        float d = eng_f16_to(b->d), dmin = eng_f16_to(b->dmin);
        for (unsigned g = 0; g < 16; g++) {
            float s = d * (float)(b->scales[g] & 15), m = dmin * (float)(b->scales[g] >> 4);
            for (unsigned i = g * 16; i < g * 16 + 16; i++)
                dst[i] = s * (float)bits2(b->qs, i) - m;
        }
    }
}

/* A code without its third bit is negative: 4 is taken off what is put together. */
void eng_unpack_q3_k(const void *src, float *dst, size_t n_blocks)
{
    const eng_q3_k *b = src;
    for (; n_blocks--; b++, dst += ENG_QK) {
        float d = eng_f16_to(b->d);
        for (unsigned g = 0; g < 16; g++) {
            float s = d * (float)(eng_q3_scale(b->scales, g) - 32);
            for (unsigned i = g * 16; i < g * 16 + 16; i++) {
                int q = (int)(bits2(b->qs, i) | (b->hmask[i % 32] >> (i / 32) & 1u) << 2);
                dst[i] = s * (float)(q - 4);
            }
        }
    }
}

/* Groups 2j and 2j + 1 are the low and the high halves of the same 32 bytes. */
void eng_unpack_q4_k(const void *src, float *dst, size_t n_blocks)
{
    const eng_q4_k *b = src;
    for (; n_blocks--; b++, dst += ENG_QK) {
        float d = eng_f16_to(b->d), dmin = eng_f16_to(b->dmin);
        for (unsigned g = 0; g < 8; g++) {
            uint8_t s6, m6;
            eng_q45_scale(b->scales, g, &s6, &m6);
            float s = d * (float)s6, m = dmin * (float)m6;
            const uint8_t *q = b->qs + g / 2 * 32;
            for (unsigned i = 0; i < 32; i++)
                dst[g * 32 + i] = s * (float)(q[i] >> (g % 2 * 4) & 15) - m;
        }
    }
}

/* As Q4_K; bit g of qh[i] belongs to element i of group g. */
void eng_unpack_q5_k(const void *src, float *dst, size_t n_blocks)
{
    const eng_q5_k *b = src;
    for (; n_blocks--; b++, dst += ENG_QK) {
        float d = eng_f16_to(b->d), dmin = eng_f16_to(b->dmin);
        for (unsigned g = 0; g < 8; g++) {
            uint8_t s6, m6;
            eng_q45_scale(b->scales, g, &s6, &m6);
            float s = d * (float)s6, m = dmin * (float)m6;
            const uint8_t *q = b->qs + g / 2 * 32;
            for (unsigned i = 0; i < 32; i++) {
                int code = (q[i] >> (g % 2 * 4) & 15) | (b->qh[i] >> g & 1) << 4;
                dst[g * 32 + i] = s * (float)code - m;
            }
        }
    }
}

/* h: half of the super-block; j: which of its four runs of 32; at: first or second half of that
 * run. */
void eng_unpack_q6_k(const void *src, float *dst, size_t n_blocks)
{
    const eng_q6_k *b = src;
    for (; n_blocks--; b++, dst += ENG_QK) {
        float d = eng_f16_to(b->d);
        for (unsigned g = 0; g < 16; g++) {
            float s = d * (float)b->scales[g];
            unsigned h = g / 8, j = g % 8 / 2, at = g % 2 * 16;
            const uint8_t *low = b->ql + h * 64 + j % 2 * 32 + at, *high = b->qh + h * 32 + at;
            for (unsigned i = 0; i < 16; i++) {
                int q = (low[i] >> (j / 2 * 4) & 15) | (high[i] >> (2 * j) & 3) << 4;
                dst[g * 16 + i] = s * (float)(q - 32);
            }
        }
    }
}

/* The table of IQ4_NL with a scale of 6 bits a group. */
void eng_unpack_iq4_xs(const void *src, float *dst, size_t n_blocks)
{
    const eng_iq4_xs *b = src;
    for (; n_blocks--; b++, dst += ENG_QK) {
        float d = eng_f16_to(b->d);
        for (unsigned g = 0; g < 8; g++) {
            float s = d * (float)(eng_iq4_scale(b, g) - 32);
            for (unsigned i = 0; i < 16; i++) {
                uint8_t q = b->qs[g * 16 + i];
                dst[g * 32 + i] = s * (float)eng_iq4_values[q & 15];
                dst[g * 32 + i + 16] = s * (float)eng_iq4_values[q >> 4];
            }
        }
    }
}
