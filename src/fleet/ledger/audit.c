/* audit.c - the checks as queries.
 *
 * Each selects a description and one row for what is wrong.  Sums are cast, since PostgreSQL's are
 * decimals.  Only what is closed is looked at; bills (origin 1) are only added up.  What needs
 * terms of contracts is in audit_promise.c.
 */
#include "fleet/ledger/audit.h"

#include "fleet/ledger/audit_promise.h"

#include <stdio.h>

typedef struct check {
    const char *name, *sql;
} check;

static const check checks[] = {
    {"sums of charges are those of the rows",
     "SELECT 'day ' || d.day || ', pool ' || d.pool || ', commitment ' || d.commitment FROM "
     "(SELECT * FROM (SELECT (c.charge_from - (((c.charge_from % 86400) + 86400) % 86400)) AS "
     "day, CASE WHEN c.extra IS NULL THEN 0 ELSE 1 END AS origin, COALESCE(c.provider, 0) AS "
     "provider, COALESCE(c.commitment, 0) AS commitment, COALESCE(c.workload, 0) AS workload, "
     "COALESCE(c.pool, 0) AS pool, c.kind, c.paid, c.category, c.billing, c.currency, COUNT(*) "
     "AS n, CAST(SUM(c.quantity) AS BIGINT) AS quantity, CAST(SUM(c.list_micros) AS BIGINT) AS "
     "list_micros, CAST(SUM(c.contracted_micros) AS BIGINT) AS contracted_micros, "
     "CAST(SUM(c.billed_micros) AS BIGINT) AS billed_micros, CAST(SUM(c.effective_micros) AS "
     "BIGINT) AS effective_micros FROM charge c GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) a "
     "EXCEPT SELECT day, origin, provider, commitment, workload, pool, kind, paid, category, "
     "billing, currency, n, quantity, list_micros, contracted_micros, billed_micros, "
     "effective_micros FROM rollup) d"},
    {"no sums without rows",
     "SELECT 'day ' || d.day || ', pool ' || d.pool || ', commitment ' || d.commitment FROM "
     "(SELECT day, origin, provider, commitment, workload, pool, kind, paid, category, billing, "
     "currency, n, quantity, list_micros, contracted_micros, billed_micros, effective_micros "
     "FROM rollup EXCEPT SELECT * FROM (SELECT (c.charge_from - (((c.charge_from % 86400) + "
     "86400) % 86400)) AS day, CASE WHEN c.extra IS NULL THEN 0 ELSE 1 END AS origin, "
     "COALESCE(c.provider, 0) AS provider, COALESCE(c.commitment, 0) AS commitment, "
     "COALESCE(c.workload, 0) AS workload, COALESCE(c.pool, 0) AS pool, c.kind, c.paid, "
     "c.category, c.billing, c.currency, COUNT(*) AS n, CAST(SUM(c.quantity) AS BIGINT) AS "
     "quantity, CAST(SUM(c.list_micros) AS BIGINT) AS list_micros, CAST(SUM(c.contracted_micros) "
     "AS BIGINT) AS contracted_micros, CAST(SUM(c.billed_micros) AS BIGINT) AS billed_micros, "
     "CAST(SUM(c.effective_micros) AS BIGINT) AS effective_micros FROM charge c GROUP BY 1, 2, "
     "3, 4, 5, 6, 7, 8, 9, 10, 11) a) d"},
    {"sums of drawdown are those of the rows",
     "SELECT 'commitment ' || d.commitment || ', day ' || d.day FROM (SELECT commitment, (t - "
     "(((t % 86400) + 86400) % 86400)) AS day, COUNT(*) AS n, CAST(SUM(amount) AS BIGINT) AS "
     "amount FROM applied GROUP BY 1, 2 EXCEPT SELECT commitment, day, n, amount FROM drawdown) d"},
    {"no drawdown without rows",
     "SELECT 'commitment ' || d.commitment || ', day ' || d.day FROM (SELECT commitment, day, n, "
     "amount FROM drawdown EXCEPT SELECT commitment, (t - (((t % 86400) + 86400) % 86400)) AS "
     "day, COUNT(*) AS n, CAST(SUM(amount) AS BIGINT) AS amount FROM applied GROUP BY 1, 2) d"},
    {"every second of usage is rated once",
     "SELECT 'usage ' || x.id || ': ' || x.want || ' chip-seconds used, ' || x.got || ' rated' "
     "FROM (SELECT u.id, u.chips * ((CASE WHEN u.used_to < s.closed THEN u.used_to ELSE s.closed "
     "END) - u.used_from) AS want, COALESCE(q.quantity, 0) * 36 / 10000 AS got FROM rating_state "
     "s JOIN usage u ON u.used_from < s.closed LEFT JOIN (SELECT c.usage, CAST(SUM(c.quantity) "
     "AS BIGINT) AS quantity FROM charge c WHERE c.kind = 0 AND c.extra IS NULL GROUP BY "
     "c.usage) q ON q.usage = u.id WHERE u.id NOT IN (SELECT usage FROM rating_late)) x WHERE "
     "x.want - x.got NOT BETWEEN -1 AND 1"},
    {"used and unused of a closed commitment are what was bought",
     "SELECT 'commitment ' || m.id || ': ' || x.effective || ' used and unused, ' || x.billed || "
     "' bought' FROM commitment m JOIN (SELECT c.commitment, CAST(SUM(CASE WHEN c.kind IN (0, 1) "
     "THEN c.effective_micros ELSE 0 END) AS BIGINT) AS effective, CAST(SUM(CASE WHEN c.kind = 2 "
     "THEN c.billed_micros ELSE 0 END) AS BIGINT) AS billed FROM charge c WHERE c.extra IS NULL "
     "GROUP BY c.commitment) x ON x.commitment = m.id, rating_state s WHERE m.model = "
     "'continuous' AND m.term_to <= s.closed AND x.effective <> x.billed AND NOT EXISTS (SELECT 1 "
     "FROM rating_balance b WHERE b.t > m.term_from AND NOT EXISTS (SELECT 1 FROM rating_balance "
     "o WHERE o.t = b.t AND o.commitment = m.id))"},
    {"our charges are in the currency of their contract",
     "SELECT 'charge ' || c.id || ' in ' || c.currency FROM charge c JOIN commitment m ON m.id = "
     "c.commitment JOIN contract k ON k.id = m.contract WHERE c.currency <> k.currency AND "
     "c.extra IS NULL"},
    {"what is applied is of a charge of ours",
     "SELECT 'charge ' || a.charge FROM applied a JOIN charge c ON c.id = a.charge WHERE c.extra "
     "IS NOT NULL"},
};

/* Counts one check's rows. */
static sk_status run(flt_db *db, const check *c, int64_t *wrong, char *first, size_t cap, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db, c->sql, &s, e);
    *wrong = 0;
    first[0] = 0;
    if (st) return st;
    for (;;) {
        bool row;
        st = flt_stmt_step(s, &row, e);
        if (st || !row) break;
        if (!(*wrong)++) (void)snprintf(first, cap, "%s", flt_col_text(s, 0));
    }
    flt_stmt_free(s);
    return st;
}

static const char *const promises[FLT_CHECK_PROMISES] = {
    [FLT_CHECK_MET] = "applied and unmet of an ended commitment are what was promised",
    [FLT_CHECK_COST] = "used and unused of each closed interval are what it costs",
    [FLT_CHECK_HOURS] = "chip-hours used and idle of each closed interval are what was bought",
};

/* All checks read one and the same state: they are in one transaction, which writes nothing and is
 * given back at the end.  A check that fails to run is an error; one that finds something is
 * not. */
sk_status flt_ledger_audit(flt_db *db, flt_audit_fn fn, void *arg, size_t *wrong, sk_err *e)
{
    size_t failed = 0;
    flt_found found[FLT_CHECK_PROMISES];
    sk_status st = flt_db_begin_read(db, e);
    for (size_t i = 0; !st && i < sizeof checks / sizeof *checks; i++) {
        int64_t n;
        char first[FLT_FOUND_TEXT];
        st = run(db, &checks[i], &n, first, sizeof first, e);
        if (!st && fn) fn(arg, checks[i].name, n, first);
        failed += !st && n;
    }
    if (!st) st = flt_audit_promises(db, found, e);
    for (int k = 0; !st && k < FLT_CHECK_PROMISES; k++) {
        if (fn) fn(arg, promises[k], found[k].wrong, found[k].first);
        failed += found[k].wrong > 0;
    }
    flt_db_rollback(db);
    if (!st) *wrong = failed;
    return st;
}
