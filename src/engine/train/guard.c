/* guard.c - the rule by which steps are skipped and gone back on. */
#include "engine/train/guard.h"

#include "base/json.h"
#include "engine/train/dataset.h"
#include "engine/train/origin.h"

#include <math.h>

void eng_guard_init(eng_guard *g)
{
    *g = (eng_guard){.lr_scale = 1};
}

/* ---- judging ---- */

/* Standard deviations that x is above the mean of the window; NaN before it is full.  A deviation
 * counts as at least a fiftieth of the mean, since a level curve has hardly any. */
static double z_of(const double *window, uint64_t seen, double x)
{
    double mean = 0, var = 0;
    if (seen < ENG_GUARD_WINDOW) return NAN;
    for (int i = 0; i < ENG_GUARD_WINDOW; i++)
        mean += window[i] / ENG_GUARD_WINDOW;
    for (int i = 0; i < ENG_GUARD_WINDOW; i++)
        var += (window[i] - mean) * (window[i] - mean) / ENG_GUARD_WINDOW;
    return (x - mean) / fmax(sqrt(var), fabs(mean) / 50);
}

/* Remembers a skip; true when it is one too many. */
static bool too_many(eng_guard *g, uint64_t step)
{
    uint64_t *oldest = &g->recent[g->skipped++ % ENG_GUARD_SKIPS];
    *oldest = step + 1;
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < ENG_GUARD_SKIPS; i++)
        if (g->recent[i] < first) first = g->recent[i];
    return first > 0 && first + ENG_GUARD_SPAN > step + 1;
}

/* What is done about a bad step. */
static eng_verdict rule(eng_guard *g, const eng_train_opts *o, uint64_t step, bool finite)
{
    if (o->on_spike == ENG_SPIKE_STOP || (o->on_spike == ENG_SPIKE_IGNORE && !finite))
        return ENG_STEP_STOP;
    if (o->on_spike == ENG_SPIKE_IGNORE) return ENG_STEP_GOOD;
    if (!too_many(g, step)) return ENG_STEP_SKIP;
    bool may = o->on_spike == ENG_SPIKE_ROLLBACK && g->rollbacks < ENG_GUARD_ROLLBACKS;
    return may ? ENG_STEP_ROLLBACK : ENG_STEP_STOP;
}

eng_verdict eng_guard_judge(eng_guard *g, const eng_train_opts *o, uint64_t step, double loss,
                            double grad_norm, double *z_loss, double *z_norm)
{
    bool finite = isfinite(loss) && isfinite(grad_norm);
    *z_loss = z_of(g->loss, g->seen, loss);
    *z_norm = z_of(g->norm, g->seen, grad_norm);
    bool spike = (o->spike_loss > 0 && *z_loss > o->spike_loss) ||
                 (o->spike_norm > 0 && *z_norm > o->spike_norm);
    eng_verdict v = finite && !spike ? ENG_STEP_GOOD : rule(g, o, step, finite);
    if (v == ENG_STEP_GOOD) {
        g->loss[g->seen % ENG_GUARD_WINDOW] = loss;
        g->norm[g->seen++ % ENG_GUARD_WINDOW] = grad_norm;
    }
    return v;
}

eng_verdict eng_guard_rise(const eng_guard *g, const eng_train_opts *o)
{
    if (o->on_spike == ENG_SPIKE_IGNORE) return ENG_STEP_GOOD;
    if (o->on_spike == ENG_SPIKE_SKIP) return ENG_STEP_SKIP;
    bool may = o->on_spike == ENG_SPIKE_ROLLBACK && g->rollbacks < ENG_GUARD_ROLLBACKS;
    return may ? ENG_STEP_ROLLBACK : ENG_STEP_STOP;
}

/* From the events, so that a resumed run has it too. */
uint64_t eng_guard_since(const eng_guard *g)
{
    uint64_t n = g->n_events < ENG_GUARD_EVENTS ? g->n_events : ENG_GUARD_EVENTS;
    for (uint64_t i = g->n_events; i > g->n_events - n; i--) {
        const eng_guard_event *ev = &g->event[(i - 1) % ENG_GUARD_EVENTS];
        if (ev->to != UINT64_MAX) return ev->to;
        if (!ev->n_rows) return ev->step + 1;
    }
    return 0;
}

void eng_guard_add(eng_guard *g, const eng_guard_event *ev)
{
    g->event[g->n_events++ % ENG_GUARD_EVENTS] = *ev;
}

/* Batches `to` .. `step` were read: the next ones follow. */
void eng_guard_returned(eng_guard *g, const eng_guard *before, uint64_t step, uint64_t to)
{
    g->shift = before->shift + step + 1 - to;
    g->rollbacks = before->rollbacks + 1;
    g->lr_scale = before->lr_scale / 2;
    g->n_events = before->n_events;
    for (int i = 0; i < ENG_GUARD_EVENTS; i++)
        g->event[i] = before->event[i];
    for (int i = 0; i < ENG_GUARD_SKIPS; i++)
        g->recent[i] = 0;
}

sk_status eng_guard_check(const eng_guard *g, sk_err *e)
{
    bool fits = g->lr_scale > 0 && g->lr_scale <= 1 && g->rollbacks <= ENG_GUARD_ROLLBACKS;
    for (int i = 0; fits && i < ENG_GUARD_EVENTS; i++)
        fits = g->event[i].n_rows < SIZE_MAX;
    return fits ? SK_OK : sk_fail(e, SK_E_FORMAT, "section guard holds impossible numbers");
}

/* ---- telling ---- */

enum {
    MENTIONED = 4,  /* documents of a row that the log names */
    TEXT_PLACES = 2 /* rows whose first document a sentence names */
};

/* Rows that are named. */
static size_t named(const eng_guard_event *ev)
{
    return ev->n_rows < ENG_GUARD_ROWS ? (size_t)ev->n_rows : ENG_GUARD_ROWS;
}

/* A number as one more member; NaN becomes null. */
static void add_num(sk_buf *out, const char *name, double v)
{
    sk_buf_addf(out, ",\"%s\":", name);
    sk_json_add_num(out, v);
}

/* A row with the documents in it, as many as MENTIONED. */
static void log_row(const struct eng_dataset *d, size_t row, sk_buf *out)
{
    eng_spot p[MENTIONED];
    size_t n = eng_origin_row(d, row, p, MENTIONED);
    sk_buf_addf(out, "{\"row\":%zu,\"documents\":%zu,\"places\":[", row, n);
    for (size_t i = 0; i < n && i < MENTIONED; i++) {
        if (i) sk_buf_addc(out, ',');
        eng_spot_json(&p[i], out);
    }
    sk_buf_adds(out, "]}");
}

/* The rows of a batch, and where they are from. */
static void log_rows(const eng_guard_event *ev, const struct eng_dataset *d, sk_buf *out)
{
    sk_buf_addf(out, ",\"n_rows\":%llu,\"rows\":[", (unsigned long long)ev->n_rows);
    for (size_t i = 0; i < named(ev); i++)
        sk_buf_addf(out, "%s%llu", i ? "," : "", (unsigned long long)ev->rows[i]);
    sk_buf_addc(out, ']');
    if (!d) return;
    sk_buf_addf(out, ",\"row_tokens\":%zu,\"from\":[", d->n_ctx);
    for (size_t i = 0, n = 0; i < named(ev); i++) {
        if (ev->rows[i] >= d->n_rows) continue; /* a damaged checkpoint's */
        if (n++) sk_buf_addc(out, ',');
        log_row(d, (size_t)ev->rows[i], out);
    }
    sk_buf_addc(out, ']');
}

static void log_event(const eng_guard_event *ev, const struct eng_dataset *d, sk_buf *out)
{
    bool back = ev->to != UINT64_MAX, rise = !ev->n_rows;
    sk_buf_addf(out, "{\"event\":\"%s\",\"step\":%llu,\"batch\":%llu",
                back   ? "rollback"
                : rise ? "rise"
                       : "skip",
                (unsigned long long)ev->step + 1, (unsigned long long)ev->batch);
    if (back) sk_buf_addf(out, ",\"to\":%llu", (unsigned long long)ev->to);
    add_num(out, rise ? "mean_loss" : "loss", ev->loss);
    add_num(out, rise ? "lowest" : "grad_norm", ev->grad_norm);
    add_num(out, rise ? "errors" : "z_loss", ev->z_loss);
    if (!rise) add_num(out, "z_norm", ev->z_norm);
    add_num(out, "lr_scale", ev->lr_scale);
    if (rise)
        sk_buf_addf(out, ",\"lowest_step\":%llu", (unsigned long long)ev->rows[0]);
    else
        log_rows(ev, d, out);
    sk_buf_adds(out, "}\n");
}

/* The oldest that is remembered first. */
void eng_guard_log(const eng_guard *g, const struct eng_dataset *d, sk_buf *out)
{
    uint64_t n = g->n_events < ENG_GUARD_EVENTS ? g->n_events : ENG_GUARD_EVENTS;
    for (uint64_t i = g->n_events - n; i < g->n_events; i++)
        log_event(&g->event[i % ENG_GUARD_EVENTS], d, out);
}

/* ---- to people ---- */

/* What was seen at a step. */
static void text_step(const eng_guard_event *ev, sk_buf *out)
{
    sk_buf_addf(out, "step %llu: the loss is %.4g", (unsigned long long)ev->step + 1, ev->loss);
    if (isfinite(ev->z_loss)) sk_buf_addf(out, " (%+.1f standard deviations)", ev->z_loss);
    sk_buf_addf(out, ", the gradient's norm %.4g", ev->grad_norm);
    if (isfinite(ev->z_norm)) sk_buf_addf(out, " (%+.1f)", ev->z_norm);
}

/* What was seen over the last steps. */
static void text_rise(const eng_guard_event *ev, sk_buf *out)
{
    sk_buf_addf(out,
                "step %llu: the mean loss of the last %d steps is %.4g, %.1f %% above the lowest "
                "(%.4g at step %llu) and %.1f standard errors",
                (unsigned long long)ev->step + 1, ENG_GUARD_WINDOW, ev->loss,
                100 * (ev->loss - ev->grad_norm) / fabs(ev->grad_norm), ev->grad_norm,
                (unsigned long long)ev->rows[0], ev->z_loss);
}

/* The rows, and where the first ones begin. */
static void text_rows(const eng_guard_event *ev, const struct eng_dataset *d, sk_buf *out)
{
    sk_buf_addf(out,
                "; batch %llu, rows of %zu tokens, the worst first:", (unsigned long long)ev->batch,
                d->n_ctx);
    for (size_t i = 0; i < named(ev) && ev->rows[i] < d->n_rows; i++) {
        eng_spot p;
        sk_buf_addf(out, "%s %llu", i ? "," : "", (unsigned long long)ev->rows[i]);
        if (i >= TEXT_PLACES || !eng_origin_row(d, (size_t)ev->rows[i], &p, 1)) continue;
        sk_buf_adds(out, " (");
        eng_spot_text(&p, out);
        sk_buf_addc(out, ')');
    }
    if (ev->n_rows > ENG_GUARD_ROWS) sk_buf_adds(out, ", ..");
}

void eng_guard_text(const eng_guard_event *ev, const struct eng_dataset *d, sk_buf *out)
{
    bool rise = !ev->n_rows;
    if (rise)
        text_rise(ev, out);
    else
        text_step(ev, out);
    if (ev->to != UINT64_MAX)
        sk_buf_addf(out, "; back to the checkpoint of step %llu, with the rate times %g",
                    (unsigned long long)ev->to, ev->lr_scale);
    else
        sk_buf_adds(out, rise ? "; told, and gone on" : "; skipped");
    if (!rise) text_rows(ev, d, out);
}
