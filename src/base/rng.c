/* rng.c - Philox4x32-10 and what is drawn from it.
 *
 * The counter block is {index low, index high, stream, use}: `use` keeps the rounds of a
 * permutation apart from the plain numbers of the same stream.  The key is the seed.
 */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

enum { ROUNDS = 10, FEISTEL_ROUNDS = 6 };

/* Multipliers and Weyl constants of the paper, table 2 and section 3. */
#define MUL_0 0xD2511F53u
#define MUL_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u

__extension__ typedef unsigned __int128 wide;

/* The bare block function. */
void sk_philox4x32(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = ctr[0], b = ctr[1], c = ctr[2], d = ctr[3], k0 = key[0], k1 = key[1];
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t p = (uint64_t)MUL_0 * a, q = (uint64_t)MUL_1 * c;
        a = (uint32_t)(q >> 32) ^ b ^ k0;
        b = (uint32_t)q;
        c = (uint32_t)(p >> 32) ^ d ^ k1;
        d = (uint32_t)p;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

/* Two 64-bit numbers for (seed, stream, index) in the given use. */
static void draw(uint64_t seed, uint32_t stream, uint64_t index, uint32_t use, uint64_t out[2])
{
    const uint32_t ctr[4] = {(uint32_t)index, (uint32_t)(index >> 32), stream, use};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t w[4];
    sk_philox4x32(ctr, key, w);
    out[0] = w[0] | (uint64_t)w[1] << 32;
    out[1] = w[2] | (uint64_t)w[3] << 32;
}

/* 64 random bits. */
uint64_t sk_rng_u64(uint64_t seed, uint32_t stream, uint64_t index)
{
    uint64_t w[2];
    draw(seed, stream, index, 0, w);
    return w[0];
}

/* The top 53 bits as a number in [0, 1). */
static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* Uniform in [0, 1). */
double sk_rng_uniform(uint64_t seed, uint32_t stream, uint64_t index)
{
    return unit(sk_rng_u64(seed, stream, index));
}

/* Uniform integer in [0, n). */
uint64_t sk_rng_below(uint64_t seed, uint32_t stream, uint64_t index, uint64_t n)
{
    assert(n > 0);
    return (uint64_t)((wide)sk_rng_u64(seed, stream, index) * n >> 64);
}

/* Standard normal: Box-Muller, one of the pair.  1 - u keeps the logarithm away from 0. */
double sk_rng_normal(uint64_t seed, uint32_t stream, uint64_t index)
{
    const double two_pi = 6.283185307179586476925286766559;
    uint64_t w[2];
    draw(seed, stream, index, 0, w);
    return sqrt(-2.0 * log(1.0 - unit(w[0]))) * cos(two_pi * unit(w[1]));
}

/* Where index i of [0, n) goes.  A balanced Feistel network permutes [0, 4^half); walking its cycle
 * until it lands below n makes a permutation of [0, n) in less than 4 steps on average (Black,
 * Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). */
uint64_t sk_rng_permute(uint64_t seed, uint32_t stream, uint64_t n, uint64_t i)
{
    assert(n > 0 && i < n);
    if (n == 1) return 0;
    unsigned half = 1;
    while (half < 32 && ((n - 1) >> (2 * half)) != 0)
        half++;
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint32_t r = 0; r < FEISTEL_ROUNDS; r++) {
            uint64_t w[2];
            draw(seed, stream, right, 1 + r, w);
            uint64_t mixed = left ^ (w[0] & mask);
            left = right;
            right = mixed;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
