/* base64.h - RFC 4648's base64, as character maps are written in JSON. */
#ifndef ENG_TOKEN_BASE64_H
#define ENG_TOKEN_BASE64_H

#include "base/buf.h"
#include "base/mem.h"
#include "engine/format/gguf.h"

#include <stdbool.h>

/* Reads n characters; the bytes lie in mem.  False when they are none, or without memory. */
bool eng_base64_read(const char *s, size_t n, sk_arena *mem, eng_str *out);

/* Appends the n bytes at p. */
void eng_base64_write(const char *p, size_t n, sk_buf *out);

#endif
