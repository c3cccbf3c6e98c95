/* t_bill.c - bills: our charges as FOCUS files that keep all rules, read back and compared; a
 * provider's files taken in once; price lists. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "fleet/focus/export.h"
#include "fleet/focus/reconcile.h"
#include "fleet/ledger/audit.h"
#include "fleet/ledger/catalog.h"
#include "fleet/ledger/close.h"
#include "fleet/ledger/usage_take.h"
#include "fleet/store/schema.h"
#include "tests/unit/fleet_book.h"
#include "tests/unit/fleet_rows.h"

#include <stdio.h>

typedef struct text {
    const char *p;
    size_t n;
} text;

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    text *t = arg;
    (void)e;
    *n = t->n < cap ? t->n : cap;
    memcpy(p, t->p, *n);
    t->p += *n;
    t->n -= *n;
    return SK_OK;
}

static sk_csv *csv_of(text *t, const char *p)
{
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    *t = (text){p, strlen(p)};
    assert_status_ok(sk_csv_open_source("b.csv", give, t, &c, &e), e);
    return c;
}

static void collect(void *arg, const char *sentence)
{
    sk_buf_addf(arg, "%s\n", sentence);
}

static int64_t number(flt_db *db, const char *sql)
{
    sk_err e = SK_ERR_INIT;
    int64_t v;
    assert_status_ok(flt_db_int(db, sql, -1, &v, &e), e);
    return v;
}

/* Two days of use of three pools, rated up to the end of the quarter: covered, uncovered, spot,
 * unused, unmet. */
static flt_db *rated_fleet(const fleet_book *f)
{
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    flt_taken n;
    flt_closed done;
    sk_buf b = SK_BUF_INIT;
    text t;
    const flt_take_opts o = {.now = FLEET_T1};
    const flt_close_opts until = {.until = FLEET_T0 + INT64_C(100) * 86400};
    assert_status_ok(flt_store_create(unit_path(unit_dir, "f.db"), &db, &e), e);
    fleet_rows_put(db, &f->b);
    sk_buf_adds(&b, "key,pool,workload,chips,from,to,category\n");
    for (int h = 0; h < 48; h++)
        sk_buf_addf(
            &b,
            "a%d,aws-us-east,train,%d,2026-01-%02dT%02d:00:00Z,2026-01-%02dT%02d:45:07Z,%s\n"
            "b%d,azure-eastus,,7,2026-01-%02dT%02d:00:00Z,2026-01-%02dT%02d:59:59Z,\n",
            h, h % 3 ? 32 : 5, 5 + h / 24, h % 24, 5 + h / 24, h % 24, h % 4 == 1 ? "spot" : "", h,
            5 + h / 24, h % 24, 5 + h / 24, h % 24);
    sk_csv *c = csv_of(&t, b.p);
    assert_status_ok(flt_usage_take(db, &f->b, c, &o, &n, &e), e);
    sk_csv_close(c);
    assert_int_equal(n.added, 96);
    assert_status_ok(flt_ledger_close(db, &f->b, &until, &done, &e), e);
    sk_buf_fini(&b);
    return db;
}

/* The first finding of a file, with its row, as text. */
typedef struct first {
    char what[300];
    size_t n;
} first;

static void note(void *arg, flt_focus_rule rule, const flt_focus_column *column)
{
    first *f = arg;
    if (!f->n++)
        (void)snprintf(f->what, sizeof f->what, "%s:%s", flt_focus_rule_name(rule), column->name);
}

/* Fails unless every row of the file keeps all rules of the version; returns how many there are. */
static size_t conforms(const char *path, const flt_focus_set *set, int version)
{
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    flt_focus_map m;
    flt_focus_row *r = calloc(1, sizeof *r);
    sk_buf missing = SK_BUF_INIT;
    size_t rows = 0;
    assert_status_ok(sk_csv_open(path, &c, &e), e);
    assert_ptr_equal(flt_focus_is(c), set);
    flt_focus_map_init(&m, set, c, version, FLT_DATES_RFC);
    if (flt_focus_missing(&m, &missing)) fail_msg("missing: %s", missing.p);
    for (const sk_csv_field *f;; rows++) {
        first found = {.n = 0};
        assert_status_ok(sk_csv_next(c, &f, &e), e);
        if (!f) break;
        assert_status_ok(flt_focus_read(&m, c, f, r, &e), e);
        if (flt_focus_check(&m, r, note, &found))
            fail_msg("version %d, row %zu: %s: %.*s", version, rows, found.what,
                     (int)sk_csv_raw(c).n, sk_csv_raw(c).p);
    }
    sk_csv_close(c);
    free(r);
    return rows;
}

static void export_to(flt_db *db, const flt_book *book, const char *path, int version, size_t want)
{
    sk_err e = SK_ERR_INIT;
    sk_outfile *out;
    flt_export x = {.version = version, .billing = {SK_UTC_MIN, SK_UTC_END}};
    assert_status_ok(sk_outfile_open(path, &out, &e), e);
    assert_status_ok(flt_focus_export(db, book, &x, out, &e), e);
    assert_status_ok(sk_outfile_commit(out, &e), e);
    assert_int_equal(x.rows, want);
}

/* What is exported keeps the rules, in each version. */
static void exports(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db = rated_fleet(&f);
    sk_buf b = SK_BUF_INIT;
    size_t all = (size_t)number(db, "SELECT COUNT(*) FROM charge");
    assert_true(number(db, "SELECT COUNT(DISTINCT kind) FROM charge") >= 4);
    for (int version = 12; version <= 14; version++) {
        const char *path = unit_path(unit_dir, "out.csv");
        export_to(db, &f.b, path, version, all);
        assert_int_equal(conforms(path, &flt_focus_cost_set, version), all);
        if (version == 12) continue;
        path = unit_path(unit_dir, "promise.csv");
        sk_buf_reset(&b);
        flt_focus_commitments(&f.b, (sk_span){SK_UTC_MIN, SK_UTC_END}, version, FLEET_T0, &b);
        unit_write(path, b.p, b.len);
        assert_int_equal(conforms(path, &flt_focus_promise_set, version), 2);
    }
    sk_buf_fini(&b);
    flt_db_close(db);
}

/* Our own export as a bill: no difference; with one sum changed, that one. */
static void reconciles(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db = rated_fleet(&f);
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    char path[600];
    flt_reconciled r;
    sk_csv *c;
    text t;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    const flt_bill_opts o = {.take = {.now = FLEET_T1}, .provider = "", .currency = ""};
    (void)snprintf(path, sizeof path, "%s", unit_path(unit_dir, "own.csv"));
    for (int version = 14; version >= 12; version--) { /* told by the columns */
        export_to(db, &f.b, path, version, (size_t)number(db, "SELECT COUNT(*) FROM charge"));
        assert_status_ok(sk_csv_open(path, &c, &e), e);
        assert_status_ok(flt_bill_reconcile(db, &f.b, c, &o, a, &r, &e), e);
        sk_csv_close(c);
        assert_int_equal(r.n, 0);
        assert_true(r.same >= 4);
    }
    /* A further row on the bill, of a pool we know. */
    assert_true(unit_read(path, &b));
    size_t head = (size_t)(strchr(b.p, '\n') - b.p) + 1;
    sk_buf more = SK_BUF_INIT;
    flt_focus_head(12, &more);
    assert_int_equal(more.len, head);
    const flt_charge extra = {.kind = FLT_CHARGE_USAGE,
                              .paid = FLT_PAID_LIST,
                              .span = {FLEET_T0, FLEET_T0 + 3600},
                              .billing = FLEET_T0,
                              .provider = 2,
                              .pool = 3,
                              .quantity = 2 * FLT_MICRO,
                              .list_micros = 24580000,
                              .contracted_micros = 24580000,
                              .billed_micros = 24580000,
                              .effective_micros = 24580000,
                              .currency = "USD"};
    flt_focus_row_of(&f.b, &extra, 12, &b);
    c = csv_of(&t, b.p);
    assert_status_ok(flt_bill_reconcile(db, &f.b, c, &o, a, &r, &e), e);
    sk_csv_close(c);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.line[0].pool, 3);
    assert_int_equal(r.line[0].kind, FLT_CHARGE_USAGE);
    assert_int_equal(r.line[0].bill_micros - r.line[0].our_micros, 24580000);
    assert_int_equal(r.line[0].bill_quantity - r.line[0].our_quantity, 2 * FLT_MICRO);
    sk_buf_fini(&more);
    sk_buf_fini(&b);
    sk_arena_free(a);
    flt_db_close(db);
}

static sk_status take_bill(flt_db *db, const flt_book *book, const char *csv,
                           const flt_bill_opts *o, flt_taken *n, flt_bill_findings *found,
                           sk_err *e)
{
    text t;
    sk_csv *c = csv_of(&t, csv);
    sk_status st = flt_bill_take(db, book, c, o, n, found, e);
    sk_csv_close(c);
    return st;
}

#define BILL                                                                                       \
    "BilledCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,"               \
    "ChargePeriodStart,ChargePeriodEnd,ProviderName,Tags\n"
#define JAN "2026-01-01T00:00:00Z,2026-02-01T00:00:00Z"

/* A file is taken once; what it says besides is kept; its sums are not mixed with ours. */
static void bills(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    flt_taken n = {0};
    flt_bill_findings *found = calloc(1, sizeof *found);
    sk_buf told = SK_BUF_INIT;
    flt_bill_opts o = {.take = {.now = FLEET_T1, .most_told = 10, .tell = collect, .arg = &told},
                       .partial = true,
                       .provider = "",
                       .currency = ""};
    assert_status_ok(flt_store_create(unit_path(unit_dir, "bills.db"), &db, &e), e);
    fleet_rows_put(db, &f.b);
    static const char good[] =
        BILL "10.5,USD," JAN ",Usage," JAN ",Amazon Web Services,\"{\"\"team\"\":\"\"ops\"\"}\"\n"
             "1,USD," JAN ",Tax," JAN ",azure,\n";
    assert_status_ok(take_bill(db, &f.b, good, &o, &n, found, &e), e);
    assert_int_equal(n.added, 2);
    assert_int_equal(number(db, "SELECT COUNT(*) FROM charge WHERE provider = 2 AND kind = 5"), 1);
    assert_int_equal(number(db, "SELECT COUNT(*) FROM charge WHERE extra LIKE '%team%ops%'"), 1);
    assert_int_equal(number(db, "SELECT billed_micros FROM rollup WHERE origin = 1 AND "
                                "provider = 1"),
                     10500000);
    assert_status_ok(take_bill(db, &f.b, good, &o, &n, found, &e), e);
    assert_int_equal(n.added, 0);
    assert_int_equal(n.twice, 2);
    assert_int_equal(number(db, "SELECT COUNT(*) FROM charge"), 2);
    static const char bad[] =
        BILL "1,EUR," JAN ",Usage," JAN ",aws,\n"
             "1,USD," JAN ",Usage," JAN ",Oracle,\n"
             "1,USD," JAN ",Refund," JAN ",aws,\n"
             "1,USD,2026-01-01,2026-02-01T00:00:00Z,Usage," JAN ",aws,\n"
             "1,USD," JAN ",Usage,2026-02-01T00:00:00Z,2026-01-01T00:00:00Z,aws,\n"
             ",USD," JAN ",Usage," JAN ",aws,\n"
             "2,USD," JAN ",Usage," JAN ",aws,\n";
    assert_status_ok(take_bill(db, &f.b, bad, &o, &n, found, &e), e);
    assert_int_equal(n.added, 1);
    assert_int_equal(n.broken, 6);
    assert_string_equal(
        told.p,
        "b.csv:2: BillingCurrency: EUR, where this provider's contracts and prices are in USD\n"
        "b.csv:3: ProviderName: \"Oracle\" is no provider of this fleet; --provider says whose "
        "bill "
        "it is\n"
        "b.csv:4: ChargeCategory: one of Usage, Purchase, Tax, Credit, Adjustment\n"
        "b.csv:5: BillingPeriodStart: '2026-01-01' has no offset from UTC: --assume-utc says that "
        "it is UTC\n"
        "b.csv:6: ChargePeriodEnd: is not after ChargePeriodStart\n"
        "b.csv:7: BilledCost: is empty\n");
    o.take.strict = true;
    assert_status(take_bill(db, &f.b, bad, &o, &n, found, &e), SK_E_FORMAT, e, "nothing was taken");
    o.take.strict = false;
    o.partial = false;
    assert_status(take_bill(db, &f.b, good, &o, &n, found, &e), SK_E_FORMAT, e,
                  "columns that a whole file has");
    size_t wrong;
    assert_status_ok(flt_ledger_audit(db, NULL, NULL, &wrong, &e), e);
    assert_int_equal(wrong, 0);
    sk_buf_fini(&told);
    free(found);
    flt_db_close(db);
}

/* The specification's spend agreements, in whole: each bills 1200. */
static void published(void **state)
{
    (void)state;
    static const char *const files[] = {"a1", "a2", "b1", "b2"};
    static const int rows[] = {4, 13, 5, 14};
    fleet_book f;
    fleet_book_init(&f);
    f.provider[f.b.n_provider++] = (flt_provider){3, "Acme Co", "other"};
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    flt_bill_findings *found = calloc(1, sizeof *found);
    const flt_bill_opts o = {
        .take = {.now = FLEET_T1}, .dates = FLT_DATES_US, .provider = "", .currency = ""};
    for (size_t i = 0; i < 4; i++) {
        char path[200], db_name[20];
        flt_taken n = {0};
        sk_csv *c;
        (void)snprintf(path, sizeof path, "tests/golden/focus/saas_spend_agreements_%s.csv",
                       files[i]);
        (void)snprintf(db_name, sizeof db_name, "%s.db", files[i]);
        assert_status_ok(flt_store_create(unit_path(unit_dir, db_name), &db, &e), e);
        fleet_rows_put(db, &f.b);
        assert_status_ok(sk_csv_open(path, &c, &e), e);
        assert_status_ok(flt_bill_take(db, &f.b, c, &o, &n, found, &e), e);
        sk_csv_close(c);
        assert_int_equal(n.added, rows[i]);
        assert_int_equal(n.broken, 0);
        assert_int_equal(number(db, "SELECT CAST(SUM(billed_micros) AS BIGINT) FROM charge"),
                         1200 * FLT_MICRO);
        assert_int_equal(number(db, "SELECT CAST(SUM(effective_micros) AS BIGINT) FROM charge"),
                         1200 * FLT_MICRO);
        int64_t fees = number(db, "SELECT CAST(SUM(effective_micros) AS BIGINT) FROM charge WHERE "
                                  "kind = 3");
        assert_int_equal(fees, (i % 2 ? 12 + 8 * 60 + 480 : 972) * FLT_MICRO);
        flt_db_close(db);
    }
    free(found);
}

static void catalogues(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    flt_taken n = {0};
    sk_buf told = SK_BUF_INIT;
    text t;
    flt_catalog_opts o = {.take = {.now = FLEET_T1, .most_told = 10, .tell = collect, .arg = &told},
                          .provider = "azure",
                          .source = "test",
                          .currency = "",
                          .valid_from = FLEET_T0};
    static const char list[] =
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region\n"
        "Standard_ND96isr_H100_v5,H100,12,96,1900,98.32,98.32,eastus\n"
        "Standard_ND96isr_H100_v5,H100,8.0,96,1900,98.32,,eastus2\n"
        "Standard_NC40ads_H100_v5,H100,1,40,320,6.98,2.5,eastus2\n"
        "Standard_X,H100,8,96,1900,-1,,eastus\n"
        "Standard_Y,B900,8,96,1900,5,,eastus\n"
        "Standard_D2,,,2,8,0.1,0.02,eastus\n";
    assert_status_ok(flt_store_create(unit_path(unit_dir, "cat.db"), &db, &e), e);
    fleet_rows_put(db, &f.b);
    sk_csv *c = csv_of(&t, list);
    assert_true(flt_catalog_is(c));
    assert_status_ok(flt_catalog_take(db, &f.b, c, &o, &n, &e), e);
    sk_csv_close(c);
    assert_int_equal(n.rows, 6);
    assert_int_equal(n.added, 3);
    assert_int_equal(n.broken, 3);
    assert_contains(told.p, "b.csv:2: AcceleratorCount: ");
    assert_contains(told.p, "b.csv:5: Price: -1 is a negative price\n");
    assert_contains(told.p, "b.csv:6: AcceleratorName: \"b900\" is no chip of this fleet\n");
    assert_int_equal(number(db, "SELECT price_micros FROM offer WHERE region = 'eastus2' AND "
                                "chips_per_unit = 8"),
                     12290000);
    o.provider = "nobody";
    c = csv_of(&t, list);
    assert_status(flt_catalog_take(db, &f.b, c, &o, &n, &e), SK_E_USAGE, e,
                  "--provider says whose");
    sk_csv_close(c);
    sk_buf_fini(&told);
    flt_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exports, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(reconciles, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(bills, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(published, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(catalogues, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
