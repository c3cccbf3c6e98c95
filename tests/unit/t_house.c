/* t_house.c - stoke up's policy, case by case: waits, blame, watches, verdicts, requests.  Every
 * order of events is tried in t_house_order.c.
 */
#include "unit.h"
#include "up/house.h"

#include <stdio.h>

static up_house h;
static up_actions out;
static uint64_t now;

static void step(up_event ev)
{
    up_house_step(&h, now, &ev, &out);
}

static void pass(uint64_t us)
{
    for (uint64_t d = 0; d < us; d += UP_SECOND) {
        uint64_t left = us - d;
        now += left < UP_SECOND ? left : UP_SECOND;
        step((up_event){.kind = UP_EV_TIME});
    }
}

/* Whether the last step has such an action. */
static const up_action *did(up_action_kind kind)
{
    for (size_t i = 0; i < out.n; i++)
        if (out.a[i].kind == kind) return &out.a[i];
    return NULL;
}

static bool said(const char *part)
{
    for (size_t i = 0; i < out.n; i++)
        if (strstr(out.a[i].why, part)) return true;
    return false;
}

static void gone(up_role role, up_end end)
{
    step((up_event){.kind = UP_EV_EXITED, .role = role, .end = end});
}

static void ready(void)
{
    step((up_event){.kind = UP_EV_READY});
}

static int begin(void **state)
{
    (void)state;
    now = 5000u * (uint64_t)UP_SECOND;
    up_house_init(&h, 3, 3, 2, now);
    step((up_event){.kind = UP_EV_TIME});
    return 0;
}

/* A round to its end: version `v` is live. */
static void promote(uint32_t v)
{
    gone(UP_TRAINER, UP_END_OK);
    gone(UP_TRAINER, UP_END_OK);
    assert_non_null(did(UP_DO_GATE_START));
    step((up_event){.kind = UP_EV_EXITED, .role = UP_GATE, .end = UP_END_OK, .text = "better"});
    assert_non_null(did(UP_DO_KEEP));
    step((up_event){.kind = UP_EV_KEPT, .version = v});
}

static void go_live(uint32_t v)
{
    promote(v);
    assert_non_null(did(UP_DO_SWAP));
    assert_int_equal(did(UP_DO_SWAP)->version, v);
    step((up_event){.kind = UP_EV_SWAPPED, .version = v});
    assert_int_equal(h.live, v);
}

static void begins(void **state)
{
    (void)state;
    assert_non_null(did(UP_DO_SERVER_START));
    assert_non_null(did(UP_DO_STAGE_START));
    ready();
    assert_true(said("answers with version 1"));
}

/* At once three times, then after waits that double; a healthy minute makes it forget. */
static void server_waits(void **state)
{
    (void)state;
    ready();
    for (int i = 0; i < 3; i++) {
        ready();
        gone(UP_SERVER, UP_END_KILLED);
        assert_non_null(did(UP_DO_SERVER_START));
    }
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        ready();
        gone(UP_SERVER, UP_END_KILLED);
        assert_null(did(UP_DO_SERVER_START));
        uint64_t due = up_house_due(&h);
        assert_true(due > last && due <= 30u * UP_SECOND);
        assert_int_equal(up_house_wait(&h, now), due);
        assert_int_equal(up_house_wait(&h, now + 300000),
                         due - 300000); /* with no step meanwhile */
        assert_int_equal(up_house_wait(&h, now + due), 0);
        last = due;
        pass(due);
        assert_non_null(did(UP_DO_SERVER_START));
    }
    assert_true(last > 4u * UP_SECOND);
    ready();
    pass(UP_HEALTHY_US + UP_SECOND);
    gone(UP_SERVER, UP_END_KILLED);
    assert_non_null(did(UP_DO_SERVER_START));
}

/* One that is killed every twenty seconds, for ever, answers nine tenths of the time. */
static void server_waits_no_longer_than_it_answered(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        ready();
        pass(20u * UP_SECOND);
        gone(UP_SERVER, UP_END_KILLED);
        if (i < 3) assert_non_null(did(UP_DO_SERVER_START));
        if (i < 3) continue;
        assert_true(up_house_due(&h) <= 2u * UP_SECOND);
        pass(2u * UP_SECOND);
        assert_int_equal(h.life[UP_SERVER].state, UP_STARTING);
    }
}

static void a_version_goes_live(void **state)
{
    (void)state;
    ready();
    go_live(2);
    assert_int_equal(h.before, 1);
    assert_true(said("version 2 is live in place of 1"));
    pass(UP_WATCH_US);
    assert_true(said("its minute passed"));
    assert_int_equal(h.watch_end, 0);
}

/* The next one waits until the watch over this one is over. */
static void one_watch_at_a_time(void **state)
{
    (void)state;
    ready();
    go_live(2);
    promote(3);
    assert_null(did(UP_DO_SWAP));
    pass(UP_WATCH_US);
    assert_non_null(did(UP_DO_SWAP));
}

static void failing_answers_roll_back(void **state)
{
    (void)state;
    ready();
    go_live(2);
    uint32_t round = h.round;
    step((up_event){.kind = UP_EV_SICK, .text = "3 answers failed"});
    assert_int_equal(did(UP_DO_SWAP)->version, 1);
    assert_true(said("roll back version 2 to 1: 3 answers failed"));
    /* what was being learned on top of it is ended without a checkpoint */
    assert_int_equal(did(UP_DO_KILL)->role, UP_TRAINER);
    step((up_event){.kind = UP_EV_SWAPPED, .version = 1});
    gone(UP_TRAINER, UP_END_KILLED);
    assert_int_equal(h.round, round + 1);
    assert_int_equal(did(UP_DO_STAGE_START)->version, 1);
    pass(10 * UP_WATCH_US);
    assert_int_equal(h.live, 1);
}

static void blame(void **state)
{
    (void)state;
    ready();
    go_live(2);
    gone(UP_SERVER, UP_END_KILLED); /* once may be anybody */
    assert_int_equal(did(UP_DO_SERVER_START)->version, 2);
    ready();
    gone(UP_SERVER, UP_END_KILLED);
    assert_true(said("roll back version 2 to 1"));
    begin(NULL);
    ready();
    go_live(2);
    gone(UP_SERVER, UP_END_FAULT);
    assert_int_equal(did(UP_DO_SERVER_START)->version, 1);
    begin(NULL);
    ready();
    go_live(2);
    pass(UP_WATCH_US);
    gone(UP_SERVER, UP_END_FAULT); /* it has proved itself */
    assert_int_equal(did(UP_DO_SERVER_START)->version, 2);
}

/* A version that can't be opened any more gives way; with no other it is tried for ever. */
static void failed_starts(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        gone(UP_SERVER, UP_END_FAILED);
        pass(30u * UP_SECOND);
        assert_int_equal(h.life[UP_SERVER].state, UP_STARTING);
    }
    assert_int_equal(h.live, 1);
    begin(NULL);
    ready();
    go_live(2);
    pass(UP_WATCH_US);
    gone(UP_SERVER, UP_END_KILLED);
    for (int i = 0; i < 3; i++) {
        pass(30u * UP_SECOND);
        gone(UP_SERVER, UP_END_FAILED);
    }
    pass(30u * UP_SECOND);
    assert_int_equal(h.live, 1);
}

static void swaps_that_fail(void **state)
{
    (void)state;
    ready();
    promote(2);
    step((up_event){.kind = UP_EV_UNSWAPPED, .version = 2, .end = UP_END_STOPPED, .text = "busy"});
    assert_true(said("put off"));
    pass(2u * UP_SECOND);
    assert_int_equal(h.swapping, 2);
    step(
        (up_event){.kind = UP_EV_UNSWAPPED, .version = 2, .end = UP_END_FAILED, .text = "damaged"});
    assert_true(said("version 1 stays, 2 can't go live: damaged"));
    pass(10 * UP_WATCH_US);
    assert_int_equal(h.live, 1);
}

static void gates(void **state)
{
    (void)state;
    ready();
    gone(UP_TRAINER, UP_END_OK);
    gone(UP_TRAINER, UP_END_OK);
    step((up_event){.kind = UP_EV_EXITED, .role = UP_GATE, .end = UP_END_KEEP, .text = "worse"});
    assert_true(said("keep version 1, discard the candidate of round 1: worse"));
    assert_int_equal(did(UP_DO_STAGE_START)->round, 2);
    gone(UP_TRAINER, UP_END_OK);
    gone(UP_TRAINER, UP_END_OK);
    for (int i = 0; i < 3; i++) {
        pass(60u * UP_SECOND);
        gone(UP_GATE, UP_END_FAULT);
    }
    assert_true(said("can't be judged"));
    assert_int_equal(h.round, 3);
}

/* A verdict over what is not wanted any more is none. */
static void stale_verdict(void **state)
{
    (void)state;
    ready();
    go_live(2);
    step((up_event){.kind = UP_EV_PIN, .version = 1});
    step((up_event){.kind = UP_EV_SWAPPED, .version = 1});
    gone(UP_TRAINER, UP_END_OK);
    gone(UP_TRAINER, UP_END_OK);
    assert_int_equal(did(UP_DO_GATE_START)->version, 1);
    step((up_event){.kind = UP_EV_PIN});
    gone(UP_GATE, UP_END_OK);
    assert_true(said("judge the candidate of round 2 again"));
    assert_int_equal(did(UP_DO_GATE_START)->version, 2);
}

static void rounds_that_fail(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(h.round, 1);
        gone(UP_TRAINER, UP_END_FAILED);
        pass(600u * (uint64_t)UP_SECOND);
    }
    assert_int_equal(h.round, 2);
    assert_int_equal(h.life[UP_TRAINER].state, UP_RUNNING);
}

/* What a full disk does is no fault of the round. */
static void full_disk(void **state)
{
    (void)state;
    ready();
    step((up_event){.kind = UP_EV_DISK, .on = true});
    assert_true(did(UP_DO_HOLD)->on);
    for (int i = 0; i < 10; i++) {
        gone(UP_TRAINER, UP_END_FAILED);
        pass(600u * (uint64_t)UP_SECOND);
        assert_int_equal(h.life[UP_TRAINER].state, UP_DOWN);
    }
    step((up_event){.kind = UP_EV_DISK});
    assert_false(did(UP_DO_HOLD)->on);
    assert_int_equal(did(UP_DO_STAGE_START)->round, 1);
}

/* A trainer that says itself that there is no room: it ends of it, the disk counts as full from
 * just before on (act.c).  However often that is so, the round stays; with room it goes on. */
static void no_room_on_the_disk(void **state)
{
    (void)state;
    const up_event dead = {.kind = UP_EV_EXITED,
                           .role = UP_TRAINER,
                           .end = UP_END_FAILED,
                           .text = "No space left on device"};
    ready();
    for (int i = 0; i < 20; i++) {
        step((up_event){.kind = UP_EV_DISK, .on = true, .text = dead.text});
        step(dead);
        assert_true(said("the trainer failed (No space left on device)"));
        pass(60u * UP_SECOND);
        assert_int_equal(h.life[UP_TRAINER].state, UP_DOWN);
        assert_int_equal(h.round_fails, 0);
        step((up_event){.kind = UP_EV_DISK});
        assert_int_equal(did(UP_DO_STAGE_START)->round, 1);
    }
    gone(UP_TRAINER, UP_END_OK);
    gone(UP_TRAINER, UP_END_OK);
    for (int i = 0; i < 20; i++) { /* nor does the candidate that can't be judged for want of it */
        assert_non_null(did(UP_DO_GATE_START));
        step((up_event){.kind = UP_EV_DISK, .on = true});
        gone(UP_GATE, UP_END_FAILED);
        pass(60u * UP_SECOND);
        assert_int_equal(h.life[UP_GATE].state, UP_DOWN);
        step((up_event){.kind = UP_EV_DISK});
    }
    assert_int_equal(h.round, 1);
}

static void no_room(void **state)
{
    (void)state;
    const char *why;
    ready();
    step((up_event){.kind = UP_EV_ROOM, .on = true, .text = "it takes 9 GB"});
    gone(UP_TRAINER, UP_END_STOPPED);
    pass(600u * (uint64_t)UP_SECOND);
    assert_int_equal(h.life[UP_TRAINER].state, UP_DOWN);
    assert_false(up_house_trains(&h, &why));
    assert_string_equal(why, "it takes 9 GB");
    step((up_event){.kind = UP_EV_ROOM});
    assert_non_null(did(UP_DO_STAGE_START));
}

static void people_ask(void **state)
{
    (void)state;
    up_event roll = {.kind = UP_EV_ROLLBACK}, pin = {.kind = UP_EV_PIN, .version = 9};
    ready();
    assert_non_null(up_house_refuse(&h, &roll));
    assert_non_null(up_house_refuse(&h, &pin));
    go_live(2);
    assert_null(up_house_refuse(&h, &roll));
    step(roll); /* also in the watch */
    assert_int_equal(did(UP_DO_SWAP)->version, 1);
    step((up_event){.kind = UP_EV_SWAPPED, .version = 1});
    pin.version = 2; /* a person may want what was rolled back */
    step(pin);
    assert_int_equal(did(UP_DO_SWAP)->version, 2);
}

static void stops(void **state)
{
    (void)state;
    ready();
    step((up_event){.kind = UP_EV_STOP});
    assert_non_null(did(UP_DO_STOP));
    gone(UP_TRAINER, UP_END_STOPPED);
    pass(UP_STOP_MOST_US + UP_SECOND);
    assert_int_equal(h.life[UP_SERVER].state, UP_STOPPING);
    gone(UP_SERVER, UP_END_KILLED);
    assert_non_null(did(UP_DO_END));
}

/* A server that was adopted serves what it says, also if the swap to it was never noted. */
static void adopted(void **state)
{
    (void)state;
    up_house_init(&h, 3, 3, 2, now);
    h.version[h.n_versions++] = (up_version){.number = 2};
    h.last = 2;
    up_house_adopt(&h, UP_SERVER);
    up_house_adopt(&h, UP_TRAINER);
    step((up_event){.kind = UP_EV_TIME});
    assert_null(did(UP_DO_SERVER_START));
    step((up_event){.kind = UP_EV_READY, .version = 2});
    assert_int_equal(h.live, 2);
    assert_null(did(UP_DO_SWAP));
    assert_true(h.watch_end > 0);
    gone(UP_TRAINER, UP_END_UNKNOWN);
    assert_non_null(did(UP_DO_STAGE_START));
}

static void backs_off(void **state)
{
    (void)state;
    up_backoff a = {.first_us = 1000, .most_us = 10000, .patience = 1, .seed = 4}, b = a;
    uint64_t want = 1000;
    assert_int_equal(up_backoff_next(&a), 0);
    assert_int_equal(up_backoff_next(&b), 0);
    for (int i = 0; i < 10; i++) {
        uint64_t w = up_backoff_next(&a);
        assert_true(w <= want && w >= want * 3 / 4);
        assert_int_equal(w, up_backoff_next(&b));
        want = want * 2 < 10000 ? want * 2 : 10000;
    }
    up_backoff_reset(&a);
    assert_int_equal(up_backoff_next(&a), 0);
}

#define CASE(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(begins),
        CASE(server_waits),
        CASE(server_waits_no_longer_than_it_answered),
        CASE(a_version_goes_live),
        CASE(one_watch_at_a_time),
        CASE(failing_answers_roll_back),
        CASE(blame),
        CASE(failed_starts),
        CASE(swaps_that_fail),
        CASE(gates),
        CASE(stale_verdict),
        CASE(rounds_that_fail),
        CASE(full_disk),
        CASE(no_room_on_the_disk),
        CASE(no_room),
        CASE(people_ask),
        CASE(stops),
        CASE(adopted),
        CASE(backs_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
