/* db.c - which kind of database it is, and what is the same for both. */
#include "fleet/store/db_impl.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>
#include <time.h>

static bool starts(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* The URL without its password: "scheme://user:secret@host/..." and "?password=..." */
static char *url_name(const char *url)
{
    sk_buf b = SK_BUF_INIT;
    const char *p = strstr(url, "://") + 3;
    const char *end = p + strcspn(p, "/?"), *at = memchr(p, '@', (size_t)(end - p));
    const char *colon = at ? memchr(p, ':', (size_t)(at - p)) : NULL;
    const char *tail = colon ? at : p, *secret = strstr(tail, "password=");
    sk_buf_add(&b, url, (size_t)((colon ? colon : p) - url));
    sk_buf_add(&b, tail, secret ? (size_t)(secret - tail) : strlen(tail));
    if (secret) sk_buf_adds(&b, "password=...");
    if (!sk_buf_ok(&b)) sk_buf_fini(&b);
    return sk_buf_detach(&b, NULL);
}

static char *copy_of(const char *text)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, text);
    if (!sk_buf_ok(&b)) sk_buf_fini(&b);
    return sk_buf_detach(&b, NULL);
}

sk_status flt_db_open(const char *where, bool create, flt_db **out, sk_err *e)
{
    bool pg = starts(where, "postgresql://") || starts(where, "postgres://");
    if (!pg && strstr(where, "://"))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%.100s: a fleet is a file, or a database postgresql://...", where);
    char *name = pg ? url_name(where) : copy_of(*where ? where : ":memory:");
    if (!name) return sk_fail(e, SK_E_NOMEM, "no memory to open the fleet");
    sk_status st = pg ? flt_pg_open(where, out, e) : flt_sqlite_open(name, create, out, e);
    if (st) {
        sk_while(e, "%.200s", name);
        sk_free(name);
        return st;
    }
    (*out)->name = name;
    return SK_OK;
}

void flt_db_close(flt_db *db)
{
    if (!db) return;
    char *name = db->name;
    db->ops->close(db);
    sk_free(name);
}

const char *flt_db_name(const flt_db *db)
{
    return db->name;
}

bool flt_db_is_pg(const flt_db *db)
{
    return db->ops->pg;
}

/* Errors of an open database begin with its name. */
static sk_status named(const flt_db *db, sk_status st, sk_err *e)
{
    if (st) sk_while(e, "%.200s", db->name);
    return st;
}

sk_status flt_db_fresh(flt_db *db, bool *fresh, sk_err *e)
{
    return named(db, db->ops->fresh(db, fresh, e), e);
}

sk_status flt_db_exec(flt_db *db, const char *sql, sk_err *e)
{
    return named(db, db->ops->exec(db, sql, e), e);
}

/* ---- transactions ----------------------------------------------------------------------------
 */

sk_status flt_db_begin(flt_db *db, sk_err *e)
{
    return flt_db_exec(db, db->ops->begin, e);
}

sk_status flt_db_begin_read(flt_db *db, sk_err *e)
{
    return flt_db_exec(db, db->ops->begin_read, e);
}

sk_status flt_db_commit(flt_db *db, sk_err *e)
{
    sk_status st = flt_db_exec(db, "COMMIT", e);
    if (st) flt_db_rollback(db);
    return st;
}

void flt_db_rollback(flt_db *db)
{
    if (db->ops->in_transaction(db)) (void)db->ops->exec(db, "ROLLBACK", NULL);
}

/* Longer waits each time, so that one of two writers gets through. */
static void wait_a_little(int tries)
{
    struct timespec t = {0, 2000000L * (tries < 6 ? 1L << tries : 64)};
    (void)nanosleep(&t, NULL);
}

enum { TRIES = 12 };

sk_status flt_db_do(flt_db *db, flt_db_fn fn, void *arg, sk_err *e)
{
    sk_status st = SK_OK;
    for (int i = 0; i < TRIES; i++) {
        if (i) wait_a_little(i);
        st = flt_db_begin(db, e);
        if (!st) {
            st = fn(db, arg, e);
            if (st)
                flt_db_rollback(db);
            else
                st = flt_db_commit(db, e);
        }
        if (st != SK_E_BUSY) break;
    }
    return st;
}

/* ---- statements -------------------------------------------------------------------------------
 */

sk_status flt_db_prepare(flt_db *db, const char *sql, flt_stmt **out, sk_err *e)
{
    return named(db, db->ops->prepare(db, sql, out, e), e);
}

void flt_stmt_free(flt_stmt *s)
{
    if (s) s->db->ops->free(s);
}

void flt_bind_int(flt_stmt *s, int k, int64_t v)
{
    s->db->ops->bind_int(s, k, v);
}

void flt_bind_num(flt_stmt *s, int k, double v)
{
    s->db->ops->bind_num(s, k, v);
}

void flt_bind_text(flt_stmt *s, int k, const char *text)
{
    s->db->ops->bind_text(s, k, text, text ? strlen(text) : 0);
}

void flt_bind_textn(flt_stmt *s, int k, const char *text, size_t n)
{
    s->db->ops->bind_text(s, k, text, n);
}

void flt_bind_null(flt_stmt *s, int k)
{
    s->db->ops->bind_text(s, k, NULL, 0);
}

void flt_bind_ref(flt_stmt *s, int k, int64_t id)
{
    if (id)
        flt_bind_int(s, k, id);
    else
        flt_bind_null(s, k);
}

sk_status flt_stmt_step(flt_stmt *s, bool *row, sk_err *e)
{
    return named(s->db, s->db->ops->step(s, row, e), e);
}

sk_status flt_stmt_run(flt_stmt *s, int64_t *changed, sk_err *e)
{
    bool row = true;
    while (row) {
        sk_status st = flt_stmt_step(s, &row, e);
        if (st) return st;
    }
    if (changed) *changed = s->db->ops->changed(s);
    return SK_OK;
}

void flt_stmt_reset(flt_stmt *s)
{
    s->db->ops->reset(s);
}

int64_t flt_col_int(flt_stmt *s, int k)
{
    return s->db->ops->col_int(s, k);
}

double flt_col_num(flt_stmt *s, int k)
{
    return s->db->ops->col_num(s, k);
}

const char *flt_col_text(flt_stmt *s, int k)
{
    return s->db->ops->col_text(s, k);
}

bool flt_col_null(flt_stmt *s, int k)
{
    return s->db->ops->col_null(s, k);
}

sk_status flt_db_int(flt_db *db, const char *sql, int64_t none, int64_t *out, sk_err *e)
{
    flt_stmt *s;
    bool row;
    sk_status st = flt_db_prepare(db, sql, &s, e);
    if (st) return st;
    st = flt_stmt_step(s, &row, e);
    if (!st) *out = row && !flt_col_null(s, 0) ? flt_col_int(s, 0) : none;
    flt_stmt_free(s);
    return st;
}
