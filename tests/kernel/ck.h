/* ck.h - what the kernel checks share: guarded buffers, random values, comparisons, TAP lines. */
#ifndef TESTS_KERNEL_CK_H
#define TESTS_KERNEL_CK_H

#include "base/cpu.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CK_ROOMS = 24, CK_GUARD = 32 };

/* Kinds of values a case is tried with. */
typedef enum ck_kind { CK_USUAL, CK_TINY, CK_HUGE, CK_EQUAL, CK_ZERO, CK_KINDS } ck_kind;

typedef struct ck_room_state {
    uint32_t *base; /* [CK_GUARD][off][n][CK_GUARD] words */
    size_t n, off;
} ck_room_state;

typedef struct ck {
    uint64_t seed, draws;
    const char *only; /* name of the one check to run, or NULL */
    const eng_kernels *kern, *ref;
    size_t number, failed; /* TAP tests so far */
    size_t cases;          /* of the check that runs */
    unsigned shown;        /* faults shown of it */
    bool bad;
    char what[160]; /* the case that runs */
    ck_room_state room[CK_ROOMS];
} ck;

/* Names the case that runs. */
void ck_case(ck *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Notes a fault of the case. */
void ck_fail(ck *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for n floats between guards, `off` elements past a 64-byte boundary, filled with a NaN
 * pattern.  i is the room's number; asking again gives the old one back. */
float *ck_room(ck *k, size_t i, size_t n, size_t off);

/* Room i as 16-bit elements; n of these. */
uint16_t *ck_room16(ck *k, size_t i, size_t n, size_t off);

/* Faults if a guard of any room was written. */
void ck_guards(ck *k);

/* Uniform in [lo, hi), and an integer below n. */
float ck_rand(ck *k, float lo, float hi);
size_t ck_below(ck *k, size_t n);

/* Fills with random values of a kind. */
void ck_fill(ck *k, float *x, size_t n, ck_kind kind);

/* Faults unless the bytes are equal. */
void ck_same(ck *k, const char *what, const void *got, const void *want, size_t bytes);

/* Faults unless |got - want| <= rel |want| + abs for each element; NaN goes with NaN only. */
void ck_near(ck *k, const char *what, const float *got, const float *want, size_t n, double rel,
             double abs);

/* A check of one slot, run for one table. */
typedef struct ck_check {
    const char *name;
    void (*fn)(ck *k);
} ck_check;

/* The checks of each file, ended by a NULL name. */
extern const ck_check ck_rows_checks[], ck_act_checks[], ck_attn_checks[], ck_tile_checks[],
    ck_gemm_checks[], ck_wmat_checks[];

/* Times every slot of every table up to `best`; prints a table. */
int ck_bench(sk_cpu_level best, const char *only);

/* Products with weights of every type, with all of x's threads at the level in use. */
int ck_bench_wmat(eng_exec *x, const eng_limits *l);

/* Sizes round the edges of vectors and unrolled loops. */
#define CK_SIZES                                                                                   \
    {                                                                                              \
        1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129, 191, 255,    \
            256, 257, 1000                                                                         \
    }

#endif
