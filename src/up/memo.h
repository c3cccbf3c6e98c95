/* memo.h - what a supervisor that starts again must know: DIR/memo.json. */
#ifndef UP_MEMO_H
#define UP_MEMO_H

#include "up/dir.h"
#include "up/house.h"
#include "up/versions.h"

/* Writes what of the house has to last, and for the round under way the number of rows computed at
 * once (micro, 0: chosen by the trainer), atomically, to the disk. */
sk_status up_memo_save(const up_dir *d, const up_house *h, uint32_t micro, sk_err *e);

/* Fills it into a house that up_house_init made.  Versions are those of v, which is the truth about
 * what there is; without a memo, or with one that makes no sense (SK_E_CORRUPT: e says so, and h is
 * good for a start), the newest of them is live and the next round begins.  SK_E_NOMEM says nothing
 * about the memo. */
sk_status up_memo_load(const up_dir *d, const up_versions *v, up_house *h, uint32_t *micro,
                       sk_err *e);

/* The same for the memo's text: n bytes, of which nothing is expected. */
sk_status up_memo_parse(const char *text, size_t n, const up_versions *v, up_house *h,
                        uint32_t *micro, sk_err *e);

/* True when a and b would be saved as the same. */
bool up_memo_same(const up_house *a, const up_house *b);

#endif
