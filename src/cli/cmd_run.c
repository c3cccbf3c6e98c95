/* cmd_run.c - stoke run: the stages of a recipe, each in a process of its own.
 *
 * A process for each stage gives all its memory back, keeps a fault of one from ending the others,
 * and does exactly what its command does by hand.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/child.h"
#include "cli/cmd.h"
#include "cli/recipe_report.h"
#include "cli/verbs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct run_opts {
    cmd_common common;
    const char *from;
    bool dry_run, force, json;
} run_opts;

static const sk_opt rows[] = {
    CMD_ROW(run_opts, "dry-run", 'n', SK_OPT_BOOL, NULL, NULL,
            "say what would run and why, and do nothing", dry_run, 0, NULL),
    CMD_ROW(run_opts, "from", 0, SK_OPT_STRING, "STAGE", NULL,
            "do this stage anew, and look at those behind it", from, 0, NULL),
    CMD_ROW(run_opts, "force", 0, SK_OPT_BOOL, NULL, NULL,
            "do every stage anew; with --from: that one and all behind it", force, 0, NULL),
    CMD_ROW(run_opts, "json", 0, SK_OPT_BOOL, NULL, NULL,
            "print one JSON object a line for each stage that begins or ends", json, 0, NULL),
    CMD_COMMON_ROWS(run_opts),
    {0},
};

/* A recipe under way. */
typedef struct work {
    const run_opts *o;
    cmd_recipe r;
    cmd_state s;
    size_t from;               /* stages before it are not touched */
    bool made[CMD_STAGES_MAX]; /* --dry-run: it would write its result anew */
} work;

/* ---- telling ---- */

static const char *const actions[] = {"skip", "resume", "run"};

/* The command of a stage, word by word. */
static void add_command(sk_buf *b, const cmd_stage *g)
{
    sk_buf_adds(b, ",\"command\":[");
    for (size_t i = 0; i < g->words.n; i++) {
        if (i) sk_buf_addc(b, ',');
        sk_json_add_str(b, g->words.item[i], strlen(g->words.item[i]));
    }
    sk_buf_addc(b, ']');
}

/* What is done with a stage, and why. */
static sk_status tell(const work *w, size_t i, const char *action, const char *why, double seconds,
                      sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    const cmd_stage *g = &w->r.stage[i];
    if (w->o->json) {
        sk_buf_adds(&b, "{\"stage\":");
        sk_json_add_str(&b, g->name, strlen(g->name));
        sk_buf_addf(&b, ",\"number\":%zu,\"of\":%zu,\"action\":\"%s\",\"why\":", i + 1, w->r.n,
                    action);
        sk_json_add_str(&b, why, strlen(why));
        if (seconds >= 0)
            sk_buf_addf(&b, ",\"seconds\":%.3f", seconds);
        else
            add_command(&b, g);
        sk_buf_adds(&b, "}\n");
        return cmd_out_buf(&b, e);
    }
    if (w->o->common.quiet) return SK_OK;
    char text[32];
    sk_buf_addf(&b, "[%zu/%zu] %s: %s", i + 1, w->r.n, g->name, action);
    if (seconds >= 0)
        sk_buf_addf(&b, " (%s)", sk_duration_text(seconds, text, sizeof text));
    else
        sk_buf_addf(&b, ", %s", why);
    sk_buf_addc(&b, '\n');
    return cmd_out_buf(&b, e);
}

/* ---- one stage ---- */

/* Moves what an earlier run with other settings left out of the way: nothing is deleted. */
static sk_status set_aside(const char *path, sk_err *e)
{
    char to[CMD_PATH_MAX];
    for (int k = 1; k < 1000; k++) {
        int n = snprintf(to, sizeof to, "%s.old%d", path, k);
        if (n < 0 || n >= CMD_PATH_MAX) return sk_fail(e, SK_E_INVALID, "a path is too long");
        if (sk_file_exists(to)) continue;
        if (rename(path, to) != 0) return sk_fail_errno(e, errno, "cannot rename %s", path);
        fprintf(stderr, "what was in %s is now %s\n", path, to);
        return SK_OK;
    }
    return sk_fail(e, SK_E_INUSE, "there are too many folders %s.old*", path);
}

/* The command of a stage, with what this run adds to it. */
static void command_of(const work *w, const cmd_stage *g, bool resume, char threads[32],
                       sk_opt_list *out)
{
    *out = (sk_opt_list){.n = 0};
    out->item[out->n++] = g->words.item[0];
    if (resume) out->item[out->n++] = "--resume";
    if (g->kind->json) out->item[out->n++] = "--json";
    if (w->o->common.quiet) out->item[out->n++] = "--quiet";
    if (w->o->common.threads) {
        (void)snprintf(threads, 32, "--threads=%lld", (long long)w->o->common.threads);
        out->item[out->n++] = threads;
    }
    size_t max = sizeof out->item / sizeof *out->item;
    for (size_t i = 1; i < g->words.n && out->n < max; i++)
        out->item[out->n++] = g->words.item[i];
}

/* Folders that a stage would refuse, or go on in, are moved away when it is to begin anew. */
static sk_status make_room(const cmd_stage *g, bool resume, sk_err *e)
{
    bool folder = g->kind->result != NULL; /* the verb wants it new, or its own */
    if (resume || !folder || !g->out || !sk_file_exists(g->out)) return SK_OK;
    return set_aside(g->out, e);
}

/* A training folder that was made by hand, before this recipe's time, is gone on with: the trainer
 * itself refuses one of other settings. */
static bool adopts(const work *w, const cmd_stage *g)
{
    json_t *stages = json_object_get(w->s.root, "stages");
    return g->kind->resumes && !json_object_get(stages, g->name);
}

static sk_status run_stage(work *w, size_t i, cmd_todo todo, sk_err *e)
{
    const cmd_stage *g = &w->r.stage[i];
    char threads[32];
    sk_opt_list words;
    sk_buf printed = SK_BUF_INIT;
    bool resume = g->kind->resumes && (todo == CMD_RESUME || adopts(w, g));
    sk_status st = make_room(g, resume, e);
    if (!st) st = cmd_state_begin(&w->s, &w->r, g, todo == CMD_RUN, e);
    if (st) return st;
    command_of(w, g, resume || g->kind->resumes, threads, &words);
    uint64_t start = sk_now_us();
    st = cmd_child_run(&words, g->kind->json || w->o->json ? &printed : NULL, e);
    double seconds = (double)(sk_now_us() - start) * 1e-6;
    sk_err second = SK_ERR_INIT;
    sk_status kept = cmd_state_end(&w->s, g, !st, seconds, printed.p, &second);
    sk_buf_fini(&printed);
    if (!st && kept) return sk_fail(e, kept, "%s", second.text);
    return st ? sk_while(e, "%s", g->name) : tell(w, i, "done", "", seconds, e);
}

/* ---- all of them ---- */

/* Whether a stage behind others that would run reads what they would write. */
static sk_status reads_made(void *arg, const char *path, unsigned line, sk_err *e)
{
    (void)line;
    const work *w = arg;
    for (size_t k = 0; k < w->r.n; k++) {
        const char *out = w->r.stage[k].out;
        size_t n = out ? strlen(out) : 0;
        if (!w->made[k] || !n || strncmp(path, out, n) != 0 || (path[n] && path[n] != '/'))
            continue;
        return sk_fail(e, SK_E_AGAIN, "%.100s is made by %.60s, which runs", path,
                       w->r.stage[k].name);
    }
    return SK_OK;
}

/* What is to be done with stage i. */
static sk_status look(work *w, size_t i, cmd_todo *todo, char why[256], sk_err *e)
{
    sk_err made = SK_ERR_INIT;
    const cmd_stage *g = &w->r.stage[i];
    if (w->o->dry_run && cmd_stage_inputs(&w->r, g, reads_made, w, &made)) {
        *todo = CMD_RUN;
        (void)snprintf(why, 256, "%s", made.text);
        return SK_OK;
    }
    sk_status st = cmd_state_look(&w->s, &w->r, g, todo, why, e);
    bool forced = w->o->force || (w->o->from && i == w->from);
    if (!st && forced) {
        *todo = CMD_RUN;
        (void)snprintf(why, 256, "it was asked for");
    }
    return st;
}

static sk_status run_all(work *w, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = w->from; !st && i < w->r.n; i++) {
        char why[256] = "";
        cmd_todo todo = CMD_SKIP;
        st = look(w, i, &todo, why, e);
        if (!st && cmd_stopped(NULL)) st = cmd_stopped_err(e);
        if (!st) st = tell(w, i, actions[todo], why, -1, e);
        w->made[i] = todo != CMD_SKIP;
        if (!st && todo != CMD_SKIP && !w->o->dry_run) st = run_stage(w, i, todo, e);
    }
    return st;
}

static sk_status finish(work *w, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (w->o->dry_run) return SK_OK;
    sk_status st = cmd_state_save(&w->s, e);
    if (!st) st = cmd_recipe_report(&w->r, &w->s, e);
    if (st || (w->o->common.quiet && !w->o->json)) return st;
    if (w->o->json) {
        sk_buf_adds(&b, "{\"report\":");
        char path[CMD_PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/report.md", w->r.dir);
        sk_json_add_str(&b, path, strlen(path));
        sk_buf_adds(&b, "}\n");
    } else {
        sk_buf_addf(&b, "%s/report.md\n", w->r.dir);
    }
    return cmd_out_buf(&b, e);
}

/* Opens recipe and state, and runs under the folder's lock. */
static sk_status run_recipe(work *w, const char *path, sk_err *e)
{
    char lock_path[CMD_PATH_MAX];
    int lock = -1;
    sk_status st = cmd_recipe_open(path, &w->r, e);
    if (st) return st;
    const cmd_stage *from = w->o->from ? cmd_recipe_find(&w->r, w->o->from) : NULL;
    if (w->o->from && !from) return sk_fail(e, SK_E_USAGE, "%s has no stage %s", path, w->o->from);
    w->from = from ? (size_t)(from - w->r.stage) : 0;
    int n = snprintf(lock_path, sizeof lock_path, "%s/lock", w->r.dir);
    if (n < 0 || n >= CMD_PATH_MAX) return sk_fail(e, SK_E_INVALID, "a path is too long");
    if (!w->o->dry_run) {
        st = sk_mkdirs(w->r.dir, e);
        if (!st) st = sk_lock_take(lock_path, &lock, e);
    }
    if (!st) st = cmd_state_open(&w->r, &w->s, e);
    if (!st) st = run_all(w, e);
    if (!st) st = finish(w, e);
    if (lock >= 0) sk_lock_drop(lock);
    return st;
}

static sk_status run(int argc, char **argv, sk_err *e)
{
    run_opts o = {.from = NULL};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(&cmd_run_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    assert(args.n == 1);
    work w = {.o = &o};
    st = run_recipe(&w, args.item[0], e);
    cmd_state_close(&w.s);
    cmd_recipe_close(&w.r);
    return cmd_requeue(st, e);
}

const cmd_verb cmd_run_verb = {
    {"run", "do all stages of a recipe", "RECIPE", 1, 1,
     "Does the stages of RECIPE, a YAML file, in order: tokenizer, data, train, tune, imatrix, "
     "quantize, export, convert, eval, perplexity, each with the flags of its verb as keys. A "
     "stage "
     "is left out when its settings, all it reads and what it wrote are as they were, by their "
     "SHA-256; one that was stopped goes on. At the end there is DIR/report.md: curves, tables, "
     "answers to the recipe's prompts, and the cost. docs/format/recipe.md has the keys.\n\n"
     "Paths are those of the folder the command is given in. Ctrl-C stops at any moment; the same "
     "command goes on. What a stage with other settings finds in its folder is renamed, not "
     "removed.",
     "stoke run recipe.yaml\n  all that is not done yet\n"
     "stoke run recipe.yaml --dry-run\n  what that would be, and why\n"
     "stoke run recipe.yaml --from tune\n  the fine-tuning anew, and what follows from it\n",
     rows},
    run};
