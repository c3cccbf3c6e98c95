/* superblock.h - what the packers of super-blocks share.  Private to the room. */
#ifndef ENG_QUANT_SUPERBLOCK_H
#define ENG_QUANT_SUPERBLOCK_H

#include "engine/quant/blocks.h"
#include "engine/tensor/dtype.h"

/* Rounds of mending a super-block gets at most. */
enum { ENG_PACK_ROUNDS = 4 };

/* The numbers of a super-block and their weights, as fit.h wants them. */
typedef struct eng_numbers {
    const float *x, *w;
} eng_numbers;

/* A value as a whole number of steps, within [0, top]. */
static inline float eng_steps(float v, float step, float top)
{
    float t = step > 0 ? v / step : 0;
    t = t > 0 ? t : 0;
    return (float)(int32_t)((t < top ? t : top) + 0.5f);
}

/* The finite half float nearest to v. */
static inline uint16_t eng_half(float v)
{
    uint16_t h = eng_f16_of(v);
    return (h & 0x7c00) == 0x7c00 ? (uint16_t)((h & 0x8000) | 0x7bff) : h;
}

/* Codes as bytes, `zero` added. */
static inline void eng_code_bytes(const float *q, int zero, uint8_t out[ENG_QK])
{
    for (unsigned i = 0; i < ENG_QK; i++)
        out[i] = (uint8_t)((int)q[i] + zero);
}

/* The two low bits of each code, in Q2_K's order. */
static inline void eng_put_bits2(const uint8_t q[ENG_QK], uint8_t qs[64])
{
    for (unsigned i = 0; i < 64; i++) {
        const uint8_t *c = q + i / 32 * 128 + i % 32;
        qs[i] = (uint8_t)((c[0] & 3) | (c[32] & 3) << 2 | (c[64] & 3) << 4 | (c[96] & 3) << 6);
    }
}

#endif
