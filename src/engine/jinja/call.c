/* call.c - binding arguments to parameters, and calling. */
#include "engine/jinja/call.h"

#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"

#include <assert.h>
#include <string.h>

/* No row of a table has more parameters. */
enum { MAX_PARAMS = 8 };

/* The tables are short and names are looked up once, when the template is compiled. */
const jn_fn *eng_jn_fn_find(const jn_fn *table, const char *name, size_t n)
{
    for (const jn_fn *f = table; f->name; f++)
        if (strlen(f->name) == n && memcmp(f->name, name, n) == 0) return f;
    return NULL;
}

/* Number of the parameter called name[0..n), and how many there are in *count; SIZE_MAX if none is.
 */
static size_t param_at(const char *params, const char *name, size_t n, size_t *count)
{
    size_t found = SIZE_MAX;
    *count = 0;
    for (const char *p = params; *p;) {
        size_t len = strcspn(p, " ");
        if (name && len == n && memcmp(p, name, n) == 0) found = *count;
        ++*count;
        p += len + (p[len] == ' ');
    }
    return found;
}

/* Puts the arguments in the order of the parameters. v has room for MAX_PARAMS and starts as
 * JN_UNSET throughout, whose number is 0. */
static sk_status bind(jn_run *r, const jn_fn *fn, const jn_args *a, jn_val *v, size_t *count)
{
    (void)param_at(fn->params, NULL, 0, count);
    assert(*count <= MAX_PARAMS && fn->required <= *count);
    if (a->n > *count)
        return eng_jn_fail(r, SK_E_INVALID, "'%s' takes at most %zu arguments, not %zu", fn->name,
                           *count, a->n);
    for (size_t i = 0; i < a->n; i++)
        v[i] = a->v[i];
    for (size_t i = 0; i < a->n_kw; i++) {
        const jn_str *name = a->kw[i].name;
        size_t k = param_at(fn->params, name->p, name->n, count);
        if (k == SIZE_MAX)
            return eng_jn_fail(r, SK_E_INVALID, "'%s' got an unexpected keyword argument '%.*s'",
                               fn->name, (int)(name->n < 40 ? name->n : 40), name->p);
        if (jn_given(v[k]))
            return eng_jn_fail(r, SK_E_INVALID, "'%s' got multiple values for argument '%.*s'",
                               fn->name, (int)name->n, name->p);
        v[k] = a->kw[i].v;
    }
    for (size_t i = 0; i < fn->required; i++)
        if (!jn_given(v[i]))
            return eng_jn_fail(r, SK_E_INVALID, "'%s' needs %u arguments", fn->name, fn->required);
    return SK_OK;
}

/* Rows without parameters (format, map, ...) read the arguments themselves. */
sk_status eng_jn_fn_call(jn_run *r, const jn_fn *fn, jn_val self, const jn_args *a, jn_val *out)
{
    jn_val v[MAX_PARAMS] = {{0}};
    jn_args bound = {v, 0, NULL, 0};
    if (!fn->params) return fn->fn(r, self, a, out);
    sk_status st = bind(r, fn, a, v, &bound.n);
    return st ? st : fn->fn(r, self, &bound, out);
}

/* Recursion comes through here, so that its depth is counted here. */
sk_status eng_jn_call(jn_run *r, jn_val f, const jn_args *a, jn_val *out)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    switch ((int)f.type) {
    case JN_FUNC:
        st = eng_jn_fn_call(r, f.u.fn, jn_none(), a, out);
        break;
    case JN_METHOD:
        st = eng_jn_fn_call(r, f.u.method->fn, f.u.method->self, a, out);
        break;
    case JN_MACRO:
        st = eng_jn_macro_call(r, f.u.macro, a, out);
        break;
    case JN_LOOP:
        st = eng_jn_loop_call(r, f.u.loop, a, out);
        break;
    case JN_JOINER: {
        jn_cycler *c = f.u.cycler;
        if (c->at++)
            *out = c->items.v[0];
        else
            st = eng_jn_str_lit(r, "", out);
        break;
    }
    case JN_UNDEF:
        st = eng_jn_undef_fail(r, f);
        break;
    default:
        st = eng_jn_fail(r, SK_E_INVALID, "'%s' object is not callable", eng_jn_type_name(f));
    }
    eng_jn_leave(r);
    return st;
}

/* Booleans are whole numbers in Python. */
sk_status eng_jn_arg_int(jn_run *r, jn_val v, const char *what, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (!jn_given(v)) return SK_OK;
    if (!jn_is_int(v))
        return eng_jn_fail(r, SK_E_INVALID, "%s: '%s' object cannot be interpreted as an integer",
                           what, eng_jn_type_name(v));
    *out = jn_to_int(v);
    return SK_OK;
}

/* `none` counts as not given, as for the methods of str that take None. */
sk_status eng_jn_arg_str(jn_run *r, jn_val v, const char *what, jn_str **out)
{
    *out = NULL;
    if (!jn_given(v) || v.type == JN_NONE) return SK_OK;
    if (v.type == JN_UNDEF) return eng_jn_undef_fail(r, v);
    if (v.type != JN_STR)
        return eng_jn_fail(r, SK_E_INVALID, "%s must be str, not %s", what, eng_jn_type_name(v));
    *out = v.u.s;
    return SK_OK;
}
