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

/* The longest name of a verb. */
enum { VERB_WORDS = 3, VERB_BYTES = 64 };

const cmd_verb *cmd_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i]->opt.name, name) == 0) return verbs[i];
    return NULL;
}

const cmd_verb *cmd_find_words(char *const *words, size_t n, size_t *used)
{
    char name[VERB_BYTES] = "";
    const cmd_verb *best = NULL;
    size_t len = 0;
    for (size_t i = 0; i < n && i < VERB_WORDS; i++) {
        int more = snprintf(name + len, sizeof name - len, "%s%s", i ? "-" : "", words[i]);
        if (more < 0 || (size_t)more >= sizeof name - len) break;
        len += (size_t)more;
        const cmd_verb *v = cmd_find(name);
        if (v) *used = i + 1;
        if (v) best = v;
    }
    return best;
}

/* stoke, stoke --help and stoke --version are spelled as verbs. */
static char *spelled(char *word)
{
    static char *const spell[][2] = {
        {"--help", "help"}, {"-h", "help"}, {"--version", "version"}, {"-V", "version"}};
    for (size_t i = 0; i < sizeof spell / sizeof *spell; i++)
        if (strcmp(word, spell[i][0]) == 0) return spell[i][1];
    return word;
}

/* Says what went wrong on stderr, as the last line above the prompt, and gives the exit code. */
static int finish(const cmd_verb *v, sk_status st, const sk_err *e)
{
    if (st == SK_OK) return 0;
    const char *sentence = e->text[0] ? e->text : sk_status_text(st);
    sk_buf verb = SK_BUF_INIT;
    if (v) sk_buf_addc(&verb, ' ');
    if (v) sk_opt_typed(&v->opt, &verb);
    const char *name = verb.len ? verb.p : "";
    fprintf(stderr, "%s%s: %s\n", CMD_PROGRAM, name, sentence);
    if (st == SK_E_USAGE) fprintf(stderr, "%s help%s shows the usage\n", CMD_PROGRAM, name);
    sk_buf_fini(&verb);
    return sk_status_exit(st);
}

int main(int argc, char **argv)
{
    sk_err e = SK_ERR_INIT;
    char *help[] = {"help", NULL};
    size_t used = 1;

    /* Characters only, for bars and curves: numbers stay as C writes them. */
    (void)setlocale(LC_CTYPE, "");
    cmd_stop_install();
    if (argc >= 2) {
        argv[1] = spelled(argv[1]);
        const cmd_verb *v = cmd_find_words(argv + 1, (size_t)argc - 1, &used);
        if (!v) return finish(NULL, cmd_unknown(argv[1], &e), &e);
        return finish(v, v->run(argc - (int)used, argv + used, &e), &e);
    }
    /* No verb is a usage error, and the list of verbs is its best message. */
    const cmd_verb *v = cmd_find("help");
    sk_status st = v->run(1, help, &e);
    return st ? finish(v, st, &e) : sk_status_exit(SK_E_USAGE);
}
