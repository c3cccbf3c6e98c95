/* chat.h - what the parts of stoke chat share: the verb with its loop, and the commands. */
#ifndef CMD_CLI_CHAT_H
#define CMD_CLI_CHAT_H

#include "cli/dialog.h"
#include "cli/line.h"

typedef struct cmd_chat_opts {
    cmd_common common;
    cmd_load load;
    cmd_sample sample;
    cmd_spec spec;
    cmd_lora lora;
    const char *model, *system, *history, *kv_type, *chat_template;
    int64_t n, context;
} cmd_chat_opts;

typedef struct cmd_chat {
    cmd_dialog d;
    cmd_chat_opts *o;
    cmd_line *line;
} cmd_chat;

/* Does what a line that begins with a slash says.  *end: it said to leave. */
sk_status cmd_chat_command(cmd_chat *c, const char *line, bool *end, sk_err *e);

#endif
