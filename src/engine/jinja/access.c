/* access.c - attributes, items and slices.
 *
 * jinja2 makes no difference between a.b and a['b'] but in what it tries first, and templates
 * lean on it: message.content works on a dict.  What is tried: the attribute proper (a method, a
 * field of `loop`, a member of a namespace), and the item.
 */
#include "engine/jinja/dict.h"
#include "engine/jinja/method.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"

#include <string.h>

/* What "undefined" says of its owner. */
static const char *owner_of(jn_val v)
{
    if (v.type == JN_NONE) return "None";
    return v.type == JN_NS ? "jinja2.utils.Namespace" : eng_jn_type_name(v);
}

/* loop.previtem and loop.nextitem: undefined at the ends of the loop. */
static sk_status item_or_undef(jn_run *r, const jn_seq *s, size_t at, jn_val *out)
{
    if (at < s->n) {
        *out = s->v[at];
        return SK_OK;
    }
    return eng_jn_undef_hint(r, "there is no such item", out);
}

/* The attributes of `loop`; *found is false for a name it lacks.  The table is made anew at each
 * access; nine stores are less than keeping it up to date at each pass. */
static sk_status loop_attr(jn_run *r, const jn_loop *l, const jn_str *name, bool *found,
                           jn_val *out)
{
    size_t n = l->items.n, i = l->index;
    const struct {
        const char *name;
        jn_val v;
    } attr[] = {
        {"index", jn_int((int64_t)i + 1)},
        {"index0", jn_int((int64_t)i)},
        {"revindex", jn_int((int64_t)(n - i))},
        {"revindex0", jn_int((int64_t)(n - i) - 1)},
        {"first", jn_bool(i == 0)},
        {"last", jn_bool(i + 1 == n)},
        {"length", jn_int((int64_t)n)},
        {"depth", jn_int((int64_t)l->depth + 1)},
        {"depth0", jn_int((int64_t)l->depth)},
    };
    *found = true;
    for (size_t k = 0; k < sizeof attr / sizeof attr[0]; k++)
        if (eng_jn_str_is(name, attr[k].name)) {
            *out = attr[k].v;
            return SK_OK;
        }
    if (eng_jn_str_is(name, "nextitem")) return item_or_undef(r, &l->items, i + 1, out);
    if (eng_jn_str_is(name, "previtem"))
        return item_or_undef(r, &l->items, i ? i - 1 : SIZE_MAX, out);
    *found = false;
    return SK_OK;
}

/* The fields of objects that have some: a member of a namespace, cycler.current, macro.name, and
 * the two names of a group that groupby gives.  *found is false for all else. */
static sk_status field(jn_run *r, jn_val a, jn_str *name, bool *found, jn_val *out)
{
    jn_entry *e = NULL;
    sk_status st = SK_OK;
    *found = true;
    if (a.type == JN_LOOP) return loop_attr(r, a.u.loop, name, found, out);
    if (a.type == JN_NS) {
        st = eng_jn_dict_find(r, a.u.d, jn_of_str(name), &e);
        if (e) *out = e->val;
        *found = e != NULL;
    } else if (a.type == JN_CYCLER && eng_jn_str_is(name, "current")) {
        *out = a.u.cycler->items.v[a.u.cycler->at];
    } else if (a.type == JN_MACRO && eng_jn_str_is(name, "name")) {
        *out = jn_of_str(a.u.macro->node->name);
    } else if (a.type == JN_TUPLE && a.u.seq->group) {
        size_t at = eng_jn_str_is(name, "grouper") ? 0 : eng_jn_str_is(name, "list") ? 1 : 2;
        *found = at < 2;
        if (at < 2) *out = a.u.seq->v[at];
    } else {
        *found = false;
    }
    return st;
}

/* The attribute proper, without looking for an item; *found tells whether there is one.  A
 * namespace has no methods: whatever it lacks is not found. */
static sk_status attribute(jn_run *r, jn_val a, jn_str *name, bool *found, jn_val *out)
{
    sk_status st = field(r, a, name, found, out);
    if (st || *found || a.type == JN_NS) return st;
    const jn_fn *fn = eng_jn_method_find(a, name);
    if (!fn) return SK_OK;
    if (!fn->fn)
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "the method '%s' of %s is not supported", fn->name,
                           eng_jn_type_name(a));
    jn_method *m = jn_new(&r->mem, jn_method);
    if (!m) return eng_jn_oom(r);
    *m = (jn_method){a, fn};
    *found = true;
    *out = (jn_val){.type = JN_METHOD, .u.method = m};
    return SK_OK;
}

/* Item i, within the bounds, of a string, list, tuple or range. */
static sk_status item_at(jn_run *r, jn_val a, size_t i, jn_val *out)
{
    if (jn_is_seq(a)) {
        *out = a.u.seq->v[i];
        return SK_OK;
    }
    if (a.type == JN_RANGE) {
        const jn_range *g = a.u.range;
        *out = jn_int((int64_t)((uint64_t)g->start + (uint64_t)i * (uint64_t)g->step));
        return SK_OK;
    }
    size_t from = eng_jn_str_offset(a.u.s, i), len;
    (void)eng_jn_utf8_get(a.u.s->p + from, &len);
    sk_status st = eng_jn_str_sub(r, a.u.s, from, len, out);
    bool ascii = a.u.s->chars == a.u.s->n; /* the place was found without a walk */
    return st ? st : eng_jn_step_bytes(r, ascii ? 0 : from);
}

/* a[key] of what has items; *found is false where there is none of that key, or a has no items.  A
 * list takes whole numbers only, counted from the end if negative; a float or a text is "not
 * found" and not an error, as jinja2 turns the TypeError into undefined. */
static sk_status item(jn_run *r, jn_val a, jn_val key, bool *found, jn_val *out)
{
    jn_entry *e = NULL;
    size_t n = 0;
    *found = false;
    if (a.type == JN_DICT) {
        sk_status st = eng_jn_hashable(key) ? eng_jn_dict_find(r, a.u.d, key, &e) : SK_OK;
        if (e) *out = e->val;
        *found = e != NULL;
        return st;
    }
    if (!jn_is_int(key) || (a.type != JN_STR && !jn_is_seq(a) && a.type != JN_RANGE)) return SK_OK;
    sk_status st = eng_jn_len(r, a, &n);
    int64_t i = jn_to_int(key);
    if (i < 0) i += (int64_t)n;
    if (st || i < 0 || i >= (int64_t)n) return st;
    *found = true;
    return item_at(r, a, (size_t)i, out);
}

/* Methods win over items of the same name: {'items': 1}.items is the method. */
sk_status eng_jn_getattr(jn_run *r, jn_val a, jn_str *name, jn_val *out)
{
    bool found = false;
    if (a.type == JN_UNDEF) return eng_jn_undef_fail(r, a);
    sk_status st = attribute(r, a, name, &found, out);
    if (!st && !found) st = item(r, a, jn_of_str(name), &found, out);
    if (st || found) return st;
    return eng_jn_undef(r, owner_of(a), jn_of_str(name), out);
}

/* Items win over methods: {'items': 1}['items'] is 1, {}['items'] the method. */
sk_status eng_jn_getitem(jn_run *r, jn_val a, jn_val key, jn_val *out)
{
    bool found = false;
    if (a.type == JN_UNDEF) return eng_jn_undef_fail(r, a);
    sk_status st = item(r, a, key, &found, out);
    if (!st && !found && key.type == JN_STR) st = attribute(r, a, key.u.s, &found, out);
    if (st || found) return st;
    return eng_jn_undef(r, owner_of(a), key, out);
}

/* ---- slices ---- */

/* Python's rules for start and stop within n items.  Without this, a slice that begins past the
 * end would be an error; in Python it is empty. */
static int64_t clip(int64_t i, int64_t n, bool down)
{
    if (i < 0) i += n;
    if (i < 0) return down ? -1 : 0;
    if (i >= n) return down ? n - 1 : n;
    return i;
}

/* The step of a slice, 1 where none is given. */
static sk_status step_of(jn_run *r, jn_val v, int64_t *out)
{
    *out = v.type == JN_NONE ? 1 : jn_to_int(v);
    if (!*out) return eng_jn_fail(r, SK_E_INVALID, "slice step cannot be zero");
    if (*out == INT64_MIN) *out = -INT64_MAX; /* can be negated, and steps over as much */
    return SK_OK;
}

/* The parts of a slice over n items as numbers; *count of items. */
static sk_status bounds(jn_run *r, const jn_val part[3], int64_t n, int64_t out[2], int64_t *step,
                        size_t *count)
{
    for (int i = 0; i < 3; i++)
        if (part[i].type != JN_NONE && !jn_is_int(part[i]))
            return eng_jn_fail(r, SK_E_INVALID,
                               "slice indices must be integers or None or have an "
                               "__index__ method");
    sk_status st = step_of(r, part[2], step);
    if (st) return st;
    bool down = *step < 0;
    out[0] = down ? n - 1 : 0;
    out[1] = down ? -1 : n;
    for (int i = 0; i < 2; i++)
        if (part[i].type != JN_NONE) out[i] = clip(jn_to_int(part[i]), n, down);
    uint64_t by = down ? -(uint64_t)*step : (uint64_t)*step;
    int64_t span = down ? out[0] - out[1] : out[1] - out[0];
    *count = span > 0 ? (size_t)(((uint64_t)span - 1) / by + 1) : 0;
    return SK_OK;
}

/* Characters from, from + step, ... of a string. */
static sk_status slice_str(jn_run *r, jn_str *s, int64_t from, int64_t step, size_t n, jn_val *out)
{
    if (step == 1 || n <= 1) {
        size_t a = n ? eng_jn_str_offset(s, (size_t)from) : 0;
        size_t b = n ? eng_jn_str_offset(s, (size_t)from + n) : 0;
        sk_status st = eng_jn_str_sub(r, s, a, b - a, out);
        return st ? st : eng_jn_step_bytes(r, s->chars == s->n ? 0 : b);
    }
    jn_seq c;
    jn_sb b;
    sk_status st = eng_jn_items(r, jn_of_str(s), &c);
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < n && !st && !b.st; i++)
        eng_jn_sb_str(&b, c.v[from + (int64_t)i * step].u.s);
    if (!st) st = eng_jn_sb_done(&b, out);
    if (!st) out->u.s->safe = s->safe;
    return st;
}

/* A slice of a range is a range; its numbers can't overflow, but an empty slice's ends may.
 * Ends of an empty slice may wrap around, which unsigned arithmetic makes harmless; a step that
 * wraps to 0 is replaced, as a range's step is never 0. */
static sk_status slice_range(jn_run *r, const jn_range *g, const int64_t end[2], int64_t step,
                             jn_val *out)
{
    jn_range *s = jn_new(&r->mem, jn_range);
    if (!s) return eng_jn_oom(r);
    uint64_t first = (uint64_t)g->start, by = (uint64_t)g->step;
    *s = (jn_range){(int64_t)(first + (uint64_t)end[0] * by),
                    (int64_t)(first + (uint64_t)end[1] * by), (int64_t)(by * (uint64_t)step)};
    if (!s->step) *s = (jn_range){0, 0, 1};
    *out = (jn_val){.type = JN_RANGE, .u.range = s};
    return SK_OK;
}

/* Slices go past the lookups of getitem: what can't be sliced is an error, not undefined. */
sk_status eng_jn_slice(jn_run *r, jn_val a, const jn_val part[3], jn_val *out)
{
    size_t n = 0, count = 0;
    int64_t end[2], step = 1;
    if (a.type == JN_UNDEF) return eng_jn_undef_fail(r, a);
    if (a.type == JN_DICT) return eng_jn_fail(r, SK_E_INVALID, "unhashable type: 'slice'");
    if (a.type != JN_STR && !jn_is_seq(a) && a.type != JN_RANGE)
        return eng_jn_fail(r, SK_E_INVALID, "'%s' object is not subscriptable",
                           eng_jn_type_name(a));
    sk_status st = eng_jn_len(r, a, &n);
    if (!st) st = bounds(r, part, (int64_t)n, end, &step, &count);
    if (st) return st;
    if (a.type == JN_STR) return slice_str(r, a.u.s, end[0], step, count, out);
    if (a.type == JN_RANGE) return slice_range(r, a.u.range, end, step, out);
    st = eng_jn_step(r, count / 4);
    if (!st) st = eng_jn_seq_new(r, a.type, count, out);
    for (size_t i = 0; !st && i < count; i++)
        out->u.seq->v[i] = a.u.seq->v[end[0] + (int64_t)i * step];
    if (!st) out->mark = a.mark;
    return st;
}
