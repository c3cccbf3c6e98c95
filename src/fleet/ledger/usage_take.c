/* usage_take.c - batches of usage rows: read, then written in one transaction.
 *
 * A batch is kept until it is written, since a transaction that another writer was in the way of is
 * done again.
 */
#include "fleet/ledger/usage_take.h"

#include "base/mem.h"
#include "fleet/ledger/usage_csv.h"

#include <string.h>

enum { BATCH = 50000, DAY_S = 86400, COLUMNS = 11, GROUP = 90 };

typedef enum fate { ADDED, TWICE, OTHER } fate;

/* A row that waits to be written; texts are offsets into the batch's. */
typedef struct waiting {
    flt_usage u;
    uint64_t line;
    size_t key, sku, raw, raw_n;
    fate fate;
} waiting;

typedef struct batch {
    flt_taking t;
    flt_usage_reader reader;
    waiting *row;
    size_t n;
    sk_buf text;
    flt_stmt *insert, *one; /* GROUP rows at once, a single row */
    flt_stmt *find, *late;
} batch;

/* ---- writing -----------------------------------------------------------------------------------
 */

static const char insert_head[] =
    "INSERT INTO usage(key, pool, workload, chips, used_from, used_to, useful_from, useful_to, "
    "category, reservation, sku) VALUES ";

/* The statement for n rows at once. */
static sk_status prepare_insert(flt_db *db, size_t n, flt_stmt **out, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, insert_head);
    for (size_t i = 0; i < n; i++) {
        sk_buf_adds(&b, i ? ", (" : "(");
        for (size_t k = 0; k < COLUMNS; k++)
            sk_buf_addf(&b, "%s$%zu", k ? ", " : "", i * COLUMNS + k + 1);
        sk_buf_addc(&b, ')');
    }
    sk_buf_adds(&b, " ON CONFLICT (key) DO NOTHING");
    sk_status st = sk_buf_ok(&b) ? flt_db_prepare(db, b.p, out, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory to write usage");
    sk_buf_fini(&b);
    return st;
}

/* Binds a row as the i-th of a statement. */
static void bind_row(const batch *b, flt_stmt *s, size_t i, const waiting *w)
{
    int k = (int)(i * COLUMNS);
    flt_bind_text(s, k + 1, b->text.p + w->key);
    flt_bind_int(s, k + 2, w->u.pool);
    flt_bind_ref(s, k + 3, w->u.workload);
    flt_bind_int(s, k + 4, w->u.chips);
    flt_bind_int(s, k + 5, w->u.span.from);
    flt_bind_int(s, k + 6, w->u.span.to);
    flt_bind_int(s, k + 7, w->u.useful.from);
    flt_bind_int(s, k + 8, w->u.useful.to);
    flt_bind_int(s, k + 9, (int64_t)w->u.category);
    flt_bind_ref(s, k + 10, w->u.reservation);
    flt_bind_text(s, k + 11, b->text.p + w->sku);
}

/* The id of the row at w's key (0: there is none), and whether it says the same as w. */
static sk_status look_up(const batch *b, waiting *w, int64_t *id, sk_err *e)
{
    bool row;
    flt_bind_text(b->find, 1, b->text.p + w->key);
    sk_status st = flt_stmt_step(b->find, &row, e);
    if (st) return st;
    flt_stmt *s = b->find;
    bool same = row && flt_col_int(s, 1) == w->u.pool && flt_col_int(s, 2) == w->u.workload &&
                flt_col_int(s, 3) == w->u.chips && flt_col_int(s, 4) == w->u.span.from &&
                flt_col_int(s, 5) == w->u.span.to && flt_col_int(s, 6) == w->u.useful.from &&
                flt_col_int(s, 7) == w->u.useful.to &&
                flt_col_int(s, 8) == (int64_t)w->u.category &&
                flt_col_int(s, 9) == w->u.reservation &&
                strcmp(flt_col_text(s, 10), b->text.p + w->sku) == 0;
    w->fate = same ? TWICE : OTHER;
    *id = row ? flt_col_int(s, 0) : 0;
    flt_stmt_reset(s);
    return SK_OK;
}

static sk_status write_one(const batch *b, waiting *w, sk_err *e)
{
    int64_t changed = 0, id;
    sk_status st = look_up(b, w, &id, e);
    if (st || id) return st;
    bind_row(b, b->one, 0, w);
    w->fate = ADDED;
    return flt_stmt_run(b->one, &changed, e);
}

/* GROUP rows in one statement, behind a row `newest` that this transaction added.  Where not all
 * are new, each is looked up: ids ascend from row to row, so those above its id are the
 * statement's, and of two rows with one key the first is the new one. */
static sk_status write_group(const batch *b, waiting *w, waiting *newest, sk_err *e)
{
    int64_t changed, top, id;
    for (size_t i = 0; i < GROUP; i++) {
        bind_row(b, b->insert, i, &w[i]);
        w[i].fate = ADDED;
    }
    sk_status st = flt_stmt_run(b->insert, &changed, e);
    if (st || changed == GROUP) return st;
    st = look_up(b, newest, &top, e);
    newest->fate = ADDED;
    for (size_t i = 0; !st && i < GROUP; i++) {
        st = look_up(b, &w[i], &id, e);
        if (st || id <= top) continue;
        w[i].fate = ADDED;
        top = id;
    }
    return st;
}

/* Notes the new rows that begin before what is rated already: they will be corrections. */
static sk_status note_late(const batch *b, int64_t closed, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < b->n; i++) {
        if (b->row[i].fate != ADDED || b->row[i].u.span.from >= closed) continue;
        flt_bind_text(b->late, 1, b->text.p + b->row[i].key);
        st = flt_stmt_run(b->late, NULL, e);
    }
    return st;
}

/* Inside a transaction that has read nothing yet: waits until no other import writes, as SQLite
 * does by itself.  PostgreSQL would let both go on and fail one, a large one again and again. */
static sk_status wait_for_others(flt_db *db, sk_err *e)
{
    if (!flt_db_is_pg(db)) return SK_OK;
    return flt_db_exec(db, "LOCK TABLE usage IN SHARE ROW EXCLUSIVE MODE", e);
}

/* All rows of the batch, inside a transaction: one by one until one of them is new, then many at
 * once.  Reading how far is rated makes it serial with a rating that goes on beside it. */
static sk_status write_rows(flt_db *db, void *arg, sk_err *e)
{
    batch *b = arg;
    int64_t closed;
    waiting *newest = NULL;
    sk_status st = wait_for_others(db, e);
    if (!st) st = flt_db_int(db, "SELECT closed FROM rating_state", SK_UTC_MIN, &closed, e);
    for (size_t i = 0, end; !st && i < b->n;) {
        bool many = newest && i + GROUP <= b->n;
        st = many ? write_group(b, &b->row[i], newest, e) : write_one(b, &b->row[i], e);
        for (end = i + (many ? GROUP : 1); i < end; i++)
            if (b->row[i].fate == ADDED) newest = &b->row[i];
    }
    return st ? st : note_late(b, closed, e);
}

/* Counts what became of the rows, and tells of keys with two contents. */
static sk_status settle(batch *b, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < b->n; i++) {
        const waiting *w = &b->row[i];
        b->t.n.added += w->fate == ADDED;
        b->t.n.twice += w->fate == TWICE;
        if (w->fate != OTHER) continue;
        sk_err why = SK_ERR_INIT;
        (void)sk_fail(&why, SK_E_FORMAT,
                      "%s:%llu: key: \"%.60s\" is in the ledger with other content",
                      sk_csv_file(b->t.c), (unsigned long long)w->line, b->text.p + w->key);
        st = flt_taking_broken(&b->t, &why, (sk_csv_field){b->text.p + w->raw, w->raw_n}, e);
    }
    b->n = 0;
    sk_buf_reset(&b->text);
    return st;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* Keeps a row until it is written. */
static sk_status keep(batch *b, const flt_usage *u, sk_err *e)
{
    waiting *w = &b->row[b->n++];
    sk_csv_field raw = sk_csv_raw(b->t.c);
    *w = (waiting){.u = *u, .line = sk_csv_line(b->t.c), .raw_n = raw.n};
    w->key = b->text.len;
    sk_buf_add(&b->text, u->key, strlen(u->key) + 1);
    w->sku = b->text.len;
    sk_buf_add(&b->text, u->sku, strlen(u->sku) + 1);
    w->raw = b->text.len;
    sk_buf_add(&b->text, raw.p, raw.n);
    return sk_buf_ok(&b->text) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a batch of usage");
}

/* Reads rows until the batch is full or the file ends. */
static sk_status fill(batch *b, bool *end, sk_err *e)
{
    *end = false;
    while (b->n < BATCH && b->text.len < (size_t)BATCH * 1024) {
        const sk_csv_field *field;
        sk_err why = SK_ERR_INIT;
        flt_usage u;
        sk_status st = sk_csv_next(b->t.c, &field, &why);
        if (!st && !field) {
            *end = true;
            return SK_OK;
        }
        b->t.n.rows++;
        if (!st) st = flt_usage_read(&b->reader, b->t.c, field, &u, &why);
        if (!st && b->t.o->strict && b->t.n.broken) continue; /* nothing will be taken */
        if (!st) st = keep(b, &u, &why);
        if (st == SK_E_FORMAT) st = flt_taking_broken(&b->t, &why, sk_csv_raw(b->t.c), &why);
        if (st) {
            if (e) *e = why;
            return st;
        }
    }
    return SK_OK;
}

/* The file's batches; strict in one transaction, which the caller has begun. */
static sk_status take_all(flt_db *db, batch *b, sk_err *e)
{
    bool end = false;
    sk_status st = SK_OK;
    while (!st && !end) {
        st = fill(b, &end, e);
        if (!st && b->n)
            st = b->t.o->strict ? write_rows(db, b, e) : flt_db_do(db, write_rows, b, e);
        if (!st) st = settle(b, e);
        flt_taking_moved(&b->t);
    }
    return st;
}

static sk_status prepare(flt_db *db, batch *b, sk_err *e)
{
    b->row = sk_calloc(SK_MEM_MISC, BATCH, sizeof *b->row);
    if (!b->row) return sk_fail(e, SK_E_NOMEM, "no memory for a batch of usage");
    sk_status st = prepare_insert(db, 1, &b->one, e);
    if (!st) st = prepare_insert(db, GROUP, &b->insert, e);
    if (!st)
        st = flt_db_prepare(db,
                            "SELECT id, pool, workload, chips, used_from, used_to, useful_from, "
                            "useful_to, category, reservation, sku FROM usage WHERE key = $1",
                            &b->find, e);
    if (!st)
        st = flt_db_prepare(
            db, "INSERT INTO rating_late(usage) SELECT id FROM usage WHERE key = $1", &b->late, e);
    return st;
}

sk_status flt_usage_take(flt_db *db, const flt_book *book, sk_csv *c, const flt_take_opts *o,
                         flt_taken *out, sk_err *e)
{
    batch *b = sk_calloc(SK_MEM_MISC, 1, sizeof *b);
    if (!b) return sk_fail(e, SK_E_NOMEM, "no memory to take usage in");
    sk_status st = flt_usage_reader_init(&b->reader, book, c, o->now + DAY_S, o->assume_utc, e);
    if (!st) st = flt_taking_begin(&b->t, o, c, e);
    if (!st) {
        st = prepare(db, b, e);
        if (!st && o->strict) st = flt_db_begin(db, e);
        if (!st) st = take_all(db, b, e);
        st = flt_taking_end(&b->t, st, e);
        if (o->strict && !st) st = flt_db_commit(db, e);
        if (o->strict && st) {
            flt_db_rollback(db);
            b->t.n.added = b->t.n.twice = 0;
        }
        if (!st || b->t.n.broken) *out = b->t.n;
    }
    flt_stmt_free(b->insert);
    flt_stmt_free(b->one);
    flt_stmt_free(b->find);
    flt_stmt_free(b->late);
    sk_buf_fini(&b->text);
    sk_free(b->row);
    sk_free(b);
    return st;
}
