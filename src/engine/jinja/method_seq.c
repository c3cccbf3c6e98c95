/* method_seq.c - methods of lists, tuples, dicts, cyclers and the variable `loop`.
 *
 * Lists may change while a loop runs over them, and the loop must not notice: its items are a
 * view of the array as it was.  So what moves or removes items works on a new array (own_array),
 * and append, which only writes behind the end, may stay in place.
 */
#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/method.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"

#include <string.h>

/* ---- lists ---- */

static sk_status append(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    *out = jn_none();
    return eng_jn_seq_push(r, v.u.seq, a->v[0]);
}

/* From any iterable, itself included: its items are taken before the first is added. */
static sk_status extend(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq s;
    *out = jn_none();
    sk_status st = eng_jn_items(r, a->v[0], &s);
    if (!st) st = eng_jn_step(r, s.n / 4);
    for (size_t i = 0; !st && i < s.n; i++)
        st = eng_jn_seq_push(r, v.u.seq, s.v[i]);
    return st;
}

/* A new array for a list whose items are about to move: views of the old one may be in use. */
static sk_status own_array(jn_run *r, jn_seq *s)
{
    sk_status st = eng_jn_step(r, s->n / 4);
    jn_val *v = st ? NULL : jn_new_n(&r->mem, jn_val, s->n + 1);
    if (st) return st;
    if (!v) return eng_jn_oom(r);
    if (s->n) memcpy(v, s->v, s->n * sizeof *v);
    s->v = v;
    s->cap = s->n + 1;
    return SK_OK;
}

/* Positions beyond the ends mean the ends. */
static sk_status insert(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq *s = v.u.seq;
    int64_t at = 0, n = (int64_t)s->n;
    *out = jn_none();
    sk_status st = eng_jn_arg_int(r, a->v[0], "index", 0, &at);
    if (!st) st = own_array(r, s);
    if (st) return st;
    if (at < 0) at = at + n < 0 ? 0 : at + n;
    if (at > n) at = n;
    memmove(s->v + at + 1, s->v + at, (size_t)(n - at) * sizeof *s->v);
    s->v[at] = a->v[1];
    s->n++;
    return SK_OK;
}

/* The last item goes in place; else the rest moves in a new array.  The array is kept when the
 * last one goes: a view still has its own length.  A later append writes over the item, which
 * such a view then shows; Python's loop would show it as well. */
static sk_status remove_at(jn_run *r, jn_seq *s, size_t at)
{
    if (at + 1 == s->n) {
        s->n--;
        return SK_OK;
    }
    sk_status st = own_array(r, s);
    if (st) return st;
    memmove(s->v + at, s->v + at + 1, (s->n - at - 1) * sizeof *s->v);
    s->n--;
    return SK_OK;
}

/* The last item, or that of an index. */
static sk_status pop(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq *s = v.u.seq;
    int64_t at = -1, n = (int64_t)s->n;
    sk_status st = eng_jn_arg_int(r, a->v[0], "index", -1, &at);
    if (st) return st;
    if (at < 0) at += n;
    if (at < 0 || at >= n)
        return eng_jn_fail(r, SK_E_INVALID, n ? "pop index out of range" : "pop from empty list");
    *out = s->v[at];
    return remove_at(r, s, (size_t)at);
}

/* The place of an item equal to v, SIZE_MAX if there is none. */
static sk_status place(jn_run *r, const jn_seq *s, jn_val v, size_t *out)
{
    bool same = false;
    sk_status st = eng_jn_step(r, s->n / 4);
    *out = SIZE_MAX;
    for (size_t i = 0; i < s->n && !st && *out == SIZE_MAX; i++) {
        st = eng_jn_eq(r, s->v[i], v, &same);
        if (same) *out = i;
    }
    return st;
}

/* The first that is equal. */
static sk_status remove_item(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    size_t at = 0;
    *out = jn_none();
    sk_status st = place(r, v.u.seq, a->v[0], &at);
    if (st) return st;
    if (at == SIZE_MAX) return eng_jn_fail(r, SK_E_INVALID, "list.remove(x): x not in list");
    return remove_at(r, v.u.seq, at);
}

/* Of the first that is equal. */
static sk_status index_of(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    size_t at = 0;
    sk_status st = place(r, v.u.seq, a->v[0], &at);
    if (st) return st;
    if (at == SIZE_MAX) return eng_jn_fail(r, SK_E_INVALID, "the value is not in the list");
    *out = jn_int((int64_t)at);
    return SK_OK;
}

/* Of those that are equal. */
static sk_status count(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    int64_t n = 0;
    bool same = false;
    const jn_seq *s = v.u.seq;
    sk_status st = eng_jn_step(r, s->n / 4);
    for (size_t i = 0; i < s->n && !st; i++) {
        st = eng_jn_eq(r, s->v[i], a->v[0], &same);
        n += same;
    }
    *out = jn_int(n);
    return st;
}

/* In a new array, for loops that run over the old one. */
static sk_status reverse(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq *s = v.u.seq;
    (void)a;
    *out = jn_none();
    sk_status st = own_array(r, s);
    for (size_t i = 0; !st && i + 1 < s->n - i; i++) {
        jn_val x = s->v[i];
        s->v[i] = s->v[s->n - 1 - i];
        s->v[s->n - 1 - i] = x;
    }
    return st;
}

/* Loops over it go on over the old items. */
static sk_status clear_list(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)r;
    (void)a;
    *v.u.seq = (jn_seq){NULL, 0, 0, false};
    *out = jn_none();
    return SK_OK;
}

/* The items are shared. */
static sk_status copy_list(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    const jn_seq *s = v.u.seq;
    (void)a;
    sk_status st = eng_jn_step(r, s->n / 4);
    if (!st) st = eng_jn_seq_new(r, JN_LIST, s->n, out);
    if (!st && s->n) memcpy(out->u.seq->v, s->v, s->n * sizeof *s->v);
    return st;
}

const jn_fn eng_jn_methods_list[] = {
    {"append", "object", 1, append},
    {"extend", "iterable", 1, extend},
    {"insert", "index object", 2, insert},
    {"pop", "index", 0, pop},
    {"remove", "value", 1, remove_item},
    {"index", "value", 1, index_of},
    {"count", "value", 1, count},
    {"reverse", "", 0, reverse},
    {"clear", "", 0, clear_list},
    {"copy", "", 0, copy_list},
    {"sort", "", 0, NULL},
    {NULL, NULL, 0, NULL},
};

const jn_fn eng_jn_methods_tuple[] = {
    {"index", "value", 1, index_of},
    {"count", "value", 1, count},
    {NULL, NULL, 0, NULL},
};

/* ---- dicts ---- */

static sk_status view(jn_run *r, jn_val v, jn_view_kind kind, jn_val *out)
{
    jn_view *w = jn_new(&r->mem, jn_view);
    if (!w) return eng_jn_oom(r);
    *w = (jn_view){v.u.d, kind};
    *out = (jn_val){.type = JN_VIEW, .mark = v.mark, .u.view = w};
    return SK_OK;
}

/* In order of insertion. */
static sk_status keys(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return view(r, v, JN_KEYS, out);
}

/* In the order of the keys. */
static sk_status values(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return view(r, v, JN_VALUES, out);
}

/* Pairs. */
static sk_status items(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return view(r, v, JN_ITEMS, out);
}

/* None, not undefined, where there is nothing. */
static sk_status get(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_entry *e = NULL;
    sk_status st = eng_jn_dict_find(r, v.u.d, a->v[0], &e);
    *out = e ? e->val : jn_given(a->v[1]) ? a->v[1] : jn_none();
    return st;
}

/* An error without the key and a default. */
static sk_status pop_key(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_entry *e = NULL;
    sk_status st = eng_jn_dict_find(r, v.u.d, a->v[0], &e);
    if (st) return st;
    if (!e && !jn_given(a->v[1])) return eng_jn_fail(r, SK_E_INVALID, "pop: no such key");
    *out = e ? e->val : a->v[1];
    if (e) eng_jn_dict_remove(v.u.d, e);
    return SK_OK;
}

/* The pair that was added last. */
static sk_status popitem(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    for (size_t i = v.u.d->n; i-- > 0;) {
        jn_entry *e = &v.u.d->e[i];
        if (e->gone) continue;
        eng_jn_dict_remove(v.u.d, e);
        return eng_jn_pair(r, e->key, e->val, out);
    }
    return eng_jn_fail(r, SK_E_INVALID, "popitem(): dictionary is empty");
}

/* The value that is there then. */
static sk_status setdefault(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_entry *e = NULL;
    sk_status st = eng_jn_dict_find(r, v.u.d, a->v[0], &e);
    if (st) return st;
    *out = e ? e->val : jn_given(a->v[1]) ? a->v[1] : jn_none();
    return e ? SK_OK : eng_jn_dict_set(r, v.u.d, a->v[0], *out);
}

/* update(dict, name=value); pairs in a list are taken too.  An error midway leaves what was set
 * before it, as in Python. */
static sk_status update(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq s = {NULL, 0, 0, false}, pair;
    sk_status st = SK_OK;
    *out = jn_none();
    if (a->n > 1) return eng_jn_fail(r, SK_E_INVALID, "update expected at most 1 argument");
    if (a->n && a->v[0].type == JN_DICT)
        st = eng_jn_dict_update(r, v.u.d, a->v[0].u.d);
    else if (a->n)
        st = eng_jn_items(r, a->v[0], &s);
    for (size_t i = 0; !st && i < s.n; i++) {
        st = eng_jn_items(r, s.v[i], &pair);
        if (!st && pair.n != 2)
            return eng_jn_fail(r, SK_E_INVALID, "update needs a dict or a list of pairs");
        if (!st) st = eng_jn_dict_set(r, v.u.d, pair.v[0], pair.v[1]);
    }
    for (size_t i = 0; !st && i < a->n_kw; i++)
        st = eng_jn_dict_set(r, v.u.d, jn_of_str(a->kw[i].name), a->kw[i].v);
    return st;
}

/* Views of it are empty then, too.  The arrays stay in the pool for walks under way, which still
 * see the old entries. */
static sk_status clear_dict(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)r;
    (void)a;
    *v.u.d = (jn_dict){NULL, 0, 0, 0, NULL, 0};
    *out = jn_none();
    return SK_OK;
}

/* The values are shared. */
static sk_status copy_dict(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    sk_status st = eng_jn_dict_new(r, JN_DICT, out);
    if (!st) out->mark = v.mark;
    return st ? st : eng_jn_dict_update(r, out->u.d, v.u.d);
}

const jn_fn eng_jn_methods_dict[] = {
    {"get", "key default", 1, get},
    {"items", "", 0, items},
    {"keys", "", 0, keys},
    {"values", "", 0, values},
    {"pop", "key default", 1, pop_key},
    {"popitem", "", 0, popitem},
    {"setdefault", "key default", 1, setdefault},
    {"update", NULL, 0, update},
    {"clear", "", 0, clear_dict},
    {"copy", "", 0, copy_dict},
    {"fromkeys", "", 0, NULL},
    {NULL, NULL, 0, NULL},
};

/* ---- cyclers and loops ---- */

static sk_status next(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_cycler *c = v.u.cycler;
    (void)r;
    (void)a;
    *out = c->items.v[c->at];
    c->at = (c->at + 1) % c->items.n;
    return SK_OK;
}

/* cycler.reset() */
static sk_status reset(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)r;
    (void)a;
    v.u.cycler->at = 0;
    *out = jn_none();
    return SK_OK;
}

/* loop.cycle(a, b): one of them by the number of the pass. */
static sk_status cycle(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    if (!a->n) return eng_jn_fail(r, SK_E_INVALID, "no items for cycling given");
    *out = a->v[v.u.loop->index % a->n];
    return SK_OK;
}

/* loop.changed(a): true when it was not called with the same before. */
static sk_status changed(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val now = jn_none();
    bool same = false;
    jn_loop *l = v.u.loop;
    sk_status st = eng_jn_seq_new(r, JN_TUPLE, a->n, &now);
    if (!st && a->n) memcpy(now.u.seq->v, a->v, a->n * sizeof *a->v);
    if (!st && l->seen.type != JN_UNSET) st = eng_jn_eq(r, l->seen, now, &same);
    if (!same) l->seen = now;
    *out = jn_bool(!same);
    return st;
}

static const jn_fn methods_cycler[] = {
    {"next", "", 0, next},
    {"reset", "", 0, reset},
    {NULL, NULL, 0, NULL},
};

static const jn_fn methods_loop[] = {
    {"cycle", NULL, 0, cycle},
    {"changed", NULL, 0, changed},
    {NULL, NULL, 0, NULL},
};

/* By the type of the value. */
const jn_fn *eng_jn_method_find(jn_val v, const jn_str *name)
{
    const jn_fn *table = NULL;
    switch ((int)v.type) {
    case JN_STR:
        table = eng_jn_methods_str;
        break;
    case JN_LIST:
        table = eng_jn_methods_list;
        break;
    case JN_TUPLE:
        table = eng_jn_methods_tuple;
        break;
    case JN_DICT:
        table = eng_jn_methods_dict;
        break;
    case JN_CYCLER:
        table = methods_cycler;
        break;
    case JN_LOOP:
        table = methods_loop;
        break;
    default:
        return NULL;
    }
    return eng_jn_fn_find(table, name->p, name->n);
}
