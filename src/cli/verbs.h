/* verbs.h - every verb of the program; main.c puts them in order. */
#ifndef CMD_CLI_VERBS_H
#define CMD_CLI_VERBS_H

#include "cli/cmd.h"

extern const cmd_verb cmd_train_verb, cmd_tune_verb;                        /* making models */
extern const cmd_verb cmd_chat_verb, cmd_generate_verb, cmd_serve_verb;     /* using them */
extern const cmd_verb cmd_inspect_verb, cmd_tokenize_verb, cmd_logits_verb; /* looking inside */
extern const cmd_verb cmd_perplexity_verb;
extern const cmd_verb cmd_bench_verb, cmd_version_verb, cmd_help_verb; /* the program */

#endif
