/* cmd_up.c - stoke up: answers with a model while it trains the next version of it. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/up_words.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#define ROW_FILE(name, help, field)                                                                \
    {                                                                                              \
        name, 0, SK_OPT_STRING, "FILE", NULL, help, offsetof(cmd_up_flags, field), 0, 0, false,    \
            SK_COMPLETE_FILE, NULL                                                                 \
    }
#define ROW_SWITCH(name, help, field)                                                              \
    CMD_ROW(cmd_up_flags, name, 0, SK_OPT_BOOL, NULL, NULL, help, field, 0, NULL)

static const sk_opt rows[] = {
    {"dir", 'd', SK_OPT_STRING, "DIR", "models/local/up",
     "folder that keeps versions, training and logs, and that is gone on from",
     offsetof(cmd_up_flags, dir), 0, 0, false, SK_COMPLETE_DIR, NULL},
    {"model", 'm', SK_OPT_STRING, "FILE", "starter",
     "the model to begin with, a path or a name, where DIR has no versions yet",
     offsetof(cmd_up_flags, model), 0, 0, false, SK_COMPLETE_MODEL, NULL},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Answering", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(cmd_up_flags, "host", 0, SK_OPT_STRING, "HOST", "127.0.0.1",
            "address to listen on; 0.0.0.0 lets other machines in", host, 0, NULL),
    CMD_ROW(cmd_up_flags, "port", 0, SK_OPT_INT, "N", "8080",
            "port to listen on; 0 takes any free one", port, 65535, NULL),
    CMD_ROW(cmd_up_flags, "name", 0, SK_OPT_STRING, "NAME", "stokehold",
            "the model's id in the API, whatever version is live", name, 0, NULL),
    CMD_ROW(cmd_up_flags, "context", 0, SK_OPT_INT, "N", "0",
            "tokens a sequence may have; 0 means the model's", context, 1 << 24, NULL),
    CMD_ROW(cmd_up_flags, "parallel", 0, SK_OPT_INT, "N", "0",
            "requests answered at once; 0 takes the server's default", parallel, 1024, NULL),
    {"kv-bytes", 0, SK_OPT_INT, "N", "0",
     "bytes of the cache of all requests, as in 1Gi; 0: as far as half of the free memory goes",
     offsetof(cmd_up_flags, kv_bytes), 0, (double)((int64_t)1 << 46), false, SK_COMPLETE_NONE,
     NULL},
    ROW_FILE("keys", "answer only those who send a key of this file (stoke keys); with --admin-key",
             keys),
    ROW_FILE("admin-key", "file with the key of an admin among them, to swap models with",
             admin_key),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Training", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"data", 0, SK_OPT_LIST, "FILE", NULL,
     "text to learn from, as in stoke train; a folder stands for the files in it; the bundled text "
     "without it",
     offsetof(cmd_up_flags, data), 0, 0, false, SK_COMPLETE_FILE, NULL},
    ROW_FILE("valid", "held-out text to judge by", valid),
    {"chat", 0, SK_OPT_LIST, "FILE", NULL,
     "conversations to learn from, as in stoke tune; the bundled ones without it",
     offsetof(cmd_up_flags, chat), 0, 0, false, SK_COMPLETE_FILE, NULL},
    ROW_FILE("chat-valid", "held-out conversations to judge by", chat_valid),
    ROW_FILE("answers", "prompts with the answers that are accepted, to judge by (stoke gate)",
             answers),
    ROW_FILE("plan", "commands of a round in place of the usual ones (docs/guide/up.md)", plan),
    ROW_SWITCH("serve-only", "answer and keep versions, but train nothing", serve_only),
    {"floor", 0, SK_OPT_FLOAT, "PART", "0",
     "part of the time in which people are answered that is training's all the same",
     offsetof(cmd_up_flags, floor), 0, 1, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(cmd_up_flags, "train-by", 0, SK_OPT_STRING, "TIME", NULL,
            "HH:MM or YYYY-MM-DDTHH:MM by which a stage should be done: the floor rises as far as "
            "that takes",
            train_by, 0, NULL),
    {"keep", 0, SK_OPT_INT, "N", "5", "versions that stay", offsetof(cmd_up_flags, keep), 2, 32,
     false, SK_COMPLETE_NONE, NULL},
    {"price-per-hour", 0, SK_OPT_FLOAT, "X", "0", "what an hour of this machine costs",
     offsetof(cmd_up_flags, price), 0, 1e9, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(cmd_up_flags, "currency", 0, SK_OPT_STRING, "NAME", "USD", "of that price", currency, 0,
            NULL),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Asking one that runs", 0, 0, 0, false, SK_COMPLETE_NONE,
     NULL},
    ROW_SWITCH("status", "say how things stand", status),
    ROW_SWITCH("json", "with the others of this group: print JSON", json),
    ROW_FILE("plot", "write a picture of the timeline, who had the cores when, as SVG", plot),
    ROW_SWITCH("pause-training", "train no more until --resume-training", pause),
    ROW_SWITCH("resume-training", "train again", resume),
    {"pin", 0, SK_OPT_INT, "VERSION", "0",
     "make this version live, and let no other take its place; 0: the newest again",
     offsetof(cmd_up_flags, pin), 0, 4e9, false, SK_COMPLETE_NONE, NULL},
    ROW_SWITCH("rollback", "make the version before the live one live, and that one no more",
               rollback),
    ROW_SWITCH("stop", "end it: training keeps a checkpoint, answers are finished", stop),
    CMD_COMMON_ROWS(cmd_up_flags),
    {0},
};

/* ---- asking one that runs ---- */

/* The request the flags mean, NULL: none. */
static const char *request_of(const cmd_up_flags *f, bool pin_given, char b[64])
{
    if (f->status) return "{\"do\":\"status\"}";
    if (f->pause) return "{\"do\":\"pause\"}";
    if (f->resume) return "{\"do\":\"resume\"}";
    if (f->rollback) return "{\"do\":\"rollback\"}";
    if (f->stop) return "{\"do\":\"stop\"}";
    if (!pin_given) return NULL;
    if (!f->pin) return "{\"do\":\"unpin\"}";
    (void)snprintf(b, 64, "{\"do\":\"pin\",\"version\":%lld}", (long long)f->pin);
    return b;
}

/* An answer that is no status: its sentence, and an error where it was refused. */
static sk_status show_answer(const char *dir, const sk_buf *a, sk_err *e)
{
    json_t *root = NULL;
    const char *text = "";
    sk_status st = sk_json_parse(a->p, a->len, 4, &root, e);
    if (st) return st;
    (void)sk_json_get_str(root, "text", &text, NULL);
    if (json_is_true(json_object_get(root, "ok")))
        st = cmd_outf(e, "%s\n", text);
    else
        st = sk_fail(e, SK_E_INVALID, "%s: %s", dir, text);
    json_decref(root);
    return st;
}

static sk_status ask(const cmd_up_flags *f, const char *request, sk_err *e)
{
    sk_buf a = SK_BUF_INIT, text = SK_BUF_INIT;
    sk_status st = up_ask(f->dir, request, &a, e);
    if (!st && f->json) return cmd_out_buf(&a, e);
    if (!st && f->status) {
        st = up_describe(a.p, a.len, &text, e);
        if (!st) st = cmd_out_buf(&text, e);
    } else if (!st) {
        st = show_answer(f->dir, &a, e);
    }
    sk_buf_fini(&a);
    sk_buf_fini(&text);
    return st;
}

/* The picture of the timeline; whether a supervisor runs does not matter. */
static sk_status plot(const cmd_up_flags *f, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_status st = up_picture(f->dir, &b, e);
    if (!st) st = sk_file_replace(f->plot, b.p, b.len, e);
    sk_buf_fini(&b);
    return st;
}

/* ---- running ---- */

static void say(void *arg, const char *text)
{
    const cmd_up_flags *f = arg;
    if (!f->common.quiet) (void)cmd_outf(NULL, "%s\n", text);
}

static sk_status supervise(const cmd_up_flags *f, sk_arena *mem, sk_err *e)
{
    up_opts *o = sk_new(mem, up_opts);
    up_super *u = NULL;
    if (!o) return sk_fail(e, SK_E_NOMEM, "no memory for the options");
    sk_status st = cmd_up_options(f, mem, o, e);
    if (st) return st;
    o->say = say;
    o->arg = (void *)(uintptr_t)f;
    o->stop_fd = cmd_stop_fd();
    st = up_open(o, &u, e);
    if (!st) st = cmd_outf(e, "listening on %s\n", up_url(u));
    if (!st) st = up_run(u, e);
    up_close(u);
    return st;
}

static sk_status up(int argc, char **argv, sk_err *e)
{
    bool done;
    char b[64];
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    cmd_up_flags *f = mem ? sk_new(mem, cmd_up_flags) : NULL;
    if (!f) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
    }
    sk_status st = cmd_parse(&cmd_up_verb, argc, argv, f, &f->common, NULL, &done, e);
    if (!st && !done) {
        bool pin = cmd_is_given(sk_opt_find(&cmd_up_verb.opt, "pin"), argc, argv);
        const char *request = request_of(f, pin, b);
        st = f->plot ? plot(f, e) : request ? ask(f, request, e) : supervise(f, mem, e);
    }
    sk_arena_free(mem);
    return st;
}

const cmd_verb cmd_up_verb = {
    {"up", "answer with a model while the next version of it is trained", "", 0, 0,
     "Serves the model like stoke serve and trains in the compute that this leaves idle: a "
     "question "
     "makes training stand still within milliseconds. When a round of training is done, its result "
     "is judged (stoke gate); one that is better goes live by itself, is watched for a minute, and "
     "is rolled back if answers fail.\n\n"
     "Server, trainer and this supervisor are processes of their own. Each may be killed at any "
     "moment: the others go on, and the supervisor starts what is missing; connections wait in the "
     "kernel meanwhile. If the supervisor itself was killed, the same command takes over what it "
     "left running. DIR/decisions.log says what was done and why, DIR/state.json how things stand.",
     "stoke up\n  the starter model, and better ones as they come\n"
     "stoke up --data mytext/ --valid held-out.txt --floor 0.2\n"
     "  learn from own text, for a fifth of the time also while people are answered\n"
     "stoke up --status\n  in another terminal\n",
     rows},
    up};
