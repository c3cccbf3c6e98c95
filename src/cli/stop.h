/* stop.h - asking the program to stop: SIGINT, SIGTERM. */
#ifndef CMD_CLI_STOP_H
#define CMD_CLI_STOP_H

#include "base/status.h"

#include <stdbool.h>

/* Takes SIGINT and SIGTERM over and ignores SIGPIPE (a reader that went away is a write error).
 * Call once, before threads start. */
void cmd_stop_install(void);

/* True after the first SIGINT or SIGTERM; a second SIGINT ends the process at once.  The form fits
 * eng_train_opts.stop; arg is not used. */
bool cmd_stopped(void *arg);

/* A descriptor that becomes readable when cmd_stopped() does, for poll and event loops; -1 if the
 * system had none left. */
int cmd_stop_fd(void);

/* Takes SIGUSR1 over, which asks a training run for a checkpoint. */
void cmd_save_install(void);

/* True once after each SIGUSR1 (several that came in one step count as one).  The form fits
 * eng_train_opts.save; arg is not used. */
bool cmd_save_asked(void *arg);

/* For verbs that go on where they stopped: SK_E_STOPPED by SIGTERM becomes SK_E_REQUEUE, exit code
 * 85, which tells a scheduler to start the same command again.  All else is returned as it is. */
sk_status cmd_requeue(sk_status st, sk_err *e);

/* True after a SIGTERM; cmd_term_set: as if there had been one (another process of the run had). */
bool cmd_terminated(void);
void cmd_term_set(void);

/* What a stopped verb returns: SK_E_STOPPED, exit code 130. */
sk_status cmd_stopped_err(sk_err *e);

/* From now on SIGHUP makes the descriptor readable, an eventfd, instead of ending the program; -1
 * if there is none. */
int cmd_hup_install(void);

#endif
