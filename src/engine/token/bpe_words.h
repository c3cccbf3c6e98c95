/* bpe_words.h - counting the words of a training text: each different piece once, with how often it
 * occurs.  Private to the room. */
#ifndef ENG_TOKEN_BPE_WORDS_H
#define ENG_TOKEN_BPE_WORDS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest word: longer pieces are counted in parts, so that a merge never walks far. */
enum { ENG_WORD_MAX = 256 };

typedef struct eng_word {
    uint64_t count; /* how often it occurs */
    size_t at;      /* of its bytes, in bytes.p */
    uint32_t n;     /* bytes, 1 .. ENG_WORD_MAX */
    uint32_t hash;  /* kept, so that the table grows without reading the bytes again */
} eng_word;

/* {0} is an empty table: memory comes with the first word. */
typedef struct eng_words {
    sk_buf bytes;   /* of all words, one behind the other */
    eng_word *word; /* in the order of first occurrence */
    size_t n, cap;
    uint32_t *slot; /* open addressing, at most half full; NONE where empty */
    size_t slots;   /* a power of two, or 0 */
} eng_words;

/* Frees the counts; w is then empty. */
void eng_words_fini(eng_words *w);

/* Forgets all words and keeps the memory. */
void eng_words_clear(eng_words *w);

/* The hash of p[0..n). */
uint32_t eng_word_hash(const char *p, size_t n);

/* Counts a word (n = 1 .. ENG_WORD_MAX) of that hash `count` times more; false without memory. */
bool eng_words_add(eng_words *w, const char *p, size_t n, uint32_t hash, uint64_t count);

/* Takes out the words that were counted at most `most` times and gives memory back; false without
 * memory (w is then as before). */
bool eng_words_drop(eng_words *w, uint64_t most);

#endif
