/* disk.h - beginnings of sequences that the cache has no room for any more, kept on disk (spill.h):
 * pages that are evicted are written, and a sequence that begins with them reads them back.
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

/* A slot has begun with ids[0..n) and holds `held` of them: how many it holds once the disk was
 * asked, less than n.  At most 32 MiB are read at a time. */
size_t eng_disk_begin(eng_disk *d, uint32_t slot, const int32_t *ids, size_t n, size_t held);

#endif
