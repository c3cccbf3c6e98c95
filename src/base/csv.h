/* csv.h - tables as text: a reader and a writer of CSV (RFC 4180), for files of any size.
 *
 * The first row names the columns.  Rows end in LF or CRLF, the last one may have no end; a UTF-8
 * byte order mark is read over, so are empty lines.  A field in quotes may hold separators, line
 * ends and quotes (two for one).  Text is passed on as bytes, NUL excepted, which no field may
 * hold.
 *
 * The reader keeps one row and a chunk of the file, never more: its memory does not depend on the
 * file's size.  A broken row is told with its line and can be passed over: what follows is read as
 * if the row had not been there.  After a quote that is never closed reading goes on with the next
 * line of the file, so that one stray quote costs one row and not the rest of the file.
 */
#ifndef SK_BASE_CSV_H
#define SK_BASE_CSV_H

#include "base/buf.h"
#include "base/instream.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SK_CSV_MAX_COLUMNS = 1024,
    SK_CSV_MAX_ROW = 1 << 20, /* bytes of a row, its end among them */
};

/* One value: p[0..n), not ended by a NUL. */
typedef struct sk_csv_field {
    const char *p;
    size_t n;
} sk_csv_field;

typedef struct sk_csv sk_csv;

/* Where bytes come from: like sk_instream_read. */
typedef sk_status (*sk_csv_source)(void *arg, void *p, size_t cap, size_t *n, sk_err *e);

/* A reader of the file at path ("-": standard input), unpacked if it is zstd or gzip, with its
 * header read.  SK_E_FORMAT for a header that is missing, not text, or names a column twice; what
 * sk_instream_open says.  Close with sk_csv_close. */
sk_status sk_csv_open(const char *path, sk_csv **out, sk_err *e);

/* The same over any source of bytes, called `name` in messages. */
sk_status sk_csv_open_source(const char *name, sk_csv_source source, void *arg, sk_csv **out,
                             sk_err *e);

/* Closes it; NULL is allowed. */
void sk_csv_close(sk_csv *c);

/* How many columns the header names, and the number of the one called `name`, -1 if there is none.
 * Names are compared as they are, or without regard to the case of A to Z if that fits only one. */
size_t sk_csv_columns(const sk_csv *c);
int sk_csv_column(const sk_csv *c, const char *name);

/* What the file is called in messages, borrowed from the reader. */
const char *sk_csv_file(const sk_csv *c);

/* The name of column i, borrowed from the reader. */
const char *sk_csv_name(const sk_csv *c, size_t i);

/* The next row: *row borrows one field for each column, good until the next call; NULL at the end
 * of the file.  A row that is broken (a wrong number of fields, a quote where none may be, a NUL,
 * too long) is SK_E_FORMAT with "NAME:LINE: what"; the next call goes on behind it.  After any
 * other error (reading, memory) only close is allowed. */
sk_status sk_csv_next(sk_csv *c, const sk_csv_field **row, sk_err *e);

/* The line, from 1, that the last row begins in, broken or not; and its text as it is in the file,
 * with its end, borrowed until the next call. */
uint64_t sk_csv_line(const sk_csv *c);
sk_csv_field sk_csv_raw(const sk_csv *c);

/* The header's text likewise, without its end and byte order mark, borrowed from the reader. */
sk_csv_field sk_csv_head(const sk_csv *c);

/* A sentence about a field of the last row: "NAME:LINE: COLUMN: what".  SK_E_FORMAT. */
sk_status sk_csv_fail(const sk_csv *c, const char *column, sk_err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Bytes read of the file itself, and how many it has; 0 where that is not known. */
uint64_t sk_csv_pos(const sk_csv *c);
uint64_t sk_csv_size(const sk_csv *c);

/* True for a field of that text. */
bool sk_csv_is(sk_csv_field f, const char *text);

/* f without blanks (space, tab) before and behind it. */
sk_csv_field sk_csv_trim(sk_csv_field f);

/* Writes rows into a buffer.  Quotes stand only where they must. */
typedef struct sk_csv_out {
    sk_buf *to;
    size_t fields; /* of the row that is being written */
} sk_csv_out;

/* The next field of the row; s may be NULL for an empty one. */
void sk_csv_put(sk_csv_out *o, const char *s);
void sk_csv_put_n(sk_csv_out *o, const char *s, size_t n);

/* Ends the row (CRLF, as RFC 4180 has it). */
void sk_csv_end(sk_csv_out *o);

#endif
