/* t_book.c - the fleet's book: look-ups, prices, words, and what its checks refuse. */
#include "tests/unit/unit.h"

#include "fleet/book/book.h"
#include "tests/unit/fleet_book.h"

#include <math.h>

static void finds(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    assert_string_equal(flt_book_provider(&f.b, 2)->name, "azure");
    assert_null(flt_book_provider(&f.b, 3));
    assert_null(flt_book_provider(&f.b, 0));
    for (int64_t id = 1; id <= 6; id++)
        assert_true(flt_book_offer(&f.b, id) == &f.offer[id - 1]);
    f.offer[5].id = 1000;
    assert_true(flt_book_offer(&f.b, 1000) == &f.offer[5]);
    assert_null(flt_book_offer(&f.b, 6));
    assert_true(flt_book_pool_named(&f.b, "azure-eastus")->id == 3);
    assert_null(flt_book_pool_named(&f.b, "azure"));
    assert_true(flt_book_chip_named(&f.b, "trainium2")->id == 2);
    assert_true(flt_book_contract_named(&f.b, "aws-plan")->id == 2);
    assert_true(flt_book_workload_named(&f.b, "chat")->id == 2);
    assert_true(flt_book_provider_named(&f.b, "aws")->id == 1);
    assert_non_null(flt_book_commitment(&f.b, 2));
    assert_null(flt_book_reservation(&f.b, 1));
    assert_null(flt_book_contract(&(flt_book){0}, 1));
}

static void prices(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    int64_t july = f.offer[1].valid.from;
    assert_true(flt_book_price(&f.b, 1, 1, "us-east-1", FLT_ON_DEMAND, FLEET_T0)->id == 1);
    assert_true(flt_book_price(&f.b, 1, 1, "us-east-1", FLT_ON_DEMAND, july - 1)->id == 1);
    assert_true(flt_book_price(&f.b, 1, 1, "us-east-1", FLT_ON_DEMAND, july)->id == 2);
    assert_null(flt_book_price(&f.b, 1, 1, "us-east-1", FLT_ON_DEMAND, FLEET_T0 - 1));
    assert_null(flt_book_price(&f.b, 2, 1, "westus", FLT_ON_DEMAND, july));
    assert_true(flt_book_price(&f.b, 2, 1, "eastus", FLT_ON_DEMAND, july)->id == 6);
    assert_null(flt_book_price(&f.b, 1, 1, "", FLT_RESERVED, july));
    assert_false(flt_book_price(&f.b, 1, 2, "", FLT_ON_DEMAND, july)->priced);
    /* An offer of the very region goes first, though it is older; one with a price before all. */
    f.offer[0].region = "us-east-1";
    assert_true(flt_book_price(&f.b, 1, 1, "us-east-1", FLT_ON_DEMAND, july)->id == 1);
    f.offer[0].priced = false;
    assert_true(flt_book_price(&f.b, 1, 1, "us-east-1", FLT_ON_DEMAND, july)->id == 2);
    assert_true(flt_book_price(&f.b, 1, 1, "us-west-2", FLT_ON_DEMAND, july)->id == 2);
    f.offer[1].valid.to = july + 10;
    assert_null(flt_book_price(&f.b, 1, 1, "us-west-2", FLT_ON_DEMAND, july + 10));
}

static void words(void **state)
{
    (void)state;
    for (int i = 0; i < FLT_CATEGORY_N; i++)
        assert_int_equal(flt_category_of(flt_word_category((flt_category)i)), i);
    for (int i = 0; i < FLT_INTERVAL_N; i++)
        assert_int_equal(flt_interval_of(flt_word_interval((flt_interval)i)), i);
    for (int i = 0; i <= FLT_POOL_GONE; i++)
        assert_int_equal(flt_pool_state_of(flt_word_pool_state((flt_pool_state)i)), i);
    for (int i = 0; i <= FLT_BATCH; i++)
        assert_int_equal(flt_work_kind_of(flt_word_work_kind((flt_work_kind)i)), i);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(flt_kind_of(flt_word_kind((flt_kind)i)), i);
        assert_int_equal(flt_model_of(flt_word_model((flt_model)i)), i);
        assert_int_equal(flt_shortfall_of(flt_word_shortfall((flt_shortfall)i)), i);
    }
    assert_int_equal(flt_category_of("On-Demand"), -1);
    assert_int_equal(flt_interval_of(""), -1);
    assert_string_equal(flt_word_category((flt_category)99), "?");
}

static flt_reservation reservation(int64_t id, int64_t chips, int64_t from, int64_t to)
{
    return (flt_reservation){.id = id, .pool = 3, .chips = chips, .term = {from, to}};
}

/* The book of the tests is sound, and so is what these add to it. */
static void accepts(void **state)
{
    (void)state;
    fleet_book f;
    sk_err e = SK_ERR_INIT;
    fleet_book_init(&f);
    assert_status_ok(flt_book_check(&f.b, &e), e);
    assert_status_ok(flt_book_check(&(flt_book){0}, &e), e);
    /* Two blocks of half the pool's chips, and two one after the other. */
    f.reservation[0] = reservation(1, 8, FLEET_T0, FLEET_T1);
    f.reservation[1] = reservation(2, 8, FLEET_T0, FLEET_T0 + 100);
    f.reservation[2] = reservation(3, 8, FLEET_T0 + 100, FLEET_T1);
    f.b.n_reservation = 3;
    assert_status_ok(flt_book_check(&f.b, &e), e);
    /* A second plan beside the first, in a contract of its own; a ramp; milestones. */
    f.contract[2] = (flt_contract){3, 1, "aws-plan-2", "USD", {FLEET_T0, FLEET_T1}};
    f.commitment[2] = f.commitment[1];
    f.commitment[2].id = f.commitment[2].contract = 3;
    f.b.n_contract = f.b.n_commitment = 3;
    static const flt_step ramp[] = {{FLEET_T0, 100}, {FLEET_T0 + 7000000, 5}},
                          mile[] = {{FLEET_T0 + 7000000, 2000}, {FLEET_T1, 3000 * FLT_MICRO}};
    f.commitment[0].ramp = f.commitment[2].ramp = ramp;
    f.commitment[0].n_ramp = f.commitment[2].n_ramp = 2;
    f.commitment[0].ramp = NULL;
    f.commitment[0].n_ramp = 0;
    f.commitment[0].milestone = mile;
    f.commitment[0].n_milestone = 2;
    assert_status_ok(flt_book_check(&f.b, &e), e);
}

/* One change to the good book, and a word of the sentence that refuses it. */
typedef struct bad_case {
    void (*change)(fleet_book *f);
    const char *part;
} bad_case;

#define CHANGE(name, code)                                                                         \
    static void name(fleet_book *f)                                                                \
    {                                                                                              \
        code;                                                                                      \
    }

CHANGE(no_name, f->provider[0].name = "")
CHANGE(name_control, f->provider[0].name = "a\nb")
CHANGE(name_long,
       f->pool[0].name = "a2345678901234567890123456789012345678901234567890123456789012345")
CHANGE(name_twice, f->provider[1].name = "aws")
CHANGE(name_not_utf8, f->chip[0].name = "\xff")
CHANGE(name_quote, f->pool[0].name = "a\"b")
CHANGE(name_blank, f->pool[0].name = " a")
CHANGE(kind_unknown, f->provider[0].kind = "ibm")
CHANGE(ids_fall, f->provider[1].id = 1)
CHANGE(id_zero, f->provider[0].id = 0)
CHANGE(chip_upper, f->chip[0].name = "H100")
CHANGE(chip_nan, f->chip[0].peak_bf16_flops = NAN)
CHANGE(chip_negative, f->chip[0].memory_bytes = -1)
CHANGE(pool_provider, f->pool[0].provider = 77)
CHANGE(pool_chip, f->pool[0].chip = 0)
CHANGE(pool_engine, f->pool[0].engine = "k8s")
CHANGE(pool_12, f->pool[2].chips_per_node = 12)
CHANGE(pool_nodes, f->pool[2].nodes = -2)
CHANGE(pool_egress, f->pool[2].egress_micros_per_gb = -1)
CHANGE(pool_euro, f->pool[2].currency = "EUR")
CHANGE(pool_money, f->pool[2].currency = "$")
CHANGE(offer_12, f->offer[5].chips_per_unit = 12)
CHANGE(offer_negative, f->offer[5].price_micros = -1)
CHANGE(offer_unpriced, f->offer[3].price_micros = 5)
CHANGE(offer_chip, f->offer[5].chip = 9)
CHANGE(offer_empty, f->offer[5].valid.to = f->offer[5].valid.from)
CHANGE(offer_euro, f->offer[2].currency = "EUR")
CHANGE(offer_twice, f->offer[1].valid.from = FLEET_T0)
CHANGE(offer_size, f->offer[2].chips_per_unit = 4)
CHANGE(offer_category, f->offer[2].category = FLT_CATEGORY_N)
CHANGE(contract_provider, f->contract[0].provider = 0)
CHANGE(contract_twice, f->contract[1].name = "aws-edp")
CHANGE(contract_euro, f->contract[0].currency = "EUR")
CHANGE(contract_empty, f->contract[0].term.to = 0)
CHANGE(contract_long, f->contract[0].term.to = SK_UTC_END)
CHANGE(promise_outside, f->commitment[0].term.to = FLEET_T1 + 1)
CHANGE(promise_contract, f->commitment[0].contract = 9)
CHANGE(promise_negative, f->commitment[0].amount = -1)
CHANGE(promise_nothing, f->commitment[0].amount = 0)
CHANGE(promise_share, f->commitment[0].discount_ppm = 1000001)
CHANGE(promise_upfront, f->commitment[0].upfront_ppm = -1)
CHANGE(promise_overage, f->commitment[0].overage_ppm = -2)
CHANGE(promise_huge, f->commitment[0].amount = INT64_MAX)
CHANGE(promise_chip, f->commitment[0].chip = 44)
CHANGE(promise_rate, f->commitment[0].rate_micros = 1)
CHANGE(promise_carry, f->commitment[1].shortfall = FLT_CARRY)
CHANGE(promise_category, f->commitment[1].categories = 16)

static const flt_step steps[] = {
    {FLEET_T0 + 50, 5 * FLT_MICRO}, {FLEET_T0 + 60, 5 * FLT_MICRO}, {FLEET_T0 + 60, 6 * FLT_MICRO}};

static void set_ramp(fleet_book *f, size_t i, const flt_step *s, size_t n)
{
    f->commitment[i].ramp = s;
    f->commitment[i].n_ramp = n;
}

static void set_milestones(fleet_book *f, size_t i, const flt_step *s, size_t n)
{
    f->commitment[i].milestone = s;
    f->commitment[i].n_milestone = n;
}

static const flt_step negative[] = {{FLEET_T0 + 50, -1}}, late[] = {{FLEET_T1, 1}},
                      dear[] = {{FLEET_T1, 4000001 * FLT_MICRO}};

CHANGE(ramp_order, set_ramp(f, 1, steps, 3))
CHANGE(ramp_negative, set_ramp(f, 0, negative, 1))
CHANGE(ramp_late, set_ramp(f, 0, late, 1))
CHANGE(ramp_full, f->commitment[0].interval = FLT_FULL_PERIOD; set_ramp(f, 0, steps, 1))
CHANGE(milestone_flat, set_milestones(f, 0, steps, 2))
CHANGE(milestone_hourly, set_milestones(f, 1, steps, 1))
CHANGE(milestone_dear, set_milestones(f, 0, dear, 1))

/* A further commitment in contract 2, or in a contract of its own. */
static void more(fleet_book *f, size_t like, int64_t contract)
{
    f->contract[2] = (flt_contract){3, 1, "more", "USD", {FLEET_T0, FLEET_T1}};
    f->commitment[2] = f->commitment[like];
    f->commitment[2].id = 3;
    f->commitment[2].contract = contract;
    f->commitment[2].name = "more";
    f->b.n_contract = f->b.n_commitment = 3;
}

CHANGE(overlap_plan, more(f, 1, 2))
CHANGE(overlap_edp, more(f, 0, 3))
CHANGE(same_name, more(f, 1, 2); f->commitment[2].name = "plan"; f->commitment[2].chip = 2)

static void hold(fleet_book *f, int64_t chips, int64_t commitment)
{
    f->reservation[0] = reservation(1, 8, FLEET_T0 + 50, FLEET_T0 + 60);
    f->reservation[1] = reservation(2, chips, FLEET_T0, FLEET_T0 + 51);
    f->reservation[1].commitment = commitment;
    f->b.n_reservation = 2;
}

CHANGE(held_over, hold(f, 9, 0))
CHANGE(held_none, hold(f, 0, 0))
CHANGE(held_payer, hold(f, 1, 2))
CHANGE(held_unpaid, hold(f, 1, 22))
CHANGE(held_early, hold(f, 1, 1); f->reservation[1].pool = 1; f->reservation[1].term.from--)
CHANGE(held_pool, hold(f, 1, 0); f->reservation[1].pool = 8)
CHANGE(work_min, f->workload[0].min_chips = 33)
CHANGE(work_none, f->workload[0].max_chips = 0)
CHANGE(work_chip, f->workload[0].chip = 8)
CHANGE(work_name, f->workload[1].name = "train")
CHANGE(work_size, f->workload[1].memory_bytes = INFINITY)
CHANGE(work_time, f->workload[1].restart_s = -1)
CHANGE(work_deadline, f->workload[1].deadline = -1)

static const bad_case bad[] = {
    {no_name, "needs a name"},
    {name_control, "can't be printed"},
    {name_long, "longer than 64 bytes"},
    {name_twice, "provider \"aws\" already"},
    {name_not_utf8, "can't be printed"},
    {name_quote, "quote"},
    {name_blank, "blank at an end"},
    {kind_unknown, "\"ibm\" is none of aws, azure, gcp, own, other"},
    {ids_fall, "not above"},
    {id_zero, "not above"},
    {chip_upper, "lower case"},
    {chip_nan, "the peak is"},
    {chip_negative, "the memory is -1"},
    {pool_provider, "provider is not known"},
    {pool_chip, "chip is not known"},
    {pool_engine, "none of local, slurm-cli"},
    {pool_12, "machines with h100 are sold with 1, 2, 4 or 8"},
    {pool_nodes, "nodes is negative"},
    {pool_egress, "egress is negative"},
    {pool_euro, "is in EUR, but its provider's offers are in USD"},
    {pool_money, "no ISO 4217 code"},
    {offer_12, "chips per unit is 12, but machines with h100 are sold with 1, 2, 4 or 8"},
    {offer_negative, "the price is negative"},
    {offer_unpriced, "no price, and has one"},
    {offer_chip, "chip is not known"},
    {offer_empty, "no span of time"},
    {offer_euro, "in EUR"},
    {offer_twice, "a date of its own"},
    {offer_size, "one of them is wrong"},
    {offer_category, "category"},
    {contract_provider, "provider is not known"},
    {contract_twice, "contract \"aws-edp\" already"},
    {contract_euro, "in EUR"},
    {contract_empty, "no span of time"},
    {contract_long, "longer than 100 years"},
    {promise_outside, "not within its contract's"},
    {promise_contract, "contract is not known"},
    {promise_negative, "amount is negative"},
    {promise_nothing, "promises nothing"},
    {promise_share, "a share is 0 to 100 %"},
    {promise_upfront, "up front"},
    {promise_overage, "beyond it"},
    {promise_huge, "too large to count"},
    {promise_chip, "eligible chip is not known"},
    {promise_rate, "money has a discount"},
    {promise_carry, "can't be carried"},
    {promise_category, "a category that is none"},
    {ramp_order, "not after the one before it"},
    {ramp_negative, "negative"},
    {ramp_late, "outside its term"},
    {ramp_full, "has one amount"},
    {milestone_flat, "no more than the one before"},
    {milestone_hourly, "hour by hour"},
    {milestone_dear, "more than all that it promises"},
    {overlap_plan, "overlaps \"more\" of contract \"aws-plan\" (2026-01-01 to 2027-01-01)"},
    {overlap_edp, "overlaps \"more\" of contract \"more\""},
    {same_name, "already"},
    {held_over, "8 chips besides 9 that are reserved already are more than the pool's 16"},
    {held_none, "number of chips is 0"},
    {held_payer, "another provider"},
    {held_unpaid, "that pays is not known"},
    {held_early, "not within that of the commitment \"spend\""},
    {held_pool, "pool is not known"},
    {work_min, "needs 33 chips and may have 32"},
    {work_none, "the most chips is 0"},
    {work_chip, "chip is not known"},
    {work_name, "already"},
    {work_size, "the memory is inf"},
    {work_time, "restart is negative"},
    {work_deadline, "deadline is negative"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fleet_book f;
        sk_err e = SK_ERR_INIT;
        fleet_book_init(&f);
        bad[i].change(&f);
        sk_status st = flt_book_check(&f.b, &e);
        if (st != SK_E_INVALID && st != SK_E_TOOBIG) fail_msg("accepted: %s", bad[i].part);
        assert_contains(e.text, bad[i].part);
    }
}

/* A row that is not in the book yet is held against all that are. */
static void checks_new_rows(void **state)
{
    (void)state;
    fleet_book f;
    sk_err e = SK_ERR_INIT;
    fleet_book_init(&f);
    flt_offer o = f.offer[0];
    o.id = 0;
    assert_status(flt_book_check_offer(&f.b, &o, &e), SK_E_INVALID, e, "a date of its own");
    o.valid.from++;
    assert_status_ok(flt_book_check_offer(&f.b, &o, &e), e);
    flt_chip c = f.chip[0];
    assert_status_ok(flt_book_check_chip(&f.b, &c, &e), e);
    c.id = 0;
    assert_status(flt_book_check_chip(&f.b, &c, &e), SK_E_INVALID, e, "already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),   cmocka_unit_test(prices),  cmocka_unit_test(words),
        cmocka_unit_test(accepts), cmocka_unit_test(refuses), cmocka_unit_test(checks_new_rows),
    };
    return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
