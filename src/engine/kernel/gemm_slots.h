/* gemm_slots.h - the inner matrix kernels, and the packed layouts they share with gemm.c.
 *
 * A block of A: up to ENG_GEMM_MC rows of up to ENG_GEMM_KC elements, each row contiguous along k,
 * rows a_row_bytes apart (a constant of the kernel, not a multiple of 4096, so that the rows of a
 * tile fall into different cache sets).  float, or pairs of bf16 where the processor multiplies
 * them itself.
 *
 * Deep kernels (AMX: a_row_bytes is 0) take rows and k of any length.  Their A lies in tiles of mr
 * rows, each [k / 32][mr][32] bf16 with zeros behind the last row and the last element, mr * 64
 * bytes a step of 32; and tile() begins its sums with what C holds instead of adding at the end.
 *
 * A panel of B: nr columns, [k][nr] floats; bf16: [k/2][nr][2], the two elements of a step side by
 * side. Columns beyond n, and the second half of an odd last pair, are zero.
 */
#ifndef ENG_KERNEL_GEMM_SLOTS_H
#define ENG_KERNEL_GEMM_SLOTS_H

#include "engine/kernel/gemm.h"

#include <stdbool.h>
#include <stddef.h>

/* Most rows in a packed block of A. */
#define ENG_GEMM_MC 112

/* Rows behind a packed block of A that pack_a() may write and tile() may read: garbage. */
#define ENG_GEMM_PAD 32

/* Most bytes between two rows of a packed block of A (float kernels). */
#define ENG_GEMM_ROW_BYTES ((ENG_GEMM_KC + 16) * 4)

/* Bytes of one block of a B panel: kc by nr elements, an odd kc rounded up. */
#define ENG_GEMM_PANEL_BYTES(prec, kc, nr)                                                         \
    ((prec) == ENG_PREC_F32 ? (kc) * (nr)*4 : ((kc) + ((kc)&1)) * (nr)*2)

/* The kernels of one precision. */
typedef struct eng_gemm_op {
    size_t mr;          /* most rows of tile() */
    size_t a_row_bytes; /* of a packed block of A; 0: deep, see above */

    /* Packs A(0..m, 0..kc) into a block at dst; m <= ENG_GEMM_MC, kc <= ENG_GEMM_KC unless deep. */
    void (*pack_a)(void *dst, eng_mat a, size_t m, size_t kc);

    /* Packs B(0..kc, 0..n) into one panel at dst, n <= nr, padding with zeros. */
    void (*pack_b)(void *dst, eng_mat b, size_t kc, size_t n);

    /* The same of W^T, W being n rows of kc bf16, ldw apart; NULL but for ENG_PREC_BF16. */
    void (*pack_w)(void *dst, const uint16_t *w, size_t ldw, size_t kc, size_t n);

    /* C[m, n] = A B, or += when add: m <= mr rows of a packed block, one panel, n <= nr columns of
     * it. Each element's products are summed from zero in ascending k in one chain, then stored or
     * added once (deep: summed from what C holds, or from zero). */
    void (*tile)(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c, size_t ldc,
                 bool add);

    /* Called by a worker before and after some calls of tile() with at most `rows` rows each; NULL
     * where nothing has to be set up. */
    void (*begin)(size_t rows);
    void (*end)(void);
} eng_gemm_op;

typedef struct eng_gemm_slots {
    size_t nr;
    eng_gemm_op op[2]; /* by eng_prec */

    /* Multiplies and adds in registers for n rounds, as the tile of that precision does, and adds
     * to *ops how many operations that was.  Returns a number so that the work is not removed. */
    float (*spin[2])(size_t n, double *ops);

    /* Adds up n_bytes (a multiple of 4096) at p as fast as the machine reads. */
    float (*read)(const void *p, size_t n_bytes);
} eng_gemm_slots;

#endif
