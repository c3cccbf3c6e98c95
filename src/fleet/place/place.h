/* place.h - one round of placement: who runs where, decided at once.
 *
 * Pure and deterministic: the board in, its cells out; nothing is allocated, the same board gives
 * the same cells.  In this order:
 *
 *   1. What ran in a pool that is gone has nothing; a site that has fewer chips than are used loses
 *      the parts above min of its lowest priorities first, then whole runs.
 *   2. Serving gives back what it does not keep (want.keep), its dearest site first.
 *   3. By priority (at the same one serving first, then by id) each gets what it must have: serving
 *      as many chips as its demand takes, the others their min_chips, in the site of the best
 *      score.  Where too few are free they are taken from lower priorities: first what those have
 *      above their min, then whole runs; lowest priority first, then what loses least work.  What
 *      is within its min_run_s is left alone, and nothing is taken that would not suffice.  One
 *      thing goes before min_run_s, when nothing else is left: a service that has less than its
 *      min_chips or its floor, below which answers miss their SLO.  It takes what brings it there,
 *      in the same order, and the candidate's score has the work that is lost for it.
 *   4. In the same order training and batch work grow towards max_chips into what is free in their
 *      sites, and into what lower priorities have above their min.  A run that would have to
 *      restart for it grows only if free chips are expected to be worth it (settle_s).
 *   5. A run is moved to free chips of a site with a score better by move_gain; who still lacks
 *      something may have what it left.
 *
 * So after a round no want lacks what it must have while a lower priority holds it, in a site where
 * it could run, but for min_run_s; and no service is below its floor while a lower priority holds
 * chips that it could use.
 */
#ifndef FLT_FLEET_PLACE_PLACE_H
#define FLT_FLEET_PLACE_PLACE_H

#include "fleet/place/score.h"

/* Is told every candidate that was looked at, in order; for --explain. */
typedef struct flt_place_ear {
    void (*hear)(void *arg, const flt_candidate *c);
    void *arg;
} flt_place_ear;

/* One round.  ear may be NULL.  The board is one that flt_board_check passes. */
void flt_place_round(flt_board *b, const flt_place_ear *ear);

#endif
