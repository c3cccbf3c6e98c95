/* schema.c - making the tables, one numbered migration after the other. */
#include "fleet/store/schema.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* In order; only ever added to. */
static const flt_migration *const migrations[] = {&flt_migration_book, &flt_migration_ledger,
                                                  &flt_migration_rating};

int64_t flt_schema_newest(void)
{
    return (int64_t)(sizeof migrations / sizeof *migrations);
}

/* ---- what differs between the databases --------------------------------------------------------
 */

typedef struct dialect_word {
    const char *word, *lite, *pg; /* pg NULL: the same for both; % is the word's argument */
} dialect_word;

static const dialect_word words[] = {
    {"id", "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
    {"int", "INTEGER", "BIGINT"},
    {"num", "REAL", "DOUBLE PRECISION"},
    {"table", "STRICT", ""},
    {"count", "% INTEGER NOT NULL CHECK (% >= 0)", "% BIGINT NOT NULL CHECK (% >= 0)"},
    {"size", "% REAL NOT NULL CHECK (% >= 0)", "% DOUBLE PRECISION NOT NULL CHECK (% >= 0)"},
    {"share", "% INTEGER NOT NULL CHECK (% BETWEEN 0 AND 1000000)",
     "% BIGINT NOT NULL CHECK (% BETWEEN 0 AND 1000000)"},
    {"name", "name TEXT NOT NULL CHECK (length(name) > 0)", NULL},
    {"currency", "currency TEXT NOT NULL CHECK (length(currency) = 3)", NULL},
    {"category",
     "category TEXT NOT NULL CHECK (category IN ('on-demand','spot','block','reserved'))", NULL},
    {"span", "term_from INTEGER NOT NULL, term_to INTEGER NOT NULL, CHECK (term_from < term_to)",
     "term_from BIGINT NOT NULL, term_to BIGINT NOT NULL, CHECK (term_from < term_to)"},
};

static void expand(const char *word, size_t n, bool pg, sk_buf *out)
{
    size_t name = strcspn(word, ":}"), i = 0;
    while (strlen(words[i].word) != name || strncmp(words[i].word, word, name) != 0)
        i++;
    const char *text = pg && words[i].pg ? words[i].pg : words[i].lite;
    for (; *text; text++) {
        if (*text == '%')
            sk_buf_add(out, word + name + 1, n - name - 1);
        else
            sk_buf_addc(out, *text);
    }
}

/* The migration's SQL for this database. */
static void translate(const char *sql, bool pg, sk_buf *out)
{
    while (*sql) {
        size_t n = strcspn(sql, "{");
        sk_buf_add(out, sql, n);
        sql += n;
        if (!*sql) return;
        n = strcspn(sql, "}");
        expand(sql + 1, n - 1, pg, out);
        sql += n + 1;
    }
}

/* Triggers that refuse to change or remove a table's rows. */
static void guard(const char *table, bool pg, sk_buf *out)
{
    static const char *const deeds[] = {"UPDATE", "DELETE"};
    for (size_t i = 0; i < 2 && !pg; i++)
        sk_buf_addf(out,
                    "CREATE TRIGGER %s_keep_%zu BEFORE %s ON %s BEGIN SELECT RAISE(ABORT, 'rows of "
                    "%s are never changed: put it right by a further row'); END;\n",
                    table, i, deeds[i], table, table);
    if (!pg) return;
    sk_buf_addf(out,
                "CREATE FUNCTION %s_keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE "
                "EXCEPTION 'rows of %s are never changed: put it right by a further row'; "
                "END$$;\n"
                "CREATE TRIGGER %s_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH "
                "STATEMENT EXECUTE FUNCTION %s_keep();\n",
                table, table, table, table, table);
}

/* Before the first migration: whose it is. */
static const char *found(bool pg)
{
    return pg ? "CREATE SCHEMA stoke_fleet;"
                "CREATE TABLE migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL);"
              : "PRAGMA application_id = 0x53544b46;"
                "CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;";
}

/* ---- running them -----------------------------------------------------------------------------
 */

static sk_status run_one(flt_db *db, int64_t number, sk_err *e)
{
    const flt_migration *m = migrations[number - 1];
    sk_buf b = SK_BUF_INIT;
    bool pg = flt_db_is_pg(db);
    translate(m->sql, pg, &b);
    for (const char *const *t = m->keep; *t; t++)
        guard(*t, pg, &b);
    sk_buf_addf(&b, "INSERT INTO migration(number, name) VALUES (%lld, '%s');", (long long)number,
                m->name);
    sk_status st = sk_buf_ok(&b) ? flt_db_exec(db, b.p, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for the fleet's tables");
    sk_buf_fini(&b);
    return st;
}

typedef struct migration_job {
    bool create;
} migration_job;

/* Inside a transaction: looks again, since another process may have done it meanwhile. */
static sk_status migrate(flt_db *db, void *arg, sk_err *e)
{
    const migration_job *job = arg;
    bool fresh;
    int64_t at = 0;
    sk_status st = flt_db_fresh(db, &fresh, e);
    if (!st && fresh && !job->create)
        return sk_fail(e, SK_E_NOTFOUND,
                       "%.200s: there is no fleet in it; `stoke fleet init` makes one",
                       flt_db_name(db));
    if (!st && !fresh && job->create)
        return sk_fail(e, SK_E_INUSE, "%.200s: there is a fleet already", flt_db_name(db));
    if (!st && fresh) st = flt_db_exec(db, found(flt_db_is_pg(db)), e);
    if (!st) st = flt_db_int(db, "SELECT MAX(number) FROM migration", 0, &at, e);
    if (!st && at > flt_schema_newest())
        st = sk_fail(e, SK_E_UNSUPPORTED,
                     "%.200s was written by a newer program (its tables are number %lld, this one "
                     "knows %lld); use that one",
                     flt_db_name(db), (long long)at, (long long)flt_schema_newest());
    while (!st && at < flt_schema_newest())
        st = run_one(db, ++at, e);
    return st;
}

/* Whether there is nothing to be done: asked without the right to write. */
static sk_status is_current(flt_db *db, bool *current, sk_err *e)
{
    bool fresh;
    int64_t at = 0;
    sk_status st = flt_db_fresh(db, &fresh, e);
    if (!st && !fresh) st = flt_db_int(db, "SELECT MAX(number) FROM migration", 0, &at, e);
    if (!st) *current = at == flt_schema_newest();
    return st;
}

static sk_status open_as(const char *where, bool create, flt_db **out, sk_err *e)
{
    flt_db *db;
    bool current = false;
    sk_status st = flt_db_open(where, create, &db, e);
    if (st) return st;
    if (!create) st = is_current(db, &current, e);
    if (!st && !current) st = flt_db_do(db, migrate, &(migration_job){create}, e);
    if (st)
        flt_db_close(db);
    else
        *out = db;
    return st;
}

sk_status flt_store_create(const char *where, flt_db **out, sk_err *e)
{
    return open_as(where, true, out, e);
}

sk_status flt_store_open(const char *where, flt_db **out, sk_err *e)
{
    return open_as(where, false, out, e);
}
