/* fleet_dbs.c - a new fleet on each kind of database in turn. */
#include "tests/unit/fleet_dbs.h"

#include "tests/unit/unit.h"

#include <stdio.h>

flt_db *fleet_dbs_next(int *kind)
{
    const char *pg = getenv("FLEET_PG");
    sk_err e = SK_ERR_INIT;
    flt_db *db = NULL;
    int k = (*kind)++;
    if (k > 1 || (k == 1 && !pg)) return NULL;
    const char *where = k ? pg : unit_path(unit_dir, "f.db");
    if (k) {
        assert_status_ok(flt_db_open(where, false, &db, &e), e);
        assert_status_ok(flt_db_exec(db, "DROP SCHEMA IF EXISTS stoke_fleet CASCADE", &e), e);
        flt_db_close(db);
    } else {
        (void)remove(where);
    }
    assert_status_ok(flt_store_create(where, &db, &e), e);
    assert_int_equal(flt_db_is_pg(db), k == 1);
    return db;
}

const char *fleet_dbs_where(const flt_db *db)
{
    return flt_db_is_pg(db) ? getenv("FLEET_PG") : unit_path(unit_dir, "f.db");
}

void fleet_dbs_run(flt_db *db, const char *sql)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(flt_db_exec(db, sql, &e), e);
}

int64_t fleet_dbs_ask(flt_db *db, const char *sql)
{
    sk_err e = SK_ERR_INIT;
    int64_t v = -1;
    assert_status_ok(flt_db_int(db, sql, -77, &v, &e), e);
    return v;
}
