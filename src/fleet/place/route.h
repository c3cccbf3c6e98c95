/* route.h - where a request goes: a pure function of what is known about the pools.
 *
 * Health first: a pool that failed a few times in a row is left alone for a while that doubles
 * (cooling), then tried with one request.  Of the replicas that remain, each pool offers the better
 * of two drawn at random (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
 * 2001), and the one that has the request's prefix cached, if any.  Of what is offered, the
 * cheapest whose predicted time to the first token keeps the goal is taken; where none does, the
 * fastest. Retries have a budget, so that a provider that is down is not answered by a storm.
 *
 * Times are nanoseconds of any clock.  Nothing here is kept but in the caller's structs.
 */
#ifndef FLT_FLEET_PLACE_ROUTE_H
#define FLT_FLEET_PLACE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum flt_route_state {
    FLT_ROUTE_UP,
    FLT_ROUTE_SUSPECT, /* failed lately, still asked */
    FLT_ROUTE_COOLING, /* left alone until `until`, then one request is let through */
    FLT_ROUTE_DRAINING /* finishes what it has */
} flt_route_state;

typedef struct flt_route_health {
    flt_route_state state;
    int fails, level; /* in a row; coolings in a row */
    int64_t until;
    bool trial; /* cooling, and one request was let through */
} flt_route_health;

/* Whether a request may be sent there now; one that is cooling and has had its time lets one
 * through (and no other until that one's result, or until as long has passed again). */
bool flt_route_may(flt_route_health *h, int64_t now);

/* What came of a request, or of a probe. */
void flt_route_succeeded(flt_route_health *h);
void flt_route_failed(flt_route_health *h, int64_t now);

/* A replica as a request sees it. */
typedef struct flt_route_option {
    double wait_s; /* of the prefill queue: its tokens over the measured rate */
    double rate;   /* prefill tokens/s, measured */
    double rtt_s;
    double price;  /* marginal, of a token or of any unit that is the same for all */
    double tokens; /* of the prompt that it has to read: less where its prefix is cached */
    int active;    /* answers it is giving */
} flt_route_option;

/* Predicted seconds to the first token; infinite for a rate that is not positive. */
double flt_route_ttft(const flt_route_option *o);

/* Which of two is ahead: the shorter time, then fewer answers, then a. */
bool flt_route_better(const flt_route_option *a, const flt_route_option *b);

/* The one to take of n > 0 within a goal of slo_s (0: any time is good). */
size_t flt_route_choose(const flt_route_option *o, size_t n, double slo_s);

/* Retries: `share` of one for each request, at most `most` saved up. */
typedef struct flt_route_budget {
    double share, most, have;
} flt_route_budget;

/* One more request. */
void flt_route_earn(flt_route_budget *b);

/* Whether one more retry is allowed; it is then taken off. */
bool flt_route_spend(flt_route_budget *b);

#endif
