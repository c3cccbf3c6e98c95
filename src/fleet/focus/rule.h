/* rule.h - what FOCUS demands of a row, beyond that it can be read.
 *
 * One row of the table below is a rule: its name, and what it says.  They are those of the FOCUS
 * specification 1.2 that a single row can break, in our own words.  Not among them: what needs
 * other rows or the provider's price list, and the words of ServiceSubcategory.
 */
#ifndef FLT_FLEET_FOCUS_RULE_H
#define FLT_FLEET_FOCUS_RULE_H

#include "fleet/focus/row.h"

#define FLT_FOCUS_RULES(ROW)                                                                       \
    ROW(NULLS, "null-not-allowed", "a value is needed here")                                       \
    ROW(NUMBER, "number-format", "digits, a point, a minus and E only; no currency, no commas")    \
    ROW(TIME, "time-format", "YYYY-MM-DDThh:mm:ssZ")                                               \
    ROW(WORDS, "word-not-allowed", "not one of the words of this column")                          \
    ROW(CURRENCY, "currency-code", "three capital letters of ISO 4217")                            \
    ROW(JSON, "json-object", "a JSON object")                                                      \
    ROW(NEGATIVE, "negative-price", "a unit price is not negative")                                \
    ROW(VERSION, "not-in-version", "the column is not one of this version")                        \
    ROW(PERIOD, "empty-period", "a period ends after it begins")                                   \
    ROW(CATEGORY, "charge-category", "one of Usage, Purchase, Tax, Credit, Adjustment")            \
    ROW(FREQUENCY, "purchase-frequency", "a purchase is not Usage-Based")                          \
    ROW(TAX, "tax-has-price", "null for a tax")                                                    \
    ROW(PRICED, "unpriced", "needed for usage and purchases that are no correction")               \
    ROW(UNIT, "unit-with-quantity", "a quantity has a unit, and a unit a quantity")                \
    ROW(CONSUMED, "consumed-quantity", "for used usage, and only for it")                          \
    ROW(PRODUCT, "price-times-quantity", "unit price times quantity is the cost")                  \
    ROW(CREDIT, "credit-cost", "of a credit without a price all costs are BilledCost")             \
    ROW(PREPAID, "purchase-effective-cost",                                                        \
        "the purchase of a commitment costs nothing in effect: what it covers does")               \
    ROW(DISCOUNT, "commitment-discount",                                                           \
        "the columns of a commitment discount stand together, or none does")                       \
    ROW(STATUS, "commitment-status", "used or unused for usage")                                   \
    ROW(COMMITTED, "pricing-category", "Committed is for what a commitment covers")                \
    ROW(RESERVATION, "capacity-reservation", "the columns of a reservation stand together")        \
    ROW(RESOURCE, "resource", "a resource has a type; what has none has no name")                  \
    ROW(REGION, "region-name", "a region has an id and a name")                                    \
    ROW(AMOUNT, "commitment-amount",                                                               \
        "money of a commitment to spend, a quantity with its unit of one to use")                  \
    ROW(PAYMENT, "payment", "upfront share, model and interval fit each other")                    \
    ROW(INTERVAL, "interval", "a continuous commitment has no interval of the full period")

#define FLT_FOCUS_ENUM(name, word, text) FLT_FR_##name,
typedef enum flt_focus_rule { FLT_FOCUS_RULES(FLT_FOCUS_ENUM) FLT_FR_N } flt_focus_rule;
#undef FLT_FOCUS_ENUM

/* The rule's name and what it says, static storage. */
const char *flt_focus_rule_name(flt_focus_rule r);
const char *flt_focus_rule_text(flt_focus_rule r);

/* Called for each rule that a row breaks, with the column. */
typedef void (*flt_focus_note)(void *arg, flt_focus_rule rule, const flt_focus_column *column);

/* Checks a row that was read.  Columns that the file does not have are not asked for (see
 * flt_focus_missing), and rules over several columns only where all of them are there.  Returns how
 * many findings there were; note may be NULL. */
size_t flt_focus_check(const flt_focus_map *m, const flt_focus_row *row, flt_focus_note note,
                       void *arg);

#endif
