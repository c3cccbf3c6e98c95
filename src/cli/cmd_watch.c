/* cmd_watch.c - stoke watch: a training run, seen from another terminal. */
#include "base/clock.h"
#include "base/file.h"
#include "base/plot.h"
#include "base/progress.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "cli/verbs.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_ROWS = 8, MOST_ROWS = 18, TEXT_ROWS = 10 };

typedef struct watch_opts {
    cmd_common common;
    double every;
    int64_t points;
    bool once, json, prom;
} watch_opts;

static const sk_opt rows[] = {
    CMD_ROW(watch_opts, "once", 0, SK_OPT_BOOL, NULL, NULL,
            "show what there is and end, as is done anyway where there is no terminal", once, 0,
            NULL),
    {"every", 0, SK_OPT_FLOAT, "SECONDS", "1", "time between two looks",
     offsetof(watch_opts, every), 0.1, 3600, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(watch_opts, "json", 0, SK_OPT_BOOL, NULL, NULL,
            "print one JSON object for each look, as long as the run goes", json, 0, NULL),
    CMD_ROW(watch_opts, "points", 0, SK_OPT_INT, "N", "0",
            "points of each curve in the JSON; 0 leaves the curves out", points, 1000000, NULL),
    CMD_ROW(watch_opts, "prom", 0, SK_OPT_BOOL, NULL, NULL,
            "print Prometheus' text format once: for node_exporter's textfile collector", prom, 0,
            NULL),
    CMD_COMMON_ROWS(watch_opts),
    {0},
};

/* What is being shown. */
typedef struct view {
    const watch_opts *o;
    const char *dir;
    int columns, rows; /* of the terminal */
    int drawn;         /* lines of the last drawing, to be drawn over */
} view;

/* ---- the text ---- */

/* " name value" in `digits` after the point, left out where it is not known. */
static void add_figure(const char *form, double v, sk_buf *b)
{
    char text[64];
    if (!isfinite(v)) return;
        /* The forms are literals of this file. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof text, form, v);
#pragma GCC diagnostic pop
    sk_buf_addf(b, "%s%s", b->len && b->p[b->len - 1] != '\n' ? "   " : "", text);
}

static void add_state(const view *w, const eng_run_info *i, sk_buf *b)
{
    char left[32], spent[32];
    double part = i->total ? 100.0 * (double)i->step / (double)i->total : 0;
    sk_buf_addf(b, "%s: %s%s%s, step %" PRIu64 " of %" PRIu64 " (%.0f %%)", w->dir, i->stage,
                *i->stage ? ", " : "", eng_run_state_name(i->state), i->step, i->total, part);
    if (isfinite(i->eta_s) && i->state == ENG_RUN_GOING)
        sk_buf_addf(b, ", %s left", sk_duration_text(i->eta_s, left, sizeof left));
    if (i->seconds > 0)
        sk_buf_addf(b, ", %s spent", sk_duration_text(i->seconds, spent, sizeof spent));
    sk_buf_addc(b, '\n');
}

static void add_figures(const eng_run_info *i, sk_buf *b)
{
    add_figure("loss %.4f", i->loss, b);
    add_figure("held out %.4f", i->val_loss, b);
    add_figure("bits/byte %.4f", i->bits_per_byte, b);
    add_figure("best %.4f", i->best_bits_per_byte, b);
    sk_buf_addc(b, '\n');
    add_figure("%.0f tokens/s", i->tokens_per_s, b);
    add_figure("MFU %.1f %%", 100 * i->mfu, b);
    add_figure("lr %.2e", i->lr, b);
    add_figure("gradient %.2f", i->grad_norm, b);
    add_figure("%.2fM tokens", i->tokens / 1e6, b);
    add_figure("%.2e operations", i->flops, b);
    sk_buf_addc(b, '\n');
}

static void add_events(const eng_run_info *i, sk_buf *b)
{
    if (i->saved != UINT64_MAX)
        sk_buf_addf(b, "checkpoint of step %" PRIu64 ", %" PRIu64 " written\n", i->saved,
                    i->n_saved);
    if (i->n_runs > 1)
        sk_buf_addf(b, "resumed %" PRIu64 " time%s\n", i->n_runs - 1, i->n_runs > 2 ? "s" : "");
    if (i->n_spikes)
        sk_buf_addf(b, "%" PRIu64 " loss spike%s, the last at step %" PRIu64 "\n", i->n_spikes,
                    i->n_spikes == 1 ? "" : "s", i->last_spike);
    size_t n = i->n_notes < 2 ? (size_t)i->n_notes : 2;
    size_t have = i->n_notes < ENG_RUN_NOTES ? (size_t)i->n_notes : ENG_RUN_NOTES;
    for (size_t k = have - n; k < have; k++)
        sk_buf_addf(b, "note: %s\n", i->note[k]);
    if (i->model[0]) sk_buf_addf(b, "model: %s\n", i->model);
}

/* Curves above each other: the loss of the steps in braille, and what was held out. */
static void add_curves(const view *w, const eng_run_info *i, sk_buf *b)
{
    const sk_series loss = {"training loss", i->train.step, i->train.value, i->train.n};
    bool has_bpb = i->bpb.n > 1;
    const eng_run_series *second = has_bpb ? &i->bpb : &i->held_out;
    const sk_series held = {has_bpb ? "held-out bits per byte" : "held-out loss", second->step,
                            second->value, second->n};
    int room = (w->rows - TEXT_ROWS) / (second->n > 1 ? 2 : 1);
    room = room < LEAST_ROWS ? LEAST_ROWS : room > MOST_ROWS ? MOST_ROWS : room;
    if (i->train.n) sk_plot_text(&loss, 1, "loss, nats per token", "step", w->columns, room, b);
    if (second->n > 1 && w->rows >= TEXT_ROWS + 2 * LEAST_ROWS)
        sk_plot_text(&held, 1, has_bpb ? "bits per byte" : "held-out loss", "step", w->columns,
                     room, b);
}

static void compose(const view *w, const eng_run_info *i, sk_buf *b)
{
    add_state(w, i, b);
    if (!i->n_runs && !i->train.n) return; /* the trainer reads its text, or learns a tokenizer */
    add_figures(i, b);
    add_curves(w, i, b);
    add_events(i, b);
}

/* ---- showing it ---- */

static int lines_of(const sk_buf *b)
{
    int n = 0;
    for (size_t k = 0; k < b->len; k++)
        n += b->p[k] == '\n';
    return n;
}

/* Lines are cut at the terminal's width, since a wrapped one would spoil the count. */
static void cut_lines(const sk_buf *from, int columns, sk_buf *to)
{
    int at = 0;
    for (size_t k = 0; k < from->len; k++) {
        unsigned char c = (unsigned char)from->p[k];
        bool begins = (c & 0xC0) != 0x80;
        if (c == '\n')
            at = 0;
        else
            at += begins;
        if (at <= columns) sk_buf_addc(to, (char)c);
    }
}

/* Draws over what was drawn last: up, clear, write. */
static sk_status redraw(view *w, const sk_buf *text, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (w->drawn) sk_buf_addf(&b, "\x1b[%dA", w->drawn);
    sk_buf_adds(&b, "\r\x1b[J");
    cut_lines(text, w->columns - 1, &b);
    w->drawn = lines_of(text);
    return cmd_out_buf(&b, e);
}

/* One look, shown in the form asked for. */
static sk_status show(view *w, const eng_run_info *i, bool live, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (w->o->json) {
        eng_run_info_json(i, (size_t)w->o->points, &b);
        sk_buf_addc(&b, '\n');
        return cmd_out_buf(&b, e);
    }
    if (w->o->prom) {
        eng_run_info_prom(i, w->dir, &b);
        return cmd_out_buf(&b, e);
    }
    w->columns = sk_term_columns(stdout, 80);
    w->rows = sk_term_rows(stdout, 40);
    compose(w, i, &b);
    if (!live) return cmd_out_buf(&b, e);
    sk_status st = sk_buf_ok(&b) ? redraw(w, &b, e) : sk_fail(e, SK_E_NOMEM, "no memory to draw");
    sk_buf_fini(&b);
    return st;
}

/* Sleeps; a signal ends it at once. */
static void wait_for(double seconds)
{
    struct pollfd p = {.fd = cmd_stop_fd(), .events = POLLIN};
    (void)poll(&p, p.fd >= 0, (int)(seconds * 1e3));
}

static sk_status follow(view *w, eng_runlog *r, sk_err *e)
{
    const watch_opts *o = w->o;
    bool live = !o->once && !o->prom && (o->json || sk_term_live(stdout));
    const eng_run_info *i = eng_runlog_info(r);
    sk_status st = SK_OK;
    do {
        st = eng_runlog_poll(r, e);
        if (!st && i->state == ENG_RUN_WAITING)
            st = sk_fail(e, SK_E_NOTFOUND, "there is no training run in %s", w->dir);
        if (!st) st = show(w, i, live && !o->json, e);
        if (st || !live || i->state != ENG_RUN_GOING) break;
        wait_for(o->every);
    } while (!cmd_stopped(NULL));
    return st;
}

static sk_status watch(int argc, char **argv, sk_err *e)
{
    watch_opts o = {.once = false};
    sk_opt_list args = {.n = 0};
    eng_runlog *r;
    bool done;
    sk_status st = cmd_parse(&cmd_watch_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    assert(args.n == 1);
    if (!sk_file_exists(args.item[0]))
        return sk_fail(e, SK_E_NOTFOUND, "there is no folder %s", args.item[0]);
    st = eng_runlog_open(args.item[0], &r, e);
    if (st) return st;
    view w = {.o = &o, .dir = args.item[0]};
    st = follow(&w, r, e);
    eng_runlog_close(r);
    return st;
}

const cmd_verb cmd_watch_verb = {
    {"watch", "show a training run as it goes", "DIR", 1, 1,
     "Shows the run in folder DIR, the --out of train or tune: curves of the loss and of bits per "
     "byte, speed, share of the machine's peak, time left, checkpoints, spikes of the loss and the "
     "last remarks. In a terminal it draws anew every second until the run ends; else, and for a "
     "run that is stopped or done, once. Watching costs the run nothing: it reads what the trainer "
     "appends to metrics.jsonl.",
     "stoke watch models/local/mine\n  in a second terminal, while it trains\n"
     "stoke watch models/local/mine --json --points 100\n  for a program\n"
     "stoke watch models/local/mine --prom >mine.prom\n  for Prometheus\n",
     rows},
    watch};
