/* unpack_small.c - blocks of 32 elements to floats.  Formulas: blocks.h.
 *
 * The order of the float operations is ggml's: code less offset, times scale, plus minimum.
 * Another order would differ in the last bit, and with it every result that is compared.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/rows.h"
#include "engine/tensor/dtype.h"

#include <string.h>

const int8_t eng_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
const int8_t eng_mxfp4_values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                     0, -1, -2, -3, -4, -6, -8, -12}; /* twice E2M1's */

/* The two halves of a byte are elements 16 apart. */
void eng_unpack_q4_0(const void *src, float *dst, size_t n_blocks)
{
    const eng_q4_0 *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_f16_to(b->d);
        for (unsigned i = 0; i < 16; i++) {
            dst[i] = (float)((b->qs[i] & 15) - 8) * d;
            dst[i + 16] = (float)((b->qs[i] >> 4) - 8) * d;
        }
    }
}

/* Codes from 0 up: the minimum is the offset. */
void eng_unpack_q4_1(const void *src, float *dst, size_t n_blocks)
{
    const eng_q4_1 *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_f16_to(b->d), m = eng_f16_to(b->m);
        for (unsigned i = 0; i < 16; i++) {
            dst[i] = (float)(b->qs[i] & 15) * d + m;
            dst[i + 16] = (float)(b->qs[i] >> 4) * d + m;
        }
    }
}

/* Codes of 5 bits: the halves of qs with the bits of qh on top. */
static void codes5(const uint8_t qs[16], const uint8_t qh[4], uint8_t q[32])
{
    uint32_t high;
    memcpy(&high, qh, sizeof high);
    for (unsigned i = 0; i < 16; i++) {
        q[i] = (uint8_t)((qs[i] & 15) | (high >> i & 1) << 4);
        q[i + 16] = (uint8_t)(qs[i] >> 4 | (high >> (i + 16) & 1) << 4);
    }
}

void eng_unpack_q5_0(const void *src, float *dst, size_t n_blocks)
{
    const eng_q5_0 *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_f16_to(b->d);
        uint8_t q[ENG_QB];
        codes5(b->qs, b->qh, q);
        for (unsigned i = 0; i < ENG_QB; i++)
            dst[i] = (float)(q[i] - 16) * d;
    }
}

void eng_unpack_q5_1(const void *src, float *dst, size_t n_blocks)
{
    const eng_q5_1 *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_f16_to(b->d), m = eng_f16_to(b->m);
        uint8_t q[ENG_QB];
        codes5(b->qs, b->qh, q);
        for (unsigned i = 0; i < ENG_QB; i++)
            dst[i] = (float)q[i] * d + m;
    }
}

/* The only small format whose codes are signed as stored. */
void eng_unpack_q8_0(const void *src, float *dst, size_t n_blocks)
{
    const eng_q8_0 *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_f16_to(b->d);
        for (unsigned i = 0; i < ENG_QB; i++)
            dst[i] = (float)b->qs[i] * d;
    }
}

/* A table instead of a product: values are where weights are likely to be. */
void eng_unpack_iq4_nl(const void *src, float *dst, size_t n_blocks)
{
    const eng_iq4_nl *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_f16_to(b->d);
        for (unsigned i = 0; i < 16; i++) {
            dst[i] = d * (float)eng_iq4_values[b->qs[i] & 15];
            dst[i + 16] = d * (float)eng_iq4_values[b->qs[i] >> 4];
        }
    }
}

/* 2^(e - 128): e of 0 and 1 give denormals, and no e an infinity. */
float eng_mxfp4_scale(uint8_t e)
{
    uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* OCP's Microscaling formats (2023): a power of two for 32 numbers of E2M1. */
void eng_unpack_mxfp4(const void *src, float *dst, size_t n_blocks)
{
    const eng_mxfp4 *b = src;
    for (; n_blocks--; b++, dst += ENG_QB) {
        float d = eng_mxfp4_scale(b->e);
        for (unsigned i = 0; i < 16; i++) {
            dst[i] = (float)eng_mxfp4_values[b->qs[i] & 15] * d;
            dst[i + 16] = (float)eng_mxfp4_values[b->qs[i] >> 4] * d;
        }
    }
}
