/* fleet_dbs.h - a new fleet on each kind of database in turn: SQLite in the test's folder
 * (unit_dir), and, where $FLEET_PG names a PostgreSQL database, there (tests/cli/fleet_pg).
 *
 *     flt_db *db;
 *     for (int kind = 0; (db = fleet_dbs_next(&kind));) {
 *         ...
 *         flt_db_close(db);
 *     }
 */
#ifndef TESTS_UNIT_FLEET_DBS_H
#define TESTS_UNIT_FLEET_DBS_H

#include "fleet/store/schema.h"

/* The next one, empty; NULL when there is no further one. */
flt_db *fleet_dbs_next(int *kind);

/* What to open to get at it again. */
const char *fleet_dbs_where(const flt_db *db);

/* Runs statements; asks for one number (-77 for none).  A failure fails the test. */
void fleet_dbs_run(flt_db *db, const char *sql);
int64_t fleet_dbs_ask(flt_db *db, const char *sql);

#endif
