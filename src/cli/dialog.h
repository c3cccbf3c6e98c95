/* dialog.h - a conversation with a model: its messages, and the answer to the last of them. */
#ifndef CMD_CLI_DIALOG_H
#define CMD_CLI_DIALOG_H

#include "base/buf.h"
#include "cli/gen.h"

/* Messages of a conversation, instructions first if there are any. */
typedef struct cmd_dialog {
    cmd_gen gen;
    eng_chat_msg *msg; /* [n_msg], texts are allocated */
    size_t n_msg, cap;
    size_t n_max; /* tokens an answer may have */
    bool quiet;   /* no remarks */
    bool tty;     /* a person is looking */
    sk_buf answer;
    bool (*halt)(void *arg);
    void *halt_arg;
} cmd_dialog;

/* Frees the messages and closes the model. */
void cmd_dialog_close(cmd_dialog *d);

/* Appends a message; role is not copied. */
sk_status cmd_dialog_add(cmd_dialog *d, const char *role, const char *text, size_t n, sk_err *e);

/* Drops the n last messages. */
void cmd_dialog_drop_last(cmd_dialog *d, size_t n);

/* Drops all but the instructions. */
void cmd_dialog_clear(cmd_dialog *d);

/* Replaces the instructions; n = 0: there are none any more. */
sk_status cmd_dialog_instruct(cmd_dialog *d, const char *text, size_t n, sk_err *e);

/* 1 if the conversation begins with instructions, else 0. */
size_t cmd_dialog_n_system(const cmd_dialog *d);

/* Answers the last message, to stdout.  Questions and answers that no longer fit the context are
 * dropped, the oldest first; a message that is too long by itself is dropped with a remark. */
sk_status cmd_dialog_answer(cmd_dialog *d, sk_err *e);

#endif
