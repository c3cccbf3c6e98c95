/* charsmap.h - SentencePiece's precompiled normalisation: a table of what characters and sequences
 * of them are replaced by.
 *
 * Layout (sentencepiece, normalizer.cc and darts-clone): u32 size of the array in bytes; the array,
 * a double-array trie of u32 units; then the replacements, each ended by a NUL.  A unit holds the
 * label in bits 0-7 (and 31), "a value follows" in bit 8, the offset to the children in bits 10-30,
 * times 256 if bit 9 is set; a unit with bit 31 holds a value: the place of a replacement.
 */
#ifndef ENG_TOKEN_CHARSMAP_H
#define ENG_TOKEN_CHARSMAP_H

#include "base/status.h"
#include "engine/format/gguf.h"

#include <stddef.h>
#include <stdint.h>

/* The two parts of a blob, borrowed; all zeros is the table that replaces nothing. */
typedef struct eng_charsmap {
    const uint8_t *units; /* n_units * 4 bytes, little-endian, at any address */
    size_t n_units;
    eng_str text; /* the replacements; ends with a NUL if it is not empty */
} eng_charsmap;

/* Takes a blob apart ("" gives the empty table).  SK_E_FORMAT when the parts do not fit. */
sk_status eng_charsmap_init(eng_charsmap *m, eng_str blob, sk_err *e);

/* The longest sequence at p[0..n), n > 0, that has a replacement: returns its length, the
 * replacement in *to; 0 if there is none. */
size_t eng_charsmap_find(const eng_charsmap *m, const char *p, size_t n, eng_str *to);

#endif
