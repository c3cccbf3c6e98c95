/* eval.h - evaluating expressions and running statements. */
#ifndef ENG_JINJA_EVAL_H
#define ENG_JINJA_EVAL_H

#include "engine/jinja/ast.h"

/* The value of an expression, in the run's scope. */
sk_status eng_jn_eval(jn_run *r, const jn_node *n, jn_val *out);

/* The arguments of a call. */
sk_status eng_jn_eval_args(jn_run *r, const jn_call *c, jn_args *out);

/* `text` through the filters of a block, innermost last in the chain. */
sk_status eng_jn_eval_filters(jn_run *r, const jn_node *n, jn_val text, jn_val *out);

/* Runs a list of statements; r->flow says how it ended. */
sk_status eng_jn_exec(jn_run *r, const jn_node *n);

/* The same into a string of its own instead of the output. */
sk_status eng_jn_capture(jn_run *r, const jn_node *body, jn_val *out);

/* Runs them in a scope of their own. */
sk_status eng_jn_exec_scoped(jn_run *r, const jn_node *n);

/* A macro over the scope it stands in. */
sk_status eng_jn_macro_new(jn_run *r, const jn_node *n, jn_val *out);

/* Runs a for loop; exec_for.c. */
sk_status eng_jn_exec_for(jn_run *r, const jn_node *n);

/* Assigns to a name, ns.attr or a tuple of names. */
sk_status eng_jn_assign(jn_run *r, const jn_node *target, jn_val v);

#endif
