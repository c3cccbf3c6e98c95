/* spell.h - something that comes and goes: spot capacity, zones, pools by a trace. */
#ifndef FLT_FLEET_SIM_SPELL_H
#define FLT_FLEET_SIM_SPELL_H

#include "base/mem.h"
#include "base/status.h"
#include "fleet/sim/draw.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two states with exponential stays (a Markov chain in continuous time).  Each stay's length is
 * drawn by its number, whenever it is asked for. */
typedef struct flt_spell {
    double up_s, down_s; /* mean stays; up_s 0: always up */
    uint64_t seed, k;    /* k: which stay this is */
    flt_draw_use use;
    uint32_t object;
    bool down;
    double until; /* of this stay, seconds from the beginning */
} flt_spell;

/* It begins up. */
flt_spell flt_spell_make(double up_s, double down_s, uint64_t seed, flt_draw_use use,
                         uint32_t object);

/* Whether it is down at t; t never goes back. */
bool flt_spell_down(flt_spell *s, double t);

/* Available nodes over time, from a file. */
typedef struct flt_availability {
    const double *t; /* seconds from the beginning, ascending */
    const int64_t *nodes;
    size_t n, at;
} flt_availability;

enum { FLT_AVAILABILITY_ROWS = 1 << 20 };

/* Reads a CSV of "seconds,nodes" (a first line of words is passed over).  Times must ascend; errors
 * name the line. */
sk_status flt_availability_load(const char *path, sk_arena *mem, flt_availability *out, sk_err *e);

/* Nodes to be had at t, which never goes back: the last row at or before it.  Behind the last row
 * the trace begins again. */
int64_t flt_availability_at(flt_availability *a, double t);

#endif
