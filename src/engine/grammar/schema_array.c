/* schema_array.c - arrays: elements by their place, numbers of them, "contains". */
#include "engine/grammar/schema_core.h"

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

/* What is known of an array. */
typedef struct shape {
    int64_t least, most;
    size_t prefix;            /* elements that have a schema of their own */
    const eng_sval *contains; /* NULL: none */
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
    shape a = {0, INT64_MAX, 0, NULL};
    const eng_sval *unique = NULL;
    for (size_t i = 0; i < n; i++) {
        int64_t lo = eng_sc_count(c, v[i], "minItems", 0);
        int64_t hi = eng_sc_count(c, v[i], "maxItems", INT64_MAX);
        size_t k = eng_sval_size(prefix_of(v[i]));
        const eng_sval *u = eng_sval_get(v[i], "uniqueItems");
        a.least = lo > a.least ? lo : a.least;
        a.most = hi < a.most ? hi : a.most;
        a.prefix = k > a.prefix ? k : a.prefix;
        if (u && u->kind == 't') unique = v[i];
        take_contains(c, &a, v[i]);
    }
    if (unique && a.most > 1)
        (void)eng_sc_refuse(c, unique, "uniqueItems", "this keyword cannot be enforced");
    return a;
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
    build(&w, open);
}
