/* model_path.c - finding bundled and local models by name. */
#include "cli/model_path.h"

#include "base/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Folder of the running program, without the last slash; "." if the system won't say. */
static void program_folder(char *dir, size_t cap)
{
    ssize_t n = readlink("/proc/self/exe", dir, cap - 1);
    dir[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    else
        snprintf(dir, cap, ".");
}

/* True when `dir`/`sub`/`name`.gguf exists; path is written either way, cut if it is too long (and
 * then it does not exist). */
static bool try_folder(const char *dir, const char *sub, const char *name, char *path)
{
    int n = snprintf(path, CMD_PATH_MAX, "%s%s/%s.gguf", dir, sub, name);
    return n > 0 && n < CMD_PATH_MAX && sk_file_exists(path);
}

/* Looks for NAME.gguf in $STOKE_MODELS, in models/ of the current folder, and in the places where a
 * build or an installed program has its models. */
static bool search(const char *folder, const char *name, char *path)
{
    char dir[CMD_PATH_MAX];
    program_folder(dir, sizeof dir);
    const struct {
        const char *folder, *below;
    } place[] = {{folder && *folder ? folder : NULL, ""},
                 {"models", ""},
                 {"models", "/local"},
                 {dir, "/../models"},
                 {dir, "/../models/local"},
                 {dir, "/../share/stoke/models"}};
    for (size_t i = 0; i < sizeof place / sizeof place[0]; i++)
        if (place[i].folder && try_folder(place[i].folder, place[i].below, name, path)) return true;
    return false;
}

/* A name that holds a slash or ends in .gguf was meant as a path: no search, and an error about
 * that path. */
sk_status cmd_model_path(const char *name, char *path, sk_err *e)
{
    const char *folder = getenv("STOKE_MODELS");
    size_t len = strlen(name);

    if (len == 0) return sk_fail(e, SK_E_USAGE, "the model's name is empty");
    if (len >= CMD_PATH_MAX - 64)
        return sk_fail(e, SK_E_NOTFOUND, "the model's name is too long to be a path");
    if (sk_file_exists(name)) {
        memcpy(path, name, len + 1);
        return SK_OK;
    }
    if (strchr(name, '/') || (len > 5 && strcmp(name + len - 5, ".gguf") == 0))
        return sk_fail(e, SK_E_NOTFOUND, "there is no model file %s", name);
    if (search(folder, name, path)) return SK_OK;
    return sk_fail(e, SK_E_NOTFOUND,
                   "there is no model \"%s\": no such file, and no %s.gguf in models/, "
                   "models/local/ or $STOKE_MODELS (%s)",
                   name, name, folder && *folder ? folder : "not set");
}
