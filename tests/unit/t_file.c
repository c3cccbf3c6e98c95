/* t_file.c - mapping, loading plain and packed files, folders, locks. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

static void map_sizes(void **state)
{
    (void)state;
    unsigned char bytes[8193];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31);
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8193};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *path = unit_path(unit_dir, "f");
        sk_err e = SK_ERR_INIT;
        sk_map m;
        unit_write(path, bytes, sizes[i]);
        assert_status_ok(sk_map_open(path, &m, &e), e);
        assert_int_equal(m.len, sizes[i]);
        assert_non_null(m.p);
        assert_memory_equal(m.p, bytes, sizes[i]);
        assert_true(m.changed > 0);
        sk_map_want(&m, 0);
        sk_map_want(&m, 4096);
        sk_map_rest(m.p, sizes[i]);
        sk_map_rest(m.p + sizes[i] / 2, sizes[i] / 2);
        assert_memory_equal(m.p, bytes, sizes[i]);
        sk_map_close(&m);
        assert_int_equal(m.len, 0);
        sk_map_close(&m);
    }
}

/* Relative paths in the variables count for nothing. */
static void cache_place(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    (void)setenv("XDG_CACHE_HOME", "/c", 1);
    (void)setenv("HOME", "/h", 1);
    assert_true(sk_cache_path("x", &b));
    (void)setenv("XDG_CACHE_HOME", "c", 1);
    assert_true(sk_cache_path("y", &b));
    assert_string_equal(b.p, "/c/stokehold/x/h/.cache/stokehold/y");
    (void)unsetenv("XDG_CACHE_HOME");
    (void)setenv("HOME", "", 1);
    assert_false(sk_cache_path("z", &b));
    assert_string_equal(b.p, "/c/stokehold/x/h/.cache/stokehold/y");
    sk_buf_fini(&b);
}

static void map_refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_map m = {(const uint8_t *)"untouched", 9, 0};
    assert_status(sk_map_open(unit_path(unit_dir, "none"), &m, &e), SK_E_NOTFOUND, e, "none");
    assert_status(sk_map_open(unit_dir, &m, &e), SK_E_INVALID, e, "folder");
    assert_status(sk_map_open("/dev/null", &m, &e), SK_E_INVALID, e, "/dev/null");
    assert_status(sk_map_open("", &m, &e), SK_E_NOTFOUND, e, "");
    assert_status(sk_map_open(unit_path(unit_dir, "f/g"), &m, &e), SK_E_NOTFOUND, e, "f/g");
    assert_int_equal(sk_map_open(unit_dir, &m, NULL), SK_E_INVALID);
    assert_string_equal((const char *)m.p, "untouched");
}

/* Loads path into a buffer that already holds "head:" and checks what was appended. */
static void expect_load(const char *path, uint64_t max, const void *want, size_t n)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "head:");
    assert_status_ok(sk_file_load(path, max, &b, &e), e);
    assert_int_equal(b.len, 5 + n);
    assert_memory_equal(b.p, "head:", 5);
    assert_memory_equal(b.p + 5, want, n);
    assert_int_equal(b.p[b.len], 0);
    sk_buf_fini(&b);
}

/* Expects a load to fail and to leave the buffer as it was. */
static void expect_refusal(const char *path, uint64_t max, sk_status want, const char *part)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "head:");
    assert_status(sk_file_load(path, max, &b, &e), want, e, part);
    assert_string_equal(b.p, "head:");
    assert_int_equal(b.len, 5);
    assert_true(sk_buf_ok(&b));
    sk_buf_fini(&b);
}

/* n bytes that pack badly, so that packed files have several blocks. */
static unsigned char *noise(size_t n)
{
    unsigned char *p = malloc(n);
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (unsigned char)(x >> 28);
    }
    return p;
}

static void load_plain(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 3, 4, 131071, 131072, 131073, 300000};
    unsigned char *bytes = noise(300000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *path = unit_path(unit_dir, "plain");
        unit_write(path, bytes, sizes[i]);
        expect_load(path, sizes[i], bytes, sizes[i]);
        if (sizes[i]) expect_refusal(path, sizes[i] - 1, SK_E_TOOBIG, "plain");
    }
    free(bytes);
}

static void load_refusals(void **state)
{
    (void)state;
    expect_refusal(unit_path(unit_dir, "none"), 10, SK_E_NOTFOUND, "none");
    expect_refusal(unit_dir, 10, SK_E_INVALID, "folder");
    expect_refusal("/dev/zero", 1000, SK_E_TOOBIG, "1000");
}

/* Packs n bytes into a file with the given window; returns the packed size. */
static size_t pack(const char *path, const void *p, size_t n, int window_log, int frames)
{
    size_t room = ZSTD_compressBound(n) * (size_t)frames + 64, len = 0;
    char *out = malloc(room);
    for (int i = 0; i < frames; i++) {
        ZSTD_CCtx *c = ZSTD_createCCtx();
        (void)ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
        (void)ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
        (void)ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
        ZSTD_inBuffer in = {p, n, 0};
        ZSTD_outBuffer o = {out + len, room - len, 0};
        while (ZSTD_compressStream2(c, &o, &in, ZSTD_e_end) > 0)
            ;
        len += o.pos;
        (void)ZSTD_freeCCtx(c);
    }
    unit_write(path, out, len);
    free(out);
    return len;
}

static void load_packed(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 131071, 131072, 131073, 262144, 700000};
    unsigned char *bytes = noise(1400000);
    memcpy(bytes + 700000, bytes, 700000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *path = unit_path(unit_dir, "p.zst");
        (void)pack(path, bytes, sizes[i], 20, 1);
        expect_load(path, sizes[i], bytes, sizes[i]);
        if (sizes[i]) expect_refusal(path, sizes[i] - 1, SK_E_TOOBIG, "p.zst");
    }
    const char *path = unit_path(unit_dir, "two.zst");
    (void)pack(path, bytes, 700000, 20, 2);
    expect_load(path, 1400000, bytes, 1400000);
    expect_refusal(path, 1399999, SK_E_TOOBIG, "two.zst");
    free(bytes);
}

/* A window of 2^27 is read, a larger one refused before its memory is taken. */
static void packed_windows(void **state)
{
    (void)state;
    const char *path = unit_path(unit_dir, "w.zst");
    (void)pack(path, "hello", 5, 27, 1);
    expect_load(path, 100, "hello", 5);
    static const unsigned char header[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, (31 - 10) << 3, 1, 0, 0};
    unit_write(path, header, sizeof header);
    expect_refusal(path, 100, SK_E_TOOBIG, "window");
}

/* Cut anywhere, a packed file is damaged; so it is with bytes behind it or a flipped header. */
static void packed_damage(void **state)
{
    (void)state;
    unsigned char *bytes = noise(200000);
    const char *path = unit_path(unit_dir, "d.zst");
    size_t n = pack(path, bytes, 200000, 20, 1);
    sk_buf whole = SK_BUF_INIT;
    assert_true(unit_read(path, &whole));
    for (size_t cut = 4; cut < n; cut += 1 + cut / 7) {
        unit_write(path, whole.p, cut);
        expect_refusal(path, 1u << 20, SK_E_CORRUPT, "d.zst");
    }
    unit_write(path, whole.p, n - 1);
    expect_refusal(path, 1u << 20, SK_E_CORRUPT, "d.zst");
    sk_buf_adds(&whole, "behind");
    unit_write(path, whole.p, whole.len);
    expect_refusal(path, 1u << 20, SK_E_CORRUPT, "d.zst");
    unit_write(path, "\x28\xB5\x2F\xFD", 4);
    expect_refusal(path, 1u << 20, SK_E_CORRUPT, "d.zst");
    sk_buf_fini(&whole);
    free(bytes);
}

/* A small packed file that unpacks to 64 MiB stops at the bound, having taken little memory. */
static void packed_bomb(void **state)
{
    (void)state;
    size_t n = 64u << 20;
    void *zeros = calloc(n, 1);
    const char *path = unit_path(unit_dir, "bomb.zst");
    (void)pack(path, zeros, n, 20, 1);
    free(zeros);
    uint64_t before = sk_mem_bytes(SK_MEM_MISC);
    expect_refusal(path, 1u << 20, SK_E_TOOBIG, "1048576");
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), before);
}

/* The buffer holds what it did before when there is no memory for the rest. */
static sk_status load_starved(void *arg, sk_err *e)
{
    (void)arg;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "head:");
    if (!sk_buf_ok(&b)) return unit_starved_buf(&b, e);
    sk_status st = sk_file_load(unit_path(unit_dir, "m.zst"), 1u << 20, &b, e);
    if (st) {
        assert_contains(e->text, "memory");
        assert_string_equal(b.p, "head:");
    }
    sk_buf_fini(&b);
    return st;
}

/* Every allocation of a load fails once. */
static void load_out_of_memory(void **state)
{
    (void)state;
    const char *path = unit_path(unit_dir, "m.zst");
    unsigned char *bytes = noise(300000);
    (void)pack(path, bytes, 300000, 20, 1);
    unit_starve(load_starved, NULL, 50, UNIT_LATER | UNIT_TOLD);
    free(bytes);
}

/* "-" is standard input, here a pipe that gives its bytes in small parts. */
static void load_stdin(void **state)
{
    (void)state;
    int fds[2], old = dup(STDIN_FILENO), rc;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 3000; i++)
            if (write(fds[1], "0123456789", 10) != 10) _exit(1);
        _exit(0);
    }
    (void)close(fds[1]);
    (void)dup2(fds[0], STDIN_FILENO);
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    sk_status st = sk_file_load("-", 30000, &b, &e);
    (void)dup2(old, STDIN_FILENO);
    (void)close(old);
    (void)close(fds[0]);
    (void)waitpid(pid, &rc, 0);
    assert_status_ok(st, e);
    assert_int_equal(b.len, 30000);
    assert_memory_equal(b.p + 29990, "0123456789", 10);
    sk_buf_fini(&b);
}

static void folders(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    struct stat s;
    const char *deep = unit_path(unit_dir, "a/b//c/d/");
    assert_status_ok(sk_mkdirs(deep, &e), e);
    assert_int_equal(stat(deep, &s), 0);
    assert_true(S_ISDIR(s.st_mode));
    assert_status_ok(sk_mkdirs(deep, &e), e);
    assert_status_ok(sk_mkdirs("/", &e), e);
    assert_status_ok(sk_mkdirs(".", &e), e);
    const char *file = unit_path(unit_dir, "a/file");
    unit_write(file, "x", 1);
    assert_true(sk_file_exists(file));
    assert_status(sk_mkdirs(file, &e), SK_E_INVALID, e, "a file is there");
    assert_status(sk_mkdirs(unit_path(unit_dir, "a/file/sub"), &e), SK_E_INVALID, e,
                  "a file is there");
    assert_status(sk_mkdirs("", &e), SK_E_INVALID, e, "empty");
    assert_status(sk_mkdirs("/proc/none/x", &e), SK_E_NOTFOUND, e, "/proc/none");
    assert_false(sk_file_exists(unit_path(unit_dir, "none")));
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_status(sk_mkdirs(deep, &e), SK_E_NOMEM, e, "memory");
}

/* Takes the lock in a child and exits with the status. */
static sk_status lock_in_child(const char *path, char *text)
{
    int fds[2], rc;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        sk_err e = SK_ERR_INIT;
        sk_status st = sk_lock_take(path, &fd, &e);
        if (write(fds[1], e.text, strlen(e.text)) < 0) _exit(99);
        _exit((int)st);
    }
    (void)close(fds[1]);
    ssize_t n = read(fds[0], text, 511);
    text[n > 0 ? n : 0] = 0;
    (void)close(fds[0]);
    (void)waitpid(pid, &rc, 0);
    return (sk_status)WEXITSTATUS(rc);
}

static void locks(void **state)
{
    (void)state;
    char text[512], pid[32];
    int fd = -1;
    sk_err e = SK_ERR_INIT;
    const char *path = unit_path(unit_dir, "lock");
    unit_write(path, "an old text that is longer than a process id", 44);
    assert_status_ok(sk_lock_take(path, &fd, &e), e);
    assert_int_equal(lock_in_child(path, text), SK_E_INUSE);
    (void)snprintf(pid, sizeof pid, "process %ld:", (long)getpid());
    assert_contains(text, pid);
    int second = -1;
    assert_status(sk_lock_take(path, &second, &e), SK_E_INUSE, e, "lock");
    assert_int_equal(second, -1);
    sk_lock_drop(fd);
    assert_int_equal(lock_in_child(path, text), SK_OK);
    assert_status_ok(sk_lock_take(path, &fd, &e), e);
    sk_lock_drop(fd);
    assert_status(sk_lock_take(unit_path(unit_dir, "no/lock"), &fd, &e), SK_E_NOTFOUND, e,
                  "no/lock");
    assert_status(sk_lock_take(unit_dir, &fd, &e), SK_E_INVALID, e, "lock");
}

/* Who holds a lock is told by the process that it names: one that is gone, or a text that is no
 * process, hold nothing. */
static void who_holds_a_lock(void **state)
{
    (void)state;
    static const char *const none[] = {
        "", "\n", "0\n", "-1\n", "one", "4294967297\n", "99999999999999999999\n"};
    char text[32];
    int fd = -1;
    sk_err e = SK_ERR_INIT;
    const char *path = unit_path(unit_dir, "held");
    assert_false(sk_lock_held(path));
    assert_status_ok(sk_lock_take(path, &fd, &e), e);
    assert_true(sk_lock_held(path));
    sk_lock_drop(fd);
    assert_false(sk_lock_held(path));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        unit_write(path, none[i], strlen(none[i]));
        if (sk_lock_held(path)) fail_msg("held by '%s'", none[i]);
    }
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    (void)waitpid(pid, NULL, 0);
    unit_write(path, text, (size_t)snprintf(text, sizeof text, "%ld\n", (long)pid));
    assert_false(sk_lock_held(path));
}

/* A lock whose holder was killed is free, whatever its file says. */
static void lock_dies_with_its_holder(void **state)
{
    (void)state;
    char text[512];
    int fd;
    sk_err e = SK_ERR_INIT;
    const char *path = unit_path(unit_dir, "dead");
    assert_int_equal(lock_in_child(path, text), SK_OK);
    assert_status_ok(sk_lock_take(path, &fd, &e), e);
    sk_lock_drop(fd);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, unit_dir_make, unit_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(map_sizes),
        IN_DIR(map_refusals),
        IN_DIR(cache_place),
        IN_DIR(load_plain),
        IN_DIR(load_refusals),
        IN_DIR(load_packed),
        IN_DIR(packed_windows),
        IN_DIR(packed_damage),
        IN_DIR(packed_bomb),
        IN_DIR(load_out_of_memory),
        IN_DIR(load_stdin),
        IN_DIR(folders),
        IN_DIR(locks),
        IN_DIR(who_holds_a_lock),
        IN_DIR(lock_dies_with_its_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
