/* sim.c - stoke fleet sim: a fleet over months on paper, with failures and outages. */
#include "cli/fleet/sim.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/fleet/store.h"
#include "cli/verbs.h"

#include <math.h>
#include <stdio.h>

typedef struct sim_opts {
    cmd_common common;
    double days;
    int64_t seed;
    sk_opt_list outage;
    const char *db, *compare, *plot, *trace, *at, *length;
    double scale;
    bool json, example, events;
} sim_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(sim_opts),
    {"days", 0, SK_OPT_FLOAT, "N", NULL, "how long; default what the scenario says, or 90",
     offsetof(sim_opts, days), 0.01, 36500, false, SK_COMPLETE_NONE, NULL},
    {"seed", 0, SK_OPT_INT, "N", NULL,
     "where chance begins: the same seed gives the same bytes of output; default the scenario's, "
     "or 1",
     offsetof(sim_opts, seed), 0, 9e15, false, SK_COMPLETE_NONE, NULL},
    {"outage", 0, SK_OPT_LIST, "POOL@day12+15h[:KIND]", NULL,
     "a pool, a provider or all (*) fail for a time: no-launch (what runs lives), silent (it can't "
     "be "
     "reached), gone (the default)",
     offsetof(sim_opts, outage), 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"compare", 0, SK_OPT_STRING, "FILE", NULL, "a second scenario, shown beside the first",
     offsetof(sim_opts, compare), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"trace", 0, SK_OPT_STRING, "FILE", NULL,
     "requests from a CSV of time,input tokens,output tokens instead of the scenario's demand",
     offsetof(sim_opts, trace), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"scale", 0, SK_OPT_FLOAT, "K", NULL, "each request of the trace stands for so many",
     offsetof(sim_opts, scale), 1e-6, 1e9, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(sim_opts, "events", 0, SK_OPT_BOOL, NULL, NULL,
            "request by request for a slice of the time: --at and --for", events, 0, NULL),
    CMD_ROW(sim_opts, "at", 0, SK_OPT_STRING, "TIME", "0", "where the slice begins: 12d, 36h", at,
            0, NULL),
    CMD_ROW(sim_opts, "for", 0, SK_OPT_STRING, "TIME", "10m", "how long it is", length, 0, NULL),
    CMD_ROW(sim_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object a scenario", json,
            0, NULL),
    {"plot", 0, SK_OPT_STRING, "PREFIX", NULL, "write pictures PREFIX-capacity.svg and others",
     offsetof(sim_opts, plot), 0, 0, false, SK_COMPLETE_FILE, NULL},
    CMD_ROW(sim_opts, "example", 0, SK_OPT_BOOL, NULL, NULL,
            "print a scenario with comments, to begin with", example, 0, NULL),
    CMD_COMMON_ROWS(sim_opts),
    {0},
};

/* A scenario that has been run. */
typedef struct sim_run {
    flt_scenario s;
    sk_arena *mem, *book_mem; /* book_mem: of a fleet's database, NULL: the scenario's own */
    flt_book stored;
    const flt_book *book;
    flt_fluid *fluid;
    flt_events *events; /* NULL: none */
    cmd_sim_table table;
} sim_run;

/* The scenario with what the flags change. */
static sk_status load(const sim_opts *o, const char *path, sim_run *r, sk_err *e)
{
    sk_status st = flt_scenario_load(path, r->mem, &r->s, e);
    if (st) return st;
    if (o->days > 0) r->s.days = o->days;
    if (o->seed >= 0) r->s.seed = o->seed;
    if (o->trace) r->s.trace = o->trace;
    if (o->scale > 0) r->s.scale = o->scale;
    for (size_t i = 0; i < o->outage.n && !st; i++)
        st = flt_scenario_add_outage(&r->s, o->outage.item[i], r->mem, e);
    r->book = r->s.book ? r->s.book : &r->stored;
    if (st || r->s.book) return st;
    st = cmd_fleet_book(o->db, &r->book_mem, &r->stored, e);
    return st ? sk_while(e, "%s has no pools of its own", path) : SK_OK;
}

/* "12d" as seconds. */
static sk_status seconds_of(const sim_run *r, const char *flag, const char *text, double *out,
                            sk_err *e)
{
    int64_t end = 0;
    if (sk_utc_after(r->s.start, text, &end, e)) return sk_while(e, "--%s", flag);
    *out = (double)(end - r->s.start);
    return SK_OK;
}

/* Runs a slice request by request, with a bar. */
static sk_status run_events(const sim_opts *o, sim_run *r, sk_err *e)
{
    flt_event_rule rule = {0, 0};
    sk_status st = seconds_of(r, "at", o->at, &rule.from_s, e);
    if (!st) st = seconds_of(r, "for", o->length, &rule.for_s, e);
    if (!st) st = flt_fluid_new(&r->s, r->book, &r->fluid, e);
    if (!st) st = flt_events_new(r->fluid, &rule, &r->events, e);
    if (st) return st;
    sk_progress *bar = sk_progress_new(stderr, o->common.quiet || o->json);
    sk_progress_stage(bar, "requests", (uint64_t)rule.for_s, 0);
    while (!st && !flt_events_ended(r->events)) {
        st = flt_events_run(r->events, e);
        const flt_event_sum *v = flt_events_sum(r->events);
        sk_progress_set(bar, (uint64_t)v->seconds, "%.3g requests", (double)v->asked);
        if (!st && cmd_stopped(NULL)) st = cmd_stopped_err(e);
    }
    sk_progress_free(bar);
    return st;
}

/* Runs it to the end, with a bar. */
static sk_status run(const sim_opts *o, sim_run *r, sk_err *e)
{
    sk_status st = flt_fluid_new(&r->s, r->book, &r->fluid, e);
    if (st) return st;
    int64_t all = flt_fluid_buckets(r->fluid);
    sk_progress *bar = sk_progress_new(stderr, o->common.quiet || o->json);
    sk_progress_stage(bar, "simulate", (uint64_t)all, 0);
    while (!st && flt_fluid_done(r->fluid) < all) {
        st = flt_fluid_run(r->fluid, 2048, e);
        int64_t done = flt_fluid_done(r->fluid);
        sk_progress_set(bar, (uint64_t)done, "day %.0f", (double)(done * r->s.bucket_s) / 86400);
        if (!st && cmd_stopped(NULL)) st = cmd_stopped_err(e);
    }
    sk_progress_free(bar);
    return st;
}

/* Plots of the second scenario carry its place in their names. */
static sk_status plots(const sim_opts *o, sim_run *r, bool second, sk_err *e)
{
    char prefix[4000];
    if (!o->plot) return SK_OK;
    int n = snprintf(prefix, sizeof prefix, "%s%s", o->plot, second ? "-2" : "");
    if (n < 0 || (size_t)n >= sizeof prefix)
        return sk_fail(e, SK_E_INVALID, "the name of the plots is too long");
    return cmd_sim_plot(prefix, &r->s, flt_fluid_sum(r->fluid), e);
}

/* A line that says what was simulated. */
static void heading(const sim_run *r, const flt_sim_sum *sum, sk_buf *out)
{
    char day[SK_UTC_TEXT];
    int64_t chips = 0;
    for (size_t i = 0; i < sum->n_pool; i++)
        chips += sum->pool[i].chips;
    sk_utc_print_short(sum->start, day);
    sk_buf_addf(out, "%s: %g days from %s, %lld chips in %zu pools, seed %lld\n", r->s.name,
                (double)sum->seconds / 86400, day, (long long)chips, sum->n_pool,
                (long long)r->s.seed);
}

/* Two scenarios stand side by side in one table; as JSON they are a line each. */
static sk_status report(const sim_opts *o, sim_run *r, size_t n, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        const flt_sim_sum *sum = flt_fluid_sum(r[i].fluid);
        if (o->json) {
            cmd_sim_json(&r[i].s, sum, r[i].events ? flt_events_sum(r[i].events) : NULL, &out);
            sk_buf_addc(&out, '\n');
            continue;
        }
        heading(&r[i], sum, &out);
        if (r[i].events)
            cmd_sim_event_rows(&r[i].s, flt_events_sum(r[i].events), &r[i].table);
        else
            cmd_sim_rows(&r[i].s, sum, &r[i].table);
    }
    if (!o->json)
        cmd_sim_print(r[0].s.name, &r[0].table, n > 1 ? r[1].s.name : NULL,
                      n > 1 ? &r[1].table : NULL, &out);
    return cmd_out_buf(&out, e);
}

/* Loads, runs and reports one scenario or two. */
static sk_status simulate(const sim_opts *o, const char *path, sim_run *r, sk_err *e)
{
    size_t n = o->compare ? 2 : 1;
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i++) {
        r[i].mem = sk_arena_new(SK_MEM_MISC);
        if (!r[i].mem) return sk_fail(e, SK_E_NOMEM, "no memory for a scenario");
        st = load(o, i ? o->compare : path, &r[i], e);
        if (!st) st = o->events ? run_events(o, &r[i], e) : run(o, &r[i], e);
        if (!st && !o->events) st = plots(o, &r[i], i == 1, e);
    }
    return st ? st : report(o, r, n, e);
}

/* The verb.  Two runs have room, for --compare; what was opened of either is closed here, however
 * far it came. */
static sk_status sim(int argc, char **argv, sk_err *e)
{
    sim_opts o = {.seed = -1};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_sim_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    if (o.example) return cmd_outf(e, "%s", cmd_sim_example);
    if (!args.n)
        return sk_fail(e, SK_E_USAGE,
                       "say which scenario; `stoke fleet sim --example >sim.yaml` writes one");
    sim_run *r = sk_calloc(SK_MEM_MISC, 2, sizeof *r);
    if (!r) return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
    st = simulate(&o, args.item[0], r, e);
    for (size_t i = 0; i < 2; i++) {
        flt_events_free(r[i].events);
        flt_fluid_free(r[i].fluid);
        sk_arena_free(r[i].mem);
        sk_arena_free(r[i].book_mem);
    }
    sk_free(r);
    return st;
}

const cmd_verb cmd_fleet_sim_verb = {
    {"fleet-sim", "a fleet over months on paper, with failures and outages", "[SCENARIO.yaml]", 0,
     1,
     "Runs a fleet on a virtual clock: demand that goes up and down, replicas that take time to "
     "start, training on what serving leaves, nodes that fail, zones that are lost, capacity that "
     "is taken back, providers that go away. Prints what was served and trained, where the time "
     "went, what it cost by contract, and why training stopped. Placement and rating are those of "
     "the other verbs. The fleet is the database's, or the scenario's own where it has "
     "pools.\n\nThe form of scenarios: docs/format/scenario.md.",
     "stoke fleet sim --example >sim.yaml\n  a scenario to begin with\n"
     "stoke fleet sim sim.yaml --outage aws@day12+15h:no-launch --plot year\n"
     "  the same with an outage, and pictures\n"
     "stoke fleet sim one-cloud.yaml --compare three-clouds.yaml\n  two fleets side by side\n",
     rows},
    sim};
