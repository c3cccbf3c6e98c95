/* sha256.c - SHA-256 by the letters of FIPS 180-4, section 6.2. */
#include "base/sha256.h"

#include <assert.h>
#include <string.h>

/* Fractional parts of the cube roots of the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* Fractional parts of the square roots of the first eight primes. */
void sk_sha256_init(sk_sha256 *s)
{
    *s = (sk_sha256){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                           0x1f83d9ab, 0x5be0cd19}};
}

/* The message schedule of one block. */
static void schedule(const uint8_t *p, uint32_t w[64])
{
    for (int t = 0; t < 16; t++, p += 4)
        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int t = 16; t < 64; t++) {
        uint32_t a = w[t - 15], b = w[t - 2];
        uint32_t s0 = rotr(a, 7) ^ rotr(a, 18) ^ a >> 3, s1 = rotr(b, 17) ^ rotr(b, 19) ^ b >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
}

/* One block of 64 bytes into h.  v is a, b, ..., h of the standard. */
static void compress(uint32_t h[8], const uint8_t *p)
{
    uint32_t w[64], v[8];
    schedule(p, w);
    memcpy(v, h, sizeof v);
    for (int t = 0; t < 64; t++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t1 = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                      K[t] + w[t];
        uint32_t t2 =
            (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

/* Whole blocks are taken where they lie; what is left over waits in block. */
void sk_sha256_add(sk_sha256 *s, const void *p, size_t n)
{
    const uint8_t *q = p;
    assert(p || !n);
    size_t have = (size_t)(s->n % 64);
    s->n += n;
    if (have) {
        size_t k = n < 64 - have ? n : 64 - have;
        memcpy(s->block + have, q, k);
        if (have + k < 64) return;
        compress(s->h, s->block);
        q += k;
        n -= k;
    }
    for (; n >= 64; q += 64, n -= 64)
        compress(s->h, q);
    if (n) memcpy(s->block, q, n);
}

/* Padding: a one bit, zeros, the length in bits. */
void sk_sha256_end(const sk_sha256 *s, uint8_t out[SK_SHA256_BYTES])
{
    static const uint8_t pad[64] = {0x80};
    sk_sha256 c = *s;
    uint64_t bits = s->n * 8;
    uint8_t len[8];
    sk_sha256_add(&c, pad, 1 + (size_t)((119 - s->n % 64) % 64));
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)(bits >> (56 - 8 * i));
    sk_sha256_add(&c, len, sizeof len);
    assert(c.n % 64 == 0); /* no block waits */
    for (int i = 0; i < SK_SHA256_BYTES; i++)
        out[i] = (uint8_t)(c.h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The hash of n bytes at p. */
void sk_sha256_of(const void *p, size_t n, uint8_t out[SK_SHA256_BYTES])
{
    sk_sha256 s;
    sk_sha256_init(&s);
    sk_sha256_add(&s, p, n);
    sk_sha256_end(&s, out);
}

static const char digits[] = "0123456789abcdef";

/* Two digits a byte. */
void sk_sha256_hex(const uint8_t hash[SK_SHA256_BYTES], char out[SK_SHA256_HEX])
{
    for (int i = 0; i < SK_SHA256_BYTES; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[64] = 0;
}

/* Any other character, and any other length, is refused. */
bool sk_sha256_parse(const char *hex, uint8_t out[SK_SHA256_BYTES])
{
    if (strlen(hex) != 64 || strspn(hex, digits) != 64) return false;
    for (int i = 0; i < SK_SHA256_BYTES; i++)
        out[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
                           (strchr(digits, hex[2 * i + 1]) - digits));
    return true;
}
