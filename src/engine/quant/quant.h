/* quant.h - rows of floats to and from every element type: the definition the kernels are tested
 * against.
 *
 * Unpacking equals ggml's dequantize_row_* bit for bit (float arithmetic in the same order).
 */
#ifndef ENG_QUANT_QUANT_H
#define ENG_QUANT_QUANT_H

#include "engine/tensor/dtype.h"

#include <stddef.h>

/* n elements of any type at src to float at dst; n is a whole number of blocks, src is aligned for
 * the block's struct (2 bytes at most, 4 for F32).  Any bytes are allowed: scales of NaN or
 * infinity give such elements. */
void eng_quant_unpack(eng_dtype t, const void *src, float *dst, size_t n);

#endif
