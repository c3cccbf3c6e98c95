/* quant.h - rows of floats to and from every element type: the definition the kernels are tested
 * against.
 *
 * Unpacking equals ggml's dequantize_row_* bit for bit (float arithmetic in the same order).
 * Packing equals ggml's packers bit for bit where they define the format: Q4_0, Q4_1, Q5_0, Q5_1,
 * Q8_0 and MXFP4 without importance, IQ4_NL and IQ4_XS always.  The K-quants, and the first four
 * with importance, are packed by searches of our own, whose error is smaller than ggml's on the
 * data tried (docs/format/quant.md).
 */
#ifndef ENG_QUANT_QUANT_H
#define ENG_QUANT_QUANT_H

#include "base/thread.h"
#include "engine/tensor/dtype.h"

#include <stddef.h>

/* n elements of any type at src to float at dst; n is a whole number of blocks, src is aligned for
 * the block's struct (2 bytes at most, 4 for F32).  Any bytes are allowed: scales of NaN or
 * infinity give such elements. */
void eng_quant_unpack(eng_dtype t, const void *src, float *dst, size_t n);

/* rows x cols floats at src to type t at dst; cols is a whole number of blocks, dst is aligned like
 * src above.  importance [cols], or NULL: how much an error in each column counts (the mean square
 * of the activations it meets); values that are no positive finite numbers count nothing.  The
 * plain types and Q8_0 and MXFP4 take no notice of it.  Numbers that are not finite don't make the
 * result undefined: NaN is packed as 0, infinity as the largest number that makes sense. */
void eng_quant_pack(eng_dtype t, const float *src, void *dst, size_t rows, size_t cols,
                    const float *importance);

/* The same with the rows shared out to the pool's workers; the result is the same. */
void eng_quant_pack_on(sk_pool *pool, eng_dtype t, const float *src, void *dst, size_t rows,
                       size_t cols, const float *importance);

#endif
