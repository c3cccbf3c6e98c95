/* need.h - a want gets what it must have: the step of a round that may take from lower priorities.
 */
#ifndef FLT_FLEET_PLACE_NEED_H
#define FLT_FLEET_PLACE_NEED_H

#include "fleet/place/place.h"

/* Chips that nobody has. */
int64_t flt_free_chips(const flt_board *b, size_t s);

/* Site where want w runs (what works in step), FLT_NONE if nowhere. */
size_t flt_runs_at(const flt_board *b, size_t w);

/* Units a second that a service's chips answer with; those of silent pools reach nobody. */
double flt_supply(const flt_board *b, size_t w);

/* Chips of a want in all sites. */
int64_t flt_chips_of(const flt_board *b, size_t w);

/* Gives want w what it must have, as far as it can be had.  Whether something was taken within its
 * min_run_s for it: then a higher priority that was told before to spare that may want what is
 * left. */
bool flt_meet_need(flt_board *b, size_t w, const flt_place_ear *ear);

#endif
