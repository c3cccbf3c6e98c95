/* file.h - reading whole files, folders and locks; with it comes outfile.h, writing by atomic
 * replacement.
 */
#ifndef SK_BASE_FILE_H
#define SK_BASE_FILE_H

#include "base/buf.h"
#include "base/outfile.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A read-only view of a whole file.  An empty file has p = "" and len 0. */
typedef struct sk_map {
    const uint8_t *p;
    size_t len;
    int64_t changed; /* when the file was, at the time it was mapped: nanoseconds since 1970 */
} sk_map;

/* Maps the file at path.  Close with sk_map_close.  Errors: not found, no rights, a folder.  A file
 * that another process cuts short while it is mapped makes reading past its new end raise SIGBUS
 * (sk_map_watch): our own writers replace files and never cut them. */
sk_status sk_map_open(const char *path, sk_map *out, sk_err *e);

/* Ends the view; m is then empty. */
void sk_map_close(sk_map *m);

/* What can't be read of the view reads as zeros from now on, and the view is torn (base/torn.h).
 * Where it cannot be watched it stays as it was. */
void sk_map_watch(const sk_map *m);

/* Ends that; nothing if it is not watched. */
void sk_map_unwatch(const sk_map *m);

/* True when it was watched and is torn: what was read of it is not what the file held. */
bool sk_map_torn(const sk_map *m);

/* Says that the n bytes at p, part of a view of a file, will not be read soon: their whole pages
 * leave this process's memory, and are read again if they are. */
void sk_map_rest(const void *p, size_t n);

/* Reads the n bytes at p, part of a view of a file, into memory and returns when they are there:
 * who looks at them soon does not wait for the disk.  A hint, and nothing on old systems. */
void sk_map_read(const void *p, size_t n);

/* Says that all of the view from byte `from` on (a multiple of the page) will be read at once and
 * often: it is asked for in huge pages where the system has them of files, and its page tables are
 * made now.  A hint. */
void sk_map_want(const sk_map *m, size_t from);

/* Appends the whole file (or stdin for "-") to b; a zstd file (recognised by its magic number, any
 * window up to 2^27) is unpacked.  More than max_bytes of result is SK_E_TOOBIG; a zstd file
 * that ends early or is damaged is SK_E_CORRUPT.  On failure b is as before. */
sk_status sk_file_load(const char *path, uint64_t max_bytes, sk_buf *b, sk_err *e);

/* mkdir -p. */
sk_status sk_mkdirs(const char *path, sk_err *e);

/* Appends $XDG_CACHE_HOME/stokehold/name, or ~/.cache/stokehold/name, where what can be made again
 * is kept.  False, and nothing appended, where neither variable holds an absolute path. */
bool sk_cache_path(const char *name, sk_buf *out);

/* True when something is at path. */
bool sk_file_exists(const char *path);

/* An exclusive lock on path (created if missing, kept until unlock or process end).  SK_E_INUSE
 * names who holds it.  A child made by fork shares the lock. */
sk_status sk_lock_take(const char *path, int *fd, sk_err *e);

/* True when the lock on path is held by a process that lives, as far as its file says; takes
 * nothing, so that it never stands in the way of a taker. */
bool sk_lock_held(const char *path);

/* Gives the lock back; the file stays, since removing it would race with the next taker. */
void sk_lock_drop(int fd);

#endif
