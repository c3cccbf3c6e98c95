/* bpe_words.h - counting the words of a training text: each different piece once, with how often it
 * occurs.  Private to the room. */
#ifndef ENG_TOKEN_BPE_WORDS_H
#define ENG_TOKEN_BPE_WORDS_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/token/pretok.h"

#include <stdint.h>

/* Longest word: longer pieces are counted in parts, so that a merge never walks far. */
enum { ENG_WORD_MAX = 256 };

typedef struct eng_word {
    uint64_t count; /* how often it occurs */
    size_t at;      /* of its bytes, in bytes.p */
    uint32_t n;     /* bytes, 1 .. ENG_WORD_MAX */
    uint32_t hash;  /* kept, so that the table grows without reading the bytes again */
} eng_word;

typedef struct eng_words {
    sk_buf bytes;   /* of all words, one behind the other */
    eng_word *word; /* in the order of first occurrence */
    size_t n, cap;
    uint32_t *slot; /* open addressing, at most half full; NONE where empty */
    size_t mask;
} eng_words;

/* Starts empty; SK_E_NOMEM. */
sk_status eng_words_init(eng_words *w, sk_err *e);

/* Frees the counts; may be called on what was never initialised but zeroed. */
void eng_words_fini(eng_words *w);

/* Counts the pieces of a document. */
sk_status eng_words_add(eng_words *w, const eng_pretok *pt, const char *doc, size_t n, sk_err *e);

#endif
