/* opened.h - the model of a verb that reads one and nothing else, with the workers it runs on. */
#ifndef CMD_CLI_OPENED_H
#define CMD_CLI_OPENED_H

#include "base/progress.h"
#include "cli/cmd.h"
#include "engine/engine.h"

typedef struct cmd_opened {
    eng_exec *x;
    eng_model *m;
} cmd_opened;

/* Finds the model (model_path.h) and opens it as the flags of `load` say, on --threads workers.
 * Close with cmd_opened_close, also after an error. */
sk_status cmd_opened_open(const char *model, const cmd_common *common, const cmd_load *load,
                          cmd_opened *o, sk_err *e);

/* Closes what is open. */
void cmd_opened_close(cmd_opened *o);

/* What a verb makes of a model and a text of len bytes; the bar is on stderr and has no stage yet.
 */
typedef sk_status (*cmd_text_fn)(void *arg, const cmd_opened *on, const char *text, size_t len,
                                 sk_progress *bar, sk_err *e);

/* Reads the text in `file` (- is standard input; 1 GB at most), opens the model as above, calls fn
 * and closes both.  SK_E_STOPPED of fn becomes the sentence of a Ctrl-C. */
sk_status cmd_opened_text(const char *model, const char *file, const cmd_common *common,
                          const cmd_load *load, cmd_text_fn fn, void *arg, sk_err *e);

#endif
