/* crew.h - the workers that train, and whom they give way to. */
#ifndef CMD_CLI_CREW_H
#define CMD_CLI_CREW_H

#include "base/share.h"
#include "engine/engine.h"

typedef struct cmd_crew {
    eng_exec *x;
    sk_share *share; /* NULL: they give way to nobody */
} cmd_crew;

/* So many workers (0: one a core), which stand still, kernel by kernel, while a host of the file
 * `share` has work (NULL: never); a Ctrl-C makes them go on, to the end of their step. */
sk_status cmd_crew_open(int64_t threads, const char *share, cmd_crew *out, sk_err *e);

/* Ends them; zeros are allowed. */
void cmd_crew_close(cmd_crew *c);

#endif
