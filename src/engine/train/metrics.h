/* metrics.h - metrics.jsonl: the events of a run as they happen, for those who watch it.
 *
 * One JSON object a line (docs/format/metrics.md).  Unlike log.jsonl, which depends on the run
 * alone and is written with its checkpoints, this file grows by a line a step and tells the time.
 * What lies behind the checkpoint that a run goes on from is taken out when it does.
 */
#ifndef ENG_TRAIN_METRICS_H
#define ENG_TRAIN_METRICS_H

#include "base/status.h"

#include <stdint.h>

struct eng_train_event;

typedef struct eng_metrics eng_metrics;

/* What the line that begins a session tells. */
typedef struct eng_metrics_run {
    const char *stage;                  /* "pretrain", "fine-tune" */
    uint64_t step, total;               /* done already; of the whole run */
    uint64_t n_params, tokens_per_step; /* of the model; of a step */
    double flops_per_token, peak;       /* operations; of the machine a second, 0: not known */
} eng_metrics_run;

/* Begins a session in DIR/metrics.jsonl: keeps the lines of sessions before up to r->step. */
sk_status eng_metrics_open(const char *dir, const eng_metrics_run *r, eng_metrics **out, sk_err *e);

/* Appends an event.  A line that can't be written ends the writing and nothing else: the file is a
 * courtesy, the run goes on. */
void eng_metrics_event(eng_metrics *m, const struct eng_train_event *ev);

/* NULL is allowed. */
void eng_metrics_close(eng_metrics *m);

#endif
