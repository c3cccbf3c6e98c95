/* trend.c - means of windows of the loss. */
#include "engine/train/trend.h"

#include <math.h>

/* Mean and its standard error, summed in the order of the ring: a resumed run has the same. */
static void measure(eng_trend *t)
{
    double sum = 0, var = 0;
    for (int i = 0; i < ENG_TREND_WINDOW; i++)
        sum += t->loss[i];
    t->mean = sum / ENG_TREND_WINDOW;
    for (int i = 0; i < ENG_TREND_WINDOW; i++)
        var += (t->loss[i] - t->mean) * (t->loss[i] - t->mean);
    t->error = sqrt(var) / ENG_TREND_WINDOW;
}

void eng_trend_add(eng_trend *t, const eng_point *p)
{
    if (!(p->lr > 0) || !isfinite(p->loss)) return;
    t->loss[t->n++ % ENG_TREND_WINDOW] = p->loss;
    if (t->n < ENG_TREND_WINDOW) return;
    measure(t);
    if (t->n > ENG_TREND_WINDOW && t->mean >= t->low) return;
    t->low = t->mean;
    t->low_step = (uint64_t)p->step;
}

void eng_trend_begin(eng_trend *t, const eng_curve *c, uint64_t since)
{
    *t = (eng_trend){.begun = true, .since = since};
    for (size_t i = 0; i < c->n; i++)
        if (c->point[i].step > (double)since) eng_trend_add(t, &c->point[i]);
}

bool eng_trend_rises(const eng_trend *t, double part, double errors)
{
    if (t->n < ENG_TREND_WINDOW) return false;
    double by = t->mean - t->low;
    return by > fmax(part * fabs(t->low), ENG_TREND_LEAST) && by > errors * t->error;
}
