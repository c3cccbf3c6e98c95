/* db_sqlite.c - a fleet in a SQLite file.
 *
 * The write-ahead log lets others read while one writes; a second writer waits for its turn.  A
 * process that is killed leaves the log behind, and who opens the file next takes what was
 * committed from it and drops the rest: nothing here has to be repaired.
 */
#include "fleet/store/db_impl.h"

#include "base/mem.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAIT_MS = 10000,
    APPLICATION = 0x53544b46 /* "STKF", in the file's header: whose it is (schema.c sets it) */
};

typedef struct lite_db {
    flt_db base;
    sqlite3 *db;
} lite_db;

typedef struct lite_stmt {
    flt_stmt base;
    sqlite3_stmt *s;
    int place[FLT_DB_PARAMS + 1]; /* SQLite counts parameters by where they first stand */
    int n;
    int failed; /* SQLite's code of a bind that failed */
    bool live;  /* has been stepped and not reset */
} lite_stmt;

/* What an error of SQLite asks the caller to do. */
static sk_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SK_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SK_E_BUSY;
    case SQLITE_NOMEM:
        return SK_E_NOMEM;
    case SQLITE_FULL:
        return SK_E_NOSPACE;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return SK_E_PERM;
    case SQLITE_CORRUPT:
        return SK_E_CORRUPT;
    case SQLITE_NOTADB:
        return SK_E_FORMAT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return SK_E_INVALID;
    case SQLITE_TOOBIG:
        return SK_E_TOOBIG;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return SK_E_IO;
    default:
        return SK_E_INTERNAL;
    }
}

/* SQLite's error as a sentence of ours. */
static sk_status fail(sqlite3 *db, int code, sk_err *e)
{
    sk_status st = status_of(code);
    int err = sqlite3_system_errno(db);
    switch (st) {
    case SK_E_BUSY:
        return sk_fail(e, st, "another process is writing to it; try again");
    case SK_E_NOMEM:
        return sk_fail(e, st, "no memory");
    case SK_E_NOSPACE:
        return sk_fail(e, st, "the disk is full; nothing was changed");
    case SK_E_PERM:
        return sk_fail(e, st, "it may not be written to");
    case SK_E_CORRUPT:
        return sk_fail(e, st, "the file is damaged (%s); go back to a copy of it",
                       sqlite3_errmsg(db));
    case SK_E_FORMAT:
        return sk_fail(e, st, "this is no fleet, and no SQLite file");
    case SK_E_IO:
        if (err) return sk_fail_errno(e, err, "can't read or write it");
        return sk_fail(e, st, "can't read or write it (%s)", sqlite3_errstr(code));
    default:
        return sk_fail(e, st, "%s", sqlite3_errmsg(db));
    }
}

static sqlite3 *handle(flt_db *db)
{
    return ((lite_db *)db)->db;
}

static sk_status lite_exec(flt_db *db, const char *sql, sk_err *e)
{
    int code = sqlite3_exec(handle(db), sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SK_OK : fail(handle(db), code, e);
}

static void lite_close(flt_db *db)
{
    sqlite3_stmt *s;
    while ((s = sqlite3_next_stmt(handle(db), NULL)))
        (void)sqlite3_finalize(s);
    (void)sqlite3_close(handle(db));
    sk_free(db);
}

static bool lite_in_transaction(flt_db *db)
{
    return !sqlite3_get_autocommit(handle(db));
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static sk_status pragma(sqlite3 *db, const char *name, int64_t *out, sk_err *e)
{
    sqlite3_stmt *s;
    int code = sqlite3_prepare_v2(db, name, -1, &s, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(s);
    if (code == SQLITE_ROW) *out = sqlite3_column_int64(s, 0);
    sk_status st = code == SQLITE_ROW ? SK_OK : fail(db, code, e);
    (void)sqlite3_finalize(s);
    return st;
}

static sk_status lite_fresh(flt_db *db, bool *fresh, sk_err *e)
{
    int64_t tables = 0, owner = 0;
    sk_status st = pragma(handle(db), "SELECT count(*) FROM sqlite_master", &tables, e);
    if (!st) st = pragma(handle(db), "PRAGMA application_id", &owner, e);
    if (st) return st;
    if (owner != APPLICATION && (owner || tables))
        return sk_fail(e, SK_E_FORMAT, "this is a SQLite file of another program, no fleet");
    *fresh = owner != APPLICATION;
    return SK_OK;
}

/* Whether a file can be made there. */
static sk_status look_beside(const char *path, sk_err *e)
{
    const char *slash = strrchr(path, '/');
    char folder[4096] = ".";
    if (slash && (size_t)(slash - path) < sizeof folder - 1) {
        size_t n = slash == path ? 1 : (size_t)(slash - path);
        memcpy(folder, path, n);
        folder[n] = 0;
    }
    if (access(folder, W_OK | X_OK)) return sk_fail_errno(e, errno, "can't make it");
    return SK_OK;
}

/* Why there is nothing to open, in plain words; SQLite itself only says that it can't. */
static sk_status look(const char *path, bool create, sk_err *e)
{
    struct stat s;
    if (stat(path, &s)) {
        if (errno != ENOENT) return sk_fail_errno(e, errno, "can't open it");
        if (create) return look_beside(path, e);
        return sk_fail(e, SK_E_NOTFOUND,
                       "there is no fleet; `stoke fleet init` makes one, --db names another");
    }
    if (S_ISDIR(s.st_mode)) return sk_fail(e, SK_E_INVALID, "this is a folder");
    if (!S_ISREG(s.st_mode)) return sk_fail(e, SK_E_INVALID, "this is no plain file");
    if (access(path, R_OK)) return sk_fail_errno(e, errno, "can't open it");
    return SK_OK;
}

/* How this program works with the file.  The journal's kind is kept in the file. */
static sk_status set_up(sqlite3 *db, sk_err *e)
{
    static const char *const settings[] = {
        "PRAGMA foreign_keys = ON",         "PRAGMA trusted_schema = OFF",
        "PRAGMA synchronous = FULL",        "PRAGMA cache_size = -65536",
        "PRAGMA wal_autocheckpoint = 8000",
    };
    (void)sqlite3_busy_timeout(db, WAIT_MS);
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        int code = sqlite3_exec(db, settings[i], NULL, NULL, NULL);
        if (code != SQLITE_OK) return fail(db, code, e);
    }
    return SK_OK;
}

/* Puts an own or an empty file into write-ahead mode; never touches another program's. */
static sk_status take(lite_db *d, sk_err *e)
{
    bool fresh;
    sk_status st = lite_fresh(&d->base, &fresh, e);
    if (st || sqlite3_db_readonly(d->db, "main") == 1) return st;
    int code = sqlite3_exec(d->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    return code == SQLITE_OK ? SK_OK : fail(d->db, code, e);
}

static const flt_db_ops ops;

/* Only `create` may make a file: a name mistyped must not give an empty fleet. */
sk_status flt_sqlite_open(const char *path, bool create, flt_db **out, sk_err *e)
{
    bool memory = !strcmp(path, ":memory:");
    sk_status st = memory ? SK_OK : look(path, create, e);
    if (st) return st;
    lite_db *d = sk_calloc(SK_MEM_MISC, 1, sizeof *d);
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory to open the fleet");
    d->base.ops = &ops;
    /* Nobody asks how much memory SQLite has, and keeping count takes a lock an allocation. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite3_open_v2(path, &d->db, flags | (memory ? SQLITE_OPEN_CREATE : 0), NULL);
    if (code != SQLITE_OK)
        st = d->db ? fail(d->db, code, e) : sk_fail(e, SK_E_NOMEM, "no memory to open the fleet");
    if (!st) st = set_up(d->db, e);
    if (!st) st = take(d, e);
    if (st) {
        lite_close(&d->base);
        return st;
    }
    *out = &d->base;
    return SK_OK;
}

/* ---- statements -------------------------------------------------------------------------------
 */

static lite_stmt *lite(flt_stmt *s)
{
    return (lite_stmt *)s;
}

static void lite_free(flt_stmt *s)
{
    (void)sqlite3_finalize(lite(s)->s);
    sk_free(s);
}

static sk_status lite_prepare(flt_db *db, const char *sql, flt_stmt **out, sk_err *e)
{
    lite_stmt *s = sk_calloc(SK_MEM_MISC, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for a statement");
    s->base.db = db;
    int code = sqlite3_prepare_v3(handle(db), sql, -1, SQLITE_PREPARE_PERSISTENT, &s->s, NULL);
    if (code != SQLITE_OK) {
        sk_free(s);
        return fail(handle(db), code, e);
    }
    s->n = sqlite3_bind_parameter_count(s->s);
    for (int k = 1; k <= s->n && k <= FLT_DB_PARAMS; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "$%d", k);
        s->place[k] = sqlite3_bind_parameter_index(s->s, name);
    }
    *out = &s->base;
    return SK_OK;
}

static void lite_reset(flt_stmt *s)
{
    if (lite(s)->live) (void)sqlite3_reset(lite(s)->s);
    lite(s)->live = false;
}

/* The place of parameter k; a k that is none of the statement's fails when it is run. */
static int place(flt_stmt *s, int k)
{
    lite_reset(s);
    return k >= 1 && k <= FLT_DB_PARAMS ? lite(s)->place[k] : 0;
}

static void bound(flt_stmt *s, int code)
{
    if (code != SQLITE_OK) lite(s)->failed = code;
}

static void lite_bind_int(flt_stmt *s, int k, int64_t v)
{
    bound(s, sqlite3_bind_int64(lite(s)->s, place(s, k), v));
}

static void lite_bind_num(flt_stmt *s, int k, double v)
{
    bound(s, sqlite3_bind_double(lite(s)->s, place(s, k), v));
}

static void lite_bind_text(flt_stmt *s, int k, const char *text, size_t n)
{
    bound(s, text
                 ? sqlite3_bind_text64(lite(s)->s, place(s, k), text, n, SQLITE_STATIC, SQLITE_UTF8)
                 : sqlite3_bind_null(lite(s)->s, place(s, k)));
}

static sk_status lite_step(flt_stmt *s, bool *row, sk_err *e)
{
    lite_stmt *l = lite(s);
    int code = l->failed;
    if (!code) {
        code = sqlite3_step(l->s);
        l->live = true;
    }
    sk_status st = status_of(code);
    if (st) fail(handle(s->db), code, e);
    if (code != SQLITE_ROW) lite_reset(s);
    l->failed = 0;
    if (!st) *row = code == SQLITE_ROW;
    return st;
}

static int64_t lite_changed(flt_stmt *s)
{
    return sqlite3_changes64(handle(s->db));
}

static int64_t lite_col_int(flt_stmt *s, int k)
{
    return sqlite3_column_int64(lite(s)->s, k);
}

static double lite_col_num(flt_stmt *s, int k)
{
    return sqlite3_column_double(lite(s)->s, k);
}

static const char *lite_col_text(flt_stmt *s, int k)
{
    const unsigned char *text = sqlite3_column_text(lite(s)->s, k);
    return text ? (const char *)text : "";
}

static bool lite_col_null(flt_stmt *s, int k)
{
    return sqlite3_column_type(lite(s)->s, k) == SQLITE_NULL;
}

static const flt_db_ops ops = {
    .close = lite_close,
    .fresh = lite_fresh,
    .exec = lite_exec,
    .in_transaction = lite_in_transaction,
    .prepare = lite_prepare,
    .free = lite_free,
    .bind_int = lite_bind_int,
    .bind_num = lite_bind_num,
    .bind_text = lite_bind_text,
    .step = lite_step,
    .changed = lite_changed,
    .reset = lite_reset,
    .col_int = lite_col_int,
    .col_num = lite_col_num,
    .col_text = lite_col_text,
    .col_null = lite_col_null,
    .begin = "BEGIN IMMEDIATE",
    .begin_read = "BEGIN",
};
