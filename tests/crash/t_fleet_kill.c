/* t_fleet_kill.c - a fleet's file whose writer is killed at its Nth write, or whose disk is full
 * from then on, for every N.
 *
 * A child adds usage with its charge in one transaction after the other, over a file system (a VFS
 * of SQLite's) that ends it by SIGKILL at the Nth write, in the middle of it.  Then the file is
 * opened as by anybody: it is sound, all that the child was told is there is there, and each usage
 * has its charge.  (The kernel keeps what was written, so this tests the order of writes within a
 * file, not what a disk does without power.)
 */
#include "tests/unit/unit.h"

#include "fleet/store/schema.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 12, ROWS = 5, MOST = 4000 };

/* ---- the file system that kills ---------------------------------------------------------------
 */

/* A file of SQLite's own system, behind ours. */
typedef struct kill_file {
    sqlite3_file base;
    sqlite3_file *real;
} kill_file;

static sqlite3_vfs *real_vfs;
static long writes_left; /* before the kill */
static bool disk_full;   /* no kill: the disk is full from then on */

static sqlite3_file *real(sqlite3_file *f)
{
    return ((kill_file *)f)->real;
}

/* The Nth write gets half way. */
static int k_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (--writes_left <= 0 && disk_full) return SQLITE_FULL;
    if (writes_left == 0) {
        (void)real(f)->pMethods->xWrite(real(f), p, n / 2, at);
        (void)kill(getpid(), SIGKILL);
    }
    return real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int k_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    if (!disk_full && --writes_left == 0) (void)kill(getpid(), SIGKILL);
    return real(f)->pMethods->xTruncate(real(f), n);
}

static int k_sync(sqlite3_file *f, int flags)
{
    if (!disk_full && --writes_left == 0) (void)kill(getpid(), SIGKILL);
    (void)f;
    (void)flags; /* the kernel outlives all of this */
    return SQLITE_OK;
}

static int k_close(sqlite3_file *f)
{
    int code = real(f)->pMethods->xClose(real(f));
    sqlite3_free(real(f));
    return code;
}

static int k_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int k_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return real(f)->pMethods->xFileSize(real(f), n);
}

static int k_lock(sqlite3_file *f, int how)
{
    return real(f)->pMethods->xLock(real(f), how);
}

static int k_unlock(sqlite3_file *f, int how)
{
    return real(f)->pMethods->xUnlock(real(f), how);
}

static int k_reserved(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int k_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int k_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int k_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int k_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int k_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void k_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int k_unmap(sqlite3_file *f, int gone)
{
    return real(f)->pMethods->xShmUnmap(real(f), gone);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = k_close,
    .xRead = k_read,
    .xWrite = k_write,
    .xTruncate = k_truncate,
    .xSync = k_sync,
    .xFileSize = k_size,
    .xLock = k_lock,
    .xUnlock = k_unlock,
    .xCheckReservedLock = k_reserved,
    .xFileControl = k_control,
    .xSectorSize = k_sector,
    .xDeviceCharacteristics = k_device,
    .xShmMap = k_map,
    .xShmLock = k_shm_lock,
    .xShmBarrier = k_barrier,
    .xShmUnmap = k_unmap,
};

static int k_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
    kill_file *k = (kill_file *)f;
    (void)v;
    k->base.pMethods = NULL;
    k->real = sqlite3_malloc(real_vfs->szOsFile);
    if (!k->real) return SQLITE_NOMEM;
    memset(k->real, 0, (size_t)real_vfs->szOsFile);
    int code = real_vfs->xOpen(real_vfs, name, k->real, flags, out);
    if (code == SQLITE_OK)
        k->base.pMethods = &methods;
    else
        sqlite3_free(k->real);
    return code;
}

/* In the child, for good. */
static void kill_at(long n, bool full)
{
    static sqlite3_vfs ours;
    disk_full = full;
    real_vfs = sqlite3_vfs_find(NULL);
    ours = *real_vfs;
    ours.zName = "kill";
    ours.szOsFile = (int)sizeof(kill_file);
    ours.xOpen = k_open;
    writes_left = n;
    (void)sqlite3_vfs_register(&ours, 1);
}

/* ---- the writer -------------------------------------------------------------------------------
 */

static sk_status add_round(flt_db *db, void *arg, sk_err *e)
{
    int round = *(int *)arg;
    char sql[512];
    sk_status st = SK_OK;
    for (int i = 0; i < ROWS && !st; i++) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, "
                       "useful_to, category, sku) VALUES ('%d-%d', 1, 8, %d, %d, 0, 0, 0, '');"
                       "INSERT INTO charge(kind, correction, paid, category, charge_from, "
                       "charge_to, billing, usage, quantity, list_micros, contracted_micros, "
                       "billed_micros, effective_micros, currency) SELECT 0, 0, 3, 0, used_from, "
                       "used_to, 0, id, 8000000, 55, 55, 55, 55, 'USD' FROM usage WHERE key = "
                       "'%d-%d';",
                       round, i, round, round + 3600, round, i);
        st = flt_db_exec(db, sql, e);
    }
    return st;
}

/* Makes the fleet, then adds; says each round that is committed by a byte. */
static void child(const char *path, long n, bool full, int out)
{
    flt_db *db;
    sk_err e = SK_ERR_INIT;
    kill_at(n, full);
    sk_status st = flt_store_create(path, &db, &e);
    if (!st)
        st = flt_db_exec(db,
                         "PRAGMA wal_autocheckpoint = 20;"
                         "INSERT INTO provider(name, kind) VALUES ('a', 'own');"
                         "INSERT INTO chip(name, peak_bf16, memory, bandwidth, prefill_rate, "
                         "decode_rate, source) VALUES ('h', 0, 0, 0, 0, 0, '');"
                         "INSERT INTO pool(name, provider, chip, region, zone, engine, endpoint, "
                         "nodes, chips_per_node, net_gbps, egress_micros, currency, state, epoch) "
                         "VALUES ('p', 1, 1, '', '', 'sim', '', 4, 8, 0, 0, 'USD', 'up', 0);",
                         &e);
    for (int i = 0; i < ROUNDS && !st; i++) {
        st = flt_db_do(db, add_round, &i, &e);
        if (!st && write(out, "r", 1) != 1) st = SK_E_IO;
    }
    if (!st) flt_db_close(db);
    if (full && st == SK_E_NOSPACE && strstr(e.text, "the disk is full")) _exit(3);
    if (st) (void)fprintf(stderr, "child: %s\n", e.text);
    _exit(st != SK_OK);
}

/* Runs the child to its death or end; whether it was stopped, and how many rounds it told. */
static bool run_child(const char *path, long n, bool full, int *rounds)
{
    int ends[2], status;
    char c;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) child(path, n, full, ends[1]);
    assert_true(pid > 0);
    (void)close(ends[1]);
    *rounds = 0;
    while (read(ends[0], &c, 1) == 1)
        ++*rounds;
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    if (full && WEXITSTATUS(status) == 3) return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static int64_t ask(flt_db *db, const char *sql)
{
    sk_err e = SK_ERR_INIT;
    int64_t v = -1;
    assert_status_ok(flt_db_int(db, sql, -1, &v, &e), e);
    return v;
}

/* The books balance; a fleet that was never finished is none, and can be made. */
static void check(const char *path, int rounds)
{
    flt_db *db;
    sk_err e = SK_ERR_INIT;
    sk_status st = flt_store_open(path, &db, &e);
    if (st == SK_E_NOTFOUND) {
        assert_int_equal(rounds, 0);
        assert_status_ok(flt_store_create(path, &db, &e), e);
        st = SK_OK;
    }
    assert_status_ok(st, e);
    assert_int_equal(ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE "
                             "integrity_check <> 'ok'"),
                     0);
    assert_int_equal(ask(db, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    int64_t usage = ask(db, "SELECT count(*) FROM usage");
    assert_int_equal(usage % ROWS, 0);
    assert_in_range(usage, rounds * ROWS, (rounds + 1) * ROWS);
    assert_int_equal(ask(db, "SELECT count(*) FROM charge"), usage);
    assert_int_equal(ask(db, "SELECT count(DISTINCT usage) FROM charge"), usage);
    flt_db_close(db);
}

static void remove_all(const char *path)
{
    char name[600];
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, tails[i]);
        (void)remove(name);
    }
}

/* Every write of making a fleet and of the first rounds, then each `step`th. */
static void at_every_write(bool full, long step)
{
    char path[560];
    long n = 1;
    int rounds;
    (void)snprintf(path, sizeof path, "%s/k.db", unit_dir);
    for (; n < MOST; n += n < 60 ? 1 : step) {
        remove_all(path);
        bool stopped = run_child(path, n, full, &rounds);
        check(path, rounds);
        if (!stopped) break;
    }
    assert_true(n > 100 && n < MOST);
    assert_int_equal(rounds, ROUNDS);
}

static void killed_at_every_write(void **state)
{
    (void)state;
    at_every_write(false, 3);
}

static void full_at_every_write(void **state)
{
    (void)state;
    at_every_write(true, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_every_write),
                                       cmocka_unit_test(full_at_every_write)};
    return cmocka_run_group_tests_name("fleet_kill", tests, unit_dir_make, unit_dir_remove);
}
