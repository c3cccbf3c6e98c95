/* t_cpu.c - levels, names and masks.  STOKE_CPU is read once a process, so each value is tried in a
 * child. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/log.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void names_are_distinct(void **state)
{
    (void)state;
    assert_string_equal(sk_cpu_name(SK_CPU_C), "c");
    assert_string_equal(sk_cpu_name(SK_CPU_AVX512BF16), "avx512bf16");
    assert_string_equal(sk_cpu_name(SK_CPU_N), "unknown");
    assert_string_equal(sk_cpu_name((sk_cpu_level)-1), "unknown");
    for (int i = 1; i < SK_CPU_N; i++)
        assert_string_not_equal(sk_cpu_name((sk_cpu_level)i), sk_cpu_name((sk_cpu_level)(i - 1)));
}

/* What we detect is what the compiler's own detection says. */
static void best_is_what_the_cpu_has(void **state)
{
    (void)state;
    sk_cpu_level best = sk_cpu_best();
    assert_true(best < SK_CPU_N);
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    assert_int_equal(best >= SK_CPU_AVX2, avx2);
    assert_int_equal(best >= SK_CPU_AVX512, avx512);
#elif defined(__aarch64__)
    assert_true(best >= SK_CPU_NEON);
#else
    assert_int_equal(best, SK_CPU_C);
#endif
}

/* Each level up to the best can be set; each above is refused and changes nothing. */
static void masks(void **state)
{
    (void)state;
    for (int i = 0; i < SK_CPU_N; i++) {
        sk_err e = SK_ERR_INIT;
        sk_cpu_level before = sk_cpu(), level = (sk_cpu_level)i;
        sk_status st = sk_cpu_mask(sk_cpu_name(level), &e);
        if (sk_cpu_includes(sk_cpu_best(), level)) {
            assert_status_ok(st, e);
            assert_int_equal(sk_cpu(), level);
        } else {
            assert_status(st, SK_E_UNSUPPORTED, e, sk_cpu_name(sk_cpu_best()));
            assert_int_equal(sk_cpu(), before);
        }
    }
    sk_err e = SK_ERR_INIT;
    assert_status_ok(sk_cpu_mask("auto", &e), e);
    assert_int_equal(sk_cpu(), sk_cpu_best());
}

static void unknown_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "AVX2",   "avx",     "avx2 ",
                                      " avx2", "sse4.2", "unknown", "%s%n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        sk_cpu_level before = sk_cpu();
        assert_status(sk_cpu_mask(bad[i], &e), SK_E_INVALID, e, "avx512bf16");
        assert_int_equal(sk_cpu(), before);
    }
    assert_int_equal(sk_cpu_mask("x", NULL), SK_E_INVALID);
}

/* The level a new process takes under STOKE_CPU=value; what it logs goes into log (1 KiB). */
static int level_under(const char *value, char *log)
{
    int fds[2], rc;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (value)
            (void)setenv("STOKE_CPU", value, 1);
        else
            (void)unsetenv("STOKE_CPU");
        (void)dup2(fds[1], STDERR_FILENO);
        (void)execl("/proc/self/exe", "t_cpu", "child", (char *)NULL);
        _exit(99);
    }
    (void)close(fds[1]);
    ssize_t n = read(fds[0], log, 1023);
    log[n > 0 ? n : 0] = 0;
    (void)close(fds[0]);
    (void)waitpid(pid, &rc, 0);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static void environment(void **state)
{
    (void)state;
    char log[1024];
    int best = (int)sk_cpu_best();
    assert_int_equal(level_under(NULL, log), best);
    assert_int_equal(level_under("", log), best);
    assert_int_equal(level_under("auto", log), best);
    assert_int_equal(level_under("c", log), SK_CPU_C);
    assert_string_equal(log, "");
    assert_int_equal(level_under(sk_cpu_name((sk_cpu_level)best), log), best);
    assert_int_equal(level_under("pentium", log), best);
    assert_contains(log, "STOKE_CPU=pentium");
    assert_contains(log, "warn");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        sk_log_open(stderr, SK_LOG_WARN, false);
        return (int)sk_cpu();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_distinct),
        cmocka_unit_test(best_is_what_the_cpu_has),
        cmocka_unit_test(masks),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
