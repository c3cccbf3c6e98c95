/* base64.h - RFC 4648's base64, as character maps are written in JSON. */
#ifndef ENG_TOKEN_BASE64_H
#define ENG_TOKEN_BASE64_H

#include "base/buf.h"

#include <stdbool.h>

/* Reads n characters: their bytes to out, which has room for n / 4 * 3, and how many in *len. False
 * when it is no base64. */
bool eng_base64_read(const char *s, size_t n, char *out, size_t *len);

/* Appends the n bytes at p. */
void eng_base64_write(const char *p, size_t n, sk_buf *out);

#endif
