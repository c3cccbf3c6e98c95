/* grammar_case.h - texts tried against a grammar, token by token and byte by byte. */
#ifndef TESTS_UNIT_GRAMMAR_CASE_H
#define TESTS_UNIT_GRAMMAR_CASE_H

#include "engine/grammar/grammar.h"

/* A vocabulary of 290 tokens and its tree, made on the first call. */
const eng_tokentrie *grammar_trie(void);

/* The vocabulary of the tree. */
const eng_vocab *grammar_vocab(void);

/* Frees both; a test program's last test. */
void grammar_trie_done(void **state);

typedef enum grammar_kind { GRAMMAR_SCHEMA, GRAMMAR_GBNF, GRAMMAR_REGEX } grammar_kind;

/* Compiles text; fails the test if that does not work. */
eng_grammar *grammar_open(grammar_kind kind, const char *text);

/* The status of compiling text; its sentence holds part. */
#define grammar_refused(kind, text, st, part)                                                      \
    grammar_refused_at((kind), (text), (st), (part), __FILE__, __LINE__)
void grammar_refused_at(grammar_kind kind, const char *text, sk_status st, const char *part,
                        const char *file, int line);

/* 2: text is an answer, 1: a beginning of one only, 0: neither.  Fails the test unless every mask
 * on the way agrees with what is accepted, and the bytes give the same as the tokens. */
int grammar_try(eng_grammar *g, const char *text);

/* Tries the texts, each behind a mark: "+" an answer, "." a beginning of one, "-" neither; NULL
 * ends them. */
#define grammar_table(kind, text, ...)                                                             \
    grammar_table_at((kind), (text), (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)
void grammar_table_at(grammar_kind kind, const char *text, const char *const *cases,
                      const char *file, int line);

#endif
