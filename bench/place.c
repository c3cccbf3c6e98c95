/* place.c - how fast placement is: rounds over fleets of some sizes.
 *
 *     place [seconds]     of CPU time each, 1 if not given
 *
 * Prints rounds a second, and workloads x pools (the candidates that there are) a second.  A round
 * is flt_place_round over a board that changes a little each time: demands, a checkpoint's age.
 */
#include "fleet/place/place.h"
#include "base/rng.h"
#include "fleet/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WANTS = 1024, SITES = 64 };

/* A fleet of `n_want` workloads, one in eight a service, and `n_site` pools. */
typedef struct fleet {
    flt_board b;
    flt_site site[SITES];
    flt_want want[WANTS];
    double rate[WANTS * SITES];
    uint64_t drawn;
} fleet;

static uint32_t draw(fleet *f, uint32_t below)
{
    static const uint32_t key[2] = {1, 2};
    uint32_t ctr[4] = {(uint32_t)f->drawn++, 0, 0, 0}, out[4];
    sk_philox4x32(ctr, key, out);
    return out[0] % below;
}

static void make_site(fleet *f, size_t s)
{
    f->site[s] = (flt_site){.pool = (int64_t)s + 1,
                            .chips = 256 + 8 * (int64_t)draw(f, 256),
                            .paid = 8 * (int64_t)draw(f, 32),
                            .price = 1e6 + 1e4 * draw(f, 500),
                            .chips_per_node = 8,
                            .chip_bytes = 80e9,
                            .net_gbps = 400,
                            .failures_per_node_day = 0.001 * draw(f, 8),
                            .egress_micros_per_gb = 90000,
                            .wan_gbps = 100};
}

static void make_want(fleet *f, size_t w, size_t n_site)
{
    double *rate = f->rate + w * SITES;
    bool serve = w % 8 == 0;
    for (size_t s = 0; s < n_site; s++)
        rate[s] = draw(f, 4) ? 100 + draw(f, 100) : 0;
    f->want[w] = (flt_want){.workload = (int64_t)w + 1,
                            .kind = serve ? FLT_SERVE : FLT_TRAIN,
                            .priority = draw(f, 4),
                            .min_chips = serve ? 0 : 8 * (1 + draw(f, 8)),
                            .max_chips = 1024,
                            .unit = 8,
                            .rate = rate,
                            .checkpoint_bytes = 1e12,
                            .data = FLT_NONE,
                            .checkpoint_every_s = 1800,
                            .checkpoint_write_s = 30,
                            .restart_s = 300,
                            .min_run_s = 600,
                            .lease = FLT_NONE};
}

/* The next minute: what ran goes on, demands are others. */
static void next_minute(fleet *f)
{
    flt_board_next(&f->b);
    f->b.t += 60;
    for (size_t w = 0; w < f->b.n_want; w += 8) {
        flt_want *v = &f->want[w];
        v->demand = v->keep = 100 * draw(f, 2000);
        v->floor = v->demand * 0.9;
    }
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static sk_status bench(fleet *f, size_t n_want, size_t n_site, double seconds, sk_err *e)
{
    double rounds = 0, took = 0;
    sk_status st = flt_board_init(&f->b, n_want, n_site, e);
    if (st) return st;
    for (size_t s = 0; s < n_site; s++)
        make_site(f, s);
    for (size_t w = 0; w < n_want; w++)
        make_want(f, w, n_site);
    f->b.site = f->site;
    f->b.want = f->want;
    f->b.t = 1000000;
    st = flt_board_check(&f->b, e);
    while (!st && took < seconds) {
        rounds++;
        next_minute(f);
        double t = cpu_seconds();
        flt_place_round(&f->b, NULL);
        took += cpu_seconds() - t;
    }
    flt_board_fini(&f->b);
    if (!st)
        printf("%4zu workloads, %2zu pools: %10.0f rounds/s, %6.2f million candidates/s\n", n_want,
               n_site, rounds / took, rounds / took * (double)(n_want * n_site) / 1e6);
    return st;
}

int main(int argc, char **argv)
{
    static fleet f;
    static const size_t sizes[][2] = {{8, 6}, {64, 16}, {256, 64}, {1024, 64}};
    sk_err e = SK_ERR_INIT;
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (bench(&f, sizes[i][0], sizes[i][1], seconds, &e)) {
            fprintf(stderr, "bench: %s\n", e.text);
            return 1;
        }
    return 0;
}
