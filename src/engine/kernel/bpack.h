/* bpack.h - what is inside an eng_bpack; for gemm.c. */
#ifndef ENG_KERNEL_BPACK_H
#define ENG_KERNEL_BPACK_H

#include "engine/kernel/gemm.h"
#include "engine/kernel/gemm_slots.h"

#include <stdbool.h>

/* Widest panel of any kernel. */
#define ENG_BPACK_MAX_NR 32

/* Panel p starts at data + p * panel_bytes; its block of k starting at k0 (even) lies
 * ENG_GEMM_PANEL_BYTES(prec, k0, nr) further. */
struct eng_bpack {
    eng_prec prec;                   /* of the elements */
    const eng_gemm_slots *slots;     /* whose layout it is */
    size_t k, n, panel_bytes, bytes; /* rows and columns of B; of a panel; of data */
    char *data;                      /* [bytes] panels one behind the other, aligned to 64 */
    bool borrowed;                   /* data is not ours to free */
};

/* Bytes of a pack of B[k, n] for the CPU level of now, padding to whole panels included; false when
 * they cannot be counted in a size_t. */
bool eng_bpack_need(eng_prec prec, size_t k, size_t n, size_t *bytes);

/* eng_bpack_new over eng_bpack_need bytes at `data` (aligned to 64), which must outlive it; NULL:
 * memory of its own. */
sk_status eng_bpack_new_at(eng_prec prec, size_t k, size_t n, void *data, eng_bpack **out,
                           sk_err *e);

#endif
