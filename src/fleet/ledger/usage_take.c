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
    int64_t before; /* id of the newest row before this transaction */
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

/* The newest row before w that this transaction added, whose id is above all others: those of w's
 * statement are above it. */
static sk_status find_newest(const batch *b, const waiting *w, int64_t *id, sk_err *e)
{
    bool row;
    while (w > b->row && w[-1].fate != ADDED)
        w--;
    *id = b->before;
    if (w == b->row) return SK_OK;
    flt_bind_text(b->find, 1, b->text.p + w[-1].key);
    sk_status st = flt_stmt_step(b->find, &row, e);
    if (st) return st;
    if (row) *id = flt_col_int(b->find, 0);
    flt_stmt_reset(b->find);
    return SK_OK;
}

/* What became of w: the row at its key is new if its id is above `newest`, which then is that id;
 * else it was there, with the same content or with other. */
static sk_status compare(const batch *b, waiting *w, int64_t *newest, sk_err *e)
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
    if (row && flt_col_int(s, 0) > *newest) {
        *newest = flt_col_int(s, 0);
        w->fate = ADDED;
    }
    flt_stmt_reset(s);
    return SK_OK;
}

/* n rows by the statement for so many.  Where not all are new, each is looked up: ids ascend from
 * row to row, so that of two rows with one key the first is the new one. */
static sk_status write_some(const batch *b, flt_stmt *s, waiting *w, size_t n, sk_err *e)
{
    int64_t changed, newest;
    for (size_t i = 0; i < n; i++) {
        bind_row(b, s, i, &w[i]);
        w[i].fate = ADDED;
    }
    sk_status st = flt_stmt_run(s, &changed, e);
    if (st || changed == (int64_t)n) return st;
    st = find_newest(b, w, &newest, e);
    for (size_t i = 0; !st && i < n; i++)
        st = compare(b, &w[i], &newest, e);
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

/* All rows of the batch, inside a transaction.  Reading how far is rated makes it serial with a
 * rating that goes on beside it. */
static sk_status write_rows(flt_db *db, void *arg, sk_err *e)
{
    batch *b = arg;
    int64_t closed;
    size_t i = 0;
    sk_status st = flt_db_int(db, "SELECT closed FROM rating_state", SK_UTC_MIN, &closed, e);
    if (!st) st = flt_db_int(db, "SELECT MAX(id) FROM usage", 0, &b->before, e);
    for (; !st && i + GROUP <= b->n; i += GROUP)
        st = write_some(b, b->insert, &b->row[i], GROUP, e);
    for (; !st && i < b->n; i++)
        st = write_some(b, b->one, &b->row[i], 1, e);
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
