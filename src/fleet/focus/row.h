/* row.h - a row of a FOCUS file: the header to columns, fields to values.
 *
 * Values are read as far as they can be understood at all: what is no number, no time or no known
 * charge category is an error of the row.  What can be understood and still breaks a rule of the
 * specification is a finding (rule.h), which an import counts and a strict one refuses.
 */
#ifndef FLT_FLEET_FOCUS_ROW_H
#define FLT_FLEET_FOCUS_ROW_H

#include "base/csv.h"
#include "fleet/focus/column.h"

/* How times are written; FOCUS says RFC 3339 with Z. */
typedef enum flt_dates {
    FLT_DATES_RFC,
    FLT_DATES_ASSUME_UTC, /* also without an offset: it is UTC */
    FLT_DATES_US          /* also month/day/year ("4/1/25" is 2025-04-01), midnight of UTC */
} flt_dates;

/* Which columns a file has. */
typedef struct flt_focus_map {
    const flt_focus_set *set;
    int version;
    flt_dates dates;
    int at[FLT_FOCUS_MAX]; /* column of the file, -1: not there */
    size_t extra;          /* columns of the file that are none of the version's */
} flt_focus_map;

typedef struct flt_focus_value {
    sk_csv_field text; /* without blanks around it */
    int64_t v;         /* micro-units, or seconds of UTC */
    bool null;         /* empty, "null" or "NULL", or the file has no such column */
    bool loose;        /* a number or time that is not written as FOCUS wants it */
    bool rounded;      /* more digits than a millionth has */
} flt_focus_value;

typedef struct flt_focus_row {
    flt_focus_value value[FLT_FOCUS_MAX]; /* by column */
} flt_focus_row;

/* Whether a header is one of FOCUS at all, and of which data set; NULL if of none. */
const flt_focus_set *flt_focus_is(const sk_csv *c);

/* Finds the columns of `set` in the header.  version 0: the newest that the header has columns of
 * (1.2 where nothing tells), or a newer one that it is a whole file of. */
void flt_focus_map_init(flt_focus_map *m, const flt_focus_set *set, const sk_csv *c, int version,
                        flt_dates dates);

/* Appends the names of mandatory columns that are missing, ", " between; returns how many. */
size_t flt_focus_missing(const flt_focus_map *m, sk_buf *out);

/* Takes the row that c stands at.  SK_E_FORMAT with line and column for a value that can't be
 * understood. */
sk_status flt_focus_read(const flt_focus_map *m, const sk_csv *c, const sk_csv_field *field,
                         flt_focus_row *out, sk_err *e);

/* Reads a time as above. */
sk_status flt_date_parse(sk_csv_field f, flt_dates dates, int64_t *out, bool *loose, sk_err *e);

#endif
