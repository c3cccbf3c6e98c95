/* ettr.c - what failures take of a run's time. */
#include "fleet/place/ettr.h"

#include <math.h>

#define DAY 86400.0

double flt_mtti_s(double nodes, double failures_per_node_day)
{
    return failures_per_node_day > 0 ? DAY / (nodes * failures_per_node_day) : INFINITY;
}

/* From d/dc of (1 - a (u + c/2)) c / (c + w) = 0 with a = n r. */
double flt_best_checkpoint_s(double nodes, const flt_upkeep *u)
{
    double a = nodes * u->failures_per_node_day / DAY, w = u->checkpoint_write_s;
    double alive = 1 - a * u->restart_s;
    if (!(a > 0) || !(w > 0) || !(alive > 0)) return 0;
    return sqrt(w * w + 2 * w * alive / a) - w;
}

double flt_ettr(double nodes, const flt_upkeep *u)
{
    double a = nodes * u->failures_per_node_day / DAY;
    double c = u->checkpoint_every_s > 0 ? u->checkpoint_every_s : flt_best_checkpoint_s(nodes, u);
    double kept = 1 - a * (u->restart_s + c / 2);
    return c > 0 ? kept / (1 + u->checkpoint_write_s / c) : kept;
}
