/* num.c - numbers.
 *
 * Python's whole numbers have no bounds; these have 64 bits, and what does not fit is an error
 * with a name instead of a wrong number in a prompt.  Floats print as repr() does: the shortest
 * decimal that reads back as the same double.
 */
#include "engine/jinja/num.h"

#include "engine/jinja/uni.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where Python's numbers go on, these end. */
static sk_status too_big(jn_run *r)
{
    return eng_jn_fail(r, SK_E_UNSUPPORTED, "a whole number needs more than 64 bits");
}

/* ---- text to numbers ---- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Digits of a base with single underscores between them.  False when it is no number of the
 * base; *big when it is one that does not fit.  The least int64 is allowed only with its sign. */
static bool parse_digits(const char *p, size_t n, int base, bool neg, int64_t *out, bool *big)
{
    uint64_t v = 0;
    bool over = false, had = false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '_') {
            if (!had || i + 1 == n || p[i + 1] == '_') return false;
            continue;
        }
        int d = digit_value(p[i]);
        if (d >= base) return false;
        had = true;
        over |= __builtin_mul_overflow(v, (uint64_t)base, &v);
        over |= __builtin_add_overflow(v, (uint64_t)d, &v);
    }
    if (!had) return false;
    uint64_t limit = (uint64_t)INT64_MAX + neg;
    *big = over || v > limit;
    if (!*big) *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Blanks at both ends go. */
static void strip(const char **p, size_t *n)
{
    size_t len;
    while (*n && eng_jn_is_space(eng_jn_utf8_get(*p, &len))) {
        *p += len;
        *n -= len;
    }
    while (*n) {
        size_t i = *n - 1;
        while (i > 0 && ((unsigned char)(*p)[i] & 0xC0) == 0x80)
            i--;
        if (!eng_jn_is_space(eng_jn_utf8_get(*p + i, &len))) break;
        *n = i;
    }
}

/* The base of a prefix 0x, 0o or 0b at p[0..n), 0 if there is none. */
static int prefix_base(const char *p, size_t n)
{
    char kind = n > 1 && p[0] == '0' ? p[1] | 32 : 0;
    return kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
}

/* Base 0 reads the prefix 0x, 0o, 0b; those are allowed with their own base too. */
bool eng_jn_num_parse_int(const char *p, size_t n, int base, int64_t *out, bool *big)
{
    *big = false;
    strip(&p, &n);
    bool neg = n && *p == '-';
    if (n && (*p == '-' || *p == '+')) {
        p++;
        n--;
    }
    int own = prefix_base(p, n);
    if (own && (base == 0 || base == own)) {
        size_t taken = n > 2 && p[2] == '_' ? 3 : 2;
        p += taken;
        n -= taken;
        base = own;
    }
    return parse_digits(p, n, base ? base : 10, neg, out, big);
}

/* strtod goes by the locale's decimal sign, so it is put in for the point.  The text has been
 * checked by float_form, so that nothing but the decimal sign can depend on the locale. */
static double to_double(const char *text)
{
    char local[400];
    const char *sign = localeconv()->decimal_point;
    size_t n = strlen(text), k = strlen(sign), at = 0;
    assert(n + k < sizeof local);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '.') {
            memcpy(local + at, sign, k);
            at += k;
        } else {
            local[at++] = text[i];
        }
    }
    local[at] = 0;
    return strtod(local, NULL);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Copies digits from p[*i..n) on to out + k without their underscores, each of which must stand
 * between two digits; *i moves behind them.  Returns how many there are, SIZE_MAX for a stray
 * underscore. */
static size_t copy_digits(const char *p, size_t n, size_t *i, char *out)
{
    size_t k = 0;
    for (; *i < n && (is_digit(p[*i]) || p[*i] == '_'); ++*i) {
        if (p[*i] != '_')
            out[k++] = p[*i];
        else if (!*i || *i + 1 == n || !is_digit(p[*i - 1]) || !is_digit(p[*i + 1]))
            return SIZE_MAX;
    }
    return k;
}

/* True when the text is [sign] digits [. digits] [e digits], which it copies without underscores.
 * Digits may be missing on one side of the point, not on both. */
static bool float_form(const char *p, size_t n, char *out)
{
    size_t i = 0, k = 0;
    if (i < n && (p[i] == '-' || p[i] == '+')) out[k++] = p[i++];
    size_t whole = copy_digits(p, n, &i, out + k), rest = 0;
    if (whole == SIZE_MAX) return false;
    k += whole;
    if (i < n && p[i] == '.') {
        out[k++] = p[i++];
        rest = copy_digits(p, n, &i, out + k);
        if (rest == SIZE_MAX) return false;
        k += rest;
    }
    size_t digits = whole + rest;
    if (digits && i < n && (p[i] | 32) == 'e') {
        out[k++] = 'e';
        i++;
        if (i < n && (p[i] == '-' || p[i] == '+')) out[k++] = p[i++];
        digits = copy_digits(p, n, &i, out + k);
        if (digits == SIZE_MAX) return false;
        k += digits;
    }
    out[k] = 0;
    return digits > 0 && i == n;
}

/* Also inf, infinity and nan, in any case and with a sign.  A text of 320 bytes or more is none:
 * no double needs so many, and the buffer is on the stack. */
bool eng_jn_num_parse_float(const char *p, size_t n, double *out)
{
    char text[320] = "";
    strip(&p, &n);
    bool sign = n && (*p == '-' || *p == '+');
    const char *word = p + sign;
    size_t len = n - sign;
    if ((len == 3 && strncasecmp(word, "inf", 3) == 0) ||
        (len == 8 && strncasecmp(word, "infinity", 8) == 0)) {
        *out = sign && *p == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (len == 3 && strncasecmp(word, "nan", 3) == 0) {
        *out = (double)NAN;
        return true;
    }
    if (n >= sizeof text || !float_form(p, n, text)) return false;
    *out = to_double(text);
    return true;
}

/* The lexer has made sure of the form. */
sk_status eng_jn_num_literal(jn_run *r, const char *p, size_t n, bool real, jn_val *out)
{
    double f = 0;
    int64_t i = 0;
    bool big = false;
    if (real) {
        if (!eng_jn_num_parse_float(p, n, &f))
            return eng_jn_fail(r, SK_E_FORMAT, "a number is too long");
        *out = jn_float(f);
        return SK_OK;
    }
    if (!eng_jn_num_parse_int(p, n, 0, &i, &big) || big) return too_big(r);
    *out = jn_int(i);
    return SK_OK;
}

/* The errors are those of int(). */
sk_status eng_jn_num_trunc(jn_run *r, double f, jn_val *out)
{
    if (isnan(f)) return eng_jn_fail(r, SK_E_INVALID, "cannot convert float NaN to integer");
    if (isinf(f)) return eng_jn_fail(r, SK_E_INVALID, "cannot convert float infinity to integer");
    if (fabs(f) >= 0x1p63) return too_big(r);
    *out = jn_int((int64_t)f);
    return SK_OK;
}

/* ---- numbers to text ---- */

/* The shortest digits that read back as f, and the exponent of the first.  At most 17 digits are
 * needed for a double, and printf rounds correctly; trying 1, 2, ... gives the shortest.
 * Trailing zeros (1e22) are taken off. */
static int shortest(double f, char digits[20], int *exponent)
{
    char text[40];
    int n = 0;
    for (int prec = 0; prec < 17; prec++) {
        (void)snprintf(text, sizeof text, "%.*e", prec, f);
        if (strtod(text, NULL) == f) break;
    }
    const char *e = strchr(text, 'e');
    assert(e);
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    *exponent = (int)strtol(e + 1, NULL, 10);
    assert(n && n <= 17);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

/* d.ddde+XX, the exponent with two digits at least. */
static void put_exponent_form(char *p, const char *digits, int n, int e)
{
    *p++ = digits[0];
    if (n > 1) *p++ = '.';
    for (int i = 1; i < n; i++)
        *p++ = digits[i];
    (void)snprintf(p, 8, "e%c%02d", e < 0 ? '-' : '+', e < 0 ? -e : e);
}

/* Zeros and a point around the digits; a whole number ends in ".0". */
static void put_plain_form(char *p, const char *digits, int n, int e)
{
    if (e < 0) {
        (void)snprintf(p, 30, "0.%.*s%.*s", -e - 1, "000", n, digits);
        return;
    }
    for (int i = 0; i <= e; i++)
        *p++ = i < n ? digits[i] : '0';
    *p++ = '.';
    for (int i = e + 1; i < n || i == e + 1; i++)
        *p++ = i < n ? digits[i] : '0';
    *p = 0;
}

/* Plain from 1e-4 to below 1e16, else with an exponent of two digits at least. */
void eng_jn_num_repr(double f, char out[JN_NUM_TEXT])
{
    char digits[20] = "0";
    int e = 0;
    char *p = out;
    if (!isfinite(f)) {
        (void)snprintf(out, JN_NUM_TEXT, "%s", isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    if (signbit(f)) *p++ = '-';
    int n = shortest(fabs(f), digits, &e);
    if (e < -4 || e >= 16)
        put_exponent_form(p, digits, n, e);
    else
        put_plain_form(p, digits, n, e);
}

/* ---- arithmetic ---- */

/* a ** b of whole numbers, b >= 0.  By squaring; a overflows only where a further bit of b would
 * still use it. */
static sk_status int_pow(jn_run *r, int64_t a, int64_t b, jn_val *out)
{
    int64_t v = 1;
    assert(b >= 0);
    for (; b; b >>= 1) {
        if ((b & 1) && __builtin_mul_overflow(v, a, &v)) return too_big(r);
        if (b > 1 && __builtin_mul_overflow(a, a, &a)) return too_big(r);
    }
    *out = jn_int(v);
    return SK_OK;
}

/* Division that rounds down, and its remainder, which has the divisor's sign. */
static int64_t floor_div(int64_t a, int64_t b)
{
    assert(b && !(a == INT64_MIN && b == -1));
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* Overflow is an error; // and % round down. */
static sk_status int_op(jn_run *r, jn_op op, int64_t a, int64_t b, jn_val *out)
{
    int64_t v = 0;
    bool over = false;
    switch ((int)op) {
    case JO_ADD:
        over = __builtin_add_overflow(a, b, &v);
        break;
    case JO_SUB:
        over = __builtin_sub_overflow(a, b, &v);
        break;
    case JO_MUL:
        over = __builtin_mul_overflow(a, b, &v);
        break;
    case JO_FLOORDIV:
        over = a == INT64_MIN && b == -1;
        if (!over) v = floor_div(a, b);
        break;
    case JO_MOD:
        if (b != -1) v = a - floor_div(a, b) * b;
        break;
    default:
        return int_pow(r, a, b, out);
    }
    if (over) return too_big(r);
    *out = jn_int(v);
    return SK_OK;
}

/* a // b, or a % b if `rest`, by way of fmod.  The corrections are float_divmod's of CPython, in
 * its order, so that the last bits agree: the remainder gets the sign of b, and the quotient is
 * rounded to the whole number nearest to what it should be exactly. */
static double float_divide(double a, double b, bool rest)
{
    double m = fmod(a, b), v = (a - m) / b;
    if (m != 0 && (b < 0) != (m < 0)) {
        m += b;
        v -= 1.0;
    }
    if (rest) return m == 0 ? copysign(0.0, b) : m;
    if (v == 0) return copysign(0.0, a / b);
    double f = floor(v);
    return v - f > 0.5 ? f + 1.0 : f;
}

/* a ** b, with the errors that Python has (a complex result among them). */
static sk_status float_pow(jn_run *r, double a, double b, double *out)
{
    if (a == 0 && b < 0)
        return eng_jn_fail(r, SK_E_INVALID, "0.0 cannot be raised to a negative power");
    double v = pow(a, b);
    if (isinf(v) && isfinite(a) && isfinite(b))
        return eng_jn_fail(r, SK_E_INVALID, "a power is too large");
    if (isnan(v) && !isnan(a) && !isnan(b))
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "complex numbers are not supported");
    *out = v;
    return SK_OK;
}

/* Floats overflow to infinity but for **, as Python's do. */
static sk_status float_op(jn_run *r, jn_op op, double a, double b, jn_val *out)
{
    double v = 0;
    sk_status st = SK_OK;
    switch ((int)op) {
    case JO_ADD:
        v = a + b;
        break;
    case JO_SUB:
        v = a - b;
        break;
    case JO_MUL:
        v = a * b;
        break;
    case JO_DIV:
        v = a / b;
        break;
    case JO_POW:
        st = float_pow(r, a, b, &v);
        break;
    default:
        v = float_divide(a, b, op == JO_MOD);
    }
    *out = jn_float(v);
    return st;
}

/* Whole numbers stay whole but for /, and ** with a negative exponent. */
sk_status eng_jn_num_op(jn_run *r, jn_op op, jn_val a, jn_val b, jn_val *out)
{
    assert(jn_is_num(a) && jn_is_num(b));
    sk_status st;
    bool zero = jn_to_float(b) == 0;
    if (zero && (op == JO_DIV || op == JO_FLOORDIV || op == JO_MOD))
        return eng_jn_fail(r, SK_E_INVALID, "division by zero");
    if (jn_is_int(a) && jn_is_int(b) && op != JO_DIV && (op != JO_POW || jn_to_int(b) >= 0))
        st = int_op(r, op, jn_to_int(a), jn_to_int(b), out);
    else
        st = float_op(r, op, jn_to_float(a), jn_to_float(b), out);
    if (!st) out->mark = a.mark | b.mark;
    return st;
}

/* -true is -1. */
sk_status eng_jn_num_neg(jn_run *r, jn_val a, jn_val *out)
{
    if (a.type == JN_FLOAT) {
        *out = jn_float(-a.u.f);
    } else {
        if (jn_to_int(a) == INT64_MIN) return too_big(r);
        *out = jn_int(-jn_to_int(a));
    }
    out->mark = a.mark;
    return SK_OK;
}

/* A whole number and a float, not a NaN, exactly: not by converting the whole number, as 2^53 + 1
 * is not 2^53 + 0.0. */
static int cmp_int_float(int64_t x, double f)
{
    if (f >= 0x1p63) return -1;
    if (f < -0x1p63) return 1;
    int64_t whole = (int64_t)f;
    if (x != whole) return x > whole ? 1 : -1;
    double rest = f - (double)whole;
    return (rest < 0) - (rest > 0);
}

/* -1, 0, 1, or 2 where a NaN takes part. */
int eng_jn_num_cmp(jn_val a, jn_val b)
{
    assert(jn_is_num(a) && jn_is_num(b));
    bool fa = a.type == JN_FLOAT, fb = b.type == JN_FLOAT;
    if ((fa && isnan(a.u.f)) || (fb && isnan(b.u.f))) return 2;
    if (fa && fb) return (a.u.f > b.u.f) - (a.u.f < b.u.f);
    if (fa) return -cmp_int_float(jn_to_int(b), a.u.f);
    if (fb) return cmp_int_float(jn_to_int(a), b.u.f);
    int64_t x = jn_to_int(a), y = jn_to_int(b);
    return (x > y) - (x < y);
}

/* printf rounds the exact value, ties to even, which is what Python's round does.  Python goes
 * on to 323 digits; beyond 22 only tiny numbers would still change, and they are left as they
 * are. */
double eng_jn_num_round(double f, int64_t digits)
{
    char text[400];
    if (!isfinite(f) || digits > 340) return f;
    if (digits < -310) return copysign(0.0, f);
    if (digits < 0) {
        double p = pow(10.0, (double)-digits), v = nearbyint(f / p) * p;
        return isfinite(v) ? v : f;
    }
    (void)snprintf(text, sizeof text, "%.*f", (int)(digits > 22 ? 22 : digits), f);
    return digits > 22 ? f : strtod(text, NULL);
}
