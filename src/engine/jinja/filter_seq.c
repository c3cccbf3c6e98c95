/* filter_seq.c - filters over lists and dicts. */
#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/filter.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/strfn.h"

#include <string.h>

static const jn_val UNSET = {.type = JN_UNSET};

/* Generators have none. */
static sk_status length(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    size_t n = 0;
    (void)a;
    sk_status st = eng_jn_len(r, v, &n);
    *out = jn_int((int64_t)n);
    return st;
}

/* A new list of the items. */
static sk_status to_list(jn_run *r, jn_val v, jn_val *out)
{
    jn_seq s;
    sk_status st = eng_jn_items(r, v, &s);
    if (!st) st = eng_jn_step(r, s.n / 4);
    if (!st) st = eng_jn_seq_new(r, JN_LIST, s.n, out);
    if (!st && s.n) memcpy(out->u.seq->v, s.v, s.n * sizeof *s.v);
    if (!st) out->mark = v.mark;
    return st;
}

/* Always a new one. */
static sk_status list(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return to_list(r, v, out);
}

/* Takes one item of a generator and leaves the others.  A generator is filled as a whole and
 * gets all but one back. */
static sk_status first(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq s;
    (void)a;
    sk_status st = eng_jn_items(r, v, &s);
    if (st) return st;
    if (!s.n) return eng_jn_undef_hint(r, "No first item, sequence was empty.", out);
    *out = s.v[0];
    if (v.type == JN_GEN) v.u.gen->at -= s.n - 1;
    return SK_OK;
}

/* Of a dict the last key. */
static sk_status last(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq s;
    (void)a;
    if (v.type == JN_GEN) return eng_jn_fail(r, SK_E_INVALID, "'generator' is not reversible");
    sk_status st = eng_jn_items(r, v, &s);
    if (st) return st;
    if (!s.n) return eng_jn_undef_hint(r, "No last item, sequence was empty.", out);
    *out = s.v[s.n - 1];
    return SK_OK;
}

/* str() of all items.  With an attribute the items are replaced in a copy of the list: to_list
 * has made one. */
static sk_status join(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val sep = jn_none();
    jn_seq s;
    jn_path path;
    sk_status st =
        jn_given(a->v[0]) ? eng_jn_str_of(r, a->v[0], &sep) : eng_jn_str_lit(r, "", &sep);
    if (!st) st = eng_jn_path_read(r, a->v[1], &path);
    if (!st) st = path.n ? to_list(r, v, &v) : SK_OK;
    if (!st) st = eng_jn_items(r, v, &s);
    for (size_t i = 0; !st && path.n && i < s.n; i++)
        st = eng_jn_path_get(r, &path, s.v[i], UNSET, false, &s.v[i]);
    return st ? st : eng_jn_join(r, sep.u.s, &s, false, out);
}

/* Reverses in place. */
static void turn(jn_val *v, size_t n)
{
    for (size_t i = 0; i + 1 < n - i; i++) {
        jn_val x = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = x;
    }
}

/* Fills the iterator that reverse gives. */
static sk_status fill_reverse(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_val l = jn_none();
    sk_status st = to_list(r, g->src, &l);
    if (st) return st;
    *out = *l.u.seq;
    if (out->n) turn(out->v, out->n);
    return SK_OK;
}

/* A text is reversed at once; a list gives an iterator, which has no length. */
static sk_status reverse(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    const jn_val part[3] = {jn_none(), jn_none(), jn_int(-1)};
    (void)a;
    if (v.type == JN_STR) return eng_jn_slice(r, v, part, out);
    if (!eng_jn_iterable(v)) return eng_jn_fail(r, SK_E_INVALID, "argument must be iterable");
    if (v.type != JN_GEN) return eng_jn_gen_new(r, fill_reverse, v, NULL, 0, out);
    sk_status st = to_list(r, v, out);
    if (!st && out->u.seq->n) turn(out->u.seq->v, out->u.seq->n);
    return st;
}

/* Nothing for what is undefined. */
static sk_status fill_items(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_view view = {g->src.u.d, JN_ITEMS};
    if (g->src.type == JN_UNDEF) {
        *out = (jn_seq){NULL, 0, 0, false};
        return SK_OK;
    }
    if (g->src.type != JN_DICT)
        return eng_jn_fail(r, SK_E_INVALID, "can only get item pairs from a mapping");
    return eng_jn_items(r, (jn_val){.type = JN_VIEW, .u.view = &view}, out);
}

/* Lazy: a wrong type is an error only when it is gone through. */
static sk_status items(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return eng_jn_gen_new(r, fill_items, v, NULL, 0, out);
}

/* Key to sort an item by, once for each of the paths: a list, as jinja2 has it.  A list even for
 * one path, so that ties of several paths are broken by the later ones. */
static sk_status sort_key(jn_run *r, const jn_path *path, size_t n, jn_val item, bool fold,
                          jn_val *out)
{
    sk_status st = eng_jn_seq_new(r, JN_LIST, n, out);
    for (size_t i = 0; i < n && !st; i++)
        st = eng_jn_path_get(r, &path[i], item, UNSET, fold, &out->u.seq->v[i]);
    return st;
}

/* "a,b" is two paths. */
static sk_status sort_paths(jn_run *r, jn_val attribute, jn_path **out, size_t *n)
{
    jn_val parts = jn_none();
    jn_str comma = {.p = ",", .n = 1};
    *n = 1;
    if (attribute.type == JN_STR) {
        sk_status st = eng_jn_split(r, attribute.u.s, &comma, -1, false, &parts);
        if (st) return st;
        *n = parts.u.seq->n;
    }
    *out = jn_new_n(&r->mem, jn_path, *n);
    if (!*out) return eng_jn_oom(r);
    sk_status st = SK_OK;
    for (size_t i = 0; i < *n && !st; i++)
        st = eng_jn_path_read(r, parts.type == JN_LIST ? parts.u.seq->v[i] : attribute, &(*out)[i]);
    return st;
}

/* Texts regardless of case, unless case_sensitive. */
static sk_status sort(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_path *path = NULL;
    size_t n_path = 0;
    sk_status st = sort_paths(r, a->v[2], &path, &n_path);
    if (!st) st = to_list(r, v, out);
    if (st) return st;
    size_t n = out->u.seq->n;
    jn_val *key = jn_new_n(&r->mem, jn_val, n + 1);
    if (!key) return eng_jn_oom(r);
    for (size_t i = 0; i < n && !st; i++)
        st = sort_key(r, path, n_path, out->u.seq->v[i], !eng_jn_truth(a->v[1]), &key[i]);
    return st ? st : eng_jn_sort(r, out->u.seq->v, key, n, eng_jn_truth(a->v[0]));
}

/* What dictsort sorts by: 0 the key, 1 the value. */
static sk_status sort_by(jn_run *r, jn_val v, size_t *out)
{
    *out = 0;
    if (!jn_given(v)) return SK_OK;
    if (v.type == JN_STR && eng_jn_str_is(v.u.s, "key")) return SK_OK;
    *out = 1;
    if (v.type == JN_STR && eng_jn_str_is(v.u.s, "value")) return SK_OK;
    return eng_jn_fail(r, SK_E_INVALID, "You can only sort by either \"key\" or \"value\"");
}

/* A list of pairs. */
static sk_status dictsort(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    size_t by = 0;
    const jn_path none = {NULL, 0};
    if (v.type == JN_UNDEF) return eng_jn_undef_fail(r, v);
    if (v.type != JN_DICT)
        return eng_jn_fail(r, SK_E_INVALID, "'%s' object has no attribute 'items'",
                           eng_jn_type_name(v));
    jn_view view = {v.u.d, JN_ITEMS};
    sk_status st = sort_by(r, a->v[1], &by);
    if (!st) st = to_list(r, (jn_val){.type = JN_VIEW, .u.view = &view}, out);
    if (st) return st;
    size_t n = out->u.seq->n;
    bool fold = !eng_jn_truth(a->v[0]);
    jn_val *key = jn_new_n(&r->mem, jn_val, n + 1);
    if (!key) return eng_jn_oom(r);
    for (size_t i = 0; i < n && !st; i++)
        st = eng_jn_path_get(r, &none, out->u.seq->v[i].u.seq->v[by], UNSET, fold, &key[i]);
    return st ? st : eng_jn_sort(r, out->u.seq->v, key, n, eng_jn_truth(a->v[2]));
}

/* The first of equal items; texts regardless of case, unless case_sensitive.  Seen keys are kept
 * in a dict: what cannot be a key is an error, as in jinja2, which uses a set. */
static sk_status fill_unique(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_val seen = jn_none(), key = jn_none();
    jn_seq s;
    jn_path path;
    jn_entry *e = NULL;
    *out = (jn_seq){NULL, 0, 0, false};
    sk_status st = eng_jn_path_read(r, g->args.v[1], &path);
    if (!st) st = eng_jn_items(r, g->src, &s);
    if (!st) st = eng_jn_dict_new(r, JN_DICT, &seen);
    for (size_t i = 0; !st && i < s.n; i++) {
        st = eng_jn_path_get(r, &path, s.v[i], UNSET, !eng_jn_truth(g->args.v[0]), &key);
        if (!st) st = eng_jn_dict_find(r, seen.u.d, key, &e);
        if (st || e) continue;
        st = eng_jn_dict_set(r, seen.u.d, key, key);
        if (!st) st = eng_jn_seq_push(r, out, s.v[i]);
    }
    return st;
}

/* The arguments outlive the call that made the generator. eng_jn_fn_call binds them on its
 * stack. */
static sk_status lazy(jn_run *r, sk_status (*fill)(jn_run *, jn_gen *, jn_seq *), jn_val v,
                      const jn_args *a, unsigned flags, jn_val *out)
{
    jn_args copy = *a;
    copy.v = jn_new_n(&r->mem, jn_val, a->n + 1);
    if (!copy.v) return eng_jn_oom(r);
    if (a->n) memcpy(copy.v, a->v, a->n * sizeof *a->v);
    return eng_jn_gen_new(r, fill, v, &copy, flags, out);
}

/* Lazy. */
static sk_status unique(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return lazy(r, fill_unique, v, a, 0, out);
}

/* The least (or greatest) item by its key, the first of equals. */
static sk_status extreme(jn_run *r, jn_val v, const jn_args *a, jn_op op, jn_val *out)
{
    jn_seq s;
    jn_path path;
    jn_val best = jn_none(), key = jn_none();
    bool fold = !eng_jn_truth(a->v[0]), better = false;
    sk_status st = eng_jn_path_read(r, a->v[1], &path);
    if (!st) st = eng_jn_items(r, v, &s);
    if (st) return st;
    if (!s.n) return eng_jn_undef_hint(r, "No aggregated item, sequence was empty.", out);
    *out = s.v[0];
    st = eng_jn_path_get(r, &path, s.v[0], UNSET, fold, &best);
    for (size_t i = 1; i < s.n && !st; i++) {
        st = eng_jn_path_get(r, &path, s.v[i], UNSET, fold, &key);
        if (!st) st = eng_jn_compare(r, op, key, best, &better);
        if (st || !better) continue;
        best = key;
        *out = s.v[i];
    }
    return st;
}

/* The first of equals. */
static sk_status min(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return extreme(r, v, a, JO_LT, out);
}

/* The first of equals. */
static sk_status max(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return extreme(r, v, a, JO_GT, out);
}

/* From 0 or `start` on; texts can't be summed. */
static sk_status sum(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq s;
    jn_path path;
    jn_val x = jn_none();
    *out = jn_given(a->v[1]) ? a->v[1] : jn_int(0);
    if (out->type == JN_STR) return eng_jn_fail(r, SK_E_INVALID, "sum() can't sum strings");
    sk_status st = eng_jn_path_read(r, a->v[0], &path);
    if (!st) st = eng_jn_items(r, v, &s);
    for (size_t i = 0; !st && i < s.n; i++) {
        st = eng_jn_path_get(r, &path, s.v[i], UNSET, false, &x);
        if (!st) st = eng_jn_binary(r, JO_ADD, *out, x, out);
    }
    return st;
}

/* Fills a row up to n items with `fill`; nothing where nothing to fill with was given. */
static sk_status fill_row(jn_run *r, jn_seq *row, int64_t n, jn_val fill)
{
    sk_status st = SK_OK;
    if (!jn_given(fill) || fill.type == JN_NONE) return SK_OK;
    while (!st && (int64_t)row->n < n) {
        st = eng_jn_step(r, 1);
        if (!st) st = eng_jn_seq_push(r, row, fill);
    }
    return st;
}

/* Rows of n items, the last one filled up where something to fill with is given. */
static sk_status fill_batch(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_seq s;
    jn_val row = jn_none();
    int64_t n = 0;
    *out = (jn_seq){NULL, 0, 0, false};
    sk_status st = eng_jn_arg_int(r, g->args.v[0], "linecount", 0, &n);
    if (!st) st = eng_jn_items(r, g->src, &s);
    for (size_t i = 0; !st && i < s.n; i++) {
        if (row.type == JN_NONE || (int64_t)row.u.seq->n == n) {
            st = eng_jn_seq_new(r, JN_LIST, 0, &row);
            if (!st) st = eng_jn_seq_push(r, out, row);
        }
        if (!st) st = eng_jn_seq_push(r, row.u.seq, s.v[i]);
    }
    if (st || row.type == JN_NONE) return st;
    return fill_row(r, row.u.seq, n, g->args.v[1]);
}

/* Rows of so many items. */
static sk_status batch(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return lazy(r, fill_batch, v, a, 0, out);
}

/* n lists of nearly equal length.  The first items-modulo-n columns have one more; the others get
 * fill_with, where given. */
static sk_status fill_slice(jn_run *r, jn_gen *g, jn_seq *out)
{
    jn_seq s;
    int64_t n = 0;
    *out = (jn_seq){NULL, 0, 0, false};
    sk_status st = eng_jn_arg_int(r, g->args.v[0], "slices", 0, &n);
    if (!st) st = eng_jn_items(r, g->src, &s);
    if (st) return st;
    if (n == 0) return eng_jn_fail(r, SK_E_INVALID, "integer division or modulo by zero");
    size_t at = 0;
    for (int64_t k = 0; k < n && !st; k++) {
        jn_val row = jn_none();
        bool more = k < (int64_t)s.n % n;
        size_t take = s.n / (size_t)n + more;
        st = eng_jn_step(r, 1);
        if (!st) st = eng_jn_seq_new(r, JN_LIST, 0, &row);
        for (size_t i = 0; i < take && !st; i++)
            st = eng_jn_seq_push(r, row.u.seq, s.v[at++]);
        if (!st && !more) st = fill_row(r, row.u.seq, (int64_t)take + 1, g->args.v[1]);
        if (!st) st = eng_jn_seq_push(r, out, row);
    }
    return st;
}

/* So many columns. */
static sk_status slice(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return lazy(r, fill_slice, v, a, 0, out);
}

/* Begins a group at an item: pushes the tuple (its own value of the path, an empty list) and gives
 * the list. */
static sk_status new_group(jn_run *r, const jn_path *path, jn_val item, jn_val deflt, jn_seq *out,
                           jn_val *rows)
{
    jn_val pair = jn_none(), grouper = jn_none();
    sk_status st = eng_jn_path_get(r, path, item, deflt, false, &grouper);
    if (!st) st = eng_jn_seq_new(r, JN_LIST, 0, rows);
    if (!st) st = eng_jn_pair(r, grouper, *rows, &pair);
    if (st) return st;
    pair.u.seq->group = true;
    return eng_jn_seq_push(r, out, pair);
}

/* Groups of equal keys, sorted by them: tuples (key, items).  Sorting first makes equal keys
 * neighbours, so one walk finds the groups; the grouper is the first item's own value, not its
 * lowered form. */
static sk_status groupby(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_path path;
    jn_val l = jn_none(), rows = jn_none();
    bool fold = !eng_jn_truth(a->v[2]);
    sk_status st = eng_jn_path_read(r, a->v[0], &path);
    if (!st) st = to_list(r, v, &l);
    if (!st) st = eng_jn_seq_new(r, JN_LIST, 0, out);
    if (st) return st;
    const jn_seq *s = l.u.seq;
    jn_val *key = jn_new_n(&r->mem, jn_val, s->n + 1);
    if (!key) return eng_jn_oom(r);
    for (size_t i = 0; i < s->n && !st; i++)
        st = eng_jn_path_get(r, &path, s->v[i], a->v[1], fold, &key[i]);
    if (!st) st = eng_jn_sort(r, s->v, key, s->n, false);
    for (size_t i = 0; i < s->n && !st; i++) {
        bool same = false;
        if (i) st = eng_jn_eq(r, key[i - 1], key[i], &same);
        if (!st && !same) st = new_group(r, &path, s->v[i], a->v[1], out->u.seq, &rows);
        if (!st) st = eng_jn_seq_push(r, rows.u.seq, s->v[i]);
    }
    return st;
}

const jn_fn eng_jn_filters_seq[] = {
    {"length", "", 0, length},
    {"count", "", 0, length},
    {"list", "", 0, list},
    {"first", "", 0, first},
    {"last", "", 0, last},
    {"join", "d attribute", 0, join},
    {"reverse", "", 0, reverse},
    {"items", "", 0, items},
    {"sort", "reverse case_sensitive attribute", 0, sort},
    {"dictsort", "case_sensitive by reverse", 0, dictsort},
    {"unique", "case_sensitive attribute", 0, unique},
    {"min", "case_sensitive attribute", 0, min},
    {"max", "case_sensitive attribute", 0, max},
    {"sum", "attribute start", 0, sum},
    {"batch", "linecount fill_with", 1, batch},
    {"slice", "slices fill_with", 1, slice},
    {"groupby", "attribute default case_sensitive", 1, groupby},
    {"random", "", 0, NULL},
    {NULL, NULL, 0, NULL},
};
