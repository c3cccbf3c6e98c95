/* strftime.c - dates as Python's strftime writes them in the C locale. */
#include "engine/jinja/strftime.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* Week of the year by ISO 8601, and the year it belongs to. */
static int iso_week(const struct tm *t, int *year)
{
    int weekday = (t->tm_wday + 6) % 7, week = (t->tm_yday - weekday + 10) / 7;
    int y = t->tm_year + 1900;
    *year = y;
    if (week < 1) {
        int p = y - 1;
        *year = p;
        bool leap = (p % 4 == 0 && p % 100 != 0) || p % 400 == 0;
        return (t->tm_yday + 365 + leap - weekday + 10) / 7;
    }
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (week == 53 && t->tm_yday - weekday + 3 >= 365 + leap) {
        *year = y + 1;
        return 1;
    }
    return week;
}

/* A number of that width; flag '-' takes the filling off, '_' fills with blanks, '0' with zeros. */
static void number(char out[64], int v, int width, char fill, char flag)
{
    if (flag == '-') width = 0;
    if (flag == '_') fill = ' ';
    if (flag == '0') fill = '0';
    (void)snprintf(out, 64, fill == ' ' ? "%*d" : "%0*d", width, v);
}

/* The text of a conversion that is a number; false for any other. */
static bool numeric(const struct tm *t, char c, char flag, char out[64])
{
    int year = 0, hour = t->tm_hour % 12 ? t->tm_hour % 12 : 12;
    int week = iso_week(t, &year);
    switch (c) {
    case 'd':
        number(out, t->tm_mday, 2, '0', flag);
        return true;
    case 'e':
        number(out, t->tm_mday, 2, ' ', flag);
        return true;
    case 'm':
        number(out, t->tm_mon + 1, 2, '0', flag);
        return true;
    case 'Y':
        number(out, t->tm_year + 1900, 1, '0', flag);
        return true;
    case 'y':
        number(out, t->tm_year % 100, 2, '0', flag);
        return true;
    case 'C':
        number(out, (t->tm_year + 1900) / 100, 2, '0', flag);
        return true;
    case 'G':
        number(out, year, 1, '0', flag);
        return true;
    case 'g':
        number(out, year % 100, 2, '0', flag);
        return true;
    case 'V':
        number(out, week, 2, '0', flag);
        return true;
    case 'U':
        number(out, (t->tm_yday + 7 - t->tm_wday) / 7, 2, '0', flag);
        return true;
    case 'W':
        number(out, (t->tm_yday + 7 - (t->tm_wday + 6) % 7) / 7, 2, '0', flag);
        return true;
    case 'j':
        number(out, t->tm_yday + 1, 3, '0', flag);
        return true;
    case 'u':
        number(out, t->tm_wday ? t->tm_wday : 7, 1, '0', flag);
        return true;
    case 'w':
        number(out, t->tm_wday, 1, '0', flag);
        return true;
    case 'H':
        number(out, t->tm_hour, 2, '0', flag);
        return true;
    case 'k':
        number(out, t->tm_hour, 2, ' ', flag);
        return true;
    case 'I':
        number(out, hour, 2, '0', flag);
        return true;
    case 'l':
        number(out, hour, 2, ' ', flag);
        return true;
    case 'M':
        number(out, t->tm_min, 2, '0', flag);
        return true;
    case 'S':
        number(out, t->tm_sec, 2, '0', flag);
        return true;
    default:
        return false;
    }
}

/* The conversions that stand for several; NULL for any other. */
static const char *compound(char c)
{
    switch (c) {
    case 'c':
        return "%a %b %e %H:%M:%S %Y";
    case 'D':
    case 'x':
        return "%m/%d/%y";
    case 'F':
        return "%Y-%m-%d";
    case 'R':
        return "%H:%M";
    case 'r':
        return "%I:%M:%S %p";
    case 'T':
    case 'X':
        return "%H:%M:%S";
    default:
        return NULL;
    }
}

/* The conversions that are words; NULL for any other. */
static const char *word(const struct tm *t, char c, char out[64])
{
    switch (c) {
    case 'A':
        return days[t->tm_wday];
    case 'B':
        return months[t->tm_mon];
    case 'a':
        (void)snprintf(out, 64, "%.3s", days[t->tm_wday]);
        return out;
    case 'b':
    case 'h':
        (void)snprintf(out, 64, "%.3s", months[t->tm_mon]);
        return out;
    case 'p':
        return t->tm_hour < 12 ? "AM" : "PM";
    case 'P':
        return t->tm_hour < 12 ? "am" : "pm";
    case 'n':
        return "\n";
    case 't':
        return "\t";
    case 'f':
        return "000000"; /* microseconds: the clock has none */
    case 'z':
    case 'Z':
        return ""; /* datetime.now() knows no zone */
    case '%':
        return "%";
    default:
        return NULL;
    }
}

/* What is no conversion stays as it is, as in glibc. */
static void write_date(jn_sb *b, const struct tm *t, const char *p, size_t n, uint8_t mark)
{
    for (size_t i = 0; i < n; i++) {
        char text[64], flag = 0;
        if (p[i] != '%' || i + 1 == n) {
            eng_jn_sb_addc(b, p[i], mark);
            continue;
        }
        size_t from = i++;
        if (strchr("-_0", p[i]) && p[i] && i + 1 < n) flag = p[i++];
        const char *more = compound(p[i]), *w = word(t, p[i], text);
        if (more)
            write_date(b, t, more, strlen(more), mark);
        else if (w || numeric(t, p[i], flag, text))
            eng_jn_sb_adds(b, w ? w : text, mark);
        else
            eng_jn_sb_add(b, p + from, i + 1 - from, mark);
    }
}

/* datetime.now() has no zone, so that neither has this. */
sk_status eng_jn_strftime(jn_run *r, const jn_str *form, jn_val *out)
{
    struct tm t;
    jn_sb b;
    time_t now = (time_t)r->now;
    if (!(r->utc ? gmtime_r(&now, &t) : localtime_r(&now, &t)))
        return eng_jn_fail(r, SK_E_INVALID, "the clock is out of range");
    eng_jn_sb_init(&b, r);
    write_date(&b, &t, form->p, form->n, form->mark);
    return eng_jn_sb_done(&b, out);
}
