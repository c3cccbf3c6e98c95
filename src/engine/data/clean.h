/* clean.h - from what a file holds to the text of documents: a member of a JSON object, valid
 * UTF-8, parts of bounded length. */
#ifndef ENG_DATA_CLEAN_H
#define ENG_DATA_CLEAN_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the string that the object line[0..n) has as member `field`.  SK_E_FORMAT with the reason
 * for anything else: no JSON, no object, no such member, twice, not a string. */
sk_status eng_clean_json(const char *line, size_t n, const char *field, sk_buf *out, sk_err *e);

/* False, and nothing done, where s[0..n) is valid UTF-8.  Else it is appended to out with U+FFFD in
 * place of every byte that belongs to no valid sequence. */
bool eng_clean_utf8(const char *s, size_t n, sk_buf *out);

/* Length of the first part of s[0..n), n > 0, cut to at most max bytes: at the last line end, else
 * between two characters. */
size_t eng_clean_cut(const char *s, size_t n, size_t max);

#endif
