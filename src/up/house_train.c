/* house_train.c - rounds: the stages that train, the gate that judges what came of them. */
#include "up/house_in.h"

#include <assert.h>

/* Failures of a round in a row, by its own doing, after which it is given up. */
#define ROUND_FAILS 6u
#define GATE_FAILS 3u

static const char *text_of(const up_event *ev)
{
    return ev->text && ev->text[0] ? ev->text : "no reason given";
}

static bool is_down(const up_house *h)
{
    return h->life[UP_TRAINER].state == UP_DOWN && h->life[UP_GATE].state == UP_DOWN;
}

/* The round is over, whatever came of it. */
static void next_round(up_house *h)
{
    assert(is_down(h));
    h->round++;
    h->stage = 0;
    h->base = h->against = 0;
    h->phase = UP_PHASE_STAGE;
    h->round_fails = 0;
    h->keeping = false;
}

/* Notes one more failure; the wait before the next try, in seconds. */
static double wait_more(up_house *h, up_role role)
{
    up_life *l = &h->life[role];
    uint64_t wait = up_backoff_next(&l->again);
    l->not_before = h->now_us + wait;
    l->restarts++;
    return (double)wait / UP_SECOND;
}

/* ---- the trainer ---- */

static void stage_done(up_house *h, up_actions *out)
{
    h->stage++;
    h->round_fails = 0;
    up_backoff_reset(&h->life[UP_TRAINER].again);
    h->life[UP_TRAINER].not_before = h->now_us;
    if (h->stage >= h->n_stages) h->phase = UP_PHASE_GATE;
    up_do(out, UP_DO_SAY, "stage %u of %u of round %u is done%s", h->stage, h->n_stages, h->round,
          h->phase == UP_PHASE_GATE ? ": there is a candidate" : "");
}

/* What a full disk does is not the round's fault, nor a reason to wait longer than for room. */
static void stage_failed(up_house *h, const up_event *ev, up_actions *out)
{
    bool own = ev->end == UP_END_FAILED || ev->end == UP_END_FAULT;
    if (own && h->disk_full) {
        h->life[UP_TRAINER].restarts++;
        up_do(out, UP_DO_SAY, "the trainer failed (%.120s): it goes on once there is room",
              text_of(ev));
        return;
    }
    double wait = wait_more(h, UP_TRAINER);
    if (own && ++h->round_fails >= ROUND_FAILS) {
        up_do(out, UP_DO_SAY,
              "give up round %u, the next one in %.0f s: it failed %u times in a "
              "row: %.120s",
              h->round, wait, h->round_fails, text_of(ev));
        next_round(h);
        return;
    }
    up_do(out, UP_DO_SAY, "the trainer %s (%.120s): it goes on in %.1f s",
          ev->end == UP_END_KILLED    ? "was killed"
          : ev->end == UP_END_STOPPED ? "was stopped"
          : ev->end == UP_END_UNKNOWN ? "is gone"
                                      : "failed",
          text_of(ev), wait);
}

static void trainer_exited(up_house *h, const up_event *ev, up_actions *out)
{
    up_proc_state was = h->life[UP_TRAINER].state;
    if (was == UP_DOWN) return;
    up_house_ended(h, UP_TRAINER);
    if (ev->end == UP_END_OK)
        stage_done(h, out);
    else if (was != UP_STOPPING)
        stage_failed(h, ev, out);
}

/* ---- the gate ---- */

static void passed(up_house *h, const up_event *ev, up_actions *out)
{
    if (h->against != up_house_want(h)) {
        up_do(out, UP_DO_SAY,
              "judge the candidate of round %u again: version %u is not what is "
              "served by now",
              h->round, h->against);
        return;
    }
    h->phase = UP_PHASE_KEEP;
    h->keep_not_before = h->now_us;
    up_do(out, UP_DO_SAY, "promote the candidate of round %u over version %u: %.160s", h->round,
          h->against, text_of(ev));
}

static void gate_failed(up_house *h, const up_event *ev, up_actions *out)
{
    bool own = ev->end == UP_END_FAILED || ev->end == UP_END_FAULT;
    if (own && h->disk_full) {
        h->life[UP_GATE].restarts++;
        up_do(out, UP_DO_SAY, "the gate failed (%.120s): again once there is room", text_of(ev));
        return;
    }
    double wait = wait_more(h, UP_GATE);
    if (own && ++h->round_fails >= GATE_FAILS) {
        up_do(out, UP_DO_SAY, "discard the candidate of round %u, it can't be judged: %.160s",
              h->round, text_of(ev));
        next_round(h);
        return;
    }
    up_do(out, UP_DO_SAY, "the gate ended without a verdict (%.120s): again in %.1f s", text_of(ev),
          wait);
}

static void gate_exited(up_house *h, const up_event *ev, up_actions *out)
{
    up_proc_state was = h->life[UP_GATE].state;
    if (was == UP_DOWN) return;
    up_house_ended(h, UP_GATE);
    if (was == UP_STOPPING) return;
    if (ev->end == UP_END_OK || ev->end == UP_END_KEEP) up_backoff_reset(&h->life[UP_GATE].again);
    if (ev->end == UP_END_OK) {
        passed(h, ev, out);
    } else if (ev->end == UP_END_KEEP) {
        up_do(out, UP_DO_SAY, "keep version %u, discard the candidate of round %u: %.160s",
              h->against, h->round, text_of(ev));
        next_round(h);
    } else {
        gate_failed(h, ev, out);
    }
}

/* ---- keeping ---- */

/* True when the round goes on from a version that was thrown away and another one is wanted. */
static bool is_lost(const up_house *h)
{
    const up_version *v = h->base ? up_house_version(h, h->base) : NULL;
    return v && v->bad && v->number != up_house_want(h);
}

/* One whose base was thrown away while it was being kept does not go live by itself. */
static void kept(up_house *h, const up_event *ev, up_actions *out)
{
    if (!h->keeping || ev->version != h->last + 1 || h->n_versions >= UP_VERSIONS) return;
    bool lost = is_lost(h);
    h->last = ev->version;
    h->version[h->n_versions++] = (up_version){.number = ev->version, .bad = lost};
    up_do(out, UP_DO_SAY, "the candidate of round %u is version %u%s", h->round, ev->version,
          lost ? ", and goes live only if it is pinned: what it was made from was rolled back"
               : "");
    next_round(h);
}

static void unkept(up_house *h, const up_event *ev, up_actions *out)
{
    if (!h->keeping) return;
    h->keeping = false;
    h->keep_not_before = h->now_us + 10 * UP_SECOND;
    up_do(out, UP_DO_SAY, "the candidate of round %u waits 10 s to be kept: %.160s", h->round,
          text_of(ev));
}

void up_train_event(up_house *h, const up_event *ev, up_actions *out)
{
    if (ev->kind == UP_EV_KEPT)
        kept(h, ev, out);
    else if (ev->kind == UP_EV_UNKEPT)
        unkept(h, ev, out);
    else if (ev->role == UP_TRAINER)
        trainer_exited(h, ev, out);
    else
        gate_exited(h, ev, out);
}

/* ---- settling ---- */

static void settle_stop(up_house *h, up_actions *out)
{
    if (h->life[UP_TRAINER].state == UP_RUNNING)
        up_house_end(h, UP_TRAINER, UP_DO_STOP, "with a checkpoint", out);
    if (h->life[UP_GATE].state == UP_RUNNING)
        up_house_end(h, UP_GATE, UP_DO_STOP, "it judges again the next time", out);
}

/* What such a round does is ended without a checkpoint, then the round. */
static void settle_lost(up_house *h, up_actions *out)
{
    for (int r = UP_TRAINER; r <= UP_GATE; r++)
        if (h->life[r].state == UP_RUNNING)
            up_house_end(h, (up_role)r, UP_DO_KILL, "its round is given up", out);
    if (!is_down(h)) return;
    up_do(out, UP_DO_SAY, "give up round %u: it went on from version %u, which was rolled back",
          h->round, h->base);
    next_round(h);
}

static void settle_stage(up_house *h, up_actions *out)
{
    if (!up_house_may_start(h, UP_TRAINER)) return;
    if (!h->base) h->base = up_house_want(h);
    up_house_begun(h, UP_TRAINER, UP_RUNNING);
    up_action *a =
        up_do(out, UP_DO_STAGE_START, "train: stage %u of %u of round %u, from version %u",
              h->stage + 1, h->n_stages, h->round, h->base);
    a->round = h->round;
    a->stage = h->stage;
    a->version = h->base;
}

static void settle_gate(up_house *h, up_actions *out)
{
    if (!up_house_may_start(h, UP_GATE)) return;
    h->against = up_house_want(h);
    up_house_begun(h, UP_GATE, UP_RUNNING);
    up_action *a =
        up_do(out, UP_DO_GATE_START, "judge the candidate of round %u against version %u", h->round,
              h->against);
    a->round = h->round;
    a->version = h->against;
}

static void settle_keep(up_house *h, up_actions *out)
{
    if (h->keeping || h->now_us < h->keep_not_before) return;
    h->keeping = true;
    up_action *a = up_do(out, UP_DO_KEEP, "keep the candidate of round %u as version %u", h->round,
                         h->last + 1);
    a->round = h->round;
    a->version = h->last + 1;
}

void up_train_settle(up_house *h, up_actions *out)
{
    const char *why;
    if (h->stopping) {
        settle_stop(h, out);
        return;
    }
    if (is_lost(h) && !h->keeping) settle_lost(h, out);
    if (!up_house_trains(h, &why) || !is_down(h)) return;
    if (h->phase == UP_PHASE_STAGE)
        settle_stage(h, out);
    else if (h->phase == UP_PHASE_GATE)
        settle_gate(h, out);
    else
        settle_keep(h, out);
}

uint64_t up_train_due(const up_house *h)
{
    const char *why;
    if (!up_house_trains(h, &why) || !is_down(h)) return UINT64_MAX;
    if (h->phase == UP_PHASE_STAGE) return h->life[UP_TRAINER].not_before;
    if (h->phase == UP_PHASE_GATE) return h->life[UP_GATE].not_before;
    return h->keeping ? UINT64_MAX : h->keep_not_before;
}
