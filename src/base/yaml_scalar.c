/* yaml_scalar.c - the core schema of YAML 1.2.2, section 10.3.2. */
#include "base/yaml_scalar.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* True when s is one of the words, NULL at their end. */
static bool is_any(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0) return true;
    return false;
}

static size_t digits(const char *s)
{
    size_t n = 0;
    while (s[n] >= '0' && s[n] <= '9')
        n++;
    return n;
}

static bool has_sign(const char *s)
{
    return *s == '-' || *s == '+';
}

/* [-+]?[0-9]+ */
static bool is_decimal(const char *s)
{
    s += has_sign(s);
    size_t n = digits(s);
    return n && !s[n];
}

/* 0x[0-9a-fA-F]+ or 0o[0-7]+: the base, 0 for neither. */
static int is_based(const char *s)
{
    if (s[0] != '0' || (s[1] != 'x' && s[1] != 'o') || !s[2]) return 0;
    size_t n = strlen(s + 2);
    const char *set = s[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
    if (strspn(s + 2, set) != n) return 0;
    return s[1] == 'x' ? 16 : 8;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *s)
{
    s += has_sign(s);
    size_t whole = digits(s), part = 0;
    s += whole;
    if (*s == '.') {
        part = digits(s + 1);
        s += 1 + part;
    }
    if (!whole && !part) return false;
    if (*s == 'e' || *s == 'E') {
        s += 1 + has_sign(s + 1);
        size_t n = digits(s);
        if (!n) return false;
        s += n;
    }
    return !*s;
}

static bool is_not_finite(const char *s)
{
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
    return is_any(s, nan) || is_any(s + has_sign(s), inf);
}

static sk_yaml_plain give(json_t *v, json_t **out)
{
    if (!v) return SK_YAML_NO_MEMORY;
    *out = v;
    return SK_YAML_OK;
}

static sk_yaml_plain whole_number(const char *s, int base, json_t **out)
{
    assert(base == 8 || base == 10 || base == 16);
    errno = 0;
    long long v = strtoll(s, NULL, base);
    if (errno == ERANGE) return SK_YAML_HUGE;
    return give(json_integer(v), out);
}

/* strtod reads the locale's decimal sign: the point is put in its form first. */
static sk_yaml_plain real_number(const char *s, json_t **out)
{
    char text[512];
    const char *sign = localeconv()->decimal_point, *point = strchr(s, '.');
    int before = point ? (int)(point - s) : (int)strlen(s);
    int n = snprintf(text, sizeof text, "%.*s%s%s", before, s, point ? sign : "",
                     point ? point + 1 : "");
    if (n < 0 || (size_t)n >= sizeof text) return SK_YAML_HUGE;
    double v = strtod(text, NULL);
    if (!isfinite(v)) return SK_YAML_HUGE;
    return give(json_real(v), out);
}

sk_yaml_plain sk_yaml_plain_value(const char *s, size_t n, json_t **out)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    assert(strlen(s) == n);
    if (is_any(s, null)) return give(json_null(), out);
    if (is_any(s, yes)) return give(json_true(), out);
    if (is_any(s, no)) return give(json_false(), out);
    if (is_decimal(s)) return whole_number(s, 10, out);
    int base = is_based(s);
    if (base) return whole_number(s + 2, base, out);
    if (is_float(s)) return real_number(s, out);
    if (is_not_finite(s)) return SK_YAML_NOT_FINITE;
    return give(json_stringn(s, n), out);
}
