/* scope.h - variables: a scope a loop pass, macro call, with block; names are looked up outwards.
 *
 * A scope is a short list walked from the newest variable outwards.  That is linear, but
 * templates have a handful of names a scope, and interned names make a step one comparison of
 * addresses.
 */
#ifndef ENG_JINJA_SCOPE_H
#define ENG_JINJA_SCOPE_H

#include "engine/jinja/run.h"

typedef struct jn_var {
    jn_str *name; /* unique in the program: compared by address */
    jn_val v;     /* JN_UNSET: not set in this pass of the loop */
    struct jn_var *next;
} jn_var;

struct jn_scope {
    jn_scope *up;
    jn_var *var;
    bool kept; /* a macro was defined in it, so that its variables live on */
};

/* A new scope inside `up`; NULL without memory.  `up` is NULL for the outermost, which holds the
 * variables of the input. */
jn_scope *eng_jn_scope_new(jn_run *r, jn_scope *up);

/* Sets a variable of s.  Only of s itself: an assignment in a loop never changes a variable
 * around it (jinja2's rule; namespace() is the way round it). */
sk_status eng_jn_scope_set(jn_run *r, jn_scope *s, jn_str *name, jn_val v);

/* The variable seen from s, or NULL. Good until the scope is changed.  Takes steps for the walk,
 * so a chain of a million scopes costs what it takes. */
const jn_val *eng_jn_scope_get(jn_run *r, const jn_scope *s, const jn_str *name);

/* Forgets the variables of s, for the next pass of a loop; where a macro keeps them, a new scope
 * takes its place.  NULL without memory. */
jn_scope *eng_jn_scope_again(jn_run *r, jn_scope *s);

#endif
