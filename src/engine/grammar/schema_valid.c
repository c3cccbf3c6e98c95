/* schema_valid.c - checking one JSON value against a schema: the constants of "enum" and "const"
 * must satisfy the other keywords, too. */
#include "engine/grammar/schema_core.h"
#include "engine/token/unidata.h"

#include <math.h>
#include <string.h>

enum { VALID_DEPTH = 30 };

/* Both hold; unknown is in between. */
static int both(int a, int b)
{
    if (!a || !b) return 0;
    return a < 0 || b < 0 ? -1 : 1;
}

static int valid_enum(const eng_sval *v, const eng_sval *s)
{
    const eng_sval *list = eng_sval_get(s, "enum"), *value = eng_sval_get(s, "const");
    if (value && !eng_sval_equal(v, value)) return 0;
    if (!list) return 1;
    for (const eng_sval *k = list->child; k; k = k->next)
        if (eng_sval_equal(k, v)) return 1;
    return 0;
}

/* eng_sc_types reads a schema, so it is given one that has nothing but this keyword.  A number
 * without a fraction is an integer however it is written: 1.0 is one (2020-12, Validation
 * 6.1.1). */
static int valid_type(eng_sc *c, const eng_sval *v, const eng_sval *s)
{
    eng_sval only = *s;
    const eng_sval *t = eng_sval_get(s, "type"), *one[1] = {&only};
    if (!t) return 1;
    eng_sval copy = *t;
    copy.next = NULL;
    only.child = &copy;
    unsigned bits = eng_sc_types(c, one, 1), mine;
    switch (v->kind) {
    case 'n':
        mine = ENG_T_NULL;
        break;
    case 't':
    case 'f':
        mine = ENG_T_BOOL;
        break;
    case '0':
        mine = v->num == floor(v->num) ? ENG_T_INT : ENG_T_FRAC;
        break;
    case '"':
        mine = ENG_T_STR;
        break;
    case '[':
        mine = ENG_T_ARR;
        break;
    default:
        mine = ENG_T_OBJ;
    }
    return (bits & mine) != 0;
}

static size_t characters(const eng_str *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += ((uint8_t)s->p[i] & 0xc0) != 0x80;
    return n;
}

/* A text against an expression for bodies: its own JSON form shares something with it or not. */
static int valid_body(eng_sc *c, const eng_str *text, eng_rx body)
{
    eng_rx rx = eng_rx_and2(c->p, eng_sc_text(c, text, false), body);
    if (c->p->st) return -1;
    return !eng_rx_empty(c->p, rx);
}

static int valid_string(eng_sc *c, const eng_sval *v, const eng_sval *s)
{
    int64_t n = (int64_t)characters(&v->str);
    const eng_sval *p = eng_sval_get(s, "pattern"), *f = eng_sval_get(s, "format");
    if (n < eng_sc_count(c, s, "minLength", 0)) return 0;
    if (n > eng_sc_count(c, s, "maxLength", INT64_MAX)) return 0;
    if (p && p->kind == '"' &&
        valid_body(c, &v->str, eng_sc_pattern(c, s, "pattern", &p->str)) != 1)
        return c->st ? -1 : 0;
    if (f && f->kind == '"' && valid_body(c, &v->str, eng_sc_format(c, s, f)) != 1)
        return c->st ? -1 : 0;
    return c->st ? -1 : 1;
}

static int valid_number(const eng_sval *v, const eng_sval *s)
{
    const eng_sval *lo = eng_sval_get(s, "minimum"), *hi = eng_sval_get(s, "maximum");
    const eng_sval *xlo = eng_sval_get(s, "exclusiveMinimum");
    const eng_sval *xhi = eng_sval_get(s, "exclusiveMaximum");
    const eng_sval *of = eng_sval_get(s, "multipleOf");
    const double whole = 1e15;
    double x = v->num;
    if (lo && (x < lo->num || (xlo && xlo->kind == 't' && x == lo->num))) return 0;
    if (hi && (x > hi->num || (xhi && xhi->kind == 't' && x == hi->num))) return 0;
    if (xlo && xlo->kind == '0' && x <= xlo->num) return 0;
    if (xhi && xhi->kind == '0' && x >= xhi->num) return 0;
    if (!of) return 1;
    bool easy = fabs(x) < whole && x == floor(x) && of->num >= 1 && of->num == floor(of->num);
    return easy ? fmod(x, of->num) == 0 : -1;
}

static int valid_array(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    int64_t n = (int64_t)eng_sval_size(v);
    int r = 1;
    const eng_sval *one[1] = {s};
    const eng_sval *u = eng_sval_get(s, "uniqueItems");
    if (n < eng_sc_count(c, s, "minItems", 0)) return 0;
    if (n > eng_sc_count(c, s, "maxItems", INT64_MAX)) return 0;
    if (eng_sval_get(s, "contains")) r = -1;
    size_t i = 0;
    for (const eng_sval *k = v->child; k && r; k = k->next, i++) {
        uint32_t set = eng_sc_element(c, one, 1, i);
        if (set == ENG_SET_NONE) return -1;
        for (size_t j = 0; j < c->set[set].n; j++)
            r = both(r, eng_sc_valid(c, k, c->set[set].v[j], depth + 1));
        for (const eng_sval *m = v->child; u && u->kind == 't' && m != k; m = m->next)
            if (eng_sval_equal(m, k)) return 0;
    }
    return r;
}

/* With "propertyNames", which is not looked at here, the answer is "unknown" at best. */
static int valid_object(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    int64_t n = (int64_t)eng_sval_size(v);
    int r = eng_sval_get(s, "propertyNames") ? -1 : 1;
    const eng_sval *one[1] = {s}, *need = eng_sval_get(s, "required");
    if (n < eng_sc_count(c, s, "minProperties", 0)) return 0;
    if (n > eng_sc_count(c, s, "maxProperties", INT64_MAX)) return 0;
    for (const eng_sval *k = need ? need->child : NULL; k; k = k->next) {
        const eng_sval *m = v->child;
        while (m && (m->key.n != k->str.n || memcmp(m->key.p, k->str.p, k->str.n) != 0))
            m = m->next;
        if (!m) return 0;
    }
    for (const eng_sval *k = v->child; k && r; k = k->next) {
        uint32_t set = eng_sc_member(c, one, 1, &k->key);
        if (set == ENG_SET_NONE) return -1;
        for (size_t j = 0; j < c->set[set].n; j++)
            r = both(r, eng_sc_valid(c, k, c->set[set].v[j], depth + 1));
    }
    return r;
}

/* allOf, anyOf, oneOf, not: by counting those of the list that hold. */
static int valid_combined(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    static const char *const words[] = {"allOf", "anyOf", "oneOf", "not"};
    int r = 1;
    for (int i = 0; i < 4 && r; i++) {
        const eng_sval *list = eng_sval_get(s, words[i]);
        size_t yes = 0, no = 0, unknown = 0;
        if (!list) continue;
        for (const eng_sval *k = i == 3 ? list : list->child; k; k = i == 3 ? NULL : k->next) {
            int one = eng_sc_valid(c, v, k, depth + 1);
            yes += one == 1;
            no += one == 0;
            unknown += one < 0;
        }
        int here = unknown ? -1 : i == 0 ? !no : i == 1 ? yes > 0 : i == 2 ? yes == 1 : !yes;
        if (i == 0 && no) here = 0;
        if (i == 1 && yes) here = 1;
        r = both(r, here);
    }
    return r;
}

/* Keywords that are not looked at here. */
static bool unknown_words(const eng_sval *s)
{
    static const char *const words[] = {"if", "dependencies", "dependentRequired",
                                        "dependentSchemas", NULL};
    for (size_t i = 0; words[i]; i++)
        if (eng_sval_get(s, words[i])) return true;
    return false;
}

/* "\1not" has one keyword inside, which must not hold. */
static int valid_not_inside(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    const eng_sval *inner = eng_sval_get(s, "\1not");
    int r = inner ? eng_sc_valid(c, v, inner, depth + 1) : 0;
    return r < 0 ? r : !r;
}

int eng_sc_valid_rest(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    int r = valid_type(c, v, s);
    if (r && v->kind == '"') r = both(r, valid_string(c, v, s));
    if (r && v->kind == '0') r = both(r, valid_number(v, s));
    if (r && v->kind == '[') r = both(r, valid_array(c, v, s, depth));
    if (r && v->kind == '{') r = both(r, valid_object(c, v, s, depth));
    return r ? both(r, valid_not_inside(c, v, s, depth)) : 0;
}

int eng_sc_valid_fact(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    int r = valid_enum(v, s);
    return r ? both(r, eng_sc_valid_rest(c, v, s, depth)) : 0;
}

int eng_sc_valid(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth)
{
    if (s->kind == 't' || s->kind == 'f') return s->kind == 't';
    if (s->kind != '{' || depth > VALID_DEPTH || !eng_sc_step(c)) return -1;
    const eng_sval *ref = eng_sval_get(s, "$ref");
    int r = 1;
    if (ref) {
        const eng_sval *target = eng_sc_target(c, s, ref);
        r = target ? eng_sc_valid(c, v, target, depth + 1) : -1;
        if (c->doc.draft <= 7) return r;
    }
    r = both(r, eng_sc_valid_fact(c, v, s, depth));
    if (r) r = both(r, valid_combined(c, v, s, depth));
    return r && unknown_words(s) ? -1 : r;
}
