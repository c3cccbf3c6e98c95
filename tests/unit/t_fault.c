/* t_fault.c - planned faults: the plan inside a test, and SK_FAULT, which a process reads once. */
#include "tests/unit/unit.h"

#include "base/fault.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void nth_call_fails_once(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth < 6; nth++) {
        sk_fault_plan(SK_FAULT_WRITE, nth, false);
        for (unsigned long call = 1; call < 10; call++) {
            assert_int_equal(sk_fault(SK_FAULT_WRITE), call == nth);
            assert_int_equal(sk_fault_count(SK_FAULT_WRITE), call);
        }
    }
    sk_fault_plan(SK_FAULT_WRITE, 0, false);
}

static void all_later_calls_fail(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_FSYNC, 3, true);
    for (int call = 1; call < 10; call++)
        assert_int_equal(sk_fault(SK_FAULT_FSYNC), call >= 3);
    sk_fault_plan(SK_FAULT_FSYNC, 0, true);
    for (int call = 1; call < 5; call++)
        assert_false(sk_fault(SK_FAULT_FSYNC));
    assert_int_equal(sk_fault_count(SK_FAULT_FSYNC), 4);
}

static void kinds_are_apart(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_RENAME, 1, false);
    sk_fault_plan(SK_FAULT_WRITE, 0, false);
    assert_false(sk_fault(SK_FAULT_WRITE));
    assert_true(sk_fault(SK_FAULT_RENAME));
    assert_false(sk_fault(SK_FAULT_RENAME));
}

/* Runs this program anew with SK_FAULT=value: it makes 6 calls of each kind but kill and prints
 * which failed, then 6 of kill.  Returns its wait status. */
static int run_under(const char *value, char *out)
{
    int fds[2], rc;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("SK_FAULT", value, 1);
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)execl("/proc/self/exe", "t_fault", "child", (char *)NULL);
        _exit(99);
    }
    (void)close(fds[1]);
    ssize_t n = read(fds[0], out, 1023);
    out[n > 0 ? n : 0] = 0;
    (void)close(fds[0]);
    (void)waitpid(pid, &rc, 0);
    return rc;
}

static void environment(void **state)
{
    (void)state;
    static const struct {
        const char *value, *out;
    } rows[] = {
        {"", "------ ------ ------ ------"},
        {"alloc:2", "-x---- ------ ------ ------"},
        {"alloc:2+", "-xxxxx ------ ------ ------"},
        {"write:1,fsync:3+", "------ x----- --xxxx ------"},
        {"rename:6", "------ ------ ------ -----x"},
        {"rename:0", "------ ------ ------ ------"},
        {"rename:", "------ ------ ------ ------"},
        {"rename", "------ ------ ------ ------"},
        {"nonsense:1,,:,alloc:x,write:2", "------ -x---- ------ ------"},
        {"alloc:99999999999999999999999", "------ ------ ------ ------"},
    };
    char out[1024];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int rc = run_under(rows[i].value, out);
        assert_true(WIFEXITED(rc) && WEXITSTATUS(rc) == 0);
        assert_string_equal(out, rows[i].out);
    }
}

static void kill_kills(void **state)
{
    (void)state;
    char out[1024];
    int rc = run_under("kill:6", out);
    assert_true(WIFSIGNALED(rc) && WTERMSIG(rc) == SIGKILL);
    assert_string_equal(out, "------ ------ ------ ------");
    rc = run_under("kill:7", out);
    assert_true(WIFEXITED(rc) && WEXITSTATUS(rc) == 0);
}

/* What run_under starts. */
static int child(void)
{
    static const sk_fault_kind kinds[] = {SK_FAULT_ALLOC, SK_FAULT_WRITE, SK_FAULT_FSYNC,
                                          SK_FAULT_RENAME};
    for (int k = 0; k < 4; k++) {
        if (k) (void)putchar(' ');
        for (int i = 0; i < 6; i++)
            (void)putchar(sk_fault(kinds[k]) ? 'x' : '-');
    }
    (void)fflush(stdout);
    for (int i = 0; i < 6; i++)
        if (sk_fault(SK_FAULT_KILL)) return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0) return child();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_call_fails_once), cmocka_unit_test(all_later_calls_fail),
        cmocka_unit_test(kinds_are_apart),     cmocka_unit_test(environment),
        cmocka_unit_test(kill_kills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
