/* chat_command.c - the commands of stoke chat: one row is a name, what it takes, help, a function.
 */
#include "base/file.h"
#include "base/json.h"
#include "cli/chat.h"

#include <string.h>

typedef struct command {
    const char *name, *takes, *help;
    sk_status (*run)(cmd_chat *c, const char *arg, bool *end, sk_err *e);
} command;

static sk_status do_help(cmd_chat *c, const char *arg, bool *end, sk_err *e);

/* ---- the conversation ---- */

static sk_status do_clear(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)arg, (void)end, (void)e;
    cmd_dialog_clear(&c->d);
    return SK_OK;
}

static sk_status do_undo(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)arg, (void)end;
    if (c->d.n_msg < cmd_dialog_n_system(&c->d) + 2)
        return cmd_outf(e, "There is nothing to take back.\n");
    cmd_dialog_drop_last(&c->d, 2);
    return SK_OK;
}

static sk_status do_regen(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)arg, (void)end;
    if (c->d.n_msg < cmd_dialog_n_system(&c->d) + 2)
        return cmd_outf(e, "There is no answer yet.\n");
    cmd_dialog_drop_last(&c->d, 1);
    c->d.gen.sample.seed = ++c->o->sample.o.seed;
    return cmd_dialog_answer(&c->d, e);
}

static sk_status do_system(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)end;
    if (*arg)
        return cmd_dialog_instruct(&c->d, !strcmp(arg, "none") ? "" : arg,
                                   !strcmp(arg, "none") ? 0 : strlen(arg), e);
    const eng_chat_msg *m = c->d.msg;
    if (!cmd_dialog_n_system(&c->d)) return cmd_outf(e, "There are no instructions.\n");
    return cmd_outf(e, "%.*s\n", (int)m->n, m->text);
}

/* {"messages":[{"role","content"},..]}, as stoke tune reads it. */
static sk_status do_save(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)end;
    sk_buf b = SK_BUF_INIT;
    if (!*arg) return cmd_outf(e, "/save takes the name of a file.\n");
    sk_buf_adds(&b, "{\"messages\":[");
    for (size_t i = 0; i < c->d.n_msg; i++) {
        sk_buf_addf(&b, "%s{\"role\":\"%s\",\"content\":", i ? "," : "", c->d.msg[i].role);
        sk_json_add_str(&b, c->d.msg[i].text, c->d.msg[i].n);
        sk_buf_addc(&b, '}');
    }
    sk_buf_adds(&b, "]}\n");
    sk_err mine = SK_ERR_INIT;
    sk_status st = sk_buf_ok(&b) ? sk_file_replace(arg, b.p, b.len, &mine)
                                 : sk_fail(&mine, SK_E_NOMEM, "no memory");
    sk_buf_fini(&b);
    return st ? cmd_outf(e, "Not saved: %s.\n", mine.text) : cmd_outf(e, "Saved in %s.\n", arg);
}

/* ---- settings ---- */

/* The numbers that /set knows: rows of the verb's own kind. */
static const sk_opt set_rows[] = {
    {"tokens", 0, SK_OPT_INT, "N", "1024", "at most N tokens an answer", offsetof(cmd_chat_opts, n),
     1, 1e9},
    CMD_SAMPLE_ROWS(cmd_chat_opts),
    {0},
};

static const sk_opt_verb set_verb = {.name = "/set", .summary = "", .args = "", .opts = set_rows};

/* The row of a number; NULL if there is none of that name. */
static const sk_opt *set_row(const char *name)
{
    for (const sk_opt *r = set_rows; r->name; r++)
        if ((r->type == SK_OPT_INT || r->type == SK_OPT_FLOAT) && *r->name &&
            !strncmp(r->name, name, strlen(name)) && strlen(r->name) == strlen(name))
            return r;
    return NULL;
}

/* All settings, one a line. */
static sk_status list_settings(const cmd_chat *c, sk_err *e)
{
    for (const sk_opt *r = set_rows; r->name; r++) {
        const char *at = (const char *)c->o + r->offset;
        int64_t i;
        double v;
        memcpy(&i, at, sizeof i);
        memcpy(&v, at, sizeof v);
        sk_status st = SK_OK;
        if (r->type == SK_OPT_INT && *r->name && r->value)
            st = cmd_outf(e, "%-20s %lld\n", r->name, (long long)i);
        if (r->type == SK_OPT_FLOAT) st = cmd_outf(e, "%-20s %g\n", r->name, v);
        if (st) return st;
    }
    return SK_OK;
}

/* Takes the changed numbers over; what a wrong one would make is undone. */
static sk_status use_settings(cmd_chat *c, const cmd_chat_opts *was, sk_err *e)
{
    cmd_gen *g = &c->d.gen;
    sk_err mine = SK_ERR_INIT;
    eng_sample_opts now = c->o->sample.o;
    now.bias = g->sample.bias;
    now.n_bias = g->sample.n_bias;
    now.dry_breakers = g->sample.dry_breakers;
    eng_sample_opts before = g->sample;
    g->sample = now;
    c->d.n_max = (size_t)c->o->n;
    if (!cmd_gen_prepare(g, &mine)) return SK_OK;
    *c->o = *was;
    g->sample = before;
    c->d.n_max = (size_t)c->o->n;
    return cmd_outf(e, "Not set: %s.\n", mine.text);
}

/* /set NAME VALUE is read as if it were the flag --NAME VALUE, by the same table, so that names,
 * bounds and sentences are the same; only the one field it names is taken over. */
static sk_status do_set(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)end;
    char name[64] = "--", value[64];
    size_t n = strcspn(arg, " "), skip = n + strspn(arg + n, " ");
    if (!*arg) return list_settings(c, e);
    if (n >= sizeof name - 2 || strlen(arg + skip) >= sizeof value || !arg[skip])
        return cmd_outf(e, "/set takes a name and a number; /set alone lists them.\n");
    memcpy(name + 2, arg, n);
    name[2 + n] = 0;
    memcpy(value, arg + skip, strlen(arg + skip) + 1);
    const sk_opt *row = set_row(name + 2);
    if (!row) return cmd_outf(e, "There is no setting \"%s\"; /set lists them.\n", name + 2);
    cmd_chat_opts parsed = {0}, was = *c->o;
    sk_err mine = SK_ERR_INIT;
    char verb[] = "/set", *argv[] = {verb, name, value, NULL};
    bool help = false;
    if (sk_opt_parse(&set_verb, 3, argv, &parsed, NULL, &help, &mine))
        return cmd_outf(e, "Not set: %s.\n", mine.text);
    memcpy((char *)c->o + row->offset, (char *)&parsed + row->offset, sizeof(int64_t));
    return use_settings(c, &was, e);
}

static sk_status do_exit(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)c, (void)arg, (void)e;
    *end = true;
    return SK_OK;
}

/* ---- the table ---- */

static const command commands[] = {
    {"/help", "", "show this", do_help},
    {"/clear", "", "begin a new conversation; the instructions stay", do_clear},
    {"/reset", "", "the same", do_clear},
    {"/regen", "", "answer the last message again, otherwise", do_regen},
    {"/undo", "", "take the last message and its answer back", do_undo},
    {"/system", "[TEXT]", "give instructions from now on; none takes them away", do_system},
    {"/set", "[NAME N]", "set a flag of the command line: /set temp 0.2; alone: show them", do_set},
    {"/save", "FILE", "write the conversation as JSON", do_save},
    {"/exit", "", "leave (or Ctrl-D)", do_exit},
    {"/quit", "", "the same", do_exit},
};

static sk_status do_help(cmd_chat *c, const char *arg, bool *end, sk_err *e)
{
    (void)arg, (void)end;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        sk_status st =
            cmd_outf(e, "%-8s %-10s %s\n", commands[i].name, commands[i].takes, commands[i].help);
        if (st) return st;
    }
    return cmd_outf(e, "Ctrl-C stops an answer.\n%s",
                    c->d.tty
                        ? "A line that ends in \\ goes on in the next one; so does all between "
                          "\"\"\" and \"\"\".\n"
                        : "");
}

sk_status cmd_chat_command(cmd_chat *c, const char *line, bool *end, sk_err *e)
{
    size_t n = strcspn(line, " \n");
    const char *arg = line + n + strspn(line + n, " \n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strlen(commands[i].name) == n && !strncmp(commands[i].name, line, n))
            return commands[i].run(c, arg, end, e);
    sk_status st = cmd_outf(e, "There is no such command.\n");
    return st ? st : do_help(c, arg, end, e);
}
