/* field.h - the fields of the book's rows as one table: name, type, where it lies, what it is where
 * nothing is said.
 *
 * Files, flags, database columns, tables and JSON are all read and written from it, so that they
 * can't differ.  A field's text is what a person writes: money in units ("6.88"), shares as "30%"
 * or "0.3", times as dates ("2026-11-01"), spans as "30m", enums as words, references as names (a
 * commitment as CONTRACT/NAME).
 */
#ifndef FLT_FLEET_BOOK_FIELD_H
#define FLT_FLEET_BOOK_FIELD_H

#include "base/buf.h"
#include "fleet/book/book.h"

typedef enum flt_row_kind {
    FLT_ROW_PROVIDER,
    FLT_ROW_CHIP,
    FLT_ROW_POOL,
    FLT_ROW_OFFER,
    FLT_ROW_CONTRACT,
    FLT_ROW_COMMITMENT,
    FLT_ROW_RESERVATION,
    FLT_ROW_WORKLOAD,
    FLT_ROW_N
} flt_row_kind;

typedef enum flt_field_type {
    FLT_AS_TEXT,       /* const char * */
    FLT_AS_COUNT,      /* int64_t, a whole number */
    FLT_AS_SIZE,       /* double */
    FLT_AS_MONEY,      /* int64_t, micro-units */
    FLT_AS_PRICE,      /* an offer's price and whether it has one */
    FLT_AS_SHARE,      /* int64_t, parts per million; -1 is "" */
    FLT_AS_TIME,       /* int64_t; 0 is "" */
    FLT_AS_END,        /* int64_t; SK_UTC_END is "" */
    FLT_AS_SECONDS,    /* int64_t */
    FLT_AS_WORD,       /* an enum */
    FLT_AS_CATEGORIES, /* unsigned, bits of flt_category */
    FLT_AS_REF         /* int64_t, the id of a row of kind `ref`; 0 is "" */
} flt_field_type;

/* The words of an enum. */
typedef struct flt_words {
    const char *(*word)(int v);
    int (*number)(const char *word);
} flt_words;

typedef struct flt_field {
    const char *name;   /* in files; a flag has dashes for its underscores */
    const char *column; /* in the database and in JSON; NULL: the name */
    flt_field_type type;
    size_t at;              /* in the row */
    const char *absent;     /* the text that is taken where none is given; NULL: must be given */
    const flt_words *words; /* FLT_AS_WORD */
    flt_row_kind ref;       /* FLT_AS_REF */
    bool derived;           /* in files it follows from other words (promise.h) */
} flt_field;

/* A kind of row. */
typedef struct flt_rows {
    const char *name, *plural; /* "pool", "pools"; the name is its table's too */
    size_t size;
    const flt_field *field;
    size_t n;
    size_t rows_at, count_at; /* in flt_book */
    sk_status (*check)(const flt_book *b, const void *row, sk_err *e);
} flt_rows;

/* The table of a kind. */
const flt_rows *flt_rows_of(flt_row_kind kind);

/* A book's rows of a kind, and one of them by id or by the text that names it ("aws-edp/spend" for
 * a commitment, the id for offers and reservations); NULL if there is none. */
const void *flt_rows_in(const flt_book *b, flt_row_kind kind, size_t *n);
const void *flt_row_by_id(const flt_book *b, flt_row_kind kind, int64_t id);
const void *flt_row_named(const flt_book *b, flt_row_kind kind, const char *name);

/* A row's id; every row begins with it. */
int64_t flt_row_id(const void *row);
void flt_row_set_id(void *row, int64_t id);

/* Appends the text that names a row. */
void flt_row_name(const flt_book *b, flt_row_kind kind, const void *row, sk_buf *out);

/* The field of that name (dashes count as underscores), NULL if there is none. */
const flt_field *flt_field_named(flt_row_kind kind, const char *name);

/* Reads a field's text into the row; references are looked up in b, texts copied into a.  The
 * sentence begins with the field's name. */
sk_status flt_field_set(const flt_field *f, const flt_book *b, sk_arena *a, const char *text,
                        void *row, sk_err *e);

/* Every field of a cleared row that may be absent. */
sk_status flt_row_defaults(flt_row_kind kind, sk_arena *a, void *row, sk_err *e);

/* Appends the text that flt_field_set reads back. */
void flt_field_print(const flt_field *f, const flt_book *b, const void *row, sk_buf *out);

/* Appends the field as JSON: numbers where it is one (money in micro-units), null for nothing. */
void flt_field_json(const flt_field *f, const flt_book *b, const void *row, sk_buf *out);

/* Appends the whole row as a JSON object: id, name, fields by their columns, a commitment's steps.
 */
void flt_row_json(const flt_book *b, flt_row_kind kind, const void *row, sk_buf *out);

/* The value of a field whose type is a whole number in the database, and back. */
int64_t flt_field_int(const flt_field *f, const void *row);
void flt_field_set_int(const flt_field *f, void *row, int64_t v);

/* Whether all fields of two rows of a kind are alike but their ids; the first that differs is in
 * *which (may be NULL). */
bool flt_row_same(flt_row_kind kind, const void *a, const void *b, const flt_field **which);

#endif
