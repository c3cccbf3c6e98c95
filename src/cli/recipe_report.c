/* recipe_report.c - the report of a recipe: stages, curves, evaluations, answers, cost. */
#include "cli/recipe_report.h"

#include "base/file.h"
#include "base/plot.h"
#include "base/progress.h"
#include "cli/child.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The report being written. */
typedef struct report {
    const cmd_recipe *r;
    const cmd_state *s;
    sk_buf b;
    double seconds, flops; /* of all stages; of those that train */
} report;

static bool is(const cmd_stage *g, const char *verb)
{
    return strcmp(g->kind->verb, verb) == 0;
}

static bool trains(const cmd_stage *g)
{
    return is(g, "train") || is(g, "tune");
}

/* A figure, or a dash. */
static void add_num(sk_buf *b, const char *before, double v, int digits)
{
    if (isfinite(v))
        sk_buf_addf(b, "%s%.*f", before, digits, v);
    else
        sk_buf_addf(b, "%s-", before);
}

/* ---- stages ---- */

static void add_words(sk_buf *b, const cmd_stage *g)
{
    sk_buf_adds(b, "`stoke");
    for (size_t i = 0; i < g->words.n; i++)
        sk_buf_addf(b, " %s", g->words.item[i]);
    sk_buf_adds(b, "`");
}

static void add_stages(report *p)
{
    sk_buf_adds(&p->b, "## Stages\n\n| stage | time | command |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < p->r->n; i++) {
        char text[32];
        const cmd_stage *g = &p->r->stage[i];
        double s = cmd_state_seconds(p->s, g);
        p->seconds += s;
        sk_buf_addf(&p->b, "| %s | %s | ", g->name, sk_duration_text(s, text, sizeof text));
        add_words(&p->b, g);
        sk_buf_adds(&p->b, " |\n");
    }
    sk_buf_addc(&p->b, '\n');
}

/* ---- training ---- */

/* Draws up to two series into DIR/NAME-WHAT.svg and shows it. */
static sk_status add_picture(report *p, const cmd_stage *g, const char *what, const sk_series *s,
                             size_t n, const char *y_name, sk_err *e)
{
    char path[CMD_PATH_MAX], title[128];
    sk_buf svg = SK_BUF_INIT;
    int k = snprintf(path, sizeof path, "%s/%s-%s.svg", p->r->dir, g->name, what);
    if (k < 0 || k >= CMD_PATH_MAX) return sk_fail(e, SK_E_INVALID, "a path is too long");
    (void)snprintf(title, sizeof title, "%s, %s", p->r->name, g->name);
    sk_plot_svg(s, n, title, "step", y_name, &svg);
    sk_status st = sk_buf_ok(&svg) ? sk_file_replace(path, svg.p, svg.len, e)
                                   : sk_fail(e, SK_E_NOMEM, "no memory for a curve");
    sk_buf_fini(&svg);
    sk_buf_addf(&p->b, "![%s of %s](%s-%s.svg)\n\n", y_name, g->name, g->name, what);
    return st;
}

/* Figures that a log lacks (not finite) are left out or shown as a dash, never as 0. */
static void add_run(report *p, const eng_run_info *i)
{
    sk_buf *b = &p->b;
    if (isfinite(i->flops)) p->flops += i->flops;
    sk_buf_addf(b, "%.2f M parameters, %" PRIu64 " steps, ", (double)i->n_params / 1e6, i->step);
    add_num(b, "", i->tokens / 1e6, 2);
    sk_buf_adds(b, " M tokens, ");
    if (isfinite(i->flops))
        sk_buf_addf(b, "%.2e operations in ", i->flops);
    else
        sk_buf_adds(b, "- operations in ");
    char text[32];
    sk_buf_adds(b, sk_duration_text(i->seconds, text, sizeof text));
    if (i->seconds > 0 && isfinite(i->tokens))
        sk_buf_addf(b, " (%.0f tokens/s)", i->tokens / i->seconds);
    add_num(b, ".\nLoss ", i->loss, 4);
    add_num(b, ", held out ", i->val_loss, 4);
    add_num(b, " nats a token; bits per byte ", i->bits_per_byte, 4);
    sk_buf_addf(b,
                ". Checkpoints written: %" PRIu64 "; sessions: %" PRIu64 "; loss spikes: %" PRIu64
                ".\n\n",
                i->n_saved, i->n_runs, i->n_spikes);
}

static sk_status add_training(report *p, const cmd_stage *g, sk_err *e)
{
    eng_runlog *log;
    sk_status st = eng_runlog_open(g->out, &log, e);
    if (st) return st;
    st = eng_runlog_poll(log, e);
    const eng_run_info *i = eng_runlog_info(log);
    sk_buf_addf(&p->b, "## %s\n\n", g->name);
    if (!st) add_run(p, i);
    const sk_series loss[] = {
        {"training loss", i->train.step, i->train.value, i->train.n},
        {"held-out loss", i->held_out.step, i->held_out.value, i->held_out.n}};
    const sk_series bpb = {"bits per byte", i->bpb.step, i->bpb.value, i->bpb.n};
    if (!st && i->train.n) st = add_picture(p, g, "loss", loss, 2, "nats per token", e);
    if (!st && i->bpb.n) st = add_picture(p, g, "bpb", &bpb, 1, "bits per byte", e);
    eng_runlog_close(log);
    return st;
}

/* ---- evaluations ---- */

static double num(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* The rows of `stoke eval --json`; what a kind of suite does not have is a dash. */
static void add_suites(sk_buf *b, const json_t *suites)
{
    size_t i;
    const json_t *row;
    sk_buf_adds(b, "| suite | kind | items | right % | chance % | centred | bits/byte |\n"
                   "| --- | --- | --- | --- | --- | --- | --- |\n");
    json_array_foreach(suites, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "suite"));
        const char *kind = json_string_value(json_object_get(row, "kind"));
        sk_buf_addf(b, "| %s | %s", name ? name : "", kind ? kind : "");
        add_num(b, " | ", num(row, "items"), 0);
        add_num(b, " | ", 100 * num(row, "acc"), 1);
        add_num(b, " +- ", 100 * num(row, "acc_stderr"), 1);
        add_num(b, " | ", 100 * num(row, "chance"), 1);
        add_num(b, " | ", num(row, "centred"), 3);
        add_num(b, " | ", num(row, "bits_per_byte"), 3);
        sk_buf_adds(b, " |\n");
    }
    sk_buf_addc(b, '\n');
}

/* The numbers an object has, itself or one level down, as a list. */
static void add_numbers(sk_buf *b, const json_t *obj, const char *of)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        if (json_is_number(v)) sk_buf_addf(b, "- %s%s: %.6g\n", of, key, json_number_value(v));
        if (json_is_object(v) && !*of) {
            char name[64];
            (void)snprintf(name, sizeof name, "%.40s ", key);
            add_numbers(b, v, name);
        }
    }
}

static void add_evaluation(report *p, const cmd_stage *g)
{
    const json_t *v = cmd_state_printed(p->s, g), *suites = json_object_get(v, "suites");
    sk_buf b = SK_BUF_INIT;
    if (json_array_size(suites)) add_suites(&b, suites);
    add_numbers(&b, v, "");
    if (b.len) sk_buf_addf(&p->b, "## %s\n\n%s\n", g->name, b.p);
    p->b.oom |= !sk_buf_ok(&b);
    sk_buf_fini(&b);
}

/* ---- answers ---- */

/* The model that answers: the last tuned one, else the last trained; *chat: it is a tuned one. */
static const cmd_stage *speaker(const report *p, bool *chat)
{
    const cmd_stage *found = NULL;
    *chat = false;
    for (size_t i = 0; i < p->r->n; i++) {
        const cmd_stage *g = &p->r->stage[i];
        bool tuned = is(g, "tune");
        if (!trains(g) || (*chat && !tuned)) continue;
        found = g;
        *chat = tuned;
    }
    return found;
}

static void quote(sk_buf *b, const char *text)
{
    bool begin = true;
    for (; *text; text++) {
        if (begin) sk_buf_adds(b, "> ");
        sk_buf_addc(b, *text);
        begin = *text == '\n';
    }
    if (!begin) sk_buf_addc(b, '\n');
    sk_buf_addc(b, '\n');
}

/* Flags that open the model a stage made: the model itself, or an adapter on the one it began with.
 */
static void add_model(const report *p, const cmd_stage *g, const char *result, sk_opt_list *words)
{
    size_t n = strlen(result), tail = strlen("/adapter.gguf");
    bool adapter = n > tail && strcmp(result + n - tail, "/adapter.gguf") == 0;
    const char *base = sk_yaml_text(p->r->yaml, g->map, "model", 0);
    words->item[words->n++] = "-m";
    words->item[words->n++] = adapter && base ? base : result;
    if (!adapter) return;
    words->item[words->n++] = "--lora";
    words->item[words->n++] = result;
}

/* An answer by a child process, as any user would get it: greedy, so that the report can be made
 * again.  A stage with no result has none. */
static sk_status add_answer(report *p, const cmd_stage *g, bool chat, const char *prompt, sk_err *e)
{
    char result[CMD_PATH_MAX];
    sk_buf answer = SK_BUF_INIT, ask = SK_BUF_INIT;
    sk_opt_list words = {.n = 0};
    if (!cmd_stage_result(g, result)) return SK_OK;
    sk_buf_addf(&ask, "--prompt=%s", prompt);
    words.item[words.n++] = "generate";
    add_model(p, g, result, &words);
    words.item[words.n++] = "--temp=0";
    words.item[words.n++] = "--tokens=200";
    words.item[words.n++] = "--quiet";
    words.item[words.n++] = ask.p ? ask.p : "";
    if (chat) words.item[words.n++] = "--chat";
    sk_status st = sk_buf_ok(&ask) ? cmd_child_run(&words, &answer, e)
                                   : sk_fail(e, SK_E_NOMEM, "no memory for a prompt");
    if (!st) {
        sk_buf_addf(&p->b, "**%s**\n\n", prompt);
        quote(&p->b, answer.p ? answer.p : "");
    }
    sk_buf_fini(&answer);
    sk_buf_fini(&ask);
    return st;
}

static sk_status add_answers(report *p, sk_err *e)
{
    bool chat;
    const cmd_stage *g = speaker(p, &chat);
    sk_status st = SK_OK;
    if (!g || !p->r->n_prompts) return SK_OK;
    sk_buf_addf(&p->b,
                "## Samples\n\nBy %s, the likeliest token each time, at most 200 tokens.\n\n",
                g->name);
    for (size_t i = 0; !st && i < p->r->n_prompts; i++)
        st = add_answer(p, g, chat, p->r->prompt[i], e);
    return st;
}

/* ---- the whole ---- */

static void add_cost(report *p)
{
    char text[32];
    double hours = p->seconds / 3600;
    sk_buf_addf(&p->b, "## Cost\n\n%.2e operations of training, %s (%.3f hours) in all", p->flops,
                sk_duration_text(p->seconds, text, sizeof text), hours);
    if (p->r->price > 0)
        sk_buf_addf(&p->b, ", %.2f %s at %.4g %s an hour", hours * p->r->price, p->r->currency,
                    p->r->price, p->r->currency);
    sk_buf_adds(&p->b, ".\n");
}

/* Written whole or not at all, so an earlier report stays where this one fails. */
sk_status cmd_recipe_report(const cmd_recipe *r, const cmd_state *s, sk_err *e)
{
    char path[CMD_PATH_MAX], day[32] = "";
    report p = {.r = r, .s = s, .b = SK_BUF_INIT};
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm)) (void)strftime(day, sizeof day, "%Y-%m-%d %H:%M UTC", &tm);
    sk_buf_addf(&p.b, "# %s\n\nMade by stoke %s, %s.\n\n", r->name, SK_VERSION, day);
    add_stages(&p);
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < r->n; i++) {
        if (trains(&r->stage[i]))
            st = add_training(&p, &r->stage[i], e);
        else if (cmd_state_printed(s, &r->stage[i]))
            add_evaluation(&p, &r->stage[i]);
    }
    if (!st) st = add_answers(&p, e);
    add_cost(&p);
    int n = snprintf(path, sizeof path, "%s/report.md", r->dir);
    if (!st && (n < 0 || n >= CMD_PATH_MAX)) st = sk_fail(e, SK_E_INVALID, "a path is too long");
    if (!st && !sk_buf_ok(&p.b)) st = sk_fail(e, SK_E_NOMEM, "no memory for the report");
    if (!st) st = sk_file_replace(path, p.b.p, p.b.len, e);
    sk_buf_fini(&p.b);
    return st;
}
