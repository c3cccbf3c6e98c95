/* recipe.c - reads recipes. */
#include "cli/recipe.h"

#include "base/file.h"
#include "base/opt_yaml.h"
#include "cli/verbs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const cmd_stage_kind kinds[] = {
    {"tokenizer", "train", "out", -1, NULL, false, true},
    {"data", "build", "out", -1, "manifest.json", false, true},
    {"train", NULL, "out", -1, "model.gguf", true, false},
    {"tune", NULL, "out", -1, "model.gguf", true, false},
    {"imatrix", NULL, "out", -1, NULL, false, true},
    {"quantize", NULL, NULL, 1, NULL, false, true},
    {"export", NULL, NULL, 1, NULL, false, true},
    {"convert", NULL, NULL, 1, NULL, false, true},
    {"eval", NULL, NULL, -1, NULL, false, true},
    {"perplexity", NULL, NULL, -1, NULL, false, true},
};

/* Keys of a stage that are no flags. */
static const char args_key[] = "args", name_key[] = "as";

static sk_status at(const cmd_recipe *r, const json_t *parent, const char *key, size_t index,
                    sk_err *e, const char *what)
{
    return sk_yaml_fail(r->yaml, sk_yaml_line(r->yaml, parent, key, index), e, SK_E_USAGE, "%s",
                        what);
}

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the recipe");
}

/* ---- stages ---- */

static const cmd_stage_kind *kind_of(const char *verb)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].verb, verb) == 0) return &kinds[i];
    return NULL;
}

static sk_status add_word(cmd_stage *s, const char *word, sk_err *e)
{
    size_t max = sizeof s->words.item / sizeof *s->words.item;
    if (s->words.n == max) return sk_fail(e, SK_E_USAGE, "a stage has at most %zu words", max);
    s->words.item[s->words.n++] = word;
    return SK_OK;
}

/* The flags: all members but those of the recipe's own, through a copy without them. */
static sk_status read_flags(cmd_recipe *r, cmd_stage *s, sk_err *e)
{
    /* The document's places hang on the object, so the members that are no flags are put aside
     * while its flags are read. */
    json_t *map = (json_t *)(uintptr_t)s->map;
    json_t *args = json_incref(json_object_get(map, args_key));
    json_t *as = json_incref(json_object_get(map, name_key));
    (void)json_object_del(map, args_key);
    (void)json_object_del(map, name_key);
    const cmd_verb *v = cmd_find(s->kind->verb);
    assert(v);
    sk_status st = sk_opt_words_of(&v->opt, r->yaml, map, r->mem, &s->words, e);
    bool lost = args && json_object_set_new(map, args_key, args);
    lost |= as && json_object_set_new(map, name_key, as);
    return !st && lost ? no_memory(e) : st;
}

/* Element i of a list of texts as it was written. */
static sk_status text_at(const cmd_recipe *r, const json_t *list, size_t i, const char **out,
                         sk_err *e)
{
    const char *text = sk_yaml_text(r->yaml, list, NULL, i);
    if (!text || json_is_null(json_array_get(list, i)))
        return at(r, list, NULL, i, e, "a text is wanted here");
    *out = text;
    return SK_OK;
}

/* args: what stands behind the flags. */
static sk_status read_args(const cmd_recipe *r, cmd_stage *s, sk_err *e)
{
    const json_t *list = json_object_get(s->map, args_key);
    const cmd_verb *v = cmd_find(s->kind->verb);
    size_t n = json_array_size(list) + (s->kind->sub != NULL);
    sk_status st = SK_OK;
    if (list && !json_is_array(list))
        return at(r, s->map, args_key, 0, e, "args is a list: [a, b]");
    if (n < v->opt.min_args || n > v->opt.max_args)
        return sk_yaml_fail(r->yaml, s->line, e, SK_E_USAGE, "%s needs args: %s", s->kind->verb,
                            v->opt.args);
    if (n) st = add_word(s, "--", e);
    if (!st && s->kind->sub) st = add_word(s, s->kind->sub, e);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        const char *text = NULL;
        st = text_at(r, list, i, &text, e);
        if (!st && !strcmp(text, "-"))
            st = at(r, list, NULL, i, e, "a recipe can't read standard input");
        if (!st) st = add_word(s, text, e);
        if (!st && s->kind->out_arg == (int)i) s->out = text;
    }
    return st;
}

/* Checks that nothing the verb requires is missing; its own sentence, with the stage's line. */
static sk_status check_required(const cmd_recipe *r, const cmd_stage *s, sk_err *e)
{
    const cmd_verb *v = cmd_find(s->kind->verb);
    for (const sk_opt *row = v->opt.opts; row->name; row++)
        if (row->required && !json_object_get(s->map, row->name))
            return sk_yaml_fail(r->yaml, s->line, e, SK_E_USAGE, "%s needs %s", s->kind->verb,
                                row->name);
    if (s->kind->out && !s->out)
        return sk_yaml_fail(r->yaml, s->line, e, SK_E_USAGE, "%s needs %s", s->kind->verb,
                            s->kind->out);
    return SK_OK;
}

/* "as", or the verb's name, which must then be new. */
static sk_status read_name(const cmd_recipe *r, cmd_stage *s, sk_err *e)
{
    const char *as = sk_yaml_text(r->yaml, s->map, name_key, 0);
    s->name = as ? as : s->kind->verb;
    size_t n = strlen(s->name);
    if (!n || n > 64 || strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != n)
        return at(r, s->map, name_key, 0, e,
                  "a stage's name has small letters, digits, - and _ only");
    const cmd_stage *other = cmd_recipe_find(r, s->name);
    if (!other) return SK_OK;
    return sk_yaml_fail(r->yaml, s->line, e, SK_E_USAGE,
                        "a stage %s is in line %u already: name one with \"as: NAME\"", s->name,
                        other->line);
}

/* One element of stages: {verb: {flag: value, ..}}. */
static sk_status read_stage(cmd_recipe *r, const json_t *list, size_t i, sk_err *e)
{
    json_t *element = json_array_get(list, i);
    void *it = json_object_iter(element);
    if (!json_is_object(element) || json_object_size(element) != 1)
        return at(r, list, NULL, i, e, "a stage is one verb with its settings: \"- train: {..}\"");
    const char *verb = json_object_iter_key(it);
    cmd_stage s = {.kind = kind_of(verb), .map = json_object_iter_value(it)};
    s.line = sk_yaml_line(r->yaml, element, verb, 0);
    if (!s.kind)
        return sk_yaml_fail(r->yaml, s.line, e, SK_E_USAGE,
                            "\"%.40s\" is no stage; there are tokenizer, data, train, tune, "
                            "imatrix, quantize, export, convert, eval, perplexity",
                            verb);
    if (!json_is_object(s.map))
        return sk_yaml_fail(r->yaml, s.line, e, SK_E_USAGE, "%s has no settings", verb);
    sk_status st = read_name(r, &s, e);
    if (!st) st = add_word(&s, verb, e);
    if (!st) st = read_flags(r, &s, e);
    if (s.kind->out) s.out = sk_yaml_text(r->yaml, s.map, s.kind->out, 0);
    if (!st) st = read_args(r, &s, e);
    if (!st) st = check_required(r, &s, e);
    if (!st) r->stage[r->n++] = s;
    return st;
}

static sk_status read_stages(cmd_recipe *r, const json_t *root, sk_err *e)
{
    const json_t *list = json_object_get(root, "stages");
    sk_status st = SK_OK;
    if (!json_is_array(list) || !json_array_size(list))
        return at(r, root, "stages", 0, e, "stages is a list of what to do");
    if (json_array_size(list) > CMD_STAGES_MAX)
        return at(r, root, "stages", 0, e, "that is too many stages");
    for (size_t i = 0; !st && i < json_array_size(list); i++)
        st = read_stage(r, list, i, e);
    return st;
}

/* ---- the rest ---- */

static sk_status read_prompts(cmd_recipe *r, const json_t *root, sk_err *e)
{
    const json_t *list = json_object_get(root, "prompts");
    sk_status st = SK_OK;
    if (!list) return SK_OK;
    if (!json_is_array(list) || json_array_size(list) > CMD_PROMPTS_MAX)
        return at(r, root, "prompts", 0, e, "prompts is a list of at most 64 texts");
    r->n_prompts = json_array_size(list);
    for (size_t i = 0; !st && i < r->n_prompts; i++)
        st = text_at(r, list, i, &r->prompt[i], e);
    return st;
}

/* The recipe's path without its ending, and ".run". */
static const char *default_dir(sk_arena *mem, const char *path)
{
    size_t n = strlen(path), end = n;
    if (n > 5 && strcmp(path + n - 5, ".yaml") == 0) end = n - 5;
    if (n > 4 && strcmp(path + n - 4, ".yml") == 0) end = n - 4;
    char *dir = sk_arena_alloc(mem, n + 8);
    if (dir) (void)snprintf(dir, n + 8, "%.*s.run", (int)end, path);
    return dir;
}

/* What stands above the stages.  An unknown key is an error: a price or a folder that is silently
 * not used would be found out after days of training. */
static sk_status read_head(cmd_recipe *r, const char *path, json_t *root, sk_err *e)
{
    static const char *const known[] = {"name",     "out",     "price_per_hour",
                                        "currency", "prompts", "stages"};
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        bool ok = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            ok |= strcmp(known[i], key) == 0;
        if (ok) continue;
        return at(r, root, key, 0, e,
                  "no such key; there are name, out, price_per_hour, currency, prompts, stages");
    }
    const char *name = sk_yaml_text(r->yaml, root, "name", 0);
    const char *dir = sk_yaml_text(r->yaml, root, "out", 0);
    const char *currency = sk_yaml_text(r->yaml, root, "currency", 0);
    r->name = name ? name : "model";
    r->dir = dir ? dir : default_dir(r->mem, path);
    r->currency = currency ? currency : "USD";
    if (!r->dir) return no_memory(e);
    json_t *price = json_object_get(root, "price_per_hour");
    if (price && !(json_is_number(price) && json_number_value(price) >= 0))
        return at(r, root, "price_per_hour", 0, e, "price_per_hour is a number");
    r->price = price ? json_number_value(price) : 0;
    return SK_OK;
}

sk_status cmd_recipe_open(const char *path, cmd_recipe *r, sk_err *e)
{
    *r = (cmd_recipe){.mem = sk_arena_new(SK_MEM_MISC)};
    if (!r->mem) return no_memory(e);
    sk_status st = sk_yaml_load(path, &r->yaml, e);
    if (st) return st;
    json_t *root = sk_yaml_root(r->yaml);
    if (!json_is_object(root))
        return sk_fail(e, SK_E_USAGE, "%s is no recipe: it begins with no key", path);
    st = read_head(r, path, root, e);
    if (!st) st = read_prompts(r, root, e);
    if (!st) st = read_stages(r, root, e);
    return st;
}

void cmd_recipe_close(cmd_recipe *r)
{
    sk_yaml_free(r->yaml);
    sk_arena_free(r->mem);
    *r = (cmd_recipe){.n = 0};
}

const cmd_stage *cmd_recipe_find(const cmd_recipe *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->stage[i].name, name) == 0) return &r->stage[i];
    return NULL;
}

/* ---- what a stage reads and writes ---- */

bool cmd_stage_result(const cmd_stage *s, char *path)
{
    if (!s->out) return false;
    int n = s->kind->result ? snprintf(path, CMD_PATH_MAX, "%s/%s", s->out, s->kind->result)
                            : snprintf(path, CMD_PATH_MAX, "%s", s->out);
    if (n <= 0 || n >= CMD_PATH_MAX - 16) return false;
    if (!s->kind->resumes || sk_file_exists(path)) return true;
    char adapter[CMD_PATH_MAX];
    n = snprintf(adapter, sizeof adapter, "%s/adapter.gguf", s->out);
    if (n > 0 && n < CMD_PATH_MAX && sk_file_exists(adapter)) memcpy(path, adapter, (size_t)n + 1);
    return true;
}

/* Flags whose value is a path to be read. */
static bool is_input(const cmd_stage *s, const sk_opt *row)
{
    if (s->kind->out && strcmp(row->name, s->kind->out) == 0) return false;
    if (strcmp(s->kind->verb, "eval") == 0 && strcmp(row->name, "items") == 0) return false;
    return row->complete == SK_COMPLETE_FILE || row->complete == SK_COMPLETE_DIR ||
           row->complete == SK_COMPLETE_MODEL;
}

static sk_status flag_inputs(const cmd_recipe *r, const cmd_stage *s, const sk_opt *row,
                             cmd_input_fn fn, void *arg, sk_err *e)
{
    const json_t *v = json_object_get(s->map, row->name);
    sk_status st = SK_OK;
    if (v && !json_is_array(v))
        return fn(arg, sk_yaml_text(r->yaml, s->map, row->name, 0),
                  sk_yaml_line(r->yaml, s->map, row->name, 0), e);
    for (size_t i = 0; !st && i < json_array_size(v); i++)
        st = fn(arg, sk_yaml_text(r->yaml, v, NULL, i), sk_yaml_line(r->yaml, v, NULL, i), e);
    return st;
}

sk_status cmd_stage_inputs(const cmd_recipe *r, const cmd_stage *s, cmd_input_fn fn, void *arg,
                           sk_err *e)
{
    const cmd_verb *v = cmd_find(s->kind->verb);
    const json_t *args = json_object_get(s->map, args_key);
    sk_status st = SK_OK;
    for (const sk_opt *row = v->opt.opts; !st && row->name; row++)
        if (*row->name && is_input(s, row)) st = flag_inputs(r, s, row, fn, arg, e);
    /* Of quantize the third argument is a type. */
    size_t n = json_array_size(args);
    if (strcmp(s->kind->verb, "quantize") == 0 && n > 2) n = 2;
    for (size_t i = 0; !st && i < n; i++) {
        const char *path = sk_yaml_text(r->yaml, args, NULL, i), *equals;
        if ((int)i == s->kind->out_arg || !path) continue;
        if (strcmp(s->kind->verb, "data") == 0 && (equals = strchr(path, '='))) path = equals + 1;
        st = fn(arg, path, sk_yaml_line(r->yaml, args, NULL, i), e);
    }
    return st;
}
