/* bpe_count.h - counting the words of a text that comes in parts, on several threads, in bounded
 * memory.  Private to the room.
 *
 * Words and counts depend on the text only: a part is cut where its pieces stay the same, each
 * worker counts into tables of its own, and these are added up after every part.
 */
#ifndef ENG_TOKEN_BPE_COUNT_H
#define ENG_TOKEN_BPE_COUNT_H

#include "base/status.h"
#include "base/thread.h"
#include "engine/token/bpe_words.h"
#include "engine/token/pretok.h"

/* Tables by hash: two workers never add to one. */
enum { ENG_COUNT_SHARDS = 16 };

typedef struct eng_counter {
    eng_pretok *pt;  /* borrowed */
    sk_pool *pool;   /* borrowed; NULL: the caller's thread alone */
    uint64_t memory; /* bytes that words, and training on them, may take */
    size_t n_workers;
    eng_words sum[ENG_COUNT_SHARDS];     /* of all parts so far */
    eng_words (*own)[ENG_COUNT_SHARDS];  /* [n_workers]: of the part being counted */
    uint64_t bytes, documents;           /* of the text so far */
    bool inside;                         /* the last part was cut within a document */
    uint64_t dropped_words, dropped_sum; /* words dropped for want of memory, their occurrences */
} eng_counter;

/* Starts to count; SK_E_NOMEM. */
sk_status eng_counter_init(eng_counter *c, eng_pretok *pt, sk_pool *pool, uint64_t memory,
                           sk_err *e);

/* Frees the counts; may be called on what was never initialised but zeroed. */
void eng_counter_fini(eng_counter *c);

/* Counts text[0..n), n > 0, which begins a line or goes on where the last part was cut; `last`:
 * nothing comes behind it.  *used is what was counted, at least 1: the next part begins there.  A
 * document that does not end in the part is cut where that changes no piece; where there is no such
 * place, and the part has nothing else, at its end.
 *
 * When words would take more than `memory`, those counted at most k times so far are forgotten, k
 * being the smallest number for which the others take at most half of it. */
sk_status eng_counter_add(eng_counter *c, const char *text, size_t n, bool last, size_t *used,
                          sk_err *e);

/* Puts all words into one table, in an order that is of no meaning, and empties the counter. */
sk_status eng_counter_take(eng_counter *c, eng_words *out, sk_err *e);

/* Memory that so many words of so many bytes together take from counting to the end of training,
 * about. */
uint64_t eng_words_memory(uint64_t words, uint64_t bytes);

#endif
