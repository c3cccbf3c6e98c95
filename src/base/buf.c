/* buf.c - growth by doubling, and a sticky out-of-memory flag. */
#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAP = 64 };

/* Frees the contents. */
void sk_buf_fini(sk_buf *b)
{
    sk_free(b->p);
    *b = (sk_buf)SK_BUF_INIT;
}

/* Empties b, keeping the memory. */
void sk_buf_reset(sk_buf *b)
{
    b->len = 0;
    b->oom = false;
    if (b->p) b->p[0] = 0;
}

/* Makes room for n more bytes and the NUL behind them. */
bool sk_buf_reserve(sk_buf *b, size_t n)
{
    if (b->oom) return false;
    assert(b->p ? b->len < b->cap : b->cap == 0);
    if (n < b->cap - b->len && b->p) return true;

    size_t need, cap = b->cap ? b->cap : FIRST_CAP;
    if (__builtin_add_overflow(b->len, n, &need) || need >= PTRDIFF_MAX) {
        b->oom = true;
        return false;
    }
    while (cap <= need)
        cap *= 2;
    char *p = sk_realloc(SK_MEM_MISC, b->p, cap);
    if (!p) {
        b->oom = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    b->p[b->len] = 0;
    return true;
}

/* Appends n bytes. */
void sk_buf_add(sk_buf *b, const void *p, size_t n)
{
    assert(p || !n);
    if (!sk_buf_reserve(b, n)) return;
    if (n) memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = 0;
}

/* Appends a C string. */
void sk_buf_adds(sk_buf *b, const char *s)
{
    sk_buf_add(b, s, strlen(s));
}

/* Appends one byte. */
void sk_buf_addc(sk_buf *b, char c)
{
    sk_buf_add(b, &c, 1);
}

/* Appends printf output: once into what room there is, and again if it was too small. */
void sk_buf_addf(sk_buf *b, const char *fmt, ...)
{
    if (!sk_buf_reserve(b, FIRST_CAP)) return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n >= b->cap - b->len && sk_buf_reserve(b, (size_t)n)) {
        va_start(ap, fmt);
        n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
        va_end(ap);
    }
    if (n < 0 || b->oom) {
        b->oom = true;
        b->p[b->len] = 0;
        return;
    }
    b->len += (size_t)n;
    assert(b->len < b->cap);
}

/* True when every append since the last reset had memory. */
bool sk_buf_ok(const sk_buf *b)
{
    return !b->oom;
}

/* Hands the contents to the caller and leaves b empty; NULL if empty or oom. */
char *sk_buf_detach(sk_buf *b, size_t *len)
{
    if (b->oom || !b->len) {
        sk_buf_fini(b);
        return NULL;
    }
    char *p = b->p;
    if (len) *len = b->len;
    *b = (sk_buf)SK_BUF_INIT;
    return p;
}
