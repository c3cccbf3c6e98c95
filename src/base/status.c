/* status.c - the texts and codes of the status table, and the writers of error sentences. */
#include "base/status.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct status_row {
    const char *text;
    int http, exit_code;
} status_row;

#define STATUS_ROW(name, text, http, exit) [name] = {text, http, exit},
static const status_row rows[SK_STATUS_N] = {SK_STATUS_TABLE(STATUS_ROW)};
#undef STATUS_ROW

/* The row of st; a value outside the table is a bug of the caller and reads as SK_E_INTERNAL. */
static const status_row *row_of(sk_status st)
{
    return &rows[(unsigned)st < SK_STATUS_N ? st : SK_E_INTERNAL];
}

/* Short text of a status, static storage. */
const char *sk_status_text(sk_status st)
{
    return row_of(st)->text;
}

/* HTTP status code for st. */
int sk_status_http(sk_status st)
{
    return row_of(st)->http;
}

/* Exit code for st. */
int sk_status_exit(sk_status st)
{
    return row_of(st)->exit_code;
}

typedef struct errno_row {
    int err;
    sk_status st;
} errno_row;

/* What an errno value asks the caller to do; what is not here is a plain SK_E_IO. */
static const errno_row errno_rows[] = {
    {0, SK_OK},
    {EAGAIN, SK_E_AGAIN},
    {EINTR, SK_E_AGAIN},
    {EMFILE, SK_E_AGAIN},
    {ENFILE, SK_E_AGAIN},
    {ENOMEM, SK_E_NOMEM},
    {EISDIR, SK_E_INVALID},
    {ENAMETOOLONG, SK_E_INVALID},
    {ELOOP, SK_E_INVALID},
    {E2BIG, SK_E_TOOBIG},
    {EOVERFLOW, SK_E_TOOBIG},
    {ENOENT, SK_E_NOTFOUND},
    {ENOTDIR, SK_E_NOTFOUND},
    {EOPNOTSUPP, SK_E_UNSUPPORTED},
    {ENOSYS, SK_E_UNSUPPORTED},
    {ENOSPC, SK_E_NOSPACE},
    {EDQUOT, SK_E_NOSPACE},
    {EFBIG, SK_E_NOSPACE},
    {EACCES, SK_E_PERM},
    {EPERM, SK_E_PERM},
    {EROFS, SK_E_PERM},
    {EADDRINUSE, SK_E_INUSE},
    {EBUSY, SK_E_INUSE},
    {ETXTBSY, SK_E_INUSE},
    {EEXIST, SK_E_INUSE},
};

/* Status that fits errno value err; SK_E_IO for one that has no row. */
sk_status sk_status_of_errno(int err)
{
    for (size_t i = 0; i < sizeof errno_rows / sizeof *errno_rows; i++)
        if (errno_rows[i].err == err) return errno_rows[i].st;
    return SK_E_IO;
}

/* Ends a text that did not fit with "...", without leaving half a UTF-8 character before it. */
static void mark_cut(sk_err *e)
{
    size_t at = sizeof e->text - 4;
    while (at > 0 && ((unsigned char)e->text[at] & 0xC0) == 0x80)
        at--;
    memcpy(e->text + at, "...", 4);
}

/* Formats the sentence; the arguments may point into e->text itself, so it goes by way of a copy.
 */
__attribute__((format(printf, 3, 0))) static void write_text(sk_err *e, sk_status st,
                                                             const char *fmt, va_list ap)
{
    char text[sizeof e->text];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    if (n < 0) text[0] = 0;
    memcpy(e->text, text, sizeof text);
    if (n >= (int)sizeof text) mark_cut(e);
    e->status = st;
}

/* Writes the sentence into e (may be NULL) and returns st. */
sk_status sk_fail(sk_err *e, sk_status st, const char *fmt, ...)
{
    assert(st != SK_OK && "a failure needs a status");
    if (!e) return st;
    va_list ap;
    va_start(ap, fmt);
    write_text(e, st, fmt, ap);
    va_end(ap);
    return st;
}

/* Appends ": tail" to e's sentence. */
static void append_reason(sk_err *e, const char *tail)
{
    size_t len = strlen(e->text);
    int n = snprintf(e->text + len, sizeof e->text - len, ": %s", tail);
    if (n >= (int)(sizeof e->text - len)) mark_cut(e);
}

/* sk_fail with the status and the reason of errno value err. */
sk_status sk_fail_errno(sk_err *e, int err, const char *fmt, ...)
{
    sk_status st = err ? sk_status_of_errno(err) : SK_E_IO;
    if (!e) return st;
    va_list ap;
    va_start(ap, fmt);
    write_text(e, st, fmt, ap);
    va_end(ap);
    char b[128];
    append_reason(e, strerror_r(err, b, sizeof b));
    return st;
}

/* Prefixes e's sentence with "what: " and returns e's status (SK_E_INTERNAL if e is NULL). */
sk_status sk_while(sk_err *e, const char *fmt, ...)
{
    if (!e) return SK_E_INTERNAL;
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    write_text(e, e->status, fmt, ap);
    va_end(ap);
    append_reason(e, old);
    return e->status;
}
