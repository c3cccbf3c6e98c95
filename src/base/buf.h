/* buf.h - a growable byte buffer.
 *
 * Invariants: p is NULL only when cap is 0; len < cap whenever p is set, and p[len] is NUL, so a
 * buffer of text is always a C string.  A failed growth sets `oom` and keeps what was there; later
 * appends do nothing: a writer appends freely and asks once at the end (sk_buf_ok).
 */
#ifndef SK_BASE_BUF_H
#define SK_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct sk_buf {
    char *p;
    size_t len, cap;
    bool oom;
} sk_buf;

#define SK_BUF_INIT                                                                                \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

/* Frees the contents; b is then as after SK_BUF_INIT. */
void sk_buf_fini(sk_buf *b);

/* Empties b and clears oom, keeping the memory. */
void sk_buf_reset(sk_buf *b);

/* Makes room for n more bytes; false (and oom set) without memory. */
bool sk_buf_reserve(sk_buf *b, size_t n);

/* Appends n bytes; p may be NULL when n is 0, and must not point into b. */
void sk_buf_add(sk_buf *b, const void *p, size_t n);

/* Appends a C string. */
void sk_buf_adds(sk_buf *b, const char *s);

/* Appends one byte. */
void sk_buf_addc(sk_buf *b, char c);

/* Appends printf output of any length. */
void sk_buf_addf(sk_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True when every append since the last reset had memory. */
bool sk_buf_ok(const sk_buf *b);

/* Hands the contents (a C string, to be freed with sk_free) to the caller and leaves b empty; NULL
 * if empty or oom. */
char *sk_buf_detach(sk_buf *b, size_t *len);

#endif
