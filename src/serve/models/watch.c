/* watch.c - looks at a folder or a file, and orders what is new. */
#include "serve/models/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_US 250000

/* Files of a folder that are looked at. */
#define MAX_FILES 1024u

/* How long to wait for memory. */
#define AGAIN_US 60000000u

/* A file that was seen. */
typedef struct seen {
    struct seen *next;
    srv_ident is;
    bool steady;  /* it was the same at the last look */
    bool handled; /* nothing is to be done with it, as it is */
    bool here;    /* at this look */
    uint64_t not_before_us;
    char name[]; /* in the folder; "" for a file that is watched itself */
} seen;

struct srv_watch {
    srv_keeper *k;
    char *name, *path; /* name NULL: the first model's */
    struct event *timer;
    seen *files;
    size_t n;
    seen *loading; /* what is being loaded, NULL: nothing */
    bool begun;
    sk_buf scratch;
};

/* ---- what is there ---- */

static seen *find(srv_watch *w, const char *name)
{
    seen *s = w->files;
    while (s && strcmp(s->name, name) != 0)
        s = s->next;
    return s;
}

/* Notes a file at this look. */
static void note(srv_watch *w, const char *name, const srv_ident *is)
{
    seen *s = find(w, name);
    size_t n = strlen(name) + 1;
    if (!s) {
        s = w->n < MAX_FILES ? sk_calloc(SK_MEM_MISC, 1, sizeof *s + n) : NULL;
        if (!s) return; /* perhaps at the next look */
        memcpy(s->name, name, n);
        s->next = w->files;
        s->handled = !w->begun;
        w->files = s;
        w->n++;
    } else if (srv_ident_same(&s->is, is)) {
        s->steady = s->here = true;
        return;
    } else {
        s->handled = false;
        s->not_before_us = 0;
    }
    s->is = *is;
    s->steady = false;
    s->here = true;
}

/* The first part stands for all of a model in several files; what begins with a dot is not meant to
 * be seen. */
static bool is_model(const char *name)
{
    size_t n = strlen(name);
    unsigned part, of;
    const char *dash = n > 20 ? name + n - 20 : "";
    if (n < 6 || name[0] == '.' || strcmp(name + n - 5, ".gguf") != 0) return false;
    return sscanf(dash, "-%5u-of-%5u.gguf", &part, &of) != 2 || part == 1;
}

/* "folder/name", valid until the next call; NULL without memory. */
static const char *path_of(srv_watch *w, const char *name)
{
    if (!*name) return w->path;
    sk_buf_reset(&w->scratch);
    sk_buf_addf(&w->scratch, "%s/%s", w->path, name);
    return sk_buf_ok(&w->scratch) ? w->scratch.p : NULL;
}

/* Looks at everything; what is gone is forgotten. */
static void look_around(srv_watch *w)
{
    srv_ident is;
    for (seen *s = w->files; s; s = s->next)
        s->here = false;
    DIR *d = opendir(w->path);
    for (struct dirent *f; d && (f = readdir(d));) {
        const char *path = is_model(f->d_name) ? path_of(w, f->d_name) : NULL;
        if (path && srv_ident_of(path, &is)) note(w, f->d_name, &is);
    }
    if (!d && srv_ident_of(w->path, &is)) note(w, "", &is);
    if (d) (void)closedir(d);
    for (seen **at = &w->files, *s; (s = *at);) {
        if (s->here || s == w->loading) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        w->n--;
        sk_free(s);
    }
}

/* ---- what is new ---- */

/* What came of a load. */
static void loaded(void *arg, const srv_version *v, const sk_err *e)
{
    srv_watch *w = arg;
    seen *s = w->loading;
    w->loading = NULL;
    if (v || (e->status != SK_E_NOMEM && e->status != SK_E_STOPPED)) return;
    s->handled = false;
    s->not_before_us = sk_now_us() + AGAIN_US;
}

/* The newest that is to be loaded; older ones have missed their time. */
static seen *choose(srv_watch *w)
{
    seen *best = NULL;
    uint64_t now = sk_now_us();
    for (seen *s = w->files; s; s = s->next) {
        if (s->handled || !s->steady || s->not_before_us > now) continue;
        seen *older = best && best->is.changed_ns >= s->is.changed_ns ? s : best;
        if (older) older->handled = true;
        if (older != s) best = s;
    }
    return best;
}

void srv_watch_look(srv_watch *w)
{
    sk_err e = SK_ERR_INIT;
    look_around(w);
    if (w->loading) return;
    seen *s = choose(w);
    const char *path = s ? path_of(w, s->name) : NULL;
    if (!path) return;
    srv_load l = {.name = w->name, .path = path};
    s->handled = true;
    w->loading = s;
    sk_status st = srv_keeper_load(w->k, &l, loaded, w, &e);
    if (!st) return;
    w->loading = NULL;
    s->handled = st != SK_E_BUSY && st != SK_E_NOMEM;
    if (s->handled && st != SK_E_STOPPED) sk_log(SK_LOG_WARN, "%s: %s", path, e.text);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_watch_look(arg);
}

/* ---- open and close ---- */

static char *copy(const char *s)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, s);
    return sk_buf_detach(&b, &(size_t){0});
}

sk_status srv_watch_open(struct event_base *base, srv_keeper *k, const char *name, const char *path,
                         srv_watch **out, sk_err *e)
{
    struct timeval t = {0, LOOK_US};
    srv_watch *w = sk_calloc(SK_MEM_MISC, 1, sizeof *w);
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory to watch %s", path);
    w->k = k;
    w->name = name ? copy(name) : NULL;
    w->path = copy(path);
    w->timer = event_new(base, -1, EV_PERSIST, on_timer, w);
    if (!w->path || (name && !w->name) || !w->timer) {
        srv_watch_close(w);
        return sk_fail(e, SK_E_NOMEM, "no memory to watch %s", path);
    }
    look_around(w);
    w->begun = true;
    (void)event_add(w->timer, &t);
    *out = w;
    return SK_OK;
}

void srv_watch_close(srv_watch *w)
{
    if (!w) return;
    if (w->timer) event_free(w->timer);
    for (seen *s = w->files, *next; s; s = next) {
        next = s->next;
        sk_free(s);
    }
    sk_free(w->name);
    sk_free(w->path);
    sk_buf_fini(&w->scratch);
    sk_free(w);
}
