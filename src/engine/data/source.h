/* source.h - the bytes of one input, unpacked on the way: plain, gzip or zstd, from a file or from
 * standard input.  Memory is a few hundred kilobytes (zstd: its window, at most 128 MiB), however
 * large the input is.
 */
#ifndef ENG_DATA_SOURCE_H
#define ENG_DATA_SOURCE_H

#include "base/sha256.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct eng_source eng_source;

/* Opens path ("-": standard input); what packs it is told by its first bytes.  SK_E_UNSUPPORTED for
 * Parquet, with a hint. */
sk_status eng_source_open(const char *path, eng_source **out, sk_err *e);

/* NULL is allowed. */
void eng_source_close(eng_source *s);

/* Up to n unpacked bytes into p; *got is 0 only at the end.  A packed file that ends early or is
 * damaged is SK_E_CORRUPT: what came before is not a whole document either. */
sk_status eng_source_read(eng_source *s, void *p, size_t n, size_t *got, sk_err *e);

/* Bytes of the input itself, as packed, read so far. */
uint64_t eng_source_bytes(const eng_source *s);

/* Their SHA-256: the file's, when the end has been reached. */
void eng_source_digest(const eng_source *s, uint8_t out[SK_SHA256_BYTES]);

#endif
