/* schema_rating.c - migration 3: how far usage is rated, sums over charges, files that were taken.
 *
 * These tables say what the ledger's rows amount to and can be made anew from them
 * (fleet/ledger/audit.h compares); so their rows are changed, in the same transaction as the rows
 * they speak of.
 *
 * rating_state   one row: everything before `closed` is rated
 * rating_late    usage rows that came when their beginning was closed: to be corrected for
 * rating_open    usage rows that are rated up to `closed` and reach beyond
 * rating_balance where each commitment stood at `t`, for each `t` that a rating ended at
 *                (fleet/rate/rate.h, flt_balance)
 * rollup         charges added up by day of their beginning; origin 0 are ours, 1 imported bills
 * drawdown       applied added up by day and commitment
 * taken          files that were imported as a whole, by their SHA-256: counted once
 */
#include "fleet/store/schema.h"

#include <stddef.h>

static const char sql[] =
    "CREATE TABLE rating_state (one {int} PRIMARY KEY CHECK (one = 1), closed {int} NOT NULL)\n"
    " {table};\n"
    "CREATE TABLE rating_late (usage {int} PRIMARY KEY REFERENCES usage(id)) {table};\n"
    "CREATE TABLE rating_open (usage {int} PRIMARY KEY REFERENCES usage(id)) {table};\n"
    "CREATE TABLE rating_balance (t {int} NOT NULL, commitment {int} NOT NULL REFERENCES\n"
    " commitment(id), interval_from {int} NOT NULL, interval_to {int} NOT NULL,\n"
    " committed {int} NOT NULL, drawn {int} NOT NULL, overage {int} NOT NULL,\n"
    " met {int} NOT NULL, prepaid {int} NOT NULL, quantity {int} NOT NULL,\n"
    " PRIMARY KEY (t, commitment)) {table};\n"
    "CREATE TABLE rollup (day {int} NOT NULL, origin {int} NOT NULL, provider {int} NOT NULL,\n"
    " commitment {int} NOT NULL, workload {int} NOT NULL, pool {int} NOT NULL,\n"
    " kind {int} NOT NULL, paid {int} NOT NULL, category {int} NOT NULL,\n"
    " billing {int} NOT NULL, currency TEXT NOT NULL, n {int} NOT NULL, quantity {int} NOT NULL,\n"
    " list_micros {int} NOT NULL, contracted_micros {int} NOT NULL,\n"
    " billed_micros {int} NOT NULL, effective_micros {int} NOT NULL,\n"
    " PRIMARY KEY (day, origin, provider, commitment, workload, pool, kind, paid, category,\n"
    "  billing, currency)) {table};\n"
    "CREATE TABLE drawdown (commitment {int} NOT NULL, day {int} NOT NULL, n {int} NOT NULL,\n"
    " amount {int} NOT NULL, PRIMARY KEY (commitment, day)) {table};\n"
    "CREATE TABLE taken (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, n {int} NOT NULL,\n"
    " t {int} NOT NULL) {table};\n"
    "CREATE INDEX usage_by_from ON usage(used_from);\n"
    "CREATE INDEX charge_by_from ON charge(charge_from);\n";

static const char *const keep[] = {NULL};

const flt_migration flt_migration_rating = {"rating", sql, keep};
