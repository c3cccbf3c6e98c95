/* fleet_ledger.c - steps of the ledger's tests. */
#include "tests/unit/fleet_ledger.h"

#include "tests/unit/unit.h"

#include "fleet/ledger/audit.h"
#include "fleet/store/schema.h"
#include "tests/unit/fleet_rows.h"

#include <stdio.h>

sk_status ledger_give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    ledger_text *t = arg;
    (void)e;
    *n = t->n < cap ? t->n : cap;
    memcpy(p, t->p, *n);
    t->p += *n;
    t->n -= *n;
    return SK_OK;
}

flt_db *ledger_new(const fleet_book *f, const char *name)
{
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    assert_status_ok(flt_store_create(unit_path(unit_dir, name), &db, &e), e);
    fleet_rows_put(db, &f->b);
    return db;
}

static void collect(void *arg, const char *sentence)
{
    sk_buf_addf(arg, "%s\n", sentence);
}

sk_status ledger_take(flt_db *db, const flt_book *book, const char *csv, bool strict, sk_buf *told,
                      flt_taken *out, sk_err *e)
{
    ledger_text t = {csv, strlen(csv)};
    sk_csv *c;
    const flt_take_opts o = {.strict = strict,
                             .now = FLEET_T1,
                             .most_told = 3,
                             .tell = told ? collect : NULL,
                             .arg = told};
    sk_status st = sk_csv_open_source("u.csv", ledger_give, &t, &c, e);
    if (st) return st;
    st = flt_usage_take(db, book, c, &o, out, e);
    sk_csv_close(c);
    return st;
}

void ledger_closes(flt_db *db, const flt_book *book, int64_t until, size_t most, flt_closed *out)
{
    sk_err e = SK_ERR_INIT;
    const flt_close_opts o = {.until = until, .most = most};
    assert_status_ok(flt_ledger_close(db, book, &o, out, &e), e);
}

static void say_wrong(void *arg, const char *name, int64_t wrong, const char *first)
{
    (void)arg;
    if (wrong) print_message("%s: %lld, %s\n", name, (long long)wrong, first);
}

void ledger_balanced(flt_db *db)
{
    sk_err e = SK_ERR_INIT;
    size_t wrong;
    assert_status_ok(flt_ledger_audit(db, say_wrong, NULL, &wrong, &e), e);
    assert_int_equal(wrong, 0);
}

int64_t ledger_number(flt_db *db, const char *sql)
{
    sk_err e = SK_ERR_INIT;
    int64_t v;
    assert_status_ok(flt_db_int(db, sql, -1, &v, &e), e);
    return v;
}

void ledger_week(sk_buf *b, int step, int first)
{
    sk_buf_reset(b);
    sk_buf_adds(b, LEDGER_HEAD);
    for (int h = first; h < 7 * 24; h += step)
        for (int k = 0; k < 3; k++)
            sk_buf_addf(
                b, "h%d-%d,%s,%s,%d,2026-02-%02dT%02d:%02d:00Z,2026-02-%02dT%02d:59:59Z,,,%s,,\n",
                h, k, k == 2 ? "azure-eastus" : "aws-us-east", k ? "chat" : "train",
                8 + 8 * (h % 2), 1 + h / 24, h % 24, k, 1 + h / 24, h % 24,
                k == 1 && h % 5 == 0 ? "spot" : "on-demand");
    if (!first)
        sk_buf_adds(b, "long,aws-us-east,train,4,2026-02-02T12:30:00Z,2026-02-05T12:30:00Z,,,,,\n");
}
