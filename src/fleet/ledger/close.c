/* close.c - stretches of time through the rater into the ledger. */
#include "fleet/ledger/close.h"

#include "base/buf.h"
#include "base/mem.h"
#include "fleet/ledger/late.h"
#include "fleet/ledger/state.h"
#include "fleet/ledger/write.h"
#include "fleet/store/settled.h"

enum { MOST = 200000, HOUR_S = 3600 };

/* One stretch on its way. */
typedef struct stretch {
    const flt_book *book;
    sk_span span;
    flt_writer *w;
    int64_t *id; /* of the ledger, by the rater's number */
    size_t n, cap;
    bool done;
    flt_closed seen;
} stretch;

/* ---- what the rater emits ----------------------------------------------------------------------
 */

static sk_status on_charge(void *arg, const flt_charge *c, sk_err *e)
{
    stretch *s = arg;
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        int64_t *p = sk_realloc(SK_MEM_MISC, s->id, cap * sizeof *p);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for a stretch of charges");
        s->id = p;
        s->cap = cap;
    }
    s->seen.charges++;
    return flt_writer_charge(s->w, c, NULL, &s->id[s->n++], e);
}

static sk_status on_applied(void *arg, const flt_applied *a, sk_err *e)
{
    stretch *s = arg;
    flt_applied row = *a;
    if (a->charge < 1 || (uint64_t)a->charge > s->n)
        return sk_fail(e, SK_E_INTERNAL, "what was applied names no charge");
    row.charge = s->id[a->charge - 1];
    s->seen.applied++;
    return flt_writer_applied(s->w, &row, e);
}

/* ---- a stretch ---------------------------------------------------------------------------------
 */

static sk_status add_usage(void *arg, const flt_usage *u, sk_err *e)
{
    return flt_rater_resume(arg, u, e);
}

/* The rater's run over the stretch, inside a transaction. */
static sk_status rate(flt_db *db, stretch *s, const flt_balance *b, size_t n, sk_err *e)
{
    flt_rater *r;
    const flt_sink sink = {on_charge, on_applied, s};
    sk_status st = n ? flt_rater_open(s->book, s->span.from, b, n, &r, e)
                     : flt_rater_new(s->book, s->span.from, &r, e);
    if (st) return st;
    st = flt_state_usage(db, s->span, false, add_usage, r, &s->seen.usage, e);
    if (!st) st = flt_rater_close(r, s->span.to, &sink, e);
    if (!st) st = flt_writer_flush(s->w, e);
    if (!st) st = flt_state_keep(db, s->book, r, s->span.to, e);
    flt_rater_free(r);
    return st;
}

/* A stretch from beginning to end; again from its beginning where another writer was in the way. */
static sk_status run_stretch(flt_db *db, void *arg, sk_err *e)
{
    stretch *s = arg;
    int64_t closed, late;
    size_t n;
    flt_balance *b;
    flt_writer_reset(s->w);
    s->n = 0;
    s->done = false;
    s->seen = (flt_closed){.from = 0};
    sk_status st = flt_settled_until(db, &closed, e);
    if (!st) st = flt_db_int(db, "SELECT COUNT(*) FROM rating_late", 0, &late, e);
    if (st) return st;
    if (late || (closed != SK_UTC_MIN && closed != s->span.from)) return SK_OK; /* another's work */
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory to rate");
    st = flt_ledger_balances(db, a, SK_UTC_END, &b, &n, NULL, e);
    if (!st) st = rate(db, s, b, n, e);
    if (!st) st = flt_state_close(db, s->span, e);
    sk_arena_free(a);
    s->done = !st;
    return st;
}

/* ---- which stretch -----------------------------------------------------------------------------
 */

static void earlier(int64_t *t, int64_t other)
{
    if (other < *t) *t = other;
}

/* Where the ledger begins: the hour of its first usage or of the first promise. */
static sk_status find_beginning(flt_db *db, const flt_book *book, int64_t *out, sk_err *e)
{
    sk_status st = flt_db_int(db, "SELECT MIN(used_from) FROM usage", SK_UTC_END, out, e);
    for (size_t i = 0; i < book->n_commitment; i++)
        earlier(out, book->commitment[i].term.from);
    for (size_t i = 0; i < book->n_reservation; i++)
        earlier(out, book->reservation[i].term.from);
    *out = sk_utc_hour(*out);
    return st;
}

/* The next stretch: to the end of the month, or less where there is much usage. */
static sk_status find_end(flt_db *db, int64_t from, int64_t until, size_t most, int64_t *out,
                          sk_err *e)
{
    flt_stmt *q;
    bool row = true;
    int64_t n = 0, end = sk_utc_add_months(sk_utc_month(from), 1);
    if (end > until) end = until;
    sk_status st = flt_db_prepare(db,
                                  "SELECT COUNT(*) FROM usage WHERE used_from >= $1 AND "
                                  "used_from < $2",
                                  &q, e);
    if (st) return st;
    for (;;) {
        flt_bind_int(q, 1, from);
        flt_bind_int(q, 2, end);
        st = flt_stmt_step(q, &row, e);
        n = st ? 0 : flt_col_int(q, 0);
        flt_stmt_reset(q);
        if (st || n <= (int64_t)most || end - from <= HOUR_S) break;
        int64_t part = (int64_t)((double)(end - from) * (double)most / (double)n);
        end = from + (part < HOUR_S ? HOUR_S : part / HOUR_S * HOUR_S);
    }
    flt_stmt_free(q);
    *out = end;
    return st;
}

/* Adds what a stretch did to the whole. */
static void count(flt_closed *all, const stretch *s)
{
    all->until = s->span.to;
    all->stretches++;
    all->usage += s->seen.usage;
    all->charges += s->seen.charges;
    all->applied += s->seen.applied;
}

/* Stretch after stretch up to `until`. */
static sk_status close_all(flt_db *db, const flt_book *book, const flt_close_opts *o, stretch *s,
                           flt_closed *out, sk_err *e)
{
    const int64_t until = sk_utc_hour(o->until);
    for (;;) {
        int64_t closed;
        sk_status st = flt_ledger_late(db, book, out, e);
        if (!st) st = flt_settled_until(db, &closed, e);
        if (!st && closed == SK_UTC_MIN) st = find_beginning(db, book, &closed, e);
        if (st) return st;
        if (!out->stretches) out->from = out->until = closed < until ? closed : until;
        if (closed >= until) return SK_OK;
        if (o->stop && o->stop(o->arg))
            return sk_fail(e, SK_E_STOPPED, "stopped; what was rated so far is kept");
        s->span.from = closed;
        st = find_end(db, closed, until, o->most ? o->most : MOST, &s->span.to, e);
        if (!st) st = flt_db_do(db, run_stretch, s, e);
        if (st) return st;
        if (s->done) count(out, s);
        if (o->moved) o->moved(o->arg, s->span.to);
    }
}

sk_status flt_ledger_close(flt_db *db, const flt_book *book, const flt_close_opts *o,
                           flt_closed *out, sk_err *e)
{
    stretch s = {.book = book};
    flt_closed done = {.from = 0};
    sk_status st = flt_writer_new(db, &s.w, e);
    if (!st) st = close_all(db, book, o, &s, &done, e);
    if (!st || st == SK_E_STOPPED) *out = done;
    flt_writer_free(s.w);
    sk_free(s.id);
    return st;
}
