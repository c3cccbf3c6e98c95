/* line.h - lines from a person: with editing and history at a terminal, plainly from anything else.
 *
 * At a terminal the keys are libedit's (as in a shell), and what was typed is kept for the next
 * time.  Waiting ends also at Ctrl-C and when the program is asked to stop.
 */
#ifndef CMD_CLI_LINE_H
#define CMD_CLI_LINE_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>

typedef struct cmd_line cmd_line;

typedef enum cmd_line_end {
    CMD_LINE_TEXT,      /* a line was read */
    CMD_LINE_INTERRUPT, /* Ctrl-C (SIGINT) instead of one */
    CMD_LINE_OVER       /* no more lines, or time to go */
} cmd_line_end;

/* Lines of standard input.  edit: it is a terminal to be edited on.  interrupts: a descriptor that
 * is readable when SIGINT came (signalfd).  history: the file that keeps lines, NULL for none; one
 * that can't be read is as if empty. */
sk_status cmd_line_open(bool edit, int interrupts, const char *history, cmd_line **out, sk_err *e);

/* Writes the history back (a failure is not worth a word) and frees l; NULL is allowed. */
void cmd_line_close(cmd_line *l);

/* Waits for a line and moves it to *out without its end.  The prompt is shown at a terminal. */
sk_status cmd_line_read(cmd_line *l, const char *prompt, sk_buf *out, cmd_line_end *end, sk_err *e);

/* Keeps a line in the history. */
void cmd_line_keep(cmd_line *l, const char *text);

/* True if Ctrl-C was pressed since the last time it was asked or waited for. */
bool cmd_line_interrupted(cmd_line *l);

/* Where the history of the terminal is kept: $XDG_STATE_HOME/stoke/history, or in
 * ~/.local/state; its folder is made.  NULL if there is no place; free with sk_free. */
char *cmd_line_history_path(void);

#endif
