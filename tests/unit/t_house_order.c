/* t_house_order.c - stoke up's policy in every order of events: swaps, kills, checkpoints, a full
 * disk, people, a clock that is set.  A small world carries out what the house says and checks each
 * action and each state against the rules of house.h, all on a virtual clock.
 */
#include "base/rng.h"
#include "unit.h"
#include "up/house.h"

#include <stdio.h>

enum { STAGES = 2, MOST = 96 };

/* What the house's actions have done so far. */
typedef struct world {
    up_house h;
    uint64_t clock_us;
    bool alive[UP_ROLES], told[UP_ROLES]; /* told: to end */
    bool ready, held, keeping, ended, promoted;
    bool disk, paused, stopping;
    uint32_t served, swap_to;
    uint32_t round, stage, base; /* what is to be trained next; base: 0, the round is not begun */
    bool has_passed[MOST], has_file[MOST], was_bad[MOST];
} world;

/* The moves so far, for a message. */
static char story[4096];
static size_t story_len;

static void broken(const world *w, const char *rule)
{
    fail_msg("%s\nafter:%s\nround %u stage %u live %u", rule, story, w->h.round, w->h.stage,
             w->h.live);
}

#define RULE(w, yes, rule)                                                                         \
    do {                                                                                           \
        if (!(yes)) broken((w), (rule));                                                           \
    } while (0)

/* ---- carrying out ---- */

static bool is_bad(const world *w, uint32_t v)
{
    const up_version *row = up_house_version(&w->h, v);
    return !row || row->bad;
}

/* True when a version may be served: it passed, its file is there, it is not bad unless a person
 * wants it or there is no other. */
static void check_servable(const world *w, uint32_t v)
{
    RULE(w, v < MOST && w->has_passed[v], "a version that did not pass the gate goes live");
    RULE(w, w->has_file[v], "a version without a file goes live");
    bool other = false;
    for (size_t i = 0; i < w->h.n_versions; i++)
        other |= !w->h.version[i].bad;
    RULE(w, !is_bad(w, v) || w->h.pinned == v || !other, "a bad version goes live again");
}

static void check_may_train(const world *w, const up_action *a)
{
    RULE(w, !w->alive[UP_TRAINER] && !w->alive[UP_GATE], "trainer and gate at once, or twice");
    RULE(w, !w->disk && !w->paused && !w->stopping, "training begins though it must not");
    RULE(w, a->round == w->round, "a round that is over is gone on with");
}

static void begin_stage(world *w, const up_action *a)
{
    check_may_train(w, a);
    RULE(w, a->stage == w->stage && w->stage < STAGES, "a stage out of turn");
    if (!w->base) w->base = a->version;
    RULE(w, a->version == w->base, "the base of a round changes");
    RULE(w, !is_bad(w, a->version) || a->version == up_house_want(&w->h),
         "training on top of a discarded version");
    w->alive[UP_TRAINER] = true;
}

static void swap(world *w, const up_action *a)
{
    RULE(w, w->alive[UP_SERVER] && w->ready && !w->swap_to, "a swap nobody can carry out");
    RULE(w, a->version != w->served, "a swap for what is served already");
    check_servable(w, a->version);
    w->swap_to = a->version;
}

static void drop(world *w, const up_action *a)
{
    RULE(w, w->has_file[a->version], "a file is dropped twice");
    RULE(w,
         a->version != w->h.live && a->version != w->h.before && a->version != w->h.pinned &&
             a->version != w->swap_to && a->version != w->base &&
             (!w->alive[UP_SERVER] || a->version != w->served),
         "a file in use is dropped");
    w->has_file[a->version] = false;
}

static void carry_out(world *w, const up_action *a)
{
    RULE(w, a->why[0], "an action without a reason");
    switch (a->kind) {
    case UP_DO_SERVER_START:
        RULE(w, !w->alive[UP_SERVER], "two servers at once");
        RULE(w, !w->stopping, "a server is started though all is to end");
        check_servable(w, a->version);
        w->alive[UP_SERVER] = true;
        w->ready = false;
        w->served = a->version;
        break;
    case UP_DO_STAGE_START:
        begin_stage(w, a);
        break;
    case UP_DO_GATE_START:
        check_may_train(w, a);
        RULE(w, w->stage == STAGES, "a candidate that is not done is judged");
        RULE(w, a->version == up_house_want(&w->h), "the candidate is judged against another");
        w->alive[UP_GATE] = true;
        break;
    case UP_DO_STOP:
    case UP_DO_KILL:
        RULE(w, w->alive[a->role], "a process that is gone is told to end");
        w->told[a->role] = true;
        break;
    case UP_DO_SWAP:
        swap(w, a);
        break;
    case UP_DO_KEEP:
        RULE(w, w->promoted && !w->keeping && a->round == w->round, "what did not pass is kept");
        RULE(w, a->version == w->h.last + 1, "a number is used twice");
        w->keeping = true;
        break;
    case UP_DO_DROP:
        drop(w, a);
        break;
    case UP_DO_HOLD:
        RULE(w, w->held != a->on, "held twice");
        w->held = a->on;
        break;
    case UP_DO_END:
        RULE(w, w->stopping && !w->ended, "the end of what is not to end");
        w->ended = true;
        break;
    case UP_DO_SAY:
        break;
    }
}

/* What holds after each step. */
static void check_state(world *w)
{
    const up_house *h = &w->h;
    RULE(w, h->now_us > 0 && h->live < MOST && w->has_passed[h->live] && w->has_file[h->live],
         "what is live did not pass or is not there");
    RULE(w, w->held == (!w->stopping && (w->disk || w->paused)), "training is held wrongly");
    for (int r = 0; r < UP_ROLES; r++)
        RULE(w, w->alive[r] == (h->life[r].state != UP_DOWN), "a process is forgotten");
    if (w->stopping) {
        for (int r = 0; r < UP_ROLES; r++)
            RULE(w, !w->alive[r] || w->told[r], "a process is not told to end");
        RULE(w, w->ended == (!w->alive[0] && !w->alive[1] && !w->alive[2]), "the end is missed");
    } else {
        RULE(w, w->alive[UP_SERVER] || up_house_due(h) <= 30u * UP_SECOND, "no server is wanted");
    }
    if (w->alive[UP_SERVER] && w->ready && !w->swap_to)
        RULE(w, w->served == h->live, "another version is served than is thought");
    for (int r = UP_TRAINER; r <= UP_GATE; r++)
        RULE(w, !w->alive[r] || w->told[r] || !is_bad(w, w->base) || w->base == up_house_want(h),
             "what goes on from a discarded version is not ended");
    for (size_t i = 0; i < h->n_versions; i++) {
        const up_version *v = &h->version[i];
        RULE(w, v->bad || !w->was_bad[v->number], "a bad version is good again");
        RULE(w, !v->bad || w->was_bad[v->number] || h->pinned != v->number,
             "a version that failed stays pinned");
        w->was_bad[v->number] = v->bad;
    }
    RULE(w, h->n_versions <= h->keep + 5u, "too many versions are kept");
}

static void step(world *w, const up_event *ev)
{
    up_actions out;
    uint32_t round = w->h.round;
    up_house_step(&w->h, w->clock_us, ev, &out);
    if (w->h.round != round) {
        RULE(w, w->h.round == round + 1, "a round is left out");
        w->round = w->h.round;
        w->stage = w->base = 0;
        w->promoted = false;
    }
    for (size_t i = 0; i < out.n; i++)
        carry_out(w, &out.a[i]);
    check_state(w);
}

static void begin(world *w)
{
    *w = (world){.clock_us = 1000u * UP_SECOND, .round = 1};
    w->has_passed[1] = w->has_file[1] = true;
    up_house_init(&w->h, 7, 2, STAGES, w->clock_us);
    story_len = 0;
    story[0] = 0;
    step(w, &(up_event){.kind = UP_EV_TIME});
}

/* ---- what can happen ---- */

static void gone(world *w, up_role role, up_end end)
{
    if (!w->alive[role]) return;
    w->alive[role] = w->told[role] = false;
    if (role == UP_SERVER) {
        w->ready = false;
        w->swap_to = 0;
    }
    step(w, &(up_event){.kind = UP_EV_EXITED, .role = role, .end = end});
}

static void pass(world *w, unsigned seconds)
{
    for (unsigned s = 0; s < seconds; s += 5) {
        w->clock_us += 5u * UP_SECOND;
        step(w, &(up_event){.kind = UP_EV_TIME});
        RULE(w, up_house_due(&w->h) > 0, "it is due again at once");
    }
}

static void ready(world *w)
{
    if (!w->alive[UP_SERVER] || w->ready || w->told[UP_SERVER]) return;
    w->ready = true;
    step(w, &(up_event){.kind = UP_EV_READY});
}

static void swapped(world *w)
{
    uint32_t v = w->swap_to;
    if (!v || w->told[UP_SERVER]) return;
    w->served = v;
    w->swap_to = 0;
    step(w, &(up_event){.kind = UP_EV_SWAPPED, .version = v});
}

static void unswapped(world *w, up_end end)
{
    uint32_t v = w->swap_to;
    if (!v || w->told[UP_SERVER]) return;
    w->swap_to = 0;
    step(w, &(up_event){.kind = UP_EV_UNSWAPPED, .version = v, .end = end});
}

static void stage_done(world *w)
{
    if (!w->alive[UP_TRAINER]) return;
    w->stage++;
    gone(w, UP_TRAINER, UP_END_OK);
}

/* A verdict counts unless the gate was told to end, or what is served has changed. */
static void promoted(world *w)
{
    if (!w->alive[UP_GATE]) return;
    w->promoted = !w->told[UP_GATE] && w->h.against == up_house_want(&w->h);
    gone(w, UP_GATE, UP_END_OK);
}

static void kept(world *w, bool well)
{
    if (!w->keeping) return;
    uint32_t v = w->h.last + 1;
    if (v >= MOST) return;
    bool lost = w->base && is_bad(w, w->base) && w->base != up_house_want(&w->h);
    w->keeping = false;
    w->has_passed[v] = w->has_file[v] = well;
    step(w, &(up_event){.kind = well ? UP_EV_KEPT : UP_EV_UNKEPT, .version = v});
    RULE(w, !well || !lost || is_bad(w, v), "what was made from a discarded version is good");
}

static void set_disk(world *w, bool on)
{
    w->disk = on;
    step(w, &(up_event){.kind = UP_EV_DISK, .on = on});
}

/* A person asks; what makes no sense changes nothing. */
static void person(world *w, up_event_kind kind, bool on, uint32_t version)
{
    up_event ev = {.kind = kind, .on = on, .version = version};
    if (!up_house_refuse(&w->h, &ev)) {
        if (kind == UP_EV_PAUSE) w->paused = on;
        if (kind == UP_EV_STOP) w->stopping = true;
    }
    step(w, &ev);
}

static void told_ends(world *w)
{
    for (int r = UP_ROLES; r-- > 0;)
        if (w->told[r]) gone(w, (up_role)r, UP_END_STOPPED);
}

/* The caller's clock is set: back by an hour, or forward. */
static void clock_set(world *w, bool back)
{
    if (back)
        w->clock_us -= w->clock_us > 3600u * UP_SECOND ? 3600u * (uint64_t)UP_SECOND : 0;
    else
        w->clock_us += 3600u * (uint64_t)UP_SECOND;
    uint64_t before = w->h.now_us;
    step(w, &(up_event){.kind = UP_EV_TIME});
    RULE(w, w->h.now_us - before <= 5u * UP_SECOND, "a clock that is set passes for time");
}

/* clang-format off */
#define MOVES(M)                                                                                   \
    M(time, pass(w, 5))                                                                            \
    M(long_time, pass(w, 130))                                                                     \
    M(ready, ready(w))                                                                             \
    M(server_killed, gone(w, UP_SERVER, UP_END_KILLED))                                            \
    M(server_fault, gone(w, UP_SERVER, UP_END_FAULT))                                              \
    M(server_fails, gone(w, UP_SERVER, UP_END_FAILED))                                             \
    M(swapped, swapped(w))                                                                         \
    M(swap_refused, unswapped(w, UP_END_FAILED))                                                   \
    M(swap_put_off, unswapped(w, UP_END_STOPPED))                                                  \
    M(stage_done, stage_done(w))                                                                   \
    M(trainer_killed, gone(w, UP_TRAINER, UP_END_KILLED))                                          \
    M(trainer_fails, gone(w, UP_TRAINER, UP_END_FAILED))                                           \
    M(promoted, promoted(w))                                                                       \
    M(gate_keeps, gone(w, UP_GATE, UP_END_KEEP))                                                   \
    M(gate_killed, gone(w, UP_GATE, UP_END_KILLED))                                                \
    M(gate_fails, gone(w, UP_GATE, UP_END_FAULT))                                                  \
    M(kept, kept(w, true))                                                                         \
    M(unkept, kept(w, false))                                                                      \
    M(disk_full, set_disk(w, true))                                                                \
    M(disk_free, set_disk(w, false))                                                               \
    M(sick, step(w, &(up_event){.kind = UP_EV_SICK}))                                              \
    M(stuck, step(w, &(up_event){.kind = UP_EV_STUCK}))                                            \
    M(pause, person(w, UP_EV_PAUSE, true, 0))                                                      \
    M(resume, person(w, UP_EV_PAUSE, false, 0))                                                    \
    M(pin, person(w, UP_EV_PIN, false, w->h.version[0].number))                                    \
    M(unpin, person(w, UP_EV_PIN, false, 0))                                                       \
    M(rollback, person(w, UP_EV_ROLLBACK, false, 0))                                               \
    M(told_ends, told_ends(w))                                                                     \
    M(clock_back, clock_set(w, true))                                                              \
    M(clock_on, clock_set(w, false))                                                               \
    M(stop, person(w, UP_EV_STOP, false, 0))
/* clang-format on */

#define NAME(name, code) MOVE_##name,
enum { MOVES(NAME) N_MOVES };
#undef NAME

static const char *const names[] = {
#define TEXT(name, code) #name,
    MOVES(TEXT)
#undef TEXT
};

static void move(world *w, int m)
{
    int n = snprintf(story + story_len, sizeof story - story_len, " %s", names[m]);
    story_len += n > 0 && (size_t)n < sizeof story - story_len ? (size_t)n : 0;
    switch (m) {
#define CASE(name, code)                                                                           \
    case MOVE_##name:                                                                              \
        code;                                                                                      \
        break;
        MOVES(CASE)
#undef CASE
    default:
        break;
    }
}

/* ---- orders ---- */

static unsigned long tried;

/* All orders of `depth` more moves. */
static void all_orders(const world *from, int depth)
{
    if (!depth) return;
    size_t len = story_len;
    for (int m = 0; m < N_MOVES; m++) {
        world w = *from;
        move(&w, m);
        tried++;
        all_orders(&w, depth - 1);
        story_len = len;
        story[len] = 0;
    }
}

/* Where the orders begin: what has to have happened, so that short orders meet all of it. */
static const int prefix[][16] = {
    {MOVE_time, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, MOVE_swapped,
     MOVE_stage_done, MOVE_stage_done, MOVE_promoted, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, MOVE_swapped, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, MOVE_swapped,
     MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, -1},
    {MOVE_ready, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, MOVE_swapped,
     MOVE_long_time, MOVE_stage_done, MOVE_stage_done, MOVE_promoted, MOVE_kept, MOVE_swapped, -1},
};

static void every_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
        world w;
        begin(&w);
        for (int k = 0; prefix[i][k] >= 0; k++)
            move(&w, prefix[i][k]);
        all_orders(&w, 4);
    }
    assert_true(tried > 200000);
}

/* All goes well from here on: what has to come comes. */
static void calm(world *w)
{
    set_disk(w, false);
    person(w, UP_EV_PAUSE, false, 0);
    person(w, UP_EV_PIN, false, 0);
    for (int i = 0; i < 400 && !w->ended; i++) {
        told_ends(w);
        ready(w);
        swapped(w);
        kept(w, true);
        pass(w, 5);
    }
    if (w->ended) return;
    RULE(w, w->alive[UP_SERVER] && w->ready, "there is no server though nothing stands in its way");
    RULE(w, w->h.live == up_house_want(&w->h), "what is wanted is not live");
    RULE(w, w->alive[UP_TRAINER] || w->alive[UP_GATE] || w->h.last + 1 >= MOST,
         "nothing is trained though nothing stands in its way");
    uint32_t last = w->h.last;
    for (int i = 0; i < 3 * STAGES && w->h.last == last && w->h.last + 1 < MOST; i++) {
        stage_done(w);
        promoted(w);
        kept(w, true);
    }
    pass(w, 70);
    swapped(w);
    RULE(w, w->h.last == last || w->h.live == w->h.last, "a version that passed does not go live");
    RULE(w, w->h.last > last || w->h.last + 1 >= MOST, "no round comes to its end");
}

/* Long ways at random; those that stop early are rare. */
static void long_ways(void **state)
{
    (void)state;
    for (uint64_t way = 0; way < 1500; way++) {
        world w;
        begin(&w);
        for (uint64_t i = 0; i < 250 && w.h.last + 2 < MOST && !w.ended; i++) {
            int m = (int)sk_rng_below(way, SK_RNG_TEST, i, N_MOVES);
            if (m == MOVE_stop && sk_rng_below(way, SK_RNG_TEST, i + (1u << 20), 20))
                m = MOVE_ready;
            move(&w, m);
        }
        calm(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order),
        cmocka_unit_test(long_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
