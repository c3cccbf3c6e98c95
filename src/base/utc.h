/* utc.h - the calendar: seconds of UTC as dates, and spans of time.
 *
 * A time is an int64_t, seconds since 1970-01-01T00:00:00Z as POSIX counts them: a day has 86,400,
 * a leap second (23:59:60) is the second after it.  Dates are those of the proleptic Gregorian
 * calendar, years 1 to 9999.  Nothing here asks what time it is or knows of time zones: a time that
 * comes without its offset from UTC is read as UTC only where the caller says so, since an hour of
 * every autumn would mean two.
 *
 * Sources: RFC 3339; days from civil dates after H. Hinnant, "chrono-compatible low-level date
 * algorithms".
 */
#ifndef SK_BASE_UTC_H
#define SK_BASE_UTC_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The half-open span [from, to): `to` is the first second that is no part of it. */
typedef struct sk_span {
    int64_t from, to;
} sk_span;

/* A time taken apart. */
typedef struct sk_civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
} sk_civil;

enum { SK_UTC_TEXT = 24 }; /* bytes of a printed time, its NUL among them */

/* The first second and the one after the last of the calendar. */
#define SK_UTC_MIN (-62135596800LL)
#define SK_UTC_END 253402300800LL

/* Takes t apart; t is in [SK_UTC_MIN, SK_UTC_END), else it is moved to the nearer end. */
sk_civil sk_utc_civil(int64_t t);

/* Puts it together; the caller has checked it (sk_utc_is_date).  Second 60 is the next minute. */
int64_t sk_utc_time(const sk_civil *c);

/* Whether there is such a day. */
bool sk_utc_is_date(int year, int month, int day);

/* How sk_utc_parse takes a time without an offset. */
typedef enum sk_utc_zone {
    SK_UTC_NEEDED,  /* refuses it */
    SK_UTC_ASSUMED, /* as UTC; a date alone is its midnight */
} sk_utc_zone;

/* Reads text[0..n): RFC 3339 ("2026-11-27T19:00:00Z", "2026-11-27 20:00:00.5+01:00"; a fraction is
 * dropped; seconds may be missing), or with SK_UTC_ASSUMED also without offset and "2026-11-27",
 * "2026-11".  Second 60 is taken at 23:59 UTC only, where leap seconds are.  SK_E_INVALID says
 * what is wrong. */
sk_status sk_utc_parse(const char *text, size_t n, sk_utc_zone zone, int64_t *out, sk_err *e);

/* Writes "2026-11-27T19:00:00Z"; times out of the calendar as the nearer end. */
void sk_utc_print(int64_t t, char out[SK_UTC_TEXT]);

/* Writes "2026-11-27", or the whole time where it is no midnight. */
void sk_utc_print_short(int64_t t, char out[SK_UTC_TEXT]);

/* t moved by `months` (may be negative): same day and time of day, or the month's last day where it
 * has no such day.  The result is held in the calendar. */
int64_t sk_utc_add_months(int64_t t, int64_t months);

/* The beginning of t's month; of t's hour; of t's day. */
int64_t sk_utc_month(int64_t t);
int64_t sk_utc_hour(int64_t t);
int64_t sk_utc_day(int64_t t);

/* Seconds that two spans share, 0 if none. */
int64_t sk_span_shared(sk_span a, sk_span b);

/* Seconds of a span, 0 if it is empty or the wrong way round. */
int64_t sk_span_seconds(sk_span s);

/* Reads how long something is: "90s", "15m", "12h", "30d", "2w", "6mo", "7y" (a number alone is
 * seconds; fractions where the unit is fixed: "1.5h").  Months and years have no fixed length: they
 * are counted from `from`.  *out is the end. */
sk_status sk_utc_after(int64_t from, const char *text, int64_t *out, sk_err *e);

#endif
