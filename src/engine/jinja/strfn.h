/* strfn.h - what methods and filters do with strings, marks kept. */
#ifndef ENG_JINJA_STRFN_H
#define ENG_JINJA_STRFN_H

#include "engine/jinja/str.h"

/* Takes blanks, or the characters of `chars` where that is not NULL, from the ends.  Blanks are
 * Python's (uni.h), U+00A0 and U+3000 among them: a template's trim of a message must take what
 * Python's takes, or the prompt differs. */
sk_status eng_jn_strip(jn_run *r, const jn_str *s, jn_str *chars, bool left, bool right,
                       jn_val *out);

/* Splits at sep (not empty), or at blanks where it is NULL, at most `max` times (< 0: all), from
 * the right if asked.  At blanks, empty parts are dropped and runs count once; at a separator
 * they are kept. */
sk_status eng_jn_split(jn_run *r, jn_str *s, const jn_str *sep, int64_t max, bool right,
                       jn_val *out);

/* The lines, with their ends if asked.  Python's line ends, of which "\r\n" is one and U+2028
 * another. */
sk_status eng_jn_split_lines(jn_run *r, const jn_str *s, bool keep, jn_val *out);

/* Replaces `old`, at most `max` times (< 0: all).  An empty `old` stands before each character
 * and at the end. */
sk_status eng_jn_replace(jn_run *r, jn_str *s, const jn_str *old, const jn_str *by, int64_t max,
                         jn_val *out);

/* What str.upper() and its kin do, by Unicode's full mappings (one character may become three). */
typedef enum jn_case {
    JN_UPPER,
    JN_LOWER,
    JN_CAPITALIZE,
    JN_TITLE,    /* a capital behind everything that has no case */
    JN_SWAPCASE, /* not its own inverse: the sharp s becomes SS, which becomes ss */
    JN_CASEFOLD  /* for comparing regardless of case */
} jn_case;
/* Each new character gets the mark of the one it came from.  The final sigma of a word is
 * lowered to U+03C2, as Python does. */
sk_status eng_jn_case(jn_run *r, const jn_str *s, jn_case how, jn_val *out);

/* str() of the items with sep between; `strict`: they must be strings, as for str.join. */
sk_status eng_jn_join(jn_run *r, const jn_str *sep, const jn_seq *items, bool strict, jn_val *out);

/* Number of places where `what` stands.  They do not overlap; an empty text stands at chars + 1
 * places. */
size_t eng_jn_count(jn_str *s, const jn_str *what);

#endif
