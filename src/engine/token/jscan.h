/* jscan.h - reading large JSON from a mapped file, piece by piece.
 *
 * A tokenizer.json has a quarter of a million strings and more; a tree of them would take many
 * times the file's size.  So the large lists are walked here, in place, and only small values are
 * handed to base/json.h.  The walk is as strict as RFC 8259 in what it looks at; what is skipped is
 * checked for balanced brackets and whole strings.
 */
#ifndef ENG_TOKEN_JSCAN_H
#define ENG_TOKEN_JSCAN_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/format/gguf.h"

#include <stdbool.h>
#include <stdint.h>

/* A place in the text; what went wrong first is kept in `st` (with its sentence in *e), and every
 * call after that fails at once. */
typedef struct eng_jscan {
    const char *start, *p, *end; /* p is where the walk is */
    const char *what;            /* names the file in sentences */
    sk_status st;                /* SK_OK while nothing went wrong */
    sk_err *e;                   /* written once */
} eng_jscan;

/* Starts at text[0..n). */
void eng_jscan_init(eng_jscan *s, const char *text, size_t n, const char *what, sk_err *e);

/* Fails with a sentence that has the line; returns false. */
bool eng_jscan_fail(eng_jscan *s, const char *why);

/* The first byte of the next value, past white space; 0 at the end. */
char eng_jscan_peek(eng_jscan *s);

/* Steps into an object or array: '{' or '['. */
bool eng_jscan_open(eng_jscan *s, char bracket);

/* The next member of the object: its key is put into key (emptied first), and the value comes next.
 * False at the closing brace, which is passed, or on an error (see st).  *first is true before the
 * first call. */
bool eng_jscan_member(eng_jscan *s, bool *first, sk_buf *key);

/* The next element of the array comes next; false as above. */
bool eng_jscan_element(eng_jscan *s, bool *first);

/* Appends a string's bytes (UTF-8; a lone surrogate is an error). */
bool eng_jscan_string(eng_jscan *s, sk_buf *out);

/* A whole number of at most 2^53, or any number. */
bool eng_jscan_int(eng_jscan *s, int64_t *out);

/* Finite; at most 63 characters of it are looked at. */
bool eng_jscan_num(eng_jscan *s, double *out);

/* Passes one value of any kind; its text in *text (may be NULL). */
bool eng_jscan_skip(eng_jscan *s, eng_str *text);

/* True when nothing but white space is left. */
bool eng_jscan_end(eng_jscan *s);

#endif
