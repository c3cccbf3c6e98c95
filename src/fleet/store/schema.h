/* schema.h - the tables of a fleet, and how a store of an older program is brought up to date.
 *
 * Migrations are numbered from 1 and never changed once released: a new one is added behind them.
 * docs/format/fleet.md lists the tables.
 */
#ifndef FLT_FLEET_STORE_SCHEMA_H
#define FLT_FLEET_STORE_SCHEMA_H

#include "fleet/store/db.h"

/* One step.  Its SQL is the same for both kinds of database but for words in braces:
 * {id}      a whole number that the database gives, from 1, and never gives again: primary key
 * {int}     a whole number of 64 bits;  {num} a float of 64 bits
 * {table}   what stands behind a table's closing bracket
 * {name} {currency} {category} {span}   these columns;  {count:X} {size:X} {share:X}   a column X
 * that is a number of 0 or more, a float of 0 or more, parts per million */
typedef struct flt_migration {
    const char *name, *sql;
    const char *const *keep; /* tables whose rows are never changed nor removed; ends with NULL */
} flt_migration;

/* The tables of the book (1), of usage, charges and events (2). */
extern const flt_migration flt_migration_book, flt_migration_ledger;

/* How far usage is rated, and sums over charges (3). */
extern const flt_migration flt_migration_rating;

/* Makes a fleet where there is none: a file that is missing or empty, a database without one.
 * SK_E_INUSE if there is one.  Killed in between, it leaves none. */
sk_status flt_store_create(const char *where, flt_db **out, sk_err *e);

/* Opens a fleet and brings its tables up to date.  SK_E_NOTFOUND if there is none,
 * SK_E_UNSUPPORTED if a newer program wrote it. */
sk_status flt_store_open(const char *where, flt_db **out, sk_err *e);

/* The newest migration this program knows. */
int64_t flt_schema_newest(void);

#endif
