/* t_torn.c - mapped files that are cut short: what is read of them, who is told, and that a SIGBUS
 * of others is what it was. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/thread.h"
#include "base/torn.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 8, PAGE = 4096 };

/* A view of a file of PAGES pages, the bytes of each its number from 1. */
static sk_map view(const char *name)
{
    static char bytes[PAGES * PAGE];
    sk_err e = SK_ERR_INIT;
    sk_map m;
    for (int i = 0; i < PAGES; i++)
        memset(bytes + (ptrdiff_t)i * PAGE, i + 1, PAGE);
    unit_write(unit_path(unit_dir, name), bytes, sizeof bytes);
    assert_status_ok(sk_map_open(unit_path(unit_dir, name), &m, &e), e);
    assert_int_equal(m.len, sizeof bytes);
    return m;
}

static void cut(const char *name, off_t n)
{
    assert_int_equal(truncate(unit_path(unit_dir, name), n), 0);
}

static void zeros_behind_the_cut(void **state)
{
    (void)state;
    sk_map a = view("a"), b = view("b");
    sk_map_watch(&a);
    sk_map_watch(&b);
    cut("a", 3 * PAGE);
    assert_false(sk_map_torn(&a)); /* nobody has read it yet */
    assert_int_equal(a.p[2 * PAGE], 3);
    assert_false(sk_map_torn(&a));
    assert_int_equal(a.p[5 * PAGE + 7], 0);
    assert_true(sk_map_torn(&a));
    assert_int_equal(a.p[7 * PAGE], 0);
    assert_int_equal(a.p[4 * PAGE], 0); /* before the first that was read */
    assert_int_equal(a.p[0], 1);
    assert_false(sk_map_torn(&b));
    assert_int_equal(b.p[7 * PAGE], 8);
    sk_map_close(&a);
    sk_map_close(&b);
    assert_false(sk_map_torn(&a));
    sk_map c = view("a"); /* perhaps at the same address */
    assert_false(sk_map_torn(&c));
    sk_map_watch(&c);
    assert_false(sk_map_torn(&c));
    sk_map_close(&c);
}

static void read_pages(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const sk_map *m = arg;
    for (size_t i = 0; i < PAGES; i++)
        assert_int_equal(m->p[((task + i) % PAGES) * PAGE], 0);
}

/* All workers of a pool at once, which block other signals. */
static void by_many_threads(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_pool *pool = NULL;
    assert_status_ok(sk_pool_open(4, &pool, &e), e);
    for (int i = 0; i < 20; i++) {
        sk_map m = view("a");
        sk_map_watch(&m);
        cut("a", 0);
        sk_pool_run(pool, 16, read_pages, &m);
        assert_true(sk_map_torn(&m));
        sk_map_close(&m);
    }
    sk_pool_close(pool);
}

/* More than the table has places are not watched, and places are used again. */
static void many_views(void **state)
{
    (void)state;
    size_t n = 0, page = PAGE;
    char *all = mmap(NULL, 2048 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    while (n < 2048 && sk_torn_watch(all + n * page, page))
        n++;
    assert_true(n > 1000 && n < 2048);
    for (size_t i = 0; i < n; i++)
        sk_torn_forget(all + i * page);
    assert_true(sk_torn_watch(all, page));
    sk_torn_forget(all + 1); /* not where it begins */
    assert_false(sk_torn(all));
    sk_torn_forget(all);
    sk_torn_forget(all);
    (void)munmap(all, 2048 * page);
}

/* A child that reads what nobody watches behind its file's end, or sends itself the signal, dies
 * of it. */
static void not_ours(void **state)
{
    (void)state;
    sk_map m = view("a"), other = view("b");
    cut("a", 0);
    for (int how = 0; how < 2; how++) {
        int status = 0;
        pid_t pid = fork();
        if (!pid) {
            (void)signal(SIGALRM, SIG_DFL);
            (void)signal(SIGBUS, SIG_DFL); /* not the test runner's */
            sk_map_watch(&other);
            (void)alarm(20);
            volatile uint8_t got = 0;
            if (how)
                (void)raise(SIGBUS);
            else
                got = m.p[0];
            _exit(got);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        /* a sanitizer that had the signal before ends the process in its own way */
        assert_true(how || !WIFEXITED(status) || WEXITSTATUS(status));
    }
    sk_map_close(&m);
    sk_map_close(&other);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown((f), unit_dir_make, unit_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {IN_DIR(zeros_behind_the_cut), IN_DIR(by_many_threads),
                                       IN_DIR(many_views), IN_DIR(not_ours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
