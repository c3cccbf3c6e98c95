/* outfile.c - temporary file, flush, fsync, rename, fsync of the folder; each step can be made to
 * fail.
 *
 * The writer holds an flock on its temporary file: the lock dies with the process, so a sweeper
 * that can take it knows that nobody will finish the file, whatever process ids have been used
 * again.
 */
#include "base/outfile.h"

#include "base/buf.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, MAX_TRIES = 1000 };

struct sk_outfile {
    char *path, *tmp;
    uint8_t *buffer; /* [BUFFER], the last `used` bytes not yet given to the system */
    size_t used;
    uint64_t pos;
    sk_status failed; /* status of the first failure; a file with one is never committed */
    int fd;
    bool synced; /* nothing was written since the last fsync */
};

/* One write-side call: dies here if that is planned, and says whether it is to fail with err. */
static bool misfortune(sk_fault_kind kind, int err)
{
    (void)sk_fault(SK_FAULT_KILL);
    if (!sk_fault(kind)) return false;
    errno = err;
    return true;
}

/* Frees the object, the temporary file being closed and gone or renamed. */
static void outfile_free(sk_outfile *f)
{
    sk_free(f->path);
    sk_free(f->tmp);
    sk_free(f->buffer);
    sk_free(f);
}

/* Name number `turn` of the temporary file; NULL without memory. */
static char *tmp_name(const char *path, int turn)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_addf(&b, "%s.tmp.%ld", path, (long)getpid());
    if (turn) sk_buf_addf(&b, ".%d", turn);
    return sk_buf_detach(&b, NULL);
}

/* Creates the temporary file and takes its lock. */
static sk_status create_tmp(sk_outfile *f, sk_err *e)
{
    for (int turn = 0; turn < MAX_TRIES; turn++) {
        sk_free(f->tmp);
        f->tmp = tmp_name(f->path, turn);
        if (!f->tmp) return sk_fail(e, SK_E_NOMEM, "no memory to write %s", f->path);
        f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd >= 0) {
            (void)flock(f->fd, LOCK_EX | LOCK_NB);
            return SK_OK;
        }
        if (errno != EEXIST) return sk_fail_errno(e, errno, "cannot write %s", f->path);
    }
    return sk_fail(e, SK_E_INUSE, "cannot write %s: remove the old %s.tmp.* beside it", f->path,
                   f->path);
}

/* Starts writing a temporary file beside path. */
sk_status sk_outfile_open(const char *path, sk_outfile **out, sk_err *e)
{
    struct stat s;
    if (!*path) return sk_fail(e, SK_E_INVALID, "the name of the file to write is empty");
    if (stat(path, &s) == 0 && !S_ISREG(s.st_mode))
        return sk_fail(e, SK_E_INVALID, "cannot write %s: it is %s", path,
                       S_ISDIR(s.st_mode) ? "a folder" : "not a plain file");
    sk_outfile *f = sk_calloc(SK_MEM_MISC, 1, sizeof *f);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    sk_buf name = SK_BUF_INIT;
    sk_buf_adds(&name, path);
    f->path = sk_buf_detach(&name, NULL);
    f->buffer = sk_alloc(SK_MEM_MISC, BUFFER);
    sk_status st = f->path && f->buffer ? create_tmp(f, e)
                                        : sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    if (st) {
        outfile_free(f);
        return st;
    }
    *out = f;
    return SK_OK;
}

/* Gives n bytes to the system, however many calls that takes. */
static sk_status write_all(sk_outfile *f, const uint8_t *p, size_t n, sk_err *e)
{
    while (n) {
        ssize_t k = misfortune(SK_FAULT_WRITE, ENOSPC) ? -1 : write(f->fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            f->failed = sk_fail_errno(e, k ? errno : ENOSPC, "cannot write %s", f->path);
            return f->failed;
        }
        assert((size_t)k <= n);
        p += k;
        n -= (size_t)k;
    }
    return SK_OK;
}

/* Empties the buffer into the file. */
static sk_status flush(sk_outfile *f, sk_err *e)
{
    size_t n = f->used;
    assert(n <= BUFFER);
    f->used = 0;
    return write_all(f, f->buffer, n, e);
}

/* Says again that an earlier write failed. */
static sk_status refuse(const sk_outfile *f, sk_err *e)
{
    return sk_fail(e, f->failed, "cannot write %s: an earlier write failed (%s)", f->path,
                   sk_status_text(f->failed));
}

/* Buffered append of n bytes; what is larger than the buffer goes past it. */
sk_status sk_outfile_write(sk_outfile *f, const void *p, size_t n, sk_err *e)
{
    assert(f->used <= BUFFER);
    if (f->failed) return refuse(f, e);
    f->synced = false;
    if (n > BUFFER - f->used) {
        sk_status st = flush(f, e);
        if (st) return st;
    }
    if (n >= BUFFER) {
        sk_status st = write_all(f, p, n, e);
        if (st) return st;
    } else if (n) {
        memcpy(f->buffer + f->used, p, n);
        f->used += n;
    }
    f->pos += n;
    return SK_OK;
}

/* Bytes written so far. */
uint64_t sk_outfile_pos(const sk_outfile *f)
{
    return f->pos;
}

/* The folder part of path, "." if it has none; NULL without memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    sk_buf b = SK_BUF_INIT;
    if (!slash)
        sk_buf_addc(&b, '.');
    else
        sk_buf_add(&b, path, slash == path ? 1 : (size_t)(slash - path));
    return sk_buf_detach(&b, NULL);
}

/* Makes the folder's entry for path last.  File systems that can't sync a folder say EINVAL. */
static sk_status sync_folder(const char *path, sk_err *e)
{
    char *folder = folder_of(path);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int err = 0;
    if (!folder)
        err = ENOMEM;
    else if (fd < 0 || misfortune(SK_FAULT_FSYNC, EIO) || fsync(fd) != 0)
        err = errno;
    if (fd >= 0) (void)close(fd);
    sk_free(folder);
    if (!err || err == EINVAL) return SK_OK;
    return sk_fail_errno(e, err, "%s is complete, but its folder cannot be synced to the disk",
                         path);
}

/* flush and fsync, unless all is on the disk already. */
sk_status sk_outfile_sync(sk_outfile *f, sk_err *e)
{
    sk_status st = f->failed ? refuse(f, e) : flush(f, e);
    if (st || f->synced) return st;
    if (misfortune(SK_FAULT_FSYNC, EIO) || fsync(f->fd) != 0)
        return f->failed = sk_fail_errno(e, errno, "cannot sync %s to the disk", f->path);
    f->synced = true;
    return SK_OK;
}

/* Through the file, not the buffer, which is emptied first. */
sk_status sk_outfile_patch(sk_outfile *f, uint64_t pos, const void *p, size_t n, sk_err *e)
{
    assert(n <= f->pos && pos <= f->pos - n);
    sk_status st = f->failed ? refuse(f, e) : flush(f, e);
    const uint8_t *from = p;
    f->synced = false;
    while (!st && n) {
        ssize_t k = misfortune(SK_FAULT_WRITE, ENOSPC) ? -1 : pwrite(f->fd, from, n, (off_t)pos);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0)
            return f->failed = sk_fail_errno(e, k ? errno : ENOSPC, "cannot write %s", f->path);
        from += k;
        n -= (size_t)k;
        pos += (uint64_t)k;
    }
    return st;
}

/* Everything up to the rename.  The file is closed in any case. */
static sk_status settle(sk_outfile *f, sk_err *e)
{
    assert(f->fd >= 0 && f->tmp);
    sk_status st = sk_outfile_sync(f, e);
    if (close(f->fd) != 0 && !st) st = sk_fail_errno(e, errno, "cannot close %s", f->path);
    if (!st && (misfortune(SK_FAULT_RENAME, EIO) || rename(f->tmp, f->path) != 0))
        st = sk_fail_errno(e, errno, "cannot put %s in its place", f->path);
    return st;
}

/* flush, fsync, rename, fsync of the folder; f is gone whatever happens. */
sk_status sk_outfile_commit(sk_outfile *f, sk_err *e)
{
    sk_status st = settle(f, e);
    if (st)
        (void)unlink(f->tmp);
    else
        st = sync_folder(f->path, e);
    outfile_free(f);
    return st;
}

/* Drops the temporary file; NULL is allowed. */
void sk_outfile_abort(sk_outfile *f)
{
    if (!f) return;
    (void)unlink(f->tmp);
    (void)close(f->fd);
    outfile_free(f);
}

/* Replaces path by the n bytes at p, atomically. */
sk_status sk_file_replace(const char *path, const void *p, size_t n, sk_err *e)
{
    sk_outfile *f = NULL;
    sk_status st = sk_outfile_open(path, &f, e);
    if (st) return st;
    st = sk_outfile_write(f, p, n, e);
    if (!st) return sk_outfile_commit(f, e);
    sk_outfile_abort(f);
    return st;
}

/* A copy, read as it is written: files are mapped, not loaded. */
static sk_status copy_file(const char *from, const char *to, sk_err *e)
{
    sk_map map;
    sk_outfile *f = NULL;
    sk_status st = sk_map_open(from, &map, e);
    if (st) return st;
    st = sk_outfile_open(to, &f, e);
    if (!st) {
        st = sk_outfile_write(f, map.p, map.len, e);
        if (!st)
            st = sk_outfile_commit(f, e);
        else
            sk_outfile_abort(f);
    }
    sk_map_close(&map);
    return st;
}

/* rename does nothing, and leaves both names, where they are of one file already: hence the last
 * unlink. */
sk_status sk_file_place(const char *from, const char *to, sk_err *e)
{
    char *tmp = tmp_name(to, 0);
    if (!tmp) return sk_fail(e, SK_E_NOMEM, "no memory to write %s", to);
    sk_status st = SK_OK;
    (void)unlink(tmp);
    if (misfortune(SK_FAULT_RENAME, EIO)) {
        st = sk_fail_errno(e, errno, "cannot put %s in its place", to);
    } else if (link(from, tmp) != 0) {
        bool no_links = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS ||
                        errno == EMLINK || errno == EXDEV;
        st = no_links ? copy_file(from, to, e)
                      : sk_fail_errno(e, errno, "cannot put %s in its place", to);
    } else {
        (void)sk_fault(SK_FAULT_KILL);
        if (rename(tmp, to) != 0) st = sk_fail_errno(e, errno, "cannot put %s in its place", to);
        (void)unlink(tmp);
    }
    sk_free(tmp);
    return st;
}

/* True for names that create_tmp could have made for the file called base. */
static bool is_leftover(const char *name, const char *base, size_t base_len)
{
    if (strncmp(name, base, base_len) != 0 || strncmp(name + base_len, ".tmp.", 5) != 0)
        return false;
    const char *tail = name + base_len + 5;
    return *tail && tail[strspn(tail, "0123456789.")] == 0;
}

/* Removes one leftover unless its writer lives. */
static void sweep_one(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) (void)unlinkat(folder, name, 0);
    (void)close(fd);
}

/* Removes what killed writers of `path` left behind. */
void sk_file_sweep(const char *path)
{
    char *folder = folder_of(path);
    DIR *d = folder ? opendir(folder) : NULL;
    sk_free(folder);
    if (!d) return;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t len = strlen(base);
    for (struct dirent *it; (it = readdir(d));)
        if (is_leftover(it->d_name, base, len)) sweep_one(dirfd(d), it->d_name);
    (void)closedir(d);
}
