/* demand.c - the curve of a day from its peak over its mean. */
#include "fleet/sim/demand.h"

#include <math.h>

#define YEAR_S (365 * 86400.0)
#define PI 3.14159265358979323846

/* exp(-k) I0(k), the modified Bessel function by its mean over a circle; smooth and periodic, so a
 * plain sum is exact to rounding. */
static double bessel(double k)
{
    enum { N = 2048 };
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += exp(k * (cos(2 * PI * i / N) - 1));
    return sum / N;
}

/* The k whose curve has that peak over its mean: e^k / I0(k), which grows with k. */
static double steepness(double peak_to_mean)
{
    double low = 0, high = 1;
    while (1 / bessel(high) < peak_to_mean && high < 1e5)
        high *= 2;
    for (int i = 0; i < 60; i++) {
        double mid = (low + high) / 2;
        if (1 / bessel(mid) < peak_to_mean)
            low = mid;
        else
            high = mid;
    }
    return (low + high) / 2;
}

void flt_demand_make(flt_demand_curve *c, const flt_demand *d, int64_t start)
{
    double k = d->peak_to_mean > 1 ? steepness(d->peak_to_mean) : 0, mean = bessel(k);
    c->d = *d;
    c->start = start;
    c->minute = NULL;
    c->n_minute = 0;
    for (int i = 0; i < FLT_DEMAND_STEPS; i++) {
        double angle = 2 * PI * ((i + 0.5) / FLT_DEMAND_STEPS - d->peak_hour / 24);
        c->by_minute[i] = d->users * d->prompts / 86400 * exp(k * (cos(angle) - 1)) / mean;
    }
}

double flt_demand_rate(const flt_demand_curve *c, int64_t t)
{
    /* Behind the last minute it begins again. */
    if (c->n_minute) return c->minute[(size_t)((t - c->start) / 60) % c->n_minute];
    int64_t day = sk_utc_day(t), minute = (t - day) / 60;
    /* 1970-01-01 was a Thursday: days 2 and 3 after it are a weekend. */
    int64_t weekday = ((day / 86400) % 7 + 7) % 7;
    double rate = c->by_minute[minute];
    if (weekday == 2 || weekday == 3) rate *= c->d.weekend;
    return rate * exp(log1p(c->d.growth) * (double)(t - c->start) / YEAR_S);
}
