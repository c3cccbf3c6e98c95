/* runlog.h - a training run as seen from outside: its folder read while the run goes, or later.
 *
 * metrics.jsonl (train/metrics.h) is followed as it grows; where a folder has none, log.jsonl, in
 * which the times are missing, is read instead.
 */
#ifndef ENG_TRAIN_RUNLOG_H
#define ENG_TRAIN_RUNLOG_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_runlog eng_runlog;

typedef enum eng_run_state {
    ENG_RUN_WAITING, /* nothing to see yet */
    ENG_RUN_GOING,
    ENG_RUN_STOPPED, /* before its end: it may be resumed */
    ENG_RUN_DONE
} eng_run_state;

/* A curve: values over steps.  It belongs to the log, and may move with the next poll. */
typedef struct eng_run_series {
    double *step, *value; /* [n] ascending steps, and what was measured after them */
    size_t n, cap;        /* points; room */
} eng_run_series;

enum { ENG_RUN_NOTES = 8, ENG_RUN_NOTE_BYTES = 240 };

/* What there is to tell; figures that are not known are NaN. */
typedef struct eng_run_info {
    eng_run_state state;
    char stage[32], model[4096]; /* model: the file of a run that is done, else "" */
    uint64_t step, total, n_params;
    double tokens;                                      /* trained on */
    double loss, lr, grad_norm;                         /* of the last step */
    double val_loss, bits_per_byte, best_bits_per_byte; /* held out: the last, the lowest */
    double tokens_per_s, mfu, eta_s;                    /* over the last steps; seconds left */
    double seconds, flops;         /* spent: time between the events of sessions; operations */
    double time;                   /* of the last event, seconds since 1970 */
    uint64_t saved;                /* step of the last checkpoint; UINT64_MAX: none */
    uint64_t n_saved, n_runs;      /* checkpoints and sessions counted */
    uint64_t n_spikes, last_spike; /* steps whose loss stood far above those before; the last */
    eng_run_series train, held_out, bpb, speed; /* loss, loss, bits a byte, tokens a second */
    uint64_t n_notes;                           /* of all; the last ones are kept, oldest first */
    char note[ENG_RUN_NOTES][ENG_RUN_NOTE_BYTES];
} eng_run_info;

/* Watches the run in folder `dir` (which need not exist yet).  Nothing is read before the first
 * poll.  SK_E_INVALID: the name is too long; SK_E_NOMEM. */
sk_status eng_runlog_open(const char *dir, eng_runlog **out, sk_err *e);

/* NULL is allowed. */
void eng_runlog_close(eng_runlog *r);

/* Reads what has been added, and looks whether the trainer lives.  Lines that are none are passed
 * over.  Fails only for want of memory or rights. */
sk_status eng_runlog_poll(eng_runlog *r, sk_err *e);

/* What is known; borrowed, as it stands until the next poll. */
const eng_run_info *eng_runlog_info(const eng_runlog *r);

/* "waiting", "running", "stopped", "done". */
const char *eng_run_state_name(eng_run_state s);

/* Appends the info as a JSON object; each curve as at most `points` pairs [step, value], evenly
 * taken, the last one among them (0: no curves). */
void eng_run_info_json(const eng_run_info *i, size_t points, sk_buf *out);

/* Appends the info in Prometheus' text format 0.0.4; figures that are not known are left out.  run:
 * value of the label "run". */
void eng_run_info_prom(const eng_run_info *i, const char *run, sk_buf *out);

/* Appends those metrics as rows of a table of docs/metrics.md. */
void eng_run_prom_markdown(sk_buf *out);

#endif
