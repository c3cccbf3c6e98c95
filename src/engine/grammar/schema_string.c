/* schema_string.c - strings: length, patterns, formats, and what they must not be. */
#include "engine/grammar/chars.h"
#include "engine/grammar/regex.h"
#include "engine/grammar/schema_core.h"

#include <stdio.h>
#include <string.h>

enum { HOW_PATTERN = 200 };

/* Names come back again and again (in every set that has them): what a text became is looked up by
 * where it lies. */
eng_rx eng_sc_text(eng_sc *c, const eng_str *s, bool with_open)
{
    eng_sctext *kept = &c->text[((uintptr_t)s->p >> 6) % ENG_TEXTS_KEPT];
    if (kept->p != s->p || kept->n != s->n) {
        eng_rx body = eng_rx_cat(c->p, eng_chars_text(c->p, s->p, s->n), c->quote);
        *kept = (eng_sctext){s->p, s->n, body};
    }
    return with_open ? eng_rx_cat(c->p, c->quote, kept->body) : kept->body;
}

eng_rx eng_sc_pattern(eng_sc *c, const eng_sval *s, const char *keyword, const eng_str *pattern)
{
    eng_rx rx = ENG_RX_NONE;
    sk_err own = SK_ERR_INIT;
    if (c->st) return ENG_RX_NONE;
    sk_status st = eng_regex_json(c->p, pattern->p, pattern->n, &rx, &own);
    if (st) (void)eng_sc_fail(c, st, s, keyword, own.text);
    return rx;
}

/* Bodies that none of the constants excluded, and not the pattern excluded, matches. */
static eng_rx excluded(eng_sc *c, const eng_sval *s)
{
    const eng_sval *inner = eng_sval_get(s, "\1not"), *p = eng_sval_get(inner, "pattern");
    const eng_sval *list = eng_sval_get(inner, "enum"), *one = eng_sval_get(inner, "const");
    eng_rxsum all = {0};
    if (p && p->kind == '"') eng_rxsum_add(c->p, &all, eng_sc_pattern(c, s, "not", &p->str));
    for (const eng_sval *k = list ? list->child : one; k; k = list ? k->next : NULL)
        if (k->kind == '"') eng_rxsum_add(c->p, &all, eng_sc_text(c, &k->str, false));
    eng_rx sum = eng_rxsum_or(c->p, &all);
    return sum == ENG_RX_NONE ? ENG_RX_ALL : eng_rx_not(c->p, sum);
}

/* Bodies as one fact's pattern and format have them; ALL if it has none. */
static eng_rx shape(eng_sc *c, const eng_sval *s)
{
    const eng_sval *p = eng_sval_get(s, "pattern"), *f = eng_sval_get(s, "format");
    eng_rx r = excluded(c, s);
    if (p && p->kind != '"')
        (void)eng_sc_fail(c, SK_E_INVALID, s, "pattern", "not a string");
    else if (p)
        r = eng_rx_and2(c->p, r, eng_sc_pattern(c, s, "pattern", &p->str));
    if (f && f->kind == '"') r = eng_rx_and2(c->p, r, eng_sc_format(c, s, f));
    return r;
}

/* Lengths count characters, not bytes, so they are repetitions of one.  Without anything to compare
 * with, a character may be written in any form; beside a pattern it must be canonical (chars.h). */
eng_rx eng_sc_string(eng_sc *c, const eng_sval *const *v, size_t n)
{
    int64_t lo = 0, hi = INT64_MAX;
    eng_rx body = ENG_RX_ALL;
    for (size_t i = 0; i < n && !c->st; i++) {
        int64_t least = eng_sc_count(c, v[i], "minLength", 0);
        int64_t most = eng_sc_count(c, v[i], "maxLength", INT64_MAX);
        lo = least > lo ? least : lo;
        hi = most < hi ? most : hi;
        body = eng_rx_and2(c->p, body, shape(c, v[i]));
    }
    if (lo > hi) return ENG_RX_NONE;
    uint32_t top = hi >= UINT32_MAX ? ENG_RX_INF : (uint32_t)hi;
    bool counted = lo > 0 || top != ENG_RX_INF;
    if (body == ENG_RX_ALL) {
        body = eng_rx_cat(c->p, eng_rx_rep(c->p, c->any_free, (uint32_t)lo, top), c->quote);
    } else {
        eng_rx frame =
            counted ? eng_rx_cat(c->p, eng_rx_rep(c->p, c->any_json, (uint32_t)lo, top), c->quote)
                    : c->body_json;
        /* A pattern by itself is inside the frame of all strings already; an opposite is not. */
        if (counted || c->p->node[body].kind == ENG_RXK_NOT || c->p->node[body].kind == ENG_RXK_AND)
            body = eng_rx_and2(c->p, body, frame);
    }
    return eng_rx_cat(c->p, c->quote, body);
}
