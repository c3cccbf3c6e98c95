/* rows.c - the book's rows in their tables, by the table of fields (fleet/book/field.h). */
#include "fleet/store/store.h"

#include <stdio.h>
#include <string.h>

static const char *column(const flt_field *f)
{
    return f->column ? f->column : f->name;
}

static sk_status prepare(flt_db *db, sk_buf *sql, flt_stmt **out, sk_err *e)
{
    sk_status st = sk_buf_ok(sql) ? flt_db_prepare(db, sql->p, out, e)
                                  : sk_fail(e, SK_E_NOMEM, "no memory for a statement");
    sk_buf_fini(sql);
    return st;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static sk_status get_text(flt_stmt *s, int k, const flt_field *f, sk_arena *a, void *row, sk_err *e)
{
    const char *text = flt_col_text(s, k);
    const char *copy = sk_arena_strndup(a, text, strlen(text));
    if (!copy) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    memcpy((char *)row + f->at, &copy, sizeof copy);
    return SK_OK;
}

/* Column k of the statement's row into a field. */
static sk_status get(flt_stmt *s, int k, const flt_field *f, sk_arena *a, void *row, sk_err *e)
{
    double v;
    int word;
    switch (f->type) {
    case FLT_AS_TEXT:
        return get_text(s, k, f, a, row, e);
    case FLT_AS_SIZE:
        v = flt_col_num(s, k);
        memcpy((char *)row + f->at, &v, sizeof v);
        return SK_OK;
    case FLT_AS_WORD:
        word = f->words->number(flt_col_text(s, k));
        if (word < 0)
            return sk_fail(e, SK_E_CORRUPT, "the %s \"%.40s\" is not known", column(f),
                           flt_col_text(s, k));
        flt_field_set_int(f, row, word);
        return SK_OK;
    case FLT_AS_PRICE:
        if (!flt_col_null(s, k)) flt_field_set_int(f, row, flt_col_int(s, k));
        return SK_OK;
    default:
        flt_field_set_int(f, row, flt_col_int(s, k));
        return SK_OK;
    }
}

static sk_status load_rows(flt_stmt *s, const flt_rows *k, sk_arena *a, char *rows, size_t n,
                           sk_err *e)
{
    bool more = true;
    for (size_t i = 0; i < n; i++) {
        char *row = rows + i * k->size;
        sk_status st = flt_stmt_step(s, &more, e);
        if (!st && !more) st = sk_fail(e, SK_E_BUSY, "the fleet was changed while it was read");
        if (st) return st;
        flt_row_set_id(row, flt_col_int(s, 0));
        for (size_t j = 0; j < k->n && !st; j++)
            st = get(s, (int)j + 1, &k->field[j], a, row, e);
        if (st) return st;
    }
    return SK_OK;
}

/* All rows of one kind. */
static sk_status load_kind(flt_db *db, flt_row_kind kind, sk_arena *a, flt_book *b, sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    sk_buf sql = SK_BUF_INIT;
    char count[64];
    int64_t n = 0;
    flt_stmt *s;
    (void)snprintf(count, sizeof count, "SELECT count(*) FROM %s", k->name);
    sk_status st = flt_db_int(db, count, 0, &n, e);
    if (st) return st;
    char *rows = sk_arena_calloc(a, (size_t)n, k->size);
    if (!rows) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    sk_buf_adds(&sql, "SELECT id");
    for (size_t j = 0; j < k->n; j++)
        sk_buf_addf(&sql, ", %s", column(&k->field[j]));
    sk_buf_addf(&sql, " FROM %s ORDER BY id", k->name);
    st = prepare(db, &sql, &s, e);
    if (st) return st;
    st = load_rows(s, k, a, rows, (size_t)n, e);
    flt_stmt_free(s);
    if (st) return st;
    size_t rows_n = (size_t)n;
    memcpy((char *)b + k->rows_at, &rows, sizeof rows);
    memcpy((char *)b + k->count_at, &rows_n, sizeof rows_n);
    return SK_OK;
}

/* Steps of one list of a commitment. */
static sk_status load_steps(flt_db *db, sk_arena *a, int64_t id, const char *list,
                            const flt_step **out, size_t *n, sk_err *e)
{
    enum { MOST = 1000 };
    flt_stmt *s;
    sk_status st = flt_db_prepare(db,
                                  "SELECT t, amount FROM commitment_step WHERE commitment = $1 AND "
                                  "list = $2 ORDER BY t",
                                  &s, e);
    if (st) return st;
    flt_step steps[64], *all = steps;
    size_t room = 64, used = 0;
    bool more = true;
    flt_bind_int(s, 1, id);
    flt_bind_text(s, 2, list);
    while (!(st = flt_stmt_step(s, &more, e)) && more && used < MOST) {
        if (used == room) {
            flt_step *grown = sk_new_n(a, flt_step, MOST);
            if (!grown) st = sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
            if (st) break;
            memcpy(grown, all, used * sizeof *all);
            all = grown;
            room = MOST;
        }
        all[used++] = (flt_step){flt_col_int(s, 0), flt_col_int(s, 1)};
    }
    flt_stmt_free(s);
    if (st || !used) return st;
    if (all == steps) {
        all = sk_new_n(a, flt_step, used);
        if (!all) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
        memcpy(all, steps, used * sizeof *all);
    }
    *out = all;
    *n = used;
    return SK_OK;
}

static sk_status load_ramps(flt_db *db, sk_arena *a, const flt_book *b, sk_err *e)
{
    int64_t any = 0;
    sk_status st = flt_db_int(db, "SELECT count(*) FROM commitment_step", 0, &any, e);
    for (size_t i = 0; any && !st && i < b->n_commitment; i++) {
        /* The rows are ours, from this very arena. */
        flt_commitment *c = (flt_commitment *)&b->commitment[i];
        st = load_steps(db, a, c->id, "ramp", &c->ramp, &c->n_ramp, e);
        if (!st) st = load_steps(db, a, c->id, "milestone", &c->milestone, &c->n_milestone, e);
    }
    return st;
}

sk_status flt_store_load(flt_db *db, sk_arena *a, flt_book *out, sk_err *e)
{
    flt_book b = {0};
    sk_status st = SK_OK;
    for (int k = 0; k < FLT_ROW_N && !st; k++)
        st = load_kind(db, (flt_row_kind)k, a, &b, e);
    if (!st) st = load_ramps(db, a, &b, e);
    if (!st) *out = b;
    return st;
}

sk_status flt_store_read(flt_db *db, sk_arena *a, flt_book *out, sk_err *e)
{
    sk_status st = flt_db_begin_read(db, e);
    if (st) return st;
    st = flt_store_load(db, a, out, e);
    flt_db_rollback(db);
    return st;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* A reference to nothing and a price that is not known are NULL in the store; every other number
 * stands for itself. */
static void bind(flt_stmt *s, int k, const flt_field *f, const void *row)
{
    const char *text;
    double num;
    int64_t v;
    switch (f->type) {
    case FLT_AS_TEXT:
        memcpy(&text, (const char *)row + f->at, sizeof text);
        flt_bind_text(s, k, text);
        return;
    case FLT_AS_SIZE:
        memcpy(&num, (const char *)row + f->at, sizeof num);
        flt_bind_num(s, k, num);
        return;
    case FLT_AS_WORD:
        flt_bind_text(s, k, f->words->word((int)flt_field_int(f, row)));
        return;
    default:
        break;
    }
    v = flt_field_int(f, row);
    if ((f->type == FLT_AS_REF && v == 0) ||
        (f->type == FLT_AS_PRICE && !((const flt_offer *)row)->priced))
        flt_bind_null(s, k);
    else
        flt_bind_int(s, k, v);
}

/* INSERT ... RETURNING id, or UPDATE ... WHERE id = $1. */
static void put_sql(const flt_rows *k, bool fresh, sk_buf *sql)
{
    sk_buf_addf(sql, fresh ? "INSERT INTO %s(" : "UPDATE %s SET ", k->name);
    for (size_t j = 0; j < k->n; j++) {
        sk_buf_addf(sql, "%s%s", j ? ", " : "", column(&k->field[j]));
        if (!fresh) sk_buf_addf(sql, " = $%zu", j + 1);
    }
    if (!fresh) {
        sk_buf_addf(sql, " WHERE id = $%zu", k->n + 1);
        return;
    }
    sk_buf_adds(sql, ") VALUES (");
    for (size_t j = 0; j < k->n; j++)
        sk_buf_addf(sql, "%s$%zu", j ? ", " : "", j + 1);
    sk_buf_adds(sql, ") RETURNING id");
}

static sk_status put_steps(flt_db *db, int64_t id, const char *list, const flt_step *steps,
                           size_t n, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(
        db, "INSERT INTO commitment_step(commitment, list, t, amount) VALUES ($1, $2, $3, $4)", &s,
        e);
    if (st) return st;
    for (size_t i = 0; i < n && !st; i++) {
        flt_bind_int(s, 1, id);
        flt_bind_text(s, 2, list);
        flt_bind_int(s, 3, steps[i].t);
        flt_bind_int(s, 4, steps[i].amount);
        st = flt_stmt_run(s, NULL, e);
    }
    flt_stmt_free(s);
    return st;
}

/* One statement with one whole number. */
static sk_status run_with(flt_db *db, const char *sql, int64_t v, int64_t *changed, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db, sql, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, v);
    st = flt_stmt_run(s, changed, e);
    flt_stmt_free(s);
    return st;
}

static sk_status put_all_steps(flt_db *db, const flt_commitment *c, sk_err *e)
{
    sk_status st =
        run_with(db, "DELETE FROM commitment_step WHERE commitment = $1", c->id, NULL, e);
    if (!st) st = put_steps(db, c->id, "ramp", c->ramp, c->n_ramp, e);
    if (!st) st = put_steps(db, c->id, "milestone", c->milestone, c->n_milestone, e);
    return st;
}

sk_status flt_store_put(flt_db *db, flt_row_kind kind, void *row, sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    bool fresh = flt_row_id(row) == 0, more = false;
    sk_buf sql = SK_BUF_INIT;
    flt_stmt *s;
    put_sql(k, fresh, &sql);
    sk_status st = prepare(db, &sql, &s, e);
    if (st) return st;
    for (size_t j = 0; j < k->n; j++)
        bind(s, (int)j + 1, &k->field[j], row);
    if (!fresh) flt_bind_int(s, (int)k->n + 1, flt_row_id(row));
    st = flt_stmt_step(s, &more, e);
    if (!st && more) flt_row_set_id(row, flt_col_int(s, 0));
    flt_stmt_free(s);
    if (!st && kind == FLT_ROW_COMMITMENT) st = put_all_steps(db, row, e);
    return st;
}

sk_status flt_store_remove(flt_db *db, flt_row_kind kind, int64_t id, sk_err *e)
{
    char sql[64];
    int64_t changed = 0;
    const char *name = flt_rows_of(kind)->name;
    sk_status st = SK_OK;
    if (kind == FLT_ROW_COMMITMENT)
        st = run_with(db, "DELETE FROM commitment_step WHERE commitment = $1", id, NULL, e);
    (void)snprintf(sql, sizeof sql, "DELETE FROM %s WHERE id = $1", name);
    if (!st) st = run_with(db, sql, id, &changed, e);
    if (st == SK_E_INVALID)
        return sk_fail(e, SK_E_INUSE,
                       "this %s is part of what was used, bought or planned; it "
                       "stays in the books",
                       name);
    if (!st && !changed)
        return sk_fail(e, SK_E_NOTFOUND, "there is no %s %lld", name, (long long)id);
    return st;
}
