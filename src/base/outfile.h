/* outfile.h - writing by atomic replacement.
 *
 * Rule: an output appears by write-to-temporary, fsync, rename, fsync of the folder.  A reader sees
 * the old file or the new one, never a part.
 */
#ifndef SK_BASE_OUTFILE_H
#define SK_BASE_OUTFILE_H

#include "base/status.h"

#include <stdint.h>

/* An output file that replaces `path` when committed. */
typedef struct sk_outfile sk_outfile;

/* Starts writing path.tmp.PID beside path (path.tmp.PID.N for further writers of this process).  A
 * path that names something else than a plain file, /dev/null say, is refused: the rename would
 * replace it. */
sk_status sk_outfile_open(const char *path, sk_outfile **out, sk_err *e);

/* Buffered append of n bytes.  After a failure every later call fails as well. */
sk_status sk_outfile_write(sk_outfile *f, const void *p, size_t n, sk_err *e);

/* Bytes written so far. */
uint64_t sk_outfile_pos(const sk_outfile *f);

/* Replaces n bytes at pos, all of them written before, by those at p. */
sk_status sk_outfile_patch(sk_outfile *f, uint64_t pos, const void *p, size_t n, sk_err *e);

/* flush and fsync: a commit that follows at once has only the rename left to do. */
sk_status sk_outfile_sync(sk_outfile *f, sk_err *e);

/* flush, fsync, rename, fsync of the folder; f is gone whatever happens.  On failure the old file
 * is untouched and the temporary one removed; only when the very last step fails, the fsync of the
 * folder, is the new file in place, complete but perhaps not after a power cut, and the error says
 * so. */
sk_status sk_outfile_commit(sk_outfile *f, sk_err *e);

/* Drops the temporary file; f is gone.  NULL is allowed. */
void sk_outfile_abort(sk_outfile *f);

/* Replaces path by the n bytes at p, atomically. */
sk_status sk_file_replace(const char *path, const void *p, size_t n, sk_err *e);

/* Puts a second name, `to`, on the file `from`, in place of what was called so; where the file
 * system has no hard links, a copy.  Both are in the same file system.  Atomic like a commit. */
sk_status sk_file_place(const char *from, const char *to, sk_err *e);

/* Removes what killed writers of `path` left behind (path.tmp.PID, path.tmp.PID.N); a file
 * that a live writer still holds stays. */
void sk_file_sweep(const char *path);

#endif
