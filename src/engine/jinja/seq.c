/* seq.c - lists, and the items of whatever has some. */
#include "engine/jinja/seq.h"

#include "engine/jinja/dict.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/str.h"

#include <assert.h>
#include <string.h>

/* Items are JN_UNSET until they are set. */
sk_status eng_jn_seq_new(jn_run *r, jn_type type, size_t n, jn_val *out)
{
    jn_seq *s = jn_new(&r->mem, jn_seq);
    jn_val *v = s && n ? jn_new_n(&r->mem, jn_val, n) : NULL;
    if (!s || (n && !v)) return eng_jn_oom(r);
    *s = (jn_seq){v, n, n};
    *out = (jn_val){.type = (uint8_t)type, .u.seq = s};
    return SK_OK;
}

/* The old array stays as it was: views of it may be in use.  Growing by doubling keeps the cost
 * of n pushes linear; what is dropped is at most as much again. */
sk_status eng_jn_seq_push(jn_run *r, jn_seq *s, jn_val v)
{
    assert(s->n <= s->cap); /* what eng_jn_items gives of a generator can't grow */
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 8;
        jn_val *p = jn_new_n(&r->mem, jn_val, cap);
        if (!p) return eng_jn_oom(r);
        if (s->n) memcpy(p, s->v, s->n * sizeof *p);
        s->v = p;
        s->cap = cap;
    }
    s->v[s->n++] = v;
    return SK_OK;
}

/* As dict.items() gives them. */
sk_status eng_jn_pair(jn_run *r, jn_val a, jn_val b, jn_val *out)
{
    sk_status st = eng_jn_seq_new(r, JN_TUPLE, 2, out);
    if (st) return st;
    out->u.seq->v[0] = a;
    out->u.seq->v[1] = b;
    return SK_OK;
}

/* In unsigned numbers, since the span may need 64 bits. */
size_t eng_jn_range_len(const jn_range *g)
{
    assert(g->step != 0);
    if (g->step > 0 ? g->start >= g->stop : g->start <= g->stop) return 0;
    uint64_t span = g->step > 0 ? (uint64_t)g->stop - (uint64_t)g->start
                                : (uint64_t)g->start - (uint64_t)g->stop;
    uint64_t step = g->step > 0 ? (uint64_t)g->step : -(uint64_t)g->step;
    return (size_t)((span - 1) / step + 1);
}

/* ---- items ---- */

static sk_status range_items(jn_run *r, const jn_range *g, jn_seq *out)
{
    size_t n = eng_jn_range_len(g);
    sk_status st = eng_jn_step(r, n / 4);
    jn_val *v = st ? NULL : jn_new_n(&r->mem, jn_val, n + 1);
    if (st) return st;
    if (!v) return eng_jn_oom(r);
    for (size_t i = 0; i < n; i++)
        v[i] = jn_int((int64_t)((uint64_t)g->start + i * (uint64_t)g->step));
    *out = (jn_seq){v, n, n};
    return SK_OK;
}

/* Each a slice of the string, and no longer safe. */
static sk_status char_items(jn_run *r, jn_str *s, jn_seq *out)
{
    size_t n = eng_jn_str_chars(s), k = 0;
    sk_status st = eng_jn_step(r, n / 4);
    jn_val *v = st ? NULL : jn_new_n(&r->mem, jn_val, n + 1);
    if (st) return st;
    if (!v) return eng_jn_oom(r);
    for (size_t i = 0; i < s->n && !st;) {
        size_t len;
        (void)eng_jn_utf8_get(s->p + i, &len);
        st = eng_jn_str_sub(r, s, i, len, &v[k]);
        if (!st) v[k++].u.s->safe = false;
        i += len;
    }
    assert(st || k == n);
    *out = (jn_seq){v, n, n};
    return st;
}

/* As they are now: later changes are not seen. */
static sk_status dict_items(jn_run *r, const jn_dict *d, jn_view_kind kind, jn_seq *out)
{
    sk_status st = eng_jn_step(r, d->live / 4);
    jn_val *v = st ? NULL : jn_new_n(&r->mem, jn_val, d->live + 1);
    if (st) return st;
    if (!v) return eng_jn_oom(r);
    size_t n = 0, at = 0;
    for (jn_entry *e; !st && (e = eng_jn_dict_next(d, &at)); n++) {
        v[n] = kind == JN_KEYS ? e->key : e->val;
        if (kind == JN_ITEMS) st = eng_jn_pair(r, e->key, e->val, &v[n]);
    }
    assert(st || n == d->live);
    *out = (jn_seq){v, n, n};
    return st;
}

/* What is left of a generator, which is then used up. fill is taken off before it runs: a
 * generator that reads itself (through a variable it was assigned to) gets nothing instead of
 * recursing for ever. */
static sk_status gen_items(jn_run *r, jn_gen *g, jn_seq *out)
{
    if (g->fill) {
        sk_status (*fill)(jn_run *, jn_gen *, jn_seq *) = g->fill;
        g->fill = NULL;
        sk_status st = fill(r, g, &g->items);
        if (st) return st;
    }
    assert(g->at <= g->items.n);
    size_t left = g->items.n - g->at;
    *out = (jn_seq){left ? g->items.v + g->at : NULL, left, 0, false};
    g->at = g->items.n;
    return SK_OK;
}

/* What iter() takes. */
bool eng_jn_iterable(jn_val v)
{
    return v.type == JN_STR || jn_is_seq(v) || v.type == JN_DICT || v.type == JN_RANGE ||
           v.type == JN_VIEW || v.type == JN_GEN || v.type == JN_UNDEF;
}

/* Lists are not copied: their arrays are replaced, never shifted, by what changes them. */
sk_status eng_jn_items(jn_run *r, jn_val v, jn_seq *out)
{
    switch ((int)v.type) {
    case JN_UNDEF:
        *out = (jn_seq){NULL, 0, 0};
        return SK_OK;
    case JN_STR:
        return char_items(r, v.u.s, out);
    case JN_LIST:
    case JN_TUPLE:
        *out = *v.u.seq;
        return SK_OK;
    case JN_DICT:
        return dict_items(r, v.u.d, JN_KEYS, out);
    case JN_VIEW:
        return dict_items(r, v.u.view->dict, v.u.view->kind, out);
    case JN_RANGE:
        return range_items(r, v.u.range, out);
    case JN_GEN:
        return gen_items(r, v.u.gen, out);
    default:
        return eng_jn_fail(r, SK_E_INVALID, "'%s' object is not iterable", eng_jn_type_name(v));
    }
}

/* What is undefined has length 0.  Generators have none, as in Python: counting would use them
 * up. */
sk_status eng_jn_len(jn_run *r, jn_val v, size_t *out)
{
    switch ((int)v.type) {
    case JN_UNDEF:
        *out = 0;
        return SK_OK;
    case JN_STR:
        *out = eng_jn_str_chars(v.u.s);
        return eng_jn_step_bytes(r, v.u.s->n);
    case JN_LIST:
    case JN_TUPLE:
        *out = v.u.seq->n;
        return SK_OK;
    case JN_DICT:
        *out = v.u.d->live;
        return SK_OK;
    case JN_VIEW:
        *out = v.u.view->dict->live;
        return SK_OK;
    case JN_RANGE:
        *out = eng_jn_range_len(v.u.range);
        return SK_OK;
    case JN_LOOP:
        *out = v.u.loop->items.n;
        return SK_OK;
    default:
        return eng_jn_fail(r, SK_E_INVALID, "object of type '%s' has no len()",
                           eng_jn_type_name(v));
    }
}

/* ---- generators and what is not there ---- */

sk_status eng_jn_gen_new(jn_run *r, sk_status (*fill)(jn_run *, jn_gen *, jn_seq *), jn_val src,
                         const jn_args *args, unsigned flags, jn_val *out)
{
    jn_gen *g = jn_new(&r->mem, jn_gen);
    if (!g) return eng_jn_oom(r);
    *g = (jn_gen){.fill = fill, .src = src, .flags = flags};
    if (args) g->args = *args;
    *out = (jn_val){.type = JN_GEN, .u.gen = g};
    return SK_OK;
}

/* The sentence is made only when it is needed. */
sk_status eng_jn_undef(jn_run *r, const char *owner, jn_val name, jn_val *out)
{
    jn_undef *u = jn_new(&r->mem, jn_undef);
    if (!u) return eng_jn_oom(r);
    *u = (jn_undef){owner, NULL, name};
    *out = (jn_val){.type = JN_UNDEF, .u.undef = u};
    return SK_OK;
}

/* For what has a sentence of its own. */
sk_status eng_jn_undef_hint(jn_run *r, const char *hint, jn_val *out)
{
    sk_status st = eng_jn_undef(r, NULL, jn_none(), out);
    if (!st) out->u.undef->hint = hint;
    return st;
}

sk_status(eng_jn_undef_fail)(jn_run *r, jn_val v)
{
    assert(v.type == JN_UNDEF);
    const jn_undef *u = v.u.undef;
    if (u->hint) return eng_jn_fail(r, SK_E_INVALID, "%s", u->hint);
    const jn_val k = u->name;
    int n = k.type == JN_STR ? (int)(k.u.s->n < 80 ? k.u.s->n : 80) : 0;
    const char *p = n ? k.u.s->p : "";
    if (!u->owner) return eng_jn_fail(r, SK_E_INVALID, "'%.*s' is undefined", n, p);
    const char *kind = strcmp(u->owner, "None") == 0 ? "" : " object";
    if (k.type == JN_STR)
        return eng_jn_fail(r, SK_E_INVALID, "'%s%s' has no attribute '%.*s'", u->owner, kind, n, p);
    if (jn_is_int(k))
        return eng_jn_fail(r, SK_E_INVALID, "%s%s has no element %lld", u->owner, kind,
                           (long long)jn_to_int(k));
    return eng_jn_fail(r, SK_E_INVALID, "%s%s has no such element", u->owner, kind);
}
