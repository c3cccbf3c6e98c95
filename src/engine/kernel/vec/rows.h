/* rows.h - what the row-wise templates share: vectors of a row whose length is any.
 *
 * Included after a vector vocabulary.  Sums run in four vectors of partial sums, taken in turn, and
 * are added by halving at the end: an order that only the length decides.
 */
#ifndef ENG_KERNEL_VEC_ROWS_H
#define ENG_KERNEL_VEC_ROWS_H

#include "engine/kernel/vec/vmath.h"

/* Lanes of the vector that starts at element i of n. */
static inline vm lanes(size_t i, size_t n)
{
    return vm_first(n - i < VL ? n - i : VL);
}

/* The vector at element i of n; lanes beyond n are 0. */
static inline vf get(const float *x, size_t i, size_t n)
{
    return n - i >= VL ? vf_load(x + i) : vf_load_some(x + i, lanes(i, n));
}

/* Stores the lanes of v that are elements i.. of n.  The branch is there because masked stores are
 * slow on some AVX2 machines. */
static inline void put(float *y, size_t i, size_t n, vf v)
{
    if (n - i >= VL)
        vf_store(y + i, v);
    else
        vf_store_some(y + i, lanes(i, n), v);
}

/* The partial sums of a row. */
static inline float sum_of(const vf s[4])
{
    return vf_sum(vf_add(vf_add(s[0], s[1]), vf_add(s[2], s[3])));
}

#endif
