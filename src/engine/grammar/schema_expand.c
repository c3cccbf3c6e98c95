/* schema_expand.c - taking a set of schemas apart into alternatives of facts. */
#include "engine/grammar/schema_core.h"

#include <string.h>

/* The schemas that were entered to come to one, so that one that leads back to itself without a
 * value in between is seen. */
typedef struct chain {
    const eng_sval *s;
    const struct chain *up;
} chain;

/* A choice that is still to be made: one of the schemas of `list`. */
typedef struct group {
    const eng_sval *list;
    const chain *up;
} group;

/* An alternative under way. */
typedef struct state {
    const eng_sval *fact[ENG_SET_MOST];
    group todo[ENG_SET_MOST];
    size_t n_fact, n_todo, at; /* at: first choice that is still to be made */
    bool dead;
} state;

/* All alternatives of a set, as they are found. */
typedef struct expansion {
    eng_sc *c;
    uint32_t *alt;
    size_t n, cap;
    int depth;
} expansion;

/* ---- types ---- */

static unsigned type_bit(const eng_str *s)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"null", ENG_T_NULL},   {"boolean", ENG_T_BOOL},
                 {"integer", ENG_T_INT}, {"number", ENG_T_INT | ENG_T_FRAC},
                 {"string", ENG_T_STR},  {"array", ENG_T_ARR},
                 {"object", ENG_T_OBJ},  {"\1fraction", ENG_T_FRAC}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == s->n && !memcmp(known[i].name, s->p, s->n))
            return known[i].bit;
    return 0;
}

static unsigned kind_bit(char kind)
{
    switch (kind) {
    case 'n':
        return ENG_T_NULL;
    case 't':
    case 'f':
        return ENG_T_BOOL;
    case '0':
        return ENG_T_INT | ENG_T_FRAC;
    case '"':
        return ENG_T_STR;
    case '[':
        return ENG_T_ARR;
    default:
        return ENG_T_OBJ;
    }
}

/* What "type" of a schema leaves. */
static unsigned types_of(eng_sc *c, const eng_sval *s)
{
    const eng_sval *t = eng_sval_get(s, "type"), *list = eng_sval_get(s, "enum");
    const eng_sval *value = eng_sval_get(s, "const");
    unsigned bits = ENG_T_ALL, some = 0;
    if (t && t->kind == '[') {
        bits = 0;
        for (const eng_sval *k = t->child; k; k = k->next) {
            unsigned bit = k->kind == '"' ? type_bit(&k->str) : 0;
            if (!bit) (void)eng_sc_fail(c, SK_E_INVALID, s, "type", "no type of that name");
            bits |= bit;
        }
    } else if (t) {
        bits = t->kind == '"' ? type_bit(&t->str) : 0;
        if (!bits) (void)eng_sc_fail(c, SK_E_INVALID, s, "type", "no type of that name");
    }
    if (list && list->kind != '[') (void)eng_sc_fail(c, SK_E_INVALID, s, "enum", "not an array");
    for (const eng_sval *k = list ? list->child : NULL; k; k = k->next)
        some |= kind_bit(k->kind);
    if (list) bits &= some;
    return value ? bits & kind_bit(value->kind) : bits;
}

unsigned eng_sc_types(eng_sc *c, const eng_sval *const *v, size_t n)
{
    unsigned bits = ENG_T_ALL;
    for (size_t i = 0; i < n; i++)
        bits &= types_of(c, v[i]);
    return bits;
}

/* ---- one schema ---- */

static void expand_one(eng_sc *c, state *t, const eng_sval *s, const chain *up);

const eng_sval *eng_sc_target(eng_sc *c, const eng_sval *s, const eng_sval *ref)
{
    const eng_sval *v = ref->kind == '"' ? eng_sdoc_ref(&c->doc, &ref->str) : NULL;
    if (!v) (void)eng_sc_refuse(c, s, "$ref", "refers to nothing in this schema");
    return v;
}

static void add_group(eng_sc *c, state *t, const eng_sval *list, const chain *up)
{
    if (!list) return;
    for (size_t i = 0; i < t->n_todo; i++)
        if (t->todo[i].list == list) return;
    if (t->n_todo == ENG_SET_MOST)
        (void)eng_sc_refuse(c, list, NULL, "so many choices at once cannot be enforced");
    else
        t->todo[t->n_todo++] = (group){list, up};
}

/* A new object, noted as made from s. */
static eng_sval *object(eng_sc *c, const eng_sval *s)
{
    eng_sval *v = eng_sval_new(&c->doc, '{', NULL, s->origin ? s->origin : s);
    if (!v) (void)eng_sc_nomem(c);
    return v;
}

/* {"properties": {key: false}}: objects without that member, and all that is no object. */
static const eng_sval *without(eng_sc *c, const eng_sval *s, const eng_str *key)
{
    eng_sval *v = object(c, s), *no = v ? eng_sval_new(&c->doc, 'f', NULL, v->origin) : NULL;
    eng_sval *props = no ? eng_sval_new(&c->doc, '{', "properties", v->origin) : NULL;
    if (!props) return eng_sc_nomem(c), NULL;
    no->key = *key;
    props->child = no;
    v->child = props;
    return v;
}

/* {name: list}, or the schema itself. */
static const eng_sval *needs(eng_sc *c, const eng_sval *what)
{
    if (what->kind != '[') return what;
    eng_sval *v = object(c, what);
    if (v && !eng_sval_put(&c->doc, v, "required", what)) (void)eng_sc_nomem(c);
    return v;
}

enum { HOW_DEPENDS = 100, HOW_IF = 101 };

/* A member of "dependencies" (or its two successors): the member is absent, or what it needs. */
static void expand_depends(eng_sc *c, state *t, const eng_sval *d, const chain *up)
{
    for (const eng_sval *k = d ? d->child : NULL; k && !c->st; k = k->next) {
        const eng_sval *list = eng_sc_derived(c, k, HOW_DEPENDS);
        if (!list) {
            eng_sval *a = eng_sval_new(&c->doc, '[', NULL, k->origin ? k->origin : k);
            const eng_sval *absent = without(c, k, &k->key), *then = needs(c, k);
            if (c->st || !a || !eng_sval_put(&c->doc, a, NULL, absent) ||
                !eng_sval_put(&c->doc, a, NULL, then)) {
                (void)eng_sc_nomem(c);
                return;
            }
            list = eng_sc_derive(c, k, HOW_DEPENDS, a);
        }
        add_group(c, t, list, up);
    }
}

/* {"allOf": [a, b]} hung under list; a or b may be NULL. */
static bool put_both(eng_sc *c, eng_sval *list, const eng_sval *a, const eng_sval *b)
{
    eng_sval *v = object(c, list), *all = v ? eng_sval_new(&c->doc, '[', "allOf", v->origin) : NULL;
    if (!all) return false;
    v->child = all;
    if (a && !eng_sval_put(&c->doc, all, NULL, a)) return false;
    if (b && !eng_sval_put(&c->doc, all, NULL, b)) return false;
    return eng_sval_put(&c->doc, list, NULL, v) != NULL;
}

/* "if": it holds and "then" does, or it doesn't and "else" does. */
static void expand_if(eng_sc *c, state *t, const eng_sval *s, const eng_sval *cond, const chain *up)
{
    const eng_sval *yes = eng_sval_get(s, "then"), *no = eng_sval_get(s, "else");
    const eng_sval *list = eng_sc_derived(c, s, HOW_IF);
    if (!yes && !no) return;
    if (!list) {
        const eng_sval *other = eng_sc_not(c, cond);
        if (!other) return;
        eng_sval *a = eng_sval_new(&c->doc, '[', NULL, s->origin ? s->origin : s);
        if (!a || !put_both(c, a, cond, yes) || !put_both(c, a, other, no)) {
            (void)eng_sc_nomem(c);
            return;
        }
        list = eng_sc_derive(c, s, HOW_IF, a);
    }
    add_group(c, t, list, up);
}

/* Keywords that change what is valid and are not understood.  Those with a neutral value are passed
 * with it. */
static void refuse_unknown(eng_sc *c, const eng_sval *s)
{
    static const char *const never[] = {"$dynamicRef", "$recursiveRef", "extends",
                                        "disallow",    "divisibleBy",   NULL};
    static const char *const neutral[] = {"unevaluatedProperties", "unevaluatedItems", NULL};
    if (c->loose) return;
    for (size_t i = 0; never[i]; i++)
        if (eng_sval_get(s, never[i]))
            (void)eng_sc_refuse(c, s, never[i], "this keyword cannot be enforced");
    for (size_t i = 0; neutral[i]; i++) {
        const eng_sval *v = eng_sval_get(s, neutral[i]);
        if (v && v->kind != 't' && !(v->kind == '{' && !v->child))
            (void)eng_sc_refuse(c, s, neutral[i], "this keyword cannot be enforced");
    }
}

/* True if s has a keyword that speaks of the value itself. */
static bool has_fact(const eng_sval *s)
{
    static const char *const words[] = {"type",
                                        "enum",
                                        "const",
                                        "minimum",
                                        "maximum",
                                        "multipleOf",
                                        "exclusiveMinimum",
                                        "exclusiveMaximum",
                                        "minLength",
                                        "maxLength",
                                        "pattern",
                                        "format",
                                        "items",
                                        "prefixItems",
                                        "minItems",
                                        "maxItems",
                                        "uniqueItems",
                                        "contains",
                                        "additionalItems",
                                        "minContains",
                                        "maxContains",
                                        "properties",
                                        "required",
                                        "additionalProperties",
                                        "patternProperties",
                                        "propertyNames",
                                        "minProperties",
                                        "maxProperties",
                                        "\1not",
                                        NULL};
    for (size_t i = 0; words[i]; i++)
        if (eng_sval_get(s, words[i])) return true;
    return false;
}

static void add_fact(eng_sc *c, state *t, const eng_sval *s)
{
    for (size_t i = 0; i < t->n_fact; i++)
        if (t->fact[i] == s) return;
    if (t->n_fact == ENG_SET_MOST) {
        (void)eng_sc_refuse(c, s, NULL, "so many schemas at once cannot be enforced");
        return;
    }
    t->fact[t->n_fact++] = s;
    t->dead = t->dead || !eng_sc_types(c, t->fact, t->n_fact);
}

/* The list of a keyword; a failure if it is none. */
static const eng_sval *list_of(eng_sc *c, const eng_sval *s, const char *keyword)
{
    const eng_sval *v = eng_sval_get(s, keyword);
    if (v && v->kind != '[') {
        (void)eng_sc_fail(c, SK_E_INVALID, s, keyword, "not an array");
        return NULL;
    }
    return v;
}

/* The keywords that combine schemas. */
static void expand_applicators(eng_sc *c, state *t, const eng_sval *s, const chain *up)
{
    const eng_sval *v = list_of(c, s, "allOf");
    for (const eng_sval *k = v ? v->child : NULL; k && !c->st && !t->dead; k = k->next)
        expand_one(c, t, k, up);
    add_group(c, t, list_of(c, s, "anyOf"), up);
    if ((v = list_of(c, s, "oneOf")) && !c->st)
        add_group(c, t, c->loose ? v : eng_sc_one_of(c, s, v), up);
    if ((v = eng_sval_get(s, "not")) && !c->st && !c->loose) {
        const eng_sval *n = eng_sc_not(c, v);
        if (n) expand_one(c, t, n, up);
    }
    if ((v = eng_sval_get(s, "if")) && !c->st && !c->loose) expand_if(c, t, s, v, up);
    expand_depends(c, t, eng_sval_get(s, "dependencies"), up);
    expand_depends(c, t, eng_sval_get(s, "dependentRequired"), up);
    expand_depends(c, t, eng_sval_get(s, "dependentSchemas"), up);
}

/* Adds all that s demands to an alternative, which is dead once nothing can satisfy it.  `up` are
 * the schemas that were entered without a value in between: to meet one of them again would never
 * end.  Its links live in the arena, since choices that are made later hold them. */
static void expand_one(eng_sc *c, state *t, const eng_sval *s, const chain *up)
{
    if (!eng_sc_step(c) || t->dead || s->kind == 't') return;
    if (s->kind == 'f') {
        t->dead = true;
        return;
    }
    if (s->kind != '{') {
        (void)eng_sc_fail(c, SK_E_INVALID, s, NULL, "a schema is an object, true or false");
        return;
    }
    for (const chain *k = up; k; k = k->up)
        if (k->s == s) {
            (void)eng_sc_refuse(c, s, NULL, "the schema refers to itself with nothing in between");
            return;
        }
    chain *here = sk_new(c->doc.mem, chain);
    if (!here) {
        (void)eng_sc_nomem(c);
        return;
    }
    *here = (chain){s, up};
    const eng_sval *ref = eng_sval_get(s, "$ref");
    if (ref) {
        const eng_sval *v = eng_sc_target(c, s, ref);
        if (v) expand_one(c, t, v, here);
        /* Up to draft 7 what stands beside a $ref is not looked at. */
        if (c->doc.draft <= 7) return;
    }
    refuse_unknown(c, s);
    if (has_fact(s)) add_fact(c, t, s);
    expand_applicators(c, t, s, here);
}

/* ---- alternatives ---- */

static void emit(expansion *x, state *t)
{
    uint32_t set = eng_sc_set(x->c, t->fact, t->n_fact);
    if (set == ENG_SET_NONE) return;
    for (size_t i = 0; i < x->n; i++)
        if (x->alt[i] == set) return;
    if (x->n == ENG_ALT_MOST)
        (void)eng_sc_fail(x->c, SK_E_TOOBIG, t->n_fact ? t->fact[0] : x->c->doc.root, NULL,
                          "too many combinations of anyOf, oneOf, if or not");
    else if (!eng_grow(&x->alt, &x->cap, x->n + 1, sizeof *x->alt))
        (void)eng_sc_nomem(x->c);
    else
        x->alt[x->n++] = set;
}

/* Makes the next choice in every way, and so on until none is left. */
static void choose(expansion *x, const state *t)
{
    if (t->dead || x->c->st) return;
    state *next = sk_alloc(SK_MEM_REQUEST, sizeof *next);
    if (!next) {
        (void)eng_sc_nomem(x->c);
        return;
    }
    if (t->at == t->n_todo) {
        *next = *t;
        emit(x, next);
    } else {
        for (const eng_sval *k = t->todo[t->at].list->child; k && !x->c->st; k = k->next) {
            *next = *t;
            next->at++;
            expand_one(x->c, next, k, t->todo[t->at].up);
            choose(x, next);
        }
    }
    sk_free(next);
}

uint32_t *eng_sc_alternatives(eng_sc *c, uint32_t set, size_t *n)
{
    expansion x = {.c = c};
    state *t = sk_calloc(SK_MEM_REQUEST, 1, sizeof *t);
    if (!t) return eng_sc_nomem(c), NULL;
    for (size_t i = 0; i < c->set[set].n; i++)
        expand_one(c, t, c->set[set].v[i], NULL);
    choose(&x, t);
    sk_free(t);
    uint32_t *alt = c->st ? NULL : sk_new_n(c->doc.mem, uint32_t, x.n + 1);
    if (!alt)
        (void)eng_sc_nomem(c);
    else if (x.n)
        memcpy(alt, x.alt, x.n * sizeof *alt);
    *n = x.n;
    sk_free(x.alt);
    return alt;
}

void eng_sc_expand(eng_sc *c, uint32_t set)
{
    size_t n = 0;
    if (c->st || c->set[set].expanded) return;
    uint32_t *alt = eng_sc_alternatives(c, set, &n);
    if (c->st) return;
    c->set[set].alt = alt;
    c->set[set].n_alt = n;
    c->set[set].expanded = true;
}
