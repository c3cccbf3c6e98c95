/* obj.h - the values that are neither numbers, texts, lists nor dicts. */
#ifndef ENG_JINJA_OBJ_H
#define ENG_JINJA_OBJ_H

#include "engine/jinja/run.h"

/* keys(), values() or items() of a dict, which it follows. */
typedef enum jn_view_kind { JN_KEYS, JN_VALUES, JN_ITEMS } jn_view_kind;
struct jn_view {
    jn_dict *dict;
    jn_view_kind kind;
};

/* What map, select and their like give: items that are made when first asked for, and once. */
struct jn_gen {
    sk_status (*fill)(jn_run *r, jn_gen *g, jn_seq *out); /* NULL: filled */
    jn_val src;
    jn_args args;
    unsigned flags; /* fill's own */
    jn_seq items;
    size_t at; /* items before it have been taken */
};

/* The variable `loop`. */
struct jn_loop {
    jn_seq items;
    size_t index, depth;
    const jn_node *node; /* of a recursive loop; NULL: not recursive */
    jn_scope *scope;     /* where a recursive loop stands */
    jn_val seen;         /* what loop.changed was last given, JN_UNSET at first */
};

struct jn_macro {
    const jn_node *node;
    jn_scope *scope; /* the names it sees */
};

struct jn_method {
    jn_val self;
    const jn_fn *fn;
};

/* cycler(...): the items in turn; joiner(sep): nothing, then sep each time. */
struct jn_cycler {
    jn_seq items;
    size_t at;
};

/* A generator over src. */
sk_status eng_jn_gen_new(jn_run *r, sk_status (*fill)(jn_run *, jn_gen *, jn_seq *), jn_val src,
                         const jn_args *args, unsigned flags, jn_val *out);

/* Something undefined of that name; owner NULL: a variable. */
sk_status eng_jn_undef(jn_run *r, const char *owner, jn_val name, jn_val *out);

/* Something undefined with a sentence of its own (static storage). */
sk_status eng_jn_undef_hint(jn_run *r, const char *hint, jn_val *out);

/* The error of using something undefined. */
sk_status eng_jn_undef_fail(jn_run *r, jn_val v);

#endif
