/* uni.h - what Python knows about characters: blanks, cases, digits, what is printable.
 *
 * The tables (uni_tab.h) are those of Unicode 14.0, as Python 3.11 has them.
 */
#ifndef ENG_JINJA_UNI_H
#define ENG_JINJA_UNI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* str.isspace of one character, which is what str.strip and str.split go by. */
bool eng_jn_is_space(uint32_t c);

/* Ends a line for str.splitlines. \n, \r, \v, \f, U+001C to U+001E, U+0085, U+2028, U+2029. */
bool eng_jn_is_newline(uint32_t c);

/* Shown by repr() as it is.  Not: separators other than the space, controls, surrogates and what
 * is not assigned. */
bool eng_jn_is_printable(uint32_t c);

/* str.isalpha, isdecimal, isdigit, isnumeric, isupper, islower of one character. */
bool eng_jn_is_alpha(uint32_t c);

/* General category Nd. */
bool eng_jn_is_decimal(uint32_t c);

/* Decimal, or a digit in another form: a superscript. */
bool eng_jn_is_digit(uint32_t c);

/* A digit, or a number: a fraction, a Roman numeral. */
bool eng_jn_is_numeric(uint32_t c);

/* The property Uppercase, which more than letters have. */
bool eng_jn_is_upper(uint32_t c);

/* The property Lowercase, likewise. */
bool eng_jn_is_lower(uint32_t c);

/* Has a case (titles included); passed over when looking for the end of a word. */
bool eng_jn_is_cased(uint32_t c);
/* Passed over when the final sigma is looked for (Unicode, 3.13, Final_Sigma): apostrophes,
 * accents. */
bool eng_jn_case_ignorable(uint32_t c);

/* The characters c becomes in upper, lower, title case and for str.casefold; returns how many. */
size_t eng_jn_to_upper(uint32_t c, uint32_t out[3]);

/* Without the final sigma, which depends on the word (strfn.c). */
size_t eng_jn_to_lower(uint32_t c, uint32_t out[3]);

/* Upper case but for the digraphs that have a title case of their own. */
size_t eng_jn_to_title(uint32_t c, uint32_t out[3]);

/* Lower case but for what case folding maps further: the sharp s to ss. */
size_t eng_jn_to_folded(uint32_t c, uint32_t out[3]);

#endif
