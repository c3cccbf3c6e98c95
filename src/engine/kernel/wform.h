/* wform.h - how weights of each quantised type lie in memory once they are packed.
 *
 * A panel is ENG_WCOLS rows of W (columns of the product).  It is a sequence of groups, each of
 * `blocks` blocks of ENG_QB = 32 elements along k: first the blocks' codes, then the group's
 * scales.  Panels follow each other; rows that W has not are zero.
 *
 * Codes.  Step i (0..7) of a block is elements 4i .. 4i+3 of all 32 rows, 128 bytes [32 rows][4]:
 * what one byte-dot-product instruction reads.  Bit planes of a block, low plane first:
 *
 *   low 8   [8 steps][128]  the code itself (signed)
 *   low 4   [4][128]        byte of step 2j in the low half of plane j's, of step 2j+1 in the high
 *   low 2   [2][128]        of step 4j+i in bits 2i, 2i+1 of plane j's
 *   high 2  [2][128]        likewise the two bits above the low plane's
 *   high 1  [1][128]        of step i in bit i
 *
 * Scales of a group: by kind, below; f16 values as in the file.  What a code c in block b stands
 * for is scale * (value(c) - offset) + min, with scale and min as floats of each half block (subs =
 * 2) or block.
 *
 *   F16      d[32] f16                          scale d
 *   F16_MIN  d[32] f16, m[32] f16               scale d, min m
 *   E8       e[32] u8                           scale 2^(e - 128)
 *   K45      d[32], dmin[32] f16, w[3][32] u32  scale d s, min -(dmin m); s, m of 6 bits: the list
 *            s0..s7 m0..m7 takes five values a word from bit 0; m7 is in the words' top bits,
 *            two each
 *   K8       d[32] f16, s[8 * subs][32] i8      scale d s
 *   K2       d[32], dmin[32] f16, s[16][32] u8  scale d (s low half), min -(dmin (s high half))
 *
 * None takes more bytes than the file's form but K8 of 6-bit scales (Q3_K 4 %, IQ4_XS 1.5 %).
 */
#ifndef ENG_KERNEL_WFORM_H
#define ENG_KERNEL_WFORM_H

#include "engine/quant/blocks.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of W in a panel. */
#define ENG_WCOLS 32

/* Bytes of a step. */
#define ENG_WSTEP (ENG_WCOLS * 4)

typedef enum eng_wscale {
    ENG_WS_F16, /* see the list above */
    ENG_WS_F16_MIN,
    ENG_WS_E8,
    ENG_WS_K45,
    ENG_WS_K8,
    ENG_WS_K2
} eng_wscale;

/* The families of codes: one kernel each. */
typedef enum eng_wcode {
    ENG_WC_8,      /* signed bytes */
    ENG_WC_4,      /* low 4 */
    ENG_WC_4_1,    /* low 4, high 1 */
    ENG_WC_4_2,    /* low 4, high 2 */
    ENG_WC_2,      /* low 2 */
    ENG_WC_2_1,    /* low 2, high 1 */
    ENG_WC_LOOKUP, /* low 4, a table of signed bytes */
    ENG_WC_N
} eng_wcode;

typedef struct eng_wform {
    eng_dtype type;       /* the file's */
    eng_wcode code;       /* which kernel */
    eng_wscale scale;     /* how the group's scales lie */
    uint8_t offset;       /* taken off the code */
    uint8_t subs;         /* scales a block: 1, or 2 (each 16 elements) */
    bool mins;            /* there are minimums */
    uint8_t blocks;       /* in a group: 1 or 8 */
    const int8_t *values; /* [16] of a lookup */
    size_t block_bytes;   /* codes of a block */
    size_t group_bytes;   /* codes and scales of a group */
} eng_wform;

/* The form of a type; NULL for the plain types and for those this build does not know. */
const eng_wform *eng_wform_of(eng_dtype t);

/* Bytes of a packed panel of rows of n_in elements (whole blocks of the type). */
size_t eng_wform_panel_bytes(const eng_wform *f, size_t n_in);

/* Packs groups [g0, g0 + n_groups) of one panel to dst: n_rows <= ENG_WCOLS rows of the file's
 * blocks, row_bytes apart, the first at rows. */
void eng_wform_pack(const eng_wform *f, const void *rows, size_t row_bytes, size_t n_rows,
                    size_t g0, size_t n_groups, void *dst);

#endif
