/* money.h - amounts of money and other decimal quantities, exactly.
 *
 * An amount is an int64_t in micro-units of a currency (1 USD = 1,000,000): up to 9.2 million
 * million of the unit, exact to the millionth.  Quantities (chip-hours, normalised hours, shares)
 * are micro-units too.  Products are formed in 128 bits and rounded once, half away from zero; what
 * does not fit is an error, never a wrapped number.  Nothing here is a float: who needs a
 * probability or a forecast works in double and rounds once, at the end (flt_micros_of).
 */
#ifndef FLT_FLEET_MONEY_MONEY_H
#define FLT_FLEET_MONEY_MONEY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLT_MICRO INT64_C(1000000)
/* Parts per million of 1: how discounts and shares are kept (30 % = 300000). */
#define FLT_PPM INT64_C(1000000)

enum {
    FLT_CURRENCY = 4,    /* bytes of an ISO 4217 code, its NUL among them */
    FLT_MONEY_TEXT = 32, /* bytes of a printed amount, its NUL among them */
};

/* a * num / den, rounded half away from zero; den > 0.  False (and *out untouched) where the result
 * does not fit. */
bool flt_muldiv(int64_t a, int64_t num, int64_t den, int64_t *out);

/* a + b; false where it does not fit. */
bool flt_sum(int64_t a, int64_t b, int64_t *out);

/* The part of a total that falls on [from, to) of [0, whole): parts of neighbouring pieces add up
 * to the total exactly, whatever the cuts.  0 <= from <= to <= whole, whole > 0.  (It is the
 * difference of two rounded running totals, so it is at most one micro-unit off its own rounded
 * value.) */
int64_t flt_part(int64_t total, int64_t from, int64_t to, int64_t whole);

/* The nearest micro-units to v units; held at the ends of int64_t, 0 for NaN. */
int64_t flt_micros_of(double v);

/* Reads a decimal number of units into micro-units: "55.04", "-0.5", "1,200.00", "$50,000.00 ",
 * "38e9", "1.5E-3".  A currency sign before it, blanks around it and commas between groups of three
 * are read over.  Digits beyond the millionth are rounded, and *rounded (may be NULL) says so.
 * SK_E_INVALID for what is no number, SK_E_TOOBIG for what does not fit. */
sk_status flt_money_parse(const char *text, size_t n, int64_t *out, bool *rounded, sk_err *e);

/* Writes an amount as a decimal number without needless zeros: "55.04", "-0.5", "1200". */
void flt_money_print(int64_t micros, char out[FLT_MONEY_TEXT]);

/* The same with exactly two digits behind the point and commas between thousands, for tables:
 * "1,200.00". */
void flt_money_table(int64_t micros, char out[FLT_MONEY_TEXT]);

/* Whether text is three capital letters. */
bool flt_currency_ok(const char *text);

#endif
