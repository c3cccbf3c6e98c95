/* house.c - the house: versions, lives of processes, what a person asks; the rest is in
 * house_server.c and house_train.c.
 *
 * Each step has two parts: the event changes what is known, then all is settled: what should be is
 * compared with what is, and the difference becomes actions.  So an action is never forgotten
 * because an event came at an unusual time.
 */
#include "up/house.h"

#include "up/house_in.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STEP_MOST_US (5u * UP_SECOND)

up_action *up_do(up_actions *out, up_action_kind kind, const char *fmt, ...)
{
    assert(out->n < UP_ACTIONS);
    up_action *a = &out->a[out->n++];
    va_list ap;
    *a = (up_action){.kind = kind};
    va_start(ap, fmt);
    (void)vsnprintf(a->why, sizeof a->why, fmt, ap);
    va_end(ap);
    return a;
}

/* ---- versions ---- */

const up_version *up_house_version(const up_house *h, uint32_t number)
{
    for (size_t i = 0; i < h->n_versions; i++)
        if (h->version[i].number == number) return &h->version[i];
    return NULL;
}

void up_house_spoil(up_house *h, uint32_t version)
{
    for (size_t i = 0; i < h->n_versions; i++)
        if (h->version[i].number == version) h->version[i].bad = true;
    if (h->pinned == version) h->pinned = 0;
}

/* The newest that is not bad; where all are, the one there is: something has to answer. */
uint32_t up_house_want(const up_house *h)
{
    if (h->pinned) return h->pinned;
    for (size_t i = h->n_versions; i-- > 0;)
        if (!h->version[i].bad) return h->version[i].number;
    return h->live;
}

/* The newest good version but for one. */
static uint32_t other_than(const up_house *h, uint32_t number)
{
    for (size_t i = h->n_versions; i-- > 0;)
        if (!h->version[i].bad && h->version[i].number != number) return h->version[i].number;
    return 0;
}

/* ---- processes ---- */

static up_backoff backoff_of(uint64_t seed, up_role role)
{
    /* a server that died is missed at once; a trainer or a gate is not so much */
    uint64_t first = role == UP_SERVER ? UP_SECOND / 2 : 2 * UP_SECOND;
    uint64_t most = role == UP_SERVER ? 30 * UP_SECOND : 600 * (uint64_t)UP_SECOND;
    return (up_backoff){.first_us = first,
                        .most_us = most,
                        .patience = role == UP_SERVER ? 3 : 1,
                        .seed = seed + role};
}

void up_house_begun(up_house *h, up_role role, up_proc_state state)
{
    up_life *l = &h->life[role];
    assert(l->state == UP_DOWN);
    l->state = state;
    l->since = h->now_us;
}

void up_house_ended(up_house *h, up_role role)
{
    up_life *l = &h->life[role];
    if (l->state == UP_RUNNING && h->now_us - l->since >= UP_HEALTHY_US)
        up_backoff_reset(&l->again);
    l->state = UP_DOWN;
    l->since = h->now_us;
}

void up_house_end(up_house *h, up_role role, up_action_kind kind, const char *why, up_actions *out)
{
    static const char *const names[UP_ROLES] = {"server", "trainer", "gate"};
    h->life[role].state = UP_STOPPING;
    h->life[role].since = h->now_us;
    up_do(out, kind, "%s the %s: %.200s", kind == UP_DO_STOP ? "stop" : "kill", names[role], why)
        ->role = role;
}

bool up_house_may_start(const up_house *h, up_role role)
{
    return h->life[role].state == UP_DOWN && h->now_us >= h->life[role].not_before;
}

void up_house_init(up_house *h, uint64_t seed, uint32_t keep, uint32_t n_stages, uint64_t now_us)
{
    *h = (up_house){.seed = seed,
                    .keep = keep < 2                 ? 2
                            : keep > UP_VERSIONS / 2 ? UP_VERSIONS / 2
                                                     : keep,
                    .n_stages = n_stages,
                    .n_versions = 1,
                    .last = 1,
                    .live = 1,
                    .round = 1,
                    .now_us = 1,
                    .seen_us = now_us};
    h->version[0].number = 1;
    for (int r = 0; r < UP_ROLES; r++)
        h->life[r].again = backoff_of(seed, (up_role)r);
    h->swap_again =
        (up_backoff){.first_us = UP_SECOND, .most_us = 60 * UP_SECOND, .seed = seed + UP_ROLES};
}

void up_house_adopt(up_house *h, up_role role)
{
    up_house_begun(h, role, role == UP_SERVER ? UP_STARTING : UP_RUNNING);
}

/* ---- people ---- */

const char *up_house_refuse(const up_house *h, const up_event *ev)
{
    if (h->stopping) return "it is stopping";
    if (ev->kind == UP_EV_PIN && ev->version && !up_house_version(h, ev->version))
        return "there is no such version (any more)";
    if (ev->kind == UP_EV_ROLLBACK && !other_than(h, h->live))
        return "there is no other version to go back to";
    if (ev->kind == UP_EV_PAUSE && ev->on && h->paused) return "it is paused already";
    if (ev->kind == UP_EV_PAUSE && !ev->on && !h->paused) return "it is not paused";
    return NULL;
}

static void pin(up_house *h, uint32_t version, up_actions *out)
{
    h->pinned = version;
    h->swap_not_before = 0;
    if (version)
        up_do(out, UP_DO_SAY, "pin version %u: a person asked for it; others go live no more",
              version);
    else
        up_do(out, UP_DO_SAY, "unpin: the newest version that passed goes live again");
}

static void roll_back(up_house *h, up_actions *out)
{
    uint32_t to = other_than(h, h->live);
    up_do(out, UP_DO_SAY, "roll back version %u to %u: a person asked for it", h->live, to);
    up_house_spoil(h, h->live);
    h->pinned = 0;
    h->swap_not_before = 0;
}

/* What a person asked for, if it makes sense now. */
static void person(up_house *h, const up_event *ev, up_actions *out)
{
    if (up_house_refuse(h, ev)) return;
    switch (ev->kind) {
    case UP_EV_PAUSE:
        h->paused = ev->on;
        up_do(out, UP_DO_SAY,
              ev->on ? "pause training: a person asked for it"
                     : "resume training: a person asked for it");
        break;
    case UP_EV_PIN:
        pin(h, ev->version, out);
        break;
    case UP_EV_ROLLBACK:
        roll_back(h, out);
        break;
    default:
        h->stopping = true;
        up_do(out, UP_DO_SAY, "stop: a person asked for it");
        break;
    }
}

/* ---- surroundings ---- */

static void disk(up_house *h, const up_event *ev, up_actions *out)
{
    if (ev->on == h->disk_full) return;
    h->disk_full = ev->on;
    up_do(out, UP_DO_SAY,
          ev->on ? "the disk is full: training stands still, answers go on%s%s"
                 : "there is room on the disk again%s%s",
          ev->text ? ": " : "", ev->text ? ev->text : "");
}

static void room(up_house *h, const up_event *ev, up_actions *out)
{
    bool new_why = ev->on && ev->text && strcmp(ev->text, h->no_room_why) != 0;
    if (ev->on == h->no_room && !new_why) return;
    h->no_room = ev->on;
    (void)snprintf(h->no_room_why, sizeof h->no_room_why, "%s", ev->text ? ev->text : "");
    up_do(out, UP_DO_SAY, "%s%s%s", ev->on ? "no training" : "there is memory for training again",
          ev->text ? ": " : "", ev->text ? ev->text : "");
}

bool up_house_trains(const up_house *h, const char **why)
{
    *why = h->stopping    ? "it is stopping"
           : !h->n_stages ? "there is nothing to train with"
           : h->paused    ? "a person paused it"
           : h->disk_full ? "the disk is full"
           : h->no_room   ? h->no_room_why
                          : NULL;
    return *why == NULL;
}

/* ---- a step ---- */

/* What passes between two calls counts for five seconds at most, and never backwards. */
static void pass_time(up_house *h, uint64_t now_us)
{
    uint64_t d = now_us > h->seen_us ? now_us - h->seen_us : 0;
    h->seen_us = now_us;
    h->now_us += d < STEP_MOST_US ? d : STEP_MOST_US;
}

/* Guests of the share wait for a person, a disk, and the end. */
static void settle_hold(up_house *h, up_actions *out)
{
    bool hold = !h->stopping && (h->paused || h->disk_full);
    if (hold == h->held) return;
    h->held = hold;
    up_do(out, UP_DO_HOLD, hold ? "hold training: %s" : "let training go on%s",
          !hold       ? ""
          : h->paused ? "it is paused"
                      : "the disk is full")
        ->on = hold;
}

/* Whoever was told to end and has not for too long is ended. */
static void settle_late(up_house *h, up_actions *out)
{
    for (int r = 0; r < UP_ROLES; r++) {
        up_life *l = &h->life[r];
        if (l->state == UP_STOPPING && h->now_us - l->since >= UP_STOP_MOST_US)
            up_house_end(h, (up_role)r, UP_DO_KILL, "it takes too long to end", out);
    }
}

static void settle_end(up_house *h, up_actions *out)
{
    if (!h->stopping || h->ended) return;
    for (int r = 0; r < UP_ROLES; r++)
        if (h->life[r].state != UP_DOWN) return;
    h->ended = true;
    up_do(out, UP_DO_END, "end: server, trainer and gate have ended");
}

/* An event first changes what is known, then everything that may follow from it settles: whether
 * guests wait, the server, training, who was told to end and has not, and last whether there is
 * anything left to wait for. */
void up_house_step(up_house *h, uint64_t now_us, const up_event *ev, up_actions *out)
{
    out->n = 0;
    pass_time(h, now_us);
    switch (ev->kind) {
    case UP_EV_PAUSE:
    case UP_EV_PIN:
    case UP_EV_ROLLBACK:
    case UP_EV_STOP:
        person(h, ev, out);
        break;
    case UP_EV_DISK:
        disk(h, ev, out);
        break;
    case UP_EV_ROOM:
        room(h, ev, out);
        break;
    case UP_EV_EXITED:
        if (ev->role != UP_SERVER) {
            up_train_event(h, ev, out);
            break;
        }
        /* fall through */
    case UP_EV_READY:
    case UP_EV_SWAPPED:
    case UP_EV_UNSWAPPED:
    case UP_EV_SICK:
    case UP_EV_STUCK:
        up_server_event(h, ev, out);
        break;
    case UP_EV_KEPT:
    case UP_EV_UNKEPT:
        up_train_event(h, ev, out);
        break;
    case UP_EV_TIME:
        break;
    }
    settle_hold(h, out);
    up_server_settle(h, out);
    up_train_settle(h, out);
    settle_late(h, out);
    settle_end(h, out);
}

uint64_t up_house_due(const up_house *h)
{
    uint64_t a = up_server_due(h), b = up_train_due(h), at = a < b ? a : b;
    for (int r = 0; r < UP_ROLES; r++)
        if (h->life[r].state == UP_STOPPING && h->life[r].since + UP_STOP_MOST_US < at)
            at = h->life[r].since + UP_STOP_MOST_US;
    if (at == UINT64_MAX) return at;
    return at > h->now_us ? at - h->now_us : 0;
}

uint64_t up_house_wait(const up_house *h, uint64_t now_us)
{
    uint64_t due = up_house_due(h), past = now_us > h->seen_us ? now_us - h->seen_us : 0;
    if (due == UINT64_MAX) return due;
    return due > past ? due - past : 0;
}
