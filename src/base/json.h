/* json.h - glue over jansson: strict parsing with bounds, typed getters that name the field, and
 * direct writing.
 *
 * jansson is strict and slow; nothing here is on the token path.  Its memory comes from mem.h.
 */
#ifndef SK_BASE_JSON_H
#define SK_BASE_JSON_H

#include "base/buf.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>

/* Has jansson take its memory from mem.h.  That is so from the start in a program that holds
 * json.c; who makes values without parsing any calls this, so that it does. */
void sk_json_memory(void);

/* Parses n bytes as one JSON value, nested at most max_depth deep (checked before parsing), no
 * duplicate keys.  Free with json_decref.  Invalid text is SK_E_INVALID with line and column. */
sk_status sk_json_parse(const char *p, size_t n, int max_depth, json_t **out, sk_err *e);

/* Appends the value as text; flags are jansson's.  False without memory: jansson itself may then
 * leave something out and say that all is well. */
bool sk_json_dump(const json_t *v, size_t flags, sk_buf *to);

/* Called with the parsed value of a line (freed afterwards) and the line's number, from 1. */
typedef sk_status (*sk_json_line_fn)(void *arg, json_t *value, size_t number, sk_err *e);

/* Parses text[0..n) line by line (JSON Lines, jsonlines.org) and gives each value to fn; lines of
 * nothing but blanks, as editors leave them at the end, are no error.  The first failure, of a line
 * or of fn, ends it, with "NAME:LINE" before its sentence. */
sk_status sk_json_lines(const char *name, const char *text, size_t n, int max_depth,
                        sk_json_line_fn fn, void *arg, sk_err *e);

/* Typed members of obj.  Absent or null leaves *out untouched: give the default first.  A wrong
 * type or a value out of bounds is SK_E_INVALID with a sentence that names the field. */

/* A whole number; 3.0 counts as one, since some clients send it so. */
sk_status sk_json_get_int(json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                          sk_err *e);

/* Any number; not a number and infinities can't come out of JSON. */
sk_status sk_json_get_num(json_t *obj, const char *key, double min, double max, double *out,
                          sk_err *e);

/* true or false; 0 and 1 are refused. */
sk_status sk_json_get_bool(json_t *obj, const char *key, bool *out, sk_err *e);

/* A string, borrowed from obj; one with a NUL inside is refused. */
sk_status sk_json_get_str(json_t *obj, const char *key, const char **out, sk_err *e);

/* Appends s[0..n) to b as a JSON string with its quotes.  Bytes that are not UTF-8 become U+FFFD.
 */
void sk_json_add_str(sk_buf *b, const char *s, size_t n);

/* s[0..n) as a JSON value, such as sk_json_add_str writes: a name or a line need not be UTF-8. NULL
 * without memory. */
json_t *sk_json_str(const char *s, size_t n);

/* Appends a number: shortest form that reads back the same; NaN and infinities as null. */
void sk_json_add_num(sk_buf *b, double v);

/* Length of the longest prefix of s[0..n) that does not end inside a UTF-8 sequence (hold back the
 * rest when streaming).  Invalid bytes count as complete. */
size_t sk_utf8_complete(const char *s, size_t n);

/* True when s[0..n) is valid UTF-8 (RFC 3629). */
bool sk_utf8_valid(const char *s, size_t n);

#endif
