/* wmat.h - weight matrices of any element type, and the product of activations with them.
 *
 *   C[m, n_out] (+)= A[m, n_in] * W^T        A, C in float; W[n_out, n_in] as a model file holds it
 *
 * A matrix may be stacked of several parts (q, k, v; gate, up) that read the same input and may
 * have different types; the rows of C follow the order of the parts.
 *
 * Same bytes: a row of C depends on that row of A and on W only, for one CPU level; not on m, on
 * the rows beside it, on how the matrix was stacked, or on the number of threads.
 */
#ifndef ENG_KERNEL_WMAT_H
#define ENG_KERNEL_WMAT_H

#include "base/status.h"
#include "engine/kernel/exec.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>

/* W[n_out, n_in], in the layout the kernels read. */
typedef struct eng_wmat eng_wmat;

/* n_out rows of n_in elements, one below the other as in the file (eng_dtype_bytes(type, n_in) a
 * row). */
typedef struct eng_wpart {
    eng_dtype type;
    const void *data;
    size_t n_out;
} eng_wpart;

enum {
    /* Compute from the parts' own memory, which then must outlive the matrix: no copy is made. */
    ENG_WMAT_IN_PLACE = 1
};

/* Where the packs of many matrices lie, one behind the other: so that small ones too are in huge
 * pages, and all can be kept in a file.  What is asked of it comes from the front, at multiples of
 * 64; what has no room left is allocated by itself. */
typedef struct eng_wspace {
    char *base; /* aligned to 64 */
    size_t cap, used;
    bool filled;   /* the packs are there already: nothing is read of the parts */
    uint32_t plan; /* what has been asked of it so far, in order: a CRC of types and shapes */
} eng_wspace;

/* Bytes that a part of n_out rows takes in a space: 0 where it has no kernel, cannot be counted, or
 * is computed with in place. */
size_t eng_wspace_need(const eng_wpart *part, size_t n_in, unsigned flags);

/* A number of the layout that packs have on x's CPU level: two builds or levels with the same one
 * pack to the same bytes.  It is found by packing a small matrix of each type, so that no one has
 * to remember to change it.  SK_E_NOMEM for the memory of that. */
sk_status eng_wspace_layout(eng_exec *x, uint32_t *out, sk_err *e);

/* Packs the parts, with x's threads; results are those of x's CPU level, on which the matrix must
 * be used.  SK_E_UNSUPPORTED names a type that has no kernel, SK_E_INVALID a row length that is not
 * whole blocks of the type, SK_E_NOMEM the bytes asked for; SK_E_STOPPED where eng_exec_go_on says
 * so. */
sk_status eng_wmat_new(eng_exec *x, size_t n_in, const eng_wpart *part, size_t n_parts,
                       unsigned flags, eng_wmat **out, sk_err *e);

/* The same in `space`, which must outlive the matrix; NULL: in memory of its own. */
sk_status eng_wmat_new_in(eng_exec *x, size_t n_in, const eng_wpart *part, size_t n_parts,
                          unsigned flags, eng_wspace *space, eng_wmat **out, sk_err *e);

/* Frees the matrix; NULL is allowed. */
void eng_wmat_free(eng_wmat *w);

/* Columns and rows of W, and the bytes that one product reads of it. */
size_t eng_wmat_n_in(const eng_wmat *w);

/* Rows of W: columns of the product. */
size_t eng_wmat_n_out(const eng_wmat *w);

/* Packed bytes: what a step of one token must fetch from memory, which is what bounds its speed. */
size_t eng_wmat_bytes(const eng_wmat *w);

/* C[m, n_out] = A W^T, or C += A W^T when add; row i of A at a + i * lda, of C at c + i * ldc (in
 * floats).  C may not overlap A.  Allocates nothing and cannot fail. */
void eng_wmat_mul(eng_exec *x, size_t m, const float *a, size_t lda, const eng_wmat *w, float *c,
                  size_t ldc, bool add);

#endif
