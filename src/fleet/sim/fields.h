/* fields.h - tables that say how members of a YAML object become members of a struct.
 *
 * One row is a key, its type and bounds.  Every error names the file, the line and the key; a key
 * that no row has is refused with the nearest one there is.
 */
#ifndef FLT_FLEET_SIM_FIELDS_H
#define FLT_FLEET_SIM_FIELDS_H

#include "base/mem.h"
#include "base/status.h"
#include "base/yaml.h"

#include <stddef.h>
#include <stdint.h>

typedef enum flt_field_type {
    FLT_FIELD_NUM,     /* double */
    FLT_FIELD_INT,     /* int64_t */
    FLT_FIELD_SECONDS, /* double: 300, "5m", "1.5h" */
    FLT_FIELD_TIME,    /* int64_t: "2026-01-01", "2026-01-01T12:00:00Z" */
    FLT_FIELD_MICROS,  /* int64_t: an amount in units, kept in millionths */
    FLT_FIELD_PPM,     /* int64_t: a share of 1, kept in parts per million */
    FLT_FIELD_TEXT,    /* const char *, at most 200 bytes */
    FLT_FIELD_WORD,    /* the same, one of `words` */
    FLT_FIELD_OTHER    /* read by the caller; only known here */
} flt_field_type;

typedef struct flt_field {
    const char *key; /* NULL ends the table */
    flt_field_type type;
    size_t offset;
    double min, max;
    const char *words; /* blanks between */
} flt_field;

/* What is read and where it is kept. */
typedef struct flt_fields {
    const sk_yaml *y;
    sk_arena *mem;
} flt_fields;

/* Reads members of obj into the struct at `into` by the table; keys that are absent or null leave
 * it as it is.  `what` names the object in messages ("demand"); `line` is where it stands. */
sk_status flt_fields_read(const flt_fields *f, json_t *obj, unsigned line, const char *what,
                          const flt_field *table, void *into, sk_err *e);

/* Member `key` of obj as a list of objects: *list is NULL and *n 0 where there is none.  More than
 * `most` elements, or one that is no object, is refused. */
sk_status flt_fields_list(const flt_fields *f, json_t *obj, const char *key, size_t most,
                          json_t **list, size_t *n, sk_err *e);

/* Checks row i after it was read, and may finish it; the rows before it are done.  `line` is where
 * it stands. */
typedef sk_status flt_row_check(void *arg, void *rows, size_t i, unsigned line, sk_err *e);

/* A list of objects of one kind. */
typedef struct flt_list {
    const char *key;
    size_t most, size; /* rows; bytes of one */
    const flt_field *table;
    const void *begin; /* what a row is before it is read */
    flt_row_check *check;
} flt_list;

/* Reads member l->key of obj as such a list, into the memory of f: *rows is NULL and *n 0 where
 * there is none.  The check's arg is the caller's. */
sk_status flt_fields_rows(const flt_fields *f, json_t *obj, const flt_list *l, void *arg,
                          void **rows, size_t *n, sk_err *e);

#endif
