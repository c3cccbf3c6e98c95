/* opened.h - the model of a verb that reads one and nothing else, with the workers it runs on. */
#ifndef CMD_CLI_OPENED_H
#define CMD_CLI_OPENED_H

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

#endif
