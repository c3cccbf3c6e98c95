/* t_sim_events.c - requests one by one: queues against their closed forms, order, outages. */
#include "tests/unit/unit.h"

#include "fleet/place/route.h"
#include "fleet/sim/draw.h"
#include "fleet/sim/events.h"
#include "fleet/sim/trace.h"
#include "fleet/sim/wheel.h"

#include <math.h>
#include <stdio.h>

/* A slice that was run to its end. */
typedef struct run {
    sk_arena *mem;
    flt_scenario *s;
    flt_fluid *f;
    flt_events *v;
    const flt_event_sum *sum;
} run;

static run simulate(const char *text, double from_s, double for_s, int64_t seed)
{
    run r = {.mem = sk_arena_new(SK_MEM_MISC)};
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    flt_event_rule rule = {from_s, for_s};
    assert_status_ok(sk_yaml_parse("s.yaml", text, strlen(text), &y, &e), e);
    r.s = sk_new(r.mem, flt_scenario);
    assert_status_ok(flt_scenario_read(y, r.mem, r.s, &e), e);
    r.s->seed = seed;
    sk_yaml_free(y);
    assert_status_ok(flt_fluid_new(r.s, r.s->book, &r.f, &e), e);
    assert_status_ok(flt_events_new(r.f, &rule, &r.v, &e), e);
    while (!flt_events_ended(r.v))
        assert_status_ok(flt_events_run(r.v, &e), e);
    r.sum = flt_events_sum(r.v);
    assert_true(r.sum->asked ==
                r.sum->answered + r.sum->refused + r.sum->failed + r.sum->in_flight);
    return r;
}

static void end(run *r)
{
    flt_events_free(r->v);
    flt_fluid_free(r->f);
    sk_arena_free(r->mem);
}

#define QUEUE_HEAD                                                                                 \
    "days: 20\nserve: {headroom: 0, start: 0, patience: 1d, slo: 1d, tpot-floor: 1, user-rate: "   \
    "199}\n"
#define ONE_POOL "pools:\n  - {pool: a, provider: own, chip: c, nodes: 1}\n"

/* Prompts of one length, no answers: M/D/1, whose mean wait is rho D / (2 (1 - rho)).  D is 0.1 s;
 * 2 % over two million requests. */
static void md1(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        double rho = i ? 0.85 : 0.5, d = 0.1;
        char text[600];
        int n = snprintf(text, sizeof text,
                         QUEUE_HEAD
                         "chips:\n  - {chip: c, prefill-rate: 1000, decode-rate: 1000}\n" ONE_POOL
                         "demand: {users: %.0f, prompts: 1, input-tokens: 800,\n"
                         "  output-tokens: 0, peak-to-mean: 1, lengths: constant}\n",
                         rho / d * 86400);
        assert_true(n > 0 && (size_t)n < sizeof text);
        run r = simulate(text, 0, 2e6 / (rho / d), 1);
        double wait = flt_hist_mean(&r.sum->ttft) - d, form = rho * d / (2 * (1 - rho));
        print_message("M/D/1 at %g: wait %.5f s, closed form %.5f\n", rho, wait, form);
        assert_true(fabs(wait / form - 1) < 0.02);
        end(&r);
    }
}

/* Erlang's C: the probability that all of c servers are busy at load a. */
static double erlang_c(int c, double a)
{
    double b = 1;
    for (int k = 1; k <= c; k++)
        b = a * b / (k + a * b);
    return b / (1 - a / c * (1 - b));
}

/* Exponential prompts and answers: M/M/1 for the prefill, whose output is Poisson (Burke), so that
 * the wait for one of ten slots is M/M/10's.  A replica does two requests a second and is asked for
 * 1.6; its answers take 5 s.  2 % and 5 %. */
static void mmc(void **state)
{
    (void)state;
    run r = simulate(QUEUE_HEAD
                     "chips:\n  - {chip: c, prefill-rate: 1e9, decode-rate: 250}\n" ONE_POOL
                     "demand: {users: 138240, prompts: 1, input-tokens: 1e6, output-tokens: 1000,\n"
                     "  peak-to-mean: 1}\n",
                     0, 1.6e6, 1);
    double rate = 8 / (1e6 / 1e9 + 1000 / 250.0), lambda = 1.6;
    double ttft = flt_hist_mean(&r.sum->ttft), slot = flt_hist_mean(&r.sum->slot);
    double ttft_form = 1 / (rate - lambda);
    double slot_form = erlang_c(10, lambda * 10 / rate) / (rate - lambda);
    print_message("M/M/1: %.4f s, closed form %.4f; M/M/10: wait %.4f s, closed form %.4f\n", ttft,
                  ttft_form, slot, slot_form);
    assert_true(fabs(ttft / ttft_form - 1) < 0.02 && fabs(slot / slot_form - 1) < 0.05);
    end(&r);
}

/* Events come out by time whatever order they went in, those of one time by id, near ones and far
 * ones. */
static void wheel_order(void **state)
{
    flt_wheel *w = flt_wheel_new();
    flt_draw d = flt_draw_at(1, FLT_DRAW_ROUTE, 0, 0);
    flt_event e, last = {-1, 0, 0};
    size_t in = 0, out = 0;
    int64_t now = 0;
    (void)state;
    assert_non_null(w);
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 20; i++) {
            int far = (int)(flt_draw_u64(&d) % 6); /* up to a minute ahead, many at once */
            static const int64_t spans[] = {1, 1000, 1000000, 100000000, 5000000000, 60000000000};
            int64_t t = now + (int64_t)(flt_draw_uniform(&d) * (double)spans[far]);
            assert_true(flt_wheel_add(w, (flt_event){t, (uint32_t)in, (uint32_t)(3 * in)}));
            in++;
        }
        int64_t until = now + (int64_t)(flt_draw_u64(&d) % 60000000);
        while (flt_wheel_next(w, round == 1999 ? INT64_C(1) << 40 : until, &e)) {
            assert_true(e.t > last.t || (e.t == last.t && e.id > last.id) || e.t >= now);
            assert_true(e.t >= last.t && e.mark == 3 * e.id);
            last = e;
            out++;
        }
        now = until > last.t ? until : last.t;
        assert_int_equal(flt_wheel_count(w), in - out);
    }
    assert_int_equal(in, out);
    flt_wheel_free(w);
}

/* Cells of 1.6 %. */
static void histogram(void **state)
{
    flt_hist *h = sk_calloc(SK_MEM_MISC, 1, sizeof *h);
    (void)state;
    assert_true(flt_hist_at(h, 0.5) == 0 && flt_hist_mean(h) == 0);
    for (int i = 1; i <= 100000; i++)
        flt_hist_add(h, i * INT64_C(1000000));
    assert_true(fabs(flt_hist_at(h, 0.5) / 50 - 1) < 0.016);
    assert_true(fabs(flt_hist_at(h, 0.99) / 99 - 1) < 0.016);
    assert_true(fabs(flt_hist_mean(h) - 50.0005) < 1e-6);
    flt_hist_add(h, -5);
    flt_hist_add(h, INT64_MAX);
    assert_true(flt_hist_at(h, 1) > 9e9 && flt_hist_at(h, 0) < 1e-9);
    sk_free(h);
}

static const char outage[] =
    "days: 1\ndemand: {users: 20e6, peak-to-mean: 1, noise: 0}\n"
    "serve: {start: 2m, headroom: 0.3, max-share: 0.4, patience: 4s}\n"
    "chips:\n  - {chip: h100, prefill-rate: 9212, decode-rate: 1850}\n"
    "pools:\n"
    "  - {pool: a, provider: aws, chip: h100, nodes: 60, price: 2}\n"
    "  - {pool: b, provider: azure, chip: h100, nodes: 60, price: 2.1, rtt: 0.02}\n"
    "  - {pool: c, provider: gcp, chip: h100, nodes: 60, price: 2.2, rtt: 0.03}\n";

/* The same seed, the same bytes; another one, others. */
static void repeatable(void **state)
{
    run a = simulate(outage, 600, 120, 3), b = simulate(outage, 600, 120, 3);
    run c = simulate(outage, 600, 120, 4);
    (void)state;
    assert_memory_equal(a.sum, b.sum, sizeof *a.sum);
    assert_true(memcmp(a.sum->ttft.cell, c.sum->ttft.cell, sizeof a.sum->ttft.cell) != 0);
    /* All within the goal, and the cheaper pool more than its part. */
    assert_true((double)a.sum->in_time > 0.99 * (double)a.sum->asked);
    assert_true(a.sum->by_pool[0] > a.sum->by_pool[2]);
    end(&a);
    end(&b);
    end(&c);
}

/* A provider goes away: its streams go on elsewhere after the timeout and what it takes to read
 * them again, and it is left alone from then on. */
static void failover(void **state)
{
    char text[1500];
    int n = snprintf(text, sizeof text, "%soutages: [\"aws@day0.01+3m\"]\n", outage);
    (void)state;
    assert_true(n > 0 && (size_t)n < sizeof text);
    run r = simulate(text, 600, 900, 1);
    const flt_event_sum *s = r.sum;
    print_message(
        "asked %d, failed %d, refused %d, resumed %d, retried %d; gap p50 %.2f p99 %.2f\n",
        (int)s->asked, (int)s->failed, (int)s->refused, (int)s->resumed, (int)s->retried,
        flt_hist_at(&s->gap, 0.5), flt_hist_at(&s->gap, 0.99));
    assert_true(s->resumed > 100 && s->gap.n >= s->resumed * 9 / 10);
    assert_true(flt_hist_at(&s->gap, 0.5) > 2 && flt_hist_at(&s->gap, 0.99) < 8);
    assert_true((double)(s->answered + s->in_flight) > 0.9 * (double)s->asked);
    end(&r);
}

/* Conversations of four prompts whose prefixes would save 60 % of all input. */
static run talking(const char *serve, const char *more)
{
    char text[1500];
    int n = snprintf(text, sizeof text,
                     "days: 1\ndemand: {users: 10e6, peak-to-mean: 1, noise: 0, cached: 0.6,\n"
                     "  turns: 4, pause: 20s}\nserve: {start: 2m, %s}\n"
                     "chips:\n  - {chip: h100, prefill-rate: 9212, decode-rate: 1850}\n"
                     "pools:\n"
                     "  - {pool: a, provider: aws, chip: h100, nodes: 60, price: 2}\n"
                     "  - {pool: b, provider: azure, chip: h100, nodes: 60, price: 2.1}\n%s",
                     serve, more);
    assert_true(n > 0 && (size_t)n < sizeof text);
    return simulate(text, 600, 300, 1);
}

static double share(uint64_t part, uint64_t all)
{
    return all ? (double)part / (double)all : 0;
}

/* Three prompts of four go on with a conversation.  With replicas to spare all of them come back to
 * the one that has its prefix, and 60 % of the input is cached. */
static void affinity(void **state)
{
    (void)state;
    run r = talking("headroom: 1, max-share: 0.6", "");
    const flt_event_sum *s = r.sum;
    print_message("continued %.4f, hits %.4f, cached %.4f, in time %.4f\n",
                  share(s->again, s->asked), share(s->hits, s->again), share(s->cached, s->tokens),
                  share(s->in_time, s->asked));
    assert_true(fabs(share(s->again, s->asked) - 0.75) < 0.005);
    assert_true(share(s->hits, s->again) > 0.99 && s->stale == 0);
    assert_true(fabs(share(s->cached, s->tokens) - 0.6) < 0.01);
    assert_true(share(s->in_time, s->asked) > 0.99);
    end(&r);
}

/* A replica that is behind keeps nobody's prefix for itself: its prompts are read elsewhere, and
 * the goal is kept (flt_route_choose). */
static void affinity_is_bounded(void **state)
{
    (void)state;
    run r = talking("headroom: 0.05, slo: 0.4", "");
    const flt_event_sum *s = r.sum;
    print_message("hits %.4f, cached %.4f, in time %.4f\n", share(s->hits, s->again),
                  share(s->cached, s->tokens), share(s->in_time, s->asked));
    assert_true(share(s->hits, s->again) < 0.99 && share(s->hits, s->again) > 0.3);
    assert_true(s->hits <= s->again && s->cached < s->tokens);
    end(&r);
}

/* What a lost pool had cached is gone: its conversations are read again as a whole. */
static void prefixes_get_lost(void **state)
{
    (void)state;
    run r = talking("headroom: 1, max-share: 0.6", "outages: [\"aws@day0.0078+1m\"]\n");
    const flt_event_sum *s = r.sum;
    print_message("hits %.4f, gone %d\n", share(s->hits, s->again), (int)s->stale);
    assert_true(s->stale > 0);
    assert_true(share(s->cached, s->tokens) < 0.6);
    end(&r);
}

static void health(void **state)
{
    const int64_t s = 1000000000;
    flt_route_health h = {0};
    (void)state;
    assert_true(flt_route_may(&h, 0));
    flt_route_failed(&h, 0);
    assert_int_equal(h.state, FLT_ROUTE_SUSPECT);
    flt_route_succeeded(&h);
    for (int i = 0; i < 3; i++)
        flt_route_failed(&h, 0);
    assert_int_equal(h.state, FLT_ROUTE_COOLING);
    assert_false(flt_route_may(&h, 5 * s - 1));
    /* Late news of what was sent before changes nothing; one trial, then twice as long. */
    flt_route_failed(&h, s);
    assert_true(flt_route_may(&h, 5 * s));
    assert_false(flt_route_may(&h, 5 * s));
    flt_route_failed(&h, 6 * s);
    assert_false(flt_route_may(&h, 16 * s - 1));
    for (int i = 0; i < 10; i++) {
        assert_true(flt_route_may(&h, (100 + 61 * i) * s));
        flt_route_failed(&h, (100 + 61 * i) * s);
    }
    assert_true(h.until - (100 + 61 * 9) * s == 60 * s);
    flt_route_succeeded(&h);
    assert_true(h.state == FLT_ROUTE_UP && h.level == 0);
    h.state = FLT_ROUTE_DRAINING;
    flt_route_succeeded(&h);
    assert_false(flt_route_may(&h, 0));
}

static void choice(void **state)
{
    flt_route_option o[3] = {
        {0.5, 1000, 0, 3, 100, 0}, {0.1, 1000, 0, 2, 100, 0}, {2.0, 1000, 0, 1, 100, 0}};
    (void)state;
    assert_int_equal(flt_route_choose(o, 3, 1), 1);    /* the cheapest in time */
    assert_int_equal(flt_route_choose(o, 3, 0), 2);    /* any time is good */
    assert_int_equal(flt_route_choose(o, 3, 0.01), 1); /* none in time: the fastest */
    assert_int_equal(flt_route_choose(o, 1, 0.01), 0);
    o[0].price = 2;
    o[0].tokens = 0; /* its prefix is cached, but its queue is longer */
    assert_int_equal(flt_route_choose(o, 3, 1), 1);
    o[0].wait_s = 0.1;
    assert_int_equal(flt_route_choose(o, 3, 1), 0);
    o[0].rate = 0;
    assert_true(isinf(flt_route_ttft(&o[0])));
    assert_int_equal(flt_route_choose(o, 2, 1), 1);
    flt_route_budget b = {0.1, 2, 0};
    assert_false(flt_route_spend(&b));
    for (int i = 0; i < 100; i++)
        flt_route_earn(&b);
    assert_true(flt_route_spend(&b) && flt_route_spend(&b) && !flt_route_spend(&b));
}

/* Rows of a trace come `scale` times each, with their own lengths. */
static void traced(void **state)
{
    char text[1024], rows[4096] = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
    (void)state;
    for (int i = 0; i < 60; i++) {
        size_t at = strlen(rows);
        int n = snprintf(rows + at, sizeof rows - at, "2023-11-16 18:%02d:%02d.6805900,%d,44\r\n",
                         i / 6, i % 6 * 10, i % 2 ? 100 : 300);
        assert_true(n > 0 && (size_t)n < sizeof rows - at);
    }
    const char *path = unit_path(unit_dir, "trace.csv");
    unit_write(path, rows, strlen(rows));
    int n = snprintf(text, sizeof text, "trace: %s\nscale: 7.5\n%s", path, outage);
    assert_true(n > 0 && (size_t)n < sizeof text);
    run r = simulate(text, 0, 1200, 1);
    assert_true(fabs((double)r.sum->asked - 2 * 60 * 7.5) < 30);
    assert_true(fabs(r.f ? flt_fluid_sum(r.f)->input_tokens - 200 : 1) < 1e-9);
    end(&r);
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_trace t;
    static const char *const bad[] = {
        "1,2\n",    "x,1,2\n0,1,2\n", "0,1,2\nhello,1,2\n", "5,1,2\n4,1,2\n",
        "0,-1,2\n", "0,1,1e300\n",    "0,1,2\n1e12,1,2\n",  ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unit_write(path, bad[i], strlen(bad[i]));
        sk_status st = flt_trace_load(path, mem, &t, &e);
        if (i == 1)
            assert_status_ok(st, e); /* a heading */
        else
            assert_status(st, SK_E_INVALID, e, "trace.csv");
    }
    sk_arena_free(mem);
}

static void refused(void **state)
{
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_scenario *s = sk_new(mem, flt_scenario);
    flt_fluid *f = NULL;
    flt_events *v = NULL;
    static const flt_event_rule bad[] = {{-1, 5},    {0, 0},   {0, 86401},
                                         {86400, 1}, {NAN, 1}, {0, NAN}};
    (void)state;
    assert_status_ok(sk_yaml_parse("s.yaml", outage, sizeof outage - 1, &y, &e), e);
    assert_status_ok(flt_scenario_read(y, mem, s, &e), e);
    sk_yaml_free(y);
    assert_status_ok(flt_fluid_new(s, s->book, &f, &e), e);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(flt_events_new(f, &bad[i], &v, &e), SK_E_INVALID, e, "slice");
    flt_fluid_free(f);
    sk_arena_free(mem);
}

static sk_status attempt(void *arg, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_scenario *s = mem ? sk_new(mem, flt_scenario) : NULL;
    sk_yaml *y = NULL;
    flt_fluid *f = NULL;
    flt_events *v = NULL;
    flt_event_rule rule = {0, 2};
    (void)arg;
    sk_status st = s ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
    if (!st) st = sk_yaml_parse("s.yaml", outage, sizeof outage - 1, &y, e);
    if (!st) st = flt_scenario_read(y, mem, s, e);
    if (!st) st = flt_fluid_new(s, s->book, &f, e);
    if (!st) st = flt_events_new(f, &rule, &v, e);
    while (!st && !flt_events_ended(v))
        st = flt_events_run(v, e);
    flt_events_free(v);
    flt_fluid_free(f);
    sk_yaml_free(y);
    sk_arena_free(mem);
    return st;
}

static void starve(void **state)
{
    (void)state;
    unit_starve(attempt, NULL, 20000, UNIT_TOLD | UNIT_STRIDES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md1),
        cmocka_unit_test(mmc),
        cmocka_unit_test(wheel_order),
        cmocka_unit_test(histogram),
        cmocka_unit_test(health),
        cmocka_unit_test(choice),
        cmocka_unit_test(repeatable),
        cmocka_unit_test(failover),
        cmocka_unit_test(affinity),
        cmocka_unit_test(affinity_is_bounded),
        cmocka_unit_test(prefixes_get_lost),
        cmocka_unit_test(refused),
        cmocka_unit_test(starve),
        cmocka_unit_test_setup_teardown(traced, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
