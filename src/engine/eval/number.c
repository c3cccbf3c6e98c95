/* number.c - the number that an answer in words ends with. */
#include "engine/eval/number.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Most characters of a number that count; a longer one is cut. */
enum { MAX_DIGITS = 60 };

static bool is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* True where a comma separates thousands: three digits behind it and then no further one. */
static bool is_comma(const char *p)
{
    return *p == ',' && is_digit(p[1]) && is_digit(p[2]) && is_digit(p[3]) && !is_digit(p[4]);
}

/* True if a minus sign belongs to the digits at p: it follows no digit or letter ("3-2", "x-2"). */
static bool is_negative(const char *text, const char *p)
{
    if (p > text && p[-1] == '$') p--;
    if (p == text || p[-1] != '-') return false;
    return p - 1 == text || !isalnum((unsigned char)p[-2]);
}

/* Reads the number whose first digit is at p; returns what follows it. */
static const char *read_number(const char *text, const char *p, double *out)
{
    char digits[MAX_DIGITS + 1];
    size_t n = 0;
    bool negative = is_negative(text, p), point = false;
    for (; is_digit(*p) || (!point && is_comma(p)) || (!point && *p == '.' && is_digit(p[1]));
         p++) {
        point |= *p == '.';
        if (*p != ',' && n < MAX_DIGITS) digits[n++] = *p;
    }
    digits[n] = 0;
    double v = strtod(digits, NULL);
    *out = negative ? -v : v;
    return p;
}

/* The first number from `from` on, or the last. */
static bool find(const char *text, const char *from, bool last, double *out)
{
    bool found = false;
    for (const char *p = from; *p && (last || !found);) {
        if (is_digit(*p)) {
            p = read_number(text, p, out);
            found = true;
        } else {
            p++;
        }
    }
    return found;
}

bool eng_number_find(const char *text, double *out)
{
    const char *mark = strstr(text, "####");
    double v = 0;
    bool found = mark && find(text, mark, false, &v);
    if (!found) found = find(text, text, true, &v);
    if (found) *out = v;
    return found;
}
