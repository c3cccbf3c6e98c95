/* spill.h - pages of a cache as files of a folder: what was computed once outlives the process.
 *
 * A page's name is a hash of all that its bytes depend on, so what is found under a name is right
 * or damaged; a checksum tells, and what is damaged is removed.  Files are written by a thread of
 * their own and appear by renaming.  Several processes may share a folder: it is kept below its
 * bound by whoever writes, the files used least recently go first.
 */
#ifndef ENG_INFER_SPILL_H
#define ENG_INFER_SPILL_H

#include "base/sha256.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_spill eng_spill;

/* The name of a page. */
typedef struct eng_spill_name {
    uint8_t sha[SK_SHA256_BYTES];
} eng_spill_name;

/* Files of page_bytes bytes in the folder dir, which is made if need be; `most` bytes of files.
 * SK_E_INVALID if not even one page fits in, or what the system says of the folder. */
sk_status eng_spill_open(const char *dir, uint64_t most, size_t page_bytes, eng_spill **out,
                         sk_err *e);

/* Writes what is to be written; NULL is allowed. */
void eng_spill_close(eng_spill *s);

/* Has a copy of the page written; nothing where too many wait, unless `wait`, or there is no
 * memory. */
void eng_spill_put(eng_spill *s, const eng_spill_name *name, const void *page, bool wait);

/* Reads a page, which may take as long as the disk does; any thread may.  False where there is
 * none, or none that is whole: `page` then holds anything. */
bool eng_spill_get(eng_spill *s, const eng_spill_name *name, void *page);

#endif
