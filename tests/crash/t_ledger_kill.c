/* t_ledger_kill.c - an import and a rating that are killed at their Nth write, for many N: what is
 * there balances, and doing it again ends in the same sums as if nothing had happened.  And two
 * imports at once, of files that overlap.
 *
 * SQLite writes by pwrite64; the one here stands in front of the C library's and ends the process
 * by SIGKILL at the Nth call, half way through it.
 */
#include "tests/unit/unit.h"

#include "fleet/ledger/audit.h"
#include "fleet/ledger/close.h"
#include "fleet/ledger/usage_take.h"
#include "fleet/store/schema.h"
#include "tests/unit/fleet_book.h"
#include "tests/unit/fleet_rows.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HOURS = 30, MOST = 2000 };

static long writes_left; /* before the kill; 0: none comes */
static long writes_done;

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    writes_done++;
    if (writes_left && --writes_left == 0) {
        (void)syscall(SYS_pwrite64, fd, p, n / 2, at);
        (void)raise(SIGKILL);
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, p, n, at);
}

typedef struct text {
    const char *p;
    size_t n;
} text;

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    text *t = arg;
    (void)e;
    *n = t->n < cap ? t->n : cap;
    memcpy(p, t->p, *n);
    t->p += *n;
    t->n -= *n;
    return SK_OK;
}

/* Rows h from..to-1, an hour of each of two pools. */
static void rows(sk_buf *b, int from, int to)
{
    sk_buf_reset(b);
    sk_buf_adds(b, "key,pool,workload,chips,from,to\n");
    for (int h = from; h < to; h++)
        sk_buf_addf(b,
                    "a%d,aws-us-east,train,%d,2026-02-%02dT%02d:00:00Z,2026-02-%02dT%02d:59:59Z\n"
                    "b%d,azure-eastus,,16,2026-02-%02dT%02d:00:00Z,2026-02-%02dT%02d:30:00Z\n",
                    h, 8 + h % 20, 1 + h / 24, h % 24, 1 + h / 24, h % 24, h, 1 + h / 24, h % 24,
                    1 + h / 24, h % 24);
}

static sk_status take(flt_db *db, const flt_book *book, const sk_buf *in, flt_taken *n, sk_err *e)
{
    text t = {in->p, in->len};
    sk_csv *c;
    const flt_take_opts o = {.now = FLEET_T1};
    sk_status st = sk_csv_open_source("u.csv", give, &t, &c, e);
    if (st) return st;
    st = flt_usage_take(db, book, c, &o, n, e);
    sk_csv_close(c);
    return st;
}

/* What the child does, and the parent once more: half of the usage, rating, the late other half,
 * rating. */
static sk_status work(flt_db *db, const flt_book *book, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    flt_taken n;
    flt_closed done;
    const flt_close_opts first = {.until = 1769904000 + 20 * 3600, .most = 15};
    const flt_close_opts second = {.until = 1769904000 + 40 * 3600, .most = 15};
    rows(&b, 0, HOURS / 2);
    sk_status st = take(db, book, &b, &n, e);
    if (!st) st = flt_ledger_close(db, book, &first, &done, e);
    rows(&b, HOURS / 3, HOURS);
    if (!st) st = take(db, book, &b, &n, e);
    if (!st) st = flt_ledger_close(db, book, &second, &done, e);
    sk_buf_fini(&b);
    return st;
}

static int64_t number(flt_db *db, const char *sql)
{
    sk_err e = SK_ERR_INIT;
    int64_t v;
    assert_status_ok(flt_db_int(db, sql, -1, &v, &e), e);
    return v;
}

/* The file balances; one number that stands for its charges. */
static int64_t settled(flt_db *db, bool finished)
{
    sk_err e = SK_ERR_INIT;
    size_t wrong;
    assert_status_ok(flt_ledger_audit(db, NULL, NULL, &wrong, &e), e);
    assert_int_equal(wrong, 0);
    if (finished) assert_int_equal(number(db, "SELECT COUNT(*) FROM usage"), 2 * HOURS);
    return number(db, "SELECT CAST(SUM(effective_micros) AS BIGINT) + 3 * CAST(SUM(list_micros) AS "
                      "BIGINT) + (SELECT CAST(SUM(amount) AS BIGINT) FROM applied) FROM charge");
}

/* A new file that is a copy of the empty fleet. */
static const char *fresh(const sk_buf *image, const char *name)
{
    const char *path = unit_path(unit_dir, name);
    char side[700];
    (void)snprintf(side, sizeof side, "%s-wal", path);
    (void)unlink(side);
    (void)snprintf(side, sizeof side, "%s-shm", path);
    (void)unlink(side);
    unit_write(path, image->p, image->len);
    return path;
}

/* A child that works until its Nth write; true if it was killed. */
static bool killed(const char *path, const flt_book *book, long nth)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        sk_err e = SK_ERR_INIT;
        flt_db *db;
        sk_status st = flt_store_open(path, &db, &e);
        writes_left = nth;
        if (!st) st = work(db, book, &e);
        _exit(st ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static void killed_anywhere(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    sk_err e = SK_ERR_INIT;
    sk_buf image = SK_BUF_INIT;
    flt_db *db;
    char path[600];
    (void)snprintf(path, sizeof path, "%s", unit_path(unit_dir, "empty.db"));
    assert_status_ok(flt_store_create(path, &db, &e), e);
    fleet_rows_put(db, &f.b);
    flt_db_close(db); /* the last one to leave puts the log into the file */
    assert_true(unit_read(path, &image));
    (void)snprintf(path, sizeof path, "%s", fresh(&image, "whole.db"));
    assert_status_ok(flt_store_open(path, &db, &e), e);
    assert_status_ok(work(db, &f.b, &e), e);
    int64_t want = settled(db, true);
    flt_db_close(db);
    long n = 1, runs = 0;
    for (bool more = true; more; n += 1 + n / 6, runs++) {
        assert_true(n < MOST);
        (void)snprintf(path, sizeof path, "%s", fresh(&image, "killed.db"));
        more = killed(path, &f.b, n);
        assert_status_ok(flt_store_open(path, &db, &e), e);
        (void)settled(db, !more);
        assert_status_ok(work(db, &f.b, &e), e);
        assert_int_equal(settled(db, true), want);
        flt_db_close(db);
    }
    assert_true(runs > 10);
    sk_buf_fini(&image);
}

/* Two processes take overlapping halves, whose order is the system's: each key once. */
static void two_at_once(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    char path[600];
    pid_t pid[2];
    (void)snprintf(path, sizeof path, "%s", unit_path(unit_dir, "two.db"));
    assert_status_ok(flt_store_create(path, &db, &e), e);
    fleet_rows_put(db, &f.b);
    flt_db_close(db);
    for (int k = 0; k < 2; k++) {
        pid[k] = fork();
        assert_true(pid[k] >= 0);
        if (pid[k]) continue;
        sk_buf b = SK_BUF_INIT;
        flt_taken n = {0};
        sk_status st = flt_store_open(path, &db, &e);
        for (int h = k * HOURS / 3; !st && h < (k + 2) * HOURS / 3; h += 2) {
            rows(&b, h, h + 2);
            st = take(db, &f.b, &b, &n, &e);
            if (!st && (n.broken || n.added + n.twice != 4)) st = SK_E_INTERNAL;
        }
        _exit(st ? 1 : 0);
    }
    for (int k = 0; k < 2; k++) {
        int status;
        assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_status_ok(flt_store_open(path, &db, &e), e);
    assert_int_equal(number(db, "SELECT COUNT(*) FROM usage"), 2 * HOURS);
    flt_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_anywhere, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(two_at_once, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
