/* blocks.h - the block formats of quantised tensors, byte for byte as GGUF files hold them.
 *
 * Source: ggml's ggml-common.h (block_*), whose layout these structs follow.  A row of a matrix is
 * a whole number of blocks; d and m below are half floats in their bits (eng_f16_to).  "x" is what
 * an element stands for.  All are little-endian, like everything in a GGUF.
 */
#ifndef ENG_QUANT_BLOCKS_H
#define ENG_QUANT_BLOCKS_H

#include <assert.h>
#include <stdint.h>

enum {
    ENG_QB = 32,  /* elements of a small block */
    ENG_QK = 256, /* elements of a super-block */
};

/* x = d (q - 8).  Element i is the low half of qs[i], element i + 16 the high half; so in all small
 * blocks with 4-bit parts. */
typedef struct eng_q4_0 {
    uint16_t d;
    uint8_t qs[16];
} eng_q4_0;

/* x = d q + m. */
typedef struct eng_q4_1 {
    uint16_t d, m;
    uint8_t qs[16];
} eng_q4_1;

/* x = d (q - 16); bit i of qh (little-endian over the four bytes) is the fifth bit of element i. */
typedef struct eng_q5_0 {
    uint16_t d;
    uint8_t qh[4];
    uint8_t qs[16];
} eng_q5_0;

/* x = d q + m. */
typedef struct eng_q5_1 {
    uint16_t d, m;
    uint8_t qh[4];
    uint8_t qs[16];
} eng_q5_1;

/* x = d q. */
typedef struct eng_q8_0 {
    uint16_t d;
    int8_t qs[32];
} eng_q8_0;

/* x = d v[q] with the sixteen values eng_iq4_values. */
typedef struct eng_iq4_nl {
    uint16_t d;
    uint8_t qs[16];
} eng_iq4_nl;

/* x = 2^(e - 128) v[q] with the sixteen values eng_mxfp4_values: OCP's MXFP4, whose values are
 * doubled here to be whole and whose scale 2^(e - 127) is halved for that. */
typedef struct eng_mxfp4 {
    uint8_t e;
    uint8_t qs[16];
} eng_mxfp4;

/* Sixteen groups of 16: x = (d s) q - (dmin m), q of 2 bits, s the low and m the high half of
 * scales[group].  Element 128 h + 32 j + i (h < 2, j < 4, i < 32) is bits 2j, 2j+1 of qs[32 h + i].
 */
typedef struct eng_q2_k {
    uint8_t scales[16];
    uint8_t qs[64];
    uint16_t d, dmin;
} eng_q2_k;

/* Sixteen groups of 16: x = (d (s - 32)) (q - 4), q of 3 bits: the low two as in Q2_K, the third of
 * element 32 j + i (j < 8) is bit j of hmask[i].  s of 6 bits: for group g, the low four are half
 * g/8 of scales[g % 8], the upper two are bits 2 (g/4), 2 (g/4) + 1 of scales[8 + g % 4]. */
typedef struct eng_q3_k {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    uint16_t d;
} eng_q3_k;

/* Eight groups of 32: x = (d s) q - (dmin m), q of 4 bits, s and m of 6 (eng_q45_scale).  Element
 * 64 j + i is the low half of qs[32 j + i] (i < 32), element 64 j + 32 + i the high half. */
typedef struct eng_q4_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qs[128];
} eng_q4_k;

/* As Q4_K with q of 5 bits: bit j of qh[i] is the fifth of element 32 j + i. */
typedef struct eng_q5_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
} eng_q5_k;

/* Sixteen groups of 16: x = (d s) (q - 32), q of 6 bits.  In half h, element 128 h + 32 j + i
 * (j < 4, i < 32) has its low four in half j/2 of ql[64 h + 32 (j % 2) + i] and its upper two in
 * bits 2j, 2j + 1 of qh[32 h + i]. */
typedef struct eng_q6_k {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    uint16_t d;
} eng_q6_k;

/* Eight groups of 32: x = (d (s - 32)) v[q], v = eng_iq4_values; each group's qs as in IQ4_NL.  s
 * of 6 bits: the low four are half g % 2 of scales_l[g / 2], the upper two bits 2g, 2g + 1 of
 * scales_h. */
typedef struct eng_iq4_xs {
    uint16_t d, scales_h;
    uint8_t scales_l[4];
    uint8_t qs[128];
} eng_iq4_xs;

static_assert(sizeof(eng_q4_0) == 18 && sizeof(eng_q4_1) == 20, "as in the file");
static_assert(sizeof(eng_q5_0) == 22 && sizeof(eng_q5_1) == 24, "as in the file");
static_assert(sizeof(eng_q8_0) == 34 && sizeof(eng_iq4_nl) == 18, "as in the file");
static_assert(sizeof(eng_mxfp4) == 17 && sizeof(eng_q2_k) == 84, "as in the file");
static_assert(sizeof(eng_q3_k) == 110 && sizeof(eng_q4_k) == 144, "as in the file");
static_assert(sizeof(eng_q5_k) == 176 && sizeof(eng_q6_k) == 210, "as in the file");
static_assert(sizeof(eng_iq4_xs) == 136, "as in the file");

/* What the sixteen codes of IQ4_NL and IQ4_XS stand for (ascending), and those of MXFP4. */
extern const int8_t eng_iq4_values[16];
extern const int8_t eng_mxfp4_values[16];

/* Scale s and minimum m (6 bits each) of group g < 8 of Q4_K and Q5_K.  Groups 0-3 lie in the low
 * six bits of bytes g and 4 + g; of groups 4-7 the low four bits are the halves of byte 4 + g, and
 * the upper two the top bits of bytes g - 4 and g. */
static inline void eng_q45_scale(const uint8_t scales[12], unsigned g, uint8_t *s, uint8_t *m)
{
    if (g < 4) {
        *s = scales[g] & 63;
        *m = scales[g + 4] & 63;
        return;
    }
    *s = (uint8_t)((scales[g + 4] & 15) | (scales[g - 4] >> 6 << 4));
    *m = (uint8_t)((scales[g + 4] >> 4) | (scales[g] >> 6 << 4));
}

/* Scale (6 bits, 32 not taken off) of group g < 16 of Q3_K. */
static inline uint8_t eng_q3_scale(const uint8_t scales[12], unsigned g)
{
    unsigned low = scales[g % 8] >> (g / 8 * 4) & 15;
    unsigned high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
    return (uint8_t)(low | high << 4);
}

/* Scale (6 bits, 32 not taken off) of group g < 8 of IQ4_XS. */
static inline uint8_t eng_iq4_scale(const eng_iq4_xs *b, unsigned g)
{
    unsigned low = b->scales_l[g / 2] >> (g % 2 * 4) & 15;
    return (uint8_t)(low | (b->scales_h >> (2 * g) & 3) << 4);
}

#endif
