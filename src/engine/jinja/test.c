/* test.c - the tests. */
#include "engine/jinja/test.h"

#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/filter.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/uni.h"

/* Tests that look at the type alone. */
#define TYPE_TEST(name, condition)                                                                 \
    static sk_status name(jn_run *r, jn_val v, const jn_args *a, jn_val *out)                      \
    {                                                                                              \
        (void)r;                                                                                   \
        (void)a;                                                                                   \
        *out = jn_bool(condition);                                                                 \
        return SK_OK;                                                                              \
    }

TYPE_TEST(is_defined, v.type != JN_UNDEF)
TYPE_TEST(is_undefined, v.type == JN_UNDEF)
TYPE_TEST(is_none, v.type == JN_NONE)
TYPE_TEST(is_boolean, v.type == JN_BOOL)
TYPE_TEST(is_true, v.type == JN_BOOL && v.u.b)
TYPE_TEST(is_false, v.type == JN_BOOL && !v.u.b)
TYPE_TEST(is_integer, v.type == JN_INT)
TYPE_TEST(is_float, v.type == JN_FLOAT)
TYPE_TEST(is_number, jn_is_num(v))
TYPE_TEST(is_string, v.type == JN_STR)
TYPE_TEST(is_mapping, v.type == JN_DICT)
TYPE_TEST(is_iterable, eng_jn_iterable(v))
TYPE_TEST(is_sequence, v.type == JN_STR || jn_is_seq(v) || v.type == JN_DICT ||
                           v.type == JN_RANGE || v.type == JN_UNDEF)
TYPE_TEST(is_callable, v.type == JN_MACRO || v.type == JN_FUNC || v.type == JN_METHOD ||
                           v.type == JN_LOOP || v.type == JN_JOINER || v.type == JN_UNDEF)
TYPE_TEST(is_escaped, v.type == JN_STR && v.u.s->safe)

/* v % n == want. */
static sk_status remainder_is(jn_run *r, jn_val v, jn_val n, int64_t want, jn_val *out)
{
    bool same = false;
    jn_val rest = jn_none();
    sk_status st = eng_jn_binary(r, JO_MOD, v, n, &rest);
    if (!st) st = eng_jn_eq(r, rest, jn_int(want), &same);
    *out = jn_bool(same);
    return st;
}

/* Of what has a remainder: text is an error. */
static sk_status is_odd(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return remainder_is(r, v, jn_int(2), 1, out);
}

/* Likewise. */
static sk_status is_even(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return remainder_is(r, v, jn_int(2), 0, out);
}

/* Likewise. */
static sk_status is_divisible(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return remainder_is(r, v, a->v[0], 0, out);
}

/* == */
static sk_status equal(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    bool yes = false;
    sk_status st = eng_jn_eq(r, v, a->v[0], &yes);
    *out = jn_bool(yes);
    return st;
}

/* != */
static sk_status unequal(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    sk_status st = equal(r, v, a, out);
    out->u.b = !out->u.b;
    return st;
}

/* An order operator as a test. */
static sk_status ordered(jn_run *r, jn_op op, jn_val v, jn_val w, jn_val *out)
{
    bool yes = false;
    sk_status st = eng_jn_compare(r, op, v, w, &yes);
    *out = jn_bool(yes);
    return st;
}

static sk_status less(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return ordered(r, JO_LT, v, a->v[0], out);
}

static sk_status at_most(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return ordered(r, JO_LE, v, a->v[0], out);
}

static sk_status greater(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return ordered(r, JO_GT, v, a->v[0], out);
}

static sk_status at_least(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return ordered(r, JO_GE, v, a->v[0], out);
}

/* x is in y */
static sk_status is_in(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    bool yes = false;
    sk_status st = eng_jn_contains(r, v, a->v[0], &yes);
    *out = jn_bool(yes);
    return st;
}

/* Being the same object; texts and numbers that are equal count as one. */
static sk_status same_as(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val w = a->v[0];
    if (v.type == w.type && (v.type < JN_LIST)) return equal(r, v, a, out);
    *out = jn_bool(v.type == w.type && v.u.d == w.u.d);
    return SK_OK;
}

/* str(v).islower() or isupper(): some letter has a case, and none the other one. */
static sk_status in_case(jn_run *r, jn_val v, bool upper, jn_val *out)
{
    bool some = false, other = false;
    jn_val s = jn_none();
    sk_status st = eng_jn_str_of(r, v, &s);
    if (st) return st;
    for (size_t i = 0, len; i < s.u.s->n && !other; i += len) {
        uint32_t c = eng_jn_utf8_get(s.u.s->p + i, &len);
        bool right = upper ? eng_jn_is_upper(c) : eng_jn_is_lower(c);
        some |= right;
        other = !right && eng_jn_is_cased(c);
    }
    *out = jn_bool(some && !other);
    return eng_jn_step_bytes(r, s.u.s->n);
}

/* Of the text of any value. */
static sk_status is_lower(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return in_case(r, v, false, out);
}

/* Of the text of any value. */
static sk_status is_upper(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return in_case(r, v, true, out);
}

/* What is looked up by name must be able to be a key, as in Python. */
static sk_status check_key(jn_run *r, jn_val v)
{
    if (eng_jn_hashable(v)) return SK_OK;
    return eng_jn_fail(r, SK_E_INVALID, "unhashable type: '%s'", eng_jn_type_name(v));
}

/* Whether this engine has it. */
static sk_status is_filter(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    const jn_fn *fn = v.type == JN_STR ? eng_jn_filter_find(v.u.s->p, v.u.s->n) : NULL;
    *out = jn_bool(fn && fn->fn);
    return check_key(r, v);
}

/* Whether this engine has it. */
static sk_status is_test(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    *out = jn_bool(v.type == JN_STR && eng_jn_test_find(v.u.s->p, v.u.s->n));
    return check_key(r, v);
}

static const jn_fn tests[] = {
    {"defined", "", 0, is_defined},   {"undefined", "", 0, is_undefined},
    {"none", "", 0, is_none},         {"boolean", "", 0, is_boolean},
    {"true", "", 0, is_true},         {"false", "", 0, is_false},
    {"integer", "", 0, is_integer},   {"float", "", 0, is_float},
    {"number", "", 0, is_number},     {"string", "", 0, is_string},
    {"mapping", "", 0, is_mapping},   {"iterable", "", 0, is_iterable},
    {"sequence", "", 0, is_sequence}, {"callable", "", 0, is_callable},
    {"escaped", "", 0, is_escaped},   {"odd", "", 0, is_odd},
    {"even", "", 0, is_even},         {"divisibleby", "num", 1, is_divisible},
    {"eq", "other", 1, equal},        {"equalto", "other", 1, equal},
    {"==", "other", 1, equal},        {"ne", "other", 1, unequal},
    {"!=", "other", 1, unequal},      {"lt", "other", 1, less},
    {"lessthan", "other", 1, less},   {"<", "other", 1, less},
    {"le", "other", 1, at_most},      {"<=", "other", 1, at_most},
    {"gt", "other", 1, greater},      {"greaterthan", "other", 1, greater},
    {">", "other", 1, greater},       {"ge", "other", 1, at_least},
    {">=", "other", 1, at_least},     {"in", "seq", 1, is_in},
    {"sameas", "other", 1, same_as},  {"lower", "", 0, is_lower},
    {"upper", "", 0, is_upper},       {"filter", "", 0, is_filter},
    {"test", "", 0, is_test},         {NULL, NULL, 0, NULL},
};

/* All of jinja2's are there. */
const jn_fn *eng_jn_test_find(const char *name, size_t n)
{
    return eng_jn_fn_find(tests, name, n);
}
