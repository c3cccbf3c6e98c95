/* scenario_fleet.h - the part of a scenario that is a fleet of its own. */
#ifndef FLT_FLEET_SIM_SCENARIO_FLEET_H
#define FLT_FLEET_SIM_SCENARIO_FLEET_H

#include "fleet/sim/fields.h"
#include "fleet/sim/scenario.h"

/* Reads `sites`, and `chips`, `pools` and `contracts` into s->site and s->book.  For
 * flt_scenario_read. */
sk_status flt_scenario_fleet(const flt_fields *f, json_t *root, flt_scenario *s, sk_err *e);

#endif
