/* train_words.h - the flags of train and tune out of a file and from one number, under those of the
 * command line. */
#ifndef CMD_CLI_TRAIN_WORDS_H
#define CMD_CLI_TRAIN_WORDS_H

#include "base/mem.h"
#include "cli/train_view.h"

/* Reads argv into f by the verb's table, as cmd_parse does.  What --config FILE says (YAML: keys
 * are the names of flags) stands in front of it, so that the command line wins; lists given there
 * replace those of the file.  With --depth or --params, shape, batch, steps, rate and optimiser
 * that nobody gave are set by the engine's rules (eng_dial_shape and others).  Texts live in mem,
 * which the caller frees when f is no longer needed. */
sk_status cmd_train_parse(const cmd_verb *v, int argc, char **argv, cmd_train_flags *f,
                          sk_arena *mem, bool *done, sk_err *e);

/* The flags that make the plan's shape and pace, as one would write them, for a person to keep. */
void cmd_train_flags_text(const cmd_train_flags *f, sk_buf *out);

/* The plan in lines for a person; seconds are left out where there are none. */
void cmd_train_plan_text(const eng_train_plan *p, sk_buf *out);

#endif
