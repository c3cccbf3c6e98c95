/* schema_ledger.c - migration 2: usage, charges, what of them counts for commitments, events.
 *
 * The columns of usage, charge and applied are the fields of fleet/book/usage.h, enums by their
 * numbers, references that may be 0 as null.  `extra` is what an imported row says besides, a JSON
 * object of FOCUS columns, or null.  Rows of these tables are never changed nor removed.
 */
#include "fleet/store/schema.h"

#include <stddef.h>

static const char sql[] =
    "CREATE TABLE usage (id {id}, key TEXT NOT NULL UNIQUE,\n"
    " pool {int} NOT NULL REFERENCES pool(id), workload {int} REFERENCES workload(id),\n"
    " chips {int} NOT NULL CHECK (chips > 0), used_from {int} NOT NULL, used_to {int} NOT NULL,\n"
    " useful_from {int} NOT NULL, useful_to {int} NOT NULL,\n"
    " category {int} NOT NULL CHECK (category BETWEEN 0 AND 3),\n"
    " reservation {int} REFERENCES reservation(id), sku TEXT NOT NULL,\n"
    " CHECK (used_from < used_to), CHECK (useful_from = useful_to OR\n"
    "  (used_from <= useful_from AND useful_from < useful_to AND useful_to <= used_to)))\n"
    " {table};\n"

    "CREATE TABLE charge (id {id}, kind {int} NOT NULL CHECK (kind BETWEEN 0 AND 5),\n"
    " correction {int} NOT NULL CHECK (correction BETWEEN 0 AND 1),\n"
    " paid {int} NOT NULL CHECK (paid BETWEEN 0 AND 4),\n"
    " category {int} NOT NULL CHECK (category BETWEEN 0 AND 3),\n"
    " charge_from {int} NOT NULL, charge_to {int} NOT NULL, billing {int} NOT NULL,\n"
    " provider {int} REFERENCES provider(id), pool {int} REFERENCES pool(id),\n"
    " workload {int} REFERENCES workload(id), usage {int} REFERENCES usage(id),\n"
    " commitment {int} REFERENCES commitment(id), quantity {int} NOT NULL,\n"
    " list_micros {int} NOT NULL, contracted_micros {int} NOT NULL,\n"
    " billed_micros {int} NOT NULL, effective_micros {int} NOT NULL,\n"
    " currency TEXT NOT NULL CHECK (length(currency) = 3), extra TEXT,\n"
    " CHECK (charge_from < charge_to)) {table};\n"

    "CREATE TABLE applied (charge {int} NOT NULL REFERENCES charge(id),\n"
    " commitment {int} NOT NULL REFERENCES commitment(id), amount {int} NOT NULL,\n"
    " t {int} NOT NULL, PRIMARY KEY (charge, commitment)) {table};\n"

    "CREATE TABLE event (id {id}, t {int} NOT NULL, pool {int} REFERENCES pool(id),\n"
    " workload {int} REFERENCES workload(id), kind TEXT NOT NULL, detail TEXT NOT NULL)\n"
    " {table};\n";

static const char *const keep[] = {"usage", "charge", "applied", "event", NULL};

const flt_migration flt_migration_ledger = {"ledger", sql, keep};
