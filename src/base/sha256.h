/* sha256.h - SHA-256 (FIPS 180-4): what names a file in our manifests, so that sha256sum can check
 * them.  For checksums inside our own files crc.h is enough.
 */
#ifndef SK_BASE_SHA256_H
#define SK_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SK_SHA256_BYTES = 32, SK_SHA256_HEX = 65 };

/* A hash in the making, in the caller's storage. */
typedef struct sk_sha256 {
    uint32_t h[8];
    uint64_t n; /* bytes so far */
    uint8_t block[64];
} sk_sha256;

/* Begins anew. */
void sk_sha256_init(sk_sha256 *s);

/* Goes on with n bytes at p. */
void sk_sha256_add(sk_sha256 *s, const void *p, size_t n);

/* The hash of all that was added; s itself is unchanged and may go on. */
void sk_sha256_end(const sk_sha256 *s, uint8_t out[SK_SHA256_BYTES]);

/* The hash of n bytes at p. */
void sk_sha256_of(const void *p, size_t n, uint8_t out[SK_SHA256_BYTES]);

/* The hash as 64 digits and a NUL. */
void sk_sha256_hex(const uint8_t hash[SK_SHA256_BYTES], char out[SK_SHA256_HEX]);

/* The other way; false unless hex is exactly 64 hexadecimal digits (lower case). */
bool sk_sha256_parse(const char *hex, uint8_t out[SK_SHA256_BYTES]);

#endif
