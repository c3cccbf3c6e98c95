/* t_plan_buy.c - what to buy: cases whose best answer is known, small ones against trying all. */
#include "unit.h"

#include "base/mem.h"
#include "base/rng.h"
#include "fleet/plan/buy.h"
#include "fleet/plan/glpk.h"

#include <math.h>
#include <stdio.h>

#define near(a, b, tol) assert_true(fabs((double)(a) - (double)(b)) <= (tol)*fabs((double)(b)))

static sk_arena *mem;

static int open_mem(void **state)
{
    (void)state;
    mem = sk_arena_new(SK_MEM_MISC);
    return mem ? 0 : -1;
}

static int close_mem(void **state)
{
    (void)state;
    sk_arena_free(mem);
    return 0;
}

static flt_buy_offer hourly(const char *name, double price)
{
    return (flt_buy_offer){.name = name,
                           .provider = "aws",
                           .category = FLT_ON_DEMAND,
                           .price_micros = (int64_t)(price * 1e6),
                           .rate = 1,
                           .chips_per_unit = 8,
                           .availability = 1};
}

static flt_buy_offer committed(const char *name, double price, int months)
{
    flt_buy_offer o = hourly(name, price);
    o.category = FLT_RESERVED;
    o.term_months = months;
    return o;
}

/* Twelve months from January 2027, 8,760 hours. */
static flt_buy year(const flt_buy_offer *o, size_t n)
{
    return (flt_buy){.start = sk_utc_time(&(sk_civil){2027, 1, 1, 0, 0, 0}),
                     .months = 12,
                     .offer = o,
                     .n_offer = n};
}

static flt_buy_serve flat(const double *chips)
{
    flt_buy_serve s = {.name = "chat", .chips = chips};
    for (int h = 0; h < FLT_BUY_HOURS; h++)
        s.shape[h] = 1;
    return s;
}

static flt_buy_answer solve(const flt_buy *b)
{
    sk_err e = SK_ERR_INIT;
    flt_buy_answer a;
    if (!unit_have("glpsol")) skip();
    assert_status_ok(flt_buy_solve(b, mem, &a, &e), e);
    assert_true(a.proven);
    return a;
}

static const double hundred[12] = {100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100};

/* 100 chips all year: twelve units of 8 for a year, the four that are left by the hour (a
 * thirteenth unit would cost 8 x 3 for the 4 x 5 it saves). */
static void a_steady_service(void **state)
{
    (void)state;
    flt_buy_offer o[] = {hourly("od", 5), committed("1y", 3, 12)};
    flt_buy_serve s = flat(hundred);
    flt_buy b = year(o, 2);
    b.serve = &s;
    b.n_serve = 1;
    flt_buy_answer a = solve(&b);
    assert_int_equal(a.row[0].what, FLT_BUY_COMMIT);
    assert_int_equal(a.row[0].units, 12);
    assert_int_equal(a.row[0].month, 0);
    near(a.cost_micros, (96 * 3 + 4 * 5) * 8760e6, 1e-9);
    near(a.on_demand_micros, 100 * 5 * 8760e6, 1e-9);
    /* At least 20 units: 160 chips would cost 480 an hour, no less than 100 by the hour (500)... */
    o[1].min_units = 20;
    near(solve(&b).cost_micros, 480 * 8760e6, 1e-9);
    o[1].min_units = 21; /* ... and 504 is more. */
    near(solve(&b).cost_micros, 500 * 8760e6, 1e-9);
}

/* Eight hours of the day need the double: the commitment is worth it only if it is used for more
 * than 3 / 5 of the time.  A run by night then has it for nothing. */
static void day_and_night(void **state)
{
    (void)state;
    flt_buy_offer o[] = {hourly("od", 5), committed("1y", 3, 12)};
    flt_buy_serve s = flat(hundred);
    for (int h = 0; h < 16; h++)
        s.shape[h] = 0.52;
    flt_buy b = year(o, 2);
    b.serve = &s;
    b.n_serve = 1;
    /* 52 chips always, 48 more for 8 hours: a seventh unit is used well by half of its chips
     * always and by all of them a third of the time. */
    near(solve(&b).cost_micros, 56 * 3 * 8760e6 + 44 * 5 * 2920e6, 1e-9);
    /* With a run of 44 chips for the other 16 hours the rest is worth it too. */
    flt_buy_train t = {.name = "base", .chip_hours = 44 * 16 * 365, .until = 12};
    b.train = &t;
    b.n_train = 1;
    near(solve(&b).cost_micros, (96 * 3) * 8760e6 + 4 * 5 * 2920e6, 1e-9);
}

/* A ramp: commitments begin when they are needed. */
static void when(void **state)
{
    (void)state;
    double chips[12] = {0, 0, 0, 0, 0, 0, 80, 80, 80, 80, 80, 80};
    flt_buy_offer o[] = {hourly("od", 5), committed("6m", 4, 6)};
    o[1].last = 11;
    flt_buy_serve s = flat(chips);
    flt_buy b = year(o, 2);
    b.serve = &s;
    b.n_serve = 1;
    flt_buy_answer a = solve(&b);
    assert_int_equal(a.n_row, 1);
    assert_int_equal(a.row[0].month, 6);
    assert_int_equal(a.row[0].units, 10);
    near(a.cost_micros, 80 * 4 * 184 * 24e6, 1e-9);
}

/* Spot is for training that bears it: of 100 chips 60 are there on average, a tenth is done twice.
 */
static void spot(void **state)
{
    (void)state;
    flt_buy_offer o[] = {hourly("od", 5), hourly("spot", 2)};
    o[1].category = FLT_SPOT;
    o[1].availability = 0.6;
    o[1].redo = 0.1;
    o[1].limit_chips = 100;
    flt_buy_train t = {.name = "base", .chip_hours = 54 * 31 * 24 + 1000, .until = 1, .spot = true};
    flt_buy b = year(o, 2);
    b.train = &t;
    b.n_train = 1;
    near(solve(&b).cost_micros, 60 * 2 * 31 * 24e6 + 5000e6, 1e-9);
    t.spot = false;
    near(solve(&b).cost_micros, t.chip_hours * 5e6, 1e-9);
}

/* A promise of money: worth it where enough is used at its discount, else not; one that is signed
 * is paid anyway, so what it pays for costs nothing more. */
static void promises(void **state)
{
    (void)state;
    flt_buy_offer o[] = {hourly("aws", 5), hourly("gcp", 4)};
    flt_buy_spend p = {
        .name = "edp", .provider = "aws", .amount_micros = (int64_t)2e12, .interval_months = 12};
    flt_buy_serve s = flat(hundred);
    flt_buy b = year(o, 2);
    o[1].provider = "gcp";
    p.discount_ppm = 300000; /* 3.5: 3,066,000 a year */
    b.serve = &s;
    b.n_serve = 1;
    b.spend = &p;
    b.n_spend = 1;
    near(solve(&b).cost_micros, 3.5 * 100 * 8760e6, 1e-9);
    near(solve(&b).on_demand_micros, 4 * 100 * 8760e6, 1e-9);
    p.amount_micros = (int64_t)3.4e12; /* still less than the 3,504,000 of gcp */
    near(solve(&b).cost_micros, 3.4e12, 1e-9);
    p.amount_micros = (int64_t)3.6e12;
    near(solve(&b).cost_micros, 4 * 100 * 8760e6, 1e-9);
    p.is_signed = true;
    flt_buy_answer a = solve(&b);
    near(a.cost_micros, 3.6e12, 1e-9);
    /* What is left unused of it is a row of its own. */
    assert_int_equal(a.row[0].what, FLT_BUY_PROMISE);
    near(a.row[0].cost_micros, 3.6e12 - 3.5 * 100 * 8760e6, 1e-6);
}

/* A slower chip at less than its share of the price; chips that are held already. */
static void kinds_and_held(void **state)
{
    (void)state;
    flt_buy_offer o[] = {hourly("h100", 5), hourly("trn", 2)};
    o[1].rate = 0.5;
    o[1].limit_chips = 100;
    flt_buy_held h = {.name = "own", .chips = 30, .until = 12};
    flt_buy_serve s = flat(hundred);
    flt_buy b = year(o, 2);
    b.serve = &s;
    b.n_serve = 1;
    b.held = &h;
    b.n_held = 1;
    near(solve(&b).cost_micros, (100 * 2 + 20 * 5) * 8760e6, 1e-9);
}

static void what_cannot_be_had(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_buy_answer a;
    double chips[12] = {50, 50, 120, 50};
    flt_buy_offer o[] = {hourly("od", 5)};
    flt_buy_serve s = flat(chips);
    flt_buy b = year(o, 1);
    o[0].limit_chips = 100;
    b.serve = &s;
    b.n_serve = 1;
    if (!unit_have("glpsol")) skip();
    assert_status(flt_buy_solve(&b, mem, &a, &e), SK_E_INVALID, e,
                  "serving chat needs 120 chips in 2027-03 at 00:00: 20 of them");
    chips[2] = 100;
    flt_buy_train t = {.name = "base", .chip_hours = 1e6, .from = 1, .until = 4};
    b.train = &t;
    b.n_train = 1;
    assert_status(flt_buy_solve(&b, mem, &a, &e), SK_E_INVALID, e,
                  "training base can't be done before 2027-05");
    t.max_chips = -1;
    assert_status(flt_buy_solve(&b, mem, &a, &e), SK_E_INVALID, e, "negative");
    t.max_chips = 0;
    t.until = 13;
    assert_status(flt_buy_solve(&b, mem, &a, &e), SK_E_INVALID, e, "no month");
    b.n_train = b.n_serve = 0;
    assert_status(flt_buy_solve(&b, mem, &a, &e), SK_E_INVALID, e, "no demand");
}

/* ---- small ones, all tried ---- */

typedef struct small {
    flt_buy_offer offer[4]; /* two by the hour, two commitments */
    double chips[2];
    flt_buy_serve serve;
    flt_buy_train train;
    flt_buy b;
} small;

static int64_t pick(uint64_t *i, int64_t n)
{
    return (int64_t)sk_rng_below(11, SK_RNG_TEST, (*i)++, (uint64_t)n);
}

static void any(small *x, uint64_t *i)
{
    *x = (small){.chips = {(double)pick(i, 40), (double)pick(i, 40)}};
    for (int j = 0; j < 2; j++) {
        x->offer[j] = hourly(j ? "b" : "a", (double)(3 + pick(i, 5)));
        x->offer[j].limit_chips = j ? 0 : 1 + pick(i, 30);
        x->offer[j + 2] = committed(j ? "d" : "c", (double)(1 + pick(i, 5)), 1 + (int)pick(i, 2));
        x->offer[j + 2].min_units = pick(i, 4);
        x->offer[j + 2].limit_chips = 24;
        x->offer[j + 2].last = x->offer[j + 2].first = (int)pick(i, 2);
    }
    x->serve = flat(x->chips);
    for (int h = 0; h < 8; h++)
        x->serve.shape[h] = (double)pick(i, 5) / 4;
    x->train = (flt_buy_train){.name = "t", .chip_hours = (double)pick(i, 30000), .until = 2};
    x->train.from = (int)pick(i, 2);
    x->b = year(x->offer, 4);
    x->b.months = 2;
    x->b.serve = &x->serve;
    x->b.train = &x->train;
    x->b.n_serve = 1;
    x->b.n_train = 1;
}

/* Cost of everything by the hour when so many units of each commitment are there: each hour the
 * cheaper offer first; the run takes what is over, then the cheapest chip-hours of its months. */
static double rest_cost(const small *x, const int64_t units[2])
{
    const flt_buy_offer *a = &x->offer[0], *b = &x->offer[1];
    const flt_buy_offer *cheap = a->price_micros <= b->price_micros ? a : b;
    double cost = 0, run = x->train.chip_hours, at_cheap = 0;
    double pa = (double)a->price_micros, pb = (double)b->price_micros;
    for (int k = 0; k < 2; k++)
        for (int h = 0; h < 24; h++) {
            double days = k ? 28 : 31, have = 0;
            for (int j = 0; j < 2; j++) {
                const flt_buy_offer *o = &x->offer[j + 2];
                if (k >= o->first && k < o->first + o->term_months) have += 8 * (double)units[j];
            }
            double need = x->chips[k] * x->serve.shape[h] - have, lim = (double)a->limit_chips;
            double from_a = cheap == a ? fmin(fmax(need, 0), lim) : 0;
            cost += days * (from_a * pa + fmax(fmax(need, 0) - from_a, 0) * pb);
            if (k < x->train.from) continue;
            if (need < 0) run -= fmin(run, -need * days);
            at_cheap += days * (lim - from_a);
        }
    if (cheap == b) return cost + run * pb;
    double some = fmin(run, at_cheap);
    return cost + some * pa + (run - some) * pb;
}

static double best_of_all(const small *x)
{
    double best = INFINITY;
    for (int64_t u = 0; u <= 3; u++)
        for (int64_t w = 0; w <= 3; w++) {
            int64_t units[2] = {u, w};
            double cost = 0;
            bool ok = true;
            for (int j = 0; j < 2; j++) {
                const flt_buy_offer *o = &x->offer[j + 2];
                double hours = o->first ? 28 : 31;
                if (o->term_months == 2) hours = o->first ? 28 + 31 : 59;
                ok &= !units[j] || units[j] >= o->min_units;
                cost += (double)units[j] * 8 * (double)o->price_micros * hours * 24;
            }
            if (ok) best = fmin(best, cost + rest_cost(x, units));
        }
    return best;
}

static void as_trying_all(void **state)
{
    (void)state;
    uint64_t i = 0;
    for (int k = 0; k < 60; k++) {
        small x;
        any(&x, &i);
        double best = best_of_all(&x);
        flt_buy_answer a = solve(&x.b);
        if (fabs((double)a.cost_micros - best) > 1e-7 * best + 100)
            fail_msg("case %d: %.0f, by trying all %.0f", k, (double)a.cost_micros, best);
        assert_true(a.on_demand_micros >= a.cost_micros - 100);
    }
}

/* ---- answers of the solver ---- */

static sk_status read_answer(const char *text, double *v, bool *proven, sk_err *e)
{
    return flt_glpk_read(text, strlen(text), 2, 2, v, proven, e);
}

static void answers(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    double v[2];
    bool proven = false;
    assert_status_ok(
        read_answer("c x\ns mip 2 2 o 9.75\ni 1 3\nj 1 2\nj 2 1.5\ne o f\n", v, &proven, &e), e);
    assert_true(v[0] == 2 && v[1] == 1.5 && proven);
    assert_status_ok(read_answer("s mip 2 2 f 9.75\nj 1 2\nj 2 1.5\ne o f\n", v, &proven, &e), e);
    assert_false(proven);
    assert_status_ok(
        read_answer("s bas 2 2 f f 9.5\nj 1 b 2 0\nj 2 u 1 -0.5\ne o f\n", v, &proven, &e), e);
    assert_true(proven && v[1] == 1);
    static const char *const bad[] = {"",
                                      "s mip 2 2 o 9\nj 1 2\nj 2 1\n",
                                      "s mip 2 2 o 9\nj 1 2\ne o f\n",
                                      "s mip 2 3 o 9\nj 1 2\nj 2 1\ne o f\n",
                                      "s mip 2 2 o 9\nj 2 2\nj 1 1\ne o f\n",
                                      "s mip 2 2 o 9\nj 1 2x\nj 2 1\ne o f\n",
                                      "j 1 2\nj 2 1\ne o f\n",
                                      "hello\n",
                                      "s abc 2 2 o 9\nj 1 2\nj 2 1\ne o f\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(read_answer(bad[i], v, &proven, &e), SK_E_CORRUPT, e, "can't be read");
    assert_status(read_answer("s mip 2 2 n 0\ne o f\n", v, &proven, &e), SK_E_INVALID, e,
                  "can't be met");
    assert_status(read_answer("s mip 2 2 u 0\ne o f\n", v, &proven, &e), SK_E_AGAIN, e, "in time");
}

/* What a solver says is checked. */
static void not_believed(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_lp *lp = flt_lp_new();
    size_t x = flt_lp_col(lp, 1, 10, true), y = flt_lp_col(lp, 2, INFINITY, false);
    flt_lp_row(lp, FLT_AT_LEAST, 5);
    flt_lp_term(lp, x, 1);
    flt_lp_term(lp, y, 1);
    assert_status_ok(flt_lp_check(lp, (double[]){5, 0}, 1e-6, &e), e);
    assert_status(flt_lp_check(lp, (double[]){4, 0}, 1e-6, &e), SK_E_CORRUPT, e, "misses row 1");
    assert_status(flt_lp_check(lp, (double[]){11, 0}, 1e-6, &e), SK_E_CORRUPT, e, "bounds");
    assert_status(flt_lp_check(lp, (double[]){4.5, 1}, 1e-6, &e), SK_E_CORRUPT, e, "not whole");
    assert_status(flt_lp_check(lp, (double[]){5, NAN}, 1e-6, &e), SK_E_CORRUPT, e, "bounds");
    assert_true(flt_lp_cost(lp, (double[]){5, 1}) == 7);
    flt_lp_free(lp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(not_believed),
        cmocka_unit_test(a_steady_service),
        cmocka_unit_test(day_and_night),
        cmocka_unit_test(when),
        cmocka_unit_test(spot),
        cmocka_unit_test(promises),
        cmocka_unit_test(kinds_and_held),
        cmocka_unit_test(as_trying_all),
        cmocka_unit_test(what_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, open_mem, close_mem);
}
