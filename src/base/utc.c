/* utc.c - the calendar. */
#include "base/utc.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 7 * DAY };

/* a / b and the rest, towards minus infinity. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t floor_to(int64_t t, int64_t unit)
{
    return floor_div(t, unit) * unit;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && is_leap(year));
}

bool sk_utc_is_date(int year, int month, int day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_of(year, month);
}

/* Days since 1970.  Years are counted from March, so that the leap day is the last of its year. */
static int64_t days_from_date(int64_t y, int m, int d)
{
    assert(m >= 1 && m <= 12);
    y -= m <= 2;
    int64_t era = floor_div(y, 400), of_era = y - era * 400;
    int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The inverse of days_from_date. */
static void date_from_days(int64_t days, sk_civil *c)
{
    days += 719468;
    int64_t era = floor_div(days, 146097), of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t day = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day + 2) / 153;
    c->day = (int)(day - (153 * month + 2) / 5 + 1);
    c->month = (int)(month < 10 ? month + 3 : month - 9);
    c->year = (int)(year + era * 400 + (c->month <= 2));
    assert(c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= 31);
}

static int64_t held(int64_t t)
{
    return t < SK_UTC_MIN ? SK_UTC_MIN : t >= SK_UTC_END ? SK_UTC_END - 1 : t;
}

sk_civil sk_utc_civil(int64_t t)
{
    sk_civil c;
    t = held(t);
    int64_t days = floor_div(t, DAY), rest = t - days * DAY;
    date_from_days(days, &c);
    c.hour = (int)(rest / HOUR);
    c.minute = (int)(rest % HOUR / MINUTE);
    c.second = (int)(rest % MINUTE);
    return c;
}

int64_t sk_utc_time(const sk_civil *c)
{
    return days_from_date(c->year, c->month, c->day) * DAY + c->hour * (int64_t)HOUR +
           c->minute * (int64_t)MINUTE + c->second;
}

/* What is left of a text that is being read. */
typedef struct reader {
    const char *p, *end;
} reader;

/* Reads exactly n digits. */
static bool digits(reader *r, int n, int *out)
{
    int v = 0;
    assert(n > 0 && n < 10); /* they fit into an int */
    if (r->end - r->p < n) return false;
    for (int i = 0; i < n; i++, r->p++) {
        if (*r->p < '0' || *r->p > '9') return false;
        v = v * 10 + (*r->p - '0');
    }
    *out = v;
    return true;
}

/* Reads one of the characters of `any`, if it comes next. */
static bool one_of(reader *r, const char *any)
{
    if (r->p == r->end || !*r->p || !strchr(any, *r->p)) return false;
    r->p++;
    return true;
}

/* "HH:MM", ":SS" and ".fraction", the last two if they are there. */
static bool read_clock(reader *r, sk_civil *c)
{
    if (!digits(r, 2, &c->hour) || !one_of(r, ":") || !digits(r, 2, &c->minute)) return false;
    if (!one_of(r, ":")) return true;
    if (!digits(r, 2, &c->second)) return false;
    if (!one_of(r, ".,")) return true;
    int digit;
    if (!digits(r, 1, &digit)) return false;
    while (digits(r, 1, &digit)) {
    }
    return true;
}

/* "Z" or "+HH:MM" into seconds east of Greenwich; nothing leaves *given false. */
static bool read_offset(reader *r, bool *given, int64_t *east)
{
    int h = 0, m = 0;
    *given = true;
    *east = 0;
    if (one_of(r, "Zz")) return true;
    int sign = one_of(r, "+") ? 1 : one_of(r, "-") ? -1 : 0;
    *given = sign != 0;
    if (!sign) return true;
    if (!digits(r, 2, &h)) return false;
    (void)one_of(r, ":");
    if (!digits(r, 2, &m) || h > 23 || m > 59) return false;
    *east = sign * (h * (int64_t)HOUR + m * MINUTE);
    return true;
}

/* "2026-11" or "2026-11-27". */
static bool read_date(reader *r, bool month_will_do, sk_civil *c)
{
    if (!digits(r, 4, &c->year) || !one_of(r, "-") || !digits(r, 2, &c->month)) return false;
    if (month_will_do && r->p == r->end) return true;
    return one_of(r, "-") && digits(r, 2, &c->day);
}

static bool is_clock(const sk_civil *c)
{
    return c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static sk_status no_time(const char *text, size_t n, sk_err *e, const char *why)
{
    return sk_fail(e, SK_E_INVALID, "\"%.*s\" is no time: %s", (int)(n < 40 ? n : 40), text, why);
}

/* Read by hand: strptime() follows the locale and passes days that do not exist.  A second 60 is
 * let through only where leap seconds are inserted, at the end of a UTC day; it is then the first
 * second of the next. */
sk_status sk_utc_parse(const char *text, size_t n, sk_utc_zone zone, int64_t *out, sk_err *e)
{
    static const char form[] = "write it like 2026-11-27T19:00:00Z";
    reader r = {text, text + n};
    sk_civil c = {.day = 1};
    bool assumed = zone == SK_UTC_ASSUMED, clock = false, given = false;
    int64_t east = 0;
    if (!read_date(&r, assumed, &c)) return no_time(text, n, e, form);
    if (r.p < r.end) {
        clock = true;
        if (!one_of(&r, "Tt ") || !read_clock(&r, &c) || !read_offset(&r, &given, &east) ||
            r.p < r.end)
            return no_time(text, n, e, form);
    }
    if (!sk_utc_is_date(c.year, c.month, c.day)) return no_time(text, n, e, "there is no such day");
    if (!is_clock(&c)) return no_time(text, n, e, "a day has 24 hours of 60 minutes");
    if (!assumed && (!clock || !given))
        return no_time(text, n, e, "its offset from UTC is missing (Z for none)");
    int64_t t = sk_utc_time(&c) - east;
    if (c.second == 60 && t % DAY != 0)
        return no_time(text, n, e, "leap seconds are at 23:59:60 UTC");
    if (t < SK_UTC_MIN || t >= SK_UTC_END) return no_time(text, n, e, "out of the calendar");
    *out = t;
    return SK_OK;
}

void sk_utc_print(int64_t t, char out[SK_UTC_TEXT])
{
    sk_civil c = sk_utc_civil(t);
    (void)snprintf(out, SK_UTC_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day,
                   c.hour, c.minute, c.second);
}

void sk_utc_print_short(int64_t t, char out[SK_UTC_TEXT])
{
    sk_utc_print(t, out);
    if (!strcmp(out + 10, "T00:00:00Z")) out[10] = 0;
}

int64_t sk_utc_add_months(int64_t t, int64_t months)
{
    sk_civil c = sk_utc_civil(t);
    int64_t limit = 12 * 10000;
    months = months > limit ? limit : months < -limit ? -limit : months;
    int64_t m = c.year * INT64_C(12) + c.month - 1 + months;
    if (m < 12) return SK_UTC_MIN;
    if (m >= limit) return SK_UTC_END - 1;
    c.year = (int)(m / 12);
    c.month = (int)(m % 12) + 1;
    assert(c.year >= 1 && c.year <= 9999);
    int last = days_of(c.year, c.month);
    if (c.day > last) c.day = last;
    return sk_utc_time(&c);
}

int64_t sk_utc_month(int64_t t)
{
    sk_civil c = sk_utc_civil(t);
    return sk_utc_time(&(sk_civil){.year = c.year, .month = c.month, .day = 1});
}

int64_t sk_utc_hour(int64_t t)
{
    return floor_to(t, HOUR);
}

int64_t sk_utc_day(int64_t t)
{
    return floor_to(t, DAY);
}

int64_t sk_span_shared(sk_span a, sk_span b)
{
    return sk_span_seconds((sk_span){a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to});
}

int64_t sk_span_seconds(sk_span s)
{
    return s.to > s.from ? s.to - s.from : 0;
}

/* Units of a length of time: so many seconds, or so many months. */
static const struct unit {
    const char *name;
    int64_t seconds, months;
} units[] = {{"", 1, 0},    {"s", 1, 0},    {"m", MINUTE, 0}, {"min", MINUTE, 0}, {"h", HOUR, 0},
             {"d", DAY, 0}, {"w", WEEK, 0}, {"mo", 0, 1},     {"y", 0, 12}};

sk_status sk_utc_after(int64_t from, const char *text, int64_t *out, sk_err *e)
{
    char *end = NULL;
    double v = strtod(text, &end);
    const struct unit *u = NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i].name)) u = &units[i];
    if (end == text || !u || !(v >= 0) || v > 1e12)
        return sk_fail(e, SK_E_INVALID,
                       "\"%.40s\" is no length of time: write it like 90s, 15m, 12h, 30d, 6mo, 7y",
                       text);
    if (u->months && v != floor(v))
        return sk_fail(e, SK_E_INVALID, "\"%.40s\": months and years come whole", text);
    if (v * (double)(u->seconds + u->months * (31 * DAY)) > (double)(SK_UTC_END - SK_UTC_MIN))
        return sk_fail(e, SK_E_INVALID, "\"%.40s\" leads out of the calendar", text);
    int64_t t = u->months ? sk_utc_add_months(from, (int64_t)v * u->months)
                          : from + (int64_t)llround(v * (double)u->seconds);
    *out = held(t);
    return SK_OK;
}
