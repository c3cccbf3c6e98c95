/* t_outfile.c - atomic replacement: every call on the way fails or kills, the disk fills up,
 * writers meet; a reader always finds the old file or the new one.
 */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BIG = 700001 }; /* more than two buffers, no round number */

static char dir[512], path[600];
static unsigned char big[BIG];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    (void)snprintf(path, sizeof path, "%s/out", dir);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (unsigned char)(i * 2654435761u >> 11);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    for (int k = 0; k < SK_FAULT_N; k++)
        sk_fault_plan((sk_fault_kind)k, 0, false);
    unit_rm_rf(dir);
    return 0;
}

/* True when the file holds exactly these bytes. */
static bool holds(const void *p, size_t n)
{
    sk_buf b = SK_BUF_INIT;
    bool same = unit_read(path, &b) && b.len == n && (n == 0 || memcmp(b.p, p, n) == 0);
    sk_buf_fini(&b);
    return same;
}

/* Writes all of big in pieces of growing size, some larger than the buffer. */
static sk_status write_big(sk_err *e)
{
    sk_outfile *f = NULL;
    sk_status st = sk_outfile_open(path, &f, e);
    if (st) return st;
    for (size_t at = 0, n = 1; !st && at < BIG; n = n * 3 + 1) {
        size_t k = n < BIG - at ? n : BIG - at;
        st = sk_outfile_write(f, big + at, k, e);
        at += k;
        if (!st) assert_int_equal(sk_outfile_pos(f), at);
    }
    if (!st) return sk_outfile_commit(f, e);
    sk_outfile_abort(f);
    return st;
}

static void replaces(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(sk_file_replace(path, "old", 3, &e), e);
    assert_true(holds("old", 3));
    assert_status_ok(write_big(&e), e);
    assert_true(holds(big, BIG));
    assert_status_ok(sk_file_replace(path, NULL, 0, &e), e);
    assert_true(holds("", 0));
    assert_int_equal(unit_count_files(dir), 1);
    sk_outfile_abort(NULL);
}

/* Until the commit a reader sees the old file; an abort leaves no trace. */
static void old_until_commit(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_outfile *f = NULL;
    unit_write(path, "old", 3);
    assert_status_ok(sk_outfile_open(path, &f, &e), e);
    assert_status_ok(sk_outfile_write(f, big, BIG, &e), e);
    assert_true(holds("old", 3));
    sk_outfile_abort(f);
    assert_true(holds("old", 3));
    assert_int_equal(unit_count_files(dir), 1);
}

/* Fails the Nth call of a kind, N = 1, 2, ... until all passes: clean error, old file, no leftover.
 */
static void fail_each(sk_fault_kind kind, sk_status want, bool on)
{
    sk_status st = want;
    unsigned long nth = 1;
    for (; st; nth++) {
        assert_true(nth < 100);
        sk_err e = SK_ERR_INIT;
        uint64_t held = sk_mem_bytes(SK_MEM_MISC);
        unit_write(path, "old", 3);
        sk_fault_plan(kind, nth, on);
        st = write_big(&e);
        sk_fault_plan(kind, 0, false);
        assert_int_equal(unit_count_files(dir), 1);
        assert_int_equal(sk_mem_bytes(SK_MEM_MISC), held);
        if (!st) break;
        assert_int_equal(st, want);
        assert_int_equal(e.status, want);
        assert_contains(e.text, path);
        bool folder_sync = strstr(e.text, "is complete") != NULL;
        assert_true(folder_sync ? holds(big, BIG) : holds("old", 3));
    }
    assert_true(holds(big, BIG));
    assert_true(nth > 1);
}

static void write_faults(void **state)
{
    (void)state;
    fail_each(SK_FAULT_WRITE, SK_E_NOSPACE, false);
    fail_each(SK_FAULT_WRITE, SK_E_NOSPACE, true);
}

static void fsync_faults(void **state)
{
    (void)state;
    fail_each(SK_FAULT_FSYNC, SK_E_IO, false);
    fail_each(SK_FAULT_FSYNC, SK_E_IO, true);
}

static void rename_faults(void **state)
{
    (void)state;
    fail_each(SK_FAULT_RENAME, SK_E_IO, false);
}

/* Without memory nothing is written at all; only the folder's name may be missing at the very end.
 */
static sk_status replace_starved(void *arg, sk_err *e)
{
    (void)arg;
    unit_write(path, "old", 3);
    sk_status st = sk_file_replace(path, "new", 3, e);
    unit_starve_end();
    assert_int_equal(unit_count_files(dir), 1);
    assert_true(holds("new", 3) || (st && holds("old", 3)));
    return st;
}

static void alloc_faults(void **state)
{
    (void)state;
    unit_starve(replace_starved, NULL, 100, UNIT_TOLD);
}

/* A write that failed can't be committed, however the caller goes on. */
static void failure_is_final(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_outfile *f = NULL;
    unit_write(path, "old", 3);
    assert_status_ok(sk_outfile_open(path, &f, &e), e);
    sk_fault_plan(SK_FAULT_WRITE, 1, false);
    assert_int_equal(sk_outfile_write(f, big, BIG, &e), SK_E_NOSPACE);
    assert_status(sk_outfile_write(f, "x", 1, &e), SK_E_NOSPACE, e, "earlier");
    assert_status(sk_outfile_commit(f, &e), SK_E_NOSPACE, e, "earlier");
    assert_true(holds("old", 3));
    assert_int_equal(unit_count_files(dir), 1);
}

/* Kills the writer at its Nth write-side call, N = 1, 2, ...: old or new, and a sweep tidies up. */
static void killed_anywhere(void **state)
{
    (void)state;
    int kills = 0, rc = 1;
    bool seen_old = false, seen_new = false;
    for (unsigned long nth = 1; rc != 0; nth++) {
        assert_true(nth < 100);
        unit_write(path, "old", 3);
        pid_t pid = fork();
        if (pid == 0) {
            sk_fault_plan(SK_FAULT_KILL, nth, false);
            _exit(write_big(NULL) == SK_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &rc, 0), pid);
        assert_true(rc == 0 || (WIFSIGNALED(rc) && WTERMSIG(rc) == SIGKILL));
        kills += rc != 0;
        bool old = holds("old", 3), new = holds(big, BIG);
        assert_true(old || new);
        seen_old |= old;
        seen_new |= new &&rc != 0;
        sk_file_sweep(path);
        assert_int_equal(unit_count_files(dir), 1);
        assert_true(old ? holds("old", 3) : holds(big, BIG));
    }
    assert_true(kills >= 5 && seen_old && seen_new);
}

/* A sweep leaves live writers' files and files of other names alone. */
static void sweep_is_careful(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_outfile *f = NULL;
    static const char *const keep[] = {"out.tmp",    "out.tmp.",   "out.tmp.x1",
                                       "out.tmp.1x", "out2.tmp.1", "xout.tmp.1"};
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
        unit_write(unit_path(dir, keep[i]), "k", 1);
    unit_write(unit_path(dir, "out.tmp.1"), "gone", 4);
    unit_write(unit_path(dir, "out.tmp.4194999.3"), "gone", 4);
    assert_status_ok(sk_outfile_open(path, &f, &e), e);
    sk_file_sweep(path);
    assert_int_equal(unit_count_files(dir), sizeof keep / sizeof *keep + 1);
    assert_status_ok(sk_outfile_write(f, "new", 3, &e), e);
    assert_status_ok(sk_outfile_commit(f, &e), e);
    assert_true(holds("new", 3));
    sk_file_sweep("/none/such/folder/x");
}

/* Two writers of one process: the last commit wins, whole. */
static void two_writers(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_outfile *a = NULL, *b = NULL;
    assert_status_ok(sk_outfile_open(path, &a, &e), e);
    assert_status_ok(sk_outfile_open(path, &b, &e), e);
    assert_status_ok(sk_outfile_write(a, big, BIG, &e), e);
    assert_status_ok(sk_outfile_write(b, "bbb", 3, &e), e);
    assert_status_ok(sk_outfile_commit(b, &e), e);
    assert_true(holds("bbb", 3));
    assert_status_ok(sk_outfile_commit(a, &e), e);
    assert_true(holds(big, BIG));
    assert_int_equal(unit_count_files(dir), 1);
}

/* What can't be replaced is refused before anything is written; above all no device is renamed
 * over. */
static void refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char name[400];
    memset(name, 'n', 300);
    name[300] = 0;
    assert_int_equal(mkfifo(unit_path(dir, "fifo"), 0600), 0);
    assert_status(sk_file_replace("/dev/full", "x", 1, &e), SK_E_INVALID, e, "plain file");
    assert_status(sk_file_replace(unit_path(dir, "fifo"), "x", 1, &e), SK_E_INVALID, e, "fifo");
    assert_status(sk_file_replace(dir, "x", 1, &e), SK_E_INVALID, e, "folder");
    assert_status(sk_file_replace("", "x", 1, &e), SK_E_INVALID, e, "empty");
    assert_status(sk_file_replace(unit_path(dir, "no/x"), "x", 1, &e), SK_E_NOTFOUND, e, "no/x");
    assert_status(sk_file_replace(unit_path(dir, name), "x", 1, &e), SK_E_INVALID, e, "nnn");
    assert_int_equal(sk_file_replace(unit_path(dir, "no/x"), "x", 1, NULL), SK_E_NOTFOUND);
    assert_int_equal(unit_count_files(dir), 1);
}

/* A name without a folder lands in the working folder. */
static void bare_name(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(dir), 0);
    sk_status st = sk_file_replace("out", "new", 3, &e);
    sk_file_sweep("out");
    assert_int_equal(chdir(here), 0);
    assert_status_ok(st, e);
    assert_true(holds("new", 3));
}

/* A limit on the file's size stands for a full disk: the write is cut short, then refused. */
static void size_limit(void **state)
{
    (void)state;
    int rc;
    unit_write(path, "old", 3);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {300000, 300000};
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(98);
        _exit((int)write_big(NULL));
    }
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    assert_true(WIFEXITED(rc));
    assert_int_equal(WEXITSTATUS(rc), SK_E_NOSPACE);
    assert_true(holds("old", 3));
    assert_int_equal(unit_count_files(dir), 1);
}

/* A real full disk, where mounting one is allowed. */
static void full_disk(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    if (mount("none", dir, "tmpfs", 0, "size=400k") != 0) skip();
    unit_write(path, "old", 3);
    sk_status st = write_big(&e);
    bool old = holds("old", 3);
    size_t files = unit_count_files(dir);
    (void)umount2(dir, MNT_DETACH);
    assert_status(st, SK_E_NOSPACE, e, "No space left");
    assert_true(old);
    assert_int_equal(files, 1);
}

/* Bytes written earlier can be put right until the commit, also under faults. */
static void patches(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_outfile *f = NULL;
    assert_status_ok(sk_outfile_open(path, &f, &e), e);
    assert_status_ok(sk_outfile_write(f, "....def", 7, &e), e);
    assert_status_ok(sk_outfile_patch(f, 1, "abc", 3, &e), e);
    assert_status_ok(sk_outfile_sync(f, &e), e);
    assert_status_ok(sk_outfile_write(f, "g", 1, &e), e);
    assert_status_ok(sk_outfile_patch(f, 0, ">", 1, &e), e);
    assert_status_ok(sk_outfile_commit(f, &e), e);
    assert_true(holds(">abcdefg", 8));
    assert_status_ok(sk_outfile_open(path, &f, &e), e);
    assert_status_ok(sk_outfile_write(f, "new", 3, &e), e);
    sk_fault_plan(SK_FAULT_WRITE, 2, false);
    assert_status(sk_outfile_patch(f, 0, "x", 1, &e), SK_E_NOSPACE, e, "out");
    assert_int_equal(sk_outfile_commit(f, &e), SK_E_NOSPACE);
    assert_true(holds(">abcdefg", 8));
    assert_int_equal(unit_count_files(dir), 1);
}

/* A second name: of the file as it is then, in place of an older one, or of itself. */
static void places(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char second[700];
    (void)snprintf(second, sizeof second, "%s/second", dir);
    assert_int_not_equal(sk_file_place(path, second, &e), SK_OK);
    for (int i = 0; i < 3; i++) {
        if (i == 1) assert_status_ok(sk_file_replace(path, "newer", 5, &e), e);
        if (i == 0) assert_status_ok(sk_file_replace(path, "one", 3, &e), e);
        assert_status_ok(sk_file_place(path, second, &e), e);
        assert_int_equal(unit_count_files(dir), 2);
    }
    assert_status_ok(sk_file_replace(path, "newest", 6, &e), e);
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(second, &b));
    assert_int_equal(b.len, 5);
    sk_buf_fini(&b);
    sk_fault_plan(SK_FAULT_RENAME, 1, false);
    assert_status(sk_file_place(path, second, &e), SK_E_IO, e, "second");
    assert_int_equal(unit_count_files(dir), 2);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(replaces),         IN_DIR(old_until_commit), IN_DIR(write_faults),
        IN_DIR(fsync_faults),     IN_DIR(rename_faults),    IN_DIR(alloc_faults),
        IN_DIR(failure_is_final), IN_DIR(killed_anywhere),  IN_DIR(sweep_is_careful),
        IN_DIR(two_writers),      IN_DIR(refusals),         IN_DIR(bare_name),
        IN_DIR(size_limit),       IN_DIR(full_disk),        IN_DIR(patches),
        IN_DIR(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
