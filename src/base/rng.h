/* rng.h - counter-based random numbers: Philox4x32-10.
 *
 * A number is a pure function of (seed, stream, index): nothing is carried from call to call, so a
 * resumed run, another thread or another replica draws the same.  Source: Salmon, Moraes, Dror,
 * Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; the known-answer vectors of
 * Random123 are in tests/unit/t_rng.c.
 */
#ifndef SK_BASE_RNG_H
#define SK_BASE_RNG_H

#include <stdint.h>

/* Streams keep the uses of one seed apart. */
typedef enum sk_rng_stream {
    SK_RNG_INIT = 1,   /* initial weights: index = parameter number */
    SK_RNG_DATA = 2,   /* shuffling of the training data */
    SK_RNG_SAMPLE = 3, /* token choice: index = position in the sequence */
    SK_RNG_TEST = 4,
    SK_RNG_XTC = 5,   /* whether XTC acts: index = position in the sequence */
    SK_RNG_SHOTS = 6, /* worked examples of an evaluation: index = number of the item */
    SK_RNG_WAIT = 7   /* how long to wait before something is tried again */
} sk_rng_stream;

/* The bare block function: ctr[4] and key[2] to out[4]. */
void sk_philox4x32(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4]);

/* 64 random bits for (seed, stream, index). */
uint64_t sk_rng_u64(uint64_t seed, uint32_t stream, uint64_t index);

/* Uniform in [0, 1), 53 bits. */
double sk_rng_uniform(uint64_t seed, uint32_t stream, uint64_t index);

/* Uniform integer in [0, n), n > 0, without modulo bias beyond 2^-64 (multiply-high). */
uint64_t sk_rng_below(uint64_t seed, uint32_t stream, uint64_t index, uint64_t n);

/* Standard normal (Box-Muller over one block). */
double sk_rng_normal(uint64_t seed, uint32_t stream, uint64_t index);

/* A pseudo-random permutation of [0, n): where index i goes under (seed, stream).  O(1), no memory:
 * a Feistel network over the next power of four with cycle walking. */
uint64_t sk_rng_permute(uint64_t seed, uint32_t stream, uint64_t n, uint64_t i);

#endif
