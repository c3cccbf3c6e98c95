/* pace.c - moments of the last steps in a ring. */
#include "engine/train/pace.h"

#include <math.h>

enum { MOMENTS = ENG_PACE_STEPS + 1 }; /* between which the steps lie */

/* The i-th moment that is remembered, the newest at n - 1. */
static size_t place(size_t i)
{
    return i % MOMENTS;
}

static void add(eng_pace *p, uint64_t step, uint64_t us)
{
    size_t at = place(p->n++);
    p->step[at] = step;
    p->us[at] = us;
}

void eng_pace_step(eng_pace *p, uint64_t step, uint64_t began, uint64_t us)
{
    if (p->n && p->step[place(p->n - 1)] >= step) p->n = 0;
    if (!p->n && step) add(p, step - 1, began);
    add(p, step, us);
}

/* Time by steps of all that is remembered. */
double eng_pace_left(const eng_pace *p, uint64_t total)
{
    if (p->n < 2) return NAN;
    size_t last = place(p->n - 1), first = place(p->n < MOMENTS ? 0 : p->n);
    double us = (double)(p->us[last] - p->us[first]);
    double steps = (double)(p->step[last] - p->step[first]);
    double left = total > p->step[last] ? (double)(total - p->step[last]) : 0;
    return left * us / steps / 1e6;
}
