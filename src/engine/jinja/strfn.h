/* strfn.h - what methods and filters do with strings, marks kept. */
#ifndef ENG_JINJA_STRFN_H
#define ENG_JINJA_STRFN_H

#include "engine/jinja/str.h"

/* Takes blanks, or the characters of `chars` where that is not NULL, from the ends. */
sk_status eng_jn_strip(jn_run *r, const jn_str *s, jn_str *chars, bool left, bool right,
                       jn_val *out);

/* Splits at sep (not empty), or at blanks where it is NULL, at most `max` times (< 0: all), from
 * the right if asked. */
sk_status eng_jn_split(jn_run *r, jn_str *s, const jn_str *sep, int64_t max, bool right,
                       jn_val *out);

/* The lines, with their ends if asked. */
sk_status eng_jn_split_lines(jn_run *r, const jn_str *s, bool keep, jn_val *out);

/* Replaces `old`, at most `max` times (< 0: all). */
sk_status eng_jn_replace(jn_run *r, jn_str *s, const jn_str *old, const jn_str *by, int64_t max,
                         jn_val *out);

typedef enum jn_case {
    JN_UPPER,
    JN_LOWER,
    JN_CAPITALIZE,
    JN_TITLE,
    JN_SWAPCASE,
    JN_CASEFOLD
} jn_case;
sk_status eng_jn_case(jn_run *r, const jn_str *s, jn_case how, jn_val *out);

/* str() of the items with sep between; `strict`: they must be strings, as for str.join. */
sk_status eng_jn_join(jn_run *r, const jn_str *sep, const jn_seq *items, bool strict, jn_val *out);

/* Number of places where `what` stands. */
size_t eng_jn_count(jn_str *s, const jn_str *what);

#endif
