/* t_sim_fluid.c - the fluid simulation: nothing is lost, published facts come out, chance is
 * repeatable. */
#include "tests/unit/unit.h"

#include "fleet/sim/fluid.h"
#include "fleet/sim/fluid_state.h"
#include "fleet/sim/job.h"

#include <math.h>
#include <stdio.h>

#define CHIPS                                                                                      \
    "chips:\n  - {chip: h100, peak-flops: 989e12, prefill-rate: 9212.5, decode-rate: 1850}\n"

/* A scenario that was run to its end. */
typedef struct run {
    sk_arena *mem;
    flt_scenario s;
    flt_fluid *f;
    const flt_sim_sum *sum;
} run;

static run simulate(const char *text, int64_t seed)
{
    run r = {.mem = sk_arena_new(SK_MEM_MISC)};
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    assert_status_ok(sk_yaml_parse("s.yaml", text, strlen(text), &y, &e), e);
    run *kept = sk_new(r.mem, run); /* the simulation borrows the scenario */
    assert_status_ok(flt_scenario_read(y, r.mem, &kept->s, &e), e);
    kept->s.seed = seed;
    sk_yaml_free(y);
    assert_status_ok(flt_fluid_new(&kept->s, kept->s.book, &r.f, &e), e);
    assert_status_ok(flt_fluid_run(r.f, INT64_MAX, &e), e);
    r.sum = flt_fluid_sum(r.f);
    return r;
}

static void end(run *r)
{
    flt_fluid_free(r->f);
    sk_arena_free(r->mem);
}

/* capacity = serving + training + idle + down; asked = served + refused + waiting; a job's time is
 * useful, lost, writing or restarting. */
static void conserved(const flt_sim_sum *s)
{
    for (size_t i = 0; i < s->n_pool; i++) {
        const flt_sim_pool_sum *p = &s->pool[i];
        assert_int_equal(p->capacity, p->chips * s->seconds);
        assert_int_equal(p->capacity, p->serving + p->training + p->idle + p->down);
    }
    assert_int_equal(s->asked, s->served + s->refused + s->waiting);
    assert_true(s->in_time <= s->served);
    for (size_t i = 0; i < s->n_job; i++) {
        const flt_sim_job_sum *j = &s->job[i];
        double sum = j->useful + j->lost + j->writing + j->restarting;
        assert_true(fabs(sum - j->held) <= 1e-9 * (j->held + 1));
        assert_true(j->useful >= 0 && j->lost >= 0);
    }
}

/* All that can happen at once. */
static const char busy[] =
    "days: 20\ndemand: {users: 40e6, cached: 0.5, weekend: 0.8, growth: 2}\n"
    "serve: {start: 7m, max-share: 0.6}\n" CHIPS "pools:\n"
    "  - {pool: a1, provider: aws, chip: h100, zone: z, nodes: 300, price: 2.5}\n"
    "  - {pool: a2, provider: aws, chip: h100, zone: z, nodes: 200, price: 2.6,\n"
    "     category: spot, spot-up: 9h, spot-down: 2h}\n"
    "  - {pool: b, provider: gcp, chip: h100, nodes: 500, chips-per-node: 4, price: 3}\n"
    "train:\n"
    "  - {workload: big, min-chips: 1024, max-chips: 1600, priority: 3, checkpoint-every: 20m}\n"
    "  - {workload: small, min-chips: 64, max-chips: 512, checkpoint-every: 20m, params: 7e9,\n"
    "     tokens: 1e11}\n"
    "  - {workload: soak, kind: batch}\n"
    "failures:\n"
    "  - {cause: gpu, rate: 30, repair: 12h}\n"
    "  - {cause: net, rate: 10, repair: 1h}\n"
    "zone-losses: 60\n"
    "outages: [\"aws@day3+15h:no-launch\", \"b@day8+2h:silent\", \"a1@day12+5h\"]\n";

static void conservation(void **state)
{
    (void)state;
    for (int64_t seed = 1; seed <= 5; seed++) {
        run r = simulate(busy, seed);
        conserved(r.sum);
        assert_true(r.sum->asked > 0 && r.sum->refused > 0);
        assert_true(r.sum->job[1].done_s > 0 && r.sum->job[1].tokens >= 1e11);
        assert_true(r.sum->by_stop[FLT_STOP_SPOT] > 0 && r.sum->by_stop[FLT_STOP_ZONE] > 0);
        end(&r);
    }
}

/* The same seed gives the same in any cut of the run into steps; another seed does not. */
static void repeatable(void **state)
{
    run a = simulate(busy, 4), b = simulate(busy, 4), c = simulate(busy, 5);
    (void)state;
    flt_sim_sum *copy = sk_alloc(SK_MEM_MISC, sizeof *copy);
    *copy = *a.sum;
    /* Names are of different arenas; numbers follow. */
    assert_memory_equal(copy->point, b.sum->point, sizeof copy->point);
    for (size_t i = 0; i < copy->n_job; i++)
        assert_memory_equal(&copy->job[i].held, &b.sum->job[i].held,
                            sizeof copy->job[i] - offsetof(flt_sim_job_sum, held));
    assert_memory_equal(copy->by_cause, b.sum->by_cause, sizeof copy->by_cause);
    assert_true(copy->served == b.sum->served && copy->served != c.sum->served);
    sk_free(copy);
    flt_fluid *f = NULL;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(flt_fluid_new(a.f->s, a.f->book, &f, &e), e);
    while (flt_fluid_done(f) < flt_fluid_buckets(f))
        assert_status_ok(flt_fluid_run(f, 7, &e), e);
    assert_memory_equal(flt_fluid_sum(f)->point, a.sum->point, sizeof a.sum->point);
    flt_fluid_free(f);
    end(&a);
    end(&b);
    end(&c);
}

/* A job on all but a few spare nodes of one pool. */
static run one_job(int nodes, double rate, const char *rule, double days, int64_t seed)
{
    char text[1024];
    int n =
        snprintf(text, sizeof text,
                 "days: %g\n" CHIPS "pools:\n  - {pool: a, provider: own, chip: h100, nodes: %d}\n"
                 "train:\n  - {workload: t, min-chips: %d, max-chips: %d, %s}\n"
                 "failures:\n  - {cause: any, rate: %g, repair: 1h}\n",
                 days, nodes + nodes / 8 + 8, nodes * 8, nodes * 8, rule, rate);
    assert_true(n > 0 && (size_t)n < sizeof text);
    return simulate(text, seed);
}

/* Simulated ETTR against Meta's closed form, within 2 % (their arXiv 2410.21680), over settings
 * where the form, which is of first order in failures, holds. */
static void ettr(void **state)
{
    static const struct {
        int nodes;
        double rate, every, write, restart, days;
    } c[] = {
        {2048, 3.79, 600, 30, 360, 120}, /* Llama 3's rate */
        {2048, 3.79, 360, 18, 360, 120}, {1024, 6.5, 1800, 60, 300, 120},
        {128, 6.5, 3600, 120, 600, 400}, {256, 2.34, 3600, 30, 900, 400},
        {2048, 6.5, 300, 10, 120, 120},
    };
    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char rule[200];
        int n =
            snprintf(rule, sizeof rule, "checkpoint-every: %g, checkpoint-write: %g, restart: %g",
                     c[i].every, c[i].write, c[i].restart);
        assert_true(n > 0 && (size_t)n < sizeof rule);
        run r = one_job(c[i].nodes, c[i].rate, rule, c[i].days, 1);
        flt_job_rule rl = {c[i].every, c[i].write, c[i].restart, true};
        double form = flt_job_ettr(&rl, c[i].nodes * c[i].rate / 1000 / 86400);
        print_message("%d nodes, %g: simulated %.4f, closed form %.4f\n", c[i].nodes, c[i].rate,
                      r.sum->job[0].ettr, form);
        assert_true(fabs(r.sum->job[0].ettr / form - 1) < 0.02);
        conserved(r.sum);
        end(&r);
    }
}

/* Llama 3: 466 interruptions in 54 days are one every 2.78 h, 419 one every 3.09 h; Meta's rate of
 * 6.5 gives 1.80 h at 2,048 nodes and 0.225 h at 16,384. */
static void mtti(void **state)
{
    (void)state;
    assert_true(fabs(54 * 24 / 466.0 - 2.78) < 0.005);
    double rate = 466 / 54.0 / 2048 * 1000;
    assert_true(fabs(flt_job_mtti_hours(2048, rate) - 2.78) < 0.005);
    assert_true(fabs(flt_job_mtti_hours(2048, 419 / 54.0 / 2.048) - 3.09) < 0.005);
    assert_true(fabs(flt_job_mtti_hours(2048, 6.5) - 1.80) < 0.005);
    assert_true(fabs(flt_job_mtti_hours(16384, 6.5) - 0.225) < 0.0005);
    assert_true(isinf(flt_job_mtti_hours(0, 1)));
    /* The run of Llama 3's 54 days: 466 within three standard deviations. */
    run r = one_job(2048, rate, "checkpoint-every: 10m, restart: 6m", 54, 1);
    double n = (double)r.sum->job[0].interruptions;
    print_message("54 days: %g interruptions of 466\n", n);
    assert_true(fabs(n - 466) < 3 * sqrt(466));
    end(&r);
}

/* DeepSeek's serving day: peak over mean 278 / 226.75 leaves 18.4 % of the peak's node-hours to
 * training, with every request served. */
static void shared_day(void **state)
{
    run r = simulate("days: 28\n"
                     "demand: {users: 3.2e6, prompts: 300, peak-to-mean: 1.22602, noise: 0,\n"
                     "         input-tokens: 633, output-tokens: 175, cached: 0.563}\n"
                     "serve: {start: 0, headroom: 0, hold: 0}\n" CHIPS
                     "pools:\n  - {pool: a, provider: own, chip: h100, nodes: 281}\n"
                     "train:\n  - {workload: research, kind: batch}\n",
                     1);
    (void)state;
    conserved(r.sum);
    /* What is beyond the most that serving ever had is not part of the peak's node-hours. */
    const flt_sim_pool_sum *p = &r.sum->pool[0];
    double need = 3.2e6 * 300 / 86400.0 * (633 * 0.437 / 9212.5 + 175 / 1850.0) * 1.22602 / 8;
    double peak = ceil(need) * 8 * (double)r.sum->seconds;
    double share = 1 - (double)p->serving / peak;
    print_message("peak %.1f nodes; share to training %.4f\n", need, share);
    assert_true(fabs(share - 0.184) < 0.004);
    assert_true((double)r.sum->in_time > 0.999 * (double)r.sum->asked);
    end(&r);
}

#define OUTAGE_HEAD                                                                                \
    "days: 7\nstart: 2026-01-05\n"                                                                 \
    "demand: {users: 30e6, peak-to-mean: 1.4, peak-hour: 20, noise: 0}\n"                          \
    "serve: {start: 5m, headroom: 0.1, max-share: 0.4, hold: 30m}\n" CHIPS "pools:\n"
#define ONE "  - {pool: a, provider: aws, chip: h100, nodes: 600}\n"
#define THREE                                                                                      \
    "  - {pool: a, provider: aws, chip: h100, nodes: 200}\n"                                       \
    "  - {pool: b, provider: azure, chip: h100, nodes: 200}\n"                                     \
    "  - {pool: c, provider: gcp, chip: h100, nodes: 200}\n"
#define SOAK "train:\n  - {workload: soak, kind: batch}\n"

static double served(const char *text)
{
    run r = simulate(text, 1);
    conserved(r.sum);
    double share = (double)r.sum->served / (double)r.sum->asked;
    end(&r);
    return share;
}

/* Fifteen hours in which one provider can't start anything, from the night's low on (as us-east-1
 * had in October 2025): who has that one alone serves with what stood at night; who has three does
 * not notice.  A provider that is gone leaves one of one with nothing for those hours. */
static void one_or_three(void **state)
{
    (void)state;
    double one = served(OUTAGE_HEAD ONE SOAK "outages: [\"aws@day2.3+15h:no-launch\"]\n");
    double three = served(OUTAGE_HEAD THREE SOAK "outages: [\"aws@day2.3+15h:no-launch\"]\n");
    double one_gone = served(OUTAGE_HEAD ONE SOAK "outages: [\"aws@day2.3+15h\"]\n");
    double three_gone = served(OUTAGE_HEAD THREE SOAK "outages: [\"aws@day2.3+15h\"]\n");
    print_message("no-launch: %.5f against %.5f; gone: %.5f against %.5f\n", one, three, one_gone,
                  three_gone);
    assert_true(one < 0.98 && three > 0.9999);
    assert_true(one_gone < 0.93 && three_gone > 0.9995);
    assert_true(served(OUTAGE_HEAD ONE SOAK) > 0.9999);
}

/* OPT-175B.  The model has one cause, hosts that break, and each that the run uses is one restart.
 * Told: 124 hosts, "about two machines go down every day" (metaseq chronicles: 16 a thousand and
 * day), a host that is back after a day, 58 days.  Published of hardware: at least 35 manual
 * restarts, some 70 automatic ones, that is an estimate, and over 100 hosts changed (arXiv
 * 2205.01068, 2.5): 105.  So the rate is published too, and what the count can show is that the two
 * agree, not that the model foresees either.  The "about 90" of the chronicles count otherwise:
 * restarts that people made, those after a divergence among them, which nothing here models.
 *
 * What is asserted: the simulator's count is the rate's, over the time that the run has its hosts,
 * within three standard deviations; it is within 30 % of 105; and four spares are too few, as they
 * were, where twelve, what was asked for, are not. */
static void opt_replay(void **state)
{
    static const int spare[] = {4, 12};
    const double published = 35 + 70;
    double waited[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[512];
        int n = snprintf(text, sizeof text,
                         "days: 58\n" CHIPS
                         "pools:\n  - {pool: a, provider: azure, chip: h100, nodes: %d}\n"
                         "train:\n  - {workload: opt, min-chips: 992, max-chips: 992,\n"
                         "     checkpoint-every: 2h, checkpoint-write: 5m, restart: 1h}\n"
                         "failures:\n  - {cause: host, rate: 16, repair: 1d}\n",
                         124 + spare[i]);
        assert_true(n > 0 && (size_t)n < sizeof text);
        run r = simulate(text, 1);
        const flt_sim_job_sum *j = &r.sum->job[0];
        double up_days = 58 - j->waiting_s / 86400, mean = 0.016 * 124 * up_days;
        double count = (double)j->interruptions;
        print_message(
            "%d spares: %g restarts by hosts (the rate gives %.0f in the %.1f days that it "
            "ran; 105 published), waited %.1f h, ETTR %.3f\n",
            spare[i], count, mean, up_days, j->waiting_s / 3600, j->ettr);
        assert_true(fabs(count - mean) < 3 * sqrt(mean));
        assert_true(fabs(count / published - 1) < 0.3);
        waited[i] = j->waiting_s;
        conserved(r.sum);
        end(&r);
    }
    assert_true(waited[0] > 24 * 3600 && waited[1] < waited[0] / 5);
}

/* Ten nodes of eight chips, always in use, at 2.50 for ten days: 48,000; with 30 % off 33,600, of
 * which the commitment of 2 million a year is drawn down. */
static void money(void **state)
{
    static const char text[] =
        "days: 10\n" CHIPS
        "pools:\n  - {pool: a, provider: aws, chip: h100, nodes: 10, price: 2.5}\n"
        "  - {pool: own, provider: own, chip: h100, nodes: 3}\n"
        "train:\n  - {workload: soak, kind: batch}\n";
    char more[1024];
    (void)state;
    run r = simulate(text, 1);
    assert_int_equal(r.sum->n_total, 1);
    assert_int_equal(r.sum->total[0].billed, 48000 * FLT_MICRO);
    assert_int_equal(r.sum->pool_cost[0].by_paid[FLT_PAID_LIST], 48000 * FLT_MICRO);
    end(&r);
    int n =
        snprintf(more, sizeof more,
                 "%scontracts:\n  - {contract: c, provider: aws, interval: annual, amount: 2e6,\n"
                 "     discount: 0.3, term: 365d}\n",
                 text);
    assert_true(n > 0 && (size_t)n < sizeof more);
    r = simulate(more, 1);
    const flt_sim_commitment *c = &r.sum->commitment[0];
    assert_int_equal(r.sum->total[0].billed, 33600 * FLT_MICRO);
    assert_int_equal(r.sum->total[0].list, 48000 * FLT_MICRO);
    assert_int_equal(c->drawn, 33600 * FLT_MICRO);
    assert_true(fabs((double)c->due / 1e6 - 2e6 * 10 / 365) < 1);
    assert_true(fabs(c->pace - 33600 / (2e6 * 10 / 365)) < 0.001);
    assert_int_equal(r.sum->n_curve, 1);
    end(&r);
    /* An hourly promise of 300 is half used: 200 x 0.6 of it, the rest is lost. */
    n = snprintf(
        more, sizeof more,
        "%scontracts:\n  - {contract: c, provider: aws, model: continuous, interval: hourly,\n"
        "     amount: 300, discount: 0.4, term: 365d}\n",
        text);
    assert_true(n > 0 && (size_t)n < sizeof more);
    r = simulate(more, 1);
    c = &r.sum->commitment[0];
    assert_int_equal(c->used, 120 * 240 * FLT_MICRO);
    assert_int_equal(c->unused, 180 * 240 * FLT_MICRO);
    assert_int_equal(r.sum->total[0].billed, 300 * 240 * FLT_MICRO);
    end(&r);
}

/* Begun in the middle of a contract, what was due by then counts as drawn: of 2 million a year the
 * last ten days owe their own part, and what is short of that is charged at the end. */
static void begun_in_the_middle(void **state)
{
    (void)state;
    run r = simulate("start: 2026-12-22\ndays: 10.5\n" CHIPS
                     "pools:\n  - {pool: a, provider: aws, chip: h100, nodes: 10, price: 2.5}\n"
                     "train:\n  - {workload: soak, kind: batch}\n"
                     "contracts:\n  - {contract: c, provider: aws, interval: annual, amount: 2e6,\n"
                     "     discount: 0.3, from: 2026-01-01, term: 365d}\n",
                     1);
    const flt_sim_commitment *c = &r.sum->commitment[0];
    assert_int_equal(c->drawn, 33600 * FLT_MICRO);
    assert_true(fabs((double)c->due / 1e6 - 2e6 * 10 / 365) < 1);
    assert_true(fabs((double)c->shortfall / 1e6 - (2e6 * 10 / 365 - 33600)) < 1);
    end(&r);
}

/* The simulator's sums are those of rating: its chips, told to a rater as whole rows pool by pool
 * and day by day, cost the same at the list price; and what is billed is the sum of what pools and
 * commitments are charged. */
static void money_is_ratings(void **state)
{
    (void)state;
    for (int64_t seed = 1; seed <= 3; seed++) {
        run r = simulate(busy, seed);
        int64_t sum = 0;
        for (size_t i = 0; i < r.sum->n_pool; i++) {
            const flt_sim_pool_sum *p = &r.sum->pool[i];
            int64_t price = (int64_t[]){2500000, 2600000, 3000000}[i], list = 0;
            assert_true(flt_muldiv(p->serving + p->training, price, 3600, &list));
            /* Rounded once an hour. */
            assert_true(llabs(list - r.sum->pool_cost[i].money.list) <= 20 * 24);
            sum += r.sum->pool_cost[i].money.billed;
        }
        assert_int_equal(sum, r.sum->total[0].billed);
        end(&r);
    }
}

/* A run of 64 chips whose pool is away for six hours, checkpoint and prices as given. */
static run moving(const char *bytes, const char *outage)
{
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "days: 3\n" CHIPS "pools:\n"
                     "  - {pool: a, provider: aws, chip: h100, nodes: 8, price: 1, egress: 0.09}\n"
                     "  - {pool: b, provider: gcp, chip: h100, nodes: 8, price: 2, egress: 0.12,\n"
                     "     wan-gbps: 50}\n"
                     "train:\n  - {workload: t, min-chips: 64, max-chips: 64, restart: 10m,\n"
                     "     checkpoint-bytes: %s}\noutages: [%s]\n",
                     bytes, outage);
    assert_true(n > 0 && (size_t)n < sizeof text);
    return simulate(text, 1);
}

/* Into the other pool and back: 1 TB leaves each once, at 90.00 and 120.00, and takes 160 s at the
 * slower way's 50 Gbit/s; in the bill and out of the ETTR.  Who stays pays nothing. */
static void moves_cost(void **state)
{
    (void)state;
    run r = moving("1e12", "\"a@day1+6h\""), none = moving("0", "\"a@day1+6h\"");
    const flt_sim_job_sum *j = &r.sum->job[0], *k = &none.sum->job[0];
    assert_int_equal(j->moves, 2);
    assert_int_equal(k->moves, 2);
    assert_int_equal(j->egress, 210 * FLT_MICRO);
    assert_true(fabs(j->copying_s - 320) < 1e-6);
    assert_int_equal(r.sum->total[0].billed - none.sum->total[0].billed, 210 * FLT_MICRO);
    assert_int_equal(r.sum->total[0].list - none.sum->total[0].list, 210 * FLT_MICRO);
    assert_true(fabs(j->restarting - k->restarting - 64 * 320) < 1e-3);
    assert_true(j->ettr < k->ettr && j->held == k->held);
    conserved(r.sum);
    end(&r);
    end(&none);
    /* Where going back costs more than a day at half the price saves, it stays: one way only. */
    r = moving("100e12", "\"a@day1+6h\"");
    assert_int_equal(r.sum->job[0].moves, 1);
    assert_int_equal(r.sum->job[0].egress, 9000 * FLT_MICRO);
    end(&r);
    /* A pool that comes back before anything could start elsewhere: no move, no cost. */
    r = moving("1e12", "\"a@day1+6h\", \"b@day1+6h\"");
    assert_int_equal(r.sum->job[0].moves, 0);
    assert_int_equal(r.sum->job[0].egress, 0);
    assert_true(r.sum->job[0].copying_s == 0 && r.sum->job[0].waiting_s > 5 * 3600);
    end(&r);
}

/* Serving that has nothing else takes chips within their min-run, as far as the forecast goes, and
 * they are counted apart. */
static void min_run_in_need(void **state)
{
    (void)state;
    static const char text[] =
        "days: 1\ndemand: {users: 5e6, peak-to-mean: 1.5, peak-hour: 20, noise: 0}\n" CHIPS
        "pools:\n  - {pool: a, provider: aws, chip: h100, nodes: 10}\n"
        "train:\n  - {workload: t, min-chips: 8, max-chips: 80, min-run: 30d}\n";
    run r = simulate(text, 1);
    print_message("served %.6f, taken early %d\n", (double)r.sum->served / (double)r.sum->asked,
                  (int)r.sum->by_stop[FLT_STOP_EARLY]);
    assert_true(r.sum->by_stop[FLT_STOP_EARLY] > 0);
    assert_int_equal(r.sum->by_stop[FLT_STOP_SERVING], 0);
    assert_true((double)r.sum->served > 0.9999 * (double)r.sum->asked);
    conserved(r.sum);
    end(&r);
}

/* Memory is that of the beginning whatever the length. */
static void flat(void **state)
{
    run r = simulate("days: 3650\nbucket: 3600\n" CHIPS
                     "pools:\n  - {pool: a, provider: own, chip: h100, nodes: 100}\n"
                     "train:\n  - {workload: t}\nfailures:\n  - {cause: x, rate: 5}\n",
                     1);
    (void)state;
    assert_true(sk_mem_bytes(SK_MEM_MISC) < 4u << 20);
    assert_true(r.sum->n_point <= FLT_SIM_POINTS && r.sum->n_point > FLT_SIM_POINTS / 2);
    conserved(r.sum);
    end(&r);
}

/* A point of the plots is a whole part of a day, or whole days: a year has one a day. */
static void points_of_a_plot(void **state)
{
    static const struct {
        double days;
        int bucket, points;
    } c[] = {{365, 60, 365}, {7, 60, 7 * 96},   {90, 60, 720}, {91, 60, 91},
             {0.5, 60, 720}, {1000, 3600, 500}, {2, 7, 720}};
    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char text[400];
        int n = snprintf(text, sizeof text,
                         "days: %g\nbucket: %d\n" CHIPS
                         "pools:\n  - {pool: a, provider: own, chip: h100, nodes: 1}\n",
                         c[i].days, c[i].bucket);
        assert_true(n > 0 && (size_t)n < sizeof text);
        run r = simulate(text, 1);
        print_message("%g days: %zu points\n", c[i].days, r.sum->n_point);
        assert_true((int)r.sum->n_point <= c[i].points);
        assert_true((int)r.sum->n_point > c[i].points * 9 / 10);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conservation),
        cmocka_unit_test(repeatable),
        cmocka_unit_test(ettr),
        cmocka_unit_test(mtti),
        cmocka_unit_test(shared_day),
        cmocka_unit_test(one_or_three),
        cmocka_unit_test(opt_replay),
        cmocka_unit_test(flat),
        cmocka_unit_test(money),
        cmocka_unit_test(begun_in_the_middle),
        cmocka_unit_test(money_is_ratings),
        cmocka_unit_test(moves_cost),
        cmocka_unit_test(min_run_in_need),
        cmocka_unit_test(points_of_a_plot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
