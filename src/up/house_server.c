/* house_server.c - the server, the version it serves, the watch over a new one. */
#include "up/house_in.h"

#include <assert.h>

/* Starts of a version that fail before it answers, after which another one is taken. */
#define STARTS_MOST 3u

/* Kills from elsewhere in a watch that are put down to the version: the system may have run out of
 * memory over it. */
#define KILLS_MOST 2u

/* Swaps to a version that may be put off before it counts as bad. */
#define PUT_OFF_MOST 8u

/* After so long of answering a server is started again after a tenth of that at most, however often
 * it was killed before: starting it costs little beside what it did, people wait for it meanwhile.
 */
#define ANSWERED_US (10u * UP_SECOND)
#define ANSWERED_PART 10u

static const char *text_of(const up_event *ev)
{
    return ev->text && ev->text[0] ? ev->text : "no reason given";
}

/* The server serves `version` from now on. */
static void goes_live(up_house *h, uint32_t version)
{
    if (version == h->live) return;
    h->before = h->live;
    h->live = version;
    h->watch_end = h->now_us + UP_WATCH_US;
    h->watch_kills = 0;
    h->failed_starts = 0;
}

/* A version that is served fails: another one takes its place, if there is one. */
static void fails(up_house *h, const char *what, up_actions *out)
{
    uint32_t bad = h->live;
    up_house_spoil(h, bad);
    uint32_t to = up_house_want(h);
    h->watch_end = 0;
    h->failed_starts = 0;
    h->swap_not_before = 0;
    if (to == bad)
        up_do(out, UP_DO_SAY, "keep version %u though it fails (%.120s): there is no other", bad,
              what);
    else
        up_do(out, UP_DO_SAY, "roll back version %u to %u: %.160s", bad, to, what);
}

/* ---- events ---- */

/* A server that answers: one that was adopted may serve another version than was noted. */
static void ready(up_house *h, const up_event *ev, up_actions *out)
{
    up_life *l = &h->life[UP_SERVER];
    if (l->state != UP_STARTING) return;
    l->state = UP_RUNNING;
    l->since = h->now_us;
    h->failed_starts = 0;
    if (ev->version && ev->version != h->live && up_house_version(h, ev->version))
        goes_live(h, ev->version);
    up_do(out, UP_DO_SAY, "the server answers with version %u%s%s", h->live, ev->text ? ": " : "",
          ev->text ? ev->text : "");
}

static const char *how(up_end end)
{
    static const char *const words[] = {
        "ended",      "ended",  "ended as it was told to", "failed", "was ended by a fault",
        "was killed", "is gone"};
    return words[end];
}

/* Whether the end of the server is to be put down to the version it served. */
static bool is_to_blame(up_house *h, const up_event *ev, bool was_ready)
{
    bool own = ev->end == UP_END_FAILED || ev->end == UP_END_FAULT;
    h->failed_starts = was_ready ? 0 : h->failed_starts + 1;
    if (h->failed_starts >= STARTS_MOST) return true;
    if (!h->watch_end) return false;
    if (!own) h->watch_kills++;
    return own || h->watch_kills >= KILLS_MOST;
}

static void exited(up_house *h, const up_event *ev, up_actions *out)
{
    up_life *l = &h->life[UP_SERVER];
    if (l->state == UP_DOWN) return;
    bool was_ready = l->state == UP_RUNNING, asked = l->state == UP_STOPPING;
    uint64_t ran = was_ready ? h->now_us - l->since : 0;
    up_house_ended(h, UP_SERVER);
    h->swapping = 0;
    if (asked && h->stopping) return;
    if (is_to_blame(h, ev, was_ready)) fails(h, text_of(ev), out);
    uint64_t wait = up_backoff_next(&l->again);
    if (ran >= ANSWERED_US && wait > ran / ANSWERED_PART) wait = ran / ANSWERED_PART;
    l->not_before = h->now_us + wait;
    l->restarts++;
    up_do(out, UP_DO_SAY, "the server %s (%.120s): it is started again in %.1f s", how(ev->end),
          text_of(ev), (double)wait / UP_SECOND);
}

static void swapped(up_house *h, const up_event *ev, up_actions *out)
{
    if (!h->swapping || h->swapping != ev->version) return;
    uint32_t from = h->live;
    h->swapping = 0;
    up_backoff_reset(&h->swap_again);
    goes_live(h, ev->version);
    up_do(out, UP_DO_SAY, "version %u is live in place of %u, watched for a minute%s%s", h->live,
          from, ev->text ? ": " : "", ev->text ? ev->text : "");
}

static void unswapped(up_house *h, const up_event *ev, up_actions *out)
{
    if (!h->swapping || h->swapping != ev->version) return;
    h->swapping = 0;
    uint64_t wait = up_backoff_next(&h->swap_again);
    if (ev->end == UP_END_STOPPED && h->swap_again.fails < PUT_OFF_MOST) {
        h->swap_not_before = h->now_us + wait;
        up_do(out, UP_DO_SAY, "version %u is put off by %.1f s: %.160s", ev->version,
              (double)wait / UP_SECOND, text_of(ev));
        return;
    }
    up_backoff_reset(&h->swap_again);
    up_house_spoil(h, ev->version);
    up_do(out, UP_DO_SAY, "version %u stays, %u can't go live: %.160s", h->live, ev->version,
          text_of(ev));
}

/* Outside a watch a server whose answers fail is left alone: another version would be no better. */
static void sick(up_house *h, const up_event *ev, up_actions *out)
{
    if (!h->watch_end) return;
    fails(h, text_of(ev), out);
}

static void stuck(up_house *h, const up_event *ev, up_actions *out)
{
    if (h->life[UP_SERVER].state != UP_RUNNING) return;
    if (h->watch_end) fails(h, text_of(ev), out);
    h->swapping = 0;
    up_house_end(h, UP_SERVER, UP_DO_KILL, text_of(ev), out);
}

void up_server_event(up_house *h, const up_event *ev, up_actions *out)
{
    switch (ev->kind) {
    case UP_EV_READY:
        ready(h, ev, out);
        break;
    case UP_EV_EXITED:
        exited(h, ev, out);
        break;
    case UP_EV_SWAPPED:
        swapped(h, ev, out);
        break;
    case UP_EV_UNSWAPPED:
        unswapped(h, ev, out);
        break;
    case UP_EV_SICK:
        sick(h, ev, out);
        break;
    default:
        stuck(h, ev, out);
        break;
    }
}

/* ---- settling ---- */

/* A server that runs is told to end once. */
static void settle_stop(up_house *h, up_actions *out)
{
    up_life *l = &h->life[UP_SERVER];
    if (l->state != UP_STARTING && l->state != UP_RUNNING) return;
    h->swapping = 0;
    up_house_end(h, UP_SERVER, UP_DO_STOP, "once its answers are done", out);
}

/* Down: a start, with the version that shall answer. */
static void settle_start(up_house *h, up_actions *out)
{
    uint32_t want = up_house_want(h);
    if (!up_house_may_start(h, UP_SERVER)) return;
    goes_live(h, want);
    up_house_begun(h, UP_SERVER, UP_STARTING);
    up_do(out, UP_DO_SERVER_START, "start the server with version %u", h->live)->version = h->live;
}

/* When another version is to be put in, UINT64_MAX: the right one is live, or a swap is under way.
 * While the live one is watched that is done only away from a bad one, or because a person says so.
 */
static uint64_t swap_at(const up_house *h)
{
    const up_version *live = up_house_version(h, h->live);
    if (h->life[UP_SERVER].state != UP_RUNNING || h->swapping || up_house_want(h) == h->live)
        return UINT64_MAX;
    bool waits = h->watch_end > h->swap_not_before && !live->bad && !h->pinned;
    return waits ? h->watch_end : h->swap_not_before;
}

static void settle_swap(up_house *h, up_actions *out)
{
    uint32_t want = up_house_want(h);
    if (h->now_us < swap_at(h)) return;
    h->swapping = want;
    up_do(out, UP_DO_SWAP, "swap version %u for %u: %s", h->live, want,
          up_house_version(h, h->live)->bad ? "it failed"
          : h->pinned == want               ? "it is pinned"
                                            : "it passed the gate")
        ->version = want;
}

static bool is_needed(const up_house *h, uint32_t v)
{
    return v == h->live || v == h->before || v == h->pinned || v == h->swapping || v == h->base ||
           v == h->against || v == up_house_want(h);
}

/* The oldest version that nobody needs, one a step. */
static void settle_drop(up_house *h, up_actions *out)
{
    if (h->n_versions <= h->keep) return;
    for (size_t i = 0; i < h->n_versions; i++) {
        uint32_t v = h->version[i].number;
        if (is_needed(h, v)) continue;
        h->n_versions--;
        for (size_t k = i; k < h->n_versions; k++)
            h->version[k] = h->version[k + 1];
        up_do(out, UP_DO_DROP, "drop version %u: %u are kept", v, h->keep)->version = v;
        return;
    }
}

static void settle_watch(up_house *h, up_actions *out)
{
    if (!h->watch_end || h->now_us < h->watch_end || h->life[UP_SERVER].state != UP_RUNNING) return;
    h->watch_end = 0;
    up_do(out, UP_DO_SAY, "version %u stays: its minute passed without a failure", h->live);
}

void up_server_settle(up_house *h, up_actions *out)
{
    up_life *l = &h->life[UP_SERVER];
    if (h->stopping) {
        settle_stop(h, out);
        return;
    }
    if (l->state == UP_RUNNING && l->again.fails && h->now_us - l->since >= UP_HEALTHY_US)
        up_backoff_reset(&l->again);
    if (l->state == UP_STARTING && h->now_us - l->since >= UP_START_MOST_US)
        up_house_end(h, UP_SERVER, UP_DO_KILL, "it was not ready after ten minutes", out);
    settle_watch(h, out);
    settle_start(h, out);
    settle_swap(h, out);
    settle_drop(h, out);
}

uint64_t up_server_due(const up_house *h)
{
    const up_life *l = &h->life[UP_SERVER];
    uint64_t at = UINT64_MAX;
    if (h->stopping) return at;
    if (l->state == UP_DOWN) at = l->not_before;
    if (l->state == UP_STARTING) at = l->since + UP_START_MOST_US;
    if (l->state != UP_RUNNING) return at;
    if (l->again.fails) at = l->since + UP_HEALTHY_US;
    if (h->watch_end && h->watch_end < at) at = h->watch_end;
    uint64_t swap = swap_at(h);
    return swap < at ? swap : at;
}
