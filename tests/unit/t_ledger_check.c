/* t_ledger_check.c - what the checks of the books find: rows and sums that somebody changed. */
#include "tests/unit/unit.h"

#include "fleet/ledger/audit.h"
#include "tests/unit/fleet_dbs.h"
#include "tests/unit/fleet_ledger.h"
#include "tests/unit/fleet_rows.h"

enum { HOUR = 3600, DAY = 86400 };

/* What is changed behind the ledger's back is found. */
static void tampering(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    flt_taken n;
    flt_closed done;
    size_t wrong;
    flt_db *db = ledger_new(&f, "tamper.db");
    ledger_week(&b, 4, 0);
    assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
    ledger_closes(db, &f.b, 1770552000, 0, &done);
    ledger_balanced(db);
    assert_status_ok(flt_db_exec(db, "UPDATE rollup SET n = n + 1 WHERE kind = 0 AND pool = 3", &e),
                     e);
    assert_status_ok(flt_ledger_audit(db, NULL, NULL, &wrong, &e), e);
    assert_int_equal(wrong, 2);
    assert_status_ok(flt_db_exec(db, "UPDATE drawdown SET amount = amount - 1", &e), e);
    assert_status_ok(flt_ledger_audit(db, NULL, NULL, &wrong, &e), e);
    assert_int_equal(wrong, 4);
    assert_int_not_equal(flt_db_exec(db, "UPDATE charge SET quantity = 0", &e), SK_OK);
    flt_db_close(db);
    sk_buf_fini(&b);
}

/* ---- promises ----------------------------------------------------------------------------------
 */

#define ENDED INT64_C(1770508800) /* 2026-02-08 */

/* The book's two commitments for five weeks, the plan as a half up front; and 8 chips of azure's,
 * chip-hours of which half are used. */
static void promise(fleet_book *f)
{
    fleet_book_init(f);
    f->contract[f->b.n_contract++] =
        (flt_contract){3, 2, "azure-chips", "USD", {FLEET_T0, FLEET_T1}};
    for (size_t i = 0; i < f->b.n_commitment; i++)
        f->commitment[i].term.to = ENDED;
    f->commitment[0].interval = FLT_MONTHLY;
    f->commitment[1].upfront_ppm = 500000;
    f->commitment[f->b.n_commitment++] = (flt_commitment){.id = 3,
                                                          .contract = 3,
                                                          .name = "chips",
                                                          .kind = FLT_USAGE,
                                                          .model = FLT_CONTINUOUS,
                                                          .interval = FLT_DAILY,
                                                          .term = {FLEET_T0, ENDED},
                                                          .amount = 40 * FLT_MICRO,
                                                          .rate_micros = 3333333,
                                                          .overage_ppm = -1,
                                                          .region = "",
                                                          .sku = ""};
}

static void collect_wrong(void *arg, const char *name, int64_t wrong, const char *first)
{
    if (wrong) sk_buf_addf(arg, "%s: %lld, %s\n", name, (long long)wrong, first);
}

/* A row changed by hand, behind the triggers that refuse it, is found and named. */
static void breaks(flt_db *db, const char *sql, const char *name, const char *first)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    size_t wrong;
    assert_status_ok(flt_db_begin(db, &e), e);
    assert_status_ok(flt_db_exec(db, sql, &e), e);
    assert_status_ok(flt_db_commit(db, &e), e);
    assert_status_ok(flt_ledger_audit(db, collect_wrong, &b, &wrong, &e), e);
    assert_true(wrong > 0);
    assert_contains(b.p, name);
    assert_contains(b.p, first);
    sk_buf_fini(&b);
}

static void broken_promises(void **state)
{
    (void)state;
    fleet_book f;
    promise(&f);
    flt_db *db;
    sk_buf b = SK_BUF_INIT;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        sk_err e = SK_ERR_INIT;
        flt_taken n;
        flt_closed done;
        const bool pg = flt_db_is_pg(db);
        fleet_rows_put(db, &f.b);
        ledger_week(&b, 2, 0);
        assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
        ledger_closes(db, &f.b, ENDED - 4 * DAY - 5 * HOUR, 0, &done);
        ledger_balanced(db);
        ledger_week(&b, 2, 1);
        assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
        ledger_closes(db, &f.b, ENDED + DAY, 0, &done);
        assert_true(done.corrections > 0);
        ledger_balanced(db);
        assert_true(ledger_number(db, "SELECT COUNT(*) FROM charge WHERE kind = 3") >= 2);
        assert_true(
            ledger_number(db, "SELECT COUNT(*) FROM charge WHERE kind = 1 AND commitment = 3") > 0);
        assert_status_ok(flt_db_exec(db,
                                     pg ? "DROP TRIGGER charge_keep ON charge; DROP TRIGGER "
                                          "applied_keep ON applied"
                                        : "DROP TRIGGER charge_keep_0; DROP TRIGGER "
                                          "charge_keep_1; DROP TRIGGER applied_keep_0",
                                     &e),
                         e);
        breaks(db,
               "UPDATE charge SET effective_micros = effective_micros - 5 WHERE id = (SELECT "
               "MIN(id) FROM charge WHERE kind = 1 AND commitment = 2 AND charge_from >= "
               "1769904000)",
               "used and unused of each closed interval are what it costs: 1, ",
               "commitment 2 \"plan\", interval from 2026-02-0");
        breaks(db,
               "UPDATE charge SET quantity = quantity + 900 WHERE id = (SELECT MAX(id) FROM charge "
               "WHERE kind = 1 AND commitment = 3)",
               "chip-hours used and idle of each closed interval are what was bought: 1, ",
               "commitment 3 \"chips\", interval from 2026-02-07");
        breaks(db,
               "UPDATE applied SET amount = amount + 1 WHERE charge = (SELECT MAX(charge) FROM "
               "applied)",
               "applied and unmet of an ended commitment are what was promised: 1, ",
               "commitment 1 \"spend\": ");
        breaks(db,
               "DELETE FROM charge WHERE id = (SELECT MIN(id) FROM charge WHERE kind = 1 AND "
               "commitment = 2)",
               "what it costs: 2, ",
               "\"plan\", interval from 2026-01-01: 0 used and unused, 100000000 bought");
        flt_db_close(db);
    }
    sk_buf_fini(&b);
}

/* Commitments that are added when their beginning is closed owe nothing of before. */
static void added_later(void **state)
{
    (void)state;
    fleet_book f;
    promise(&f);
    flt_db *db = ledger_new(&f, "later.db");
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    flt_taken n;
    flt_closed done;
    flt_book few = f.b;
    few.n_commitment = 0;
    ledger_week(&b, 2, 0);
    assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
    few.n_commitment = 1;
    few.commitment = f.commitment + 1;
    ledger_closes(db, &few, ENDED - 2 * DAY, 50, &done);
    ledger_closes(db, &f.b, ENDED, 50, &done);
    ledger_balanced(db);
    flt_db_close(db);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tampering, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(broken_promises, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(added_later, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
