/* db_pg.c - a fleet in a database of a PostgreSQL server, by libpq.
 *
 * All of it lies in a schema of its own, stoke_fleet, so that it may share a database.  Parameters
 * go over as binary where the server's type is a whole number or a float, else as text; results
 * come as text.  Writing transactions are SERIALIZABLE: where two would not fit one after the other
 * the server ends one of them, which is SK_E_BUSY here and is done again (flt_db_do).
 */
#include "fleet/store/db_impl.h"

#include "base/mem.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server's types that are sent as binary (pg_type.dat: stable). */
enum { OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT8 = 701 };

typedef struct pg_db {
    flt_db base;
    PGconn *c;
    unsigned next; /* number of the next statement */
} pg_db;

typedef struct pg_stmt {
    flt_stmt base;
    char name[16];
    PGresult *r;
    int row, n;
    int64_t changed;
    const char *value[FLT_DB_PARAMS];
    int length[FLT_DB_PARAMS], format[FLT_DB_PARAMS];
    Oid type[FLT_DB_PARAMS];
    char store[FLT_DB_PARAMS][32]; /* numbers, as they are sent */
    bool bad;                      /* a parameter that is none was bound */
} pg_stmt;

/* ---- errors -----------------------------------------------------------------------------------
 */

typedef struct state_row {
    const char *state; /* SQLSTATE, or its beginning */
    sk_status st;
    const char *text; /* NULL: what the server says */
} state_row;

static const state_row states[] = {
    {"40001", SK_E_BUSY, "another process wrote the same; try again"},
    {"40P01", SK_E_BUSY, "another process wrote the same; try again"},
    {"55P03", SK_E_BUSY, "another process is writing to it; try again"},
    {"53100", SK_E_NOSPACE, "the server's disk is full; nothing was changed"},
    {"53200", SK_E_NOMEM, "the server has no memory"},
    {"53", SK_E_AGAIN, NULL},
    {"57P", SK_E_AGAIN, NULL}, /* the server is being stopped or started */
    {"08", SK_E_IO, NULL},
    {"28", SK_E_PERM, NULL},
    {"42501", SK_E_PERM, NULL},
    {"25006", SK_E_PERM, "it may not be written to"},
    {"3D000", SK_E_NOTFOUND, NULL},
    {"42P01", SK_E_FORMAT, "a table of the fleet is missing, or this user may not see it"},
    {"3F000", SK_E_FORMAT, "a table of the fleet is missing, or this user may not see it"},
    {"42P06", SK_E_BUSY, "another process makes a fleet in it; try again"},
    {"42P07", SK_E_BUSY, "another process makes a fleet in it; try again"},
    {"XX001", SK_E_CORRUPT, NULL},
    {"XX002", SK_E_CORRUPT, NULL},
    {"22", SK_E_INVALID, NULL},
    {"23", SK_E_INVALID, NULL},
    {"P0001", SK_E_INVALID, NULL}, /* raised by a trigger of ours */
};

static const state_row *state_of(const char *code)
{
    for (size_t i = 0; code && i < sizeof states / sizeof *states; i++)
        if (!strncmp(code, states[i].state, strlen(states[i].state))) return &states[i];
    return NULL;
}

/* Two that make a fleet at once meet in the server's own catalogue. */
static bool in_catalogue(const PGresult *r)
{
    const char *name = r ? PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME) : NULL;
    return name && !strncmp(name, "pg_", 3);
}

static int first_line(const char *text)
{
    return (int)strcspn(text, "\n");
}

/* The error of a result, or (r NULL or without one) of the connection. */
static sk_status fail(PGconn *c, const PGresult *r, sk_err *e)
{
    const char *code = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const state_row *s = state_of(in_catalogue(r) ? "42P06" : code);
    if (!text) text = PQerrorMessage(c);
    if (PQstatus(c) == CONNECTION_BAD)
        return sk_fail(e, SK_E_IO, "the connection to the server was lost: %.*s", first_line(text),
                       text);
    if (!s) return sk_fail(e, SK_E_INTERNAL, "%.*s", first_line(text), text);
    if (s->text) return sk_fail(e, s->st, "%s", s->text);
    return sk_fail(e, s->st, "%.*s", first_line(text), text);
}

static bool good(const PGresult *r)
{
    ExecStatusType st = PQresultStatus(r);
    return st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK;
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static PGconn *conn(flt_db *db)
{
    return ((pg_db *)db)->c;
}

static sk_status pg_exec(flt_db *db, const char *sql, sk_err *e)
{
    PGresult *r = PQexec(conn(db), sql);
    sk_status st = good(r) ? SK_OK : fail(conn(db), r, e);
    PQclear(r);
    return st;
}

static void pg_close(flt_db *db)
{
    PQfinish(conn(db));
    sk_free(db);
}

static bool pg_in_transaction(flt_db *db)
{
    return PQtransactionStatus(conn(db)) != PQTRANS_IDLE;
}

static sk_status pg_fresh(flt_db *db, bool *fresh, sk_err *e)
{
    int64_t n = 0;
    sk_status st = flt_db_int(
        db, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'stoke_fleet'", 0, &n, e);
    if (!st) *fresh = n == 0;
    return st;
}

/* The server's remarks ("relation exists, skipping") are nobody's business. */
static void no_remarks(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

/* What was wrong with a connection that did not come about. */
static sk_status not_connected(PGconn *c, sk_err *e)
{
    const char *text = PQerrorMessage(c);
    sk_status st = SK_E_IO;
    if (strstr(text, "does not exist") && !strstr(text, "role")) st = SK_E_NOTFOUND;
    if (strstr(text, "authentication failed") || strstr(text, "no pg_hba.conf entry") ||
        strstr(text, "no password supplied") || strstr(text, "permission denied") ||
        strstr(text, "role"))
        st = SK_E_PERM;
    if (strstr(text, "too many clients") || strstr(text, "starting up")) st = SK_E_AGAIN;
    if (strstr(text, "invalid") && PQstatus(c) == CONNECTION_BAD && strstr(text, "URI"))
        st = SK_E_INVALID;
    return sk_fail(e, st, "%.*s", first_line(text), text);
}

static const flt_db_ops ops;

sk_status flt_pg_open(const char *url, flt_db **out, sk_err *e)
{
    /* What stands before dbname gives way to the URL. */
    const char *const words[] = {"connect_timeout", "fallback_application_name", "dbname",
                                 "client_encoding", NULL};
    const char *const values[] = {"10", "stoke", url, "UTF8", NULL};
    pg_db *d = sk_calloc(SK_MEM_MISC, 1, sizeof *d);
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory to open the fleet");
    d->base.ops = &ops;
    d->c = PQconnectdbParams(words, values, 1);
    sk_status st = SK_OK;
    if (PQstatus(d->c) != CONNECTION_OK) st = not_connected(d->c, e);
    if (!st) {
        PQsetNoticeReceiver(d->c, no_remarks, NULL);
        st = pg_exec(&d->base, "SET search_path TO stoke_fleet", e);
    }
    if (st) {
        pg_close(&d->base);
        return st;
    }
    *out = &d->base;
    return SK_OK;
}

/* ---- statements -------------------------------------------------------------------------------
 */

static pg_stmt *pg(flt_stmt *s)
{
    return (pg_stmt *)s;
}

static void pg_reset(flt_stmt *s)
{
    PQclear(pg(s)->r);
    pg(s)->r = NULL;
}

static void pg_free(flt_stmt *s)
{
    pg_reset(s);
    char sql[32];
    (void)snprintf(sql, sizeof sql, "DEALLOCATE %s", pg(s)->name);
    if (PQtransactionStatus(conn(s->db)) != PQTRANS_INERROR) (void)pg_exec(s->db, sql, NULL);
    sk_free(s);
}

/* Asks the server what types the statement's parameters have. */
static sk_status describe(pg_stmt *s, sk_err *e)
{
    PGconn *c = conn(s->base.db);
    PGresult *r = PQdescribePrepared(c, s->name);
    sk_status st = good(r) ? SK_OK : fail(c, r, e);
    if (!st) {
        s->n = PQnparams(r);
        for (int i = 0; i < s->n && i < FLT_DB_PARAMS; i++)
            s->type[i] = PQparamtype(r, i);
        if (s->n > FLT_DB_PARAMS) st = sk_fail(e, SK_E_INTERNAL, "too many parameters");
    }
    PQclear(r);
    return st;
}

/* Parameters have no types of ours: the server finds them out, and describe() asks which it has
 * found. */
static sk_status pg_prepare(flt_db *db, const char *sql, flt_stmt **out, sk_err *e)
{
    pg_stmt *s = sk_calloc(SK_MEM_MISC, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for a statement");
    s->base.db = db;
    (void)snprintf(s->name, sizeof s->name, "s%u", ((pg_db *)db)->next++);
    PGresult *r = PQprepare(conn(db), s->name, sql, 0, NULL);
    sk_status st = good(r) ? SK_OK : fail(conn(db), r, e);
    PQclear(r);
    if (st) {
        sk_free(s);
        return st;
    }
    st = describe(s, e);
    if (st) {
        pg_free(&s->base);
        return st;
    }
    *out = &s->base;
    return SK_OK;
}

/* Whether there is a parameter k; it becomes text of n bytes at p unless the caller says more. */
static bool at(flt_stmt *s, int k)
{
    pg_reset(s);
    if (k >= 1 && k <= pg(s)->n) return true;
    pg(s)->bad = true;
    return false;
}

static void put(flt_stmt *s, int k, const char *p, int n, int binary)
{
    pg(s)->value[k - 1] = p;
    pg(s)->length[k - 1] = n;
    pg(s)->format[k - 1] = binary;
}

/* A whole number in the width the server wants; what is too wide for it goes as text and is refused
 * there. */
static void pg_bind_int(flt_stmt *s, int k, int64_t v)
{
    if (!at(s, k)) return;
    char *p = pg(s)->store[k - 1];
    Oid type = pg(s)->type[k - 1];
    uint64_t wide = htobe64((uint64_t)v);
    if (type == OID_INT8) {
        memcpy(p, &wide, 8);
        put(s, k, p, 8, 1);
    } else if (type == OID_INT4 && v >= INT32_MIN && v <= INT32_MAX) {
        memcpy(p, (char *)&wide + 4, 4);
        put(s, k, p, 4, 1);
    } else if (type == OID_INT2 && v >= INT16_MIN && v <= INT16_MAX) {
        memcpy(p, (char *)&wide + 6, 2);
        put(s, k, p, 2, 1);
    } else {
        put(s, k, p, snprintf(p, sizeof pg(s)->store[0], "%lld", (long long)v), 0);
    }
}

static void pg_bind_num(flt_stmt *s, int k, double v)
{
    if (!at(s, k)) return;
    char *p = pg(s)->store[k - 1];
    if (pg(s)->type[k - 1] != OID_FLOAT8) {
        put(s, k, p, snprintf(p, sizeof pg(s)->store[0], "%.17g", v), 0);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &v, 8);
    bits = htobe64(bits);
    memcpy(p, &bits, 8);
    put(s, k, p, 8, 1);
}

/* Text goes as binary, whose length is told: it needs no NUL at its end. */
static void pg_bind_text(flt_stmt *s, int k, const char *text, size_t n)
{
    if (!at(s, k)) return;
    put(s, k, text, (int)n, 1);
}

/* The rows come all at once. */
static sk_status run(flt_stmt *s, sk_err *e)
{
    pg_stmt *p = pg(s);
    if (p->bad) {
        p->bad = false;
        return sk_fail(e, SK_E_INTERNAL, "a parameter was bound that the statement has not");
    }
    PGconn *c = conn(s->db);
    p->r = PQexecPrepared(c, p->name, p->n, p->value, p->length, p->format, 0);
    p->row = -1;
    if (!good(p->r)) {
        sk_status st = fail(c, p->r, e);
        pg_reset(s);
        return st;
    }
    p->changed = strtoll(PQcmdTuples(p->r), NULL, 10);
    return SK_OK;
}

static sk_status pg_step(flt_stmt *s, bool *row, sk_err *e)
{
    if (!pg(s)->r) {
        sk_status st = run(s, e);
        if (st) return st;
    }
    bool more = ++pg(s)->row < PQntuples(pg(s)->r);
    if (!more) pg_reset(s);
    *row = more;
    return SK_OK;
}

static int64_t pg_changed(flt_stmt *s)
{
    return pg(s)->changed;
}

static const char *pg_col_text(flt_stmt *s, int k)
{
    return PQgetvalue(pg(s)->r, pg(s)->row, k);
}

static int64_t pg_col_int(flt_stmt *s, int k)
{
    const char *text = pg_col_text(s, k);
    return *text == 't' ? 1 : strtoll(text, NULL, 10);
}

static double pg_col_num(flt_stmt *s, int k)
{
    return strtod(pg_col_text(s, k), NULL);
}

static bool pg_col_null(flt_stmt *s, int k)
{
    return PQgetisnull(pg(s)->r, pg(s)->row, k);
}

static const flt_db_ops ops = {
    .close = pg_close,
    .fresh = pg_fresh,
    .exec = pg_exec,
    .in_transaction = pg_in_transaction,
    .prepare = pg_prepare,
    .free = pg_free,
    .bind_int = pg_bind_int,
    .bind_num = pg_bind_num,
    .bind_text = pg_bind_text,
    .step = pg_step,
    .changed = pg_changed,
    .reset = pg_reset,
    .col_int = pg_col_int,
    .col_num = pg_col_num,
    .col_text = pg_col_text,
    .col_null = pg_col_null,
    .begin = "BEGIN ISOLATION LEVEL SERIALIZABLE",
    .begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    .pg = true,
};
