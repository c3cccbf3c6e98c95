/* t_jinja_time.c - strftime_now: every conversion at moments that are at some edge of the calendar.
 *
 * What is expected is what Python's datetime.strftime gives in the C locale and UTC.
 */
#include "tests/unit/unit.h"

#include "engine/jinja/jinja.h"

#include <stdio.h>

static const struct {
    long long now; /* seconds since 1970 */
    const char *form, *want;
} row[] = {
    {1741964966LL, "%a %A %b %B %h", "Fri Friday Mar March Mar"},
    {1741964966LL, "%c|%D|%x|%X", "Fri Mar 14 15:09:26 2025|03/14/25|03/14/25|15:09:26"},
    {1741964966LL, "%C %d %e %F", "20 14 14 2025-03-14"},
    {1741964966LL, "%g %G %V %u", "25 2025 11 5"},
    {1741964966LL, "%H %I %k %l %M %S", "15 03 15  3 09 26"},
    {1741964966LL, "%j %U %W %w", "073 10 10 5"},
    {1741964966LL, "%p %P %r", "PM pm 03:09:26 PM"},
    {1741964966LL, "%R %T", "15:09 15:09:26"},
    {1741964966LL, "%y %Y", "25 2025"},
    {1741964966LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {0LL, "%a %A %b %B %h", "Thu Thursday Jan January Jan"},
    {0LL, "%c|%D|%x|%X", "Thu Jan  1 00:00:00 1970|01/01/70|01/01/70|00:00:00"},
    {0LL, "%C %d %e %F", "19 01  1 1970-01-01"},
    {0LL, "%g %G %V %u", "70 1970 01 4"},
    {0LL, "%H %I %k %l %M %S", "00 12  0 12 00 00"},
    {0LL, "%j %U %W %w", "001 00 00 4"},
    {0LL, "%p %P %r", "AM am 12:00:00 AM"},
    {0LL, "%R %T", "00:00 00:00:00"},
    {0LL, "%y %Y", "70 1970"},
    {0LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {951782399LL, "%a %A %b %B %h", "Mon Monday Feb February Feb"},
    {951782399LL, "%c|%D|%x|%X", "Mon Feb 28 23:59:59 2000|02/28/00|02/28/00|23:59:59"},
    {951782399LL, "%C %d %e %F", "20 28 28 2000-02-28"},
    {951782399LL, "%g %G %V %u", "00 2000 09 1"},
    {951782399LL, "%H %I %k %l %M %S", "23 11 23 11 59 59"},
    {951782399LL, "%j %U %W %w", "059 09 09 1"},
    {951782399LL, "%p %P %r", "PM pm 11:59:59 PM"},
    {951782399LL, "%R %T", "23:59 23:59:59"},
    {951782399LL, "%y %Y", "00 2000"},
    {951782399LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {1230768000LL, "%a %A %b %B %h", "Thu Thursday Jan January Jan"},
    {1230768000LL, "%c|%D|%x|%X", "Thu Jan  1 00:00:00 2009|01/01/09|01/01/09|00:00:00"},
    {1230768000LL, "%C %d %e %F", "20 01  1 2009-01-01"},
    {1230768000LL, "%g %G %V %u", "09 2009 01 4"},
    {1230768000LL, "%H %I %k %l %M %S", "00 12  0 12 00 00"},
    {1230768000LL, "%j %U %W %w", "001 00 00 4"},
    {1230768000LL, "%p %P %r", "AM am 12:00:00 AM"},
    {1230768000LL, "%R %T", "00:00 00:00:00"},
    {1230768000LL, "%y %Y", "09 2009"},
    {1230768000LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {1104537600LL, "%a %A %b %B %h", "Sat Saturday Jan January Jan"},
    {1104537600LL, "%c|%D|%x|%X", "Sat Jan  1 00:00:00 2005|01/01/05|01/01/05|00:00:00"},
    {1104537600LL, "%C %d %e %F", "20 01  1 2005-01-01"},
    {1104537600LL, "%g %G %V %u", "04 2004 53 6"},
    {1104537600LL, "%H %I %k %l %M %S", "00 12  0 12 00 00"},
    {1104537600LL, "%j %U %W %w", "001 00 00 6"},
    {1104537600LL, "%p %P %r", "AM am 12:00:00 AM"},
    {1104537600LL, "%R %T", "00:00 00:00:00"},
    {1104537600LL, "%y %Y", "05 2005"},
    {1104537600LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {1230595200LL, "%a %A %b %B %h", "Tue Tuesday Dec December Dec"},
    {1230595200LL, "%c|%D|%x|%X", "Tue Dec 30 00:00:00 2008|12/30/08|12/30/08|00:00:00"},
    {1230595200LL, "%C %d %e %F", "20 30 30 2008-12-30"},
    {1230595200LL, "%g %G %V %u", "09 2009 01 2"},
    {1230595200LL, "%H %I %k %l %M %S", "00 12  0 12 00 00"},
    {1230595200LL, "%j %U %W %w", "365 52 52 2"},
    {1230595200LL, "%p %P %r", "AM am 12:00:00 AM"},
    {1230595200LL, "%R %T", "00:00 00:00:00"},
    {1230595200LL, "%y %Y", "08 2008"},
    {1230595200LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {1419984000LL, "%a %A %b %B %h", "Wed Wednesday Dec December Dec"},
    {1419984000LL, "%c|%D|%x|%X", "Wed Dec 31 00:00:00 2014|12/31/14|12/31/14|00:00:00"},
    {1419984000LL, "%C %d %e %F", "20 31 31 2014-12-31"},
    {1419984000LL, "%g %G %V %u", "15 2015 01 3"},
    {1419984000LL, "%H %I %k %l %M %S", "00 12  0 12 00 00"},
    {1419984000LL, "%j %U %W %w", "365 52 52 3"},
    {1419984000LL, "%p %P %r", "AM am 12:00:00 AM"},
    {1419984000LL, "%R %T", "00:00 00:00:00"},
    {1419984000LL, "%y %Y", "14 2014"},
    {1419984000LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {4102444799LL, "%a %A %b %B %h", "Thu Thursday Dec December Dec"},
    {4102444799LL, "%c|%D|%x|%X", "Thu Dec 31 23:59:59 2099|12/31/99|12/31/99|23:59:59"},
    {4102444799LL, "%C %d %e %F", "20 31 31 2099-12-31"},
    {4102444799LL, "%g %G %V %u", "99 2099 53 4"},
    {4102444799LL, "%H %I %k %l %M %S", "23 11 23 11 59 59"},
    {4102444799LL, "%j %U %W %w", "365 52 52 4"},
    {4102444799LL, "%p %P %r", "PM pm 11:59:59 PM"},
    {4102444799LL, "%R %T", "23:59 23:59:59"},
    {4102444799LL, "%y %Y", "99 2099"},
    {4102444799LL, "%n%t%f%z%Z%%", "\n\t000000%"},
    {1741964966LL, "%-d", "14"},
    {1741964966LL, "%_d", "14"},
    {1741964966LL, "%-m/%-d", "3/14"},
    {1741964966LL, "%-I:%M %p", "3:09 PM"},
    {1741964966LL, "%_H", "15"},
    {1741964966LL, "%0e", "14"},
    {1741964966LL, "%-j", "73"},
    {1741964966LL, "%_j", " 73"},
    {1741964966LL, "%-H", "15"},
    {1741964966LL, "%q", "%q"},
    {1741964966LL, "%", "%"},
    {1741964966LL, "%%%", "%%"},
    {1741964966LL, "%E", "%E"},
    {1741964966LL, "%-", "%-"},
    {1741964966LL, "%d %B %Y", "14 March 2025"},
    {1741964966LL, "%A, %b %d", "Friday, Mar 14"},
};

/* The text of "{{ strftime_now(form) }}" at a moment. */
static sk_status shown(const char *form, long long now, bool utc, eng_jinja_text *out, sk_err *e)
{
    static const char template[] = "{{ strftime_now(form) }}";
    eng_jinja *t = NULL;
    sk_status st = eng_jinja_compile(template, sizeof template - 1, &t, e);
    if (st) return st;
    const eng_jinja_var var = {.name = "form", .text = form, .n_text = strlen(form)};
    const eng_jinja_input in = {.var = &var, .n_var = 1, .now = now, .utc = utc};
    st = eng_jinja_render(t, &in, out, e);
    eng_jinja_free(t);
    return st;
}

static void as_python_shows_it(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
        sk_err e = SK_ERR_INIT;
        assert_status_ok(shown(row[i].form, row[i].now, true, &out, &e), e);
        bool same = strcmp(out.text.p, row[i].want) == 0;
        if (!same)
            print_error("%lld %s: \"%s\", not \"%s\"\n", row[i].now, row[i].form, out.text.p,
                        row[i].want);
        bad += !same;
        eng_jinja_text_fini(&out);
    }
    assert_int_equal(bad, 0);
}

/* The first of January and the last of December of 40 years: ISO weeks against their definition,
 * the week of the year's Thursday. */
static void iso_weeks(void **state)
{
    (void)state;
    int year = 1970, day = 4; /* 1970-01-01 was a Thursday; Monday is 1 */
    long long at = 0;
    for (; year < 2060; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int length = leap ? 366 : 365;
        /* the first of January is in week 1 if it is no later than a Thursday */
        eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
        sk_err e = SK_ERR_INIT;
        int iso = 0, week = 0;
        assert_status_ok(shown("%G %V", at, true, &out, &e), e);
        assert_int_equal(sscanf(out.text.p, "%d %d", &iso, &week), 2);
        assert_int_equal(iso, day <= 4 ? year : year - 1);
        assert_true(day <= 4 ? week == 1 : week >= 52);
        /* the 31st of December is in week 1 of the next year up to a Wednesday */
        int last = (day - 1 + length - 1) % 7 + 1;
        assert_status_ok(shown("%G %V", at + (length - 1) * 86400LL, true, &out, &e), e);
        assert_int_equal(sscanf(out.text.p, "%d %d", &iso, &week), 2);
        assert_int_equal(iso, last <= 3 ? year + 1 : year);
        assert_true(last <= 3 ? week == 1 : week >= 52);
        eng_jinja_text_fini(&out);
        at += length * 86400LL;
        day = (day - 1 + length) % 7 + 1;
    }
}

/* A moment that no calendar has is refused; one in the zone of the machine is shown somehow. */
static void moments(void **state)
{
    (void)state;
    eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
    sk_err e = SK_ERR_INIT;
    assert_status(shown("%Y", INT64_MAX, true, &out, &e), SK_E_INVALID, e,
                  "the clock is out of range");
    assert_status_ok(shown("%Y-%m-%d %H:%M", 1741964966, false, &out, &e), e);
    assert_int_equal(out.text.len, 16);
    assert_status_ok(shown("%Y", -1, true, &out, &e), e); /* the clock itself */
    assert_true(strtol(out.text.p, NULL, 10) >= 2024);
    eng_jinja_text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_python_shows_it),
        cmocka_unit_test(iso_weeks),
        cmocka_unit_test(moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
