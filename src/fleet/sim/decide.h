/* decide.h - which chips serve and which train, by fleet/place. */
#ifndef FLT_FLEET_SIM_DECIDE_H
#define FLT_FLEET_SIM_DECIDE_H

#include "fleet/sim/fluid_state.h"

/* Makes what a decision needs, into f->decide; pools and jobs are there.  SK_E_NOMEM. */
sk_status flt_decide_new(flt_fluid *f, sk_err *e);
void flt_decide_free(flt_decide *d);

/* Decides for the bucket that begins: replicas and runs of f's pools are as the round says. */
void flt_sim_decide(flt_fluid *f);

#endif
