/* unidata.h - what Unicode says of a character, as far as BERT's normaliser asks, and UTF-8.
 *
 * Source of the tables: the Unicode Character Database, by way of tools/unidata.py.  PCRE2, which
 * cuts text by categories, tells none of this about a single character.
 */
#ifndef ENG_TOKEN_UNIDATA_H
#define ENG_TOKEN_UNIDATA_H

#include <stddef.h>
#include <stdint.h>

typedef enum eng_uniclass {
    ENG_UNI_OTHER,
    ENG_UNI_SPACE,   /* White_Space */
    ENG_UNI_CONTROL, /* Cc, Cf, Co, Cs that are no white space */
    ENG_UNI_MARK,    /* Mn, Mc, Me */
    ENG_UNI_PUNCT    /* P, and the symbols of ASCII */
} eng_uniclass;

/* The class of character c. */
eng_uniclass eng_uni_class(uint32_t c);

/* Its lower case where that is one character, else c itself. */
uint32_t eng_uni_lower(uint32_t c);

/* The first character of its canonical decomposition: a letter without its accents. */
uint32_t eng_uni_base(uint32_t c);

/* Bytes of the UTF-8 sequence (RFC 3629: shortest form, no surrogates) at p, which has n >= 1
 * bytes; 0 if there is none. */
size_t eng_utf8_sequence(const uint8_t *p, size_t n);

/* The character of a sequence of `len` bytes that eng_utf8_sequence found. */
uint32_t eng_utf8_char(const uint8_t *p, size_t len);

/* Writes character c (at most U+10FFFF) to p, which has room for 4; returns its length. */
size_t eng_utf8_put(uint32_t c, char *p);

#endif
