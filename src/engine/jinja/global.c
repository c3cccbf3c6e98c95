/* global.c - range, namespace, dict, cycler, joiner, raise_exception, strftime_now. */
#include "engine/jinja/global.h"

#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/method.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/strftime.h"

#include <string.h>

/* The sandbox of jinja2 allows no longer range. */
enum { MAX_RANGE = 100000 };

/* One argument is the end, two are start and end. */
static sk_status range(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    int64_t n[3] = {0, 0, 1};
    size_t given = jn_given(a->v[2]) ? 3 : jn_given(a->v[1]) ? 2 : 1;
    (void)v;
    for (size_t i = 0; i < given; i++) {
        sk_status st = SK_OK;
        if (a->v[i].type == JN_UNDEF) return eng_jn_undef_fail(r, a->v[i]);
        st = eng_jn_arg_int(r, a->v[i], "range", 0, given == 1 ? &n[1] : &n[i]);
        if (st) return st;
    }
    if (!n[2]) return eng_jn_fail(r, SK_E_INVALID, "range() arg 3 must not be zero");
    jn_range *g = jn_new(&r->mem, jn_range);
    if (!g) return eng_jn_oom(r);
    *g = (jn_range){n[0], n[1], n[2]};
    if (eng_jn_range_len(g) > MAX_RANGE)
        return eng_jn_fail(r, SK_E_TOOBIG, "a range of more than %d numbers", MAX_RANGE);
    *out = (jn_val){.type = JN_RANGE, .u.range = g};
    return SK_OK;
}

/* A dict (or namespace) of another, of pairs, and of names.  By the method update of a dict,
 * which knows all the forms of arguments. */
static sk_status make(jn_run *r, const jn_args *a, jn_type type, jn_val *out)
{
    static const jn_str name = {.p = "update", .n = 6};
    jn_val d = jn_none(), none = jn_none();
    sk_status st = eng_jn_dict_new(r, JN_DICT, &d);
    if (!st) st = eng_jn_fn_call(r, eng_jn_method_find(d, &name), d, a, &none);
    *out = d;
    out->type = (uint8_t)type;
    return st;
}

/* dict(mapping or pairs, name=value) */
static sk_status dict(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)v;
    return make(r, a, JN_DICT, out);
}

/* The same arguments as dict. */
static sk_status namespace(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)v;
    return make(r, a, JN_NS, out);
}

/* Copies the items. */
static sk_status new_cycler(jn_run *r, jn_type type, const jn_val *v, size_t n, jn_val *out)
{
    jn_cycler *c = jn_new(&r->mem, jn_cycler);
    if (!c) return eng_jn_oom(r);
    *out = (jn_val){.type = (uint8_t)type, .u.cycler = c};
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = eng_jn_seq_push(r, &c->items, v[i]);
    return st;
}

/* Its next() gives them in turn. */
static sk_status cycler(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)v;
    if (!a->n) return eng_jn_fail(r, SK_E_INVALID, "at least one item has to be provided");
    return new_cycler(r, JN_CYCLER, a->v, a->n, out);
}

/* Called, it gives nothing the first time and then the separator. */
static sk_status joiner(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val sep = a->v[0];
    (void)v;
    sk_status st = jn_given(sep) ? SK_OK : eng_jn_str_lit(r, ", ", &sep);
    return st ? st : new_cycler(r, JN_JOINER, &sep, 1, out);
}

/* The template refuses its input.  How a template says that a conversation is not one it can
 * render ("roles must alternate"): the sentence goes to the client as it is. */
static sk_status raise_exception(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val s = jn_none();
    (void)v;
    (void)out;
    sk_status st = eng_jn_str_of(r, a->v[0], &s);
    if (st) return st;
    int n = (int)(s.u.s->n < 380 ? s.u.s->n : 380);
    return eng_jn_fail(r, SK_E_INVALID, "%.*s", n, s.u.s->p);
}

/* The one moment of the rendering, however often it is asked for. */
static sk_status strftime_now(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *form = NULL;
    (void)v;
    sk_status st = eng_jn_arg_str(r, a->v[0], "strftime_now", &form);
    if (!st && !form) return eng_jn_fail(r, SK_E_INVALID, "strftime_now needs a format");
    return st ? st : eng_jn_strftime(r, form, out);
}

static const jn_fn functions[] = {
    {"range", "start stop step", 1, range},
    {"namespace", NULL, 0, namespace},
    {"dict", NULL, 0, dict},
    {"cycler", NULL, 0, cycler},
    {"joiner", "sep", 0, joiner},
    {"raise_exception", "message", 1, raise_exception},
    {"strftime_now", "format", 1, strftime_now},
    {"lipsum", "", 0, NULL},
    {NULL, NULL, 0, NULL},
};

/* Variables hide functions of the same name; the caller looks there first. */
const jn_fn *eng_jn_global_find(const char *name, size_t n)
{
    return eng_jn_fn_find(functions, name, n);
}
