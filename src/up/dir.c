/* dir.c - paths, the lock, lines and files of the folder. */
#include "up/dir.h"

#include "base/crc.h"
#include "base/fault.h"
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Room for the longest name in the folder. */
#define NAMES_MOST 64u

const char *up_dir_at(const up_dir *d, const char *name, char b[UP_PATH])
{
    (void)snprintf(b, UP_PATH, "%s/%s", d->path, name);
    return b;
}

const char *up_dir_round(const up_dir *d, uint32_t round, char b[UP_PATH])
{
    (void)snprintf(b, UP_PATH, "%s/rounds/%04u", d->path, round);
    return b;
}

const char *up_dir_gate(const up_dir *d, uint32_t round, char b[UP_PATH])
{
    (void)snprintf(b, UP_PATH, "%s/gate/%04u.json", d->path, round);
    return b;
}

const char *up_dir_version(uint32_t number, char b[64])
{
    (void)snprintf(b, 64, "versions/%04u.gguf", number);
    return b;
}

/* A page in memory that is the same for every supervisor of this folder; by the user's number,
 * since the place is everybody's. */
static void name_share(up_dir *d)
{
    struct stat st;
    if (stat("/dev/shm", &st) == 0 && S_ISDIR(st.st_mode) && access("/dev/shm", W_OK) == 0)
        (void)snprintf(d->share, sizeof d->share, "/dev/shm/stoke-up-%lu-%08x",
                       (unsigned long)geteuid(), sk_crc32c(0, d->path, strlen(d->path)));
    else
        (void)up_dir_at(d, "share", d->share);
}

sk_status up_dir_look(const char *path, up_dir *out, sk_err *e)
{
    up_dir d = {.lock = -1, .fd = -1};
    static_assert(UP_PATH >= PATH_MAX, "what realpath writes");
    if (!realpath(path, d.path)) return sk_fail_errno(e, errno, "cannot find the folder %s", path);
    if (strlen(d.path) + NAMES_MOST >= UP_PATH)
        return sk_fail(e, SK_E_INVALID, "the path of %s is too long", path);
    d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d.fd < 0) return sk_fail_errno(e, errno, "cannot open the folder %s", path);
    name_share(&d);
    *out = d;
    return SK_OK;
}

sk_status up_dir_open(const char *path, up_dir *out, sk_err *e)
{
    static const char *const folders[] = {"versions", "rounds", "gate", "figures", "log"};
    char b[UP_PATH];
    up_dir d = {.lock = -1, .fd = -1};
    sk_status st = sk_mkdirs(path, e);
    if (!st) st = up_dir_look(path, &d, e);
    if (!st) st = sk_lock_take(up_dir_at(&d, "lock", b), &d.lock, e);
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !st; i++)
        st = sk_mkdirs(up_dir_at(&d, folders[i], b), e);
    if (st) {
        up_dir_close(&d, false);
        return st;
    }
    *out = d;
    return SK_OK;
}

void up_dir_close(up_dir *d, bool end)
{
    if (end && d->lock >= 0) (void)unlink(d->share);
    if (d->lock >= 0) sk_lock_drop(d->lock);
    if (d->fd >= 0) (void)close(d->fd);
    d->lock = d->fd = -1;
}

/* ---- lines and files ---- */

static bool ends_in_line(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

sk_status up_dir_add_line(const up_dir *d, const char *name, const sk_buf *line, bool sync,
                          sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    int fd = openat(d->fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return sk_fail_errno(e, errno, "cannot open %s/%s", d->path, name);
    sk_buf_addf(&b, "%s%s\n", ends_in_line(fd) ? "" : "\n", line->p ? line->p : "");
    sk_status st = SK_OK;
    errno = EIO;
    if (!sk_buf_ok(&b))
        st = sk_fail(e, SK_E_NOMEM, "no memory for a line");
    else if (sk_fault(SK_FAULT_WRITE) || write(fd, b.p, b.len) != (ssize_t)b.len ||
             (sync && (sk_fault(SK_FAULT_FSYNC) || fsync(fd) != 0)))
        st = sk_fail_errno(e, errno, "cannot write %s/%s", d->path, name);
    (void)close(fd);
    sk_buf_fini(&b);
    return st;
}

sk_status up_dir_show(const up_dir *d, const char *name, const sk_buf *text, sk_err *e)
{
    char tmp[NAMES_MOST];
    (void)snprintf(tmp, sizeof tmp, "%s.new", name);
    if (!sk_buf_ok(text)) return sk_fail(e, SK_E_NOMEM, "no memory for %s", name);
    int fd = openat(d->fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return sk_fail_errno(e, errno, "cannot write %s/%s", d->path, name);
    errno = EIO;
    bool ok = !sk_fault(SK_FAULT_WRITE) && write(fd, text->p, text->len) == (ssize_t)text->len;
    int err = errno;
    (void)close(fd);
    if (ok && renameat(d->fd, tmp, d->fd, name) == 0) return SK_OK;
    if (ok) err = errno;
    (void)unlinkat(d->fd, tmp, 0);
    return sk_fail_errno(e, err, "cannot write %s/%s", d->path, name);
}

void up_dir_trim(const up_dir *d, const char *name, const char *to, uint64_t most)
{
    struct stat st;
    char from[UP_PATH], copy[UP_PATH];
    if (fstatat(d->fd, name, &st, 0) != 0 || (uint64_t)st.st_size <= most) return;
    sk_buf b = SK_BUF_INIT;
    sk_status ok = sk_file_load(up_dir_at(d, name, from), 4 * most + (1u << 20), &b, NULL);
    if (!ok) (void)sk_file_replace(up_dir_at(d, to, copy), b.p, b.len, NULL);
    sk_buf_fini(&b);
    if (truncate(from, 0) != 0) errno = 0; /* it is tried again */
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void up_dir_drop_round(const up_dir *d, uint32_t round)
{
    char path[UP_PATH];
    (void)nftw(up_dir_round(d, round, path), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)unlink(up_dir_gate(d, round, path));
    (void)snprintf(path, sizeof path, "%s/gate/%04u.figures", d->path, round);
    (void)unlink(path);
}

void up_dir_last_line(const up_dir *d, const char *name, char *b, size_t size)
{
    int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), most = (off_t)size - 1;
    ssize_t n =
        end > 0 ? pread(fd, b, (size_t)(end < most ? end : most), end < most ? 0 : end - most) : 0;
    if (fd >= 0) (void)close(fd);
    while (n > 0 && b[n - 1] == '\n')
        n--;
    b[n > 0 ? n : 0] = 0;
    char *line = strrchr(b, '\n');
    if (line) memmove(b, line + 1, strlen(line));
}

uint64_t up_dir_free(const up_dir *d)
{
    struct statvfs v;
    if (fstatvfs(d->fd, &v) != 0) return UINT64_MAX;
    return (uint64_t)v.f_bavail * v.f_frsize;
}
