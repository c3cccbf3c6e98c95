/* filter.c - finding filters; attribute paths and sorting for those that need them. */
#include "engine/jinja/filter.h"

#include "engine/jinja/call.h"
#include "engine/jinja/num.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/strfn.h"

#include <string.h>

/* Unsupported ones are rows too, so that they are told from misspelled ones. */
const jn_fn *eng_jn_filter_find(const char *name, size_t n)
{
    static const jn_fn *const tables[] = {eng_jn_filters_str, eng_jn_filters_seq,
                                          eng_jn_filters_pick, eng_jn_filters_num,
                                          eng_jn_filters_json};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const jn_fn *f = eng_jn_fn_find(tables[i], name, n);
        if (f) return f;
    }
    return NULL;
}

/* ---- attribute paths ---- */

/* Parts between points; those that are digits are numbers. */
static sk_status split_path(jn_run *r, jn_str *s, jn_path *out)
{
    size_t n = 1, k = 0, from = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->p[i] == '.';
    out->part = jn_new_n(&r->mem, jn_val, n);
    if (!out->part) return eng_jn_oom(r);
    for (size_t i = 0; i <= s->n; i++) {
        if (i < s->n && s->p[i] != '.') continue;
        int64_t number = 0;
        bool big = false;
        sk_status st = eng_jn_str_sub(r, s, from, i - from, &out->part[k]);
        if (st) return st;
        bool digits = i > from && strspn(s->p + from, "0123456789") >= i - from;
        if (digits && eng_jn_num_parse_int(s->p + from, i - from, 10, &number, &big) && !big)
            out->part[k] = jn_int(number);
        from = i + 1;
        k++;
    }
    out->n = k;
    return SK_OK;
}

/* The parts of a text get the template's mark: as keys they are compared only. */
sk_status eng_jn_path_read(jn_run *r, jn_val attribute, jn_path *out)
{
    *out = (jn_path){NULL, 0};
    if (attribute.type == JN_UNSET || attribute.type == JN_NONE) return SK_OK;
    if (attribute.type == JN_STR) {
        jn_val own = jn_none();
        sk_status st = eng_jn_str_copy(r, attribute.u.s->p, attribute.u.s->n, JN_TEMPLATE, &own);
        return st ? st : split_path(r, own.u.s, out);
    }
    out->part = jn_new(&r->mem, jn_val);
    if (!out->part) return eng_jn_oom(r);
    out->part[0] = attribute;
    out->n = 1;
    return SK_OK;
}

/* The default stands in at each part, as in jinja2, not at the end only.  Items, not attributes:
 * map(attribute='items') finds the member of a dict, never its method. */
sk_status eng_jn_path_get(jn_run *r, const jn_path *p, jn_val item, jn_val deflt, bool fold,
                          jn_val *out)
{
    sk_status st = eng_jn_step(r, 1);
    for (size_t i = 0; i < p->n && !st; i++) {
        st = eng_jn_getitem(r, item, p->part[i], &item);
        if (item.type == JN_UNDEF && deflt.type != JN_UNSET && deflt.type != JN_NONE) item = deflt;
    }
    if (!st && fold && item.type == JN_STR) st = eng_jn_case(r, item.u.s, JN_LOWER, &item);
    *out = item;
    return st;
}

/* ---- sorting ---- */

typedef struct sorting {
    jn_run *r;
    jn_val *v, *key, *v2, *key2;
    bool reverse;
} sorting;

/* Merges the sorted [from, mid) and [mid, to): the right one first only where it is less.
 * `reverse` swaps the operands of the comparison and not the result, so that equals keep their
 * order, as in Python's sorted(reverse=True). */
static sk_status merge(sorting *s, size_t from, size_t mid, size_t to)
{
    size_t a = from, b = mid;
    for (size_t k = from; k < to; k++) {
        bool right = a == mid;
        if (a < mid && b < to) {
            jn_val x = s->key[s->reverse ? a : b], y = s->key[s->reverse ? b : a];
            sk_status st = eng_jn_compare(s->r, JO_LT, x, y, &right);
            if (!st) st = eng_jn_step(s->r, 1);
            if (st) return st;
        }
        size_t take = right ? b++ : a++;
        s->v2[k] = s->v[take];
        s->key2[k] = s->key[take];
    }
    memcpy(s->v + from, s->v2 + from, (to - from) * sizeof *s->v);
    memcpy(s->key + from, s->key2 + from, (to - from) * sizeof *s->key);
    return SK_OK;
}

/* Bottom-up merge sort: stable, and its comparisons may fail midway. */
sk_status eng_jn_sort(jn_run *r, jn_val *v, jn_val *key, size_t n, bool reverse)
{
    sorting s = {r, v, key, NULL, NULL, reverse};
    if (n < 2) return SK_OK;
    s.v2 = jn_new_n(&r->mem, jn_val, n);
    s.key2 = s.v2 ? jn_new_n(&r->mem, jn_val, n) : NULL;
    if (!s.key2) return eng_jn_oom(r);
    for (size_t width = 1; width < n; width *= 2)
        for (size_t from = 0; from + width < n; from += 2 * width) {
            size_t to = from + 2 * width < n ? from + 2 * width : n;
            sk_status st = merge(&s, from, from + width, to);
            if (st) return st;
        }
    return SK_OK;
}
