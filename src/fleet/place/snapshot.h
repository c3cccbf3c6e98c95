/* snapshot.h - a board out of a book and of what runs: the present of a fleet as placement sees it.
 *
 * One site a pool, with its whole capacity; its price category is on-demand, or spot where only
 * spot has a price.  What is paid already, and the price beyond it, come from rating the hour
 * (fleet/rate/marginal.h), all of it.  Useful units are tokens a second a chip decodes for services
 * (the chip's decode_rate), and TFLOP/s of the chip's peak for training: scores compare pools for
 * one workload, never workloads with each other.
 */
#ifndef FLT_FLEET_PLACE_SNAPSHOT_H
#define FLT_FLEET_PLACE_SNAPSHOT_H

#include "base/mem.h"
#include "fleet/place/board.h"
#include "fleet/rate/marginal.h"

/* Chips of a workload in a pool; several of one pair are added up. */
typedef struct flt_snap_run {
    int64_t workload, pool, chips;
    int64_t since, saved; /* last change; last checkpoint, 0: none, all since then is unsaved */
} flt_snap_run;

/* What a service must answer: units a second, headroom in them (flt_serve_demand); floor without.
 */
typedef struct flt_snap_need {
    int64_t workload;
    double demand, keep, floor;
} flt_snap_need;

/* A pool that may still run a workload. */
typedef struct flt_snap_lease {
    int64_t workload, pool, until;
} flt_snap_lease;

typedef struct flt_snap {
    const flt_book *book;
    int64_t t;
    const flt_snap_run *run;
    const flt_snap_need *need;
    const flt_snap_lease *lease;
    const flt_balance *balance;          /* where commitments stand */
    const struct flt_expected *expected; /* what will be drawn of them (flt_present) */
    size_t n_run, n_need, n_lease, n_balance, n_expected;
    double failures_per_node_day; /* of every pool */
    double wan_gbps;              /* likewise: of the way in and out (flt_site) */
    double redo;                  /* share of work on spot that is done twice */
} flt_snap;

/* How a site's price came about, for --explain. */
typedef struct flt_snap_price {
    flt_marginal beyond; /* of a chip more than are paid and used */
} flt_snap_price;

/* Makes the board; site s is pool s of the book, want w its workload w.  Its arrays live in mem but
 * for those of flt_board_init: end it with flt_board_fini.  price has one element a pool, in mem.
 * SK_E_INVALID for prices in several currencies, which can't be compared, and for what
 * flt_board_check refuses. */
sk_status flt_snap_board(const flt_snap *in, sk_arena *mem, flt_board *out, flt_snap_price **price,
                         sk_err *e);

#endif
