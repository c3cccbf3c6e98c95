/* runlog_json.c - a run's state and curves as JSON. */
#include "engine/train/runlog.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The series as [[step, value], ..]: of n points at most `points`, evenly taken. */
static void add_series(const char *name, const eng_run_series *s, size_t points, sk_buf *b)
{
    sk_buf_addf(b, "%s\"%s\":[", b->p[b->len - 1] == '{' ? "" : ",", name);
    size_t n = s->n < points ? s->n : points;
    for (size_t k = 0; k < n; k++) {
        size_t at = n > 1 ? (size_t)((double)k * (double)(s->n - 1) / (double)(n - 1)) : s->n - 1;
        sk_buf_addf(b, "%s[%.0f,", k ? "," : "", s->step[at]);
        sk_json_add_num(b, s->value[at]);
        sk_buf_addc(b, ']');
    }
    sk_buf_addc(b, ']');
}

/* The keys are part of the interface (docs); a figure that is not known is null.  Rates are rounded
 * to what they are good for. */
static void add_figures(const eng_run_info *i, sk_buf *b)
{
    const struct {
        const char *name;
        double v;
    } row[] = {
        {"tokens", i->tokens},
        {"loss", i->loss},
        {"lr", i->lr},
        {"grad_norm", i->grad_norm},
        {"val_loss", i->val_loss},
        {"bits_per_byte", i->bits_per_byte},
        {"best_bits_per_byte", i->best_bits_per_byte},
        {"tokens_per_s", round(i->tokens_per_s * 10) / 10},
        {"mfu", round(i->mfu * 1e4) / 1e4},
        {"eta_s", round(i->eta_s)},
        {"seconds", round(i->seconds * 1e3) / 1e3},
        {"flops", i->flops},
        {"time", i->time},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        sk_buf_addf(b, ",\"%s\":", row[k].name);
        sk_json_add_num(b, row[k].v);
    }
}

static void add_notes(const eng_run_info *i, sk_buf *b)
{
    size_t n = i->n_notes < ENG_RUN_NOTES ? (size_t)i->n_notes : ENG_RUN_NOTES;
    sk_buf_adds(b, ",\"notes\":[");
    for (size_t k = 0; k < n; k++) {
        if (k) sk_buf_addc(b, ',');
        sk_json_add_str(b, i->note[k], strlen(i->note[k]));
    }
    sk_buf_addc(b, ']');
}

/* One object; points is the most points of a curve, 0 for no curves. */
void eng_run_info_json(const eng_run_info *i, size_t points, sk_buf *out)
{
    sk_buf_addf(out, "{\"state\":\"%s\",\"stage\":", eng_run_state_name(i->state));
    sk_json_add_str(out, i->stage, strlen(i->stage));
    sk_buf_addf(out, ",\"step\":%" PRIu64 ",\"total\":%" PRIu64 ",\"params\":%" PRIu64, i->step,
                i->total, i->n_params);
    add_figures(i, out);
    sk_buf_adds(out, ",\"checkpoint_step\":");
    if (i->saved == UINT64_MAX)
        sk_buf_adds(out, "null");
    else
        sk_buf_addf(out, "%" PRIu64, i->saved);
    sk_buf_addf(out, ",\"checkpoints\":%" PRIu64 ",\"sessions\":%" PRIu64 ",\"spikes\":%" PRIu64,
                i->n_saved, i->n_runs, i->n_spikes);
    add_notes(i, out);
    if (points && sk_buf_ok(out)) {
        sk_buf_adds(out, ",\"curves\":{");
        if (sk_buf_ok(out)) {
            add_series("loss", &i->train, points, out);
            add_series("val_loss", &i->held_out, points, out);
            add_series("bits_per_byte", &i->bpb, points, out);
            add_series("tokens_per_s", &i->speed, points, out);
        }
        sk_buf_addc(out, '}');
    }
    sk_buf_adds(out, "}");
}
