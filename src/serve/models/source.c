/* source.c - names and descriptors of a model's files. */
#include "serve/models/source.h"

#include "base/buf.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy of a name; NULL stays NULL. */
static char *copy_name(const char *s)
{
    size_t n = s ? strlen(s) + 1 : 0;
    char *p = s ? sk_alloc(SK_MEM_MISC, n) : NULL;
    return p ? memcpy(p, s, n) : NULL;
}

/* A descriptor of a plain file; -1 for anything else.  A pipe or a device must not hold us up. */
static int open_file(const char *path)
{
    struct stat st;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

sk_status srv_source_open(const char *path, const char *lora, double scale, srv_source *out,
                          sk_err *e)
{
    srv_source s = {.path = copy_name(path), .lora = copy_name(lora), .scale = scale};
    if (!s.path || (lora && !s.lora)) {
        sk_free(s.path);
        sk_free(s.lora);
        return sk_fail(e, SK_E_NOMEM, "no memory for a file's name");
    }
    s.fd = open_file(path);
    s.lora_fd = open_file(lora);
    *out = s;
    return SK_OK;
}

static int copy_fd(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

sk_status srv_source_copy(const srv_source *s, srv_source *out, sk_err *e)
{
    srv_source c = {.path = copy_name(s->path), .lora = copy_name(s->lora), .scale = s->scale};
    if (!c.path || (s->lora && !c.lora)) {
        sk_free(c.path);
        sk_free(c.lora);
        return sk_fail(e, SK_E_NOMEM, "no memory for a file's name");
    }
    c.fd = copy_fd(s->fd);
    c.lora_fd = copy_fd(s->lora_fd);
    *out = c;
    return SK_OK;
}

void srv_source_close(srv_source *s)
{
    if (s->path && s->fd >= 0) (void)close(s->fd);
    if (s->path && s->lora_fd >= 0) (void)close(s->lora_fd);
    sk_free(s->path);
    sk_free(s->lora);
    *s = (srv_source){.path = NULL};
}

void srv_source_set_lora(srv_source *s, srv_source *from)
{
    if (s->lora_fd >= 0) (void)close(s->lora_fd);
    sk_free(s->lora);
    s->lora = from->lora;
    s->lora_fd = from->lora_fd;
    s->scale = from->scale;
    from->lora = NULL;
    from->lora_fd = -1;
}

/* ---- which file it is ---- */

static srv_ident ident(const struct stat *st)
{
    return (srv_ident){
        .dev = (uint64_t)st->st_dev,
        .ino = (uint64_t)st->st_ino,
        .bytes = (uint64_t)st->st_size,
        .changed_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
    };
}

bool srv_ident_of(const char *path, srv_ident *out)
{
    struct stat st;
    if (stat(path, &st)) return false;
    *out = ident(&st);
    return true;
}

bool srv_ident_same(const srv_ident *a, const srv_ident *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->bytes == b->bytes &&
           a->changed_ns == b->changed_ns;
}

/* The identity of an open file. */
static bool ident_of_fd(int fd, srv_ident *out)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) return false;
    *out = ident(&st);
    return true;
}

const char *srv_source_path(const srv_source *s, bool of_lora, char buf[SRV_SOURCE_FD_NAME])
{
    const char *path = of_lora ? s->lora : s->path;
    int fd = of_lora ? s->lora_fd : s->fd;
    srv_ident now, then;
    if (!path || !ident_of_fd(fd, &then)) return path;
    if (srv_ident_of(path, &now) && srv_ident_same(&now, &then)) return path;
    snprintf(buf, SRV_SOURCE_FD_NAME, "/proc/self/fd/%d", fd);
    return buf;
}

bool srv_source_same_model(const srv_source *a, const srv_source *b)
{
    srv_ident ia, ib;
    bool fa = ident_of_fd(a->fd, &ia), fb = ident_of_fd(b->fd, &ib);
    if (fa && fb) return srv_ident_same(&ia, &ib);
    return !fa && !fb && strcmp(a->path, b->path) == 0;
}

/* Bytes of the plain files in a folder. */
static uint64_t bytes_in(const char *folder)
{
    uint64_t all = 0;
    sk_buf name = SK_BUF_INIT;
    DIR *d = opendir(folder);
    for (struct dirent *f; d && (f = readdir(d));) {
        struct stat st;
        sk_buf_reset(&name);
        sk_buf_addf(&name, "%s/%s", folder, f->d_name);
        if (sk_buf_ok(&name) && stat(name.p, &st) == 0 && S_ISREG(st.st_mode))
            all += (uint64_t)st.st_size;
    }
    if (d) (void)closedir(d);
    sk_buf_fini(&name);
    return all;
}

bool srv_source_ident(const srv_source *s, srv_ident *out)
{
    return ident_of_fd(s->fd, out);
}

uint64_t srv_source_bytes(const srv_source *s)
{
    srv_ident i;
    return ident_of_fd(s->fd, &i) ? i.bytes : bytes_in(s->path);
}
