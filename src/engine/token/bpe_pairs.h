/* bpe_pairs.h - pairs of adjacent symbols with their counts, and the most frequent of them.
 * Private to the room.
 *
 * Counts change as words are merged; the queue is lazy: an entry says what the count was, and is
 * put right when it comes up.  So a count that falls costs nothing, one that rises is queued anew.
 */
#ifndef ENG_TOKEN_BPE_PAIRS_H
#define ENG_TOKEN_BPE_PAIRS_H

#include "engine/format/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_PAIR_NONE UINT32_MAX

typedef struct eng_pair {
    uint32_t a, b;          /* symbols */
    uint64_t count, queued; /* queued: the count of its newest entry in the queue */
    uint32_t where;         /* list of words it was seen in (a word may be there twice) */
    bool grown;             /* in the list of pairs to queue */
    bool merged;            /* for the trainer: it is in the list of merges */
} eng_pair;

typedef struct eng_pairs {
    const eng_str *text; /* bytes of the symbols, which decide ties; borrowed, may grow */
    eng_pair *pair;
    size_t n, cap;  /* of pair */
    uint32_t *slot; /* pairs by symbols: open addressing, at most half full */
    size_t mask;
    struct eng_pair_entry *queue; /* a heap */
    size_t n_queue, cap_queue;
    struct eng_pair_place *place; /* nodes of the lists of words */
    size_t n_place, cap_place;
    uint32_t free_place; /* first of the nodes that were given back */
    uint32_t *grown;     /* numbers of pairs whose count rose since they were queued */
    size_t n_grown, cap_grown;
    bool oom; /* sticky: something had no memory, nothing counts any more */
} eng_pairs;

/* Starts empty; check oom after any use. */
void eng_pairs_init(eng_pairs *p, const eng_str *text);

/* Frees everything; p is then as after eng_pairs_init. */
void eng_pairs_fini(eng_pairs *p);

/* Counts the pair (a, b) `count` times more in a word / fewer. */
void eng_pairs_add(eng_pairs *p, uint32_t a, uint32_t b, uint64_t count, uint32_t word);

/* The pair must have been counted at least as often. */
void eng_pairs_sub(eng_pairs *p, uint32_t a, uint32_t b, uint64_t count);

/* Queues what was added to since the last call. */
void eng_pairs_settle(eng_pairs *p);

/* Takes the most frequent pair out of the queue (ties: the smaller bytes of a, then of b);
 * ENG_PAIR_NONE when no pair occurs twice. */
uint32_t eng_pairs_best(eng_pairs *p);

/* Takes the next word off the pair's list, ENG_PAIR_NONE at its end. */
uint32_t eng_pairs_take_word(eng_pairs *p, uint32_t pair);

#endif
