/* yaml.h - YAML (1.2, core schema) read into JSON values that remember their lines.
 *
 * For files that people write: configurations and recipes.  One document of block or flow style.
 * What makes such files surprising or dangerous is refused, with its line: keys given twice, keys
 * that are no plain text, anchors and aliases, tags, a second document, numbers JSON has no form
 * for.  Unquoted null, ~ and nothing are null; true and false (any case of the core schema)
 * booleans; what looks like a number is one; all else (yes, 16Ki, 2026-01-31) is text.
 */
#ifndef SK_BASE_YAML_H
#define SK_BASE_YAML_H

#include "base/json.h"
#include "base/status.h"

#include <stddef.h>

enum {
    SK_YAML_MAX_BYTES = 256 << 10, /* of a file */
    SK_YAML_MAX_DEPTH = 16         /* of collections within each other */
};

/* A document that was read: its value, and where each part of it stood. */
typedef struct sk_yaml sk_yaml;

/* Reads n bytes; `name` stands before the line in messages ("NAME:LINE: sentence") and is copied.
 * SK_E_FORMAT for what is no YAML or is refused (see above), SK_E_TOOBIG for more than
 * SK_YAML_MAX_BYTES. */
sk_status sk_yaml_parse(const char *name, const char *p, size_t n, sk_yaml **out, sk_err *e);

/* The same for the file at path ("-": standard input; zstd is unpacked). */
sk_status sk_yaml_load(const char *path, sk_yaml **out, sk_err *e);

/* Frees the document and its value; NULL is allowed. */
void sk_yaml_free(sk_yaml *y);

/* The value, borrowed.  Keys keep their order. */
json_t *sk_yaml_root(const sk_yaml *y);

/* The name it was read under, borrowed. */
const char *sk_yaml_name(const sk_yaml *y);

/* Line, from 1, of member `key` of an object, or (key NULL) of element `index` of an array, which
 * must be part of the document; 1 for what it does not have. */
unsigned sk_yaml_line(const sk_yaml *y, const json_t *parent, const char *key, size_t index);

/* The member or element as it was written, without quotes: "4e-3" and "007" where the value is a
 * number.  Borrowed; NULL for collections and for what it does not have. */
const char *sk_yaml_text(const sk_yaml *y, const json_t *parent, const char *key, size_t index);

/* Writes "NAME:LINE: sentence" into e and returns st: for those who check what a document says. */
sk_status sk_yaml_fail(const sk_yaml *y, unsigned line, sk_err *e, sk_status st, const char *fmt,
                       ...) __attribute__((format(printf, 5, 6)));

#endif
