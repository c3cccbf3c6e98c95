/* cmd_chat.c - stoke chat: a conversation in the terminal. */
#include "base/buf.h"
#include "base/mem.h"
#include "cli/gen.h"
#include "cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

typedef struct chat_opts {
    cmd_common common;
    cmd_sample sample;
    cmd_spec spec;
    cmd_lora lora;
    const char *model, *system, *kv_type;
    int64_t n, context;
} chat_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(chat_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"system", 0, SK_OPT_STRING, "TEXT", NULL, "instructions before the conversation",
     offsetof(chat_opts, system)},
    {"tokens", 'n', SK_OPT_INT, "N", "1024", "at most N tokens an answer", offsetof(chat_opts, n),
     1, 1e9},
    {"context", 0, SK_OPT_INT, "N", "4096",
     "tokens the conversation may have; at most the model's own limit",
     offsetof(chat_opts, context), 16, 1e9},
    CMD_KV_ROW(chat_opts, "f16"),
    CMD_LORA_ROWS(chat_opts),
    CMD_SAMPLE_ROWS(chat_opts),
    CMD_COMMON_ROWS(chat_opts),
    {0},
};

/* A conversation. */
typedef struct chat {
    cmd_gen gen;
    const chat_opts *o;
    eng_chat_msg *msg; /* texts are allocated */
    size_t n_msg, cap;
    sk_buf line;    /* read from stdin, not yet used */
    sk_buf answer;  /* the one under way */
    int interrupts; /* readable when Ctrl-C was pressed */
    bool tty, eof;
} chat;

/* ---- turns ---- */

static sk_status add_msg(chat *c, const char *role, const char *text, size_t n, sk_err *e)
{
    if (c->n_msg == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        eng_chat_msg *p = sk_realloc(SK_MEM_MISC, c->msg, cap * sizeof *p);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for the conversation");
        c->msg = p;
        c->cap = cap;
    }
    char *copy = sk_alloc(SK_MEM_MISC, n + 1);
    if (!copy) return sk_fail(e, SK_E_NOMEM, "no memory for the conversation");
    memcpy(copy, text, n);
    copy[n] = 0;
    c->msg[c->n_msg++] = (eng_chat_msg){role, copy, n};
    return SK_OK;
}

/* Removes n messages from the `at`th on. */
static void drop_msgs(chat *c, size_t at, size_t n)
{
    if (!n) return;
    for (size_t i = at; i < at + n; i++)
        sk_free((char *)(uintptr_t)c->msg[i].text);
    memmove(c->msg + at, c->msg + at + n, (c->n_msg - at - n) * sizeof *c->msg);
    c->n_msg -= n;
}

/* 1 if the conversation begins with instructions. */
static size_t n_system(const chat *c)
{
    return c->o->system ? 1 : 0;
}

/* Begins anew. */
static sk_status reset(chat *c, sk_err *e)
{
    drop_msgs(c, 0, c->n_msg);
    const char *system = c->o->system;
    return system ? add_msg(c, "system", system, strlen(system), e) : SK_OK;
}

/* Replaces the sequence by the conversation's ids.  What both begin with stays in the session. */
static sk_status render(chat *c, sk_err *e)
{
    cmd_gen *g = &c->gen;
    eng_ids ids = {0};
    sk_status st = eng_model_chat(g->m, c->msg, c->n_msg, &ids, e);
    if (st) {
        eng_ids_fini(&ids);
        return st;
    }
    size_t same = 0;
    while (same < g->n_ready && same + 1 < ids.n && g->ids.id[same] == ids.id[same])
        same++;
    g->n_ready = same;
    eng_ids_fini(&g->ids);
    g->ids = ids;
    return SK_OK;
}

/* The same with the oldest turns forgotten until an answer has room: a quarter of the context. */
static sk_status render_to_fit(chat *c, sk_err *e)
{
    size_t forgotten = 0;
    sk_status st;
    while (!(st = render(c, e)) && c->gen.ids.n > c->gen.n_ctx - c->gen.n_ctx / 4 &&
           c->n_msg >= n_system(c) + 3) {
        drop_msgs(c, n_system(c), 2);
        forgotten++;
    }
    if (forgotten && !c->o->common.quiet)
        fprintf(stderr, "(the first %zu questions and answers no longer fit and are forgotten)\n",
                forgotten);
    return st;
}

/* ---- the terminal ---- */

/* True if Ctrl-C was pressed since the last time. */
static bool interrupted(const chat *c)
{
    struct signalfd_siginfo info;
    return read(c->interrupts, &info, sizeof info) > 0;
}

static bool halt(void *arg)
{
    return interrupted(arg) || cmd_stopped(NULL);
}

/* Waits for a line and moves it to *out without its end.  *end: no more lines, or time to go. */
static sk_status read_line(chat *c, sk_buf *out, bool *end, sk_err *e)
{
    sk_buf_reset(out);
    for (;;) {
        char *nl = c->line.len ? memchr(c->line.p, '\n', c->line.len) : NULL;
        if (nl || c->eof) {
            size_t n = nl ? (size_t)(nl - c->line.p) : c->line.len;
            sk_buf rest = SK_BUF_INIT;
            sk_buf_add(out, c->line.p ? c->line.p : "", n);
            if (nl) sk_buf_add(&rest, nl + 1, c->line.len - n - 1);
            *end = !nl && !n;
            sk_buf_fini(&c->line);
            c->line = rest;
            return sk_buf_ok(out) && sk_buf_ok(&rest) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
        }
        struct pollfd p[3] = {
            {STDIN_FILENO, POLLIN, 0}, {c->interrupts, POLLIN, 0}, {cmd_stop_fd(), POLLIN, 0}};
        if (poll(p, 3, -1) < 0 && errno != EINTR) return sk_fail_errno(e, errno, "poll");
        *end = true;
        if (interrupted(c) || cmd_stopped(NULL)) return SK_OK;
        if (!p[0].revents) continue;
        char b[4096];
        ssize_t n = read(STDIN_FILENO, b, sizeof b);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return sk_fail_errno(e, errno, "standard input");
        c->eof = n == 0;
        if (n > 0) sk_buf_add(&c->line, b, (size_t)n);
        if (!sk_buf_ok(&c->line)) return sk_fail(e, SK_E_NOMEM, "no memory for the line");
    }
}

/* Prints a piece of the answer and keeps it for the turns to come. */
static sk_status show(void *arg, const char *text, size_t n, sk_err *e)
{
    chat *c = arg;
    sk_buf_add(&c->answer, text, n);
    if (!sk_buf_ok(&c->answer)) return sk_fail(e, SK_E_NOMEM, "no memory for the answer");
    return cmd_out(text, n, e);
}

/* Answers one message. */
static sk_status answer(chat *c, const sk_buf *line, sk_err *e)
{
    cmd_gen_stats stats;
    sk_buf_reset(&c->answer);
    sk_status st = add_msg(c, "user", line->p, line->len, e);
    if (st || (st = render_to_fit(c, e))) return st;
    cmd_gen_hooks hooks = {.text = show, .halt = halt, .arg = c};
    st = cmd_gen_run(&c->gen, (size_t)c->o->n, &hooks, &stats, e);
    if (st == SK_E_TOOBIG) { /* this message alone is too long: go on without it */
        fprintf(stderr, "(%s)\n", e->text);
        drop_msgs(c, c->n_msg - 1, 1);
        return SK_OK;
    }
    if (st) return st;
    if (c->tty && !c->o->common.quiet)
        fprintf(stderr, "\n(%s%zu tokens, %.0f tokens/s)", stats.halted ? "stopped, " : "",
                stats.n_new, cmd_rate(stats.n_new, stats.decode_s));
    if ((st = cmd_out("\n", 1, e))) return st;
    return add_msg(c, "assistant", c->answer.p ? c->answer.p : "", c->answer.len, e);
}

/* A line that begins with a slash. */
static sk_status command(chat *c, const char *line, bool *end, sk_err *e)
{
    if (!strcmp(line, "/exit")) {
        *end = true;
        return SK_OK;
    }
    if (!strcmp(line, "/reset")) return reset(c, e);
    return cmd_outf(e,
                    "%s/reset  begin a new conversation\n/exit   leave (or Ctrl-D)\n"
                    "Ctrl-C  stop the answer; at the prompt: leave\n",
                    strcmp(line, "/help") != 0 ? "There is no such command.\n" : "");
}

/* Reads lines until it is time to go. */
static sk_status converse(chat *c, sk_err *e)
{
    sk_buf line = SK_BUF_INIT;
    bool end = false;
    sk_status st = reset(c, e);
    while (!st && !end) {
        if (c->tty) st = cmd_out("> ", 2, e);
        if (!st) st = read_line(c, &line, &end, e);
        if (st || end || !line.len) continue;
        st = line.p[0] == '/' ? command(c, line.p, &end, e) : answer(c, &line, e);
    }
    if (!st && c->tty) st = cmd_out("\n", 1, e);
    sk_buf_fini(&line);
    return st;
}

/* Opens everything and converses. */
static sk_status run(chat *c, sk_err *e)
{
    const chat_opts *o = c->o;
    sk_status st =
        cmd_gen_open(&c->gen, o->model, o->common.threads, &o->sample, &o->spec, &o->lora, e);
    if (st) return st;
    if (!c->gen.info.has_chat) {
        eng_chat_msg hello = {"user", "hello", 5};
        st = eng_model_chat(c->gen.m, &hello, 1, &c->gen.ids, e);
        return st ? st : sk_fail(e, SK_E_UNSUPPORTED, "this model has no chat template");
    }
    if ((st = cmd_gen_start(&c->gen, (size_t)o->context, o->kv_type, e))) return st;
    if (c->tty && !o->common.quiet)
        fprintf(stderr, "%s, %.1f M parameters, context %zu. /help lists the commands.\n",
                c->gen.info.name[0] ? c->gen.info.name : c->gen.info.arch,
                (double)c->gen.info.n_params * 1e-6, c->gen.n_ctx);
    return converse(c, e);
}

/* The verb: flags and the signal mask. */
static sk_status chat_run(int argc, char **argv, sk_err *e)
{
    chat_opts o = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_chat_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    /* Ctrl-C ends an answer, not the program.  Blocked before any thread starts, so that all
     * inherit it, the signal is read from a descriptor instead. */
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    chat c = {.o = &o, .tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    c.interrupts = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    st = c.interrupts < 0 ? sk_fail_errno(e, errno, "signalfd") : run(&c, e);
    if (c.interrupts >= 0) close(c.interrupts);
    cmd_gen_close(&c.gen);
    drop_msgs(&c, 0, c.n_msg);
    sk_free(c.msg);
    sk_buf_fini(&c.line);
    sk_buf_fini(&c.answer);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return st;
}

const cmd_verb cmd_chat_verb = {
    {
        "chat",
        "talk with a model in the terminal",
        "",
        0,
        0,
        "Each line is a message; the answer is printed as it is made and the conversation is "
        "remembered.  When it no longer fits the context, the oldest questions and answers are "
        "forgotten.  /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.  If standard "
        "input is not a terminal its lines are the messages.",
        "stoke chat -m MODEL\n  a conversation\n"
        "stoke chat -m MODEL --system \"You are a pirate.\"\n  with instructions\n",
        rows,
    },
    chat_run,
};
