/* dtype.h - element types and their conversions, in plain C: the definition the kernels are tested
 * against. */
#ifndef ENG_TENSOR_DTYPE_H
#define ENG_TENSOR_DTYPE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers are GGUF's (ggml_type), so that a file's type needs no table.  Quantised block formats
 * come with their room. */
typedef enum eng_dtype { ENG_F32 = 0, ENG_F16 = 1, ENG_BF16 = 30 } eng_dtype;

/* Bytes of n elements; 0 for a type this build does not know. */
size_t eng_dtype_bytes(eng_dtype t, size_t n);

/* "F32", "F16", "BF16"; NULL for an unknown type. */
const char *eng_dtype_name(eng_dtype t);

/* Bit-exact scalar conversions: round to nearest even, NaN stays a (quiet) NaN, denormals kept. */
uint16_t eng_bf16_of(float x);
float eng_bf16_to(uint16_t h);
uint16_t eng_f16_of(float x);
float eng_f16_to(uint16_t h);

/* n elements of type t at src to float at dst. */
void eng_dtype_to_f32(eng_dtype t, const void *src, float *dst, size_t n);

/* n floats at src to type t at dst. */
void eng_dtype_of_f32(eng_dtype t, const float *src, void *dst, size_t n);

#endif
