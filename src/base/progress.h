/* progress.h - the line that moves while long work goes on, and its machine twin.
 *
 * To a terminal: one line redrawn in place at most 10 times a second ("pretrain 120/900 [####    ]
 * loss 3.21  bpb 1.84 14.2k tok/s  eta 3m12s").  To anything else: the notes, a line each.  The
 * JSON events of
 * --json are written by the caller of the engine; this header draws only for people.
 */
#ifndef SK_BASE_PROGRESS_H
#define SK_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct sk_progress sk_progress;

/* A progress line on `to`; only notes when `to` is not a terminal, silent when quiet is set.  NULL
 * without memory; every call accepts NULL. */
sk_progress *sk_progress_new(FILE *to, bool quiet);

/* Ends the line and frees p. */
void sk_progress_free(sk_progress *p);

/* Starts a stage ("tokenizer", "pretrain", "fine-tune") of `total` units (0: unknown), `done` of
 * them done already. */
void sk_progress_stage(sk_progress *p, const char *name, uint64_t total, uint64_t done);

/* Says how far it is and what to show beside the bar.  The ETA comes from the pace of the last part
 * of the stage. */
void sk_progress_set(sk_progress *p, uint64_t done, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the line with its last state left on screen. */
void sk_progress_end(sk_progress *p);

/* Prints a full line above the progress line; alone, where there is none (a batch job's file has
 * to tell that a checkpoint was damaged). */
void sk_progress_note(sk_progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "3m12s", "1h04m", "42s" into b (at least 16 bytes). */
const char *sk_duration_text(double seconds, char *b, unsigned long n);

#endif
