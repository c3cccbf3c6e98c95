/* child.h - this program run again as a process of its own, by another verb. */
#ifndef CMD_CLI_CHILD_H
#define CMD_CLI_CHILD_H

#include "base/buf.h"
#include "base/opt.h"
#include "base/status.h"

/* Runs this program with the words (verb first) and waits for its end.  Its standard error is ours,
 * what it prints goes into `out` (may be NULL: it is printed), of at most 64 MB.  A stop asked of
 * us is passed on as SIGTERM.  Returns SK_OK when it exits with 0, SK_E_STOPPED when it was stopped
 * and can go on, else a status like its own; its sentence is on standard error by then. */
sk_status cmd_child_run(const sk_opt_list *words, sk_buf *out, sk_err *e);

#endif
