/* turns.c - takes the baton for a while, and passes it on. */
#include "serve/sched/turns.h"

#include "base/clock.h"

#include <poll.h>

/* A turn takes one of so many parts of the time that was waited for it, within these bounds. */
#define PART 9u
#define LEAST_US 500u
#define MOST_US 6000u

static bool is_stopped(const srv_turns *t)
{
    struct pollfd p = {.fd = t->stop_fd, .events = POLLIN};
    if (t->stop && atomic_load_explicit(t->stop, memory_order_relaxed)) return true;
    return t->stop_fd >= 0 && poll(&p, 1, 0) > 0;
}

void srv_turns_end(srv_turns *t)
{
    if (t->has) srv_baton_pass(t->baton);
    t->has = false;
}

bool srv_turns_between(void *arg, eng_work next)
{
    srv_turns *t = arg;
    uint64_t now = sk_now_us();
    bool stop = is_stopped(t);
    if (!stop && next == ENG_WORK_COMPUTE && t->has && now < t->until_us) return true;
    srv_turns_end(t);
    if (stop || next != ENG_WORK_COMPUTE) return !stop;
    srv_baton_take(t->baton);
    t->has = true;
    uint64_t then = sk_now_us(), turn = (then - now) / PART;
    if (turn < LEAST_US) turn = LEAST_US;
    t->until_us = then + (turn < MOST_US ? turn : MOST_US);
    return true;
}
