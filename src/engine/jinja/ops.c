/* ops.c - truth, equality, order, "in" and arithmetic over all values.
 *
 * The errors carry Python's sentences word for word where they can: whoever debugs a template
 * searches for them.  Equality never fails for types; order does.
 */
#include "engine/jinja/ops.h"

#include "engine/jinja/dict.h"
#include "engine/jinja/num.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/pyfmt.h"
#include "engine/jinja/seq.h"

#include <string.h>

/* Empty is false; functions, generators and loops are true. */
bool eng_jn_truth(jn_val v)
{
    switch ((int)v.type) {
    case JN_UNSET:
    case JN_UNDEF:
    case JN_NONE:
        return false;
    case JN_BOOL:
        return v.u.b;
    case JN_INT:
        return v.u.i != 0;
    case JN_FLOAT:
        return v.u.f != 0;
    case JN_STR:
        return v.u.s->n > 0;
    case JN_LIST:
    case JN_TUPLE:
        return v.u.seq->n > 0;
    case JN_DICT:
        return v.u.d->live > 0;
    case JN_VIEW:
        return v.u.view->dict->live > 0;
    case JN_RANGE:
        return eng_jn_range_len(v.u.range) > 0;
    default:
        return true;
    }
}

/* ---- equality and order ---- */

static sk_status seq_eq(jn_run *r, const jn_seq *a, const jn_seq *b, bool *out)
{
    *out = a->n == b->n;
    sk_status st = eng_jn_step(r, *out ? a->n : 1);
    for (size_t i = 0; i < a->n && *out && !st; i++)
        st = eng_jn_eq(r, a->v[i], b->v[i], out);
    return st;
}

/* The order of entries does not matter.  A key is looked up in b by b's index, so that comparing
 * costs the size and not its square. */
static sk_status dict_eq(jn_run *r, const jn_dict *a, const jn_dict *b, bool *out)
{
    size_t at = 0;
    *out = a->live == b->live;
    sk_status st = eng_jn_step(r, *out ? a->live : 1);
    for (jn_entry *e, *o = NULL; *out && !st && (e = eng_jn_dict_next(a, &at));) {
        st = eng_jn_dict_find(r, b, e->key, &o);
        *out = o != NULL;
        if (!st && o) st = eng_jn_eq(r, e->val, o->val, out);
    }
    return st;
}

/* keys() and items() are compared as sets, values() are equal to themselves only. */
static sk_status view_eq(jn_run *r, const jn_view *a, const jn_view *b, bool *out)
{
    size_t at = 0;
    sk_status st = SK_OK;
    if (a->kind != b->kind || a->kind == JN_VALUES) return SK_OK;
    if (a->kind == JN_ITEMS) return dict_eq(r, a->dict, b->dict, out);
    *out = a->dict->live == b->dict->live;
    for (jn_entry *e, *o = NULL; *out && !st && (e = eng_jn_dict_next(a->dict, &at));) {
        st = eng_jn_dict_find(r, b->dict, e->key, &o);
        *out = o != NULL;
    }
    return st ? st : eng_jn_step(r, at);
}

/* Two ranges are equal when they give the same numbers.  The stop does not matter: range(0, 3,
 * 2) equals range(0, 4, 2). */
static bool range_eq(const jn_range *a, const jn_range *b)
{
    size_t n = eng_jn_range_len(a);
    if (n != eng_jn_range_len(b)) return false;
    return n == 0 || (a->start == b->start && (n == 1 || a->step == b->step));
}

/* Values of one type that hold others. */
static sk_status deep_eq(jn_run *r, jn_val a, jn_val b, bool *out)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    st = a.type == JN_DICT ? dict_eq(r, a.u.d, b.u.d, out) : seq_eq(r, a.u.seq, b.u.seq, out);
    eng_jn_leave(r);
    return st;
}

/* Whether two objects are one. */
static bool same_object(jn_val a, jn_val b)
{
    return a.type == b.type && a.u.d == b.u.d;
}

/* Numbers are compared across types, all else only within one.  NaN is not equal to itself here,
 * though Python's `in` would find the same object: templates have no NaN but by parsing one. */
sk_status eng_jn_eq(jn_run *r, jn_val a, jn_val b, bool *out)
{
    *out = false;
    if (jn_is_num(a) && jn_is_num(b)) {
        *out = eng_jn_num_cmp(a, b) == 0;
        return SK_OK;
    }
    if (a.type != b.type) return SK_OK;
    switch ((int)a.type) {
    case JN_UNSET:
    case JN_UNDEF:
    case JN_NONE:
        *out = true;
        return SK_OK;
    case JN_STR:
        *out = eng_jn_str_eq(a.u.s, b.u.s);
        return eng_jn_step_bytes(r, a.u.s->n);
    case JN_LIST:
    case JN_TUPLE:
    case JN_DICT:
        return deep_eq(r, a, b, out);
    case JN_VIEW:
        return view_eq(r, a.u.view, b.u.view, out);
    case JN_RANGE:
        *out = range_eq(a.u.range, b.u.range);
        return SK_OK;
    default:
        *out = same_object(a, b);
        return SK_OK;
    }
}

/* How an order operator reads a three-way result. */
static bool ordered(jn_op op, int c)
{
    switch ((int)op) {
    case JO_LT:
        return c < 0;
    case JO_LE:
        return c <= 0;
    case JO_GT:
        return c > 0;
    default:
        return c >= 0;
    }
}

/* The first pair that differs decides, else the length.  Equal pairs are passed over by equality
 * and not by order, so [1, none] < [1, none] is false and no error. */
static sk_status seq_compare(jn_run *r, jn_op op, const jn_seq *a, const jn_seq *b, bool *out)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    size_t i = 0;
    bool same = true;
    for (; i < a->n && i < b->n && same && !st; i += same) {
        st = eng_jn_eq(r, a->v[i], b->v[i], &same);
        if (!st) st = eng_jn_step(r, 1);
    }
    if (!st && i < a->n && i < b->n)
        st = eng_jn_compare(r, op, a->v[i], b->v[i], out);
    else
        *out = ordered(op, (a->n > b->n) - (a->n < b->n));
    eng_jn_leave(r);
    return st;
}

/* Numbers, strings, lists and tuples have an order. */
sk_status eng_jn_compare(jn_run *r, jn_op op, jn_val a, jn_val b, bool *out)
{
    static const char *const sign[] = {"<", "<=", ">", ">="};
    if (a.type == JN_UNDEF || b.type == JN_UNDEF)
        return eng_jn_undef_fail(r, a.type == JN_UNDEF ? a : b);
    if (jn_is_num(a) && jn_is_num(b)) {
        int c = eng_jn_num_cmp(a, b);
        *out = c != 2 && ordered(op, c);
        return SK_OK;
    }
    if (a.type == JN_STR && b.type == JN_STR) {
        *out = ordered(op, eng_jn_str_cmp(a.u.s, b.u.s));
        return eng_jn_step_bytes(r, a.u.s->n);
    }
    if (jn_is_seq(a) && a.type == b.type) return seq_compare(r, op, a.u.seq, b.u.seq, out);
    return eng_jn_fail(r, SK_E_INVALID, "'%s' not supported between instances of '%s' and '%s'",
                       sign[op - JO_LT], eng_jn_type_name(a), eng_jn_type_name(b));
}

/* ---- in ---- */

/* A generator is read to its end, found or not. */
static sk_status items_contain(jn_run *r, jn_val a, jn_val b, bool *out)
{
    jn_seq s;
    *out = false;
    sk_status st = eng_jn_items(r, b, &s);
    if (!st) st = eng_jn_step(r, s.n / 4);
    for (size_t i = 0; !st && i < s.n && !*out; i++)
        st = eng_jn_eq(r, s.v[i], a, out);
    return st;
}

/* In a string a part of it, in a dict a key. */
sk_status eng_jn_contains(jn_run *r, jn_val a, jn_val b, bool *out)
{
    jn_entry *e = NULL;
    if (b.type == JN_STR) {
        if (a.type != JN_STR)
            return eng_jn_fail(r, SK_E_INVALID,
                               "'in <string>' requires string as left operand, not %s",
                               eng_jn_type_name(a));
        *out = eng_jn_str_find(b.u.s, 0, b.u.s->n, a.u.s) != SIZE_MAX;
        return eng_jn_step_bytes(r, b.u.s->n);
    }
    if (b.type == JN_DICT || (b.type == JN_VIEW && b.u.view->kind == JN_KEYS)) {
        const jn_dict *d = b.type == JN_DICT ? b.u.d : b.u.view->dict;
        sk_status st = eng_jn_dict_find(r, d, a, &e);
        *out = e != NULL;
        return st;
    }
    if (!eng_jn_iterable(b))
        return eng_jn_fail(r, SK_E_INVALID, "argument of type '%s' is not iterable",
                           eng_jn_type_name(b));
    return items_contain(r, a, b, out);
}

/* ---- arithmetic ---- */

static sk_status no_operator(jn_run *r, jn_op op, jn_val a, jn_val b)
{
    static const char *const sign[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
    const char *ta = eng_jn_type_name(a), *tb = eng_jn_type_name(b);
    if (op == JO_ADD && (a.type == JN_STR || jn_is_seq(a)))
        return eng_jn_fail(r, SK_E_INVALID, "can only concatenate %s (not \"%s\") to %s", ta, tb,
                           ta);
    return eng_jn_fail(r, SK_E_INVALID, "unsupported operand type(s) for %s: '%s' and '%s'",
                       sign[op], ta, tb);
}

/* Where one text is "safe", the other is escaped, and the result is safe. */
static sk_status add_strings(jn_run *r, jn_val a, jn_val b, jn_val *out)
{
    bool safe = a.u.s->safe || b.u.s->safe;
    sk_status st = SK_OK;
    if (safe) st = eng_jn_escape(r, a, &a);
    if (safe && !st) st = eng_jn_escape(r, b, &b);
    if (!st) st = eng_jn_str_cat(r, a.u.s, b.u.s, out);
    if (!st) out->u.s->safe = safe;
    return st;
}

/* A new list or tuple. */
static sk_status add_seqs(jn_run *r, jn_val a, jn_val b, jn_val *out)
{
    const jn_seq *x = a.u.seq, *y = b.u.seq;
    sk_status st = eng_jn_step(r, (x->n + y->n) / 4);
    if (!st) st = eng_jn_seq_new(r, a.type, x->n + y->n, out);
    if (st) return st;
    if (x->n) memcpy(out->u.seq->v, x->v, x->n * sizeof *x->v);
    if (y->n) memcpy(out->u.seq->v + x->n, y->v, y->n * sizeof *y->v);
    out->mark = a.mark | b.mark;
    return SK_OK;
}

/* A string n times.  Bounded by the output's limit before the first copy: 'a' * 10**15 must not
 * run into the limit of steps only after filling the memory. */
static sk_status repeat_string(jn_run *r, const jn_str *s, size_t n, jn_val *out)
{
    jn_sb b;
    eng_jn_sb_init(&b, r);
    if (n && s->n > r->max_output / n)
        return eng_jn_fail(r, SK_E_TOOBIG, "a text of more than %llu bytes",
                           (unsigned long long)r->max_output);
    for (size_t i = 0; i < n && s->n && !b.st; i++) {
        eng_jn_sb_str(&b, s);
        if (!b.st && i % 8 == 0) b.st = eng_jn_step(r, 1);
    }
    sk_status st = eng_jn_sb_done(&b, out);
    if (!st) out->u.s->safe = s->safe;
    return st;
}

/* The items are shared.  A product that overflows is made one that no limit allows. */
static sk_status repeat_seq(jn_run *r, jn_val a, size_t n, jn_val *out)
{
    size_t total;
    const jn_seq *s = a.u.seq;
    if (!sk_mul_size(s->n, n, &total)) total = SIZE_MAX / 64;
    sk_status st = eng_jn_step(r, total / 4);
    if (!st) st = eng_jn_seq_new(r, a.type, total, out);
    for (size_t i = 0; !st && i < total; i++)
        out->u.seq->v[i] = s->v[i % s->n];
    return st;
}

/* A negative number counts as 0. */
static sk_status repeat(jn_run *r, jn_val a, jn_val times, jn_val *out)
{
    int64_t k = jn_to_int(times);
    size_t n = k < 0 ? 0 : (size_t)k;
    return a.type == JN_STR ? repeat_string(r, a.u.s, n, out) : repeat_seq(r, a, n, out);
}

/* What * with a number repeats. */
static bool repeatable(jn_val v)
{
    return v.type == JN_STR || jn_is_seq(v);
}

/* +: text to text, a list to a list, a tuple to a tuple. */
static sk_status add(jn_run *r, jn_val a, jn_val b, jn_val *out)
{
    if (a.type == JN_STR && b.type == JN_STR) return add_strings(r, a, b, out);
    if (jn_is_seq(a) && a.type == b.type) return add_seqs(r, a, b, out);
    return no_operator(r, JO_ADD, a, b);
}

/* *: a text or list and a number, in either order. */
static sk_status multiply(jn_run *r, jn_val a, jn_val b, jn_val *out)
{
    if (repeatable(a) && jn_is_int(b)) return repeat(r, a, b, out);
    if (repeatable(b) && jn_is_int(a)) return repeat(r, b, a, out);
    return no_operator(r, JO_MUL, a, b);
}

/* % of a string is a format; operators on what is undefined fail as jinja2 has it. */
sk_status eng_jn_binary(jn_run *r, jn_op op, jn_val a, jn_val b, jn_val *out)
{
    if (jn_is_num(a) && jn_is_num(b)) return eng_jn_num_op(r, op, a, b, out);
    if (a.type == JN_STR && op == JO_MOD) return eng_jn_percent(r, a, b, out);
    if (a.type == JN_UNDEF || b.type == JN_UNDEF)
        return eng_jn_undef_fail(r, a.type == JN_UNDEF ? a : b);
    if (op == JO_ADD) return add(r, a, b, out);
    return op == JO_MUL ? multiply(r, a, b, out) : no_operator(r, op, a, b);
}
