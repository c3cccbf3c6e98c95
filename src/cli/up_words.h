/* up_words.h - the flags of stoke up, and the supervisor's options of them. */
#ifndef CMD_CLI_UP_WORDS_H
#define CMD_CLI_UP_WORDS_H

#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/config.h"
#include "up/up.h"

typedef struct cmd_up_flags {
    cmd_common common;
    const char *dir, *model, *host, *name, *keys, *admin_key;
    sk_opt_list data, chat;
    const char *valid, *chat_valid, *answers, *plan, *train_by, *currency, *plot;
    int64_t port, context, parallel, kv_bytes, keep, pin;
    double floor, price;
    bool serve_only, status, json, pause, resume, rollback, stop;
} cmd_up_flags;

/* Checks them and fills in the options; paths become absolute, since what is started by them may
 * outlive this process and be looked for by a later one.  Texts live in mem. */
sk_status cmd_up_options(const cmd_up_flags *f, sk_arena *mem, up_opts *o, sk_err *e);

#endif
