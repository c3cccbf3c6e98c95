/* settled.c - what can't be changed any more. */
#include "fleet/store/settled.h"

#include "base/utc.h"
#include "fleet/book/promise.h"

#include <string.h>

/* Whether the ledger has rows that hang on row $1. */
static const char used_pool[] = "SELECT 1 FROM usage WHERE pool = $1 LIMIT 1";
static const char used_contract[] =
    "SELECT 1 FROM charge JOIN commitment ON charge.commitment = commitment.id "
    "WHERE commitment.contract = $1 LIMIT 1";
static const char used_commitment[] = "SELECT 1 FROM charge WHERE commitment = $1 LIMIT 1";

static const char *const used_sql[FLT_ROW_N] = {
    [FLT_ROW_POOL] = used_pool,
    [FLT_ROW_CONTRACT] = used_contract,
    [FLT_ROW_COMMITMENT] = used_commitment,
};

static sk_status is_used(flt_db *db, flt_row_kind kind, int64_t id, bool *used, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db, used_sql[kind], &s, e);
    if (st) return st;
    flt_bind_int(s, 1, id);
    st = flt_stmt_step(s, used, e);
    flt_stmt_free(s);
    return st;
}

sk_status flt_settled_until(flt_db *db, int64_t *out, sk_err *e)
{
    return flt_db_int(db, "SELECT closed FROM rating_state", SK_UTC_MIN, out, e);
}

/* The row as it was, with that of the new one which may change. */
static void allow(flt_row_kind kind, const void *now, void *was)
{
    if (kind == FLT_ROW_POOL) {
        flt_pool *p = was;
        int64_t provider = p->provider, chip = p->chip;
        *p = *(const flt_pool *)now;
        p->provider = provider;
        p->chip = chip;
    } else if (kind == FLT_ROW_CONTRACT) {
        flt_contract *k = was;
        k->name = ((const flt_contract *)now)->name;
        k->term.to = ((const flt_contract *)now)->term.to;
    } else {
        flt_commitment *c = was;
        c->name = ((const flt_commitment *)now)->name;
        flt_promise_end(c, ((const flt_commitment *)now)->term.to);
    }
}

/* An end in time that is rated already stays: what was owed, unused or short by then stands in the
 * ledger, and a later end would open the interval that was cut a second time. */
static sk_status check_end(flt_db *db, const flt_commitment *was, const flt_commitment *now,
                           sk_err *e)
{
    char day[SK_UTC_TEXT];
    int64_t closed, first = was->term.to < now->term.to ? was->term.to : now->term.to;
    bool used = false;
    if (was->term.to == now->term.to) return SK_OK;
    sk_status st = flt_settled_until(db, &closed, e);
    if (!st && first < closed) st = is_used(db, FLT_ROW_COMMITMENT, was->id, &used, e);
    if (st || !used) return st;
    sk_utc_print_short(closed, day);
    return sk_fail(e, SK_E_INUSE,
                   "commitment \"%.100s\": all until %s is rated already, so its end can't move "
                   "from or to before that; %s",
                   was->name, day,
                   first == was->term.to ? "add another that goes on from there"
                                         : "end it then, or later");
}

/* allow() puts into a copy of the stored row what may change at any time; whatever differs then is
 * settled as soon as the ledger speaks of the row. */
sk_status flt_settled_check(flt_db *db, flt_row_kind kind, const flt_book *stored, const void *now,
                            sk_err *e)
{
    union {
        flt_pool pool;
        flt_contract contract;
        flt_commitment commitment;
    } was;
    const void *row = flt_row_by_id(stored, kind, flt_row_id(now));
    const flt_field *which = NULL;
    bool used = false;
    if (!used_sql[kind] || !row) return SK_OK;
    if (kind == FLT_ROW_COMMITMENT) {
        sk_status ends = check_end(db, row, now, e);
        if (ends) return ends;
    }
    memcpy(&was, row, flt_rows_of(kind)->size);
    allow(kind, now, &was);
    if (flt_row_same(kind, &was, now, &which)) return SK_OK;
    sk_status st = is_used(db, kind, flt_row_id(now), &used, e);
    if (st || !used) return st;
    sk_buf name = SK_BUF_INIT;
    flt_row_name(stored, kind, row, &name);
    st = sk_fail(e, SK_E_INUSE,
                 "%s \"%.100s\" is in the ledger already, so its %s stays; end it, and add another",
                 flt_rows_of(kind)->name, name.p ? name.p : "", which->name);
    sk_buf_fini(&name);
    return st;
}
