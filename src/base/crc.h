/* crc.h - CRC-32C (Castagnoli), the checksum of every section of our files. */
#ifndef SK_BASE_CRC_H
#define SK_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Checksum of n bytes at p, continuing from crc (0 at the start): crc of "ab" is
 * sk_crc32c(sk_crc32c(0, "a", 1), "b", 1).  Uses the processor's instruction where there is one. */
uint32_t sk_crc32c(uint32_t crc, const void *p, size_t n);

/* The same by table, on any processor: what the fast one is tested against. */
uint32_t sk_crc32c_table(uint32_t crc, const void *p, size_t n);

#endif
