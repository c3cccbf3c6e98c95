/* db.h - one way to speak to SQLite and to PostgreSQL.
 *
 * A database is opened by the path of a file (SQLite) or by a URL postgresql://... (libpq).  The
 * SQL of this room is the same for both: parameters are written $1, $2, ..., whole numbers are 64
 * bits, rows come back from INSERT ... ON CONFLICT ... RETURNING; SUM() is cast
 * (CAST(SUM(x) AS BIGINT), since PostgreSQL's is a decimal).  What differs is in schema.c.
 *
 *     flt_stmt *s;
 *     st = flt_db_prepare(db, "SELECT chips FROM usage WHERE pool = $1", &s, e);
 *     flt_bind_int(s, 1, pool);
 *     bool row;
 *     while (!(st = flt_stmt_step(s, &row, e)) && row)
 *         sum += flt_col_int(s, 0);
 *     flt_stmt_free(s);
 *
 * A database and its statements belong to one thread at a time.  Errors: SK_E_BUSY where another
 * writer was in the way (flt_db_do tries again by itself), SK_E_INVALID for what a constraint of
 * the schema refuses, SK_E_NOSPACE, SK_E_PERM, SK_E_CORRUPT, SK_E_FORMAT for a file that is no
 * fleet.  After a failed statement a transaction is rolled back, never gone on with.
 */
#ifndef FLT_FLEET_STORE_DB_H
#define FLT_FLEET_STORE_DB_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct flt_db flt_db;
typedef struct flt_stmt flt_stmt;

enum { FLT_DB_PARAMS = 1024 }; /* of one statement, at most */

/* Opens a database; `create` makes the file if there is none (a PostgreSQL database must exist).
 * "" and ":memory:" are databases of this process alone.
 * SQLite: write-ahead log, foreign keys on, every commit on disk before it returns (synchronous
 * FULL: NORMAL would lose the last ones with the power), waits up to 10 s for other writers. */
sk_status flt_db_open(const char *where, bool create, flt_db **out, sk_err *e);

/* Ends it, rolling back what was not committed; its statements are freed first.  NULL is allowed.
 */
void flt_db_close(flt_db *db);

/* How it was called, for messages: passwords are left out.  Borrowed. */
const char *flt_db_name(const flt_db *db);

/* Whether it is a PostgreSQL server's. */
bool flt_db_is_pg(const flt_db *db);

/* Whether nothing of a fleet is in it yet.  SK_E_FORMAT for a file that is another program's. */
sk_status flt_db_fresh(flt_db *db, bool *fresh, sk_err *e);

/* Runs statements without parameters, a semicolon between, and drops what they return. */
sk_status flt_db_exec(flt_db *db, const char *sql, sk_err *e);

/* ---- transactions ---------------------------------------------------------------------------
 * They do not nest.  Writing ones are serializable: as if one ran after the other. */

sk_status flt_db_begin(flt_db *db, sk_err *e);      /* to write: waits for other writers */
sk_status flt_db_begin_read(flt_db *db, sk_err *e); /* sees one state from first to last query */
sk_status flt_db_commit(flt_db *db, sk_err *e);     /* failed: nothing of it is there */
void flt_db_rollback(flt_db *db);                   /* harmless outside a transaction */

/* Runs fn in a writing transaction and commits, or rolls back with fn's error.  Where another
 * writer was in the way it is all done again, a dozen times at most, so fn must be able to. */
typedef sk_status (*flt_db_fn)(flt_db *db, void *arg, sk_err *e);
sk_status flt_db_do(flt_db *db, flt_db_fn fn, void *arg, sk_err *e);

/* ---- statements ----------------------------------------------------------------------------- */

/* A statement with parameters, to be run any number of times.  Free with flt_stmt_free. */
sk_status flt_db_prepare(flt_db *db, const char *sql, flt_stmt **out, sk_err *e);
void flt_stmt_free(flt_stmt *s);

/* The value of parameter k, from 1; it stays until it is bound again.  Text is borrowed until the
 * statement has run; NULL binds null.  Binding starts the statement anew. */
void flt_bind_int(flt_stmt *s, int k, int64_t v);
void flt_bind_num(flt_stmt *s, int k, double v);
void flt_bind_text(flt_stmt *s, int k, const char *text);
void flt_bind_textn(flt_stmt *s, int k, const char *text, size_t n);
void flt_bind_null(flt_stmt *s, int k);

/* Binds id, or null for 0: a reference to another row, or to none. */
void flt_bind_ref(flt_stmt *s, int k, int64_t id);

/* Runs to the next row; *row is false at the end, and the statement may be bound anew. */
sk_status flt_stmt_step(flt_stmt *s, bool *row, sk_err *e);

/* Runs to the end and drops rows; *changed (may be NULL) is how many rows were written. */
sk_status flt_stmt_run(flt_stmt *s, int64_t *changed, sk_err *e);

/* Drops the rest of its rows. */
void flt_stmt_reset(flt_stmt *s);

/* Column k of the row, from 0; 0, 0.0 and "" for null.  Text is borrowed until the next step. */
int64_t flt_col_int(flt_stmt *s, int k);
double flt_col_num(flt_stmt *s, int k);
const char *flt_col_text(flt_stmt *s, int k);
bool flt_col_null(flt_stmt *s, int k);

/* One query of one whole number: its first row's first column, `none` where there is no row or it
 * is null. */
sk_status flt_db_int(flt_db *db, const char *sql, int64_t none, int64_t *out, sk_err *e);

#endif
