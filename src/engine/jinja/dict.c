/* dict.c - ordered dicts: entries in order of insertion, and an index by open addressing.
 *
 * The layout is CPython's since 3.6: a dense array of entries, and an index of numbers into it
 * with at most half of its places in use.  Order comes for free, and the walk is a walk over an
 * array.  Hashes are not seeded: keys of a template's dicts come from messages and may be made
 * to collide, so probes cost steps (find), which bounds the damage without randomness in what
 * must be reproducible.
 */
#include "engine/jinja/dict.h"

#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/str.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Tables come with the first entry. */
sk_status eng_jn_dict_new(jn_run *r, jn_type type, jn_val *out)
{
    jn_dict *d = jn_new(&r->mem, jn_dict);
    if (!d) return eng_jn_oom(r);
    *out = (jn_val){.type = (uint8_t)type, .u.d = d};
    return SK_OK;
}

/* One step of a multiplicative hash; its quality matters little, since probes are counted. */
static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

/* Equal values have equal hashes: a float that is a whole number hashes as that.  Python's rule
 * that 1 == 1.0 == True makes them one key.  Beyond the range of int64 a float has no whole
 * number to agree with, and hashes by its bits. */
static uint64_t hash_num(jn_val v)
{
    if (v.type != JN_FLOAT) return mix(1, (uint64_t)jn_to_int(v));
    double f = v.u.f;
    if (f == floor(f) && f >= -0x1p63 && f < 0x1p63) return mix(1, (uint64_t)(int64_t)f);
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    return mix(2, bits);
}

/* Eight bytes at a time. */
static uint64_t hash_bytes(const char *p, size_t n)
{
    uint64_t h = n;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = mix(h, w);
    }
    uint64_t w = 0;
    if (n) memcpy(&w, p, n);
    return mix(h, w);
}

/* Python's mutable types are no keys, nor are tuples that hold one. */
bool eng_jn_hashable(jn_val v)
{
    if (v.type == JN_LIST || v.type == JN_DICT || v.type == JN_VIEW) return false;
    for (size_t i = 0; v.type == JN_TUPLE && i < v.u.seq->n; i++)
        if (!eng_jn_hashable(v.u.seq->v[i])) return false;
    return true;
}

/* Hash of a key; lists, dicts and what holds them have none. */
static sk_status hash(jn_run *r, jn_val v, uint64_t *out);

/* Of all items in order; the number of items keeps (1,) and 1 apart. */
static sk_status hash_tuple(jn_run *r, const jn_seq *s, uint64_t *out)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    *out = s->n;
    for (size_t i = 0; i < s->n && !st; i++) {
        uint64_t h = 0;
        st = hash(r, s->v[i], &h);
        *out = mix(*out, h);
    }
    eng_jn_leave(r);
    return st ? st : eng_jn_step(r, s->n);
}

static sk_status hash(jn_run *r, jn_val v, uint64_t *out)
{
    if (v.type == JN_LIST || v.type == JN_DICT || v.type == JN_VIEW)
        return eng_jn_fail(r, SK_E_INVALID, "unhashable type: '%s'", eng_jn_type_name(v));
    if (v.type == JN_TUPLE) return hash_tuple(r, v.u.seq, out);
    if (v.type == JN_STR)
        *out = hash_bytes(v.u.s->p, v.u.s->n);
    else if (jn_is_num(v))
        *out = hash_num(v);
    else if (v.type == JN_NONE || v.type == JN_UNDEF)
        *out = mix(3, v.type);
    else /* the object itself: its address */
        *out = mix(4, (uintptr_t)v.u.d);
    return SK_OK;
}

/* The entry of a key whose hash is known.  Probes count as steps: keys may be made to collide.
 * A gap is passed over and not taken for the end: what came behind it when it was there is still
 * behind it. */
static sk_status find(jn_run *r, const jn_dict *d, jn_val key, uint64_t h, jn_entry **out)
{
    size_t probes = 0;
    *out = NULL;
    if (!d->n_index) return SK_OK;
    size_t mask = d->n_index - 1;
    assert((d->n_index & mask) == 0 && d->n < d->n_index); /* a free place ends the search */
    for (size_t i = (size_t)h & mask; d->index[i]; i = (i + 1) & mask) {
        jn_entry *e = &d->e[d->index[i] - 1];
        bool same = false;
        probes++;
        if (e->gone || e->hash != h) continue;
        sk_status st = eng_jn_eq(r, e->key, key, &same);
        if (st) return st;
        if (!same) continue;
        *out = e;
        break;
    }
    return eng_jn_step(r, probes / 4);
}

/* Looks a key up by equality, not by type: 1, 1.0 and true are one key. */
sk_status eng_jn_dict_find(jn_run *r, const jn_dict *d, jn_val key, jn_entry **out)
{
    uint64_t h = 0;
    sk_status st = hash(r, key, &h);
    return st ? st : find(r, d, key, h, out);
}

/* Makes room for one more entry; entries that are gone are dropped on the way.  The arrays
 * double by what is alive, so a dict that is filled and emptied in turn does not grow.  The old
 * arrays stay in the pool for walks that are under way. */
static sk_status make_room(jn_run *r, jn_dict *d)
{
    size_t cap = d->live * 2 < 8 ? 8 : d->live * 2, n_index = cap * 2;
    while (n_index & (n_index - 1))
        n_index += n_index & -n_index;
    jn_entry *e = jn_new_n(&r->mem, jn_entry, cap);
    uint32_t *index = e && cap < UINT32_MAX ? jn_new_n(&r->mem, uint32_t, n_index) : NULL;
    if (!index) return eng_jn_oom(r);
    size_t n = 0, at = 0;
    for (jn_entry *old; (old = eng_jn_dict_next(d, &at)); n++) {
        e[n] = *old;
        size_t i = (size_t)old->hash & (n_index - 1);
        while (index[i])
            i = (i + 1) & (n_index - 1);
        index[i] = (uint32_t)n + 1;
    }
    assert(n == d->live && n < cap);
    *d = (jn_dict){e, n, cap, n, index, n_index};
    return SK_OK;
}

/* As in Python a key that is there keeps its place and its first spelling. */
sk_status eng_jn_dict_set(jn_run *r, jn_dict *d, jn_val key, jn_val val)
{
    uint64_t h = 0;
    jn_entry *e = NULL;
    sk_status st = hash(r, key, &h);
    if (!st) st = find(r, d, key, h, &e);
    if (st) return st;
    if (e) {
        e->val = val;
        return SK_OK;
    }
    if (d->n == d->cap) st = make_room(r, d);
    if (st) return st;
    assert(d->n < d->cap && d->cap < d->n_index);
    size_t i = (size_t)h & (d->n_index - 1);
    while (d->index[i])
        i = (i + 1) & (d->n_index - 1);
    d->e[d->n] = (jn_entry){key, val, h, false};
    d->index[i] = (uint32_t)++d->n;
    d->live++;
    return SK_OK;
}

/* The entry stays as a gap until the table grows: others' numbers must not change. */
void eng_jn_dict_remove(jn_dict *d, jn_entry *e)
{
    assert(!e->gone && d->live);
    e->gone = true;
    d->live--;
}

/* Passes over the gaps. */
jn_entry *eng_jn_dict_next(const jn_dict *d, size_t *at)
{
    while (*at < d->n)
        if (!d->e[(*at)++].gone) return &d->e[*at - 1];
    return NULL;
}

/* In the order of `from`. */
sk_status eng_jn_dict_update(jn_run *r, jn_dict *d, const jn_dict *from)
{
    size_t at = 0;
    sk_status st = SK_OK;
    for (jn_entry *e; !st && (e = eng_jn_dict_next(from, &at));)
        st = eng_jn_dict_set(r, d, e->key, e->val);
    return st;
}
