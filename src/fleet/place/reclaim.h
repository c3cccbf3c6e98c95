/* reclaim.h - whose chips are taken when too few are free: the victims that lose least. */
#ifndef FLT_FLEET_PLACE_RECLAIM_H
#define FLT_FLEET_PLACE_RECLAIM_H

#include "fleet/place/board.h"

/* How far it may go. */
typedef enum flt_reclaim_level {
    FLT_TAKE_EXTRAS, /* what runs have above their least number of chips */
    FLT_TAKE_RUNS,   /* whole runs too */
    FLT_TAKE_YOUNG   /* and what is within its min_run_s: a last resort */
} flt_reclaim_level;

/* Chooses victims in a site for want w, of lower priorities and past their min_run_s (w FLT_NONE:
 * all of them, since chips are gone): parts above the least first, then whole runs; of each the
 * lowest priority first, then what loses least (chips x (now - saved + restart)), then the lower
 * index.  FLT_TAKE_YOUNG goes on in the same way among those within it.  Whom it does not need in
 * the end is let off, the young first.  b->mark has the chips of each; returns their sum, which may
 * be more than need, or less where there is no more.  *lost_chip_s is the work that is done again.
 */
int64_t flt_reclaim_find(const flt_board *b, size_t w, size_t s, int64_t need,
                         flt_reclaim_level level, double *lost_chip_s);

/* Chips of b->mark in a site that are within their min_run_s. */
int64_t flt_reclaim_young(const flt_board *b, size_t s);

/* Takes what b->mark says; cause FLT_CAUSE_LOST where w is FLT_NONE. */
void flt_reclaim_take(flt_board *b, size_t w, size_t s);

/* Work that a run does again when it is stopped or changed now, chip-seconds. */
double flt_lost_work(const flt_board *b, size_t w, size_t s);

#endif
