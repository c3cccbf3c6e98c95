/* picture.c - the timeline of a supervisor as a picture. */
#include "up/picture.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/plot.h"
#include "up/dir.h"

#include <stdio.h>
#include <string.h>

/* Bytes read of each file; points drawn: more than the picture is wide; a longer stretch than this
 * between two lines (10 s apart) is one in which nobody looked. */
enum { FILE_MOST = 64 << 20, POINTS = 2000, DEPTH = 4, GAP_MS = 60000 };

/* From the bottom to the top. */
enum { SERVER, GATE, TRAINER, ROLES };

static const char *const roles[ROLES] = {"server", "gate", "trainer"};
static const char *const names[ROLES] = {"answering", "judging", "training"};

/* Core seconds until `at`. */
typedef struct moment {
    int64_t at;
    double used[ROLES];
} moment;

typedef struct timeline {
    moment *line;
    size_t n, cap;
} timeline;

/* A line that tells nothing of time is no error: the last one may be half written. */
static sk_status read_line(timeline *t, const char *line, size_t n, sk_err *e)
{
    json_t *root = NULL;
    moment m = {.at = -1};
    if (sk_json_parse(line, n, DEPTH, &root, NULL)) return SK_OK;
    (void)sk_json_get_int(root, "at", 0, INT64_MAX / 4, &m.at, NULL);
    for (int r = 0; r < ROLES; r++)
        (void)sk_json_get_num(root, roles[r], 0, 1e9, &m.used[r], NULL);
    json_decref(root);
    if (m.at < 0) return SK_OK;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 1024;
        moment *grown = sk_realloc(SK_MEM_MISC, t->line, cap * sizeof *grown);
        if (!grown) return sk_fail(e, SK_E_NOMEM, "no memory for a timeline");
        t->line = grown;
        t->cap = cap;
    }
    t->line[t->n++] = m;
    return SK_OK;
}

/* *found: there is such a file. */
static sk_status read_file(timeline *t, const char *dir, const char *name, bool *found, sk_err *e)
{
    char path[UP_PATH];
    sk_buf b = SK_BUF_INIT;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path || !sk_file_exists(path)) return SK_OK;
    sk_status st = sk_file_load(path, FILE_MOST, &b, e);
    *found |= !st;
    const char *line = b.p ? b.p : "", *end;
    for (; !st && (end = strchr(line, '\n')) != NULL; line = end + 1)
        st = read_line(t, line, (size_t)(end - line), e);
    sk_buf_fini(&b);
    return st;
}

/* Columns of the picture: x in minutes, then the cores of each role. */
typedef struct columns {
    double *x, *y[ROLES];
    size_t n;
} columns;

static void add_point(columns *c, double x, const double *cores)
{
    c->x[c->n] = x;
    for (int r = 0; r < ROLES; r++)
        c->y[r][c->n] = cores ? cores[r] : 0;
    c->n++;
}

/* Several lines make a point, so that there are no more of these than can be seen; time only goes
 * forward, whatever the clock did. */
static void fill(const timeline *t, columns *c)
{
    size_t step = t->n / POINTS + 1;
    double at = 0;
    add_point(c, 0, NULL);
    for (size_t i = 1; i < t->n;) {
        double cores[ROLES] = {0}, passed = 0, idle = 0;
        for (size_t k = 0; k < step && i < t->n; k++, i++) {
            int64_t ms = t->line[i].at - t->line[i - 1].at;
            if (ms > GAP_MS) idle += (double)(ms - GAP_MS) / 6e4;
            if (ms > 0) passed += (double)(ms > GAP_MS ? GAP_MS : ms) / 6e4;
            for (int r = 0; r < ROLES; r++)
                cores[r] += t->line[i].used[r] / 60;
        }
        if (idle > 0) add_point(c, at += idle, NULL);
        for (int r = 0; r < ROLES && passed > 0; r++)
            cores[r] /= passed;
        if (passed > 0) add_point(c, at += passed, cores);
    }
}

static sk_status draw(const timeline *t, sk_buf *out, sk_err *e)
{
    size_t most = 2 * (t->n < POINTS ? t->n : POINTS) + 4;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    columns c = {.x = mem ? sk_new_n(mem, double, most) : NULL};
    bool ok = c.x;
    sk_series s[ROLES];
    for (int r = 0; r < ROLES && ok; r++)
        ok = (c.y[r] = sk_new_n(mem, double, most)) != NULL;
    if (ok) {
        fill(t, &c);
        for (int r = 0; r < ROLES; r++)
            s[r] = (sk_series){names[r], c.x, c.y[r], c.n};
        sk_plot_bands_svg(s, ROLES, "who had the cores when", "minutes", "cores", out);
    }
    sk_arena_free(mem);
    return ok && sk_buf_ok(out) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a picture");
}

sk_status up_picture(const char *dir, sk_buf *out, sk_err *e)
{
    timeline t = {.line = NULL};
    bool found = false;
    sk_status st = read_file(&t, dir, "timeline.1.jsonl", &found, e);
    if (!st) st = read_file(&t, dir, "timeline.jsonl", &found, e);
    if (!st && !found) st = sk_fail(e, SK_E_NOTFOUND, "%s has no timeline", dir);
    if (!st) st = draw(&t, out, e);
    sk_free(t.line);
    return st;
}
