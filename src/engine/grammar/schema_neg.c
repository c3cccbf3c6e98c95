/* schema_neg.c - "not": a schema that is satisfied by exactly what another is not.
 *
 * not (a and b) is (not a) or (not b), so the opposite of a schema is an anyOf with a branch for
 * each of its keywords; a keyword that speaks of one type is only broken by a value of that type.
 * Where no keyword says the opposite there is "\1not" with that one keyword inside, which strings
 * and numbers understand.
 */
#include "engine/grammar/schema_core.h"

#include <stdio.h>
#include <string.h>

enum { HOW_NOT = 1, HOW_ONE_OF = 2, NOT_DEPTH = 40 };

/* One opposite under construction: branches of an anyOf. */
typedef struct neg {
    eng_sc *c;
    const eng_sval *s; /* the schema it is the opposite of */
    eng_sval *any;     /* the list */
} neg;

static eng_sval *make(eng_sc *c, char kind, const char *key, const eng_sval *from)
{
    eng_sval *v = eng_sval_new(&c->doc, kind, key, from->origin ? from->origin : from);
    if (!v) (void)eng_sc_nomem(c);
    return v;
}

/* Appends child to o. */
static eng_sval *hang(eng_sval *o, eng_sval *child)
{
    eng_sval **tail = o ? &o->child : NULL;
    if (!o || !child) return NULL;
    while (*tail)
        tail = &(*tail)->next;
    return *tail = child;
}

/* A new branch {"type": type}; type may be NULL. */
static eng_sval *branch(neg *n, const char *type)
{
    eng_sval *v = make(n->c, '{', NULL, n->s);
    if (v && type) {
        eng_str t = {type, strlen(type)};
        if (!eng_sval_put_str(&n->c->doc, v, "type", &t)) (void)eng_sc_nomem(n->c);
    }
    return hang(n->any, v);
}

static void put(neg *n, eng_sval *o, const char *key, const eng_sval *v)
{
    if (o && v && !eng_sval_put(&n->c->doc, o, key, v)) (void)eng_sc_nomem(n->c);
}

static void put_num(neg *n, eng_sval *o, const char *key, double num)
{
    char text[32];
    eng_sval *v = make(n->c, '0', key, n->s);
    if (!v) return;
    (void)snprintf(text, sizeof text, "%.0f", num);
    v->num = num;
    v->str = (eng_str){sk_arena_strndup(n->c->doc.mem, text, strlen(text)), strlen(text)};
    if (!v->str.p) (void)eng_sc_nomem(n->c);
    (void)hang(o, v);
}

/* ---- keywords ---- */

static void not_type(neg *n, const eng_sval *v)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"null", ENG_T_NULL},      {"boolean", ENG_T_BOOL}, {"integer", ENG_T_INT},
               {"string", ENG_T_STR},     {"array", ENG_T_ARR},    {"object", ENG_T_OBJ},
               {"\1fraction", ENG_T_FRAC}};
    eng_sval *only = make(n->c, '{', NULL, n->s);
    put(n, only, "type", v);
    const eng_sval *one[1] = {only};
    unsigned bits = only ? eng_sc_types(n->c, one, 1) : 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!(bits & all[i].bit)) (void)branch(n, all[i].name);
}

/* {"type": ..., "\1not": {keyword: v}}. */
static void not_inside(neg *n, const char *type, const char *keyword, const eng_sval *v)
{
    eng_sval *b = branch(n, type), *inner = b ? make(n->c, '{', "\1not", n->s) : NULL;
    put(n, hang(b, inner), keyword, v);
}

/* Some member of the object is there and breaks its schema. */
static void not_properties(neg *n, const eng_sval *props)
{
    for (const eng_sval *k = props->child; k && !n->c->st; k = k->next) {
        const eng_sval *other = eng_sc_not(n->c, k);
        eng_sval *b = other ? branch(n, "object") : NULL;
        eng_sval *list = b ? hang(b, make(n->c, '[', "required", n->s)) : NULL;
        eng_sval *p = b ? hang(b, make(n->c, '{', "properties", n->s)) : NULL;
        if (!list || !p || !eng_sval_put_str(&n->c->doc, list, NULL, &k->key)) return;
        eng_sval *member = eng_sval_put(&n->c->doc, p, NULL, other);
        if (member)
            member->key = k->key;
        else
            (void)eng_sc_nomem(n->c);
    }
}

/* Some member that is named is absent. */
static void not_required(neg *n, const eng_sval *list)
{
    for (const eng_sval *k = list->child; k && !n->c->st; k = k->next) {
        eng_sval *b = branch(n, "object");
        eng_sval *p = b ? hang(b, make(n->c, '{', "properties", n->s)) : NULL;
        eng_sval *no = p ? hang(p, make(n->c, 'f', NULL, n->s)) : NULL;
        if (no) no->key = k->str;
    }
}

/* A bound of a count: less than the least, more than the most. */
static void not_count(neg *n, const char *type, const char *keyword, const char *opposite,
                      bool least)
{
    int64_t v = eng_sc_count(n->c, n->s, keyword, 0);
    if (least && v == 0) return;
    put_num(n, branch(n, type), opposite, (double)(least ? v - 1 : v + 1));
}

/* minimum and its kin; a boolean "exclusiveMinimum" changes what "minimum" means. */
static void not_bound(neg *n, const char *keyword, const char *strict, const char *opposite,
                      const char *opposite_strict)
{
    const eng_sval *v = eng_sval_get(n->s, keyword), *x = eng_sval_get(n->s, strict);
    if (v) put(n, branch(n, "number"), x && x->kind == 't' ? opposite : opposite_strict, v);
    if (x && x->kind == '0') put(n, branch(n, "number"), opposite, x);
}

/* Some element breaks "items" (in its form for all elements). */
static void not_items(neg *n, const eng_sval *items)
{
    if (items->kind == '[' || eng_sval_get(n->s, "prefixItems")) {
        (void)eng_sc_refuse(n->c, n->s, "items", "its opposite cannot be enforced");
        return;
    }
    const eng_sval *other = eng_sc_not(n->c, items);
    if (other) put(n, branch(n, "array"), "contains", other);
}

static void not_all_of(neg *n, const eng_sval *list)
{
    for (const eng_sval *k = list->child; k && !n->c->st; k = k->next) {
        const eng_sval *other = eng_sc_not(n->c, k);
        if (other) put(n, n->any, NULL, other);
    }
}

/* None of the list holds: an allOf. */
static void not_any_of(neg *n, const eng_sval *list)
{
    eng_sval *b = branch(n, NULL), *all = b ? hang(b, make(n->c, '[', "allOf", n->s)) : NULL;
    for (const eng_sval *k = list->child; k && !n->c->st; k = k->next) {
        const eng_sval *other = eng_sc_not(n->c, k);
        if (other) put(n, all, NULL, other);
    }
}

/* {"allOf": [a, b]} as a branch; b may be NULL. */
static void put_both(neg *n, const eng_sval *a, const eng_sval *b)
{
    eng_sval *v = a ? branch(n, NULL) : NULL;
    eng_sval *all = v ? hang(v, make(n->c, '[', "allOf", n->s)) : NULL;
    put(n, all, NULL, a);
    put(n, all, NULL, b);
}

/* None of the list holds, or two do. */
static void not_one_of(neg *n, const eng_sval *list)
{
    not_any_of(n, list);
    for (const eng_sval *a = list->child; a && !n->c->st; a = a->next)
        for (const eng_sval *b = a->next; b && eng_sc_step(n->c); b = b->next)
            put_both(n, a, b);
}

/* The condition holds and "then" doesn't, or neither it nor "else" does. */
static void not_if(neg *n, const eng_sval *cond)
{
    const eng_sval *yes = eng_sval_get(n->s, "then"), *no = eng_sval_get(n->s, "else");
    if (yes) put_both(n, cond, eng_sc_not(n->c, yes));
    if (no) put_both(n, eng_sc_not(n->c, cond), eng_sc_not(n->c, no));
}

/* No element holds what "contains" asks for. */
static void not_contains(neg *n, const eng_sval *v)
{
    if (eng_sval_get(n->s, "minContains") || eng_sval_get(n->s, "maxContains")) {
        (void)eng_sc_refuse(n->c, n->s, "contains", "its opposite cannot be enforced");
        return;
    }
    const eng_sval *other = eng_sc_not(n->c, v);
    if (other) put(n, branch(n, "array"), "items", other);
}

/* A member is there, but not all that it needs. */
static void not_depends(neg *n, const eng_sval *d)
{
    for (const eng_sval *k = d ? d->child : NULL; k && !n->c->st; k = k->next) {
        eng_sval *b = branch(n, "object");
        eng_sval *list = b ? hang(b, make(n->c, '[', "required", n->s)) : NULL;
        eng_sval *need = make(n->c, '{', NULL, n->s);
        if (!list || !need || !eng_sval_put_str(&n->c->doc, list, NULL, &k->key)) {
            (void)eng_sc_nomem(n->c);
            return;
        }
        if (k->kind == '[') put(n, need, "required", k);
        const eng_sval *other = eng_sc_not(n->c, k->kind == '[' ? need : k);
        eng_sval *all = other ? hang(b, make(n->c, '[', "allOf", n->s)) : NULL;
        put(n, all, NULL, other);
    }
}

/* Keywords whose opposite can't be said. */
static void refuse_hard(neg *n)
{
    static const char *const hard[] = {"additionalProperties",
                                       "patternProperties",
                                       "propertyNames",
                                       "prefixItems",
                                       "format",
                                       NULL};
    for (size_t i = 0; hard[i]; i++) {
        const eng_sval *v = eng_sval_get(n->s, hard[i]);
        bool says = v && v->kind != 't' && !(v->kind == '{' && !v->child);
        if (says) (void)eng_sc_refuse(n->c, n->s, hard[i], "its opposite cannot be enforced");
    }
    const eng_sval *u = eng_sval_get(n->s, "uniqueItems");
    if (u && u->kind == 't')
        (void)eng_sc_refuse(n->c, n->s, "uniqueItems", "its opposite cannot be enforced");
}

static void not_again(neg *n, const eng_sval *v)
{
    put(n, n->any, NULL, v);
}

/* A branch for each keyword of s, satisfied by the values that break that keyword, in the order of
 * the tables.  The opposite of a least count is a greatest one, and the reverse; the opposite of a
 * "\1not" or a "not" is what is in it. */
static void not_keywords(neg *n)
{
    static const struct {
        const char *keyword, *type; /* type: the only one that it speaks of */
    } values[] = {{"enum", NULL}, {"const", NULL}, {"pattern", "string"}, {"multipleOf", "number"}};
    static const struct {
        const char *type, *keyword, *other;
        bool least;
    } counts[] = {{"string", "minLength", "maxLength", true},
                  {"string", "maxLength", "minLength", false},
                  {"array", "minItems", "maxItems", true},
                  {"array", "maxItems", "minItems", false},
                  {"object", "minProperties", "maxProperties", true},
                  {"object", "maxProperties", "minProperties", false}};
    static const struct {
        const char *keyword;
        void (*add)(neg *, const eng_sval *);
    } schemas[] = {{"properties", not_properties},
                   {"required", not_required},
                   {"items", not_items},
                   {"allOf", not_all_of},
                   {"anyOf", not_any_of},
                   {"oneOf", not_one_of},
                   {"not", not_again},
                   {"if", not_if},
                   {"contains", not_contains}};
    const eng_sval *s = n->s, *v;
    refuse_hard(n);
    if ((v = eng_sval_get(s, "type"))) not_type(n, v);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if ((v = eng_sval_get(s, values[i].keyword)))
            not_inside(n, values[i].type, values[i].keyword, v);
    if ((v = eng_sval_get(s, "\1not"))) not_again(n, v);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (eng_sval_get(s, counts[i].keyword))
            not_count(n, counts[i].type, counts[i].keyword, counts[i].other, counts[i].least);
    not_bound(n, "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum");
    not_bound(n, "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum");
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        if ((v = eng_sval_get(s, schemas[i].keyword))) schemas[i].add(n, v);
    not_depends(n, eng_sval_get(s, "dependencies"));
    not_depends(n, eng_sval_get(s, "dependentRequired"));
    not_depends(n, eng_sval_get(s, "dependentSchemas"));
}

/* The opposite of what a $ref means, and of what stands beside it. */
static void not_ref(neg *n, const eng_sval *ref)
{
    const eng_sval *target = eng_sc_target(n->c, n->s, ref);
    const eng_sval *other = target ? eng_sc_not(n->c, target) : NULL;
    if (other) put(n, n->any, NULL, other);
}

const eng_sval *eng_sc_not(eng_sc *c, const eng_sval *s)
{
    if (!eng_sc_step(c)) return NULL;
    if (s->kind != '{' || !s->child) return make(c, s->kind == 'f' ? 't' : 'f', NULL, s);
    const eng_sval *old = eng_sc_derived(c, s, HOW_NOT);
    if (old) return old;
    if (c->neg_depth >= NOT_DEPTH)
        return eng_sc_refuse(c, s, NULL, "the opposite of so deep a schema cannot be enforced"),
               NULL;
    eng_sval *v = make(c, '{', NULL, s);
    neg n = {c, s, v ? hang(v, make(c, '[', "anyOf", s)) : NULL};
    if (!n.any) return NULL;
    const eng_sval *ref = eng_sval_get(s, "$ref");
    c->neg_depth++;
    if (ref) not_ref(&n, ref);
    if (!ref || c->doc.draft > 7) not_keywords(&n);
    c->neg_depth--;
    return c->st ? NULL : eng_sc_derive(c, s, HOW_NOT, v);
}

/* ---- oneOf ---- */

/* True if nothing can satisfy both. */
static bool disjoint(eng_sc *c, const eng_sval *a, const eng_sval *b)
{
    const eng_sval *both[2] = {a, b};
    uint32_t set = eng_sc_set(c, both, 2);
    return set != ENG_SET_NONE && eng_sc_hopeless(c, set);
}

/* The branch of schema a: itself, and the opposite of each other that may hold at the same time. */
static bool one_branch(eng_sc *c, eng_sval *list, const eng_sval *a, const eng_sval *all)
{
    eng_sval *v = make(c, '{', NULL, a), *both = v ? hang(v, make(c, '[', "allOf", a)) : NULL;
    if (!both || !eng_sval_put(&c->doc, both, NULL, a)) return false;
    for (const eng_sval *b = all->child; b && !c->st; b = b->next) {
        if (b == a || disjoint(c, a, b)) continue;
        const eng_sval *other = eng_sc_not(c, b);
        if (!other || !eng_sval_put(&c->doc, both, NULL, other)) return false;
    }
    if (!both->child->next) { /* nothing to exclude: the branch as it is */
        return eng_sval_put(&c->doc, list, NULL, a) != NULL;
    }
    return hang(list, v) != NULL;
}

const eng_sval *eng_sc_one_of(eng_sc *c, const eng_sval *s, const eng_sval *list)
{
    const eng_sval *old = eng_sc_derived(c, list, HOW_ONE_OF);
    (void)s;
    if (old) return old;
    eng_sval *out = make(c, '[', NULL, list);
    for (const eng_sval *a = list->child; out && a && !c->st; a = a->next)
        if (!one_branch(c, out, a, list)) (void)eng_sc_nomem(c);
    return c->st ? NULL : eng_sc_derive(c, list, HOW_ONE_OF, out);
}
