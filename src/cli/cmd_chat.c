/* cmd_chat.c - stoke chat: a conversation in the terminal. */
#include "cli/chat.h"
#include "cli/verbs.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(cmd_chat_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"system", 0, SK_OPT_STRING, "TEXT", NULL, "instructions before the conversation",
     offsetof(cmd_chat_opts, system)},
    {"chat-template", 0, SK_OPT_STRING, "FILE", NULL,
     "render conversations by this template (Jinja) instead of the model's own",
     offsetof(cmd_chat_opts, chat_template), .complete = SK_COMPLETE_FILE},
    {"tokens", 'n', SK_OPT_INT, "N", "1024", "at most N tokens an answer",
     offsetof(cmd_chat_opts, n), 1, 1e9},
    {"context", 0, SK_OPT_INT, "N", "4096",
     "tokens the conversation may have; at most the model's own limit",
     offsetof(cmd_chat_opts, context), 16, 1e9},
    {"history", 0, SK_OPT_STRING, "FILE", NULL,
     "where a terminal's lines are kept; none for nowhere; default "
     "~/.local/state/stoke/history",
     offsetof(cmd_chat_opts, history), .complete = SK_COMPLETE_FILE},
    CMD_KV_ROW(cmd_chat_opts, "f16"),
    CMD_LOAD_ROWS(cmd_chat_opts),
    CMD_LORA_ROWS(cmd_chat_opts),
    CMD_SAMPLE_ROWS(cmd_chat_opts),
    CMD_COMMON_ROWS(cmd_chat_opts),
    {0},
};

/* ---- messages of more than one line ---- */

/* Removes `n` bytes from the end. */
static void cut_end(sk_buf *b, size_t n)
{
    b->len -= n;
    b->p[b->len] = 0;
}

static bool ends_in(const sk_buf *b, const char *end)
{
    size_t n = strlen(end);
    return b->len >= n && !memcmp(b->p + b->len - n, end, n);
}

/* One more line behind the text, with a newline between; none before the first line of a quoted
 * text. */
static sk_status read_more(cmd_chat *c, sk_buf *text, cmd_line_end *end, sk_err *e)
{
    sk_buf more = SK_BUF_INIT;
    sk_status st = cmd_line_read(c->line, ". ", &more, end, e);
    sk_buf_addc(text, '\n');
    sk_buf_add(text, more.p ? more.p : "", more.len);
    sk_buf_fini(&more);
    return st;
}

/* Reads on until a line ends in """; both marks are taken off.  A line is put after a newline,
 * save the first when nothing but the mark stood before it. */
static sk_status read_quoted(cmd_chat *c, sk_buf *text, cmd_line_end *end, sk_err *e)
{
    memmove(text->p, text->p + 3, text->len - 3);
    cut_end(text, 3);
    sk_status st = SK_OK;
    while (!st && *end == CMD_LINE_TEXT && sk_buf_ok(text) && !ends_in(text, "\"\"\""))
        st = text->len ? read_more(c, text, end, e) : cmd_line_read(c->line, ". ", text, end, e);
    if (!st && *end == CMD_LINE_TEXT && ends_in(text, "\"\"\"")) cut_end(text, 3);
    return st;
}

/* Reads on while lines end in a backslash, which a newline takes the place of. */
static sk_status read_continued(cmd_chat *c, sk_buf *text, cmd_line_end *end, sk_err *e)
{
    sk_status st = SK_OK;
    while (!st && *end == CMD_LINE_TEXT && sk_buf_ok(text) && ends_in(text, "\\")) {
        cut_end(text, 1);
        st = read_more(c, text, end, e);
    }
    return st;
}

/* Appends lines to the first one: all up to """ if it begins with that, else while lines end in a
 * backslash.  An interrupt drops the message. */
static sk_status read_rest(cmd_chat *c, sk_buf *text, cmd_line_end *end, sk_err *e)
{
    bool quoted = text->len >= 3 && !memcmp(text->p, "\"\"\"", 3);
    sk_status st = quoted ? read_quoted(c, text, end, e) : read_continued(c, text, end, e);
    return st || sk_buf_ok(text) ? st : sk_fail(e, SK_E_NOMEM, "no memory for the message");
}

/* A message or a command.  At a terminal it may have several lines. */
static sk_status read_message(cmd_chat *c, sk_buf *text, cmd_line_end *end, sk_err *e)
{
    sk_status st = cmd_line_read(c->line, "> ", text, end, e);
    if (st || *end != CMD_LINE_TEXT || !c->d.tty || !text->len) return st;
    cmd_line_keep(c->line, text->p);
    return text->p[0] == '/' ? SK_OK : read_rest(c, text, end, e);
}

/* ---- the conversation ---- */

static bool halt(void *arg)
{
    cmd_chat *c = arg;
    return cmd_line_interrupted(c->line) || cmd_stopped(NULL);
}

/* Does one message or command. */
static sk_status turn(cmd_chat *c, const sk_buf *text, bool *leave, sk_err *e)
{
    if (text->p[0] == '/') return cmd_chat_command(c, text->p, leave, e);
    sk_status st = cmd_dialog_add(&c->d, "user", text->p, text->len, e);
    return st ? st : cmd_dialog_answer(&c->d, e);
}

/* Reads until it is time to go. */
static sk_status converse(cmd_chat *c, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    bool leave = false;
    sk_status st = SK_OK;
    while (!st && !leave) {
        cmd_line_end end;
        st = read_message(c, &text, &end, e);
        if (st || end == CMD_LINE_OVER) break;
        if (end == CMD_LINE_INTERRUPT) {
            if (!c->o->common.quiet) fprintf(stderr, "(/exit or Ctrl-D leaves)\n");
        } else if (text.len) {
            st = turn(c, &text, &leave, e);
        }
    }
    sk_buf_fini(&text);
    return st;
}

/* Opens everything and converses. */
static sk_status run(cmd_chat *c, sk_err *e)
{
    const cmd_chat_opts *o = c->o;
    cmd_gen *g = &c->d.gen;
    sk_status st =
        cmd_gen_open(g, o->model, o->common.threads, &o->load, &o->sample, &o->spec, &o->lora, e);
    if (!st && o->chat_template) st = eng_model_load_template(g->m, o->chat_template, e);
    if (st) return st;
    eng_model_get_info(g->m, &g->info);
    if (!g->info.has_chat) {
        eng_chat_msg hello = {"user", "hello", 5};
        st = eng_model_chat(g->m, &hello, 1, &g->ids, e);
        return st ? st : sk_fail(e, SK_E_UNSUPPORTED, "this model has no chat template");
    }
    if ((st = cmd_gen_start(g, (size_t)o->context, o->kv_type, e)) ||
        (o->system && (st = cmd_dialog_instruct(&c->d, o->system, strlen(o->system), e))))
        return st;
    if (c->d.tty && !o->common.quiet)
        fprintf(stderr, "%s, %.1f M parameters, context %zu. /help lists the commands.\n",
                g->info.name[0] ? g->info.name : g->info.arch, (double)g->info.n_params * 1e-6,
                g->n_ctx);
    return converse(c, e);
}

/* Opens the input: the editor at a terminal. */
static sk_status open_line(cmd_chat *c, int interrupts, sk_err *e)
{
    const char *path = c->o->history;
    char *usual = c->d.tty && !path ? cmd_line_history_path() : NULL;
    if (path && !strcmp(path, "none")) path = NULL;
    sk_status st = cmd_line_open(c->d.tty, interrupts, path ? path : usual, &c->line, e);
    sk_free(usual);
    return st;
}

/* The verb: flags and the signal mask. */
static sk_status chat_run(int argc, char **argv, sk_err *e)
{
    cmd_chat_opts o = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_chat_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    /* Ctrl-C ends an answer, not the program.  Blocked before any thread starts, so that all
     * inherit it, the signal is read from a descriptor instead. */
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    cmd_chat c = {.o = &o};
    c.d = (cmd_dialog){.n_max = (size_t)o.n, .quiet = o.common.quiet, .halt = halt, .halt_arg = &c};
    c.d.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    int interrupts = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    st = interrupts < 0 ? sk_fail_errno(e, errno, "signalfd") : open_line(&c, interrupts, e);
    if (!st) st = run(&c, e);
    cmd_line_close(c.line);
    if (interrupts >= 0) close(interrupts);
    cmd_dialog_close(&c.d);
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
        "forgotten.  /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.\n\nIn a "
        "terminal lines can be edited and those typed before come back with the arrow keys or "
        "Ctrl-R; a line that ends in a backslash goes on in the next, and so does all between "
        "\"\"\" and \"\"\".  If standard input is not a terminal each of its lines is a message or "
        "a command.",
        "stoke chat -m MODEL\n  a conversation\n"
        "stoke chat -m MODEL --system \"You are a pirate.\"\n  with instructions\n",
        rows,
    },
    chat_run,
};
