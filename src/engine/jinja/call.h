/* call.h - calling functions, methods, macros, filters and tests; tables of them. */
#ifndef ENG_JINJA_CALL_H
#define ENG_JINJA_CALL_H

#include "engine/jinja/ast.h"

/* The row of that name, NULL if there is none; the table ends with a row without a name. */
const jn_fn *eng_jn_fn_find(const jn_fn *table, const char *name, size_t n);

/* Calls a row of a table on self: checks the arguments against its parameters. */
sk_status eng_jn_fn_call(jn_run *r, const jn_fn *fn, jn_val self, const jn_args *a, jn_val *out);

/* Calls whatever can be called. */
sk_status eng_jn_call(jn_run *r, jn_val f, const jn_args *a, jn_val *out);

/* Runs a macro (eval_macro.c) and the body of a recursive loop (exec_for.c). */
sk_status eng_jn_macro_call(jn_run *r, const jn_macro *m, const jn_args *a, jn_val *out);
sk_status eng_jn_loop_call(jn_run *r, jn_loop *l, const jn_args *a, jn_val *out);

/* An argument as a whole number / text / truth, or `otherwise` where it was not given (a null
 * string: NULL).  SK_E_INVALID names the parameter. */
sk_status eng_jn_arg_int(jn_run *r, jn_val v, const char *what, int64_t otherwise, int64_t *out);
sk_status eng_jn_arg_str(jn_run *r, jn_val v, const char *what, jn_str **out);
static inline bool jn_given(jn_val v)
{
    return v.type != JN_UNSET;
}

#endif
