/* filter_num.c - filters over numbers. */
#include "engine/jinja/call.h"
#include "engine/jinja/filter.h"
#include "engine/jinja/num.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"

#include <math.h>

/* Of booleans a whole number. */
static sk_status absolute(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    if (!jn_is_num(v))
        return eng_jn_fail(r, SK_E_INVALID, "bad operand type for abs(): '%s'",
                           eng_jn_type_name(v));
    *out = v.type == JN_BOOL ? jn_int(v.u.b) : v;
    if (v.type == JN_FLOAT) out->u.f = fabs(v.u.f);
    return v.type != JN_FLOAT && jn_to_int(v) < 0 ? eng_jn_num_neg(r, v, out) : SK_OK;
}

/* int(text, base), or int(float(text)); *ok is false where it is neither. */
static sk_status text_to_int(jn_run *r, const jn_str *s, int64_t base, bool *ok, jn_val *out)
{
    int64_t i = 0;
    bool big = false;
    double f = 0;
    *ok = true;
    if (eng_jn_num_parse_int(s->p, s->n, (int)base, &i, &big)) {
        if (big) return eng_jn_fail(r, SK_E_UNSUPPORTED, "a whole number needs more than 64 bits");
        *out = jn_int(i);
        return SK_OK;
    }
    *ok = eng_jn_num_parse_float(s->p, s->n, &f) && isfinite(f);
    return *ok ? eng_jn_num_trunc(r, f, out) : SK_OK;
}

/* None of the errors of int() but those of infinities get through: the default takes their
 * place. jinja2 tries int(value, base), then int(float(value)), then gives the default; an
 * infinite float escapes both, with Python's OverflowError. */
static sk_status to_int(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    int64_t base = 10;
    bool ok = false;
    sk_status st = eng_jn_arg_int(r, a->v[1], "base", 10, &base);
    if (st) return st;
    if (v.type == JN_UNDEF) return eng_jn_undef_fail(r, v);
    if (base != 0 && (base < 2 || base > 36)) base = 37; /* no text is a number then */
    if (v.type == JN_STR) {
        st = text_to_int(r, v.u.s, base, &ok, out);
    } else if (v.type == JN_FLOAT && isfinite(v.u.f)) {
        ok = true;
        st = eng_jn_num_trunc(r, v.u.f, out);
    } else if (jn_is_int(v)) {
        ok = true;
        *out = jn_int(jn_to_int(v));
    } else if (v.type == JN_FLOAT && isinf(v.u.f)) {
        return eng_jn_fail(r, SK_E_INVALID, "cannot convert float infinity to integer");
    }
    if (!st && !ok) *out = jn_given(a->v[0]) ? a->v[0] : jn_int(0);
    return st;
}

/* What is no number is the default. */
static sk_status to_float(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    double f = 0;
    if (v.type == JN_UNDEF) return eng_jn_undef_fail(r, v);
    if (jn_is_num(v))
        *out = jn_float(jn_to_float(v));
    else if (v.type == JN_STR && eng_jn_num_parse_float(v.u.s->p, v.u.s->n, &f))
        *out = jn_float(f);
    else
        *out = jn_given(a->v[0]) ? a->v[0] : jn_float(0);
    return SK_OK;
}

/* How a number is rounded. */
static sk_status method_of(jn_run *r, jn_val v, char *out)
{
    *out = 'r';
    if (!jn_given(v)) return SK_OK;
    if (v.type == JN_STR && eng_jn_str_is(v.u.s, "ceil")) *out = 'c';
    if (v.type == JN_STR && eng_jn_str_is(v.u.s, "floor")) *out = 'f';
    if (v.type == JN_STR && (*out != 'r' || eng_jn_str_is(v.u.s, "common"))) return SK_OK;
    return eng_jn_fail(r, SK_E_INVALID, "method must be common, ceil or floor");
}

/* "common" keeps whole numbers whole; ceil and floor always give floats. ceil and floor go by
 * way of 10^precision, whatever that does to the last bits: jinja2 does the same. */
static sk_status round_number(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    int64_t digits = 0;
    char how;
    sk_status st = eng_jn_arg_int(r, a->v[0], "precision", 0, &digits);
    if (!st) st = method_of(r, a->v[1], &how);
    if (st) return st;
    if (!jn_is_num(v)) {
        if (v.type == JN_UNDEF) return eng_jn_undef_fail(r, v);
        return eng_jn_fail(r, SK_E_INVALID, "type %s doesn't define __round__ method",
                           eng_jn_type_name(v));
    }
    if (how == 'r' && v.type == JN_FLOAT) {
        *out = jn_float(eng_jn_num_round(v.u.f, digits));
        return SK_OK;
    }
    if (how == 'r' && digits < 0)
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "round of a whole number to tens is not supported");
    if (how == 'r') {
        *out = jn_int(jn_to_int(v));
        return SK_OK;
    }
    double p = pow(10, (double)digits), x = jn_to_float(v) * p;
    *out = jn_float((how == 'c' ? ceil(x) : floor(x)) / p);
    return SK_OK;
}

const jn_fn eng_jn_filters_num[] = {
    {"abs", "", 0, absolute},
    {"int", "default base", 0, to_int},
    {"float", "default", 0, to_float},
    {"round", "precision method", 0, round_number},
    {NULL, NULL, 0, NULL},
};
