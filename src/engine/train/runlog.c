/* runlog.c - follows metrics.jsonl of a run, and keeps what there is to tell. */
#include "engine/train/runlog.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096, CHUNK = 256 << 10, RECENT = 16 };

/* A loss is a spike when it stands SPIKE_SIGMA deviations above the running mean (over about
 * SPIKE_MEMORY steps), and by at least a part of it that a smooth curve does not jump. */
#define SPIKE_MEMORY 32.0
#define SPIKE_SIGMA 6.0
#define SPIKE_PART 0.05

/* A step's place in time. */
typedef struct moment {
    double time, tokens;
} moment;

struct eng_runlog {
    char dir[PATH - 32], path[PATH];
    uint64_t inode, offset; /* of the file read; up to where */
    char *chunk;            /* [CHUNK] */
    eng_run_info i;
    double flops_per_token, peak;
    double before;         /* time of the event before in this session; NaN: none */
    moment recent[RECENT]; /* ring of the last steps of this session */
    size_t n_recent;
    double mean, variance; /* of the loss, running */
    uint64_t n_mean;
    bool oom;
};

/* ---- what is kept ---- */

static void series_add(eng_runlog *r, eng_run_series *s, double step, double value)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        double *step_room = sk_realloc(SK_MEM_MISC, s->step, cap * sizeof *step_room);
        if (step_room) s->step = step_room;
        double *value_room = sk_realloc(SK_MEM_MISC, s->value, cap * sizeof *value_room);
        if (value_room) s->value = value_room;
        r->oom |= !step_room || !value_room;
        if (!step_room || !value_room) return;
        s->cap = cap;
    }
    s->step[s->n] = step;
    s->value[s->n++] = value;
}

static void series_fini(eng_run_series *s)
{
    sk_free(s->step);
    sk_free(s->value);
    *s = (eng_run_series){0};
}

/* Takes points behind `step` out. */
static void series_cut(eng_run_series *s, double step)
{
    while (s->n && s->step[s->n - 1] > step)
        s->n--;
}

/* Nothing is known. */
static void forget(eng_runlog *r)
{
    eng_run_info *i = &r->i;
    series_fini(&i->train);
    series_fini(&i->held_out);
    series_fini(&i->bpb);
    series_fini(&i->speed);
    *i = (eng_run_info){.saved = UINT64_MAX};
    i->loss = i->lr = i->grad_norm = i->val_loss = i->bits_per_byte = NAN;
    i->best_bits_per_byte = i->tokens_per_s = i->mfu = i->eta_s = i->flops = i->time = NAN;
    r->inode = r->offset = 0;
    r->flops_per_token = r->peak = 0;
    r->before = NAN;
    r->n_recent = 0;
    r->n_mean = 0;
}

static double num(json_t *obj, const char *key)
{
    double v = NAN;
    (void)sk_json_get_num(obj, key, -1e300, 1e300, &v, NULL);
    return v;
}

static uint64_t whole(json_t *obj, const char *key)
{
    double v = num(obj, key);
    return v >= 0 && v < 1e18 ? (uint64_t)v : 0;
}

/* ---- events ---- */

/* A session begins at a step: what came after it never was. */
static void on_run(eng_runlog *r, json_t *obj)
{
    eng_run_info *i = &r->i;
    const char *stage = "";
    (void)sk_json_get_str(obj, "stage", &stage, NULL);
    (void)snprintf(i->stage, sizeof i->stage, "%s", stage);
    i->step = whole(obj, "step");
    i->total = whole(obj, "total");
    i->n_params = whole(obj, "params");
    i->tokens = (double)i->step * (double)whole(obj, "tokens_per_step");
    r->flops_per_token = num(obj, "flops_per_token");
    r->peak = num(obj, "peak_flops");
    series_cut(&i->train, (double)i->step);
    series_cut(&i->held_out, (double)i->step);
    series_cut(&i->bpb, (double)i->step);
    series_cut(&i->speed, (double)i->step);
    i->n_runs++;
    i->flops = i->tokens * r->flops_per_token;
    i->model[0] = 0;
    r->before = num(obj, "time");
    r->n_recent = 0;
}

/* Running mean and variance of the loss; what stands far above them is counted. */
static void look_for_spike(eng_runlog *r, double loss)
{
    double away = loss - r->mean, least = SPIKE_PART * fabs(r->mean);
    bool ripe = r->n_mean >= (uint64_t)SPIKE_MEMORY;
    if (ripe && away > least && away > SPIKE_SIGMA * sqrt(r->variance)) {
        r->i.n_spikes++;
        r->i.last_spike = r->i.step;
        return;
    }
    double part = 1 / (r->n_mean < (uint64_t)SPIKE_MEMORY ? (double)r->n_mean + 1 : SPIKE_MEMORY);
    if (r->n_mean == 0) r->mean = loss, r->variance = 0, away = 0;
    r->mean += part * away;
    r->variance = (1 - part) * (r->variance + part * away * away);
    r->n_mean++;
}

/* Speed over the last steps, evaluations and checkpoints between them included. */
static void look_at_time(eng_runlog *r, json_t *obj)
{
    eng_run_info *i = &r->i;
    double time = num(obj, "time"), own = num(obj, "tokens_per_s");
    if (!isnan(own)) series_add(r, &i->speed, (double)i->step, own);
    if (isnan(time)) return;
    size_t n = r->n_recent++;
    const moment *first = &r->recent[n < RECENT ? 0 : n % RECENT];
    i->tokens_per_s = n ? (i->tokens - first->tokens) / (time - first->time) : own;
    r->recent[n % RECENT] = (moment){time, i->tokens};
    if (!(i->tokens_per_s > 0) || isinf(i->tokens_per_s)) i->tokens_per_s = own;
    i->mfu = r->peak > 0 ? i->tokens_per_s * r->flops_per_token / r->peak : NAN;
    double of_step = i->step ? i->tokens / (double)i->step : 0;
    i->eta_s = (double)(i->total > i->step ? i->total - i->step : 0) * of_step / i->tokens_per_s;
}

static void on_step(eng_runlog *r, json_t *obj)
{
    eng_run_info *i = &r->i;
    i->step = whole(obj, "step");
    i->tokens = num(obj, "tokens");
    i->loss = num(obj, "loss");
    i->lr = num(obj, "lr");
    i->grad_norm = num(obj, "grad_norm");
    i->flops = i->tokens * r->flops_per_token;
    if (!isnan(i->loss)) {
        series_add(r, &i->train, (double)i->step, i->loss);
        look_for_spike(r, i->loss);
    }
    look_at_time(r, obj);
}

/* final: of the end, over more text than the ones before, so it is no point of the curve. */
static void on_held_out(eng_runlog *r, json_t *obj, bool final)
{
    eng_run_info *i = &r->i;
    double step = (double)whole(obj, "step"), loss = num(obj, "val_loss"),
           bpb = num(obj, "bits_per_byte");
    if (isnan(loss)) return;
    i->val_loss = loss;
    i->bits_per_byte = bpb;
    if (final) return;
    series_add(r, &i->held_out, step, loss);
    if (isnan(bpb)) return;
    series_add(r, &i->bpb, step, bpb);
    if (!(i->best_bits_per_byte <= bpb)) i->best_bits_per_byte = bpb;
}

static void on_note(eng_runlog *r, json_t *obj)
{
    eng_run_info *i = &r->i;
    const char *text = "";
    (void)sk_json_get_str(obj, "text", &text, NULL);
    if (i->n_notes >= ENG_RUN_NOTES)
        memmove(i->note[0], i->note[1], sizeof i->note - sizeof i->note[0]);
    size_t at = i->n_notes < ENG_RUN_NOTES ? (size_t)i->n_notes : ENG_RUN_NOTES - 1;
    size_t n = strlen(text) < ENG_RUN_NOTE_BYTES ? strlen(text) : ENG_RUN_NOTE_BYTES - 1;
    n = sk_utf8_complete(text, n);
    memcpy(i->note[at], text, n);
    i->note[at][n] = 0;
    i->n_notes++;
}

static void on_saved(eng_runlog *r, json_t *obj)
{
    r->i.saved = whole(obj, "step");
    r->i.n_saved++;
}

static void on_done(eng_runlog *r, json_t *obj)
{
    const char *model = "";
    (void)sk_json_get_str(obj, "model", &model, NULL);
    (void)snprintf(r->i.model, sizeof r->i.model, "%s", model);
    r->i.step = r->i.total = whole(obj, "step");
    r->i.eta_s = 0;
    on_held_out(r, obj, true);
}

static void on_event(eng_runlog *r, const char *event, json_t *obj)
{
    double time = num(obj, "time");
    if (!strcmp(event, "run"))
        on_run(r, obj);
    else if (!strcmp(event, "step"))
        on_step(r, obj);
    else if (!strcmp(event, "eval"))
        on_held_out(r, obj, false);
    else if (!strcmp(event, "note"))
        on_note(r, obj);
    else if (!strcmp(event, "saved"))
        on_saved(r, obj);
    else if (!strcmp(event, "done"))
        on_done(r, obj);
    if (isnan(time)) return;
    if (time > r->before) r->i.seconds += time - r->before;
    r->before = r->i.time = time;
}

static void on_line(eng_runlog *r, const char *line, size_t n)
{
    json_t *obj;
    const char *event = "";
    if (sk_json_parse(line, n, 4, &obj, NULL)) return;
    (void)sk_json_get_str(obj, "event", &event, NULL);
    on_event(r, event, obj);
    json_decref(obj);
}

/* ---- following the file ---- */

/* All whole lines that the open file has behind the offset; a line longer than a chunk is passed
 * over. */
static sk_status read_on(eng_runlog *r, int fd, sk_err *e)
{
    for (;;) {
        ssize_t n = pread(fd, r->chunk, CHUNK, (off_t)r->offset);
        if (n < 0) return sk_fail_errno(e, errno, "cannot read %s", r->path);
        const char *at = r->chunk, *end = at + n, *nl;
        for (; at < end && (nl = memchr(at, '\n', (size_t)(end - at))) != NULL; at = nl + 1)
            on_line(r, at, (size_t)(nl - at));
        if (at == r->chunk && n < CHUNK) return SK_OK;
        r->offset += at == r->chunk ? (uint64_t)n : (uint64_t)(at - r->chunk);
        if (r->oom) return sk_fail(e, SK_E_NOMEM, "no memory for the curves of %s", r->dir);
    }
}

/* Which file tells of the run: metrics.jsonl, or the log of a run without. */
static int open_log(eng_runlog *r)
{
    static const char *const names[] = {"metrics.jsonl", "log.jsonl"};
    for (size_t k = 0; k < 2; k++) {
        (void)snprintf(r->path, sizeof r->path, "%s/%s", r->dir, names[k]);
        int fd = open(r->path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 || errno != ENOENT) return fd;
    }
    return -1;
}

/* A log that another file took the place of, or that became shorter, is read from its beginning;
 * one that is not there (yet) is no error. */
static sk_status read_file(eng_runlog *r, sk_err *e)
{
    struct stat s;
    int fd = open_log(r);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        forget(r);
        return SK_OK;
    }
    if (fd < 0) return sk_fail_errno(e, errno, "cannot open %s", r->path);
    sk_status st = SK_OK;
    if (fstat(fd, &s) != 0) {
        st = sk_fail_errno(e, errno, "cannot look at %s", r->path);
    } else {
        bool same = r->inode == (uint64_t)s.st_ino && (uint64_t)s.st_size >= r->offset;
        if (!same) forget(r);
        r->inode = (uint64_t)s.st_ino;
        st = read_on(r, fd, e);
    }
    (void)close(fd);
    return st;
}

static eng_run_state state_of(const eng_runlog *r)
{
    char lock[PATH], model[PATH];
    (void)snprintf(lock, sizeof lock, "%s/lock", r->dir);
    (void)snprintf(model, sizeof model, "%s/model.gguf", r->dir);
    if (sk_lock_held(lock)) return ENG_RUN_GOING;
    if (!r->inode) return ENG_RUN_WAITING;
    bool timeless = isnan(r->i.time);
    return r->i.model[0] || (timeless && sk_file_exists(model)) ? ENG_RUN_DONE : ENG_RUN_STOPPED;
}

sk_status eng_runlog_poll(eng_runlog *r, sk_err *e)
{
    sk_status st = read_file(r, e);
    if (st) return st;
    r->i.state = state_of(r);
    if (r->i.state != ENG_RUN_GOING) r->i.eta_s = r->i.state == ENG_RUN_DONE ? 0 : NAN;
    return SK_OK;
}

sk_status eng_runlog_open(const char *dir, eng_runlog **out, sk_err *e)
{
    eng_runlog *r = sk_calloc(SK_MEM_MISC, 1, sizeof *r);
    char *chunk = sk_alloc(SK_MEM_MISC, CHUNK);
    int n = r ? snprintf(r->dir, sizeof r->dir, "%s", dir) : 0;
    if (r && chunk && n >= 0 && (size_t)n < sizeof r->dir) {
        r->chunk = chunk;
        forget(r);
        *out = r;
        return SK_OK;
    }
    sk_status st = r && chunk ? sk_fail(e, SK_E_INVALID, "the folder's name is too long")
                              : sk_fail(e, SK_E_NOMEM, "no memory to watch %s", dir);
    sk_free(chunk);
    sk_free(r);
    return st;
}

void eng_runlog_close(eng_runlog *r)
{
    if (!r) return;
    forget(r);
    sk_free(r->chunk);
    sk_free(r);
}

const eng_run_info *eng_runlog_info(const eng_runlog *r)
{
    return &r->i;
}

const char *eng_run_state_name(eng_run_state s)
{
    static const char *const name[] = {"waiting", "running", "stopped", "done"};
    return name[s];
}
