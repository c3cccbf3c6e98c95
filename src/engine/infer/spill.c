/* spill.c - files of pages: a head with name and checksum, then the page; a thread that writes.
 *
 * File: 8 bytes "stokekv1", the page's bytes (u64), its name (32), CRC-32C of the page (u32), 0
 * (u32); then the page.  All in the order of this machine's bytes: the name is of this machine's
 * numbers, too.
 */
#include "engine/infer/spill.h"

#include "base/crc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outfile.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pages that may wait to be written. */
#define QUEUE 16u

/* Room for the name of a file in its folder. */
#define NAME_BYTES (SK_SHA256_HEX + 8)

static const char magic[8] = "stokekv1", ending[] = ".kvpage";

typedef struct head {
    char magic[8];
    uint64_t bytes;
    eng_spill_name name;
    uint32_t crc, zero;
} head;

/* A page that waits. */
typedef struct task {
    eng_spill_name name;
    void *page;
} task;

struct eng_spill {
    char *dir;
    uint64_t most, total; /* total: of files that are there, the writer's; others may change it */
    size_t page_bytes;
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t change;
    task queue[QUEUE]; /* under the lock: n of them from `first` on */
    size_t first, n;
    bool ending, started, failed; /* failed: said once */
};

/* The path of a page's file, in a buffer that the caller frees; NULL without memory. */
static char *path_of(const eng_spill *s, const eng_spill_name *name)
{
    sk_buf b = SK_BUF_INIT;
    char hex[SK_SHA256_HEX];
    sk_sha256_hex(name->sha, hex);
    sk_buf_addf(&b, "%s/%s%s", s->dir, hex, ending);
    return sk_buf_detach(&b, NULL);
}

/* ---- the bound ---- */

/* A file of the folder. */
typedef struct entry {
    char name[NAME_BYTES];
    uint64_t bytes;
    struct timespec used;
} entry;

static bool is_page(const char *name)
{
    size_t n = strlen(name);
    return n == SK_SHA256_HEX - 1 + sizeof ending - 1 && !strcmp(name + SK_SHA256_HEX - 1, ending);
}

/* All pages of the folder, in an array that the caller frees; their bytes in *total. */
static entry *list(const eng_spill *s, size_t *n, uint64_t *total)
{
    entry *v = NULL;
    size_t cap = 0;
    DIR *d = opendir(s->dir);
    *n = 0;
    *total = 0;
    for (const struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (!is_page(e->d_name) || fstatat(dirfd(d), e->d_name, &st, 0)) continue;
        if (*n == cap) {
            entry *more = sk_realloc(SK_MEM_SCRATCH, v, (cap ? 2 * cap : 64) * sizeof *v);
            if (!more) break;
            v = more;
            cap = cap ? 2 * cap : 64;
        }
        snprintf(v[*n].name, sizeof v[*n].name, "%.*s", (int)sizeof v[*n].name - 1, e->d_name);
        v[*n].bytes = (uint64_t)st.st_size;
        v[(*n)++].used = st.st_mtim;
        *total += (uint64_t)st.st_size;
    }
    if (d) (void)closedir(d);
    return v;
}

static int by_use(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec) return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Removes the files used least recently until there is room for `more` bytes and a tenth besides,
 * so that this is not done for each file. */
static void make_room(eng_spill *s, uint64_t more)
{
    if (s->total + more <= s->most) return;
    size_t n = 0;
    entry *v = list(s, &n, &s->total);
    uint64_t aim = s->most - s->most / 10;
    if (n) qsort(v, n, sizeof *v, by_use);
    for (size_t i = 0; i < n && s->total && s->total + more > aim; i++) {
        sk_buf b = SK_BUF_INIT;
        sk_buf_addf(&b, "%s/%s", s->dir, v[i].name);
        if (sk_buf_ok(&b) && unlink(b.p) == 0) s->total -= v[i].bytes;
        sk_buf_fini(&b);
    }
    sk_free(v);
}

/* ---- writing ---- */

static sk_status write_file(const eng_spill *s, const task *t, const char *path, sk_err *e)
{
    head h = {.bytes = s->page_bytes, .name = t->name};
    sk_outfile *f = NULL;
    memcpy(h.magic, magic, sizeof magic);
    h.crc = sk_crc32c(0, t->page, s->page_bytes);
    sk_status st = sk_outfile_open(path, &f, e);
    if (st) return st;
    st = sk_outfile_write(f, &h, sizeof h, e);
    if (!st) st = sk_outfile_write(f, t->page, s->page_bytes, e);
    if (!st) return sk_outfile_commit(f, e);
    sk_outfile_abort(f);
    return st;
}

/* One page; what fails is said once, since a full disk fails each. */
static void write_page(eng_spill *s, const task *t)
{
    sk_err e = SK_ERR_INIT;
    char *path = path_of(s, &t->name);
    if (path && !sk_file_exists(path)) {
        make_room(s, s->page_bytes + sizeof(head));
        if (write_file(s, t, path, &e) == SK_OK)
            s->total += s->page_bytes + sizeof(head);
        else if (!s->failed)
            sk_log(SK_LOG_WARN, "beginnings are not kept on disk: %s", e.text);
        s->failed = s->failed || e.status;
    }
    sk_free(path);
}

static void *writer_main(void *arg)
{
    eng_spill *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    while (s->n || !s->ending) {
        if (!s->n) {
            (void)pthread_cond_wait(&s->change, &s->lock);
            continue;
        }
        task t = s->queue[s->first];
        (void)pthread_mutex_unlock(&s->lock);
        write_page(s, &t);
        sk_free(t.page);
        (void)pthread_mutex_lock(&s->lock);
        s->first = (s->first + 1) % QUEUE;
        s->n--;
        (void)pthread_cond_broadcast(&s->change);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

void eng_spill_put(eng_spill *s, const eng_spill_name *name, const void *page, bool wait)
{
    void *copy = sk_alloc(SK_MEM_SCRATCH, s->page_bytes);
    if (!copy) return;
    memcpy(copy, page, s->page_bytes);
    (void)pthread_mutex_lock(&s->lock);
    while (wait && s->n == QUEUE)
        (void)pthread_cond_wait(&s->change, &s->lock);
    bool room = s->n < QUEUE;
    if (room) s->queue[(s->first + s->n++) % QUEUE] = (task){*name, copy};
    (void)pthread_cond_broadcast(&s->change);
    (void)pthread_mutex_unlock(&s->lock);
    if (!room) sk_free(copy);
}

/* ---- reading ---- */

static bool read_all(int fd, void *to, size_t n)
{
    char *p = to;
    while (n) {
        ssize_t k = read(fd, p, n);
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* A use makes the file the one used last. */
bool eng_spill_get(eng_spill *s, const eng_spill_name *name, void *page)
{
    head h;
    char *path = path_of(s, name), more;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && read_all(fd, &h, sizeof h) && !memcmp(h.magic, magic, sizeof magic) &&
              h.bytes == s->page_bytes && !memcmp(&h.name, name, sizeof *name) &&
              read_all(fd, page, s->page_bytes) && read(fd, &more, 1) == 0 &&
              h.crc == sk_crc32c(0, page, s->page_bytes);
    if (ok) (void)futimens(fd, NULL);
    if (fd >= 0 && !ok) {
        sk_log(SK_LOG_WARN, "%s is damaged and was removed", path);
        (void)unlink(path);
    }
    if (fd >= 0) (void)close(fd);
    sk_free(path);
    return ok;
}

/* ---- open and close ---- */

/* Removes what writers that were killed have left. */
static void sweep(const eng_spill *s)
{
    DIR *d = opendir(s->dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        const char *tmp = strstr(e->d_name, ".kvpage.tmp.");
        sk_buf b = SK_BUF_INIT;
        if (!tmp) continue;
        sk_buf_addf(&b, "%s/%.*s", s->dir, (int)(tmp - e->d_name + 7), e->d_name);
        if (sk_buf_ok(&b)) sk_file_sweep(b.p);
        sk_buf_fini(&b);
    }
    if (d) (void)closedir(d);
}

sk_status eng_spill_open(const char *dir, uint64_t most, size_t page_bytes, eng_spill **out,
                         sk_err *e)
{
    size_t n = 0;
    if (most < page_bytes + sizeof(head))
        return sk_fail(e, SK_E_INVALID,
                       "a page of this model's cache has %zu bytes, more than %llu", page_bytes,
                       (unsigned long long)most);
    sk_status st = sk_mkdirs(dir, e);
    if (st) return st;
    eng_spill *s = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for pages on disk");
    s->most = most;
    s->page_bytes = page_bytes;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->change, NULL);
    s->dir = sk_alloc(SK_MEM_SCRATCH, strlen(dir) + 1);
    if (s->dir)
        memcpy(s->dir, dir, strlen(dir) + 1);
    else
        st = sk_fail(e, SK_E_NOMEM, "no memory for pages on disk");
    if (!st) sweep(s);
    if (!st) sk_free(list(s, &n, &s->total));
    int err = st ? 0 : pthread_create(&s->writer, NULL, writer_main, s);
    if (err) st = sk_fail_errno(e, err, "cannot start a thread that writes pages");
    s->started = !st;
    if (st)
        eng_spill_close(s);
    else
        *out = s;
    return st;
}

void eng_spill_close(eng_spill *s)
{
    if (!s) return;
    (void)pthread_mutex_lock(&s->lock);
    s->ending = true;
    (void)pthread_cond_broadcast(&s->change);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->started) (void)pthread_join(s->writer, NULL);
    assert(!s->n);
    (void)pthread_cond_destroy(&s->change);
    (void)pthread_mutex_destroy(&s->lock);
    sk_free(s->dir);
    sk_free(s);
}
