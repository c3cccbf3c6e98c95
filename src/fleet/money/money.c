/* money.c - exact decimal amounts. */
#include "fleet/money/money.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef __int128 wide;

/* a / den, half away from zero. */
static wide rounded_div(wide a, wide den)
{
    wide half = den / 2;
    return a >= 0 ? (a + half) / den : -((-a + half) / den);
}

static bool narrow(wide v, int64_t *out)
{
    if (v > INT64_MAX || v < INT64_MIN) return false;
    *out = (int64_t)v;
    return true;
}

bool flt_muldiv(int64_t a, int64_t num, int64_t den, int64_t *out)
{
    return narrow(rounded_div((wide)a * num, den), out);
}

bool flt_sum(int64_t a, int64_t b, int64_t *out)
{
    return narrow((wide)a + b, out);
}

int64_t flt_part(int64_t total, int64_t from, int64_t to, int64_t whole)
{
    wide after = rounded_div((wide)total * to, whole);
    wide before = rounded_div((wide)total * from, whole);
    return (int64_t)(after - before);
}

int64_t flt_micros_of(double v)
{
    double m = round(v * (double)FLT_MICRO);
    if (isnan(m)) return 0;
    if (m >= 9223372036854775807.0) return INT64_MAX;
    if (m <= -9223372036854775808.0) return INT64_MIN;
    return (int64_t)m;
}

bool flt_currency_ok(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (text[i] < 'A' || text[i] > 'Z') return false;
    return n == 3;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* A number under way: digits without their point, and where the point stood. */
typedef struct decimal {
    bool negative;
    wide digits;     /* at most MAX_DIGITS of them; later ones only move the exponent */
    int n, exponent; /* value = digits * 10^exponent */
    bool lost;       /* a digit other than 0 was dropped */
} decimal;

enum { MAX_DIGITS = 30, MAX_EXPONENT = 400 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add_digit(decimal *d, char c, bool behind_point)
{
    if (d->n < MAX_DIGITS) {
        d->digits = d->digits * 10 + (c - '0');
        d->n += d->digits != 0;
        d->exponent -= behind_point;
        return;
    }
    d->lost |= c != '0';
    d->exponent += !behind_point;
}

static bool group_follows(const char *p, const char *end)
{
    return end - p >= 4 && is_digit(p[1]) && is_digit(p[2]) && is_digit(p[3]) &&
           (end - p == 4 || !is_digit(p[4]));
}

/* Digits with commas between groups and at most one point; false if there is no digit. */
static bool read_digits(const char **p, const char *end, decimal *d)
{
    bool any = false, point = false;
    for (; *p < end; ++*p) {
        char c = **p;
        if (is_digit(c)) {
            add_digit(d, c, point);
            any = true;
        } else if (c == '.' && !point) {
            point = true;
        } else if (c != ',' || point || !any || !group_follows(*p, end)) {
            break;
        }
    }
    return any;
}

/* "e9", "E-3" or nothing; false for an "e" without digits. */
static bool read_exponent(const char **p, const char *end, decimal *d)
{
    if (*p == end || (**p != 'e' && **p != 'E')) return true;
    ++*p;
    int sign = 1, v = 0;
    if (*p < end && (**p == '-' || **p == '+')) sign = *(*p)++ == '-' ? -1 : 1;
    const char *first = *p;
    for (; *p < end && is_digit(**p); ++*p)
        if (v <= MAX_EXPONENT) v = v * 10 + (**p - '0');
    d->exponent += sign * v;
    return *p > first;
}

static bool is_sign(const char *p, const char *end, size_t *len)
{
    static const char *const signs[] = {"$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        *len = strlen(signs[i]);
        if ((size_t)(end - p) >= *len && !memcmp(p, signs[i], *len)) return true;
    }
    return false;
}

/* The whole text into d. */
static bool read_decimal(const char *p, const char *end, decimal *d)
{
    size_t len;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (p < end && (*p == '-' || *p == '+')) d->negative = *p++ == '-';
    if (is_sign(p, end, &len)) p += len;
    if (p < end && *p == '-' && !d->negative) {
        d->negative = true;
        p++;
    }
    return read_digits(&p, end, d) && read_exponent(&p, end, d) && p == end;
}

/* In 128 bits: the digits are shifted to micro-units one place at a time, and stop before they
 * could overflow; what is shifted out is rounded once, at the end. */
sk_status flt_money_parse(const char *text, size_t n, int64_t *out, bool *rounded, sk_err *e)
{
    decimal d = {0};
    int shown = (int)(n < 40 ? n : 40);
    if (!read_decimal(text, text + n, &d))
        return sk_fail(e, SK_E_INVALID, "\"%.*s\" is no number", shown, text);
    int shift = d.exponent + 6;
    wide v = d.digits;
    bool lost = d.lost;
    for (; shift > 0 && v != 0; shift--) {
        if (v > INT64_MAX) break;
        v *= 10;
    }
    if (v != 0 && shift > 0) return sk_fail(e, SK_E_TOOBIG, "%.*s is too large", shown, text);
    if (shift < 0) {
        wide den = 1;
        for (; shift < 0 && den <= v * 10; shift++)
            den *= 10;
        wide q = shift < 0 ? 0 : rounded_div(v, den);
        lost |= shift < 0 ? v != 0 : q * den != v;
        v = q;
    }
    int64_t micros;
    if (!narrow(d.negative ? -v : v, &micros))
        return sk_fail(e, SK_E_TOOBIG, "%.*s is too large", shown, text);
    *out = micros;
    if (rounded) *rounded = lost;
    return SK_OK;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

void flt_money_print(int64_t micros, char out[FLT_MONEY_TEXT])
{
    uint64_t v = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    int n = snprintf(out, FLT_MONEY_TEXT, "%s%llu.%06llu", micros < 0 ? "-" : "",
                     (unsigned long long)(v / 1000000), (unsigned long long)(v % 1000000));
    while (n > 0 && out[n - 1] == '0')
        out[--n] = 0;
    if (n > 0 && out[n - 1] == '.') out[--n] = 0;
}

void flt_money_table(int64_t micros, char out[FLT_MONEY_TEXT])
{
    uint64_t v = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    uint64_t cents = (v + 5000) / 10000;
    char digits[FLT_MONEY_TEXT];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)(cents / 100)), o = 0;
    if (micros < 0 && cents) out[o++] = '-';
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) out[o++] = ',';
        out[o++] = digits[i];
    }
    (void)snprintf(out + o, (size_t)(FLT_MONEY_TEXT - o), ".%02llu",
                   (unsigned long long)(cents % 100));
}
