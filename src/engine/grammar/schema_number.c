/* schema_number.c - numbers: ranges and multiples, digit by digit.
 *
 * Without bounds a number may be written as RFC 8259 has it.  With bounds, a multiple or values
 * that are excluded there is no exponent: the digits alone decide, from left to right. */
#include "engine/grammar/schema_core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MOST = 40 };

/* A number without sign: digits before and behind the point, no needless zeros ("0" has one). */
typedef struct decimal {
    char whole[DIGITS_MOST + 1], frac[DIGITS_MOST + 1];
    size_t n_whole, n_frac;
    bool negative;
} decimal;

/* ---- decimals ---- */

/* Digits of the mantissa of a JSON number, and where the point is among them. */
static size_t mantissa(const eng_str *s, char *digit, int *point)
{
    size_t n = 0;
    int at = -1;
    long exponent = 0;
    for (size_t i = 0; i < s->n; i++) {
        char ch = s->p[i];
        if (ch >= '0' && ch <= '9') {
            if (n < DIGITS_MOST) digit[n] = ch;
            n++;
        } else if (ch == '.') {
            at = (int)n;
        } else if (ch == 'e' || ch == 'E') {
            exponent = strtol(s->p + i + 1, NULL, 10);
            break;
        }
    }
    if (exponent > 1000) exponent = 1000;
    if (exponent < -1000) exponent = -1000;
    *point = (at < 0 ? (int)n : at) + (int)exponent;
    return n;
}

/* Splits a JSON number; false if it has more digits than are looked at. */
static bool split(const eng_sval *v, decimal *d)
{
    char digit[DIGITS_MOST];
    int point;
    size_t n = mantissa(&v->str, digit, &point);
    *d = (decimal){.negative = v->str.n && v->str.p[0] == '-'};
    if (n > DIGITS_MOST || point > DIGITS_MOST || point < -DIGITS_MOST / 2) return false;
    for (int i = 0; i < point; i++) {
        char ch = i < (int)n ? digit[i] : '0';
        if (d->n_whole || ch != '0') d->whole[d->n_whole++] = ch;
    }
    for (int i = point; i < (int)n; i++) {
        if (d->n_frac == DIGITS_MOST) return false;
        d->frac[d->n_frac++] = i < 0 ? '0' : digit[i];
    }
    while (d->n_frac && d->frac[d->n_frac - 1] == '0')
        d->n_frac--;
    if (!d->n_whole) d->whole[d->n_whole++] = '0';
    return true;
}

static bool is_zero(const decimal *d)
{
    return d->n_whole == 1 && d->whole[0] == '0' && !d->n_frac;
}

/* ---- expressions of digits ---- */

static eng_rx digits(eng_sc *c, char lo, char hi)
{
    eng_bytes b = {{0}};
    if (lo > hi) return ENG_RX_NONE;
    eng_bytes_add(&b, (uint8_t)lo, (uint8_t)hi);
    return eng_rx_set(c->p, &b);
}

static eng_rx any_digits(eng_sc *c, uint32_t lo, uint32_t hi)
{
    return eng_rx_rep(c->p, digits(c, '0', '9'), lo, hi);
}

/* A whole number without needless zeros. */
static eng_rx whole_number(eng_sc *c)
{
    eng_rx more = eng_rx_cat(c->p, digits(c, '1', '9'), any_digits(c, 0, ENG_RX_INF));
    return eng_rx_or2(c->p, digits(c, '0', '0'), more);
}

static eng_rx optional(eng_sc *c, eng_rx rx)
{
    return eng_rx_or2(c->p, rx, ENG_RX_EPS);
}

static eng_rx point_and(eng_sc *c, eng_rx rx)
{
    return eng_rx_cat(c->p, eng_rx_lit(c->p, ".", 1), rx);
}

/* Strings of n digits that are (above: at least; else at most) those of s. `end` follows where all
 * are equal, `rest` where one has decided. */
static eng_rx compare(eng_sc *c, const char *s, size_t n, bool above, eng_rx end, eng_rx rest,
                      bool fixed)
{
    if (!n) return end;
    char ch = *s;
    uint32_t left = (uint32_t)(n - 1);
    eng_rx tail = fixed ? any_digits(c, left, left) : any_digits(c, 0, ENG_RX_INF);
    eng_rx other = above ? digits(c, (char)(ch + 1), '9') : digits(c, '0', (char)(ch - 1));
    other = eng_rx_cat(c->p, other, eng_rx_cat(c->p, tail, rest));
    eng_rx same =
        eng_rx_cat(c->p, digits(c, ch, ch), compare(c, s + 1, n - 1, above, end, rest, fixed));
    /* Behind the point fewer digits are a smaller number. */
    if (!fixed && !above && left) same = eng_rx_or2(c->p, same, digits(c, ch, ch));
    return eng_rx_or2(c->p, other, same);
}

/* Fractions (with the point, or nothing) of at least, at most d's. */
static eng_rx fraction(eng_sc *c, const decimal *d, bool above, bool strict)
{
    eng_rx any = optional(c, point_and(c, any_digits(c, 1, ENG_RX_INF)));
    eng_rx zeros = eng_rx_rep(c->p, digits(c, '0', '0'), 0, ENG_RX_INF);
    eng_rx some = eng_rx_cat(c->p, any_digits(c, 0, ENG_RX_INF),
                             eng_rx_cat(c->p, digits(c, '1', '9'), any_digits(c, 0, ENG_RX_INF)));
    if (above) {
        if (!d->n_frac) return strict ? point_and(c, some) : any;
        eng_rx end = strict ? some : any_digits(c, 0, ENG_RX_INF);
        return point_and(c, compare(c, d->frac, d->n_frac, true, end, ENG_RX_EPS, false));
    }
    if (!d->n_frac && strict) return ENG_RX_NONE;
    if (!d->n_frac)
        return optional(c, point_and(c, eng_rx_rep(c->p, digits(c, '0', '0'), 1, ENG_RX_INF)));
    eng_rx end = strict ? ENG_RX_NONE : zeros;
    return optional(c, point_and(c, compare(c, d->frac, d->n_frac, false, end, ENG_RX_EPS, false)));
}

/* Numbers without sign of at least, at most d; whole: integers only. */
static eng_rx bounded(eng_sc *c, const decimal *d, bool above, bool strict, bool whole)
{
    eng_rx any = whole ? ENG_RX_EPS : optional(c, point_and(c, any_digits(c, 1, ENG_RX_INF)));
    eng_rx end = whole ? ENG_RX_EPS : fraction(c, d, above, strict);
    if (whole && above && (strict || d->n_frac)) end = ENG_RX_NONE;
    if (whole && !above && strict && !d->n_frac) end = ENG_RX_NONE;
    uint32_t n = (uint32_t)d->n_whole;
    eng_rx first = digits(c, '1', '9');
    eng_rx r = compare(c, d->whole, n, above, end, any, true);
    r = eng_rx_and2(c->p, r, eng_rx_cat(c->p, whole_number(c), any));
    if (above) {
        eng_rx longer = eng_rx_cat(c->p, first, any_digits(c, n, ENG_RX_INF));
        return eng_rx_or2(c->p, r, eng_rx_cat(c->p, longer, any));
    }
    if (n == 1) return r;
    eng_rx shorter = eng_rx_cat(c->p, first, any_digits(c, 0, n - 2));
    shorter = eng_rx_or2(c->p, shorter, digits(c, '0', '0'));
    return eng_rx_or2(c->p, r, eng_rx_cat(c->p, shorter, any));
}

/* ---- bounds ---- */

/* Bounds of all facts together. */
typedef struct range {
    decimal lo, hi;
    double lo_num, hi_num;
    bool has_lo, has_hi, lo_strict, hi_strict;
} range;

static bool tighter(double a, double b, bool strict, bool old_strict, bool low)
{
    return low ? a > b || (a == b && strict && !old_strict)
               : a < b || (a == b && strict && !old_strict);
}

static void take_bound(eng_sc *c, range *r, const eng_sval *s, const char *keyword, bool low,
                       bool strict)
{
    const eng_sval *v = eng_sval_get(s, keyword);
    decimal d;
    if (v->kind != '0') {
        (void)eng_sc_fail(c, SK_E_INVALID, s, keyword, "not a number");
    } else if (!split(v, &d)) {
        (void)eng_sc_refuse(c, s, keyword, "a bound of so many digits cannot be enforced");
    } else if (low && (!r->has_lo || tighter(v->num, r->lo_num, strict, r->lo_strict, true))) {
        r->lo = d, r->lo_num = v->num, r->lo_strict = strict, r->has_lo = true;
    } else if (!low && (!r->has_hi || tighter(v->num, r->hi_num, strict, r->hi_strict, false))) {
        r->hi = d, r->hi_num = v->num, r->hi_strict = strict, r->has_hi = true;
    }
}

static void take_bounds(eng_sc *c, range *r, const eng_sval *s)
{
    const eng_sval *xlo = eng_sval_get(s, "exclusiveMinimum");
    const eng_sval *xhi = eng_sval_get(s, "exclusiveMaximum");
    if (eng_sval_get(s, "minimum")) take_bound(c, r, s, "minimum", true, xlo && xlo->kind == 't');
    if (eng_sval_get(s, "maximum")) take_bound(c, r, s, "maximum", false, xhi && xhi->kind == 't');
    if (xlo && xlo->kind != 't' && xlo->kind != 'f')
        take_bound(c, r, s, "exclusiveMinimum", true, true);
    if (xhi && xhi->kind != 't' && xhi->kind != 'f')
        take_bound(c, r, s, "exclusiveMaximum", false, true);
}

/* Numbers without sign between two bounds, of which either may be missing (NULL). */
static eng_rx between(eng_sc *c, const decimal *lo, bool lo_strict, const decimal *hi,
                      bool hi_strict, bool whole)
{
    eng_rx any = whole ? ENG_RX_EPS : optional(c, point_and(c, any_digits(c, 1, ENG_RX_INF)));
    eng_rx r = eng_rx_cat(c->p, whole_number(c), any);
    if (lo) r = bounded(c, lo, true, lo_strict, whole);
    if (hi) {
        eng_rx most = bounded(c, hi, false, hi_strict, whole);
        r = lo ? eng_rx_and2(c->p, r, most) : most;
    }
    return r;
}

/* Numbers of the range.  Negative ones are those without sign between the bounds turned round;
 * "-0" is not written. */
static eng_rx in_range(eng_sc *c, const range *r, bool whole)
{
    eng_rx pos = ENG_RX_NONE, neg = ENG_RX_NONE;
    decimal zero = {.whole = "0", .n_whole = 1};
    bool lo_neg = r->has_lo && r->lo.negative && !is_zero(&r->lo);
    bool hi_neg = r->has_hi && r->hi.negative && !is_zero(&r->hi);
    bool below_zero = !r->has_lo || lo_neg;
    if (!hi_neg) {
        bool use_lo = r->has_lo && !lo_neg;
        pos = between(c, use_lo ? &r->lo : NULL, r->lo_strict, r->has_hi ? &r->hi : NULL,
                      r->hi_strict, whole);
    }
    if (below_zero) {
        const decimal *least = hi_neg ? &r->hi : &zero;
        neg = between(c, least, hi_neg ? r->hi_strict : true, r->has_lo ? &r->lo : NULL,
                      r->lo_strict, whole);
        neg = eng_rx_cat(c->p, eng_rx_lit(c->p, "-", 1), neg);
    }
    return eng_rx_or2(c->p, pos, neg);
}

/* ---- multiples, exclusions ---- */

/* Numbers that are multiples of v; NONE and a refusal where the divisor has too many digits. */
static eng_rx multiple(eng_sc *c, const eng_sval *s, const eng_sval *v)
{
    decimal d;
    uint64_t div = 0;
    bool ok = v->kind == '0' && v->num > 0 && split(v, &d) && d.n_whole + d.n_frac <= 12;
    for (size_t i = 0; ok && i < d.n_whole; i++)
        div = div * 10 + (uint64_t)(d.whole[i] - '0');
    for (size_t i = 0; ok && i < d.n_frac; i++)
        div = div * 10 + (uint64_t)(d.frac[i] - '0');
    if (!ok || !div || div > 1000000000) {
        (void)eng_sc_refuse(c, s, "multipleOf", "a divisor of so many digits cannot be enforced");
        return ENG_RX_NONE;
    }
    eng_rx sign = optional(c, eng_rx_lit(c->p, "-", 1));
    return eng_rx_cat(c->p, sign, eng_rx_multiple(c->p, (uint32_t)div, (uint32_t)d.n_frac));
}

/* Every way without exponent to write the number. */
static eng_rx written(eng_sc *c, const eng_sval *v)
{
    decimal d;
    if (!split(v, &d)) {
        (void)eng_sc_refuse(c, v, NULL, "a number of so many digits cannot be enforced");
        return ENG_RX_NONE;
    }
    eng_rx zeros = eng_rx_rep(c->p, digits(c, '0', '0'), d.n_frac ? 0 : 1, ENG_RX_INF);
    eng_rx tail = d.n_frac
                      ? point_and(c, eng_rx_cat(c->p, eng_rx_lit(c->p, d.frac, d.n_frac), zeros))
                      : optional(c, point_and(c, zeros));
    eng_rx r = eng_rx_cat(c->p, eng_rx_lit(c->p, d.whole, d.n_whole), tail);
    eng_rx minus = eng_rx_lit(c->p, "-", 1);
    if (is_zero(&d)) return eng_rx_cat(c->p, optional(c, minus), r);
    return d.negative ? eng_rx_cat(c->p, minus, r) : r;
}

eng_rx eng_sc_number_text(eng_sc *c, const eng_sval *v)
{
    return written(c, v);
}

/* Numbers that a fact's "\1not" excludes; *any if it excludes some. */
static eng_rx excluded(eng_sc *c, const eng_sval *s, bool *any)
{
    const eng_sval *inner = eng_sval_get(s, "\1not"), *of = eng_sval_get(inner, "multipleOf");
    const eng_sval *list = eng_sval_get(inner, "enum"), *one = eng_sval_get(inner, "const");
    eng_rx sum = ENG_RX_NONE;
    if (of) {
        *any = true;
        sum = multiple(c, s, of);
        /* Digits behind the point that are all zero don't make another number. */
        eng_rx zeros = eng_rx_rep(c->p, digits(c, '0', '0'), 1, ENG_RX_INF);
        if (!strchr(of->str.p, '.'))
            sum = eng_rx_cat(c->p, sum, optional(c, point_and(c, zeros)));
        else
            (void)eng_sc_refuse(c, s, "not",
                                "the opposite of such a multipleOf cannot be enforced");
    }
    eng_rxsum all = {0};
    eng_rxsum_add(c->p, &all, sum);
    for (const eng_sval *k = list ? list->child : one; k; k = list ? k->next : NULL) {
        if (k->kind != '0') continue;
        *any = true;
        eng_rxsum_add(c->p, &all, written(c, k));
    }
    return eng_rxsum_or(c->p, &all);
}

/* Numbers as RFC 8259 has them, of the types asked for. */
static eng_rx free_number(eng_sc *c, unsigned types)
{
    eng_rx sign = optional(c, eng_rx_lit(c->p, "-", 1)), whole = whole_number(c);
    if (types == ENG_T_INT) return eng_rx_cat(c->p, sign, whole);
    eng_bytes e = {{0}}, pm = {{0}};
    eng_bytes_add(&e, 'e', 'e');
    eng_bytes_add(&e, 'E', 'E');
    eng_bytes_add(&pm, '+', '+');
    eng_bytes_add(&pm, '-', '-');
    eng_rx exponent =
        eng_rx_cat(c->p, optional(c, eng_rx_set(c->p, &pm)), any_digits(c, 1, ENG_RX_INF));
    exponent = optional(c, eng_rx_cat(c->p, eng_rx_set(c->p, &e), exponent));
    eng_rx frac = optional(c, point_and(c, any_digits(c, 1, ENG_RX_INF)));
    return eng_rx_cat(c->p, sign, eng_rx_cat(c->p, whole, eng_rx_cat(c->p, frac, exponent)));
}

/* Numbers with a fraction that isn't zero, without exponent. */
static eng_rx only_fractions(eng_sc *c)
{
    eng_rx sign = optional(c, eng_rx_lit(c->p, "-", 1)), any = any_digits(c, 0, ENG_RX_INF);
    eng_rx some = eng_rx_cat(c->p, any, eng_rx_cat(c->p, digits(c, '1', '9'), any));
    return eng_rx_cat(c->p, sign, eng_rx_cat(c->p, whole_number(c), point_and(c, some)));
}

eng_rx eng_sc_number(eng_sc *c, const eng_sval *const *v, size_t n, unsigned types)
{
    unsigned kind = types & (ENG_T_INT | ENG_T_FRAC);
    range r = {.has_lo = false};
    eng_rx rx, not = ENG_RX_NONE;
    bool plain = true, some = false;
    for (size_t i = 0; i < n && !c->st; i++) {
        take_bounds(c, &r, v[i]);
        plain = plain && !eng_sval_get(v[i], "multipleOf");
        not = eng_rx_or2(c->p, not, excluded(c, v[i], &some));
    }
    if (plain && !some && !r.has_lo && !r.has_hi && kind != ENG_T_FRAC) return free_number(c, kind);
    rx = in_range(c, &r, kind == ENG_T_INT);
    if (kind == ENG_T_FRAC) rx = eng_rx_and2(c->p, rx, only_fractions(c));
    for (size_t i = 0; i < n && !c->st; i++) {
        const eng_sval *of = eng_sval_get(v[i], "multipleOf");
        if (of) rx = eng_rx_and2(c->p, rx, multiple(c, v[i], of));
    }
    return some ? eng_rx_and2(c->p, rx, eng_rx_not(c->p, not )) : rx;
}
