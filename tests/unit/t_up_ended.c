/* t_up_ended.c - what the supervisor makes of a process that ended: a disk that was short is told
 * before the end of who found it so, so that no round pays for it.
 */
#include "unit.h"
#include "up/super.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

static up_super *u;

/* A supervisor of which only the folder and the house are there: nothing is started. */
static int set_up(void **state)
{
    sk_err e = SK_ERR_INIT;
    int rc = unit_dir_make(state);
    u = sk_calloc(SK_MEM_MISC, 1, sizeof *u);
    assert_non_null(u);
    assert_status_ok(up_dir_open(unit_path(unit_dir, "up"), &u->dir, &e), e);
    up_house_init(&u->house, 3, 3, 1, 0);
    return rc;
}

static int tear_down(void **state)
{
    up_dir_close(&u->dir, true);
    sk_free(u);
    return unit_dir_remove(state);
}

/* All that waits for the house, one after the other; whether it was told to start training. */
static bool feed(uint64_t now)
{
    up_actions out;
    bool started = false;
    for (size_t i = 0; i < u->n_queue; i++) {
        up_event ev = u->queue[i].ev;
        ev.text = u->queue[i].text;
        up_house_step(&u->house, now, &ev, &out);
        for (size_t k = 0; k < out.n; k++)
            started |= out.a[k].kind == UP_DO_STAGE_START;
    }
    u->n_queue = 0;
    return started;
}

static void log_says(const char *name, const char *text)
{
    char path[UP_PATH];
    unit_write(up_dir_at(&u->dir, name, path), text, strlen(text));
}

/* The last words of a trainer whose checkpoint found no room, again and again. */
static void trainer_finds_a_full_disk(void **state)
{
    (void)state;
    char words[160];
    uint64_t now = 0;
    (void)snprintf(words, sizeof words, "step 8\nstoke train: cannot write a file: %s\n",
                   strerror(ENOSPC));
    log_says("log/trainer.log", words);
    up_tell(u, &(up_event){.kind = UP_EV_TIME}, NULL);
    assert_true(feed(now));
    for (int i = 0; i < 20; i++) {
        up_ended(u, UP_TRAINER, UP_END_FAILED, "exit code 3");
        assert_int_equal(u->n_queue, 2);
        assert_int_equal(u->queue[0].ev.kind, UP_EV_DISK);
        assert_true(u->queue[0].ev.on);
        assert_int_equal(u->queue[1].ev.kind, UP_EV_EXITED);
        assert_contains(u->queue[1].text, "exit code 3: stoke train: cannot write");
        assert_true(u->disk_need > (uint64_t)16 << 20); /* more than there was */
        assert_false(feed(now));
        assert_true(u->house.disk_full);
        assert_int_equal(u->house.round_fails, 0);
        for (int s = 0; s < 60; s++) {
            up_tell(u, &(up_event){.kind = UP_EV_TIME}, NULL);
            assert_false(feed(now += UP_SECOND));
        }
        up_tell(u, &(up_event){.kind = UP_EV_DISK}, "there is room");
        assert_true(feed(now));
        assert_int_equal(u->house.round, 1);
    }
}

/* Any other words are the trainer's own, and the sixth time ends the round. */
static void other_failures_count(void **state)
{
    (void)state;
    uint64_t now = 0;
    log_says("log/trainer.log", "stoke train: the file of data is gone\n");
    up_tell(u, &(up_event){.kind = UP_EV_TIME}, NULL);
    assert_true(feed(now));
    for (uint32_t i = 1; i <= 6; i++) {
        up_ended(u, UP_TRAINER, UP_END_FAILED, "exit code 3");
        assert_int_equal(u->n_queue, 1);
        bool again = feed(now);
        assert_int_equal(u->house.round, i < 6 ? 1 : 2);
        for (int s = 0; s < 600 && !again; s++) {
            up_tell(u, &(up_event){.kind = UP_EV_TIME}, NULL);
            again = feed(now += UP_SECOND);
        }
        assert_true(again);
    }
}

/* The gate's disk is the same one; the server's words are about something else. */
static void roles(void **state)
{
    (void)state;
    log_says("log/gate.log", strerror(EDQUOT));
    log_says("log/server.log", strerror(ENOSPC));
    up_ended(u, UP_GATE, UP_END_FAILED, "exit code 1");
    assert_int_equal(u->queue[0].ev.kind, UP_EV_DISK);
    u->n_queue = 0;
    up_ended(u, UP_SERVER, UP_END_FAILED, "exit code 1");
    assert_int_equal(u->queue[0].ev.kind, UP_EV_EXITED);
    u->n_queue = 0;
    up_ended(u, UP_TRAINER, UP_END_KILLED, "signal 9"); /* it said nothing: an old line */
    assert_int_equal(u->n_queue, 1);
}

/* Figures: the gate is told of those of all versions but the bad ones, and a candidate's become the
 * version's. */
static void figures(void **state)
{
    (void)state;
    char path[UP_PATH];
    sk_opt_list words = {.n = 0};
    sk_err e = SK_ERR_INIT;
    u->mem = sk_arena_new(SK_MEM_MISC);
    assert_non_null(u->mem);
    u->house.n_versions = 3;
    u->house.version[1] = (up_version){.number = 2, .bad = true};
    u->house.version[2] = (up_version){.number = 3};
    for (int i = 1; i <= 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "figures/%04d.json", i);
        log_says(name, "{}");
    }
    log_says("gate/0009.figures", "of a gate that was killed");
    assert_status_ok(up_figures_words(u, 9, 3, &words, &e), e);
    assert_int_equal(words.n, 6);
    assert_string_equal(words.item[0], "--figures");
    assert_string_equal(words.item[1], up_dir_at(&u->dir, "figures/0003.json", path));
    assert_string_equal(words.item[3], up_dir_at(&u->dir, "gate/0009.figures", path));
    assert_false(sk_file_exists(path));
    assert_string_equal(words.item[5], up_dir_at(&u->dir, "figures", path));
    assert_int_equal(unit_count_files(path), 2);
    assert_false(sk_file_exists(up_dir_at(&u->dir, "figures/0002.json", path)));
    up_figures_keep(u, 9, 4); /* there are none */
    log_says("gate/0009.figures", "its own");
    up_figures_keep(u, 9, 4);
    assert_true(sk_file_exists(up_dir_at(&u->dir, "figures/0004.json", path)));
    log_says("gate/0009.figures", "left over");
    up_dir_drop_round(&u->dir, 9);
    assert_false(sk_file_exists(up_dir_at(&u->dir, "gate/0009.figures", path)));
    sk_arena_free(u->mem);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(trainer_finds_a_full_disk),
        CASE(other_failures_count),
        CASE(roles),
        CASE(figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
