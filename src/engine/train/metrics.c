/* metrics.c - metrics.jsonl: kept up to the step a session begins at, then appended to. */
#include "engine/train/metrics.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/train/eventline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 4096 };

#define KEEP_BYTES ((uint64_t)1 << 30) /* of sessions before; more begins anew */

struct eng_metrics {
    int fd; /* -1: writing has ended */
    sk_buf line;
};

static double now(void)
{
    return (double)sk_unix_ms() / 1e3;
}

/* Step of a line of ours, in which it stands before any text; UINT64_MAX for what is none, such as
 * the half line of a killed run. */
static uint64_t step_of(const char *line, size_t n)
{
    static const char key[] = "\"step\":";
    const char *at = n && line[n - 1] == '}' ? memmem(line, n, key, sizeof key - 1) : NULL;
    return at ? strtoull(at + sizeof key - 1, NULL, 10) : UINT64_MAX;
}

/* Length of the part of text that a session from `step` on keeps: steps only rise in it, since
 * every session has taken out what came to nothing. */
static size_t kept_part(const char *text, size_t n, uint64_t step)
{
    size_t at = 0;
    while (at < n) {
        const char *nl = memchr(text + at, '\n', n - at);
        size_t len = nl ? (size_t)(nl - text) - at : n - at;
        if (!nl || step_of(text + at, len) > step) break;
        at += len + 1;
    }
    return at;
}

static void add_run(const eng_metrics_run *r, sk_buf *b)
{
    sk_buf_addf(b, "{\"event\":\"run\",\"step\":%" PRIu64 ",\"stage\":", r->step);
    sk_json_add_str(b, r->stage, strlen(r->stage));
    sk_buf_addf(b, ",\"total\":%" PRIu64 ",\"params\":%" PRIu64 ",\"tokens_per_step\":%" PRIu64,
                r->total, r->n_params, r->tokens_per_step);
    sk_buf_addf(b, ",\"flops_per_token\":%.0f,\"peak_flops\":%.0f,\"time\":%.3f}\n",
                r->flops_per_token, r->peak, now());
}

/* The file as the session begins; one that can't be read begins anew. */
static sk_status begin_file(const char *path, const eng_metrics_run *r, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (r->step > 0 && sk_file_exists(path)) (void)sk_file_load(path, KEEP_BYTES, &b, NULL);
    b.len = b.len ? kept_part(b.p, b.len, r->step) : 0;
    add_run(r, &b);
    sk_status st = sk_buf_ok(&b) ? sk_file_replace(path, b.p, b.len, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for metrics.jsonl");
    sk_buf_fini(&b);
    return st;
}

sk_status eng_metrics_open(const char *dir, const eng_metrics_run *r, eng_metrics **out, sk_err *e)
{
    char path[PATH];
    int n = snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    if (n < 0 || n >= PATH) return sk_fail(e, SK_E_INVALID, "the folder's name is too long");
    sk_file_sweep(path);
    sk_status st = begin_file(path, r, e);
    if (st) return st;
    eng_metrics *m = sk_calloc(SK_MEM_TRAIN, 1, sizeof *m);
    if (!m) return sk_fail(e, SK_E_NOMEM, "no memory for metrics.jsonl");
    m->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (m->fd < 0) {
        st = sk_fail_errno(e, errno, "cannot open %s", path);
        sk_free(m);
        return st;
    }
    *out = m;
    return SK_OK;
}

/* A line is one write, so that a reader sees it whole. */
void eng_metrics_event(eng_metrics *m, const eng_train_event *ev)
{
    if (m->fd < 0) return;
    sk_buf_reset(&m->line);
    eng_event_line(ev, now(), &m->line);
    bool ok = sk_buf_ok(&m->line);
    if (ok) ok = write(m->fd, m->line.p, m->line.len) == (ssize_t)m->line.len;
    if (ok) return;
    (void)close(m->fd);
    m->fd = -1;
}

void eng_metrics_close(eng_metrics *m)
{
    if (!m) return;
    if (m->fd >= 0) (void)close(m->fd);
    sk_buf_fini(&m->line);
    sk_free(m);
}
