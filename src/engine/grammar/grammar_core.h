/* grammar_core.h - a compiled grammar and a matcher, as the files of this room see them. */
#ifndef ENG_GRAMMAR_GRAMMAR_CORE_H
#define ENG_GRAMMAR_GRAMMAR_CORE_H

#include "engine/grammar/book.h"
#include "engine/grammar/trie.h"

#include <pthread.h>

/* Masks that took long are kept, so many of them; one that visited fewer nodes is made again. */
enum { ENG_MASKS_KEPT = 64, ENG_MASK_COSTLY = 4000 };

/* Bytes of white space in a row before no more is offered. */
enum { ENG_BLANK_MOST = 100 };

/* A mask that was kept, for a place of one pair. */
typedef struct eng_keptmask {
    uint32_t stand, generation;
    uint16_t lex;
    bool complete;
    uint64_t *mask; /* NULL: empty */
} eng_keptmask;

/* The states on the way to a node of the tree. */
typedef struct eng_walk {
    uint16_t lex[ENG_TRIE_DEPTH + 2];
    uint32_t stand[ENG_TRIE_DEPTH + 2];
    uint8_t n[ENG_TRIE_DEPTH + 2]; /* pairs: of one the two above, of more those in place */
    eng_place place[ENG_TRIE_DEPTH + 2];
    uint64_t visited;
} eng_walk;

struct eng_grammar {
    const eng_tokentrie *trie;
    eng_rxpool rx;
    eng_rules rules;
    eng_book book;
    eng_walk *walk;
    eng_keptmask kept[ENG_MASKS_KEPT];
    unsigned next_kept;
    bool json;         /* runs of white space are bounded */
    bool may_be_empty; /* an answer without any text is complete */
    pthread_mutex_t lock;
    bool has_lock;
};

struct eng_matcher {
    eng_grammar *g;
    eng_place at;
    uint64_t generation; /* of the book that `at` is from */
    sk_buf text;         /* all bytes taken: the place can be found again from them */
    unsigned blank;      /* bytes of white space that were taken last, between values */
    bool ended;
    bool emptied; /* the book was, for the operation that is not done yet */
};

/* An empty grammar whose expressions and rules are to be filled in; NULL without memory. */
eng_grammar *eng_grammar_blank(const eng_tokentrie *t, const eng_grammar_opts *o);

/* Checks the rules and opens the notebook.  On failure g is closed. */
sk_status eng_grammar_seal(eng_grammar *g, const eng_grammar_opts *o, eng_grammar **out, sk_err *e);

/* Fills the mask for a place (the lock is held); `no_blank`: no token that begins with white space.
 * False after a failure of the book. */
bool eng_grammar_mask(eng_grammar *g, const eng_place *at, bool no_blank, uint64_t *out);

/* True for the white space of JSON. */
static inline bool eng_is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
