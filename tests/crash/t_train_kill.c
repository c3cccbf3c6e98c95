/* t_train_kill.c - training killed with SIGKILL and gone on with: the model, the checkpoint and the
 * log must be those of the run that was never killed, byte for byte.
 *
 * Runs are made in child processes.  Two ways to die: at the Nth call that writes (every moment
 * that matters to files), and at a random time.
 */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/rng.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 20 };

static tiny_run whole;
static uint64_t whole_us; /* how long the undisturbed run took */

static int make_whole(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run_init(&whole);
    whole.o.steps = 10;
    whole.o.layers = 2;
    uint64_t t = sk_now_us();
    assert_status_ok(tiny_run_train(&whole, &e), e);
    whole_us = sk_now_us() - t;
    return 0;
}

static int remove_whole(void **state)
{
    (void)state;
    tiny_run_fini(&whole);
    return 0;
}

/* A child that trains; dies at its kill_at-th write-side call (0: never). */
static pid_t start(const tiny_run *r, unsigned long kill_at)
{
    pid_t pid = fork();
    if (pid != 0) return pid;
    sk_err e = SK_ERR_INIT;
    sk_fault_plan(SK_FAULT_KILL, kill_at, false);
    sk_status st = tiny_run_train(r, &e);
    if (st) (void)fprintf(stderr, "# %s\n", e.text);
    _exit(sk_status_exit(st));
}

/* True when the child ended well, false when it was killed; anything else fails the test. */
static bool ended_well(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void killed_at_any_write(void **state)
{
    (void)state;
    for (unsigned long n = 1;; n++) {
        tiny_run r = tiny_run_beside(&whole, "write");
        bool well = ended_well(start(&r, n));
        r.o.resume = true;
        if (!well) assert_true(ended_well(start(&r, 0)));
        tiny_run_same(&r, &whole);
        unit_rm_rf(r.out);
        if (well) break;
        assert_true(n < 2000);
        if (n > 30) n += 6;
    }
}

/* Killed again on the way back, at the first, second, ... write after going on. */
static void killed_again_while_going_on(void **state)
{
    (void)state;
    tiny_run r = tiny_run_beside(&whole, "again");
    r.o.resume = true;
    unsigned long n = 12;
    while (!ended_well(start(&r, n)))
        n++;
    tiny_run_same(&r, &whole);
}

/* One run that is killed at 20 random moments before it may end. */
static void killed_at_random_moments(void **state)
{
    (void)state;
    tiny_run r = tiny_run_beside(&whole, "random");
    r.o.resume = true;
    size_t killed = 0;
    for (size_t i = 0; i < KILLS; i++) {
        pid_t pid = start(&r, 0);
        useconds_t wait = (useconds_t)sk_rng_below(11, SK_RNG_TEST, i, whole_us / 3);
        (void)usleep(wait);
        (void)kill(pid, SIGKILL);
        bool well = ended_well(pid);
        killed += !well;
        if (!well) continue;
        tiny_run_same(&r, &whole); /* done already: begin anew, so that each kill hits a run */
        unit_rm_rf(r.out);
    }
    assert_true(ended_well(start(&r, 0)));
    tiny_run_same(&r, &whole);
    print_message("# killed %zu of %d times\n", killed, KILLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_write),
        cmocka_unit_test(killed_again_while_going_on),
        cmocka_unit_test(killed_at_random_moments),
    };
    return cmocka_run_group_tests(tests, make_whole, remove_whole);
}
