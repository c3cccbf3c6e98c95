/* versions.c - reads and adds rows of versions.jsonl. */
#include "up/versions.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 64 << 20 };

static bool is_within(const up_dir *d, const char *path)
{
    size_t n = strlen(d->path);
    return strncmp(path, d->path, n) == 0 && path[n] == '/';
}

/* Room for one more row, for which the oldest makes way where there are too many; NULL without
 * memory. */
static up_row *more(up_versions *v)
{
    if (v->n == UP_VERSIONS_MOST) memmove(v->row, v->row + 1, --v->n * sizeof *v->row);
    if (v->n == v->room) {
        size_t room = v->room ? 2 * v->room : 16;
        up_row *p = sk_realloc(SK_MEM_MISC, v->row, room * sizeof *p);
        if (!p) return NULL;
        v->row = p;
        v->room = room;
    }
    return &v->row[v->n];
}

static uint64_t bytes_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* ---- reading ---- */

typedef struct reading {
    up_versions *v;
    const up_dir *d;
} reading;

/* A line; one that makes no sense is passed over, since the ones behind it may be good. */
static sk_status take_line(const reading *r, json_t *value, sk_err *e)
{
    int64_t number = 0, round = 0, at = 0;
    const char *path = NULL, *why = "";
    up_row row = {.live_bpb = NAN, .new_bpb = NAN};
    sk_status st = sk_json_get_int(value, "version", 1, UINT32_MAX - 1, &number, NULL);
    if (!st) st = sk_json_get_int(value, "round", 0, UINT32_MAX, &round, NULL);
    if (!st) st = sk_json_get_int(value, "at", 0, INT64_MAX / 2, &at, NULL);
    if (!st) st = sk_json_get_str(value, "path", &path, NULL);
    if (!st) st = sk_json_get_str(value, "why", &why, NULL);
    (void)sk_json_get_num(value, "live_bpb", 0, 1e6, &row.live_bpb, NULL);
    (void)sk_json_get_num(value, "new_bpb", 0, 1e6, &row.new_bpb, NULL);
    if (st || !path || (uint32_t)number <= r->v->last) return SK_OK;
    row.number = r->v->last = (uint32_t)number;
    row.round = (uint32_t)round;
    row.at = at;
    int n = path[0] == '/' ? snprintf(row.path, UP_PATH, "%s", path)
                           : snprintf(row.path, UP_PATH, "%s/%s", r->d->path, path);
    (void)snprintf(row.why, sizeof row.why, "%s", why);
    if (n < 0 || n >= UP_PATH || !sk_file_exists(row.path)) return SK_OK;
    row.bytes = bytes_of(row.path);
    up_row *to = more(r->v);
    if (!to) return sk_fail(e, SK_E_NOMEM, "no memory for the versions");
    *to = row;
    r->v->n++;
    return SK_OK;
}

/* A line that was cut is passed over; one for which there is no memory is not. */
static sk_status take_lines(const reading *r, const char *text, size_t n, sk_err *e)
{
    sk_status st = SK_OK;
    for (const char *line = text, *end; !st && line < text + n; line = end + 1) {
        json_t *value = NULL;
        end = memchr(line, '\n', n - (size_t)(line - text));
        if (!end) end = text + n;
        sk_status parsed = sk_json_parse(line, (size_t)(end - line), 4, &value, e);
        if (parsed == SK_E_NOMEM) return parsed;
        if (!parsed && json_is_object(value)) st = take_line(r, value, e);
        json_decref(value);
    }
    return st;
}

sk_status up_versions_parse(const up_dir *d, const char *text, size_t n, up_versions *out,
                            sk_err *e)
{
    up_versions v = {.row = NULL};
    const reading r = {&v, d};
    sk_err own = SK_ERR_INIT;
    sk_status st = take_lines(&r, text, n, &own);
    if (st) {
        up_versions_free(&v);
        return sk_fail(e, st, "%s", own.text);
    }
    *out = v;
    return SK_OK;
}

sk_status up_versions_open(const up_dir *d, up_versions *out, sk_err *e)
{
    char path[UP_PATH];
    sk_buf b = SK_BUF_INIT;
    (void)up_dir_at(d, "versions.jsonl", path);
    sk_status st = sk_file_exists(path) ? sk_file_load(path, FILE_MOST, &b, e) : SK_OK;
    if (!st) st = up_versions_parse(d, b.p ? b.p : "", b.len, out, e);
    sk_buf_fini(&b);
    return st;
}

void up_versions_free(up_versions *v)
{
    sk_free(v->row);
    *v = (up_versions){.row = NULL};
}

/* ---- adding ---- */

static sk_status add_line(const up_dir *d, const up_row *row, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    const char *path = is_within(d, row->path) ? row->path + strlen(d->path) + 1 : row->path;
    sk_buf_addf(&b, "{\"version\":%u,\"round\":%u,\"at\":%" PRId64 ",\"path\":", row->number,
                row->round, row->at);
    sk_json_add_str(&b, path, strlen(path));
    sk_buf_adds(&b, ",\"live_bpb\":");
    sk_json_add_num(&b, row->live_bpb);
    sk_buf_adds(&b, ",\"new_bpb\":");
    sk_json_add_num(&b, row->new_bpb);
    sk_buf_adds(&b, ",\"why\":");
    sk_json_add_str(&b, row->why, strlen(row->why));
    sk_buf_adds(&b, "}");
    sk_status st = sk_buf_ok(&b) ? up_dir_add_line(d, "versions.jsonl", &b, true, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for a version");
    sk_buf_fini(&b);
    return st;
}

/* Where the version is to lie: a plain file gets a second name in DIR. */
static sk_status place(const up_dir *d, const char *path, up_row *row, sk_err *e)
{
    struct stat st;
    char name[64];
    if (stat(path, &st) != 0) return sk_fail_errno(e, errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode)) {
        (void)snprintf(row->path, UP_PATH, "%s", path);
        return SK_OK;
    }
    (void)up_dir_at(d, up_dir_version(row->number, name), row->path);
    return sk_file_place(path, row->path, e);
}

sk_status up_versions_add(up_versions *v, const up_dir *d, const char *path, const up_row *like,
                          sk_err *e)
{
    up_row *to = more(v);
    if (!to) return sk_fail(e, SK_E_NOMEM, "no memory for the versions");
    up_row row = *like;
    row.number = v->last + 1;
    row.at = sk_unix_ms();
    sk_status st = place(d, path, &row, e);
    if (!st) st = add_line(d, &row, e);
    if (st) return st;
    row.bytes = bytes_of(row.path);
    *to = row;
    v->n++;
    v->last = row.number;
    return SK_OK;
}

void up_versions_drop(up_versions *v, const up_dir *d, uint32_t number)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->row[i].number != number) continue;
        if (is_within(d, v->row[i].path)) (void)unlink(v->row[i].path);
        v->n--;
        memmove(&v->row[i], &v->row[i + 1], (v->n - i) * sizeof *v->row);
        return;
    }
}

const up_row *up_versions_find(const up_versions *v, uint32_t number)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->row[i].number == number) return &v->row[i];
    return NULL;
}

uint32_t up_versions_of_path(const up_versions *v, const char *path)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->row[i].path, path) == 0) return v->row[i].number;
    return 0;
}
