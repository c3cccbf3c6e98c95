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

/* Week of the year by ISO 8601, and the year it belongs to.  Week 1 is the one with the year's
 * first Thursday; so the last days of December may belong to week 1 of the next year and the
 * first of January to week 52 or 53 of the last. */
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

/* A number of that width; flag '-' takes the filling off, '_' fills with blanks, '0' with zeros.
 * The flags are glibc's, which Python passes on to it. */
static void number(char out[64], int v, int width, char fill, char flag)
{
    if (flag == '-') width = 0;
    if (flag == '_') fill = ' ';
    if (flag == '0') fill = '0';
    (void)snprintf(out, 64, fill == ' ' ? "%*d" : "%0*d", width, v);
}

/* The text of a conversion that is a number; false for any other.  %U and %W count weeks from the
 * year's first Sunday or Monday, %V those of ISO 8601. */
static bool numeric(const struct tm *t, char c, char flag, char out[64])
{
    int iso_year = 0, week = iso_week(t, &iso_year), year = t->tm_year + 1900;
    int hour = t->tm_hour % 12 ? t->tm_hour % 12 : 12, monday = (t->tm_wday + 6) % 7;
    const struct {
        char c, fill;
        int width, v;
    } number_of[] = {
        {'d', '0', 2, t->tm_mday},
        {'e', ' ', 2, t->tm_mday},
        {'m', '0', 2, t->tm_mon + 1},
        {'Y', '0', 1, year},
        {'y', '0', 2, t->tm_year % 100},
        {'C', '0', 2, year / 100},
        {'G', '0', 1, iso_year},
        {'g', '0', 2, iso_year % 100},
        {'V', '0', 2, week},
        {'U', '0', 2, (t->tm_yday + 7 - t->tm_wday) / 7},
        {'W', '0', 2, (t->tm_yday + 7 - monday) / 7},
        {'j', '0', 3, t->tm_yday + 1},
        {'u', '0', 1, t->tm_wday ? t->tm_wday : 7},
        {'w', '0', 1, t->tm_wday},
        {'H', '0', 2, t->tm_hour},
        {'k', ' ', 2, t->tm_hour},
        {'I', '0', 2, hour},
        {'l', ' ', 2, hour},
        {'M', '0', 2, t->tm_min},
        {'S', '0', 2, t->tm_sec},
    };
    for (size_t i = 0; i < sizeof number_of / sizeof number_of[0]; i++) {
        if (number_of[i].c != c) continue;
        number(out, number_of[i].v, number_of[i].width, number_of[i].fill, flag);
        return true;
    }
    return false;
}

/* The conversions that stand for several; NULL for any other. */
static const char *compound(char c)
{
    static const struct {
        char c;
        const char *form;
    } forms[] = {
        {'c', "%a %b %e %H:%M:%S %Y"},
        {'D', "%m/%d/%y"},
        {'x', "%m/%d/%y"},
        {'F', "%Y-%m-%d"},
        {'R', "%H:%M"},
        {'r', "%I:%M:%S %p"},
        {'T', "%H:%M:%S"},
        {'X', "%H:%M:%S"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].c == c) return forms[i].form;
    return NULL;
}

/* The conversions that are words, at most `most` bytes of each; NULL for any other.  The clock has
 * no microseconds (%f), and datetime.now() knows no zone (%z, %Z). */
static const char *word(const struct tm *t, char c, char out[64])
{
    bool morning = t->tm_hour < 12;
    const struct {
        char c;
        int most;
        const char *text;
    } word_of[] = {
        {'A', 20, days[t->tm_wday]},
        {'B', 20, months[t->tm_mon]},
        {'a', 3, days[t->tm_wday]},
        {'b', 3, months[t->tm_mon]},
        {'h', 3, months[t->tm_mon]},
        {'p', 2, morning ? "AM" : "PM"},
        {'P', 2, morning ? "am" : "pm"},
        {'n', 1, "\n"},
        {'t', 1, "\t"},
        {'f', 6, "000000"},
        {'z', 0, ""},
        {'Z', 0, ""},
        {'%', 1, "%"},
    };
    for (size_t i = 0; i < sizeof word_of / sizeof word_of[0]; i++) {
        if (word_of[i].c != c) continue;
        (void)snprintf(out, 64, "%.*s", word_of[i].most, word_of[i].text);
        return out;
    }
    return NULL;
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
