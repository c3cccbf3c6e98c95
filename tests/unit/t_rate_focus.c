/* t_rate_focus.c - rating, line by line against the examples of the FOCUS specification.
 *
 * Each test describes the contract and the usage that an example tells of, rates them, and looks
 * for every row of the CSV file (tests/fleet/focus) among the charges: costs, quantities and times
 * must be those, and there must be no others.  Purchase scenarios 2 and 3 (times like T30:00) and
 * the flexibility examples (0.333 + 0.75 hours of one hour) don't add up and are left out.
 */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>

enum { MAX_COLUMNS = 64 };

/* ---- the CSV files: no quotes, no commas within fields ---- */

typedef struct table {
    sk_buf text;
    char *head[MAX_COLUMNS], *field[MAX_COLUMNS];
    char *rest;
} table;

static void split(char *line, char **out)
{
    memset(out, 0, MAX_COLUMNS * sizeof *out);
    for (int i = 0; line && i < MAX_COLUMNS; i++)
        out[i] = strsep(&line, ",");
}

static char *next_line(table *t)
{
    char *line = strsep(&t->rest, "\n");
    if (line) line[strcspn(line, "\r")] = 0;
    return line;
}

static void open_table(table *t, const char *name)
{
    *t = (table){0};
    assert_true(unit_read(unit_path("tests/fleet/focus", name), &t->text));
    t->rest = t->text.p;
    split(next_line(t), t->head);
}

static bool next_row(table *t)
{
    char *line = next_line(t);
    if (!line || !*line) return false;
    split(line, t->field);
    return true;
}

/* A field by its column's name; "" where there is none or it is null. */
static const char *field(const table *t, const char *column)
{
    for (int i = 0; i < MAX_COLUMNS && t->head[i]; i++)
        if (!strcmp(t->head[i], column))
            return !t->field[i] || !strcmp(t->field[i], "null") ? "" : t->field[i];
    return "";
}

/* Amounts, -1 where the field is empty. */
static int64_t amount(const table *t, const char *column)
{
    const char *s = field(t, column);
    int64_t v = -1;
    if (*s) assert_int_equal(flt_money_parse(s, strlen(s), &v, NULL, NULL), SK_OK);
    return v;
}

/* "4/1/25" or RFC 3339. */
static int64_t time_of(const table *t, const char *column)
{
    const char *s = field(t, column);
    int month, day, year;
    if (sscanf(s, "%d/%d/%d", &month, &day, &year) != 3) return rate_time(s);
    return sk_utc_time(&(sk_civil){.year = 2000 + year, .month = month, .day = day});
}

static flt_charge_kind kind_of(const table *t)
{
    if (!strcmp(field(t, "ChargeCategory"), "Purchase")) return FLT_CHARGE_PURCHASE;
    if (!strcmp(field(t, "CommitmentDiscountStatus"), "Unused")) return FLT_CHARGE_UNUSED;
    if (strstr(field(t, "ChargeDescription"), "unused fee")) return FLT_CHARGE_SHORTFALL;
    return FLT_CHARGE_USAGE;
}

static bool same_amount(int64_t want, int64_t got)
{
    return want < 0 || want == got;
}

/* Whether a charge is the row's.  Usage of a month is one row there and is an hour of it here. */
static bool is_row(const table *t, const flt_charge *c)
{
    int64_t from = time_of(t, "ChargePeriodStart"), to = time_of(t, "ChargePeriodEnd");
    bool inside = c->span.from >= from && c->span.to <= to;
    bool spans = c->kind == FLT_CHARGE_USAGE ? inside : c->span.from == from && c->span.to == to;
    bool covered = c->paid == FLT_PAID_CONTINUOUS;
    bool discount = *field(t, "CommitmentDiscountId") != 0;
    return c->kind == kind_of(t) && spans && c->billing == time_of(t, "BillingPeriodStart") &&
           same_amount(amount(t, "BilledCost"), c->billed_micros) &&
           same_amount(amount(t, "EffectiveCost"), c->effective_micros) &&
           same_amount(amount(t, "ContractedCost"), c->contracted_micros) &&
           same_amount(amount(t, "ListCost"), c->list_micros) &&
           same_amount(amount(t, "ConsumedQuantity"), c->quantity) &&
           (c->kind != FLT_CHARGE_USAGE || covered == discount);
}

/* Money of a commitment that a row is about (CommitmentDiscountQuantity in USD). */
static int64_t discount_money(const flt_charge *c)
{
    return c->kind == FLT_CHARGE_PURCHASE ? c->billed_micros : c->effective_micros;
}

/* Every row of the file is one of the charges, each charge one row's. */
static void compare(const rate_case *c, const char *name)
{
    table t;
    open_table(&t, name);
    bool used[RATE_ROWS] = {false};
    size_t rows = 0;
    assert_true(c->n_row <= RATE_ROWS);
    for (; next_row(&t); rows++) {
        size_t i = 0;
        while (i < c->n_row && (used[i] || !is_row(&t, &c->row[i])))
            i++;
        if (i == c->n_row) fail_msg("%s: no charge is its row %zu", name, rows + 1);
        used[i] = true;
        assert_true(
            same_amount(amount(&t, "CommitmentDiscountQuantity"), discount_money(&c->row[i])));
        assert_string_equal(c->row[i].currency, "USD");
    }
    assert_int_equal(rows, c->n_row);
    sk_buf_fini(&t.text);
}

/* ---- spend agreements: 1,200 in a year, servers at 15 less 20 % ---- */

static void agreement(rate_case *c, int64_t upfront_ppm, bool monthly)
{
    rate_case_init(c);
    int64_t acme = rate_provider(c), server = rate_chip(c);
    (void)rate_pool(c, acme, server);
    (void)rate_offer(c, acme, server, FLT_ON_DEMAND, 15);
    sk_span year = {rate_time("2025-04-01"), rate_time("2026-04-01")};
    int64_t k = rate_contract(c, acme, year);
    flt_commitment *all =
        rate_commitment(c, k, FLT_SPEND, FLT_DISCONTINUOUS, FLT_FULL_PERIOD, 1200);
    all->discount_ppm = 200000;
    all->upfront_ppm = upfront_ppm;
    if (!monthly) return;
    /* A minimum of 60 a month; what is missing in the last month is part of the year's rest. */
    flt_commitment *least = rate_commitment(c, k, FLT_SPEND, FLT_DISCONTINUOUS, FLT_MONTHLY, 60);
    least->discount_ppm = 200000;
    least->term.to = rate_time("2026-03-01");
    least->name = "monthly";
    sk_err e = SK_ERR_INIT;
    assert_status_ok(flt_book_check_commitment(&c->book, least, &e), e);
}

static void rate_agreement(rate_case *c)
{
    sk_err e = SK_ERR_INIT;
    int64_t april = rate_time("2025-04-10"), may = rate_time("2025-05-10");
    int64_t june = rate_time("2025-06-10");
    flt_usage u[] = {rate_usage(1, 1, 4, april, april + 3600),
                     rate_usage(2, 1, 10, may, may + 3600), rate_usage(3, 1, 5, june, june + 3600)};
    assert_status_ok(rate_run(c, u, 3, rate_time("2025-04-01"), rate_time("2026-04-01"), &e), e);
    rate_sum all = rate_total(c, FLT_CHARGE_KIND_N, -1);
    assert_int_equal(all.billed, 1200 * FLT_MICRO);
    assert_int_equal(all.effective, 1200 * FLT_MICRO);
    assert_int_equal(rate_applied(c, 1) + 480 * FLT_MICRO * (c->book.n_commitment == 2) +
                         972 * FLT_MICRO * (c->book.n_commitment == 1),
                     1200 * FLT_MICRO);
}

static void spend_agreement_a1(void **state)
{
    (void)state;
    rate_case c;
    agreement(&c, 0, false);
    rate_agreement(&c);
    compare(&c, "saas_spend_agreements_a1.csv");
    rate_case_free(&c);
}

static void spend_agreement_a2(void **state)
{
    (void)state;
    rate_case c;
    agreement(&c, 0, true);
    rate_agreement(&c);
    compare(&c, "saas_spend_agreements_a2.csv");
    rate_case_free(&c);
}

static void spend_agreement_b1(void **state)
{
    (void)state;
    rate_case c;
    agreement(&c, FLT_PPM, false);
    rate_agreement(&c);
    compare(&c, "saas_spend_agreements_b1.csv");
    rate_case_free(&c);
}

static void spend_agreement_b2(void **state)
{
    (void)state;
    rate_case c;
    agreement(&c, FLT_PPM, true);
    rate_agreement(&c);
    compare(&c, "saas_spend_agreements_b2.csv");
    rate_case_free(&c);
}

/* ---- commitment discounts: 1 USD an hour in 2023, paid up front ---- */

static void discount(rate_case *c, double price)
{
    rate_case_init(c);
    int64_t p = rate_provider(c), chip = rate_chip(c), other = rate_chip(c);
    (void)rate_pool(c, p, chip);
    (void)rate_pool(c, p, other);
    (void)rate_offer(c, p, chip, FLT_ON_DEMAND, price);
    (void)rate_offer(c, p, other, FLT_ON_DEMAND, 0.50);
    sk_span year = {rate_time("2023-01-01"), rate_time("2024-01-01")};
    int64_t k = rate_contract(c, p, year);
    flt_commitment *plan = rate_commitment(c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 1);
    plan->discount_ppm = 500000;
    plan->upfront_ppm = FLT_PPM;
    plan->chip = chip;
}

/* Rates the first hour and leaves out the purchase, which only its own scenario shows. */
static void rate_hour(rate_case *c, const flt_usage *u, size_t n, bool keep_purchase)
{
    sk_err e = SK_ERR_INIT;
    int64_t t = rate_time("2023-01-01");
    assert_status_ok(rate_run(c, u, n, t, t + 3600, &e), e);
    assert_int_equal(c->row[0].kind, FLT_CHARGE_PURCHASE);
    if (keep_purchase) c->n_row = 1;
    if (!keep_purchase) memmove(c->row, c->row + 1, --c->n_row * sizeof *c->row);
}

static void purchase_1(void **state)
{
    (void)state;
    rate_case c;
    discount(&c, 2);
    rate_hour(&c, NULL, 0, true);
    compare(&c, "commitment_discount_purchase_scenario_1.csv");
    rate_case_free(&c);
}

static void usage_1(void **state)
{
    (void)state;
    rate_case c;
    discount(&c, 2);
    int64_t t = rate_time("2023-01-01");
    flt_usage u = rate_usage(1, 1, 1, t, t + 3600);
    rate_hour(&c, &u, 1, false);
    compare(&c, "commitment_discount_usage_scenario_1.csv");
    rate_case_free(&c);
}

static void usage_2(void **state)
{
    (void)state;
    rate_case c;
    discount(&c, 2);
    rate_hour(&c, NULL, 0, false);
    compare(&c, "commitment_discount_usage_scenario_2.csv");
    rate_case_free(&c);
}

static void usage_3(void **state)
{
    (void)state;
    rate_case c;
    discount(&c, 1.50);
    int64_t t = rate_time("2023-01-01");
    flt_usage u = rate_usage(1, 1, 1, t, t + 3600);
    rate_hour(&c, &u, 1, false);
    compare(&c, "commitment_discount_usage_scenario_3.csv");
    rate_case_free(&c);
}

static void usage_4(void **state)
{
    (void)state;
    rate_case c;
    discount(&c, 2);
    int64_t t = rate_time("2023-01-01");
    flt_usage u[] = {rate_usage(1, 1, 1, t, t + 3600), rate_usage(2, 2, 1, t, t + 3600)};
    rate_hour(&c, u, 2, false);
    compare(&c, "commitment_discount_usage_scenario_4.csv");
    rate_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spend_agreement_a1),
        cmocka_unit_test(spend_agreement_a2),
        cmocka_unit_test(spend_agreement_b1),
        cmocka_unit_test(spend_agreement_b2),
        cmocka_unit_test(purchase_1),
        cmocka_unit_test(usage_1),
        cmocka_unit_test(usage_2),
        cmocka_unit_test(usage_3),
        cmocka_unit_test(usage_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
