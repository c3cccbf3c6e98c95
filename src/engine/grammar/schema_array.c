/* schema_array.c - arrays: elements by their place, numbers of them, "contains"; and those whose
 * elements differ, where there are few values they can have. */
#include "engine/grammar/schema_core.h"

#include <string.h>

/* "prefixItems", or "items" as an array (up to draft 2019-09). */
static const eng_sval *prefix_of(const eng_sval *s)
{
    const eng_sval *v = eng_sval_get(s, "prefixItems"), *items = eng_sval_get(s, "items");
    return v ? v : items && items->kind == '[' ? items : NULL;
}

/* What holds for elements behind the prefix. */
static const eng_sval *rest_of(const eng_sval *s)
{
    const eng_sval *items = eng_sval_get(s, "items");
    return items && items->kind == '[' ? eng_sval_get(s, "additionalItems") : items;
}

/* The schemas of element i; `more` (NULL: none) is one that it must satisfy, too. */
static uint32_t element(eng_sc *c, const eng_sval *const *v, size_t n, size_t i,
                        const eng_sval *more)
{
    const eng_sval *all[ENG_SET_MOST + 1];
    size_t k = 0;
    for (size_t j = 0; j < n && j < ENG_SET_MOST; j++) {
        const eng_sval *prefix = prefix_of(v[j]), *one = prefix ? prefix->child : NULL;
        for (size_t at = i; one && at--;)
            one = one->next;
        if (!one) one = rest_of(v[j]);
        if (one) all[k++] = one;
    }
    if (more) all[k++] = more;
    return eng_sc_set(c, all, k);
}

uint32_t eng_sc_element(eng_sc *c, const eng_sval *const *v, size_t n, size_t i)
{
    return element(c, v, n, i, NULL);
}

/* Values that elements of a "uniqueItems" may have: there is a node for each set of them. */
enum { UNIQUE_MOST = 10 };

/* What is known of an array. */
typedef struct shape {
    int64_t least, most;
    size_t prefix;            /* elements that have a schema of their own */
    const eng_sval *contains; /* NULL: none */
    const eng_sval *unique;   /* the schema that says so; NULL: none */
} shape;

static void take_contains(eng_sc *c, shape *a, const eng_sval *s)
{
    const eng_sval *v = eng_sval_get(s, "contains");
    if (!v || eng_sc_count(c, s, "minContains", 1) == 0) return;
    if (eng_sc_count(c, s, "minContains", 1) > 1 || eng_sval_get(s, "maxContains"))
        (void)eng_sc_refuse(c, s, "contains", "more than one element cannot be counted");
    if (a->contains)
        (void)eng_sc_refuse(c, s, "contains", "two of them at once cannot be enforced");
    a->contains = v;
}

static shape measure(eng_sc *c, const eng_sval *const *v, size_t n)
{
    shape a = {0, INT64_MAX, 0, NULL, NULL};
    for (size_t i = 0; i < n; i++) {
        int64_t lo = eng_sc_count(c, v[i], "minItems", 0);
        int64_t hi = eng_sc_count(c, v[i], "maxItems", INT64_MAX);
        size_t k = eng_sval_size(prefix_of(v[i]));
        const eng_sval *u = eng_sval_get(v[i], "uniqueItems");
        a.least = lo > a.least ? lo : a.least;
        a.most = hi < a.most ? hi : a.most;
        a.prefix = k > a.prefix ? k : a.prefix;
        if (u && u->kind == 't') a.unique = v[i];
        take_contains(c, &a, v[i]);
    }
    if (a.most <= 1) a.unique = NULL;
    return a;
}

/* ---- elements that differ ---- */

/* The values of a schema that lists them, behind references; NULL if it does not. */
static const eng_sval *list_of(eng_sc *c, const eng_sval *s)
{
    for (int i = 0; i < 8 && s; i++) {
        const eng_sval *list = eng_sval_get(s, "enum"), *ref = eng_sval_get(s, "$ref");
        if (list) return list->kind == '[' ? list : NULL;
        s = ref && ref->kind == '"' ? eng_sdoc_ref(&c->doc, &ref->str) : NULL;
    }
    return NULL;
}

/* Adds a value if it satisfies all schemas of the set and was not there; false if that can't be
 * said, or there are too many. */
static bool add_value(eng_sc *c, const eng_sval *x, uint32_t set, const eng_sval **out, size_t *n)
{
    for (size_t i = 0; i < c->set[set].n; i++) {
        int ok = eng_sc_valid(c, x, c->set[set].v[i], 0);
        if (ok <= 0) return ok == 0;
    }
    for (size_t i = 0; i < *n; i++)
        if (eng_sval_equal(out[i], x)) return true;
    if (*n == UNIQUE_MOST) return false;
    out[(*n)++] = x;
    return true;
}

/* The values that elements can have; false if they are not few. */
static bool few_values(eng_sc *c, uint32_t set, const eng_sval **out, size_t *n)
{
    static const eng_sval yes = {.kind = 't'}, no = {.kind = 'f'};
    const eng_sval *list = NULL;
    bool boolean = false;
    for (size_t i = 0; i < c->set[set].n && !list; i++) {
        const eng_sval *type = eng_sval_get(c->set[set].v[i], "type");
        list = list_of(c, c->set[set].v[i]);
        boolean = boolean || (type && type->kind == '"' && strcmp(type->str.p, "boolean") == 0);
    }
    *n = 0;
    if (!list) return boolean && add_value(c, &yes, set, out, n) && add_value(c, &no, set, out, n);
    for (const eng_sval *x = list->child; x; x = x->next)
        if (!eng_sc_step(c) || !add_value(c, x, set, out, n)) return false;
    return true;
}

/* The set of one value. */
static uint32_t set_of(eng_sc *c, const eng_sval *x)
{
    eng_sval *s = eng_sval_new(&c->doc, '{', NULL, x);
    if (!s || !eng_sval_put(&c->doc, s, "const", x)) {
        (void)eng_sc_nomem(c);
        return ENG_SET_NONE;
    }
    const eng_sval *one[1] = {s};
    return eng_sc_set(c, one, 1);
}

/* A node for each set of values that were taken (bits of `mask`), in the order of their masks: each
 * value leads to a larger one. */
static void build_unique(eng_sc *c, const shape *a, const uint32_t *set, size_t n, uint32_t from,
                         uint32_t to)
{
    uint32_t node[1u << UNIQUE_MOST];
    node[0] = from;
    for (uint32_t mask = 1; mask < 1u << n; mask++)
        node[mask] = eng_rules_node(c->r, false);
    for (uint32_t mask = 0; mask < 1u << n && eng_sc_step(c); mask++) {
        int64_t taken = __builtin_popcount(mask);
        uint32_t at = node[mask];
        if (taken >= a->least) eng_rules_rx(c->r, at, eng_sc_token(c, "]"), to);
        if (taken >= a->most) continue;
        if (mask) {
            at = eng_rules_node(c->r, false);
            eng_rules_rx(c->r, node[mask], eng_sc_token(c, ","), at);
        }
        for (size_t i = 0; i < n; i++)
            if (!(mask >> i & 1)) eng_sc_value(c, at, set[i], node[mask | 1u << i]);
    }
}

/* An array whose elements differ. */
static void unique_array(eng_sc *c, const eng_sval *const *v, size_t n, const shape *a,
                         uint32_t from, uint32_t to)
{
    const eng_sval *value[UNIQUE_MOST];
    uint32_t set[UNIQUE_MOST], all = element(c, v, n, 0, NULL);
    size_t k = 0;
    if (all == ENG_SET_NONE) return;
    if (a->prefix || a->contains || !few_values(c, all, value, &k)) {
        (void)eng_sc_refuse(c, a->unique, "uniqueItems",
                            "this keyword cannot be enforced but for elements of few values");
        return;
    }
    for (size_t i = 0; i < k; i++)
        if ((set[i] = set_of(c, value[i])) == ENG_SET_NONE) return;
    if (a->least <= (int64_t)k) build_unique(c, a, set, k, from, to);
}

/* Nodes of one array: after i elements, and with or without the one that "contains" asks for. */
typedef struct walk {
    eng_sc *c;
    const eng_sval *const *v;
    size_t n;
    shape a;
    uint32_t to;
} walk;

/* Edges of one more element, from `from` (no comma before the first) to the nodes `next` of both
 * kinds. */
static void one_more(walk *w, size_t i, bool seen, uint32_t from, const uint32_t next[2])
{
    eng_sc *c = w->c;
    if (i) {
        uint32_t comma = eng_rules_node(c->r, false);
        eng_rules_rx(c->r, from, eng_sc_token(c, ","), comma);
        from = comma;
    }
    eng_sc_value(c, from, element(c, w->v, w->n, i, NULL), next[seen]);
    if (!seen) eng_sc_value(c, from, element(c, w->v, w->n, i, w->a.contains), next[1]);
}

/* Up to `fixed` elements each count has a node; behind them, where no maximum is set, one node goes
 * round. */
static void build(walk *w, uint32_t from)
{
    eng_sc *c = w->c;
    bool endless = w->a.most == INT64_MAX, needs = w->a.contains != NULL;
    int64_t need = w->a.least > (int64_t)w->a.prefix ? w->a.least : (int64_t)w->a.prefix;
    int64_t fixed = endless ? (need > 1 ? need : 1) : w->a.most;
    uint32_t at[2] = {from, from}, next[2];
    eng_rx close = eng_sc_token(c, "]");
    for (int64_t i = 0; i <= fixed && eng_sc_step(c); i++) {
        bool last = i == fixed;
        next[0] = last ? at[0] : eng_rules_node(c->r, false);
        next[1] = last ? at[1] : needs ? eng_rules_node(c->r, false) : next[0];
        for (int seen = !needs; seen < 2; seen++) {
            if (seen && needs && i == 0) continue; /* nothing was seen yet */
            if (seen && i >= w->a.least) eng_rules_rx(c->r, at[seen], close, w->to);
            if (!last || endless) one_more(w, (size_t)i, seen, at[seen], next);
        }
        at[0] = next[0];
        at[1] = next[1];
    }
}

void eng_sc_array(eng_sc *c, const eng_sval *const *v, size_t n, uint32_t from, uint32_t to)
{
    walk w = {c, v, n, measure(c, v, n), to};
    if (c->st || w.a.least > w.a.most) return;
    /* A long prefix behind which the maximum ends is cut; a count beyond all reason is refused. */
    bool big = w.a.least > ENG_COUNT_MOST || (int64_t)w.a.prefix > ENG_COUNT_MOST ||
               (w.a.most != INT64_MAX && w.a.most > ENG_COUNT_MOST);
    if (big) {
        (void)eng_sc_refuse(c, v[0], NULL, "so many elements cannot be counted");
        return;
    }
    uint32_t open = eng_rules_node(c->r, false);
    eng_rules_rx(c->r, from, eng_sc_token(c, "["), open);
    if (w.a.unique)
        unique_array(c, v, n, &w.a, open, to);
    else
        build(&w, open);
}
