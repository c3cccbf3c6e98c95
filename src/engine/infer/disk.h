/* disk.h - beginnings of sequences that the cache has no room for any more, kept on disk (spill.h):
 * pages that are evicted are written, and a sequence that begins with them gets them back,
 * read by a thread of its own (fetch.h).
 *
 * Only what the model computes by itself is kept, nothing of adapters.  A page's name is a hash of
 * the program's version, the processor's level, the model's files, the cache's types and all tokens
 * up to its last: its bytes are what would be computed.
 */
#ifndef ENG_INFER_DISK_H
#define ENG_INFER_DISK_H

#include "engine/infer/kv.h"
#include "engine/model/model.h"

typedef struct eng_disk eng_disk;

/* Begins to watch the cache; `dir` and `most` as eng_spill_open has them.  SK_E_UNSUPPORTED for a
 * model that was not read from GGUFs, or whose layers see windows. */
sk_status eng_disk_open(const eng_model *m, eng_kv *kv, const eng_kv_opts *ko, const char *dir,
                        uint64_t most, eng_disk **out, sk_err *e);

/* Has written what the cache still remembers, up to 256 MiB of it; before the cache is closed. NULL
 * is allowed. */
void eng_disk_close(eng_disk *d);

/* Has what the disk knows of ids[0..n) behind the first `held` tokens, which the slot holds, read
 * by another thread, but at most n - 1 of all; false: there is nothing to be read. */
bool eng_disk_fetch(eng_disk *d, uint32_t slot, const int32_t *ids, size_t n, size_t held);

/* Puts what has been read since into the slot, which has not changed, up to `most` bytes at a time
 * (a page at least): how many tokens it holds then.  *more: whether more may come. */
size_t eng_disk_arrive(eng_disk *d, uint32_t slot, const int32_t *ids, size_t held, size_t most,
                       bool *more);

/* The slot wants nothing any more. */
void eng_disk_cancel(eng_disk *d, uint32_t slot);

/* Has fn called by another thread whenever eng_disk_arrive has something to say; NULL: nobody, and
 * no call is under way then. */
void eng_disk_listen(eng_disk *d, void (*fn)(void *arg), void *arg);

#endif
