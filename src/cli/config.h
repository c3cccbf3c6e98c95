/* config.h - flags out of a file: what stands there as NAME: VALUE comes before those of the
 * command line.
 */
#ifndef CMD_CLI_CONFIG_H
#define CMD_CLI_CONFIG_H

#include "base/mem.h"
#include "cli/cmd.h"

/* A command line. */
typedef struct cmd_words {
    int argc;
    char **argv;
} cmd_words;

/* Whether argv gives the row a value, by its name or its letter. */
bool cmd_is_given(const sk_opt *row, int argc, char *const *argv);

/* argv with the words of the file that its --config names in front, as flags; of a list the command
 * line's replaces the file's.  Without --config it is argv alone.  All in mem. */
sk_status cmd_config_words(const cmd_verb *v, int argc, char **argv, sk_arena *mem, cmd_words *out,
                           sk_err *e);

#endif
