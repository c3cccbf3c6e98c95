/* work.c - what runs where: leases, checkpoints, events, placements, replicas. */
#include "fleet/store/store.h"

#include <string.h>

static const char *keep(sk_arena *a, const char *text)
{
    return sk_arena_strndup(a, text, strlen(text));
}

/* Runs a bound statement to its end and frees it; *id is the number it returned, if it did. */
static sk_status once(flt_stmt *s, int64_t *id, sk_err *e)
{
    bool more = false;
    sk_status st = flt_stmt_step(s, &more, e);
    if (!st && more) *id = flt_col_int(s, 0);
    if (!st && more) st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    return st;
}

/* ---- leases -----------------------------------------------------------------------------------
 */

sk_status flt_lease_get(flt_db *db, sk_arena *a, int64_t workload, flt_lease *out, sk_err *e)
{
    flt_stmt *s;
    bool more;
    sk_status st = flt_db_prepare(
        db, "SELECT epoch, pool, holder, expires FROM lease WHERE workload = $1", &s, e);
    if (st) return st;
    flt_bind_int(s, 1, workload);
    st = flt_stmt_step(s, &more, e);
    flt_lease l = {.workload = workload, .holder = ""};
    if (!st && more) {
        l = (flt_lease){workload, flt_col_int(s, 0), flt_col_int(s, 1), keep(a, flt_col_text(s, 2)),
                        flt_col_int(s, 3)};
        if (!l.holder) st = sk_fail(e, SK_E_NOMEM, "no memory for a lease");
    }
    flt_stmt_free(s);
    if (!st) *out = l;
    return st;
}

/* Why it was not had. */
static sk_status not_had(flt_db *db, const flt_lease *l, sk_err *e)
{
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    flt_lease now;
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for a lease");
    sk_status st = flt_lease_get(db, a, l->workload, &now, e);
    if (!st)
        st = sk_fail(e, SK_E_INUSE, "\"%.100s\" holds the lease, in epoch %lld", now.holder,
                     (long long)now.epoch);
    sk_arena_free(a);
    return st;
}

static sk_status lease_write(flt_db *db, const char *sql, const flt_lease *l, sk_err *e)
{
    flt_stmt *s;
    int64_t changed = 0;
    sk_status st = flt_db_prepare(db, sql, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, l->workload);
    flt_bind_int(s, 2, l->epoch);
    flt_bind_int(s, 3, l->pool);
    flt_bind_text(s, 4, l->holder);
    flt_bind_int(s, 5, l->expires);
    st = flt_stmt_run(s, &changed, e);
    flt_stmt_free(s);
    if (!st && changed == 0) st = not_had(db, l, e);
    return st;
}

sk_status flt_lease_take(flt_db *db, const flt_lease *l, sk_err *e)
{
    return lease_write(db,
                       "INSERT INTO lease(workload, epoch, pool, holder, expires) VALUES ($1, $2, "
                       "$3, $4, $5) ON CONFLICT (workload) DO UPDATE SET epoch = excluded.epoch, "
                       "pool = excluded.pool, holder = excluded.holder, expires = excluded.expires "
                       "WHERE excluded.epoch > lease.epoch",
                       l, e);
}

sk_status flt_lease_renew(flt_db *db, const flt_lease *l, sk_err *e)
{
    return lease_write(db,
                       "UPDATE lease SET expires = $5 WHERE workload = $1 AND epoch = $2 AND pool "
                       "= $3 AND holder = $4",
                       l, e);
}

/* ---- checkpoints and events -------------------------------------------------------------------
 */

/* One statement asks and writes, so that no lease can change hands between the two. */
sk_status flt_checkpoint_put(flt_db *db, const flt_checkpoint *c, sk_err *e)
{
    flt_stmt *s;
    int64_t changed = 0;
    sk_status st = flt_db_prepare(
        db,
        "INSERT INTO checkpoint(workload, step, tokens, epoch, uri, sha256, t) SELECT "
        "CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), "
        "CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM "
        "lease WHERE lease.workload = CAST($1 AS BIGINT) AND lease.epoch > CAST($4 AS BIGINT))",
        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, c->workload);
    flt_bind_int(s, 2, c->step);
    flt_bind_int(s, 3, c->tokens);
    flt_bind_int(s, 4, c->epoch);
    flt_bind_text(s, 5, c->uri);
    flt_bind_text(s, 6, c->sha256);
    flt_bind_int(s, 7, c->t);
    st = flt_stmt_run(s, &changed, e);
    flt_stmt_free(s);
    if (!st && changed == 0) st = not_had(db, &(flt_lease){.workload = c->workload}, e);
    return st;
}

/* By epoch first: a later trainer may stand at an earlier step, and its checkpoint is the one that
 * counts. */
sk_status flt_checkpoint_last(flt_db *db, sk_arena *a, int64_t workload, flt_checkpoint *out,
                              sk_err *e)
{
    flt_stmt *s;
    bool more;
    sk_status st = flt_db_prepare(db,
                                  "SELECT step, tokens, epoch, uri, sha256, t FROM checkpoint "
                                  "WHERE workload = $1 ORDER BY epoch DESC, step DESC LIMIT 1",
                                  &s, e);
    if (st) return st;
    flt_bind_int(s, 1, workload);
    st = flt_stmt_step(s, &more, e);
    flt_checkpoint c = {.workload = workload, .step = -1, .uri = "", .sha256 = ""};
    if (!st && more) {
        c.step = flt_col_int(s, 0);
        c.tokens = flt_col_int(s, 1);
        c.epoch = flt_col_int(s, 2);
        c.uri = keep(a, flt_col_text(s, 3));
        c.sha256 = keep(a, flt_col_text(s, 4));
        c.t = flt_col_int(s, 5);
        if (!c.uri || !c.sha256) st = sk_fail(e, SK_E_NOMEM, "no memory for a checkpoint");
    }
    flt_stmt_free(s);
    if (!st) *out = c;
    return st;
}

sk_status flt_event_add(flt_db *db, int64_t t, int64_t pool, int64_t workload, const char *kind,
                        const char *detail, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(
        db, "INSERT INTO event(t, pool, workload, kind, detail) VALUES ($1, $2, $3, $4, $5)", &s,
        e);
    if (st) return st;
    flt_bind_int(s, 1, t);
    flt_bind_ref(s, 2, pool);
    flt_bind_ref(s, 3, workload);
    flt_bind_text(s, 4, kind);
    flt_bind_text(s, 5, detail);
    st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    return st;
}

/* ---- placements and replicas ------------------------------------------------------------------
 */

sk_status flt_placed_put(flt_db *db, flt_placed *p, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(
        db,
        p->id ? "UPDATE placement SET workload = $1, pool = $2, chips = $3, term_from = $4, "
                "term_to = $5, reason = $6 WHERE id = $7"
              : "INSERT INTO placement(workload, pool, chips, term_from, term_to, reason) VALUES "
                "($1, $2, $3, $4, $5, $6) RETURNING id",
        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, p->workload);
    flt_bind_int(s, 2, p->pool);
    flt_bind_int(s, 3, p->chips);
    flt_bind_int(s, 4, p->span.from);
    flt_bind_int(s, 5, p->span.to);
    flt_bind_text(s, 6, p->reason);
    if (p->id) flt_bind_int(s, 7, p->id);
    return once(s, &p->id, e);
}

/* Room for all rows of a table, in the arena. */
static sk_status room(flt_db *db, sk_arena *a, const char *count, size_t size, void **rows,
                      int64_t *n, sk_err *e)
{
    sk_status st = flt_db_int(db, count, 0, n, e);
    if (st) return st;
    *rows = sk_arena_calloc(a, (size_t)*n, size);
    return *rows ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
}

/* The array has room for all placements there are, which is more than hold at t but needs no second
 * array that grows. */
sk_status flt_placed_at(flt_db *db, sk_arena *a, int64_t t, flt_placed **out, size_t *n, sk_err *e)
{
    flt_stmt *s;
    int64_t most;
    size_t used = 0;
    void *rows;
    bool more;
    sk_status st =
        room(db, a, "SELECT count(*) FROM placement", sizeof(flt_placed), &rows, &most, e);
    if (st) return st;
    flt_placed *p = rows;
    st = flt_db_prepare(db,
                        "SELECT id, workload, pool, chips, term_from, term_to, reason FROM "
                        "placement WHERE term_from <= $1 AND term_to > $2 ORDER BY id",
                        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, t);
    flt_bind_int(s, 2, t);
    while (!(st = flt_stmt_step(s, &more, e)) && more && used < (size_t)most) {
        p[used] = (flt_placed){flt_col_int(s, 0),
                               flt_col_int(s, 1),
                               flt_col_int(s, 2),
                               flt_col_int(s, 3),
                               {flt_col_int(s, 4), flt_col_int(s, 5)},
                               keep(a, flt_col_text(s, 6))};
        if (!p[used++].reason) st = sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
        if (st) break;
    }
    flt_stmt_free(s);
    if (st) return st;
    *out = p;
    *n = used;
    return SK_OK;
}

sk_status flt_replica_put(flt_db *db, flt_replica *r, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(
        db,
        r->id ? "UPDATE replica SET workload = $1, pool = $2, model_version = $3, state = $4, "
                "endpoint = $5 WHERE id = $6"
              : "INSERT INTO replica(workload, pool, model_version, state, endpoint) VALUES ($1, "
                "$2, $3, $4, $5) RETURNING id",
        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, r->workload);
    flt_bind_int(s, 2, r->pool);
    flt_bind_text(s, 3, r->model_version);
    flt_bind_text(s, 4, r->state);
    flt_bind_text(s, 5, r->endpoint);
    if (r->id) flt_bind_int(s, 6, r->id);
    return once(s, &r->id, e);
}

/* Counted first, then read: rows that come between are of the next call. */
sk_status flt_replica_all(flt_db *db, sk_arena *a, flt_replica **out, size_t *n, sk_err *e)
{
    flt_stmt *s;
    int64_t most;
    size_t used = 0;
    void *rows;
    bool more;
    sk_status st =
        room(db, a, "SELECT count(*) FROM replica", sizeof(flt_replica), &rows, &most, e);
    if (st) return st;
    flt_replica *r = rows;
    st = flt_db_prepare(db,
                        "SELECT id, workload, pool, model_version, state, endpoint FROM replica "
                        "ORDER BY id",
                        &s, e);
    if (st) return st;
    while (!(st = flt_stmt_step(s, &more, e)) && more && used < (size_t)most) {
        r[used] = (flt_replica){flt_col_int(s, 0),           flt_col_int(s, 1),
                                flt_col_int(s, 2),           keep(a, flt_col_text(s, 3)),
                                keep(a, flt_col_text(s, 4)), keep(a, flt_col_text(s, 5))};
        if (!r[used].model_version || !r[used].state || !r[used].endpoint)
            st = sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
        used++;
        if (st) break;
    }
    flt_stmt_free(s);
    if (st) return st;
    *out = r;
    *n = used;
    return SK_OK;
}
