/* recipe.h - a recipe: verbs of the program in order, read from YAML (docs/format/recipe.md). */
#ifndef CMD_CLI_RECIPE_H
#define CMD_CLI_RECIPE_H

#include "base/mem.h"
#include "base/yaml.h"
#include "cli/cmd.h"

enum { CMD_STAGES_MAX = 64, CMD_PROMPTS_MAX = 64 };

/* What a verb means to a recipe. */
typedef struct cmd_stage_kind {
    const char *verb, *sub; /* sub: the word behind it, "build" of data; NULL: none */
    const char *out;        /* flag that names what it writes; NULL: none */
    int out_arg;            /* or which of its arguments does; -1: none */
    const char *result;     /* file in that folder by which it is known; NULL: it is what it is */
    bool resumes;           /* --resume goes on where it was stopped */
    bool json;              /* its --json goes into the report */
} cmd_stage_kind;

typedef struct cmd_stage {
    const char *name; /* unique */
    const cmd_stage_kind *kind;
    const json_t *map; /* its settings, part of the document */
    unsigned line;
    sk_opt_list words; /* of its command, without the program: "train", "--data=x", .. */
    const char *out;   /* path it writes; NULL: none */
} cmd_stage;

typedef struct cmd_recipe {
    sk_yaml *yaml;
    sk_arena *mem;
    const char *name, *dir; /* of the report; folder for state, outputs of stages, report */
    const char *currency;
    double price; /* of an hour; 0: not given */
    const char *prompt[CMD_PROMPTS_MAX];
    size_t n_prompts;
    cmd_stage stage[CMD_STAGES_MAX];
    size_t n;
} cmd_recipe;

/* Reads and checks the recipe at path: every name and value, with the line of what is wrong.
 * Close with cmd_recipe_close, also after an error. */
sk_status cmd_recipe_open(const char *path, cmd_recipe *r, sk_err *e);

/* Frees all of it. */
void cmd_recipe_close(cmd_recipe *r);

/* Calls fn for every path a stage reads (line: where it is named), until one returns an error. */
typedef sk_status (*cmd_input_fn)(void *arg, const char *path, unsigned line, sk_err *e);
sk_status cmd_stage_inputs(const cmd_recipe *r, const cmd_stage *s, cmd_input_fn fn, void *arg,
                           sk_err *e);

/* The file or folder by which what a stage wrote is known, into path[CMD_PATH_MAX]; false: none.
 * Of tune it is adapter.gguf where it made that and no model. */
bool cmd_stage_result(const cmd_stage *s, char *path);

/* The stage of that name, NULL if there is none. */
const cmd_stage *cmd_recipe_find(const cmd_recipe *r, const char *name);

#endif
