/* cpu.h - what the processor can do, as far as the kernels care.
 *
 * A level is a bundle of features that are used together; a kernel file is compiled for one bundle.
 * The mask
 * (--cpu NAME or STOKE_CPU) makes a better processor behave like a lesser one, for tests.
 */
#ifndef SK_BASE_CPU_H
#define SK_BASE_CPU_H

#include "base/status.h"

#include <stdbool.h>

typedef enum sk_cpu_level {
    SK_CPU_C = 0,          /* plain C, the reference */
    SK_CPU_AVX2 = 1,       /* AVX2 + FMA + F16C (Haswell) */
    SK_CPU_AVX512 = 2,     /* F, BW, DQ, VL (Skylake-X) */
    SK_CPU_AVX512VNNI = 3, /* + VNNI (Cascade Lake) */
    SK_CPU_AVX512BF16 = 4, /* + BF16 (Cooper Lake, Zen 4) */
    SK_CPU_AMX = 5,        /* + AMX with int8 and bf16 (Sapphire Rapids) */
    SK_CPU_NEON,           /* AArch64, any */
    SK_CPU_DOTPROD,        /* + sdot (Neoverse N1, Graviton 2) */
    SK_CPU_I8MM,           /* + smmla (Neoverse V1, Graviton 3) */
    SK_CPU_N
} sk_cpu_level;

/* The level in use: the best the CPU and the operating system allow, cut down by the mask. */
sk_cpu_level sk_cpu(void);

/* The best level of this machine, mask disregarded.  (AMX needs the operating system's leave to use
 * its registers; asking whether it is there asks for that, once for all threads.) */
sk_cpu_level sk_cpu_best(void);

/* True if a processor of level a does all that one of level b does: a is b, or a better one of the
 * same kind.  Every processor does SK_CPU_C. */
bool sk_cpu_includes(sk_cpu_level a, sk_cpu_level b);

/* Names: "c", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx", "neon", "dotprod",
 * "i8mm". */
const char *sk_cpu_name(sk_cpu_level level);

/* Sets the mask by name ("auto" = none).  A level the machine lacks is SK_E_UNSUPPORTED.  Call
 * before the first kernel runs. */
sk_status sk_cpu_mask(const char *name, sk_err *e);

#endif
