/* schema_scalar.c - null, true, false and constants; numbers and strings come from their files. */
#include "engine/grammar/schema_core.h"

#include <string.h>

/* The JSON text of a constant, white space allowed where JSON does; arrays and objects are written
 * in the schema's order. */
static eng_rx literal(eng_sc *c, const eng_sval *v)
{
    eng_rx r = ENG_RX_EPS;
    switch (v->kind) {
    case 'n':
        return eng_rx_lit(c->p, "null", 4);
    case 't':
        return eng_rx_lit(c->p, "true", 4);
    case 'f':
        return eng_rx_lit(c->p, "false", 5);
    case '0':
        return eng_sc_number_text(c, v);
    case '"':
        return eng_sc_text(c, &v->str, true);
    default:
        break;
    }
    r = eng_rx_lit(c->p, v->kind == '{' ? "{" : "[", 1);
    for (const eng_sval *k = v->child; k && eng_sc_step(c); k = k->next) {
        if (k != v->child) r = eng_rx_cat(c->p, r, eng_sc_token(c, ","));
        if (v->kind == '{') {
            r = eng_rx_cat(c->p, r, eng_sc_spaced(c, eng_sc_text(c, &k->key, true)));
            r = eng_rx_cat(c->p, r, eng_sc_token(c, ":"));
        }
        r = eng_rx_cat(c->p, r, eng_sc_spaced(c, literal(c, k)));
    }
    return eng_rx_cat(c->p, r, eng_sc_token(c, v->kind == '{' ? "}" : "]"));
}

/* A constant of the fact `from` (NULL: of any) that satisfies all facts; NONE if it doesn't.  It is
 * not looked for in the list that it is from: long lists would take the square of their length. */
static eng_rx constant_of(eng_sc *c, const eng_sval *v, const eng_sval *from,
                          const eng_sval *const *fact, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int ok = fact[i] == from ? eng_sc_valid_rest(c, v, fact[i], 0)
                                 : eng_sc_valid_fact(c, v, fact[i], 0);
        if (ok == 0 || c->st) return ENG_RX_NONE;
        if (ok < 0 && !c->loose) {
            (void)eng_sc_refuse(c, fact[i], NULL,
                                "a constant of enum cannot be checked against this schema");
            return ENG_RX_NONE;
        }
    }
    return literal(c, v);
}

/* All constants of an "enum" or "const". */
static eng_rx constants(eng_sc *c, const eng_sval *from, const eng_sval *const *fact, size_t n)
{
    const eng_sval *value = eng_sval_get(from, "const"), *list = eng_sval_get(from, "enum");
    size_t k = 0;
    if (value) return constant_of(c, value, list ? NULL : from, fact, n);
    eng_rx *v = sk_alloc(SK_MEM_REQUEST, (eng_sval_size(list) + 1) * sizeof *v);
    if (!v) {
        (void)eng_sc_nomem(c);
        return ENG_RX_NONE;
    }
    for (const eng_sval *x = list->child; x && eng_sc_step(c); x = x->next)
        v[k++] = constant_of(c, x, from, fact, n);
    eng_rx r = eng_rx_or(c->p, v, k);
    sk_free(v);
    return r;
}

/* true and false but those that a "\1not" excludes. */
static eng_rx word(eng_sc *c, char kind, const char *text, const eng_sval *const *fact, size_t n)
{
    eng_sval v = {.kind = kind};
    for (size_t i = 0; i < n; i++) {
        const eng_sval *inner = eng_sval_get(fact[i], "\1not");
        if (inner && eng_sc_valid_fact(c, &v, inner, 0) != 0) return ENG_RX_NONE;
    }
    return eng_rx_lit(c->p, text, strlen(text));
}

/* Constants that are arrays or objects can't be excluded: all others of their kind would have to be
 * written out. */
static void check_excluded(eng_sc *c, const eng_sval *const *fact, size_t n, unsigned types)
{
    for (size_t i = 0; i < n && !c->loose; i++) {
        const eng_sval *inner = eng_sval_get(fact[i], "\1not");
        const eng_sval *list = eng_sval_get(inner, "enum"), *one = eng_sval_get(inner, "const");
        for (const eng_sval *k = list ? list->child : one; k; k = list ? k->next : NULL) {
            unsigned bit = k->kind == '[' ? ENG_T_ARR : k->kind == '{' ? ENG_T_OBJ : 0;
            if (types & bit)
                (void)eng_sc_refuse(c, fact[i], NULL,
                                    "an array or object cannot be excluded by its value");
        }
    }
}

/* Where a fact lists its values, each is checked against all others (constants); only without a
 * list does every type have a form of its own. */
eng_rx eng_sc_scalar(eng_sc *c, const eng_sval *const *v, size_t n, unsigned types, bool *constant)
{
    const eng_sval *from = NULL;
    eng_rx part[5];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const eng_sval *list = eng_sval_get(v[i], "enum");
        if (list && list->kind != '[')
            return (void)eng_sc_fail(c, SK_E_INVALID, v[i], "enum", "not an array"), ENG_RX_NONE;
        if (!from && (list || eng_sval_get(v[i], "const"))) from = v[i];
    }
    *constant = from != NULL;
    if (!types || c->st) return ENG_RX_NONE;
    if (from) return constants(c, from, v, n);
    check_excluded(c, v, n, types);
    if (types & ENG_T_NULL) part[k++] = word(c, 'n', "null", v, n);
    if (types & ENG_T_BOOL) {
        part[k++] = word(c, 't', "true", v, n);
        part[k++] = word(c, 'f', "false", v, n);
    }
    if (types & (ENG_T_INT | ENG_T_FRAC)) part[k++] = eng_sc_number(c, v, n, types);
    if (types & ENG_T_STR) part[k++] = eng_sc_string(c, v, n);
    return eng_rx_or(c->p, part, k);
}
