/* t_place.c - placement: snapshots made by hand, and what holds for any. */
#include "unit.h"

#include "base/rng.h"
#include "fleet/place/need.h"
#include "fleet/place/place.h"
#include "fleet/place/reclaim.h"

#include <math.h>
#include <stdio.h>

#define HOUR 3600

/* Two sites of 64 and 32 chips, a training run of 16 to 64 chips and a service.  The tests change
 * what they are about. */
typedef struct scene {
    flt_board b;
    flt_site site[2];
    flt_want want[3];
    double rate[3][2];
} scene;

static flt_want a_run(int64_t id, const double *rate)
{
    return (flt_want){.workload = id,
                      .kind = FLT_TRAIN,
                      .priority = 1,
                      .min_chips = 16,
                      .max_chips = 64,
                      .unit = 8,
                      .rate = rate,
                      .data = FLT_NONE,
                      .checkpoint_every_s = 600,
                      .checkpoint_write_s = 10,
                      .restart_s = 300,
                      .min_run_s = 600,
                      .lease = FLT_NONE};
}

static flt_want a_service(int64_t id, const double *rate)
{
    flt_want w = a_run(id, rate);
    w.kind = FLT_SERVE;
    w.priority = 5;
    w.min_chips = 0;
    return w;
}

/* Wants 0 and 1 are runs, 2 is a service that has nothing to do. */
static void set(scene *s)
{
    sk_err e = SK_ERR_INIT;
    memset(s, 0, sizeof *s);
    assert_status_ok(flt_board_init(&s->b, 3, 2, &e), e);
    for (size_t i = 0; i < 6; i++)
        s->rate[i / 2][i % 2] = 100;
    for (size_t i = 0; i < 2; i++)
        s->site[i] = (flt_site){.pool = (int64_t)i + 1,
                                .chips = i ? 32 : 64,
                                .price = 2000000,
                                .chips_per_node = 8,
                                .chip_bytes = 80e9,
                                .net_gbps = 400};
    s->want[0] = a_run(1, s->rate[0]);
    s->want[1] = a_run(2, s->rate[1]);
    s->want[2] = a_service(3, s->rate[2]);
    s->want[1].max_chips = s->want[1].min_chips = 0; /* not there unless a test says so */
    s->b.site = s->site;
    s->b.want = s->want;
    s->b.t = 1000000;
}

static void round_of(scene *s)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(flt_board_check(&s->b, &e), e);
    flt_place_round(&s->b, NULL);
}

/* Want w has had n chips in site p for so long, its last checkpoint is so old. */
static void runs(scene *s, size_t w, size_t p, int64_t n, int64_t since, int64_t saved)
{
    flt_cell *c = flt_board_cell(&s->b, w, p);
    c->before = n;
    c->since = s->b.t - since;
    c->saved = s->b.t - saved;
}

static void has(scene *s, size_t w, size_t p, int64_t chips, flt_cause cause)
{
    const flt_cell *c = flt_board_cell(&s->b, w, p);
    if (c->chips != chips || c->cause != cause)
        fail_msg("want %zu in site %zu has %lld chips (%s), not %lld (%s)", w, p,
                 (long long)c->chips, flt_cause_text(c->cause), (long long)chips,
                 flt_cause_text(cause));
}

/* The cheaper site, and growth into all of it; what is paid for already is the cheapest. */
static void the_cheapest(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[1].price = 1000000;
    round_of(&s);
    has(&s, 0, 0, 0, FLT_CAUSE_KEPT);
    has(&s, 0, 1, 32, FLT_CAUSE_STARTED);
    s.site[0].paid = 64;
    round_of(&s);
    has(&s, 0, 0, 64, FLT_CAUSE_STARTED);
    /* Twice as fast for less than twice the price. */
    s.site[0].paid = 0;
    s.site[0].price = 1900000;
    s.rate[0][0] = 200;
    round_of(&s);
    has(&s, 0, 0, 64, FLT_CAUSE_STARTED);
    /* The same everywhere: the lower site. */
    s.rate[0][0] = 100;
    s.site[0].price = 1000000;
    round_of(&s);
    has(&s, 0, 0, 64, FLT_CAUSE_STARTED);
    flt_board_fini(&s.b);
}

/* Nodes that fail more often cost more a useful unit. */
static void failures_cost(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[0].failures_per_node_day = 20;
    round_of(&s);
    has(&s, 0, 1, 32, FLT_CAUSE_STARTED);
    s.site[1].price *= 2;
    round_of(&s);
    has(&s, 0, 0, 64, FLT_CAUSE_STARTED);
    flt_board_fini(&s.b);
}

/* Egress of a big checkpoint is dearer than a day at a slightly better price. */
static void data_has_weight(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[1].price = 1900000;
    s.want[0].data = 0;
    s.want[0].checkpoint_bytes = 6e12;
    s.site[0].egress_micros_per_gb = 90000;
    round_of(&s);
    has(&s, 0, 0, 64, FLT_CAUSE_STARTED);
    s.want[0].checkpoint_bytes = 6e9;
    round_of(&s);
    has(&s, 0, 1, 32, FLT_CAUSE_STARTED);
    flt_board_fini(&s.b);
}

/* What a move costs: egress of the pool it leaves, and time at the slower of both ways; nothing
 * where the checkpoint is, or where there is none. */
static void what_a_move_costs(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.want[0].checkpoint_bytes = 1e12;
    s.site[0].egress_micros_per_gb = 90000;
    s.site[0].wan_gbps = 100;
    s.site[1].wan_gbps = 50;
    flt_move m = flt_move_of(&s.b, 0, 1);
    assert_true(m.egress == 0 && m.copy_s == 0); /* it runs nowhere */
    runs(&s, 0, 0, 64, HOUR, 60);
    m = flt_move_of(&s.b, 0, 1);
    assert_true(m.egress == 90e6 && fabs(m.copy_s - 160) < 1e-9);
    m = flt_move_of(&s.b, 0, 0);
    assert_true(m.egress == 0 && m.copy_s == 0);
    s.want[0].data = 1; /* said: so not where it runs */
    assert_true(flt_move_of(&s.b, 0, 0).copy_s > 0);
    assert_true(flt_move_of(&s.b, 0, 1).copy_s == 0);
    /* The score has both: 160 s of 16 chips at 2.00 an hour are 1.42. */
    s.want[0].data = 0;
    runs(&s, 0, 0, 0, 0, 0);
    flt_candidate c = {.want = 0, .site = 1, .chips = 16, .free_chips = 16};
    flt_score(&s.b, &c, 0);
    assert_true(fabs(c.move_cost - (90e6 + 160.0 / 3600 * 16 * 2e6)) < 1);
    flt_board_fini(&s.b);
}

/* Each filter, by the site that is left. */
static void filters(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[0].price = 1000000;
    for (int i = 0; i < 10; i++) {
        flt_want w = s.want[0];
        flt_site p = s.site[0];
        flt_refusal why = FLT_FITS;
        switch (i) {
        case 0:
            s.rate[0][0] = 0, why = FLT_NO_CHIP;
            break;
        case 1:
            s.site[0].category = FLT_SPOT, s.want[0].categories = 1u << FLT_ON_DEMAND;
            why = FLT_NO_CATEGORY;
            break;
        case 2:
            s.want[0].island = 2, why = FLT_NO_ISLAND;
            break;
        case 3:
            s.site[0].state = FLT_POOL_NO_LAUNCH, why = FLT_NO_STATE;
            break;
        case 4:
            s.site[0].cool_until = s.b.t + 1, why = FLT_NO_COOL;
            break;
        case 5:
            s.want[0].lease = 1, s.want[0].lease_until = s.b.t + 1, why = FLT_NO_LEASE;
            break;
        case 6:
            s.site[0].chip_bytes = 1e9, s.want[0].memory_bytes = 200e9, why = FLT_NO_MEMORY;
            break;
        case 7:
            s.site[0].net_gbps = 100, s.want[0].min_net_gbps = 200, why = FLT_NO_NETWORK;
            break;
        case 8:
            s.site[0].price = INFINITY, why = FLT_NO_PRICE;
            break;
        default:
            s.site[0].chips = 8, why = FLT_NO_ROOM;
            break;
        }
        round_of(&s);
        if (why != FLT_NO_ROOM) assert_int_equal(flt_fits(&s.b, 0, 0), why);
        has(&s, 0, 0, 0, FLT_CAUSE_KEPT);
        has(&s, 0, 1, 32, FLT_CAUSE_STARTED);
        assert_true(strlen(flt_refusal_text(why)) > 5);
        s.want[0] = w;
        s.site[0] = p;
        s.rate[0][0] = 100;
    }
    flt_board_fini(&s.b);
}

/* Serving takes what its demand needs, from what training has above its least, and no more. */
static void serving_goes_first(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.rate[2][1] = 0; /* the service can only be in site 0 */
    runs(&s, 0, 0, 64, HOUR, 60);
    s.want[2].demand = 2050; /* 20.5 chips: 24 in units */
    round_of(&s);
    has(&s, 2, 0, 24, FLT_CAUSE_STARTED);
    has(&s, 0, 0, 40, FLT_CAUSE_SHRUNK);
    assert_int_equal(flt_board_cell(&s.b, 0, 0)->by, 2);
    /* 64 x (60 + 300) chip-seconds are done again. */
    assert_true(flt_board_cell(&s.b, 0, 0)->lost_chip_s == 64 * 360);
    /* More than the part above its least: the run is stopped, and goes where it can. */
    s.want[2].demand = 6000;
    round_of(&s);
    has(&s, 2, 0, 64, FLT_CAUSE_STARTED);
    has(&s, 0, 0, 0, FLT_CAUSE_STOPPED);
    has(&s, 0, 1, 32, FLT_CAUSE_STARTED);
    /* Not within its min_run_s. */
    runs(&s, 0, 0, 64, 599, 60);
    round_of(&s);
    has(&s, 2, 0, 0, FLT_CAUSE_KEPT);
    has(&s, 0, 0, 64, FLT_CAUSE_KEPT);
    flt_board_fini(&s.b);
}

/* A dip of demand gives nothing back that is wanted again (keep); then the rest goes to training,
 * once it is worth a restart. */
static void give_and_take(void **state)
{
    (void)state;
    scene s;
    set(&s);
    runs(&s, 0, 0, 32, HOUR, 60);
    runs(&s, 2, 0, 32, HOUR, 60);
    s.site[1].chips = 0;
    s.want[2].demand = 1000;
    s.want[2].keep = 3200;
    round_of(&s);
    has(&s, 2, 0, 32, FLT_CAUSE_KEPT);
    has(&s, 0, 0, 32, FLT_CAUSE_KEPT);
    s.want[2].keep = 1600;
    s.b.settle_s = 600; /* 16 x 600 is no more than 32 x 300 */
    round_of(&s);
    has(&s, 2, 0, 16, FLT_CAUSE_GAVE_BACK);
    has(&s, 0, 0, 32, FLT_CAUSE_KEPT);
    s.b.settle_s = 601;
    round_of(&s);
    has(&s, 0, 0, 48, FLT_CAUSE_GREW);
    flt_board_next(&s.b);
    s.b.t += 60;
    s.want[2].keep = 800; /* too soon to grow again */
    s.want[2].demand = 800;
    round_of(&s);
    has(&s, 2, 0, 8, FLT_CAUSE_GAVE_BACK);
    has(&s, 0, 0, 48, FLT_CAUSE_KEPT);
    flt_board_fini(&s.b);
}

/* The victim is the one that loses least: here the larger one, whose checkpoint is fresh. */
static void the_one_that_loses_least(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[1].chips = 0;
    s.want[0].min_chips = s.want[0].max_chips = 24;
    s.want[1] = a_run(2, s.rate[1]);
    s.want[1].min_chips = s.want[1].max_chips = 40;
    runs(&s, 0, 0, 24, HOUR, 580);
    runs(&s, 1, 0, 40, HOUR, 10);
    s.want[2].demand = 2400;
    round_of(&s);
    has(&s, 0, 0, 24, FLT_CAUSE_KEPT);
    has(&s, 1, 0, 0, FLT_CAUSE_STOPPED);
    has(&s, 2, 0, 24, FLT_CAUSE_STARTED);
    runs(&s, 1, 0, 40, HOUR, 500);
    round_of(&s);
    has(&s, 0, 0, 0, FLT_CAUSE_STOPPED);
    has(&s, 1, 0, 40, FLT_CAUSE_KEPT);
    /* A lower priority goes before, whatever it loses; and one within its min_run_s is spared. */
    s.want[0].priority = 2;
    round_of(&s);
    has(&s, 1, 0, 0, FLT_CAUSE_STOPPED);
    runs(&s, 1, 0, 40, 100, 50);
    round_of(&s);
    has(&s, 0, 0, 0, FLT_CAUSE_STOPPED);
    has(&s, 1, 0, 40, FLT_CAUSE_KEPT);
    flt_board_fini(&s.b);
}

/* What a smaller victim gives is not taken beside a larger one that suffices. */
static void no_needless_victim(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[1].chips = 0;
    s.want[0].min_chips = 16;
    s.want[0].max_chips = 24; /* 8 above its least */
    s.want[1] = a_run(2, s.rate[1]);
    s.want[1].min_chips = s.want[1].max_chips = 40;
    runs(&s, 0, 0, 24, HOUR, 1);
    runs(&s, 1, 0, 40, HOUR, 1);
    s.want[2].demand = 4000;
    double lost;
    flt_place_round(&s.b, NULL);
    has(&s, 2, 0, 40, FLT_CAUSE_STARTED);
    assert_int_equal(flt_chips_of(&s.b, 0) + flt_chips_of(&s.b, 1), 24);
    assert_true(flt_reclaim_find(&s.b, 2, 0, 1000, FLT_TAKE_RUNS, &lost) < 1000);
    flt_board_fini(&s.b);
}

/* A minimum run time holds until a service has nothing else: then it is broken for what the service
 * can't do without, not for its headroom. */
static void the_last_resort(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[1].chips = 0;
    runs(&s, 0, 0, 64, 599, 60);
    s.want[2].demand = 2050;
    s.want[2].floor = 1600;
    round_of(&s);
    has(&s, 2, 0, 16, FLT_CAUSE_STARTED);
    has(&s, 0, 0, 48, FLT_CAUSE_SHRUNK);
    assert_true(flt_board_cell(&s.b, 0, 0)->early);
    assert_true(flt_board_cell(&s.b, 0, 0)->lost_chip_s == 64 * 360);
    /* What it has is enough for its floor: the rest would be headroom. */
    runs(&s, 0, 0, 48, 599, 60);
    runs(&s, 2, 0, 16, 599, 0);
    round_of(&s);
    has(&s, 2, 0, 16, FLT_CAUSE_KEPT);
    has(&s, 0, 0, 48, FLT_CAUSE_KEPT);
    /* A least number of chips is a floor, too; and past the time nothing is early. */
    runs(&s, 2, 0, 0, 0, 0);
    s.want[2].floor = 0;
    s.want[2].min_chips = 24;
    round_of(&s);
    has(&s, 2, 0, 24, FLT_CAUSE_STARTED);
    runs(&s, 0, 0, 48, 600, 60);
    round_of(&s);
    has(&s, 0, 0, 40, FLT_CAUSE_SHRUNK);
    assert_false(flt_board_cell(&s.b, 0, 0)->early);
    /* Not of its own priority, and not for a run. */
    runs(&s, 0, 0, 48, 599, 60);
    s.want[0].priority = 5;
    s.want[2].min_chips = 24;
    round_of(&s);
    has(&s, 2, 0, 16, FLT_CAUSE_STARTED); /* all that is free */
    has(&s, 0, 0, 48, FLT_CAUSE_KEPT);
    flt_board_fini(&s.b);
}

/* Those past their time go first, and what a young run has above its least before all of it. */
static void the_last_resort_is_last(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.site[1].chips = 0;
    s.want[0].max_chips = 24;
    s.want[1] = a_run(2, s.rate[1]);
    s.want[1].priority = 2;
    s.want[1].min_chips = s.want[1].max_chips = 40;
    runs(&s, 0, 0, 24, 10, 10);
    runs(&s, 1, 0, 40, HOUR, 500);
    s.want[2].demand = 6400;
    s.want[2].floor = 4000;
    round_of(&s);
    has(&s, 0, 0, 24, FLT_CAUSE_KEPT); /* of the lower priority, but young */
    has(&s, 1, 0, 0, FLT_CAUSE_STOPPED);
    has(&s, 2, 0, 40, FLT_CAUSE_STARTED);
    s.want[2].floor = 4800;
    round_of(&s);
    has(&s, 0, 0, 16, FLT_CAUSE_SHRUNK);
    has(&s, 2, 0, 48, FLT_CAUSE_STARTED);
    s.want[2].floor = 4900;
    round_of(&s);
    has(&s, 0, 0, 0, FLT_CAUSE_STOPPED);
    has(&s, 2, 0, 64, FLT_CAUSE_STARTED); /* what nobody has now is had for its demand */
    flt_board_fini(&s.b);
}

static void pools_that_fail(void **state)
{
    (void)state;
    scene s;
    set(&s);
    /* Gone: what ran there starts elsewhere. */
    runs(&s, 0, 0, 64, HOUR, 60);
    s.site[0].state = FLT_POOL_GONE;
    round_of(&s);
    has(&s, 0, 0, 0, FLT_CAUSE_LOST);
    has(&s, 0, 1, 32, FLT_CAUSE_STARTED);
    /* Silent: it may run on inside, so nothing else of it starts; a service needs others. */
    s.site[0].state = FLT_POOL_SILENT;
    runs(&s, 0, 0, 32, HOUR, 60);
    runs(&s, 2, 0, 32, HOUR, 60);
    s.want[2].demand = 1600;
    round_of(&s);
    has(&s, 0, 0, 32, FLT_CAUSE_KEPT);
    has(&s, 2, 1, 16, FLT_CAUSE_STARTED);
    /* No launches: what runs lives, nothing grows. */
    s.site[0].state = FLT_POOL_NO_LAUNCH;
    s.want[2].demand = 3200;
    s.site[1].chips = 0;
    runs(&s, 2, 0, 16, HOUR, 60);
    round_of(&s);
    has(&s, 0, 0, 32, FLT_CAUSE_KEPT);
    has(&s, 2, 0, 16, FLT_CAUSE_KEPT);
    /* Nodes are gone: the part above the least of the lower priority goes first. */
    s.site[0].state = FLT_POOL_UP;
    s.site[0].chips = 40;
    s.want[2].demand = 1600;
    round_of(&s);
    has(&s, 0, 0, 24, FLT_CAUSE_LOST);
    has(&s, 2, 0, 16, FLT_CAUSE_KEPT);
    flt_board_fini(&s.b);
}

static void moves(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.want[0].max_chips = 32;
    runs(&s, 0, 0, 32, HOUR, 60);
    s.site[1].price = 1700000; /* 15 % less is not enough */
    round_of(&s);
    has(&s, 0, 0, 32, FLT_CAUSE_KEPT);
    s.site[1].price = 1000000;
    round_of(&s);
    has(&s, 0, 0, 0, FLT_CAUSE_MOVED);
    has(&s, 0, 1, 32, FLT_CAUSE_MOVED);
    runs(&s, 0, 0, 32, 599, 60);
    round_of(&s);
    has(&s, 0, 0, 32, FLT_CAUSE_KEPT);
    flt_board_fini(&s.b);
}

typedef struct heard {
    sk_buf text;
    size_t n;
} heard;

static void hear(void *arg, const flt_candidate *c)
{
    heard *h = arg;
    flt_candidate_print(c, "llm", c->site ? "azure" : "aws", FLT_ON_DEMAND, &h->text);
    h->n++;
}

static void explained(void **state)
{
    (void)state;
    scene s;
    heard h = {SK_BUF_INIT, 0};
    set(&s);
    s.site[1].state = FLT_POOL_DRAINING;
    s.want[0].data = 1;
    s.want[0].checkpoint_bytes = 1e12;
    s.site[1].egress_micros_per_gb = 90000;
    flt_place_round(&s.b, &(flt_place_ear){hear, &h});
    assert_int_equal(h.n, 2);
    assert_contains(h.text.p, "no: the pool takes nothing new");
    assert_contains(h.text.p, "* 16 chips (16 free)  2.0000/h each, 100 units/s x 0.98");
    assert_contains(h.text.p, "+ move 90.00");
    sk_buf_fini(&h.text);
    /* A last resort says so, and what it costs: 64 x 360 chip-seconds at 2.00 an hour. */
    h = (heard){SK_BUF_INIT, 0};
    runs(&s, 0, 0, 64, 599, 60);
    s.want[2].demand = s.want[2].floor = 1600;
    flt_place_round(&s.b, &(flt_place_ear){hear, &h});
    assert_contains(h.text.p, "+ lost work 12.80  last resort: 16 chips within their minimum run "
                              "time  score");
    sk_buf_fini(&h.text);
    flt_board_fini(&s.b);
}

static void no_snapshot(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    scene s;
    set(&s);
    s.site[1].price = NAN;
    assert_status(flt_board_check(&s.b, &e), SK_E_INVALID, e, "pool 2");
    flt_board_fini(&s.b);
    set(&s);
    s.rate[2][0] = -1;
    assert_status(flt_board_check(&s.b, &e), SK_E_INVALID, e, "workload 3");
    flt_board_fini(&s.b);
    set(&s);
    s.want[2].floor = 1; /* more than it wants */
    assert_status(flt_board_check(&s.b, &e), SK_E_INVALID, e, "workload 3");
    flt_board_fini(&s.b);
    set(&s);
    runs(&s, 0, 0, 8, 0, 0);
    runs(&s, 0, 1, 8, 0, 0);
    assert_status(flt_board_check(&s.b, &e), SK_E_INVALID, e, "several pools");
    flt_board_fini(&s.b);
}

static sk_status attempt(void *arg, sk_err *e)
{
    flt_board b;
    (void)arg;
    sk_status st = flt_board_init(&b, 4, 4, e);
    if (!st) flt_board_fini(&b);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    unit_starve(attempt, NULL, 10, UNIT_TOLD);
}

/* ---- any snapshot ---- */

enum { W = 7, S = 4 };

typedef struct wild {
    flt_board b;
    flt_site site[S];
    flt_want want[W];
    double rate[W][S];
} wild;

static int64_t pick(uint64_t *i, int64_t n)
{
    return (int64_t)sk_rng_below(7, SK_RNG_TEST, (*i)++, (uint64_t)n);
}

static void any_site(flt_site *p, size_t s, uint64_t *i)
{
    *p = (flt_site){.pool = (int64_t)(s / 2) + 1,
                    .category = s % 2 ? FLT_SPOT : FLT_ON_DEMAND,
                    .state = pick(i, 4) ? FLT_POOL_UP : (flt_pool_state)pick(i, 5),
                    .chips = pick(i, 20) * 8,
                    .price = (double)(1 + pick(i, 9)) * 1e6,
                    .chips_per_node = 8,
                    .chip_bytes = 80e9,
                    .net_gbps = 400,
                    .failures_per_node_day = (double)pick(i, 3) * 0.01};
    p->paid = pick(i, 3) ? 0 : pick(i, 10) * 8;
    p->egress_micros_per_gb = (double)pick(i, 2) * 90000;
}

static void any_want(wild *x, size_t w, uint64_t *i)
{
    flt_want *v = &x->want[w];
    *v = pick(i, 3) ? a_run((int64_t)w + 1, x->rate[w]) : a_service((int64_t)w + 1, x->rate[w]);
    for (size_t s = 0; s < S; s++)
        x->rate[w][s] = (double)pick(i, 4) * 50;
    v->priority = pick(i, 4);
    v->unit = pick(i, 2) ? 8 : 4;
    v->min_chips = pick(i, 6) * v->unit;
    v->max_chips = v->min_chips + pick(i, 8) * v->unit;
    v->demand = v->kind == FLT_SERVE ? (double)pick(i, 4000) : 0;
    v->keep = v->demand * (1 + (double)pick(i, 2));
    v->floor = v->demand * (double)pick(i, 5) / 4;
    v->data = pick(i, 2) ? FLT_NONE : (size_t)pick(i, S);
    v->checkpoint_bytes = (double)pick(i, 3) * 1e12;
    v->min_run_s = pick(i, 3) * 600;
}

/* Lets the wants have something where there is room. */
static void any_cells(wild *x, uint64_t *i)
{
    for (size_t s = 0; s < S; s++) {
        int64_t left = x->site[s].chips;
        for (size_t w = 0; w < W; w++) {
            flt_cell *c = flt_board_cell(&x->b, w, s);
            flt_want *v = &x->want[w];
            bool there = false;
            for (size_t k = 0; k < s; k++)
                there |= flt_board_cell(&x->b, w, k)->before > 0;
            int64_t n = flt_least_chips(&x->b, w, s) + pick(i, 3) * v->unit;
            *c = (flt_cell){.since = x->b.t - pick(i, 2000)};
            c->saved = c->since + pick(i, x->b.t - c->since + 1);
            if ((there && v->kind != FLT_SERVE) || n > left || n > v->max_chips || pick(i, 2))
                continue;
            c->before = n;
            left -= n;
        }
    }
}

static void any(wild *x, uint64_t *i)
{
    for (size_t s = 0; s < S; s++)
        any_site(&x->site[s], s, i);
    for (size_t w = 0; w < W; w++)
        any_want(x, w, i);
    x->b.site = x->site;
    x->b.want = x->want;
    x->b.t = 1000000;
    any_cells(x, i);
}

/* Chips that want w could have in site s by its right: free ones and those of lower priorities past
 * their min_run_s, or all of those. */
static int64_t by_right(const wild *x, size_t w, size_t s, bool young)
{
    int64_t n = x->site[s].chips;
    for (size_t v = 0; v < W; v++) {
        const flt_cell *c = flt_board_cell(&x->b, v, s);
        bool lower = x->want[v].priority < x->want[w].priority;
        bool fresh = c->chips != c->before; /* got or lost some this very moment */
        bool spared = !young && x->b.t - c->since < x->want[v].min_run_s;
        if (!lower || fresh || spared) n -= c->chips;
    }
    return n;
}

static void no_site_has_too_many(const wild *x)
{
    for (size_t s = 0; s < S; s++) {
        int64_t sum = 0;
        for (size_t w = 0; w < W; w++) {
            const flt_cell *c = flt_board_cell(&x->b, w, s);
            assert_true(c->chips >= 0);
            if (c->chips > c->before) {
                assert_true(x->site[s].state == FLT_POOL_UP);
                assert_true(x->rate[w][s] > 0);
            }
            sum += c->chips;
        }
        assert_true(sum <= x->site[s].chips || x->site[s].state == FLT_POOL_SILENT);
    }
}

/* Never below its least number unless stopped, in one site only, never over its most. */
static void runs_are_whole(const wild *x)
{
    for (size_t w = 0; w < W; w++) {
        size_t sites = 0;
        if (x->want[w].kind == FLT_SERVE) continue;
        for (size_t s = 0; s < S; s++) {
            const flt_cell *c = flt_board_cell(&x->b, w, s);
            if (!c->chips) continue;
            assert_true(c->chips >= flt_least_chips(&x->b, w, s));
            sites++;
        }
        assert_true(sites <= 1);
        assert_true(flt_chips_of(&x->b, w) <= x->want[w].max_chips);
    }
}

/* Nobody within his min_run_s was taken from, but for what is gone, and for services that have a
 * floor. */
static void min_run_is_kept(const wild *x)
{
    for (size_t w = 0; w < W; w++)
        for (size_t s = 0; s < S; s++) {
            const flt_cell *c = flt_board_cell(&x->b, w, s);
            if (c->cause != FLT_CAUSE_SHRUNK && c->cause != FLT_CAUSE_STOPPED) continue;
            const flt_want *by = &x->want[c->by];
            assert_true(c->early == (x->b.t - c->since < x->want[w].min_run_s));
            if (c->early)
                assert_true(by->kind == FLT_SERVE && (by->floor > 0 || by->min_chips > 0));
            assert_true(by->priority > x->want[w].priority);
        }
}

/* Who lacks what he must have could not have it by right anywhere. */
static void priorities_hold(const wild *x)
{
    for (size_t w = 0; w < W; w++) {
        const flt_want *v = &x->want[w];
        int64_t have = flt_chips_of(&x->b, w);
        bool serve = v->kind == FLT_SERVE;
        if (!serve && (have || !v->max_chips)) continue;
        if (serve && have >= v->min_chips && flt_supply(&x->b, w) >= v->demand * (1 - 1e-9))
            continue;
        if (serve && have + v->unit > v->max_chips) continue;
        bool low = serve && (have < v->min_chips || flt_supply(&x->b, w) < v->floor * (1 - 1e-9));
        for (size_t s = 0; s < S; s++) {
            if (flt_fits(&x->b, w, s)) continue;
            int64_t least = serve ? v->unit : flt_least_chips(&x->b, w, s);
            if (by_right(x, w, s, low) >= least)
                fail_msg("want %zu lacks chips that it could have in site %zu", w, s);
        }
    }
}

static void any_snapshot(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    static wild x, y;
    uint64_t i = 0;
    assert_status_ok(flt_board_init(&x.b, W, S, &e), e);
    for (int k = 0; k < 20000; k++) {
        any(&x, &i);
        assert_status_ok(flt_board_check(&x.b, &e), e);
        flt_place_round(&x.b, NULL);
        no_site_has_too_many(&x);
        runs_are_whole(&x);
        min_run_is_kept(&x);
        priorities_hold(&x);
    }
    /* The same board twice, the second time with scratch that holds other things. */
    assert_status_ok(flt_board_init(&y.b, W, S, &e), e);
    for (int k = 0; k < 500; k++) {
        flt_cell first[W * S];
        any(&x, &i);
        flt_place_round(&x.b, NULL);
        memcpy(first, x.b.cell, sizeof first);
        memset(x.b.order, 0, sizeof *x.b.order * W);
        memset(x.b.mark, 255, sizeof *x.b.mark * W);
        flt_place_round(&x.b, NULL);
        assert_memory_equal(first, x.b.cell, sizeof first);
    }
    flt_board_fini(&x.b);
    flt_board_fini(&y.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest),
        cmocka_unit_test(failures_cost),
        cmocka_unit_test(data_has_weight),
        cmocka_unit_test(what_a_move_costs),
        cmocka_unit_test(filters),
        cmocka_unit_test(serving_goes_first),
        cmocka_unit_test(give_and_take),
        cmocka_unit_test(the_one_that_loses_least),
        cmocka_unit_test(no_needless_victim),
        cmocka_unit_test(the_last_resort),
        cmocka_unit_test(the_last_resort_is_last),
        cmocka_unit_test(pools_that_fail),
        cmocka_unit_test(moves),
        cmocka_unit_test(explained),
        cmocka_unit_test(no_snapshot),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(any_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
