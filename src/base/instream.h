/* instream.h - reading a file from its beginning to its end, whatever its size: as it is, or
 * unpacked if it is zstd (RFC 8878) or gzip (RFC 1952).
 *
 * The form is told by the first bytes, not by the name.  Several frames or members behind one
 * another are one text.
 */
#ifndef SK_BASE_INSTREAM_H
#define SK_BASE_INSTREAM_H

#include "base/sha256.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sk_instream sk_instream;

/* Opens the file at path ("-": standard input).  sha: NULL, or a hash begun by the caller, to which
 * every byte of the file itself is added as it is read: the file's, once its end has been reached.
 * It must outlive the stream.  Errors: not found, no rights, a folder; SK_E_UNSUPPORTED for
 * Parquet, with a hint. */
sk_status sk_instream_open(const char *path, sk_sha256 *sha, sk_instream **out, sk_err *e);

/* Closes it; NULL is allowed. */
void sk_instream_close(sk_instream *s);

/* The next bytes of the text into p[0..cap), cap > 0: as many as there are room for, fewer only at
 * the end, *n = 0 behind it.  SK_E_CORRUPT for a packed file that is damaged or ends early,
 * SK_E_TOOBIG for a zstd window over 2^27.  After an error only close is allowed. */
sk_status sk_instream_read(sk_instream *s, void *p, size_t cap, size_t *n, sk_err *e);

/* Bytes read of the file itself, and how many it has; 0 where that is not known (a pipe). */
uint64_t sk_instream_pos(const sk_instream *s);
uint64_t sk_instream_size(const sk_instream *s);

/* SK_E_UNSUPPORTED for a Parquet file, with what makes JSONL of it. */
sk_status sk_fail_parquet(const char *path, sk_err *e);

#endif
