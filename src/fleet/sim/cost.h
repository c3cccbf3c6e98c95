/* cost.h - what a simulated fleet costs: its chips by the hour into the rating engine.
 *
 * The charges are those that fleet/rate makes of the usage, no others; here they are only added
 * up.  Once an hour the pools' prices become the marginal ones, so that what is decided next knows
 * which commitments are behind.
 */
#ifndef FLT_FLEET_SIM_COST_H
#define FLT_FLEET_SIM_COST_H

#include "fleet/sim/fluid_state.h"

/* Begins at f's start, into f->cost.  SK_E_INVALID where the book can't be rated. */
sk_status flt_cost_new(flt_fluid *f, sk_err *e);
void flt_cost_free(flt_cost *c);

/* Takes the chips of the bucket that is being run.  Where an hour ends with it (or the simulation),
 * the hour is rated. */
sk_status flt_cost_bucket(flt_fluid *f, sk_err *e);

/* Data that leaves a pool: micro-units of the pool's currency.  It is no use of chips: no
 * commitment has it, and it is the same at list prices. */
void flt_cost_egress(flt_fluid *f, const flt_sim_pool *from, int64_t micros);

/* Writes what came out into the sum; a point of the drawdown, when one of the plots ends. */
void flt_cost_sum(const flt_fluid *f, flt_sim_sum *out);
void flt_cost_point(flt_fluid *f);

#endif
