/* bytemap.h - GPT-2's writing of bytes as printable characters.
 *
 * Token strings of byte-level vocabularies are stored as text: each byte is written as one
 * character, a printable Latin-1 byte as itself, the 68 others as U+0100, U+0101, ... in order of
 * the byte (a space becomes U+0120).  Source: bytes_to_unicode() of GPT-2's encoder.py.
 */
#ifndef ENG_TOKEN_BYTEMAP_H
#define ENG_TOKEN_BYTEMAP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the written form of the n bytes at p. */
void eng_bytemap_write(const char *p, size_t n, sk_buf *out);

/* Reads a written form back: puts its bytes at out (room for n; the form is never shorter than what
 * it stands for) and their number in *len.  False when s[0..n) holds a character that stands for no
 * byte: then the string is no byte-level token. */
bool eng_bytemap_read(const char *s, size_t n, char *out, size_t *len);

#endif
