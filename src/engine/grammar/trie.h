/* trie.h - a vocabulary as a tree of bytes, made once and shared by all grammars.
 *
 * Two trees: `plain` holds the tokens that are whole characters which stand for themselves inside a
 * JSON string; `rest` all others.  Where any text may stand in a string, the plain tokens are
 * allowed by one OR with a mask that is ready made; only the rest is walked.
 */
#ifndef ENG_GRAMMAR_TRIE_H
#define ENG_GRAMMAR_TRIE_H

#include "base/mem.h"
#include "engine/grammar/grammar.h"

/* Masks are kept ready for plain tokens of at most so many characters. */
enum { ENG_TRIE_LENGTHS = 32, ENG_TRIE_DEPTH = 255 };

#define ENG_TRIE_NONE UINT32_MAX

/* A node; its subtree follows it, up to node `skip`. */
typedef struct eng_trienode {
    uint32_t skip, token; /* token: ENG_TRIE_NONE if none ends here */
    uint8_t byte, depth;  /* depth: bytes before this one */
} eng_trienode;

typedef struct eng_tree {
    eng_trienode *node;
    size_t n;
} eng_tree;

/* A plain token of more than ENG_TRIE_LENGTHS characters. */
typedef struct eng_longtoken {
    uint32_t token, chars;
} eng_longtoken;

struct eng_tokentrie {
    sk_arena *mem;
    size_t n_vocab, words; /* tokens; words of a mask */
    eng_tree plain, rest;
    uint64_t *by_length[ENG_TRIE_LENGTHS + 1]; /* [words] plain tokens of at most so many
                                                  characters; [0]: all of them */
    eng_longtoken *longer;
    size_t n_longer;
    int32_t *end; /* tokens that end an answer */
    size_t n_end;
    const eng_vocab *vocab; /* borrowed: the tokens' bytes */
};

#endif
