/* eval_view.h - results of an evaluation, for people and for machines. */
#ifndef CMD_CLI_EVAL_VIEW_H
#define CMD_CLI_EVAL_VIEW_H

#include "base/buf.h"
#include "engine/engine.h"

/* A suite and what came of it. */
typedef struct cmd_eval_row {
    const char *path;
    eng_suite *suite;
    eng_eval got;
} cmd_eval_row;

/* The table's head, a row of it, and below it the mean of n rows. */
void cmd_eval_add_head(sk_buf *b);
void cmd_eval_add_row(sk_buf *b, const cmd_eval_row *r);
void cmd_eval_add_mean(sk_buf *b, const cmd_eval_row *r, size_t n);

/* Members "suites" and "centred" of an object, without a comma in front. */
void cmd_eval_add_json(sk_buf *b, const cmd_eval_row *r, size_t n);

#endif
