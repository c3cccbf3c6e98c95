/* t_ledger_kill.c - an import and a rating that are killed at their Nth write, for many N: what is
 * there balances, and doing it again ends in the same sums as if nothing had happened.  And two
 * imports at once, of files that overlap.
 *
 * SQLite writes by pwrite64, PostgreSQL's client by send; those here stand in front of the C
 * library's and end the process by SIGKILL at the Nth call, half way through it.  $FLEET_PG names
 * the PostgreSQL database (tests/unit/fleet_dbs.h); without it there is SQLite alone.
 */
#include "tests/unit/unit.h"

#include "fleet/ledger/audit.h"
#include "fleet/ledger/close.h"
#include "fleet/store/schema.h"
#include "tests/unit/fleet_book.h"
#include "tests/unit/fleet_dbs.h"
#include "tests/unit/fleet_ledger.h"
#include "tests/unit/fleet_rows.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HOURS = 30, MOST = 20000 };

static long writes_left; /* before the kill; 0: none comes */
static long writes_done;

/* Whether this call is the one. */
static bool last(void)
{
    writes_done++;
    return writes_left && --writes_left == 0;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    if (last()) {
        (void)syscall(SYS_pwrite64, fd, p, n / 2, at);
        (void)raise(SIGKILL);
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    if (last()) {
        (void)sendto(fd, p, n / 2, flags, NULL, 0);
        (void)raise(SIGKILL);
    }
    return sendto(fd, p, n, flags, NULL, 0);
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
    sk_status st = ledger_take(db, book, b.p, false, NULL, &n, e);
    if (!st) st = flt_ledger_close(db, book, &first, &done, e);
    rows(&b, HOURS / 3, HOURS);
    if (!st) st = ledger_take(db, book, b.p, false, NULL, &n, e);
    if (!st) st = flt_ledger_close(db, book, &second, &done, e);
    sk_buf_fini(&b);
    return st;
}

/* The file balances; one number that stands for its charges. */
static int64_t settled(flt_db *db, bool finished)
{
    sk_err e = SK_ERR_INIT;
    size_t wrong;
    assert_status_ok(flt_ledger_audit(db, NULL, NULL, &wrong, &e), e);
    assert_int_equal(wrong, 0);
    if (finished) assert_int_equal(ledger_number(db, "SELECT COUNT(*) FROM usage"), 2 * HOURS);
    return ledger_number(
        db, "SELECT CAST(SUM(effective_micros) AS BIGINT) + 3 * CAST(SUM(list_micros) AS "
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

/* An empty fleet in PostgreSQL. */
static const char *fresh_server(const fleet_book *f)
{
    int kind = 1;
    flt_db *db = fleet_dbs_next(&kind);
    fleet_rows_put(db, &f->b);
    flt_db_close(db);
    return getenv("FLEET_PG");
}

/* Waits until nobody else is connected: what a killed client had begun is rolled back by then. */
static void alone(flt_db *db)
{
    const struct timespec pause = {0, 2000000};
    while (ledger_number(db, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = "
                             "current_database() AND pid <> pg_backend_pid() AND backend_type = "
                             "'client backend'"))
        (void)nanosleep(&pause, NULL);
}

/* Kills at the first write, then at later ones, each some more than `wider`th of all before it. */
static void kill_everywhere(const fleet_book *f, const sk_buf *image, long wider)
{
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    char path[600];
    (void)snprintf(path, sizeof path, "%s", image ? fresh(image, "whole.db") : fresh_server(f));
    assert_status_ok(flt_store_open(path, &db, &e), e);
    assert_status_ok(work(db, &f->b, &e), e);
    int64_t want = settled(db, true);
    flt_db_close(db);
    long n = 1, runs = 0;
    for (bool more = true; more; n += 1 + n / wider, runs++) {
        assert_true(n < MOST);
        (void)snprintf(path, sizeof path, "%s",
                       image ? fresh(image, "killed.db") : fresh_server(f));
        more = killed(path, &f->b, n);
        assert_status_ok(flt_store_open(path, &db, &e), e);
        if (!image) alone(db);
        (void)settled(db, !more);
        assert_status_ok(work(db, &f->b, &e), e);
        assert_int_equal(settled(db, true), want);
        flt_db_close(db);
    }
    assert_true(runs > 10);
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
    kill_everywhere(&f, &image, 6);
    sk_buf_fini(&image);
}

static void killed_client(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    if (!getenv("FLEET_PG")) skip();
    kill_everywhere(&f, NULL, 1);
}

/* A child that takes hours from..to-1, `step` of them at once; 0 where all are taken or were. */
static int take_hours(const char *path, const flt_book *book, int from, int to, int step)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    flt_taken n = {0};
    flt_db *db;
    sk_status st = flt_store_open(path, &db, &e);
    for (int h = from; !st && h < to; h += step) {
        rows(&b, h, h + step);
        st = ledger_take(db, book, b.p, false, NULL, &n, &e);
        if (!st && (n.broken || n.added + n.twice != 2 * (uint64_t)step)) st = SK_E_INTERNAL;
    }
    if (st) print_message("%s\n", e.text);
    return st != SK_OK;
}

/* Two processes take overlapping halves, whose order is the system's: each key once, whether rows
 * come in one by one or many to a statement. */
static void two_at_once(void **state)
{
    (void)state;
    enum { THIRD = 80 };
    fleet_book f;
    fleet_book_init(&f);
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    char path[600];
    pid_t pid[2];
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        fleet_rows_put(db, &f.b);
        (void)snprintf(path, sizeof path, "%s", fleet_dbs_where(db));
        flt_db_close(db);
        for (int k = 0; k < 2; k++) {
            pid[k] = fork();
            assert_true(pid[k] >= 0);
            if (!pid[k]) _exit(take_hours(path, &f.b, k * THIRD, (k + 2) * THIRD, k ? THIRD : 4));
        }
        for (int k = 0; k < 2; k++) {
            int status;
            assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        assert_status_ok(flt_store_open(path, &db, &e), e);
        assert_int_equal(ledger_number(db, "SELECT COUNT(*) FROM usage"), 2 * 3 * THIRD);
        flt_db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_anywhere, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(killed_client, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(two_at_once, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
