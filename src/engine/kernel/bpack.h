/* bpack.h - what is inside an eng_bpack; for gemm.c. */
#ifndef ENG_KERNEL_BPACK_H
#define ENG_KERNEL_BPACK_H

#include "engine/kernel/gemm.h"
#include "engine/kernel/gemm_slots.h"

/* Widest panel of any kernel. */
#define ENG_BPACK_MAX_NR 32

/* Panel p starts at data + p * panel_bytes; its block of k starting at k0 (even) lies
 * ENG_GEMM_PANEL_BYTES(prec, k0, nr) further. */
struct eng_bpack {
    eng_prec prec;                   /* of the elements */
    const eng_gemm_slots *slots;     /* whose layout it is */
    size_t k, n, panel_bytes, bytes; /* rows and columns of B; of a panel; of data */
    char *data;
};

#endif
