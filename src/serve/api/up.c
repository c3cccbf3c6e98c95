/* up.c - GET /up: the supervisor's state and the end of its timeline.
 *
 * The files appear by rename or grow by whole lines.  They are read again only when they have
 * changed, and never more than a bounded part of them; what is no JSON is left out, so that the
 * answer always is.
 */
#include "serve/api/up.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Most bytes of state.json, and of the timeline's end: six hours of it and more. */
enum { STATE_MOST = 1 << 20, TIMELINE_MOST = 256 << 10, DEPTH = 8, DIR_MOST = 4096 };

/* A file as it was when it was last read. */
typedef struct seen {
    ino_t ino;
    off_t size;
    struct timespec changed;
    sk_buf text; /* as it goes into the answer; empty: nothing does */
} seen;

struct srv_up {
    int fd;
    seen state, timeline;
    char run_dir[DIR_MOST];
    srv_up_slot slot;
};

sk_status srv_up_open(const char *dir, srv_up **out, sk_err *e)
{
    srv_up *u = sk_calloc(SK_MEM_MISC, 1, sizeof *u);
    if (!u) return sk_fail(e, SK_E_NOMEM, "no memory to watch a supervisor");
    u->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (u->fd < 0) {
        sk_free(u);
        return sk_fail_errno(e, errno, "cannot open the folder %s", dir);
    }
    *out = u;
    return SK_OK;
}

void srv_up_close(srv_up *u)
{
    if (!u) return;
    if (u->slot.order) u->slot.end(u->slot.order);
    (void)close(u->fd);
    sk_buf_fini(&u->state.text);
    sk_buf_fini(&u->timeline.text);
    sk_free(u);
}

int srv_up_fd(const srv_up *u)
{
    return u->fd;
}

srv_up_slot *srv_up_slot_of(srv_up *u)
{
    return &u->slot;
}

/* ---- reading ---- */

/* Appends the last `most` bytes of an open file of `size`; *from: where they begin.  False where it
 * can't be read. */
static bool read_end(int fd, off_t size, size_t most, off_t *from, sk_buf *b)
{
    size_t n = size > (off_t)most ? most : (size_t)size, got = 0;
    *from = size - (off_t)n;
    if (!sk_buf_reserve(b, n + 1)) return false;
    while (got < n) {
        ssize_t k = pread(fd, b->p + got, n - got, *from + (off_t)got);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break;
        got += (size_t)k;
    }
    b->len = got;
    b->p[got] = 0;
    return got == n;
}

/* Opens a file that has changed since; -1: it has not, or is not there, and then nothing is known
 * of it. */
static int open_changed(const srv_up *u, const char *name, seen *s, struct stat *st)
{
    int fd = openat(u->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    bool there = fd >= 0 && !fstat(fd, st) && S_ISREG(st->st_mode);
    bool same = there && st->st_ino == s->ino && st->st_size == s->size &&
                st->st_mtim.tv_sec == s->changed.tv_sec &&
                st->st_mtim.tv_nsec == s->changed.tv_nsec;
    if (there && !same) {
        s->ino = st->st_ino;
        s->size = st->st_size;
        s->changed = st->st_mtim;
    } else if (!there) {
        s->ino = 0;
        sk_buf_reset(&s->text);
    }
    if (there && !same) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

/* Where training writes, out of the state; what is told is in the answer all the same. */
static void note_run(srv_up *u, const json_t *state)
{
    const char *dir = json_string_value(json_object_get(json_object_get(state, "trainer"), "dir"));
    u->run_dir[0] = 0;
    if (dir && strlen(dir) < sizeof u->run_dir) memcpy(u->run_dir, dir, strlen(dir) + 1);
}

/* The whole file as it is, if it is an object. */
static void read_state(srv_up *u)
{
    struct stat st;
    off_t from;
    json_t *root = NULL;
    seen *s = &u->state;
    int fd = open_changed(u, "state.json", s, &st);
    if (fd < 0) return;
    sk_buf_reset(&s->text);
    bool whole = st.st_size <= STATE_MOST && read_end(fd, st.st_size, STATE_MOST, &from, &s->text);
    (void)close(fd);
    if (whole && !sk_json_parse(s->text.p, s->text.len, DEPTH, &root, NULL) && json_is_object(root))
        note_run(u, root);
    else
        sk_buf_reset(&s->text);
    json_decref(root);
    while (s->text.len && s->text.p[s->text.len - 1] == '\n')
        s->text.p[--s->text.len] = 0;
}

/* Appends the lines that are objects, commas between; a last one that is being written has no end
 * yet, and a first one that was cut is none. */
static void add_lines(const sk_buf *text, bool cut, sk_buf *out)
{
    const char *line = text->p, *end;
    if (cut && (line = strchr(line, '\n')) != NULL) line++;
    for (; line && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *root = NULL;
        if (!sk_json_parse(line, (size_t)(end - line), DEPTH, &root, NULL) &&
            json_is_object(root)) {
            if (out->len) sk_buf_addc(out, ',');
            sk_buf_add(out, line, (size_t)(end - line));
        }
        json_decref(root);
    }
}

static void read_timeline(srv_up *u)
{
    struct stat st;
    off_t from = 0;
    sk_buf text = SK_BUF_INIT;
    seen *s = &u->timeline;
    int fd = open_changed(u, "timeline.jsonl", s, &st);
    if (fd < 0) return;
    sk_buf_reset(&s->text);
    if (read_end(fd, st.st_size, TIMELINE_MOST, &from, &text)) add_lines(&text, from > 0, &s->text);
    (void)close(fd);
    if (!sk_buf_ok(&s->text)) sk_buf_reset(&s->text);
    sk_buf_fini(&text);
}

void srv_up_look(srv_up *u, const char **run_dir)
{
    read_state(u);
    *run_dir = u->run_dir;
}

bool srv_up_version(srv_up *u, uint32_t version, char *path, size_t n)
{
    size_t i;
    json_t *root = NULL, *it;
    bool found = false;
    read_state(u);
    if (!u->state.text.len || sk_json_parse(u->state.text.p, u->state.text.len, DEPTH, &root, NULL))
        return false;
    json_array_foreach(json_object_get(root, "versions"), i, it)
    {
        const char *at = json_string_value(json_object_get(it, "path"));
        if (json_integer_value(json_object_get(it, "version")) != version || !at) continue;
        found = at[0] == '/' && strlen(at) < n;
        if (found) memcpy(path, at, strlen(at) + 1);
    }
    json_decref(root);
    return found;
}

/* GET /up */
void srv_get_up(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    srv_up *u = api->up;
    srv_req_header(r, "Cache-Control", "no-store");
    if (!u) {
        srv_reply(r, 204, NULL, NULL, 0);
        return;
    }
    read_state(u);
    read_timeline(u);
    sk_buf_adds(&b, "{\"state\":");
    if (u->state.text.len)
        sk_buf_add(&b, u->state.text.p, u->state.text.len);
    else
        sk_buf_adds(&b, "null");
    sk_buf_adds(&b, ",\"timeline\":[");
    sk_buf_add(&b, u->timeline.text.p, u->timeline.text.len);
    sk_buf_adds(&b, "]}\n");
    srv_api_reply(r, 200, "application/json", &b);
}
