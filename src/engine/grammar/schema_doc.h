/* schema_doc.h - a JSON Schema as a tree, and the references in it. */
#ifndef ENG_GRAMMAR_SCHEMA_DOC_H
#define ENG_GRAMMAR_SCHEMA_DOC_H

#include "base/mem.h"
#include "base/status.h"
#include "engine/token/jscan.h"

/* Bounds of a schema: values in one another, values. */
enum { ENG_SCHEMA_DEPTH = 200, ENG_SCHEMA_NODES = 400000 };

/* A JSON value.  Members and elements hang on `child`, in order. */
typedef struct eng_sval {
    char kind;   /* { [ " 0 (a number) t f n, as they begin in JSON */
    uint32_t id; /* its number in the document: values that we made ourselves have some too */
    eng_str key; /* of a member, with a NUL behind */
    eng_str str; /* of a string, or a number as it is written; with a NUL behind */
    double num;
    struct eng_sval *child, *next;
    const struct eng_sval *origin; /* of one that we made: what it was made from */
} eng_sval;

typedef struct eng_sdoc {
    sk_arena *mem;
    eng_sval *root;
    uint32_t n;            /* values */
    int draft;             /* 4, 6, 7, 2019, 2020 */
    const eng_sval **base; /* [n_base] objects with an "$id" that is no fragment */
    size_t n_base, cap_base;
} eng_sdoc;

/* Reads text[0..n).  d->mem is set by the caller.  SK_E_INVALID for what is no JSON. */
sk_status eng_sdoc_read(eng_sdoc *d, const char *text, size_t n, sk_err *e);

/* The member of that name, NULL if there is none or o is no object. */
const eng_sval *eng_sval_get(const eng_sval *o, const char *key);

/* Members or elements. */
size_t eng_sval_size(const eng_sval *o);

/* True if a and b are equal as JSON values (numbers by value, members in any order). */
bool eng_sval_equal(const eng_sval *a, const eng_sval *b);

/* What "$ref": ref means: "#", "#/pointer", "#anchor", or these behind the document's own "$id";
 * NULL for anything else. */
const eng_sval *eng_sdoc_ref(const eng_sdoc *d, const eng_str *ref);

/* Where v is, as a JSON Pointer with "#" in front ("#/properties/a"), into out [n]; of a value that
 * we made, where it comes from. */
void eng_sdoc_path(const eng_sdoc *d, const eng_sval *v, char *out, size_t n);

/* New values in the document's arena; NULL without memory.  key may be NULL. */
eng_sval *eng_sval_new(eng_sdoc *d, char kind, const char *key, const eng_sval *origin);

/* Hangs a copy of v (its children are shared) under o, with a key of its own (NULL: none). */
eng_sval *eng_sval_put(eng_sdoc *d, eng_sval *o, const char *key, const eng_sval *v);

/* Hangs a string under o. */
eng_sval *eng_sval_put_str(eng_sdoc *d, eng_sval *o, const char *key, const eng_str *s);

#endif
