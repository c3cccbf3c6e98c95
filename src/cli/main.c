/* main.c - the program: a table of verbs, and how they begin and end. */
#include "base/status.h"
#include "cli/cmd.h"
#include "cli/suggest.h"
#include "cli/verbs.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const cmd_verb *const verbs[] = {
#define ROW(name) &cmd_##name##_verb,
    CMD_VERBS(ROW)
#undef ROW
};

const cmd_verb *const *cmd_verbs(size_t *n)
{
    *n = sizeof verbs / sizeof *verbs;
    return verbs;
}

const cmd_verb *cmd_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i]->opt.name, name) == 0) return verbs[i];
    return NULL;
}

/* stoke, stoke --help and stoke --version are spelled as verbs. */
static const char *verb_name(int argc, char **argv)
{
    static const char *const spell[][2] = {
        {"--help", "help"}, {"-h", "help"}, {"--version", "version"}, {"-V", "version"}};
    if (argc < 2) return "help";
    for (size_t i = 0; i < sizeof spell / sizeof *spell; i++)
        if (strcmp(argv[1], spell[i][0]) == 0) return spell[i][1];
    return argv[1];
}

/* Says what went wrong on stderr, as the last line above the prompt, and gives the exit code. */
static int finish(const char *verb, sk_status st, const sk_err *e)
{
    if (st == SK_OK) return 0;
    const char *sentence = e->text[0] ? e->text : sk_status_text(st);
    fprintf(stderr, "%s%s%s: %s\n", CMD_PROGRAM, verb ? " " : "", verb ? verb : "", sentence);
    if (st == SK_E_USAGE)
        fprintf(stderr, "%s help%s%s shows the usage\n", CMD_PROGRAM, verb ? " " : "",
                verb ? verb : "");
    return sk_status_exit(st);
}

int main(int argc, char **argv)
{
    sk_err e = SK_ERR_INIT;
    const char *name = verb_name(argc, argv);
    const cmd_verb *v = cmd_find(name);

    /* Characters only, for bars and curves: numbers stay as C writes them. */
    (void)setlocale(LC_CTYPE, "");
    cmd_stop_install();
    if (!v) return finish(NULL, cmd_unknown(name, &e), &e);
    if (argc >= 2) return finish(name, v->run(argc - 1, argv + 1, &e), &e);
    /* No verb is a usage error, and the list of verbs is its best message. */
    char *help[] = {"help", NULL};
    sk_status st = v->run(1, help, &e);
    return st ? finish(name, st, &e) : sk_status_exit(SK_E_USAGE);
}
