/* t_focus.c - FOCUS: the table of columns, times and numbers, each rule broken once, and what is
 * found in the specification's own examples (tests/golden/focus). */
#include "tests/unit/unit.h"

#include "fleet/focus/rule.h"

#include <dirent.h>
#include <stdio.h>

/* A text as the source of a reader. */
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

/* Findings as counts by rule and column. */
typedef struct tally {
    const flt_focus_set *set;
    unsigned count[FLT_FR_N][FLT_FOCUS_MAX];
} tally;

static void note(void *arg, flt_focus_rule rule, const flt_focus_column *column)
{
    tally *t = arg;
    t->count[rule][column - t->set->column]++;
}

/* Appends " rule:Column" and how often, where it is not once. */
static void print_tally(const tally *t, const char *before, sk_buf *out)
{
    for (int r = 0; r < FLT_FR_N; r++)
        for (int c = 0; c < t->set->n; c++) {
            if (!t->count[r][c]) continue;
            sk_buf_addf(out, "%s%s:%s", before, flt_focus_rule_name((flt_focus_rule)r),
                        t->set->column[c].name);
            if (t->count[r][c] > 1) sk_buf_addf(out, " x%u", t->count[r][c]);
        }
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static void table(void **state)
{
    (void)state;
    const flt_focus_column *c = flt_focus_cost_set.column;
    int in[3] = {0};
    for (int i = 0; i < flt_focus_cost_set.n; i++)
        for (int v = 12; v <= 14; v++)
            in[v - 12] += flt_focus_in(&c[i], v);
    assert_int_equal(in[0], 57); /* as 1.2 lists them */
    assert_int_equal(in[1], 65);
    assert_int_equal(in[2], 65); /* two new, two gone */
    for (int i = 1; i < flt_focus_cost_set.n; i++)
        assert_true(strcmp(c[i - 1].name, c[i].name) < 0);
    assert_string_equal(c[FLT_FC_BilledCost].name, "BilledCost");
    assert_int_equal(flt_focus_promise_set.n, 30); /* 13 of 1.3 and 17 of 1.4 */
    assert_int_equal(flt_focus_version("1.3"), 13);
    assert_int_equal(flt_focus_version("2"), 0);
    const char *words = c[FLT_FC_ChargeCategory].words;
    assert_true(flt_focus_word(words, (sk_csv_field){"Tax", 3}));
    assert_true(flt_focus_word(words, (sk_csv_field){"Adjustment", 10}));
    assert_false(flt_focus_word(words, (sk_csv_field){"Ta", 2}));
    assert_false(flt_focus_word(words, (sk_csv_field){"", 0}));
}

/* ---- times -------------------------------------------------------------------------------------
 */

static int64_t date(const char *s, flt_dates dates, bool want_loose)
{
    sk_err e = SK_ERR_INIT;
    bool loose = false;
    int64_t t = 0;
    sk_status st = flt_date_parse((sk_csv_field){s, strlen(s)}, dates, &t, &loose, &e);
    assert_status_ok(st, e);
    assert_int_equal(loose, want_loose);
    return t;
}

static void no_date(const char *s, flt_dates dates, const char *why)
{
    sk_err e = SK_ERR_INIT;
    bool loose;
    int64_t t;
    assert_status(flt_date_parse((sk_csv_field){s, strlen(s)}, dates, &t, &loose, &e), SK_E_INVALID,
                  e, why);
}

static void times(void **state)
{
    (void)state;
    const int64_t apr = 1743465600; /* 2025-04-01 */
    assert_int_equal(date("2025-04-01T00:00:00Z", FLT_DATES_RFC, false), apr);
    assert_int_equal(date("2025-04-01T02:00:00+02:00", FLT_DATES_RFC, true), apr);
    assert_int_equal(date("2025-04-01 00:00:00Z", FLT_DATES_RFC, true), apr);
    assert_int_equal(date("4/1/25", FLT_DATES_US, true), apr);
    assert_int_equal(date("04/01/2025", FLT_DATES_US, true), apr);
    assert_int_equal(date("2025-04-01T00:00:00Z", FLT_DATES_US, false), apr);
    assert_int_equal(date("2025-04-01", FLT_DATES_ASSUME_UTC, true), apr);
    assert_int_equal(date("2025-04-01T00:00:00", FLT_DATES_ASSUME_UTC, true), apr);
    no_date("4/1/25", FLT_DATES_RFC, "--dates us");
    no_date("4/1/25", FLT_DATES_ASSUME_UTC, "--dates us");
    no_date("13/1/25", FLT_DATES_US, "13/1/25");
    no_date("4/1/225", FLT_DATES_US, "4/1/225");
    no_date("2025-04-01T00:00:00", FLT_DATES_RFC, "no offset from UTC: --assume-utc");
    no_date("2025-04-01", FLT_DATES_RFC, "--assume-utc");
    no_date("2023-02-01T30:00:00Z", FLT_DATES_US, "T30");
    /* A leap second is the second after it; the hour that an autumn night has twice is told apart
     * by its offset. */
    assert_int_equal(date("2016-12-31T23:59:60Z", FLT_DATES_RFC, false), 1483228800);
    no_date("2016-12-31T12:59:60Z", FLT_DATES_RFC, "60");
    int64_t first = date("2025-10-26T02:30:00+02:00", FLT_DATES_RFC, true),
            again = date("2025-10-26T02:30:00+01:00", FLT_DATES_RFC, true);
    assert_int_equal(again - first, 3600);
}

/* ---- rules -------------------------------------------------------------------------------------
 */

/* What is found in one row of a file with the header. */
static void finds(const char *head, const char *row, const char *want)
{
    sk_buf in = SK_BUF_INIT, out = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    flt_focus_map m;
    flt_focus_row *r = calloc(1, sizeof *r);
    tally *t = calloc(1, sizeof *t);
    const sk_csv_field *f;
    sk_buf_addf(&in, "%s\n%s\n", head, row);
    text src = {in.p, in.len};
    assert_status_ok(sk_csv_open_source("t", give, &src, &c, &e), e);
    bool promise = strstr(head, "ContractCommitmentId") != NULL;
    t->set = promise ? &flt_focus_promise_set : &flt_focus_cost_set;
    flt_focus_map_init(&m, t->set, c, promise ? 14 : 12, FLT_DATES_RFC);
    assert_status_ok(sk_csv_next(c, &f, &e), e);
    sk_status st = flt_focus_read(&m, c, f, r, &e);
    if (st) {
        sk_buf_adds(&out, e.text);
    } else {
        (void)flt_focus_check(&m, r, note, t);
        print_tally(t, out.len ? " " : "", &out);
    }
    assert_string_equal(out.len ? out.p : "", want);
    sk_csv_close(c);
    sk_buf_fini(&in);
    sk_buf_fini(&out);
    free(t);
    free(r);
}

static void broken_rules(void **state)
{
    (void)state;
    finds("BilledCost,BillingCurrency", "1.5,USD", "");
    finds("BilledCost,BillingCurrency", "-35.2E-7,EUR", "");
    finds("BilledCost,BillingCurrency", ",usd",
          "null-not-allowed:BilledCostcurrency-code:"
          "BillingCurrency");
    finds("BilledCost", "\"$1,200.00 \"", "number-format:BilledCost");
    finds("BilledCost", "+3", "number-format:BilledCost");
    finds("BilledCost", "1 1/2", "t:2: BilledCost: \"1 1/2\" is no number");
    finds("ChargeCategory", "Refund", "charge-category:ChargeCategory");
    finds("ListUnitPrice", "-1", "negative-price:ListUnitPrice");
    finds("Tags", "a=b", "json-object:Tags");
    finds("Tags", "\"{\"\"a\"\": true}\"", "");
    finds("ChargePeriodStart,ChargePeriodEnd", "2025-04-01T00:00:00Z,2025-04-01T00:00:00Z",
          "empty-period:ChargePeriodEnd");
    finds("ChargeCategory,ChargeFrequency", "Purchase,Usage-Based",
          "purchase-frequency:ChargeFrequency");
    finds("ChargeCategory,PricingQuantity,PricingUnit", "Tax,1,Hours",
          "tax-has-price:PricingQuantity");
    finds("ChargeCategory,PricingQuantity,PricingUnit", "Usage,,", "unpriced:PricingQuantity");
    finds("ChargeCategory,ChargeClass,PricingQuantity,PricingUnit", "Usage,Correction,,", "");
    finds("ChargeCategory,PricingQuantity,PricingUnit", "Usage,1,",
          "unit-with-quantity:PricingUnit");
    finds("ChargeCategory,ConsumedQuantity,ConsumedUnit", "Purchase,1,h",
          "consumed-quantity:ConsumedQuantity");
    finds("ChargeCategory,ConsumedQuantity,ConsumedUnit", "Usage,,",
          "consumed-quantity:ConsumedQuantity");
    finds("PricingQuantity,PricingUnit,ListUnitPrice,ListCost", "0.333,h,3.00,3.00",
          "price-times-quantity:ListCost");
    finds("PricingQuantity,PricingUnit,ListUnitPrice,ListCost", "0.333333,h,3.00,1.00", "");
    finds("ChargeCategory,BilledCost,ListCost,EffectiveCost", "Credit,-5,-5,-4",
          "credit-cost:EffectiveCost");
    finds("ChargeCategory,CommitmentDiscountId,CommitmentDiscountStatus,PricingCategory",
          "Usage,x,,Standard",
          "commitment-status:CommitmentDiscountStatuspricing-category:PricingCategory");
    finds("ChargeCategory,CommitmentDiscountId,CommitmentDiscountQuantity,CommitmentDiscountUnit",
          "Usage,x,,", "commitment-discount:CommitmentDiscountQuantity");
    finds("CommitmentDiscountId,CommitmentDiscountCategory", ",Spend",
          "commitment-discount:CommitmentDiscountCategory");
    finds("ChargeCategory,CommitmentDiscountId,EffectiveCost,BilledCost", "Purchase,x,5,5",
          "purchase-effective-cost:EffectiveCost");
    finds("ChargeCategory,CapacityReservationId,CapacityReservationStatus", "Usage,cr,",
          "capacity-reservation:CapacityReservationStatus");
    finds("ResourceId,ResourceType,ResourceName", ",,vm", "resource:ResourceName");
    finds("RegionId,RegionName", "us-east-1,", "region-name:RegionName");
    finds("BilledCost,ContractApplied", "1,{}", "not-in-version:ContractApplied");
}

static void promises(void **state)
{
    (void)state;
    finds("ContractCommitmentId,ContractCommitmentCategory,ContractCommitmentCost", "c,Spend,",
          "commitment-amount:ContractCommitmentCost");
    finds("ContractCommitmentId,ContractCommitmentQuantity,ContractCommitmentUnit", "c,5,",
          "unit-with-quantity:ContractCommitmentUnit");
    finds("ContractCommitmentId,ContractCommitmentPaymentModel,"
          "ContractCommitmentPaymentUpfrontPercentage",
          "c,Partial Upfront,1.0", "payment:ContractCommitmentPaymentUpfrontPercentage");
    finds("ContractCommitmentId,ContractCommitmentPaymentModel,ContractCommitmentPaymentInterval",
          "c,All Upfront,Monthly", "payment:ContractCommitmentPaymentInterval");
    finds("ContractCommitmentId,ContractCommitmentModel,ContractCommitmentFulfillmentInterval",
          "c,Continuous,Full Period", "interval:ContractCommitmentModel");
    finds("ContractCommitmentId,ContractCommitmentBenefitCategory,"
          "ContractCommitmentDiscountPercentage",
          "c,Discount,1.5", "commitment-amount:ContractCommitmentDiscountPercentage");
    finds("ContractCommitmentId,ContractCommitmentLifecycleStatus", "c,Done",
          "word-not-allowed:ContractCommitmentLifecycleStatus");
}

/* ---- the examples ------------------------------------------------------------------------------
 */

/* Appends what one file holds and what is wrong with it. */
static void examine(const char *name, sk_buf *out)
{
    char path[512];
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    flt_focus_map m;
    flt_focus_row *r = calloc(1, sizeof *r);
    tally *t = calloc(1, sizeof *t);
    unsigned rows = 0, bad = 0;
    int64_t billed = 0, effective = 0;
    sk_buf missing = SK_BUF_INIT, wrong = SK_BUF_INIT;
    (void)snprintf(path, sizeof path, "tests/golden/focus/%s", name);
    assert_status_ok(sk_csv_open(path, &c, &e), e);
    t->set = flt_focus_is(c);
    assert_ptr_equal(t->set, &flt_focus_cost_set);
    flt_focus_map_init(&m, t->set, c, 0, FLT_DATES_US);
    assert_int_equal(m.version, 12);
    for (;;) {
        const sk_csv_field *f;
        assert_status_ok(sk_csv_next(c, &f, &e), e);
        if (!f) break;
        if (flt_focus_read(&m, c, f, r, &e)) {
            sk_buf_addf(&wrong, "  refused: %s\n", strstr(e.text, ".csv:") + 4);
            bad++;
            continue;
        }
        rows++;
        billed += r->value[FLT_FC_BilledCost].v;
        effective += r->value[FLT_FC_EffectiveCost].v;
        (void)flt_focus_check(&m, r, note, t);
    }
    size_t lacks = flt_focus_missing(&m, &missing);
    sk_buf_addf(out, "%s: %u rows, %u refused, %zu other columns, billed %.6g, effective %.6g\n",
                name, rows, bad, m.extra, (double)billed / 1e6, (double)effective / 1e6);
    if (lacks) sk_buf_addf(out, "  lacks %zu: %s\n", lacks, missing.p);
    if (wrong.len) sk_buf_add(out, wrong.p, wrong.len);
    print_tally(t, "\n  ", &wrong);
    sk_buf_reset(&wrong);
    print_tally(t, "\n  ", &wrong);
    if (wrong.len) sk_buf_addf(out, "%s\n", wrong.p + 1);
    sk_csv_close(c);
    sk_buf_fini(&missing);
    sk_buf_fini(&wrong);
    free(t);
    free(r);
}

static int is_csv(const struct dirent *d)
{
    return strstr(d->d_name, ".csv") != NULL;
}

/* The files in the order of their names, against expected.txt. */
static void examples(void **state)
{
    (void)state;
    struct dirent **list;
    sk_buf got = SK_BUF_INIT, want = SK_BUF_INIT;
    int n = scandir("tests/golden/focus", &list, is_csv, alphasort);
    assert_int_equal(n, 26);
    for (int i = 0; i < n; i++) {
        examine(list[i]->d_name, &got);
        free(list[i]);
    }
    free(list);
    assert_true(unit_read("tests/golden/focus/expected.txt", &want));
    if (strcmp(got.p, want.p) != 0 && getenv("FOCUS_EXPECTED"))
        unit_write(getenv("FOCUS_EXPECTED"), got.p, got.len);
    assert_string_equal(got.p, want.p);
    sk_buf_fini(&got);
    sk_buf_fini(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),    cmocka_unit_test(times),    cmocka_unit_test(broken_rules),
        cmocka_unit_test(promises), cmocka_unit_test(examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
