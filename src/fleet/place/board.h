/* board.h - what placement looks at and what it says: sites, wants, and who has how many chips.
 *
 * A site is a pool with one price category (its on-demand part, its spot part): chips of one kind
 * behind one network.  A want is a workload with its demand of the moment.  A board holds a cell
 * for each want and site: chips there before the round and after it.  All of it is the caller's
 * snapshot, plain numbers: placement asks no clock, no store and no price list.
 */
#ifndef FLT_FLEET_PLACE_BOARD_H
#define FLT_FLEET_PLACE_BOARD_H

#include "base/status.h"
#include "fleet/book/book.h"

#include <stddef.h>
#include <stdint.h>

/* No want, no site. */
#define FLT_NONE SIZE_MAX

/* A part of a pool.  Sites of one pool share nothing: who splits a pool splits its chips. */
typedef struct flt_site {
    int64_t pool; /* of the book; ties go to the lower site */
    flt_category category;
    flt_pool_state state;
    int64_t cool_until; /* nothing starts before: a launch failed */
    int64_t chips;      /* there are, used or not */
    int64_t paid;       /* of them paid for, used or not (marginal price 0) */
    double price;       /* of a chip-hour beyond those, micro-units; infinite: not known */
    int64_t chips_per_node;
    double chip_bytes, net_gbps;
    double failures_per_node_day;
    double egress_micros_per_gb;
    double wan_gbps; /* of the way in and out of it, for checkpoints; 0: not known, takes no time */
} flt_site;

/* A workload now.  Serving may lie in several sites, training and batch work in one: its chips work
 * in step. */
typedef struct flt_want {
    int64_t workload; /* of the book; ties go to the lower id */
    flt_work_kind kind;
    int64_t priority; /* higher goes first, at the same one serving */
    int64_t min_chips, max_chips;
    int64_t unit; /* chips come and go in multiples of this: a replica, a node; at least 1 */
    /* Serving: units a second that must be had, headroom in it (flt_serve_demand), and the demand
     * up to which chips that are there are kept, at least as much: the largest of the last while,
     * so that a dip gives nothing away that is wanted again.  Of the others nothing. */
    double demand, keep;
    double floor; /* of a service: units a second below which its answers miss their SLO, the
                     demand without headroom; for that much min_run_s protects nobody. 0: never */
    /* Useful units a second of one chip, a site each (n_site of them): 0 where it can't run:
     * another kind of chip, no build of the model. */
    const double *rate;
    const double *attain;    /* share of answers within the SLO, a site each; NULL: 1 */
    unsigned categories;     /* bits 1 << flt_category it may run on; 0: any */
    int64_t island;          /* the only pool it may be in, 0: any */
    double memory_bytes;     /* of its chips together (serving: of a unit's) */
    double min_net_gbps;     /* where it needs more than one node */
    double checkpoint_bytes; /* to be moved when it starts in another pool than `data` */
    size_t data;             /* site where its checkpoint is, FLT_NONE: where the run is, if it is
                                anywhere */
    double checkpoint_every_s, checkpoint_write_s, restart_s;
    int64_t min_run_s;   /* after a start or a change it is left alone for so long, but for a
                            service that has nothing else (floor) */
    size_t lease;        /* site that may still run it unseen until lease_until: nowhere else is */
    int64_t lease_until; /* it started before; FLT_NONE: none */
} flt_want;

/* Why a cell is as it is. */
typedef enum flt_cause {
    FLT_CAUSE_KEPT,
    FLT_CAUSE_STARTED,
    FLT_CAUSE_GREW,
    FLT_CAUSE_GAVE_BACK, /* serving that has more than it keeps; a demand that ended */
    FLT_CAUSE_SHRUNK,    /* its part above min was taken for `by` */
    FLT_CAUSE_STOPPED,   /* all of it was taken for `by` */
    FLT_CAUSE_LOST,      /* the pool is gone, or has fewer chips */
    FLT_CAUSE_MOVED,     /* to or from a site that is so much cheaper */
    FLT_CAUSE_N
} flt_cause;

/* A want in a site. */
typedef struct flt_cell {
    int64_t before;       /* chips when the round began: the caller's */
    int64_t since, saved; /* last start or change of chips; last checkpoint: the caller's */
    int64_t chips;        /* after the round */
    flt_cause cause;
    size_t by;          /* want for which it was taken, FLT_NONE */
    double lost_chip_s; /* work that is done again: chips x (now - saved + restart) */
    bool early;         /* taken within its min_run_s: a service had nothing else */
} flt_cell;

typedef struct flt_board {
    const flt_want *want;
    const flt_site *site;
    size_t n_want, n_site;
    int64_t t;
    double horizon_s; /* how long a placement is expected to stay: costs of moving are spread over
                         it; more than 0 */
    double settle_s;  /* free chips that are expected to be free for so long are worth a restart of
                         a training run that may grow */
    double move_gain; /* a run is moved for a score lower by this share, e.g. 0.2; 0: never */
    flt_cell *cell;   /* n_want rows of n_site */
    size_t *order;    /* n_want: wants as they are served; written by the round */
    int64_t *used;    /* n_site: chips in use; likewise */
    size_t *mark;     /* n_want: scratch */
} flt_board;

/* Makes room for so many; cells are cleared, the rest is the caller's to fill in.  horizon_s is a
 * day, settle_s half an hour, move_gain 0.2.  SK_E_NOMEM. */
sk_status flt_board_init(flt_board *b, size_t n_want, size_t n_site, sk_err *e);
void flt_board_fini(flt_board *b);

/* The cell of want w in site s. */
flt_cell *flt_board_cell(const flt_board *b, size_t w, size_t s);

/* Units a second to be had for a demand: with the part kept free above it. */
double flt_serve_demand(double forecast, double headroom);

/* The result taken over as the beginning of a next round: chips become before, and where they
 * changed `since` is the round's time (and `saved`, for what started). */
void flt_board_next(flt_board *b);

/* Checks that the snapshot makes sense: counts that are not negative, min <= max, rates that are
 * numbers, runs that lie where they may.  SK_E_INVALID. */
sk_status flt_board_check(const flt_board *b, sk_err *e);

/* Static text: "kept", "started", ... */
const char *flt_cause_text(flt_cause c);

#endif
