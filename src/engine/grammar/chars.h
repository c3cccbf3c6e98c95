/* chars.h - sets of characters, and how a character is written in an answer.
 *
 * A pattern speaks of characters; an answer is bytes.  In plain text a character is its UTF-8.
 * Inside a JSON string it may also be an escape.  Two forms of a string's characters are used:
 *   free:      all that RFC 8259 allows, but lone surrogates;
 *   canonical: a character that may stand for itself does; a slash may also be "\/"; others are
 *              written by their short escape, or \u00XX where there is none.
 * Where a string is compared with something (a pattern, other keys) it must be canonical: then NOT
 * means what it says.
 */
#ifndef ENG_GRAMMAR_CHARS_H
#define ENG_GRAMMAR_CHARS_H

#include "engine/grammar/expr.h"

/* Ranges of characters; sorted and apart after eng_chars_tidy. */
typedef struct eng_chars {
    uint32_t (*r)[2]; /* first and last */
    size_t n, cap;
    bool oom;
} eng_chars;

#define ENG_CHARS_INIT                                                                             \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

/* Frees the ranges. */
void eng_chars_fini(eng_chars *c);

/* Adds lo..hi (at most U+10FFFF). */
void eng_chars_add(eng_chars *c, uint32_t lo, uint32_t hi);

/* Sorts and joins the ranges, and takes surrogates out. */
void eng_chars_tidy(eng_chars *c);

/* Adds all of b. */
void eng_chars_join(eng_chars *c, const eng_chars *b);

/* What is not in c takes its place. */
void eng_chars_invert(eng_chars *c);

/* One character of c as UTF-8. */
eng_rx eng_chars_plain(eng_rxpool *p, eng_chars *c);

/* One character of c inside a JSON string, canonical. */
eng_rx eng_chars_json(eng_rxpool *p, eng_chars *c);

/* Any character inside a JSON string, free. */
eng_rx eng_chars_any_free(eng_rxpool *p);

/* The same, canonical. */
eng_rx eng_chars_any_json(eng_rxpool *p);

/* The same in plain text. */
eng_rx eng_chars_any_plain(eng_rxpool *p);

/* The text s[0..n) (UTF-8) inside a JSON string, canonical, without quotes. */
eng_rx eng_chars_text(eng_rxpool *p, const char *s, size_t n);

#endif
