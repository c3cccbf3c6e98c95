/* route.c - health, the choice among replicas, and the budget of retries. */
#include "fleet/place/route.h"

#include <math.h>

#define SECOND INT64_C(1000000000)
/* Failures in a row before a pool is left alone; for how long the first time, and at most. */
enum { FAILS_MOST = 3, COOL_FIRST_S = 5, COOL_LONGEST_S = 60 };

/* How long a cooling of that level lasts. */
static int64_t cool_ns(int level)
{
    int64_t s = COOL_FIRST_S;
    for (int i = 1; i < level && s < COOL_LONGEST_S; i++)
        s *= 2;
    return (s < COOL_LONGEST_S ? s : COOL_LONGEST_S) * SECOND;
}

bool flt_route_may(flt_route_health *h, int64_t now)
{
    if (h->state == FLT_ROUTE_DRAINING) return false;
    if (h->state != FLT_ROUTE_COOLING) return true;
    if (now < h->until) return false;
    h->trial = true;
    h->until = now + cool_ns(h->level);
    return true;
}

void flt_route_succeeded(flt_route_health *h)
{
    h->fails = h->level = 0;
    h->trial = false;
    if (h->state != FLT_ROUTE_DRAINING) h->state = FLT_ROUTE_UP;
}

void flt_route_failed(flt_route_health *h, int64_t now)
{
    /* Those that were sent before it began to cool say nothing new. */
    if (h->state == FLT_ROUTE_DRAINING || (h->state == FLT_ROUTE_COOLING && !h->trial)) return;
    h->fails++;
    if (h->state != FLT_ROUTE_COOLING) h->state = FLT_ROUTE_SUSPECT;
    if (h->fails < FAILS_MOST && !h->trial) return;
    h->level++;
    h->trial = false;
    h->state = FLT_ROUTE_COOLING;
    h->until = now + cool_ns(h->level);
}

double flt_route_ttft(const flt_route_option *o)
{
    return o->rate > 0 ? o->wait_s + o->tokens / o->rate + o->rtt_s : INFINITY;
}

bool flt_route_better(const flt_route_option *a, const flt_route_option *b)
{
    double ta = flt_route_ttft(a), tb = flt_route_ttft(b);
    return ta < tb || (ta == tb && a->active <= b->active);
}

size_t flt_route_choose(const flt_route_option *o, size_t n, double slo_s)
{
    size_t best = 0;
    bool kept = !(slo_s > 0) || flt_route_ttft(&o[0]) <= slo_s;
    for (size_t i = 1; i < n; i++) {
        bool keeps = !(slo_s > 0) || flt_route_ttft(&o[i]) <= slo_s;
        if (kept && !keeps) continue;
        bool cheaper = o[i].price < o[best].price;
        bool same = o[i].price == o[best].price || !keeps;
        if ((keeps && !kept) || (keeps && cheaper) || (same && !flt_route_better(&o[best], &o[i])))
            best = i;
        kept = kept || keeps;
    }
    return best;
}

void flt_route_earn(flt_route_budget *b)
{
    b->have = fmin(b->have + b->share, b->most);
}

bool flt_route_spend(flt_route_budget *b)
{
    if (b->have < 1) return false;
    b->have -= 1;
    return true;
}
