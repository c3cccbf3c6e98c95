/* recipe_state.h - what is known of stages that ran: DIR/state.json (docs/format/recipe.md).
 *
 * A stage is known by its words and by the SHA-256 of all it reads and of what it wrote.  Hashes of
 * files that have kept size and time of change are not made anew.
 */
#ifndef CMD_CLI_RECIPE_STATE_H
#define CMD_CLI_RECIPE_STATE_H

#include "base/sha256.h"
#include "cli/recipe.h"

/* How a stage has to be taken. */
typedef enum cmd_todo {
    CMD_SKIP,   /* done, and nothing has changed */
    CMD_RESUME, /* stopped before its end, and nothing has changed */
    CMD_RUN
} cmd_todo;

typedef struct cmd_state {
    char path[CMD_PATH_MAX];
    json_t *root; /* {"version","files":{path: ..},"stages":{name: ..}} */
} cmd_state;

/* Reads DIR/state.json of the recipe; one that is missing is empty.  Close with cmd_state_close,
 * also after an error. */
sk_status cmd_state_open(const cmd_recipe *r, cmd_state *s, sk_err *e);
void cmd_state_close(cmd_state *s);

/* Writes it, atomically. */
sk_status cmd_state_save(const cmd_state *s, sk_err *e);

/* The hash of what is at path: of a file its SHA-256; of a folder with a manifest.json or a
 * model.gguf that file's; of another one the hash over names and hashes of its files. */
sk_status cmd_state_hash(cmd_state *s, const char *path, char hex[SK_SHA256_HEX], sk_err *e);

/* What is to be done with a stage, and why, a sentence into why[256].  Reads every file it needs;
 * those that are not there are an error with their line. */
sk_status cmd_state_look(cmd_state *s, const cmd_recipe *r, const cmd_stage *g, cmd_todo *todo,
                         char why[256], sk_err *e);

/* The stage begins: its words and inputs are noted.  done: its end, with the hash of what it wrote
 * and what it printed on one line of JSON (NULL: none).  seconds are added to those it took. */
sk_status cmd_state_begin(cmd_state *s, const cmd_recipe *r, const cmd_stage *g, bool anew,
                          sk_err *e);
sk_status cmd_state_end(cmd_state *s, const cmd_stage *g, bool done, double seconds,
                        const char *printed, sk_err *e);

/* Seconds a stage took in all, and what it printed as JSON (borrowed; NULL: nothing). */
double cmd_state_seconds(const cmd_state *s, const cmd_stage *g);
const json_t *cmd_state_printed(const cmd_state *s, const cmd_stage *g);

#endif
