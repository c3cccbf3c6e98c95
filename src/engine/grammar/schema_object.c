/* schema_object.c - objects: named members in the schema's order, then any others.
 *
 * Members come in the order of "properties" (then those that only "required" names), each at most
 * once; members without a name in the schema follow behind. */
#include "engine/grammar/schema_core.h"

#include <string.h>

enum { OTHERS_MOST = 64 };

/* A member with a name. */
typedef struct member {
    const eng_str *name;
    uint32_t set;
    bool required;
} member;

/* A class of other names (bodies with the quote behind), and what their members must satisfy. */
typedef struct others {
    eng_rx key;
    const eng_sval *need[ENG_SET_MOST];
    size_t n_need;
    bool claimed[ENG_SET_MOST]; /* by fact: one of its patterns holds */
} others;

/* One object being built. */
typedef struct shape {
    eng_sc *c;
    const eng_sval *const *v;
    size_t n;
    member *m;
    size_t n_m, cap_m;
    int64_t least, most;
    eng_rx names; /* "propertyNames": bodies that all names must match, ALL without it */
} shape;

/* ---- what a member must satisfy ---- */

/* True if a name matches a pattern. */
static bool matches(eng_sc *c, const eng_sval *s, const eng_sval *pattern, const eng_str *name)
{
    eng_rx both = eng_rx_and2(c->p, eng_sc_text(c, name, false),
                              eng_sc_pattern(c, s, "patternProperties", &pattern->key));
    return !c->st && !eng_rx_empty(c->p, both);
}

static const eng_sval *by_name(const eng_sval *props, const eng_str *name)
{
    for (const eng_sval *k = props && props->kind == '{' ? props->child : NULL; k; k = k->next)
        if (k->key.n == name->n && !memcmp(k->key.p, name->p, name->n)) return k;
    return NULL;
}

/* "additionalProperties" speaks of what neither "properties" nor a pattern of the same schema names
 * (JSON Schema 2020-12, Core 10.3.2.3), so each of the facts is asked by itself. */
uint32_t eng_sc_member(eng_sc *c, const eng_sval *const *v, size_t n, const eng_str *key)
{
    const eng_sval *all[ENG_SET_MOST];
    size_t k = 0;
    for (size_t i = 0; i < n && !c->st; i++) {
        const eng_sval *one = by_name(eng_sval_get(v[i], "properties"), key);
        const eng_sval *pats = eng_sval_get(v[i], "patternProperties");
        const eng_sval *more = eng_sval_get(v[i], "additionalProperties");
        bool claimed = one != NULL;
        if (one && k < ENG_SET_MOST) all[k++] = one;
        for (const eng_sval *p = pats ? pats->child : NULL; p && !c->st; p = p->next) {
            if (!matches(c, v[i], p, key)) continue;
            claimed = true;
            if (k < ENG_SET_MOST) all[k++] = p;
        }
        if (!claimed && more && k < ENG_SET_MOST) all[k++] = more;
    }
    if (k == ENG_SET_MOST)
        (void)eng_sc_refuse(c, v[0], NULL, "so many schemas of one member cannot be enforced");
    return c->st ? ENG_SET_NONE : eng_sc_set(c, all, k);
}

/* ---- names ---- */

static void add_member(shape *o, const eng_str *name, bool required)
{
    for (size_t i = 0; i < o->n_m; i++)
        if (o->m[i].name->n == name->n && !memcmp(o->m[i].name->p, name->p, name->n)) {
            o->m[i].required = o->m[i].required || required;
            return;
        }
    if (!eng_grow(&o->m, &o->cap_m, o->n_m + 1, sizeof *o->m))
        (void)eng_sc_nomem(o->c);
    else
        o->m[o->n_m++] = (member){name, eng_sc_member(o->c, o->v, o->n, name), required};
}

static void add_required(shape *o, const eng_sval *s)
{
    const eng_sval *list = eng_sval_get(s, "required");
    if (list && list->kind != '[') {
        (void)eng_sc_fail(o->c, SK_E_INVALID, s, "required", "not an array of names");
        return;
    }
    for (const eng_sval *k = list ? list->child : NULL; k && eng_sc_step(o->c); k = k->next) {
        if (k->kind == '"')
            add_member(o, &k->str, true);
        else
            (void)eng_sc_fail(o->c, SK_E_INVALID, s, "required", "not an array of names");
    }
}

/* "propertyNames" is a schema of strings: the bodies it leaves. */
static eng_rx names_of(eng_sc *c, const eng_sval *s)
{
    const eng_sval *v = eng_sval_get(s, "propertyNames"), *one[1] = {v};
    eng_rxsum all = {0};
    if (!v) return ENG_RX_ALL;
    uint32_t set = eng_sc_set(c, one, 1);
    if (set == ENG_SET_NONE) return ENG_RX_NONE;
    eng_sc_expand(c, set);
    for (size_t i = 0; !c->st && i < c->set[set].n_alt; i++) {
        eng_sset a = c->set[c->set[set].alt[i]];
        bool constant;
        unsigned types = eng_sc_types(c, a.v, a.n) & ENG_T_STR;
        eng_rx rx = eng_sc_scalar(c, a.v, a.n, types, &constant);
        eng_rxsum_add(c->p, &all, eng_rx_step(c->p, rx, '"'));
    }
    return eng_rx_and2(c->p, eng_rxsum_or(c->p, &all), c->body_json);
}

/* The strictest counts, what names must match, and the members with a name in the order in which
 * they are written: those of "properties", then those that only "required" names.  A member whose
 * name is forbidden gets the empty set. */
static void measure(shape *o)
{
    eng_sc *c = o->c;
    o->most = INT64_MAX;
    o->names = ENG_RX_ALL;
    for (size_t i = 0; i < o->n && !c->st; i++) {
        const eng_sval *props = eng_sval_get(o->v[i], "properties");
        int64_t lo = eng_sc_count(c, o->v[i], "minProperties", 0);
        int64_t hi = eng_sc_count(c, o->v[i], "maxProperties", INT64_MAX);
        o->least = lo > o->least ? lo : o->least;
        o->most = hi < o->most ? hi : o->most;
        o->names = eng_rx_and2(c->p, o->names, names_of(c, o->v[i]));
        if (props && props->kind != '{')
            (void)eng_sc_fail(c, SK_E_INVALID, o->v[i], "properties", "not an object");
        for (const eng_sval *k = props ? props->child : NULL; k && eng_sc_step(c); k = k->next)
            add_member(o, &k->key, false);
    }
    for (size_t i = 0; i < o->n && !c->st; i++)
        add_required(o, o->v[i]);
    for (size_t i = 0; i < o->n_m && !c->st && o->names != ENG_RX_ALL; i++) {
        eng_rx both = eng_rx_and2(c->p, eng_sc_text(c, o->m[i].name, false), o->names);
        if (eng_rx_empty(c->p, both)) o->m[i].set = ENG_SET_NONE;
    }
}

/* ---- other names ---- */

/* Divides every class by one pattern of fact i: names that match must satisfy its schema. */
static size_t divide(shape *o, others *x, size_t n, size_t i, const eng_sval *pattern)
{
    eng_sc *c = o->c;
    eng_rx p = eng_sc_pattern(c, o->v[i], "patternProperties", &pattern->key);
    size_t old = n;
    for (size_t k = 0; k < old && eng_sc_step(c); k++) {
        eng_rx in = eng_rx_and2(c->p, x[k].key, p);
        eng_rx out = eng_rx_and2(c->p, x[k].key, eng_rx_not(c->p, p));
        bool some_in = !eng_rx_empty(c->p, in), some_out = !eng_rx_empty(c->p, out);
        if (!some_in) continue;
        others *into = &x[k];
        if (some_out) {
            if (n == OTHERS_MOST) {
                (void)eng_sc_refuse(c, o->v[i], "patternProperties",
                                    "so many overlapping patterns cannot be enforced");
                return n;
            }
            x[k].key = out;
            into = &x[n++];
            *into = x[k];
        }
        into->key = in;
        into->claimed[i] = true;
        if (into->n_need < ENG_SET_MOST) into->need[into->n_need++] = pattern;
    }
    return n;
}

/* The names that no member has, all that "propertyNames" leaves. */
static eng_rx other_names(shape *o)
{
    eng_sc *c = o->c;
    bool plain = !o->n_m && o->names == ENG_RX_ALL;
    for (size_t i = 0; i < o->n; i++) {
        const eng_sval *p = eng_sval_get(o->v[i], "patternProperties");
        plain = plain && !(p && p->child);
    }
    if (plain) return c->body_free;
    if (!o->n_m) return eng_rx_and2(c->p, c->body_json, o->names);
    eng_rx *v = sk_alloc(SK_MEM_REQUEST, o->n_m * sizeof *v);
    if (!v) {
        (void)eng_sc_nomem(c);
        return ENG_RX_NONE;
    }
    for (size_t i = 0; i < o->n_m; i++)
        v[i] = eng_sc_text(c, o->m[i].name, false);
    eng_rx known = eng_rx_or(c->p, v, o->n_m);
    sk_free(v);
    eng_rx rest = eng_rx_and2(c->p, c->body_json, eng_rx_not(c->p, known));
    return eng_rx_and2(c->p, rest, o->names);
}

/* All classes of other names; their number. */
static size_t classes(shape *o, others *x)
{
    eng_sc *c = o->c;
    size_t n = 1;
    x[0] = (others){.key = other_names(o)};
    for (size_t i = 0; i < o->n && !c->st; i++) {
        const eng_sval *p = eng_sval_get(o->v[i], "patternProperties");
        for (const eng_sval *k = p ? p->child : NULL; k && !c->st; k = k->next)
            n = divide(o, x, n, i, k);
    }
    for (size_t k = 0; k < n && !c->st; k++)
        for (size_t i = 0; i < o->n; i++) {
            const eng_sval *more = eng_sval_get(o->v[i], "additionalProperties");
            if (more && !x[k].claimed[i] && x[k].n_need < ENG_SET_MOST)
                x[k].need[x[k].n_need++] = more;
        }
    return n;
}

/* ---- the rule ---- */

/* `"name" :`, white space allowed. */
static eng_rx key_token(eng_sc *c, eng_rx body)
{
    eng_rx whole = eng_rx_cat(c->p, c->quote, body);
    return eng_rx_cat(c->p, eng_sc_spaced(c, whole), eng_sc_token(c, ":"));
}

/* Names from member i on, `count` of which (up to what matters) came before.  Nodes are made as
 * they are needed: key[i * width + count] where a name comes next, after[...] behind a value. */
typedef struct grid {
    shape *o;
    uint32_t *key, *after; /* 0: not made yet (node 0 is the start of the whole) */
    size_t width, last;    /* counts told apart; member behind which all are optional */
    others *x;
    size_t n_x;
    uint32_t to;
} grid;

static uint32_t node_of(grid *g, uint32_t *v, size_t i, size_t count)
{
    uint32_t *at = &v[i * g->width + count];
    if (!*at) *at = eng_rules_node(g->o->c->r, false);
    return *at;
}

/* `key` at (i, count) leads to a value, and behind it to after(next, count + 1). */
static void add_key(grid *g, uint32_t from, eng_rx key, uint32_t set, uint32_t to)
{
    eng_sc *c = g->o->c;
    uint32_t value = eng_rules_node(c->r, false);
    eng_rules_rx(c->r, from, key, value);
    eng_sc_value(c, value, set, to);
}

/* Counts beyond what matters are one. */
static size_t count_up(const grid *g, size_t count)
{
    return count + 1 < g->width ? count + 1 : g->width - 1;
}

/* Behind a member without a name in the schema: it may come twice, and is then one, so where a
 * least number counts those behind the first are not counted. */
static size_t count_other(const grid *g, size_t i, size_t count)
{
    return i > g->o->n_m && g->o->least > 1 ? count : count_up(g, count);
}

/* What may come at (i, count) where a name comes next.  Row n_m is the first member without a name
 * in the schema, the row behind it all others of them. */
static void cell_key(grid *g, size_t i, size_t count, uint32_t from, const uint32_t *other_set)
{
    shape *o = g->o;
    eng_sc *c = o->c;
    if (i < o->n_m) {
        eng_rx key = key_token(c, eng_sc_text(c, o->m[i].name, false));
        if (o->m[i].set != ENG_SET_NONE && (int64_t)count < o->most)
            add_key(g, from, key, o->m[i].set, node_of(g, g->after, i + 1, count_up(g, count)));
        if (!o->m[i].required) eng_rules_eps(c->r, from, node_of(g, g->key, i + 1, count));
        return;
    }
    for (size_t j = 0; j < g->n_x && (int64_t)count < o->most; j++)
        add_key(g, from, key_token(c, g->x[j].key), other_set[j],
                node_of(g, g->after, o->n_m + 1, count_other(g, i, count)));
}

/* The edges of (i, count). */
static void cell(grid *g, size_t i, size_t count, const uint32_t *other_set)
{
    shape *o = g->o;
    eng_sc *c = o->c;
    size_t at = i * g->width + count;
    bool full = (int64_t)count >= o->most;
    bool may_end = i >= g->last && (int64_t)count >= o->least;
    /* The last row leads back to itself. */
    if (i > o->n_m && g->key[at] && !full && g->n_x)
        (void)node_of(g, g->after, i, count_other(g, i, count));
    if (g->after[at]) {
        if (!full && (i < o->n_m || g->n_x))
            eng_rules_rx(c->r, g->after[at], eng_sc_token(c, ","), node_of(g, g->key, i, count));
        if (may_end) eng_rules_rx(c->r, g->after[at], eng_sc_token(c, "}"), g->to);
    }
    if (!g->key[at]) return;
    if (count == 0 && may_end && i == o->n_m)
        eng_rules_rx(c->r, g->key[at], eng_sc_token(c, "}"), g->to);
    cell_key(g, i, count, g->key[at], other_set);
}

static void build(grid *g, uint32_t open)
{
    shape *o = g->o;
    eng_sc *c = o->c;
    uint32_t other_set[OTHERS_MOST] = {0};
    for (size_t j = 0; j < g->n_x && !c->st; j++)
        other_set[j] = eng_sc_set(c, g->x[j].need, g->x[j].n_need);
    g->key[0] = open;
    for (size_t i = 0; i <= o->n_m + 1; i++)
        for (size_t count = 0; count < g->width && eng_sc_step(c); count++)
            cell(g, i, count, other_set);
}

/* How many counts must be told apart: none and some, or up to a bound. */
static size_t width_of(shape *o, size_t n_x)
{
    int64_t most = o->most == INT64_MAX ? 1 : o->most;
    if (o->least > most) most = o->least;
    if (!n_x && most > (int64_t)o->n_m + 1) most = (int64_t)o->n_m + 1;
    if (most < 1) most = 1;
    return (size_t)most + 1;
}

/* The object as a grid of nodes: so many members were passed, so many of them written.  Only counts
 * that the bounds tell apart have a column (width_of), and a grid without a reasonable size is
 * refused before it gets memory. */
static void object(shape *o, others *x, uint32_t from, uint32_t to)
{
    eng_sc *c = o->c;
    grid g = {.o = o, .x = x, .to = to};
    size_t cells;
    g.n_x = classes(o, x);
    if (c->st) return;
    if (g.n_x && o->least > 1 && (o->most != INT64_MAX || o->least > (int64_t)o->n_m + 1)) {
        (void)eng_sc_refuse(c, o->v[0], "minProperties",
                            "members without a name in the schema cannot be counted");
        return;
    }
    g.width = width_of(o, g.n_x);
    for (size_t i = 0; i < o->n_m; i++)
        if (o->m[i].required) g.last = i + 1;
    if (g.width > ENG_COUNT_MOST || g.width * (o->n_m + 2) > 200000) {
        (void)eng_sc_refuse(c, o->v[0], "maxProperties", "so many members cannot be counted");
        return;
    }
    cells = g.width * (o->n_m + 2);
    g.key = sk_calloc(SK_MEM_REQUEST, cells, sizeof *g.key);
    g.after = sk_calloc(SK_MEM_REQUEST, cells, sizeof *g.after);
    if (g.key && g.after) {
        uint32_t open = eng_rules_node(c->r, false);
        eng_rules_rx(c->r, from, eng_sc_token(c, "{"), open);
        build(&g, open);
    } else {
        (void)eng_sc_nomem(c);
    }
    sk_free(g.key);
    sk_free(g.after);
}

void eng_sc_object(eng_sc *c, const eng_sval *const *v, size_t n, uint32_t from, uint32_t to)
{
    shape o = {.c = c, .v = v, .n = n};
    others *x = sk_calloc(SK_MEM_REQUEST, OTHERS_MOST, sizeof *x);
    if (!x) {
        (void)eng_sc_nomem(c);
        return;
    }
    measure(&o);
    if (!c->st) object(&o, x, from, to);
    sk_free(x);
    sk_free(o.m);
}
