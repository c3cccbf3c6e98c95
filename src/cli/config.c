/* config.c - puts the flags of a file before those of the command line. */
#include "cli/config.h"

#include "base/opt_yaml.h"

#include <stdio.h>
#include <string.h>

bool cmd_is_given(const sk_opt *row, int argc, char *const *argv)
{
    size_t n = strlen(row->name);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *a = argv[i];
        if (a[0] != '-') continue;
        if (a[1] != '-' && row->letter && a[1] == row->letter) return true;
        if (strncmp(a, "--no-", 5) == 0 && row->type == SK_OPT_BOOL && !strcmp(a + 5, row->name))
            return true;
        bool name = strncmp(a, "--", 2) == 0 && strncmp(a + 2, row->name, n) == 0;
        if (name && (a[2 + n] == 0 || a[2 + n] == '=')) return true;
    }
    return false;
}

/* The value of --config, NULL when it is not given. */
static const char *config_of(int argc, char *const *argv)
{
    const char *path = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0) path = argv[i] + 9;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) path = argv[i + 1];
    }
    return path;
}

/* The words of the file. */
static sk_status read_config(const cmd_verb *v, const char *path, sk_arena *mem, sk_opt_list *words,
                             sk_err *e)
{
    sk_yaml *y;
    sk_status st = sk_yaml_load(path, &y, e);
    if (st) return st;
    json_t *root = sk_yaml_root(y);
    if (json_is_object(root))
        st = sk_opt_words_of(&v->opt, y, root, mem, words, e);
    else
        st = sk_yaml_fail(y, 1, e, SK_E_FORMAT, "flags stand as NAME: VALUE, a line each");
    sk_yaml_free(y);
    return st;
}

/* The row that a word of a file, "--name=value", is of. */
static const sk_opt *row_of(const cmd_verb *v, const char *word)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    return sk_opt_find(&v->opt, name);
}

sk_status cmd_config_words(const cmd_verb *v, int argc, char **argv, sk_arena *mem, cmd_words *out,
                           sk_err *e)
{
    sk_opt_list words = {.n = 0};
    const char *path = config_of(argc, argv);
    sk_status st = path ? read_config(v, path, mem, &words, e) : SK_OK;
    if (st) return st;
    cmd_words w = {0, sk_new_n(mem, char *, words.n + (size_t)argc + 1)};
    if (!w.argv) return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
    w.argv[w.argc++] = argv[0];
    for (size_t i = 0; i < words.n; i++) {
        const sk_opt *row = row_of(v, words.item[i]);
        if (row && row->type == SK_OPT_LIST && cmd_is_given(row, argc, argv)) continue;
        w.argv[w.argc++] = (char *)(uintptr_t)words.item[i]; /* main's argv has no const either */
    }
    for (int i = 1; i < argc; i++)
        w.argv[w.argc++] = argv[i];
    *out = w;
    return SK_OK;
}
