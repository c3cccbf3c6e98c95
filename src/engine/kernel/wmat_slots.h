/* wmat_slots.h - the inner kernels of quantised weight matrices, and what they compute, to the bit.
 *
 * Activations are quantised by blocks of 32 along k, each row by itself: with x the largest
 * magnitude of a block, d = x / 127 and code = x_i * (127 / x) rounded to the nearest integer, ties
 * to even (x < 2^-100: all zero; a NaN or an infinity among them: d is NaN, codes are zero).
 *
 * An element of the product is one chain over the blocks b of a row of W, k ascending, from 0 (or
 * from C's old value, to add), each operation rounded to float as written:
 *
 *   inner = scale_0 * float(dot_0)                  dot: the exact integer sum of
 *   inner = fma(scale_1, float(dot_1), inner)              (value(code) - offset) * activation code
 *   inner = fma(min_0, float(sum_0), inner)         sum: of the activation codes
 *   inner = fma(min_1, float(sum_1), inner)
 *   c     = fma(d, inner, c)
 *
 * with lines 2 and 4 where a block has two scales (16 elements each), 3 and 4 where the type has
 * minimums.  Sums of integers are exact in any order, so every ISA and every tile gives these bits.
 */
#ifndef ENG_KERNEL_WMAT_SLOTS_H
#define ENG_KERNEL_WMAT_SLOTS_H

#include "engine/kernel/wform.h"

/* Most blocks that a chunk of an unpacked panel has (512 elements): its codes and scales stay in
 * the first-level cache. */
#define ENG_WCHUNK 16

/* Quantised activations of the rows of a tile, block by block. */
typedef struct eng_wacts {
    uint8_t *q;  /* [block][rows][32] codes */
    float *d;    /* [block][rows] scales */
    float *sum;  /* [block][rows] sums of a row's codes (without the bias below) */
    float *half; /* [block][rows][2] sums of the first 16 and the last 16 */
    size_t rows;
} eng_wacts;

/* Bytes that a block of a row takes in them. */
#define ENG_WACT_BYTES (ENG_QB + 4 * sizeof(float))

/* A chunk of a panel, unpacked: codes with the offset taken off, in steps (wform.h).  The others
 * stand at [block * subs + half]: scales, minimums (only where the type has them), and what the
 * activation bias adds to a dot, negated (only where there is a bias). */
typedef struct eng_wchunk {
    int8_t q[ENG_WCHUNK][8][ENG_WSTEP];
    float scale[2 * ENG_WCHUNK][ENG_WCOLS], min[2 * ENG_WCHUNK][ENG_WCOLS];
    int32_t bias[2 * ENG_WCHUNK][ENG_WCOLS];
} eng_wchunk;

typedef struct eng_wmat_slots {
    /* What tile() wants added to the activation codes: 128 where the instruction takes unsigned
     * bytes for them, else 0. */
    uint8_t bias;

    /* Most rows of a call of dot(), 0: there is none; and up to how many rows of a product the
     * driver takes dot(), one call after the other, since unpack() and tile() would cost more. */
    uint8_t dot_rows, dot_most;

    /* Most rows of tile(), and what its number of rows is a multiple of. */
    uint8_t tile_rows, row_step;

    /* Quantises a row of n_blocks * 32 floats: codes with the bias and the rest to `to`, whose
     * pointers are to the row's first block; a: NULL for a row that is not there (zeros). */
    void (*quant)(const float *a, size_t n_blocks, uint8_t bias, eng_wacts to);

    /* Unpacks n_blocks <= ENG_WCHUNK blocks from the start of a group. */
    void (*unpack)(const eng_wform *f, const void *groups, size_t n_blocks, eng_wchunk *w);

    /* Called by a worker before and after some calls of tile() with matrices of form f and tiles of
     * `rows` rows; NULL where nothing has to be set up. */
    void (*begin)(const eng_wform *f, size_t rows);
    void (*end)(void);

    /* C[m, n] (+)= over n_blocks blocks of a chunk: m <= a.rows <= tile_rows, n <= ENG_WCOLS;
     * activation codes with the bias.  a begins at the chunk's first block; its rows from m on are
     * there, but not stored. */
    void (*tile)(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                 const eng_wchunk *w, float *c, size_t ldc, bool add);

    /* The same from packed groups, m <= a.rows <= dot_rows; activation codes without a bias. */
    void (*dot)(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                const void *groups, float *c, size_t ldc, bool add);

    /* Multiplies bytes in registers for n rounds, as tile() does, and adds to *ops how many
     * operations that was.  Returns a number so that the work is not removed. */
    float (*spin)(size_t n, double *ops);
} eng_wmat_slots;

extern const eng_wmat_slots eng_wmat_slots_c, eng_wmat_slots_avx2, eng_wmat_slots_avx512vnni,
    eng_wmat_slots_amx, eng_wmat_slots_neon, eng_wmat_slots_dotprod, eng_wmat_slots_i8mm;

#endif
