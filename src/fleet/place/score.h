/* score.h - candidates: whether a want can be in a site, and what a useful unit costs there.
 *
 *     score = price / (rate x share) + (move + lost work) / (units of the horizon)
 *
 * price: of a chip-second, 0 for chips that are paid for already; rate: units a second and chip;
 * share: ETTR of a run (ettr.h) or the attained share of a service; move: egress of the checkpoint
 * and the chips that wait while it is copied; lost work: chip-seconds that victims, or the run
 * itself, do again, at the site's price. Micro-units of money a unit; lower is better, ties go to
 * the lower site.
 */
#ifndef FLT_FLEET_PLACE_SCORE_H
#define FLT_FLEET_PLACE_SCORE_H

#include "base/buf.h"
#include "fleet/place/board.h"

/* Why a site is none. */
typedef enum flt_refusal {
    FLT_FITS,
    FLT_NO_CHIP,     /* not the kind of chip, or no rate is known */
    FLT_NO_CATEGORY, /* spot for what may not be interrupted, say */
    FLT_NO_ISLAND,   /* must be in another pool */
    FLT_NO_STATE,    /* draining, can't launch, silent, gone */
    FLT_NO_COOL,     /* a launch failed a short while ago */
    FLT_NO_LEASE,    /* may still run elsewhere */
    FLT_NO_MEMORY,
    FLT_NO_NETWORK,
    FLT_NO_PRICE,
    FLT_NO_PROGRESS, /* fails too often, or attains nothing */
    FLT_NO_ROOM,     /* too few chips free or to be had from lower priorities */
    FLT_REFUSAL_N
} flt_refusal;

/* One want in one site, with each term. */
typedef struct flt_candidate {
    size_t want, site;
    flt_refusal refusal;
    int64_t chips;               /* that it would get more */
    int64_t free_chips;          /* of them nobody has */
    int64_t early_chips;         /* of victims' within their min_run_s: nothing else was left */
    double price;                /* micro-units a chip-hour, what is paid already averaged in */
    double rate, share;          /* units a second and chip; ETTR or attained share */
    double unit_cost;            /* price / (rate x share), micro-units a unit */
    double move_cost, lost_cost; /* micro-units in all */
    double score;
    bool chosen;
} flt_candidate;

/* All that does not depend on free chips. */
flt_refusal flt_fits(const flt_board *b, size_t w, size_t s);

/* Chips that a want needs at least in a site to run there: min_chips and memory, in whole units. */
int64_t flt_least_chips(const flt_board *b, size_t w, size_t s);

/* What it takes to bring the checkpoint of a want into a site. */
typedef struct flt_move {
    double egress; /* micro-units */
    double copy_s; /* during which the run's chips wait */
} flt_move;

/* Nothing where the checkpoint is in that pool already, or where there is none.  Egress is that of
 * the pool that it leaves; it is copied as fast as the slower of both ways allows. */
flt_move flt_move_of(const flt_board *b, size_t w, size_t s);

/* Fills in price to score for c->chips more chips; lost_chip_s of victims.  A score that is no
 * number refuses the candidate. */
void flt_score(const flt_board *b, flt_candidate *c, double lost_chip_s);

/* Units a second that a number of chips do there, losses in it. */
double flt_useful_rate(const flt_board *b, size_t w, size_t s, int64_t chips);

/* Static text: "fits", "not its kind of chip", ... */
const char *flt_refusal_text(flt_refusal r);

/* Appends the candidate as one line for a person; names are those of workload and pool. */
void flt_candidate_print(const flt_candidate *c, const char *workload, const char *pool,
                         flt_category category, sk_buf *out);

#endif
