/* file.h - reading by mmap, writing by atomic replacement.
 *
 * Rule: an output appears by write-to-temporary, fsync, rename, fsync of the folder.  A reader sees
 * the old file or the new one, never a part.
 */
#ifndef SK_BASE_FILE_H
#define SK_BASE_FILE_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A read-only view of a whole file.  An empty file has p = "" and len 0. */
typedef struct sk_map {
    const uint8_t *p;
    size_t len;
} sk_map;

/* Maps the file at path.  Close with sk_map_close.  Errors: not found, no rights, a folder. */
sk_status sk_map_open(const char *path, sk_map *out, sk_err *e);
void sk_map_close(sk_map *m);

/* Appends the whole file (or stdin for "-") to b; a zstd file (recognised by its magic number, any
 * window up to 2^27) is unpacked.  More than max_bytes of result is SK_E_TOOBIG. */
sk_status sk_file_load(const char *path, uint64_t max_bytes, sk_buf *b, sk_err *e);

/* An output file that replaces `path` when committed. */
typedef struct sk_outfile sk_outfile;

/* Starts writing path.tmp.PID beside path. */
sk_status sk_outfile_open(const char *path, sk_outfile **out, sk_err *e);

/* Buffered append of n bytes. */
sk_status sk_outfile_write(sk_outfile *f, const void *p, size_t n, sk_err *e);

/* Bytes written so far. */
uint64_t sk_outfile_pos(const sk_outfile *f);

/* flush, fsync, rename, fsync of the folder; f is gone whatever happens.  On failure the old file
 * is untouched and the temporary one removed. */
sk_status sk_outfile_commit(sk_outfile *f, sk_err *e);

/* Drops the temporary file; f is gone.  NULL is allowed. */
void sk_outfile_abort(sk_outfile *f);

/* Replaces path by the n bytes at p, atomically. */
sk_status sk_file_replace(const char *path, const void *p, size_t n, sk_err *e);

/* Removes what killed writers of `path` left behind (path.tmp.*). */
void sk_file_sweep(const char *path);

/* mkdir -p. */
sk_status sk_mkdirs(const char *path, sk_err *e);

/* True when something is at path. */
bool sk_file_exists(const char *path);

/* An exclusive lock on path (created if missing, kept until unlock or process end).  SK_E_INUSE
 * names who holds it. */
sk_status sk_lock_take(const char *path, int *fd, sk_err *e);
void sk_lock_drop(int fd);

#endif
