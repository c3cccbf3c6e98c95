/* gemm.h - matrix multiplication, the one operation everything else waits for.
 *
 *   C[m,n] (+)= A[m,k] * B[k,n]        A, C in float; B packed once (weights) or given as it is
 * (gradients)
 *
 * Forward   Y  = X W^T : A = X [tokens, in],            B = W^T  (pack of W, transposed)
 * Backward  dX = dY W  : A = dY [tokens, out],          B = W    (pack of W)
 *           dW += dY^T X: A = dY^T by strides,          B = X raw
 *
 * Precision F32: products and sums in float by fused multiply-add.  BF16: A and B rounded to bf16,
 * summed in float, two products a step as vdpbf16ps does; on machines without it the same rounding
 * of the operands with float sums.
 *
 * Order of every sum, whatever m, n, the tile, the thread or the edge: k ascending within blocks of
 * ENG_GEMM_KC, each block summed in one register chain from zero (bf16: k in pairs), blocks added
 * to C in ascending order.  With AMX bf16 sums begin with what C holds (add) or zero and are one
 * chain over all k, 32 elements a step.  So a row of C is the same bytes whether it was computed
 * alone (decode) or among a thousand (prefill, training).
 */
#ifndef ENG_KERNEL_GEMM_H
#define ENG_KERNEL_GEMM_H

#include "base/status.h"
#include "engine/kernel/exec.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>

#define ENG_GEMM_KC 512

typedef enum eng_prec { ENG_PREC_F32, ENG_PREC_BF16 } eng_prec;

/* A matrix by strides: element (i, j) is p[i * rs + j * cs]. */
typedef struct eng_mat {
    const float *p; /* borrowed */
    size_t rs, cs;  /* strides of rows and columns, in floats */
} eng_mat;

/* A right operand B[k,n] in the layout the kernels read. */
typedef struct eng_bpack eng_bpack;

/* Room for a pack (zero padding included), not filled.  Close with eng_bpack_free. */
sk_status eng_bpack_new(eng_prec prec, size_t k, size_t n, eng_bpack **out, sk_err *e);

/* Frees the pack; NULL is allowed. */
void eng_bpack_free(eng_bpack *b);

/* Bytes that one product reads of it, padding included. */
size_t eng_bpack_bytes(const eng_bpack *b);

/* Rows of B: the length of the sums. */
size_t eng_bpack_k(const eng_bpack *b);

/* Columns of B, padding not counted. */
size_t eng_bpack_n(const eng_bpack *b);

/* Fills the pack from float elements B(i, j) = b.p[i * rs + j * cs]; threaded, deterministic. */
void eng_bpack_fill(eng_exec *x, eng_bpack *p, eng_mat b);

/* Fills the pack of W^T from a weight matrix w[n_out = n, n_in = k] stored row by row in dtype t.
 * False, with the pack not filled, where eng_exec_go_on says so. */
bool eng_bpack_fill_weight(eng_exec *x, eng_bpack *p, eng_dtype t, const void *w);

/* The packs that training wants of W[n_out, n_in], in one reading of it: fwd [n_in, n_out] as
 * eng_bpack_fill_weight makes it, bwd [n_out, n_in] as eng_bpack_fill. */
void eng_bpack_fill_both(eng_exec *x, eng_bpack *fwd, eng_bpack *bwd, const float *w);

/* C[m, n] = A B, or C += A B when add.  C's row stride is ldc.  C may not overlap A or B. */
void eng_gemm(eng_exec *x, size_t m, eng_mat a, const eng_bpack *b, float *c, size_t ldc, bool add);

/* The same with both operands packed on the fly (k may be the number of tokens). */
void eng_gemm_raw(eng_exec *x, eng_prec prec, size_t m, size_t n, size_t k, eng_mat a, eng_mat b,
                  float *c, size_t ldc, bool add);

#endif
