/* serve_models.c - takes the items of --model, --lora and --watch apart. */
#include "cli/serve_models.h"

#include "base/file.h"
#include "cli/model_path.h"

#include <stdlib.h>
#include <string.h>

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the models' names");
}

/* Takes "NAME=REST" apart; an item that is a file, or whose first part is a path, has no name. */
static sk_status split_name(const char *item, sk_arena *mem, const char **name, const char **rest,
                            sk_err *e)
{
    const char *eq = strchr(item, '=');
    size_t n = eq ? (size_t)(eq - item) : 0;
    *name = NULL;
    *rest = item;
    if (!n || memchr(item, '/', n) || sk_file_exists(item)) return SK_OK;
    *name = sk_arena_strndup(mem, item, n);
    *rest = eq + 1;
    return *name ? SK_OK : no_memory(e);
}

/* Room for n more in o->also, behind those that are there. */
static srv_another *more(size_t n, sk_arena *mem, srv_opts *o)
{
    srv_another *all = sk_new_n(mem, srv_another, o->n_also + n + 1);
    if (all && o->n_also) memcpy(all, o->also, o->n_also * sizeof *all);
    if (all) o->also = all;
    return all;
}

/* The first item is the model that the server begins with, and may have been named by --name too;
 * the others stand beside it. */
sk_status cmd_serve_models(const sk_opt_list *items, sk_arena *mem, srv_opts *o, sk_err *e)
{
    srv_another *all = more(items->n, mem, o);
    if (!all) return no_memory(e);
    for (size_t i = 0; i < items->n; i++) {
        const char *name, *given;
        char path[CMD_PATH_MAX];
        sk_status st = split_name(items->item[i], mem, &name, &given, e);
        if (!st) st = cmd_model_path(given, path, e);
        if (st) return st;
        const char *copy = sk_arena_strndup(mem, path, strlen(path));
        if (!copy) return no_memory(e);
        if (i) {
            all[o->n_also++] = (srv_another){.name = name, .path = copy};
            continue;
        }
        if (name && o->name)
            return sk_fail(e, SK_E_USAGE, "the first model has two names: %s and %s", o->name,
                           name);
        o->model = copy;
        if (name) o->name = name;
    }
    return SK_OK;
}

/* Takes ":X" off the end of a path, if a number stands there and no file has that name. */
static sk_status split_scale(const char *item, sk_arena *mem, const char **path, double *scale,
                             sk_err *e)
{
    const char *colon = strrchr(item, ':');
    char *end = NULL;
    double x = colon && colon[1] ? strtod(colon + 1, &end) : 0;
    *path = item;
    if (!colon || !end || *end || sk_file_exists(item)) return SK_OK;
    if (!(x >= -100 && x <= 100))
        return sk_fail(e, SK_E_USAGE, "an adapter's strength goes from -100 to 100: %s", item);
    *path = sk_arena_strndup(mem, item, (size_t)(colon - item));
    *scale = x;
    return *path ? SK_OK : no_memory(e);
}

/* Takes "NAME@MODEL" apart. */
static sk_status split_base(const char *name, sk_arena *mem, srv_another *a, sk_err *e)
{
    const char *at = strchr(name, '@');
    a->name = at ? sk_arena_strndup(mem, name, (size_t)(at - name)) : name;
    a->base = at ? at + 1 : NULL;
    return a->name ? SK_OK : no_memory(e);
}

/* An item with a name is a model of its own over a base; one without changes the first model, so
 * there can only be one. */
sk_status cmd_serve_adapters(const sk_opt_list *items, sk_arena *mem, srv_opts *o, sk_err *e)
{
    srv_another *all = more(items->n, mem, o);
    double usual = o->lora_scale;
    if (!all) return no_memory(e);
    for (size_t i = 0; i < items->n; i++) {
        const char *name, *rest;
        srv_another a = {.adapter = true, .scale = usual};
        sk_status st = split_name(items->item[i], mem, &name, &rest, e);
        if (!st) st = split_scale(rest, mem, &a.path, &a.scale, e);
        if (!st && name) st = split_base(name, mem, &a, e);
        if (st) return st;
        if (name) {
            all[o->n_also++] = a;
            continue;
        }
        if (o->lora)
            return sk_fail(e, SK_E_USAGE,
                           "one adapter can be on the model itself; give the others names: "
                           "NAME=%s",
                           a.path);
        o->lora = a.path;
        o->lora_scale = a.scale;
    }
    return SK_OK;
}

sk_status cmd_serve_watches(const sk_opt_list *items, sk_arena *mem, srv_opts *o, sk_err *e)
{
    srv_watched *all = sk_new_n(mem, srv_watched, items->n + 1);
    if (!all) return no_memory(e);
    for (size_t i = 0; i < items->n; i++) {
        sk_status st = split_name(items->item[i], mem, &all[i].name, &all[i].path, e);
        if (st) return st;
    }
    o->watch = all;
    o->n_watch = items->n;
    return SK_OK;
}
