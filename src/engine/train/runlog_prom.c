/* runlog_prom.c - a run's figures in Prometheus' text format: one table, for the text and its
 * documentation. */
#include "engine/train/runlog.h"

#include <inttypes.h>
#include <math.h>

enum { N_ROWS = 18 };

/* A gauge; NaN: not known. */
typedef struct row {
    const char *name, *help;
    double value;
} row;

/* In base units, as Prometheus asks for.  A figure that is not known is NaN and is left out of the
 * page. */
static void fill(const eng_run_info *i, row out[N_ROWS])
{
    const row all[N_ROWS] = {
        {"stoke_train_running", "1 while a process trains, else 0", i->state == ENG_RUN_GOING},
        {"stoke_train_step", "steps done", (double)i->step},
        {"stoke_train_steps", "steps of the whole run", (double)i->total},
        {"stoke_train_tokens", "tokens trained on", i->tokens},
        {"stoke_train_loss", "training loss of the last step, nats a token", i->loss},
        {"stoke_train_held_out_loss", "held-out loss, nats a token", i->val_loss},
        {"stoke_train_bits_per_byte", "held-out bits per byte", i->bits_per_byte},
        {"stoke_train_tokens_per_second", "speed over the last steps", i->tokens_per_s},
        {"stoke_train_mfu", "the same as a share of the machine's measured peak", i->mfu},
        {"stoke_train_learning_rate", "of the last step", i->lr},
        {"stoke_train_gradient_norm", "of the last step, before clipping", i->grad_norm},
        {"stoke_train_eta_seconds", "left, at that speed", i->eta_s},
        {"stoke_train_seconds", "spent training, over all sessions", i->seconds},
        {"stoke_train_flops", "operations spent", i->flops},
        {"stoke_train_checkpoint_step", "step of the last checkpoint",
         i->saved == UINT64_MAX ? NAN : (double)i->saved},
        {"stoke_train_sessions", "times the run was begun or resumed", (double)i->n_runs},
        {"stoke_train_spikes", "steps whose loss stood far above those before",
         (double)i->n_spikes},
        {"stoke_train_last_event_time_seconds", "when the run was last heard of, unix time",
         i->time},
    };
    for (size_t k = 0; k < N_ROWS; k++)
        out[k] = all[k];
}

/* A label's value: backslash, quote and line feed are escaped. */
static void add_label(const char *s, sk_buf *out)
{
    for (; *s; s++) {
        if (*s == '\n') {
            sk_buf_adds(out, "\\n");
            continue;
        }
        if (*s == '\\' || *s == '"') sk_buf_addc(out, '\\');
        sk_buf_addc(out, *s);
    }
}

void eng_run_info_prom(const eng_run_info *i, const char *run, sk_buf *out)
{
    row r[N_ROWS];
    fill(i, r);
    for (size_t k = 0; k < N_ROWS; k++) {
        if (!isfinite(r[k].value)) continue;
        sk_buf_addf(out, "# HELP %s %s\n# TYPE %s gauge\n%s{run=\"", r[k].name, r[k].help,
                    r[k].name, r[k].name);
        add_label(run, out);
        sk_buf_addf(out, "\"} %.10g\n", r[k].value);
    }
}

void eng_run_prom_markdown(sk_buf *out)
{
    row r[N_ROWS];
    const eng_run_info none = {.saved = 0};
    fill(&none, r);
    for (size_t k = 0; k < N_ROWS; k++)
        sk_buf_addf(out, "| `%s{run}` | gauge | %s |\n", r[k].name, r[k].help);
}
