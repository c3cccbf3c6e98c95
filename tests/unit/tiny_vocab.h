/* tiny_vocab.h - a small vocabulary for tests, trained on the spot, and texts to try it on. */
#ifndef TESTS_UNIT_TINY_VOCAB_H
#define TESTS_UNIT_TINY_VOCAB_H

#include "engine/token/vocab.h"

/* A few kilobytes of prose, code, digits and several scripts. */
extern const char tiny_text[];

/* A vocabulary of n tokens trained on tiny_text with the named pre-tokenizer ("qwen2" if NULL).
 * Fails the test if that does not work.  To be closed by the caller. */
eng_vocab *tiny_vocab(size_t n, const char *pretok);

/* A pseudo-random byte string of n bytes, of a kind chosen by the seed: any bytes, printable text,
 * valid UTF-8 of many scripts, or pieces of tiny_text. */
void tiny_random(char *p, size_t n, uint64_t seed);

#endif
