/* file.c - mapping, loading (plain or zstd, RFC 8878), folders and locks. */
#include "base/file.h"

#include "base/mem.h"
#include "base/torn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { CHUNK = 128 << 10, MAX_WINDOW_LOG = 27 };

/* Opens path for reading into *fd and looks at it into *s. */
static sk_status open_read(const char *path, int *fd, struct stat *s, sk_err *e)
{
    int f = open(path, O_RDONLY | O_CLOEXEC);
    if (f < 0) return sk_fail_errno(e, errno, "cannot open %s", path);
    if (fstat(f, s) != 0) {
        sk_status st = sk_fail_errno(e, errno, "cannot look at %s", path);
        (void)close(f);
        return st;
    }
    if (S_ISDIR(s->st_mode)) {
        (void)close(f);
        return sk_fail(e, SK_E_INVALID, "%s is a folder, not a file", path);
    }
    *fd = f;
    return SK_OK;
}

/* Maps the file at path. */
sk_status sk_map_open(const char *path, sk_map *out, sk_err *e)
{
    int fd;
    struct stat s;
    sk_status st = open_read(path, &fd, &s, e);
    if (st) return st;
    sk_map m = {(const uint8_t *)"", 0,
                (int64_t)s.st_mtim.tv_sec * 1000000000 + (int64_t)s.st_mtim.tv_nsec};
    if (!S_ISREG(s.st_mode)) {
        st = sk_fail(e, SK_E_INVALID, "%s is not a plain file", path);
    } else if (s.st_size > 0) {
        m.len = (size_t)s.st_size;
        void *p = mmap(NULL, m.len, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            st = sk_fail_errno(e, errno, "cannot map %s", path);
        else
            m.p = p;
    }
    (void)close(fd);
    if (!st) *out = m;
    return st;
}

/* Ends the view; m is then empty. */
void sk_map_close(sk_map *m)
{
    if (m->len) {
        sk_torn_forget(m->p);
        (void)munmap((void *)(uintptr_t)m->p, m->len);
    }
    *m = (sk_map){(const uint8_t *)"", 0, 0};
}

void sk_map_watch(const sk_map *m)
{
    if (m->len) (void)sk_torn_watch(m->p, m->len);
}

void sk_map_unwatch(const sk_map *m)
{
    if (m->len) sk_torn_forget(m->p);
}

bool sk_map_torn(const sk_map *m)
{
    return m->len && sk_torn(m->p);
}

/* Only whole pages: what lies beside p may be in use. */
void sk_map_rest(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    assert(page && (page & (page - 1)) == 0);
    uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1),
              end = ((uintptr_t)p + n) & ~(page - 1);
    if (from < end) (void)madvise((void *)from, end - from, MADV_DONTNEED);
}

/* What cannot be read is found out by who looks at it. */
void sk_map_read(const void *p, size_t n)
{
#ifdef MADV_POPULATE_READ
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p & ~(page - 1);
    uintptr_t end = ((uintptr_t)p + n + page - 1) & ~(page - 1);
    (void)madvise((void *)from, end - from, MADV_POPULATE_READ);
#else
    (void)p;
    (void)n;
#endif
}

/* Page tables are made by the kernel in one go where it knows how (Linux 5.14): a fault for each 16
 * pages costs more.  But that also reads what is not in memory, so a file that would fill half of
 * it is left to come as it is used. */
void sk_map_want(const sk_map *m, size_t from)
{
    if (from >= m->len) return;
    void *p = (void *)(uintptr_t)(m->p + from);
    (void)madvise(p, m->len - from, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_READ
    long pages = sysconf(_SC_PHYS_PAGES);
    if (pages > 0 && (m->len - from) / 4096 < (size_t)pages / 2)
        (void)madvise(p, m->len - from, MADV_POPULATE_READ);
#endif
}

/* A file that is read chunk by chunk into b, up to max bytes of result. */
typedef struct loader {
    const char *path;
    uint8_t *chunk; /* [CHUNK], n bytes of it valid; n < CHUNK only at the end of the file */
    size_t n, start;
    uint64_t max;
    sk_buf *b;
    int fd;
} loader;

/* The next chunk of the file; n is 0 at its end. */
static sk_status fill(loader *l, sk_err *e)
{
    l->n = 0;
    while (l->n < CHUNK) {
        ssize_t k = read(l->fd, l->chunk + l->n, CHUNK - l->n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return sk_fail_errno(e, errno, "cannot read %s", l->path);
        if (k == 0) break;
        l->n += (size_t)k;
    }
    return SK_OK;
}

/* Refuses a result that has grown too large. */
static sk_status check_size(const loader *l, uint64_t more, sk_err *e)
{
    assert(l->b->len >= l->start);
    uint64_t have = l->b->len - l->start;
    if (have <= l->max && more <= l->max - have) return SK_OK;
    return sk_fail(e, SK_E_TOOBIG, "%s holds more than the %llu bytes that are allowed here",
                   l->path, (unsigned long long)l->max);
}

/* Refuses what there is no memory for. */
static sk_status no_memory(const loader *l, sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to read %s", l->path);
}

/* Appends the file as it is, the first chunk being read. */
static sk_status load_plain(loader *l, sk_err *e)
{
    while (l->n) {
        sk_status st = check_size(l, l->n, e);
        if (st) return st;
        sk_buf_add(l->b, l->chunk, l->n);
        if (!sk_buf_ok(l->b)) return no_memory(l, e);
        st = fill(l, e);
        if (st) return st;
    }
    return SK_OK;
}

/* One step of unpacking: from *in to the end of b.  *left is 0 at the end of a frame; *full says
 * that more output may be waiting. */
static sk_status unpack_step(loader *l, ZSTD_DStream *d, ZSTD_inBuffer *in, size_t *left,
                             bool *full, sk_err *e)
{
    sk_buf *b = l->b;
    if (!sk_buf_reserve(b, CHUNK)) return no_memory(l, e);
    ZSTD_outBuffer out = {b->p + b->len, CHUNK, 0};
    *left = ZSTD_decompressStream(d, &out, in);
    if (ZSTD_isError(*left)) {
        bool window = ZSTD_getErrorCode(*left) == ZSTD_error_frameParameter_windowTooLarge;
        return sk_fail(e, window ? SK_E_TOOBIG : SK_E_CORRUPT, "cannot unpack %s: %s", l->path,
                       window ? "its window is larger than 128 MiB" : ZSTD_getErrorName(*left));
    }
    b->len += out.pos;
    assert(b->len < b->cap);
    b->p[b->len] = 0;
    *full = out.pos == out.size;
    return check_size(l, 0, e);
}

/* Unpacks the file, one frame or several, the first chunk being read. */
static sk_status load_zstd(loader *l, sk_err *e)
{
    ZSTD_DStream *d = ZSTD_createDStream();
    if (!d) return no_memory(l, e);
    (void)ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    ZSTD_inBuffer in = {l->chunk, l->n, 0};
    size_t left = 1;
    bool full = false;
    sk_status st = SK_OK;
    while (!st) {
        if (in.pos == in.size && !(full && left)) {
            st = fill(l, e);
            if (st || !l->n) break;
            in = (ZSTD_inBuffer){l->chunk, l->n, 0};
        }
        st = unpack_step(l, d, &in, &left, &full, e);
    }
    if (!st && left) st = sk_fail(e, SK_E_CORRUPT, "%s ends early: fetch it again", l->path);
    (void)ZSTD_freeDStream(d);
    return st;
}

/* Appends what the open file holds. */
static sk_status load_fd(loader *l, sk_err *e)
{
    static const uint8_t zstd_magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    l->chunk = sk_alloc(SK_MEM_MISC, CHUNK);
    if (!l->chunk) return no_memory(l, e);
    sk_status st = fill(l, e);
    if (!st) {
        bool packed = l->n >= sizeof zstd_magic && !memcmp(l->chunk, zstd_magic, 4);
        st = packed ? load_zstd(l, e) : load_plain(l, e);
    }
    sk_free(l->chunk);
    return st;
}

/* Appends the whole file (or stdin for "-") to b. */
sk_status sk_file_load(const char *path, uint64_t max_bytes, sk_buf *b, sk_err *e)
{
    loader l = {.path = path, .max = max_bytes, .b = b, .start = b->len, .fd = STDIN_FILENO};
    bool is_stdin = strcmp(path, "-") == 0;
    struct stat s = {0};
    if (!sk_buf_ok(b)) return no_memory(&l, e);
    if (is_stdin)
        l.path = "standard input";
    else {
        sk_status st = open_read(path, &l.fd, &s, e);
        if (st) return st;
    }
    sk_status st = load_fd(&l, e);
    if (!is_stdin) (void)close(l.fd);
    if (st && b->p) {
        b->len = l.start;
        b->p[b->len] = 0;
        b->oom = false;
    }
    return st;
}

/* Makes one folder; one that is there is fine. */
static sk_status make_folder(const char *path, sk_err *e)
{
    struct stat s;
    if (mkdir(path, 0777) == 0) return SK_OK;
    int err = errno;
    if (stat(path, &s) == 0) {
        if (S_ISDIR(s.st_mode)) return SK_OK;
        return sk_fail(e, SK_E_INVALID, "cannot make the folder %s: a file is there", path);
    }
    return sk_fail_errno(e, err, "cannot make the folder %s", path);
}

/* mkdir -p: each prefix that ends at a slash, then the whole. */
sk_status sk_mkdirs(const char *path, sk_err *e)
{
    if (!*path) return sk_fail(e, SK_E_INVALID, "the name of the folder to make is empty");
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, path);
    if (!sk_buf_ok(&b)) {
        sk_buf_fini(&b);
        return sk_fail(e, SK_E_NOMEM, "no memory to make the folder %s", path);
    }
    sk_status st = SK_OK;
    for (char *p = b.p + 1; !st && *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        st = make_folder(b.p, e);
        *p = '/';
    }
    if (!st) st = make_folder(b.p, e);
    sk_buf_fini(&b);
    return st;
}

/* The XDG base directory specification: relative paths in the variable are to be ignored. */
bool sk_cache_path(const char *name, sk_buf *out)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool xdg = cache && *cache == '/';
    if (!xdg && (!home || *home != '/')) return false;
    sk_buf_addf(out, "%s%s/stokehold/%s", xdg ? cache : home, xdg ? "" : "/.cache", name);
    return true;
}

/* True when something is at path. */
bool sk_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The process that the lock file open as fd names; 0: none.  A number that is none is cut off
 * before it becomes a pid_t, where it might be anybody's, or -1 for all. */
static long lock_holder(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 && pid <= INT32_MAX ? pid : 0;
}

bool sk_lock_held(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    long pid = lock_holder(fd);
    (void)close(fd);
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Says who holds the lock file open as fd. */
static sk_status lock_refused(int fd, const char *path, sk_err *e)
{
    long pid = lock_holder(fd);
    if (pid > 0)
        return sk_fail(e, SK_E_INUSE, "%s is held by process %ld: wait for it or stop it", path,
                       pid);
    return sk_fail(e, SK_E_INUSE, "%s is held by another process: wait for it or stop it", path);
}

/* An exclusive lock on path; the file names its holder. */
sk_status sk_lock_take(const char *path, int *fd, sk_err *e)
{
    int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f < 0) return sk_fail_errno(e, errno, "cannot open the lock %s", path);
    if (flock(f, LOCK_EX | LOCK_NB) != 0) {
        sk_status st = errno == EWOULDBLOCK ? lock_refused(f, path, e)
                                            : sk_fail_errno(e, errno, "cannot lock %s", path);
        (void)close(f);
        return st;
    }
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* The name only makes a message better: a full disk must not keep the lock from being taken. */
    if (ftruncate(f, 0) != 0 || pwrite(f, text, (size_t)n, 0) != n) errno = 0;
    *fd = f;
    return SK_OK;
}

/* Gives the lock back. */
void sk_lock_drop(int fd)
{
    assert(fd >= 0);
    if (ftruncate(fd, 0) != 0) errno = 0;
    (void)close(fd);
}
