/* obj.h - the values that are neither numbers, texts, lists nor dicts. */
#ifndef ENG_JINJA_OBJ_H
#define ENG_JINJA_OBJ_H

#include "engine/jinja/run.h"

/* keys(), values() or items() of a dict, which it follows. */
typedef enum jn_view_kind { JN_KEYS, JN_VALUES, JN_ITEMS } jn_view_kind;
struct jn_view {
    jn_dict *dict; /* shared: later changes of the dict are seen */
    jn_view_kind kind;
};

/* What map, select and their like give: items that are made when first asked for, and once. */
struct jn_gen {
    sk_status (*fill)(jn_run *r, jn_gen *g, jn_seq *out); /* NULL: filled */
    jn_val src;                                           /* what the filter stood on */
    jn_args args;   /* of the filter, copied into the run's memory */
    unsigned flags; /* fill's own */
    jn_seq items;
    size_t at; /* items before it have been taken */
};

/* The variable `loop`. */
struct jn_loop {
    jn_seq items;
    size_t index, depth; /* passes done, loops of the recursion around; both from 0 */
    const jn_node *node; /* of a recursive loop; NULL: not recursive */
    jn_scope *scope;     /* where a recursive loop stands */
    jn_val seen;         /* what loop.changed was last given, JN_UNSET at first */
};

/* A macro as a value: its node, which has parameters and body, over the scope it was defined in
 * (a closure). */
struct jn_macro {
    const jn_node *node;
    jn_scope *scope; /* the names it sees */
};

/* A method taken off its object and not called yet: {% set f = x.append %}. */
struct jn_method {
    jn_val self; /* by value: strings are shared, containers the same object */
    const jn_fn *fn;
};

/* cycler(...): the items in turn; joiner(sep): nothing, then sep each time. */
struct jn_cycler {
    jn_seq items;
    size_t at;
};

/* A generator over src. fill is called at most once, when the items are first asked for; what it
 * fails with is the error of that place in the template, not of the filter's. */
sk_status eng_jn_gen_new(jn_run *r, sk_status (*fill)(jn_run *, jn_gen *, jn_seq *), jn_val src,
                         const jn_args *args, unsigned flags, jn_val *out);

/* Something undefined of that name; owner NULL: a variable.  The name is kept for the sentence;
 * owner is static storage. */
sk_status eng_jn_undef(jn_run *r, const char *owner, jn_val name, jn_val *out);

/* Something undefined with a sentence of its own (static storage). */
sk_status eng_jn_undef_hint(jn_run *r, const char *hint, jn_val *out);

/* The error of using something undefined.  SK_E_INVALID. Called by what needs the value:
 * arithmetic, order, calls, attributes.  Printing, truth and iteration do not: undefined prints
 * as nothing, is false and has no items (jinja2's default Undefined). */
sk_status eng_jn_undef_fail(jn_run *r, jn_val v);

#endif
