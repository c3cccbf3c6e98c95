/* dedup.h - which documents have been there before: the same bytes, or nearly the same words.
 *
 * Exact: a set of 128-bit hashes.  Near: sketches (sketch.h), found again by locality-sensitive
 * hashing (J. Leskovec, A. Rajaraman, J. Ullman, "Mining of Massive Datasets", chapter 3): the 120
 * bins are cut into bands, documents that agree in all bins of one band are compared, and are
 * near-duplicates when the estimated similarity reaches the threshold.  Answers depend on the
 * documents and their order only.
 *
 * Memory for each kept document is 24 to 48 bytes for exact ones and 360 to 900 more for near ones
 * (by threshold and how full the tables are).  When the bound is reached nothing more is
 * remembered: later documents are still compared with those that are.
 */
#ifndef ENG_DATA_DEDUP_H
#define ENG_DATA_DEDUP_H

#include "base/status.h"
#include "engine/data/sketch.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENG_DEDUP_HASH = 16 };

typedef struct eng_dedup_opts {
    bool exact, near;   /* near implies exact */
    double threshold;   /* similarity of near-duplicates, 0.5 to 1 */
    uint64_t max_bytes; /* of all tables together */
} eng_dedup_opts;

typedef enum eng_dup { ENG_DUP_NONE, ENG_DUP_EXACT, ENG_DUP_NEAR } eng_dup;

typedef struct eng_dedup eng_dedup;

/* Empty tables.  SK_E_INVALID for a threshold out of bounds. */
sk_status eng_dedup_open(const eng_dedup_opts *o, eng_dedup **out, sk_err *e);

/* NULL is allowed. */
void eng_dedup_close(eng_dedup *d);

/* Says whether a document like this was there, and remembers it if not.  hash: of its bytes;
 * sketch: NULL where near-duplicates aren't asked for. */
sk_status eng_dedup_ask(eng_dedup *d, const uint8_t hash[ENG_DEDUP_HASH], const eng_sketch *sketch,
                        eng_dup *out, sk_err *e);

/* True when the bound was reached and documents went by that are not remembered. */
bool eng_dedup_full(const eng_dedup *d);

/* Bytes the tables hold. */
uint64_t eng_dedup_bytes(const eng_dedup *d);

#endif
