/* eval.h - evaluating expressions and running statements.
 *
 * eng_jn_eval and eng_jn_exec take a step (eng_jn_step) for each node and a level (eng_jn_enter)
 * for each that nests, so that no template can run or recurse for longer than the limits of
 * jinja.h allow, whatever it does.  On failure *out holds nothing of use.
 */
#ifndef ENG_JINJA_EVAL_H
#define ENG_JINJA_EVAL_H

#include "engine/jinja/ast.h"

/* The value of an expression, in the run's scope.  A name without a variable is the undefined
 * value, not an error: only its use is (obj.h). */
sk_status eng_jn_eval(jn_run *r, const jn_node *n, jn_val *out);

/* The arguments of a call.  *x must have items and **x be a dict; both are spread here, so that
 * out holds plain lists in the run's memory. */
sk_status eng_jn_eval_args(jn_run *r, const jn_call *c, jn_args *out);

/* `text` through the filters of a block, innermost last in the chain. */
sk_status eng_jn_eval_filters(jn_run *r, const jn_node *n, jn_val text, jn_val *out);

/* Runs a list of statements; r->flow says how it ended.  JN_BREAK and JN_CONTINUE end the list
 * early; the loop around takes them back to JN_GO. */
sk_status eng_jn_exec(jn_run *r, const jn_node *n);

/* The same into a string of its own instead of the output.  Used for macros, set blocks and
 * filter blocks: the text keeps the mark of each byte. */
sk_status eng_jn_capture(jn_run *r, const jn_node *body, jn_val *out);

/* Runs them in a scope of their own.  What they set is not seen behind them, as jinja2 has it
 * for blocks but not for `if`. */
sk_status eng_jn_exec_scoped(jn_run *r, const jn_node *n);

/* Runs a for loop; exec_for.c.  The items are taken before the first pass: changing the list
 * inside the loop does not change the loop. */
sk_status eng_jn_exec_for(jn_run *r, const jn_node *n);

/* Assigns to a name, ns.attr or a tuple of names.  SK_E_INVALID where the number of values does
 * not fit the tuple, or ns is no namespace. */
sk_status eng_jn_assign(jn_run *r, const jn_node *target, jn_val v);

#endif
