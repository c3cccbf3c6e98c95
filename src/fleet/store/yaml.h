/* yaml.h - a fleet as a file that people write (docs/format/fleet.md).
 *
 * A file may name all of a fleet or a part of it; what it refers to is in it or in the store
 * already.  Reading it into a store twice changes nothing.
 */
#ifndef FLT_FLEET_STORE_YAML_H
#define FLT_FLEET_STORE_YAML_H

#include "base/yaml.h"
#include "fleet/store/draft.h"

/* Whether a document is a fleet: it has the member `fleet`. */
bool flt_yaml_is(const sk_yaml *y);

/* Merges a document's rows into the draft, each checked against the book as it then is.  Errors
 * begin with "FILE:LINE: ". */
sk_status flt_yaml_merge(const sk_yaml *y, flt_draft *d, sk_err *e);

/* Reads the file at path ("-": standard input) as a book of its own, in the arena: what it refers
 * to must be in it. */
sk_status flt_yaml_load(const char *path, sk_arena *a, flt_book *out, sk_err *e);

/* Merges the file at path into a store, in one transaction: all of it or nothing. */
sk_status flt_yaml_import(flt_db *db, const char *path, flt_saved *saved, sk_err *e);

/* The same for a document that was read. */
sk_status flt_yaml_import_doc(flt_db *db, const sk_yaml *y, flt_saved *saved, sk_err *e);

/* Appends a book as such a file; or one section of it, the rows of one kind. */
void flt_yaml_write(const flt_book *b, sk_buf *out);
void flt_yaml_write_kind(const flt_book *b, flt_row_kind kind, sk_buf *out);

#endif
