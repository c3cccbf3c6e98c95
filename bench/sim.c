/* sim.c - how fast the simulator is: 100,000 chips over 90 days, and requests one by one.
 *
 *     sim [days|requests|talk]     one of them, or all; talk: requests of conversations, whose
 *                                  prefix one replica has
 *
 * Prints CPU seconds, events a second, simulated time over CPU time, and the most memory the
 * process had.  Run each in a process of its own for its own memory.
 */
#include "base/mem.h"
#include "fleet/fleet.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define FLEET                                                                                      \
    "chips:\n"                                                                                     \
    "  - {chip: h100, peak-flops: 989e12, prefill-rate: 9212, decode-rate: 1850}\n"                \
    "pools:\n"                                                                                     \
    "  - {pool: aws-us-east, provider: aws, chip: h100, nodes: 5000, price: 2.5}\n"                \
    "  - {pool: azure-eastus, provider: azure, chip: h100, nodes: 4000, price: 2.7}\n"             \
    "  - {pool: gcp-central, provider: gcp, chip: h100, nodes: 3500, price: 2.9}\n"

/* 300 million users, training on the rest, failures, outages, two contracts. */
static const char fleet_days[] =
    "days: 90\nzone-losses: 1\n"
    "demand: {users: 300e6, peak-to-mean: 1.226, cached: 0.5}\n"
    "serve: {max-share: 0.5}\n" FLEET "contracts:\n"
    "  - {contract: edp, provider: aws, interval: annual, amount: 500e6, discount: 0.3}\n"
    "  - {contract: plan, provider: azure, model: continuous, interval: hourly, amount: 20e3,\n"
    "     discount: 0.4}\n"
    "train:\n"
    "  - {workload: big, min-chips: 16384, max-chips: 16384, priority: 5, params: 405e9}\n"
    "  - {workload: soak, kind: batch}\n"
    "failures:\n"
    "  - {cause: gpu, rate: 3, repair: 12h}\n"
    "  - {cause: network, rate: 0.8, repair: 2h}\n"
    "outages: [\"aws@day12+15h:no-launch\", \"azure@day40+3h\"]\n";

/* ChatGPT's mean of July 2025, 2.5 billion prompts a day: 28,935 a second. */
#define ASKED "days: 1\ndemand: {users: 833.3e6, prompts: 3, peak-to-mean: 1, cached: 0.5"
static const char requests[] = ASKED "}\nserve: {headroom: 0.15}\n" FLEET;
static const char talk[] = ASKED ", turns: 5, pause: 60s}\nserve: {headroom: 0.15}\n" FLEET;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static sk_status make(const char *text, sk_arena *mem, flt_scenario *s, flt_fluid **f, sk_err *e)
{
    sk_yaml *y = NULL;
    sk_status st = sk_yaml_parse("bench", text, strlen(text), &y, e);
    if (!st) st = flt_scenario_read(y, mem, s, e);
    sk_yaml_free(y);
    return st ? st : flt_fluid_new(s, s->book, f, e);
}

static sk_status bench_days(flt_fluid *f, sk_err *e)
{
    double t = cpu_seconds();
    sk_status st = flt_fluid_run(f, flt_fluid_buckets(f), e);
    t = cpu_seconds() - t;
    if (!st)
        printf("100,000 chips, 90 days in minutes: %.2f s, %.2f million buckets/s\n", t,
               (double)flt_fluid_buckets(f) / t / 1e6);
    return st;
}

static sk_status bench_requests(flt_fluid *f, sk_err *e)
{
    flt_event_rule rule = {600, 600};
    flt_events *v = NULL;
    sk_status st = flt_events_new(f, &rule, &v, e);
    double t = cpu_seconds();
    while (!st && !flt_events_ended(v))
        st = flt_events_run(v, e);
    t = cpu_seconds() - t;
    if (!st) {
        const flt_event_sum *s = flt_events_sum(v);
        printf("%.0f requests/s: %.2f million events/s, %.0f times real time, %.0f in flight\n",
               (double)s->asked / s->seconds, (double)s->events / t / 1e6, s->seconds / t,
               (double)s->in_flight);
        if (s->again)
            printf("  conversations: %.1f %% back at their replica, %.1f %% of tokens cached\n",
                   100 * (double)s->hits / (double)s->again,
                   100 * (double)s->cached / (double)s->tokens);
    }
    flt_events_free(v);
    return st;
}

static int run(const char *text, sk_status (*what)(flt_fluid *, sk_err *))
{
    sk_err e = SK_ERR_INIT;
    flt_fluid *f = NULL;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_scenario *s = mem ? sk_new(mem, flt_scenario) : NULL;
    sk_status st = s ? make(text, mem, s, &f, &e) : SK_E_NOMEM;
    if (!st) st = what(f, &e);
    if (st) fprintf(stderr, "bench: %s\n", e.text);
    flt_fluid_free(f);
    sk_arena_free(mem);
    return st != SK_OK;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    int bad = 0;
    if (!*only || strcmp(only, "days") == 0) bad |= run(fleet_days, bench_days);
    if (!*only || strcmp(only, "requests") == 0) bad |= run(requests, bench_requests);
    if (!*only || strcmp(only, "talk") == 0) bad |= run(talk, bench_requests);
    struct rusage u;
    if (!getrusage(RUSAGE_SELF, &u)) printf("most memory: %.0f MB\n", (double)u.ru_maxrss / 1024);
    return bad;
}
