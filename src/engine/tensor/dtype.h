/* dtype.h - element types and their conversions, in plain C: the definition the kernels are tested
 * against. */
#ifndef ENG_TENSOR_DTYPE_H
#define ENG_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every type this engine computes with: id, number, elements of a block, bytes of a block.  The
 * numbers are GGUF's (ggml_type), so that a file's type needs no table; the blocks' insides are in
 * engine/quant/blocks.h.  Types with blocks of one element are the plain ones. */
#define ENG_DTYPE_TABLE(X)                                                                         \
    X(F32, 0, 1, 4)                                                                                \
    X(F16, 1, 1, 2)                                                                                \
    X(Q4_0, 2, 32, 18)                                                                             \
    X(Q4_1, 3, 32, 20)                                                                             \
    X(Q5_0, 6, 32, 22)                                                                             \
    X(Q5_1, 7, 32, 24)                                                                             \
    X(Q8_0, 8, 32, 34)                                                                             \
    X(Q2_K, 10, 256, 84)                                                                           \
    X(Q3_K, 11, 256, 110)                                                                          \
    X(Q4_K, 12, 256, 144)                                                                          \
    X(Q5_K, 13, 256, 176)                                                                          \
    X(Q6_K, 14, 256, 210)                                                                          \
    X(IQ4_NL, 20, 32, 18)                                                                          \
    X(IQ4_XS, 23, 256, 136)                                                                        \
    X(BF16, 30, 1, 2)                                                                              \
    X(MXFP4, 39, 32, 17)

#define ENG_DTYPE_ENUM(id, number, block, bytes) ENG_##id = (number),
typedef enum eng_dtype { ENG_DTYPE_TABLE(ENG_DTYPE_ENUM) } eng_dtype;
#undef ENG_DTYPE_ENUM

/* Elements in a block: 1 for the plain types, 32 or 256 for the quantised ones, 0 for a type this
 * build does not know. */
size_t eng_dtype_block(eng_dtype t);

/* Bytes of a block, 0 for an unknown type. */
size_t eng_dtype_block_bytes(eng_dtype t);

/* Bytes of n elements; 0 for a type this build does not know, and where n is no whole number of
 * blocks. */
size_t eng_dtype_bytes(eng_dtype t, size_t n);

/* "F32", "Q4_K", ...; NULL for an unknown type. */
const char *eng_dtype_name(eng_dtype t);

/* The type of that name, read without regard to case; false (out untouched) if there is none. */
bool eng_dtype_of_name(const char *name, eng_dtype *out);

/* Bit-exact scalar conversions: round to nearest even, NaN stays a (quiet) NaN, denormals kept. */
uint16_t eng_bf16_of(float x);

/* Exact: bf16 is the upper half of a float. */
float eng_bf16_to(uint16_t h);

/* Above 65504 (rounded) it is infinity; below 2^-24 (rounded) zero, the sign kept. */
uint16_t eng_f16_of(float x);

/* Exact, subnormals included. */
float eng_f16_to(uint16_t h);

/* n elements of the plain type t at src to float at dst.  (Blocks: engine/quant/quant.h, which
 * takes the plain types too.) */
void eng_dtype_to_f32(eng_dtype t, const void *src, float *dst, size_t n);

/* n floats at src to the plain type t at dst. */
void eng_dtype_of_f32(eng_dtype t, const float *src, void *dst, size_t n);

#endif
