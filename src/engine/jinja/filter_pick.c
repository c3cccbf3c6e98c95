/* filter_pick.c - map, select and their like: filters that apply filters and tests to items.
 *
 * All of these give generators: the items are made when something asks for them, and an error in
 * the test or filter shows there.  jinja2 does it so, and {% if x|selectattr(...) %} is true
 * even for no match because of it: a generator is always true.
 */
#include "engine/jinja/call.h"
#include "engine/jinja/filter.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/str.h"
#include "engine/jinja/test.h"

static const jn_val UNSET = {.type = JN_UNSET};

/* The keyword argument of a name, UNSET if there is none. */
static jn_val keyword(const jn_args *a, const char *name)
{
    for (size_t i = 0; i < a->n_kw; i++)
        if (eng_jn_str_is(a->kw[i].name, name)) return a->kw[i].v;
    return UNSET;
}

/* map(attribute=path, default=value) */
static sk_status fill_attributes(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_seq s;
    jn_path path;
    sk_status st = eng_jn_path_read(r, keyword(&g->args, "attribute"), &path);
    if (!st) st = eng_jn_items(r, g->src, &s);
    for (size_t i = 0; !st && i < s.n; i++) {
        jn_val v = jn_none();
        st = eng_jn_path_get(r, &path, s.v[i], keyword(&g->args, "default"), false, &v);
        if (!st) st = eng_jn_seq_push(r, out, v);
    }
    return st;
}

/* The filter or test an argument names. */
static sk_status named(jn_run *r, jn_val name, bool filter, const jn_fn **out)
{
    const jn_fn *fn = NULL;
    if (name.type == JN_STR)
        fn = filter ? eng_jn_filter_find(name.u.s->p, name.u.s->n)
                    : eng_jn_test_find(name.u.s->p, name.u.s->n);
    if (fn && fn->fn) {
        *out = fn;
        return SK_OK;
    }
    int n = name.type == JN_STR ? (int)(name.u.s->n < 40 ? name.u.s->n : 40) : 0;
    return eng_jn_fail(r, SK_E_UNSUPPORTED, "the %s '%.*s' is not supported",
                       filter ? "filter" : "test", n, n ? name.u.s->p : "");
}

/* map(filter, arguments) An empty or undefined source gives nothing before the arguments are
 * looked at, so map over nothing never fails. */
static sk_status fill_map(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_seq s;
    const jn_fn *fn = NULL;
    *out = (jn_seq){NULL, 0, 0, false};
    if (!eng_jn_truth(g->src)) return SK_OK;
    if (!g->args.n && jn_given(keyword(&g->args, "attribute"))) return fill_attributes(r, g, out);
    if (!g->args.n) return eng_jn_fail(r, SK_E_INVALID, "map requires a filter argument");
    jn_args rest = {g->args.v + 1, g->args.n - 1, g->args.kw, g->args.n_kw};
    sk_status st = named(r, g->args.v[0], true, &fn);
    if (!st) st = eng_jn_items(r, g->src, &s);
    for (size_t i = 0; !st && i < s.n; i++) {
        jn_val v = jn_none();
        st = eng_jn_step(r, 1);
        if (!st) st = eng_jn_fn_call(r, fn, s.v[i], &rest, &v);
        if (!st) st = eng_jn_seq_push(r, out, v);
    }
    return st;
}

/* Lazy, like the others here: nothing happens until the items are asked for. */
static sk_status map(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_gen_new(r, fill_map, v, a, 0, out);
}

enum { REJECT = 1, ATTR = 2 }; /* flags of select and its relatives */

/* What select and its relatives were given: the path of an attribute, the test and its own
 * arguments (fn NULL: no test, truth counts). */
typedef struct picking {
    jn_path path;
    const jn_fn *fn;
    jn_args rest;
} picking;

/* Takes the arguments of a generator apart. */
static sk_status read_picking(jn_run *r, const jn_gen *g, picking *out)
{
    size_t off = g->flags & ATTR ? 1 : 0;
    *out = (picking){.path = {NULL, 0}};
    if (g->args.n < off)
        return eng_jn_fail(r, SK_E_INVALID, "Missing parameter for attribute name");
    sk_status st = off ? eng_jn_path_read(r, g->args.v[0], &out->path) : SK_OK;
    bool test = g->args.n > off;
    if (!st && test) st = named(r, g->args.v[off], false, &out->fn);
    out->rest = (jn_args){NULL, g->args.n - off - test, g->args.kw, g->args.n_kw};
    if (out->rest.n) out->rest.v = g->args.v + off + test;
    return st;
}

/* select(test, arguments), selectattr(path, test, arguments) and their opposites; without a test
 * what is true.  Arguments behind the name of the test go to it as they are. */
static sk_status fill_select(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_seq s;
    picking p;
    bool reject = (g->flags & REJECT) != 0;
    *out = (jn_seq){NULL, 0, 0, false};
    if (!eng_jn_truth(g->src)) return SK_OK;
    sk_status st = read_picking(r, g, &p);
    if (!st) st = eng_jn_items(r, g->src, &s);
    for (size_t i = 0; !st && i < s.n; i++) {
        jn_val v = jn_none();
        st = eng_jn_path_get(r, &p.path, s.v[i], UNSET, false, &v);
        if (!st && p.fn) st = eng_jn_fn_call(r, p.fn, v, &p.rest, &v);
        if (!st && eng_jn_truth(v) != reject) st = eng_jn_seq_push(r, out, s.v[i]);
    }
    return st;
}

/* Items that pass. */
static sk_status select_items(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_gen_new(r, fill_select, v, a, 0, out);
}

/* Items that don't. */
static sk_status reject(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_gen_new(r, fill_select, v, a, REJECT, out);
}

/* Items with an attribute that passes. */
static sk_status selectattr(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_gen_new(r, fill_select, v, a, ATTR, out);
}

/* Items with one that doesn't. */
static sk_status rejectattr(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_gen_new(r, fill_select, v, a, ATTR | REJECT, out);
}

/* For what is undefined; with `boolean` for all that is false. */
static sk_status deflt(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    *out = v;
    if (v.type != JN_UNDEF && (!eng_jn_truth(a->v[1]) || eng_jn_truth(v))) return SK_OK;
    if (!jn_given(a->v[0])) return eng_jn_str_lit(r, "", out);
    *out = a->v[0];
    return SK_OK;
}

/* The attribute proper: no item of that name. */
static sk_status attr(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val found = jn_none();
    if (v.type == JN_UNDEF) return eng_jn_undef_fail(r, v);
    if (a->v[0].type != JN_STR)
        return eng_jn_fail(r, SK_E_INVALID, "attr: the name must be a string");
    sk_status st = eng_jn_getattr(r, v, a->v[0].u.s, &found);
    /* An item of that name does not count. */
    if (!st && v.type == JN_DICT && found.type != JN_METHOD)
        return eng_jn_undef(r, "dict", a->v[0], out);
    *out = found;
    return st;
}

const jn_fn eng_jn_filters_pick[] = {
    {"map", NULL, 0, map},
    {"select", NULL, 0, select_items},
    {"reject", NULL, 0, reject},
    {"selectattr", NULL, 0, selectattr},
    {"rejectattr", NULL, 0, rejectattr},
    {"default", "default_value boolean", 0, deflt},
    {"d", "default_value boolean", 0, deflt},
    {"attr", "name", 1, attr},
    {NULL, NULL, 0, NULL},
};
