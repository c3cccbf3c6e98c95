/* scenario.h - what a simulation is told: fleet, demand, work, failures, outages.
 *
 * Read from a YAML file (docs/format/scenario.md); flags of the command change single values.  The
 * fleet is the book that the caller has, or `pools`, `chips` and `contracts` of the file itself,
 * which are made into a book.
 */
#ifndef FLT_FLEET_SIM_SCENARIO_H
#define FLT_FLEET_SIM_SCENARIO_H

#include "base/mem.h"
#include "base/status.h"
#include "base/yaml.h"
#include "fleet/book/book.h"
#include "fleet/sim/demand.h"
#include "fleet/sim/outage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FLT_SIM_POOLS = 64, /* of a simulation at most */
    FLT_SIM_JOBS = 64,
    FLT_SIM_CAUSES = 16,
    FLT_SIM_OUTAGES = 256
};

/* Why nodes fail by themselves. */
typedef struct flt_sim_cause {
    const char *name;
    double rate;     /* failures per 1,000 node-days */
    double repair_s; /* mean time until the node is back */
} flt_sim_cause;

/* What the book does not say of a pool. */
typedef struct flt_sim_site {
    const char *pool;
    const char *category;          /* word of flt_category: how what is used there is bought */
    double spot_up_s, spot_down_s; /* mean spells of having it and not; 0: it is never taken */
    const char *spot_trace;        /* "": none; CSV of seconds,nodes */
    double failures;               /* factor on the rate of failures */
    double rtt_s;                  /* from the users */
    double wan_gbps;               /* at which checkpoints get in and out */
} flt_sim_site;

/* A pool of which nothing is said. */
flt_sim_site flt_sim_site_unsaid(const char *pool);

/* A training run.  Numbers below 0: what the book's workload of that name says, or a default. */
typedef struct flt_sim_train {
    const char *workload;
    const char *kind; /* "train": its chips stop together; "batch": units that stand alone */
    const char *chip; /* "": any */
    int64_t min_chips, max_chips, priority;
    double checkpoint_s, restart_s, min_run_s;
    double write_s; /* that a checkpoint holds it up */
    double params;  /* active parameters: 6 FLOPs each a token; 0: tokens are not counted */
    double mfu;     /* while it works */
    double tokens;  /* it ends after so many; 0: never */
    double checkpoint_bytes; /* to be moved with it into another pool */
} flt_sim_train;

/* A run of which nothing is said. */
flt_sim_train flt_sim_train_unsaid(void);

/* How serving is scaled. */
typedef struct flt_sim_serve {
    int64_t replica_chips;
    double prefill_rate, decode_rate; /* tokens/s a chip; 0: those of the chip in the book */
    double start_s;                   /* from the decision until a replica answers */
    double headroom;                  /* kept above the forecast */
    double hold_s;                    /* what is too much is given back after so long */
    double max_share;                 /* of the need, on one provider, while others have room */
    double slo_s;                     /* a request that waits longer has missed its goal */
    double patience_s;                /* ... and one that would wait longer than this is refused */
    double user_rate;                 /* tokens/s that each answer gets in a full batch */
    double tpot_floor;                /* time that a token takes alone, of that in a full batch */
    double timeout_s;     /* without a sign of life, until a request is tried elsewhere */
    double detect_s;      /* until a pool that went away is noticed */
    const char *forecast; /* "perfect", "now" */
} flt_sim_serve;

typedef struct flt_scenario {
    const char *name;
    int64_t start;
    double days;
    int64_t seed, bucket_s;
    flt_demand demand;
    flt_sim_serve serve;
    const flt_sim_train *train;
    size_t n_train;
    const flt_sim_site *site;
    size_t n_site;
    const flt_sim_cause *cause;
    size_t n_cause;
    double zone_losses;   /* a zone and year, all nodes of it at once */
    double zone_repair_s; /* mean length of them */
    double resize_s;      /* a job that could grow waits so long since it last changed */
    flt_outage outage[FLT_SIM_OUTAGES];
    size_t n_outage;
    const char *trace;    /* "": none; CSV of requests (fleet/sim/trace.h) */
    double scale;         /* each of its requests stands for so many */
    const flt_book *book; /* of the file itself; NULL: it has none */
} flt_scenario;

/* What holds where nothing is said: 90 days from 2026-01-01, seed 1, no demand, no failures. */
void flt_scenario_default(flt_scenario *s);

/* Reads a document over the defaults; rows and text into mem.  Errors are SK_E_INVALID with
 * "NAME:LINE: sentence": unknown keys, wrong types, values out of bounds, names that lead nowhere
 * (as far as the file itself has a fleet). */
sk_status flt_scenario_read(const sk_yaml *y, sk_arena *mem, flt_scenario *out, sk_err *e);

/* The same for the file at path ("-": standard input). */
sk_status flt_scenario_load(const char *path, sk_arena *mem, flt_scenario *out, sk_err *e);

/* One more outage, as text. */
sk_status flt_scenario_add_outage(flt_scenario *s, const char *text, sk_arena *mem, sk_err *e);

#endif
