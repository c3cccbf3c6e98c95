/* cmd_help.c - stoke help: the verbs, one verb, and the pages made from the same tables. */
#include "cli/cmd.h"
#include "cli/suggest.h"
#include "cli/verbs.h"

#include <string.h>

typedef struct help_opts {
    bool man, markdown, bash, names;
} help_opts;

static const sk_opt rows[] = {
    CMD_ROW(help_opts, "man", 0, SK_OPT_BOOL, NULL, NULL, "print a manual page (roff)", man, 0,
            NULL),
    CMD_ROW(help_opts, "markdown", 0, SK_OPT_BOOL, NULL, NULL, "print a page of docs/cli", markdown,
            0, NULL),
    CMD_ROW(help_opts, "bash", 0, SK_OPT_BOOL, NULL, NULL, "print the completion script for bash",
            bash, 0, NULL),
    CMD_ROW(help_opts, "names", 0, SK_OPT_BOOL, NULL, NULL, "print the names of the verbs", names,
            0, NULL),
    {0},
};

static const char about[] =
    "trains language models from text and serves them, on this machine's processors";

static void overview(sk_buf *out)
{
    size_t n;
    const cmd_verb *const *v = cmd_verbs(&n);
    sk_buf_addf(out, "%s %s: %s.\n\nusage: %s VERB [FLAG...]\n\n", CMD_PROGRAM, SK_VERSION, about,
                CMD_PROGRAM);
    for (size_t i = 0; i < n; i++)
        if (!strchr(v[i]->opt.name, '-'))
            sk_buf_addf(out, "  %-10s %s\n", v[i]->opt.name, v[i]->opt.summary);
    sk_buf_addf(out, "\n%s VERB --help shows the flags of a verb.\n", CMD_PROGRAM);
}

static void overview_man(sk_buf *out)
{
    size_t n;
    const cmd_verb *const *v = cmd_verbs(&n);
    sk_buf_addf(out, ".TH STOKE 1 \"\" \"%s %s\" \"User Commands\"\n", CMD_PROGRAM, SK_VERSION);
    sk_buf_addf(out, ".SH NAME\n%s \\- %s\n", CMD_PROGRAM, about);
    sk_buf_addf(out, ".SH SYNOPSIS\n.B %s\n.I VERB\n[\\fIFLAG\\fR...]\n.SH VERBS\n", CMD_PROGRAM);
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(out, ".TP\n.BR %s\\-%s (1)\n%s\n", CMD_PROGRAM, v[i]->opt.name,
                    v[i]->opt.summary);
    sk_buf_adds(out, ".SH ENVIRONMENT\n"
                     ".TP\n.B STOKE_MODELS\na folder in which models are looked up by name\n"
                     ".TP\n.B STOKE_CPU\nlike the flag \\-\\-cpu\n"
                     ".SH EXIT STATUS\n");
    for (int st = 0; st < SK_STATUS_N; st++)
        if (st == 0 || sk_status_exit((sk_status)st) != sk_status_exit((sk_status)(st - 1)))
            sk_buf_addf(out, ".TP\n.B %d\n%s\n", sk_status_exit((sk_status)st),
                        sk_status_text((sk_status)st));
}

static void overview_markdown(sk_buf *out)
{
    size_t n;
    const cmd_verb *const *v = cmd_verbs(&n);
    sk_buf_addf(out, "# %s\n\n%s %s.\n\n| verb | what it does |\n| --- | --- |\n", CMD_PROGRAM,
                CMD_PROGRAM, about);
    for (size_t i = 0; i < n; i++) {
        sk_buf_adds(out, "| [");
        sk_opt_typed(&v[i]->opt, out);
        sk_buf_addf(out, "](%s.md) | %s |\n", v[i]->opt.name, v[i]->opt.summary);
    }
}

static sk_status bash(sk_buf *out)
{
    const sk_opt_verb *opt[128];
    size_t n;
    const cmd_verb *const *v = cmd_verbs(&n);
    if (n > sizeof opt / sizeof *opt) return SK_E_INTERNAL;
    for (size_t i = 0; i < n; i++)
        opt[i] = &v[i]->opt;
    sk_opt_bash(opt, n, CMD_PROGRAM, out);
    return SK_OK;
}

static void names(sk_buf *out)
{
    size_t n;
    const cmd_verb *const *v = cmd_verbs(&n);
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(out, "%s\n", v[i]->opt.name);
}

/* The form asked for, of one verb or (v NULL) of the whole program. */
static sk_status write_help(const help_opts *o, const cmd_verb *v, sk_buf *out)
{
    if (o->bash) return bash(out);
    if (o->names)
        names(out);
    else if (o->man)
        v ? sk_opt_man(&v->opt, CMD_PROGRAM, SK_VERSION, out) : overview_man(out);
    else if (o->markdown)
        v ? sk_opt_markdown(&v->opt, CMD_PROGRAM, out) : overview_markdown(out);
    else
        v ? sk_opt_help(&v->opt, CMD_PROGRAM, cmd_columns(), out) : overview(out);
    return SK_OK;
}

/* Without a verb every form is about the whole program. */
static sk_status help(int argc, char **argv, sk_err *e)
{
    help_opts o = {0};
    sk_opt_list args = {.n = 0};
    sk_buf out = SK_BUF_INIT;
    bool done;
    sk_status st = cmd_parse(&cmd_help_verb, argc, argv, &o, NULL, &args, &done, e);
    if (st || done) return st;
    if (o.man + o.markdown + o.bash + o.names > 1)
        return sk_fail(e, SK_E_USAGE, "choose one of --man, --markdown, --bash and --names");

    size_t used = 0;
    const cmd_verb *v = args.n ? cmd_find_words((char *const *)args.item, args.n, &used) : NULL;
    if (used < args.n) return cmd_unknown(args.item[used], e);
    st = write_help(&o, v, &out);
    if (st) {
        sk_buf_fini(&out);
        return sk_fail(e, st, "more verbs than the completion script holds");
    }
    return cmd_out_buf(&out, e);
}

const cmd_verb cmd_help_verb = {
    {"help", "show the verbs, or the flags of one", "[VERB...]", 0, 3,
     "Without a verb: the list of verbs. With --man, --markdown or --bash: the manual page, the "
     "page of docs/cli or the completion script, made from the same tables as this help.",
     "stoke help train\n  the flags of stoke train\n"
     "stoke help --man serve | man -l -\n  the manual page of stoke serve\n",
     rows},
    help};
