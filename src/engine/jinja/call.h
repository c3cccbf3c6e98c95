/* call.h - calling functions, methods, macros, filters and tests; tables of them.
 *
 * All that can be called goes through jn_fn rows or through eng_jn_call; both take arguments as
 * jn_args.  A function gets them already matched to its parameter names, so it never looks at
 * keywords itself unless its row has no `params`.
 */
#ifndef ENG_JINJA_CALL_H
#define ENG_JINJA_CALL_H

#include "engine/jinja/ast.h"

/* The row of that name, NULL if there is none; the table ends with a row without a name.
 * Linear: tables have some forty rows at most, and filters and tests are looked up when a
 * template is compiled, not when it is rendered. */
const jn_fn *eng_jn_fn_find(const jn_fn *table, const char *name, size_t n);

/* Calls a row of a table on self: checks the arguments against its parameters.  SK_E_INVALID,
 * with the function's name, for too many, too few, unknown or doubled arguments. fn->fn must be
 * there: who found the row has refused one that this engine lacks. */
sk_status eng_jn_fn_call(jn_run *r, const jn_fn *fn, jn_val self, const jn_args *a, jn_val *out);

/* Calls whatever can be called.  SK_E_INVALID names the type of what can't be.  Depth is
 * counted, so that a macro that calls itself ends at the limit of the rendering. */
sk_status eng_jn_call(jn_run *r, jn_val f, const jn_args *a, jn_val *out);

/* Runs a macro, and the body of a recursive loop; both give text and stand in exec_for.c. */
sk_status eng_jn_macro_call(jn_run *r, const jn_macro *m, const jn_args *a, jn_val *out);

/* SK_E_INVALID where the loop is not marked `recursive`. */
sk_status eng_jn_loop_call(jn_run *r, jn_loop *l, const jn_args *a, jn_val *out);

/* An argument as a whole number / text / truth, or `otherwise` where it was not given (a null
 * string: NULL).  SK_E_INVALID names the parameter.  A bool counts as 0 or 1, a float is
 * refused, as Python does where it wants an index. */
sk_status eng_jn_arg_int(jn_run *r, jn_val v, const char *what, int64_t otherwise, int64_t *out);

/* A null string in *out stands for none or not given; the caller knows whether that will do. */
sk_status eng_jn_arg_str(jn_run *r, jn_val v, const char *what, jn_str **out);
/* True for an argument that the caller wrote, be it none. */
static inline bool jn_given(jn_val v)
{
    return v.type != JN_UNSET;
}

#endif
