/* pattern.h - a regular expression looked for in a text, by PCRE2 within bounds.
 *
 * Patterns come from people's files: a match that takes too many steps counts as none, so that no
 * pattern can hold a program up.  Whether it does is the same on every machine.
 */
#ifndef SK_BASE_PATTERN_H
#define SK_BASE_PATTERN_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* SK_E_INVALID says what is wrong with the pattern, and where. */
sk_status sk_pattern_check(const char *pattern, sk_err *e);

/* *found: the pattern matches somewhere in text[0..n), whose bytes need not be UTF-8.  Errors as
 * above, and SK_E_NOMEM. */
sk_status sk_pattern_find(const char *pattern, const char *text, size_t n, bool *found, sk_err *e);

#endif
