/* exp.h - e^x for x <= 0 in plain arithmetic, so that it is the same everywhere.
 *
 * The C library's exp differs in the last bit between versions and between processors with and
 * without fused multiply-add; a replica must not.  x = n ln 2 + r with |r| <= ln 2 / 2, then the
 * Taylor series of e^r to r^13 (remainder below 2e-17), then n into the exponent.  Relative error
 * below 4e-16.  Compilers turn a loop over it into vector code.
 */
#ifndef ENG_INFER_EXP_H
#define ENG_INFER_EXP_H

#include <stdint.h>
#include <string.h>

/* e^x for x <= 0; below -700 it is e^-700 (about 1e-304), never 0 and never subnormal. */
static inline double eng_exp_neg(double x)
{
    static const double log2e = 0x1.71547652b82fep+0, ln2_hi = 0x1.62e42feep-1,
                        ln2_lo = 0x1.a39ef35793c76p-33, round = 0x1.8p52;
    x = x < -700 ? -700 : x;
    double shifted = x * log2e + round; /* n is in the low bits of its mantissa */
    double n = shifted - round, r = (x - n * ln2_hi) - n * ln2_lo;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    uint64_t bits, exponent;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&exponent, &shifted, sizeof exponent);
    bits += exponent << 52;
    memcpy(&p, &bits, sizeof p);
    return p;
}

#endif
