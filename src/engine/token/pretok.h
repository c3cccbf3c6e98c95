/* pretok.h - pre-tokenizers: cutting text into the pieces that are merged one by one.
 *
 * A pre-tokenizer is a list of patterns, each applied to the pieces the one before it left: what a
 * pattern matches becomes a piece, and so does each stretch between matches.  Names are those GGUF
 * files use (tokenizer.ggml.pre); a new one is one row in pretok.c.
 *
 * Patterns see valid UTF-8 only.  Stretches of bytes that are none are pieces of their own, so no
 * byte is ever lost or changed.
 */
#ifndef ENG_TOKEN_PRETOK_H
#define ENG_TOKEN_PRETOK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct eng_pretok eng_pretok;

/* What models with this pre-tokenizer expect besides the cutting. */
typedef struct eng_pretok_traits {
    bool add_bos;  /* BOS is put in front unless the file says otherwise */
    bool whole;    /* a piece that is a token is taken as it is, before any merge */
    bool chars;    /* merges begin at characters, not bytes; U+2581 is a space */
    bool newlines; /* a piece of line feeds alone that is a token is taken as it is */
} eng_pretok_traits;

/* Called for each piece in order (n > 0); anything but SK_OK ends the cutting with that status. */
typedef sk_status (*eng_pretok_fn)(void *arg, const char *piece, size_t n);

/* The traits of `name` without opening it.  SK_E_UNSUPPORTED names an unknown one. */
sk_status eng_pretok_find(const char *name, eng_pretok_traits *out, sk_err *e);

/* True when both names are known and stand for one pre-tokenizer. */
bool eng_pretok_same(const char *a, const char *b);

/* Compiles the patterns of `name`.  SK_E_UNSUPPORTED names an unknown one. */
sk_status eng_pretok_open(const char *name, eng_pretok **out, sk_err *e);

/* Frees it; NULL is allowed. */
void eng_pretok_close(eng_pretok *p);

/* The name it was opened by. */
const char *eng_pretok_name(const eng_pretok *p);

/* What its models expect. */
eng_pretok_traits eng_pretok_get_traits(const eng_pretok *p);

/* A place where a text may be cut in two without changing its pieces (each part cut by itself): the
 * first one in text[0..n) at or after `from`, n if there is none; the last one, 0 if there is none.
 * Pre-tokenizers of several patterns have none. */
size_t eng_pretok_cut_after(const eng_pretok *p, const char *text, size_t n, size_t from);
size_t eng_pretok_cut_before(const eng_pretok *p, const char *text, size_t n);

/* Cuts text[0..n); the pieces put together are the text.  Thread-safe.  e is written for errors of
 * its own only, not for those of fn. */
sk_status eng_pretok_split(const eng_pretok *p, const char *text, size_t n, eng_pretok_fn fn,
                           void *arg, sk_err *e);

#endif
