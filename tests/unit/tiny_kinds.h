/* tiny_kinds.h - small vocabularies of the kinds that are not trained here, made by hand. */
#ifndef TESTS_UNIT_TINY_KINDS_H
#define TESTS_UNIT_TINY_KINDS_H

#include "engine/token/vocab_build.h"

/* A vocabulary being put together; at most 1024 tokens. */
typedef struct tiny_kind {
    eng_vocab_parts parts;
    eng_str text[1024];
    uint8_t type[1024];
    float score[1024];
} tiny_kind;

/* Starts an empty one of the kind, with no roles and the kind's usual rules. */
void tiny_kind_start(tiny_kind *k, eng_vocab_kind kind);

/* Adds a token (text is borrowed); returns its id. */
int32_t tiny_kind_add(tiny_kind *k, const char *text, uint8_t type, float score);

/* Adds the 256 byte tokens. */
void tiny_kind_bytes(tiny_kind *k);

/* Builds it; fails the test if that does not work. */
eng_vocab *tiny_kind_build(const tiny_kind *k);

/* Builds it and encodes text with each allocation failing in turn (unit_starve). */
void tiny_kind_starve(const tiny_kind *k, const char *text);

/* Fails unless the text encodes to these ids, written "1 2 3". */
#define tiny_encodes(v, text, flags, ids)                                                          \
    tiny_encodes_at((v), (text), strlen(text), (flags), (ids), __FILE__, __LINE__)
void tiny_encodes_at(const eng_vocab *v, const char *text, size_t n, unsigned flags,
                     const char *ids, const char *file, int line);

/* Fails unless encoding and decoding text[0..n) gives it back. */
void tiny_round_trip(const eng_vocab *v, const char *text, size_t n);

#endif
