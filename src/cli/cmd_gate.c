/* cmd_gate.c - stoke gate: may a new version of a model take the place of the live one? */
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/crew.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

typedef struct gate_opts {
    cmd_common common;
    const char *live, *fresh, *answers, *share, *figures, *new_figures, *best;
    sk_opt_list valid;
    double margin, worse, best_worse;
    int64_t slack, best_slack, context, answer_tokens, bytes;
    bool json;
} gate_opts;

static const sk_opt rows[] = {
    {"live", 'm', SK_OPT_STRING, "FILE", NULL, "the model that is live, a path or a name",
     offsetof(gate_opts, live), .required = true, .complete = SK_COMPLETE_MODEL},
    {"new", 'n', SK_OPT_STRING, "FILE", NULL, "the model that may take its place",
     offsetof(gate_opts, fresh), .required = true, .complete = SK_COMPLETE_MODEL},
    {"valid", 0, SK_OPT_LIST, "FILE", NULL,
     "held-out text, or conversations (.jsonl), plain or zstd: on the first file the new model has "
     "to be better, on the others not much worse",
     offsetof(gate_opts, valid), .required = true, .complete = SK_COMPLETE_FILE},
    {"answers", 0, SK_OPT_STRING, "FILE", NULL,
     "prompts with the answers that are accepted, JSON lines", offsetof(gate_opts, answers),
     .complete = SK_COMPLETE_FILE},
    {"margin", 0, SK_OPT_FLOAT, "BITS", "0.001",
     "bits per byte by which it has to be better; less is not worth a swap",
     offsetof(gate_opts, margin), 0, 8},
    {"worse", 0, SK_OPT_FLOAT, "BITS", "0.01",
     "bits per byte by which it may be worse on the further files", offsetof(gate_opts, worse), 0,
     8},
    {"slack", 0, SK_OPT_INT, "N", "1", "right answers it may lose", offsetof(gate_opts, slack), 0,
     1e6},
    {"context", 'c', SK_OPT_INT, "N", "512",
     "tokens of a document seen at once, at most the live model's context",
     offsetof(gate_opts, context), 2, 1e9},
    {"answer-tokens", 0, SK_OPT_INT, "N", "64", "tokens an answer may have",
     offsetof(gate_opts, answer_tokens), 1, 1e6},
    {"bytes", 0, SK_OPT_INT, "N", "2Mi",
     "take about so much of each held-out file, documents evenly from all of it; 0 takes all",
     offsetof(gate_opts, bytes), 0, 1e15},
    {"figures", 0, SK_OPT_STRING, "FILE", NULL,
     "keep there what the live model is measured to be, and don't measure it again as long as "
     "model, data and settings are the same",
     offsetof(gate_opts, figures), .complete = SK_COMPLETE_FILE},
    {"new-figures", 0, SK_OPT_STRING, "FILE", NULL, "the same of the new model, if it may go live",
     offsetof(gate_opts, new_figures), .complete = SK_COMPLETE_FILE},
    {"best", 0, SK_OPT_STRING, "FOLDER", NULL,
     "such files (*.json) of versions before: the best of them is a second measure, so that small "
     "losses don't add up",
     offsetof(gate_opts, best), .complete = SK_COMPLETE_DIR},
    {"best-worse", 0, SK_OPT_FLOAT, "BITS", "0.02",
     "bits per byte by which it may be worse than the best of them on the further files",
     offsetof(gate_opts, best_worse), 0, 8},
    {"best-slack", 0, SK_OPT_INT, "N", "3", "right answers fewer than of the best of them",
     offsetof(gate_opts, best_slack), 0, 1e6},
    {"share", 0, SK_OPT_STRING, "FILE", NULL,
     "stand still while a server that was given the same file has something to answer",
     offsetof(gate_opts, share), .complete = SK_COMPLETE_FILE},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(gate_opts, json)},
    CMD_COMMON_ROWS(gate_opts),
    {0},
};

/* ---- what came of it ---- */

static void add_num(sk_buf *b, const char *key, double v)
{
    sk_buf_addf(b, ",\"%s\":", key);
    sk_json_add_num(b, v);
}

static void add_why(sk_buf *b, const char *why)
{
    sk_buf_adds(b, ",\"why\":");
    sk_json_add_str(b, why, strlen(why));
}

/* One object; checks that were not tried are left out. */
static void add_json(sk_buf *b, const eng_gate *g)
{
    bool any = false;
    sk_buf_addf(b, "{\"promote\":%s", g->promote ? "true" : "false");
    add_why(b, eng_gate_why(g));
    add_num(b, "live_bpb", g->live_bpb);
    add_num(b, "new_bpb", g->new_bpb);
    add_num(b, "low", g->low);
    add_num(b, "high", g->high);
    sk_buf_addf(b, ",\"documents\":%zu,\"answers\":%zu,\"answers_live\":%zu,\"answers_new\":%zu",
                g->documents, g->answers, g->live_right, g->new_right);
    sk_buf_addf(b, ",\"kept\":%s,\"best\":%zu,\"checks\":[", g->kept ? "true" : "false", g->best);
    for (int i = 0; i < ENG_GATE_N; i++) {
        const eng_gate_check *c = &g->check[i];
        if (!c->tried) continue;
        sk_buf_addf(b, "%s{\"check\":\"%s\",\"ok\":%s", any ? "," : "",
                    eng_gate_what_name((eng_gate_what)i), c->ok ? "true" : "false");
        add_why(b, c->why);
        sk_buf_addc(b, '}');
        any = true;
    }
    sk_buf_adds(b, "]}\n");
}

/* A line for each check. */
static void add_lines(sk_buf *b, const eng_gate *g)
{
    for (int i = 0; i < ENG_GATE_N; i++) {
        const eng_gate_check *c = &g->check[i];
        const char *name = eng_gate_what_name((eng_gate_what)i);
        if (c->tried) sk_buf_addf(b, "%-9s %-6s %s\n", name, c->ok ? "ok" : "failed", c->why);
    }
    if (g->promote) sk_buf_adds(b, "the new model may go live\n");
}

/* ---- the verb ---- */

static void progress(void *arg, const char *stage, uint64_t done, uint64_t total)
{
    if (!done) sk_progress_stage(arg, stage, total, 0);
    if (done) sk_progress_set(arg, done, "%s", "");
}

/* Opens what the verdict needs and gives it back before anything is printed: the models are gone
 * when the answer is shown. */
static sk_status judge(const gate_opts *o, eng_gate *out, sk_err *e)
{
    char live[CMD_PATH_MAX], fresh[CMD_PATH_MAX];
    cmd_crew crew;
    sk_status st = cmd_model_path(o->live, live, e);
    if (!st) st = cmd_model_path(o->fresh, fresh, e);
    if (!st) st = cmd_crew_open(o->common.threads, o->share, &crew, e);
    if (st) return st;
    eng_gate_opts go = {.valid = o->valid.item,
                        .n_valid = o->valid.n,
                        .answers = o->answers,
                        .margin = o->margin,
                        .worse = o->worse,
                        .slack = (size_t)o->slack,
                        .n_ctx = (size_t)o->context,
                        .n_answer = (size_t)o->answer_tokens,
                        .most = (uint64_t)o->bytes,
                        .figures = o->figures,
                        .new_figures = o->new_figures,
                        .best = o->best,
                        .best_worse = o->best_worse,
                        .best_slack = (size_t)o->best_slack,
                        .progress = progress,
                        .stop = cmd_stopped};
    go.arg = sk_progress_new(stderr, o->common.quiet);
    st = eng_gate_run(crew.x, live, fresh, &go, out, e);
    sk_progress_free(go.arg);
    cmd_crew_close(&crew);
    return st == SK_E_STOPPED ? cmd_stopped_err(e) : st;
}

static sk_status gate(int argc, char **argv, sk_err *e)
{
    gate_opts o = {0};
    eng_gate g;
    bool done;
    sk_status st = cmd_parse(&cmd_gate_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    st = judge(&o, &g, e);
    if (st) return st;
    sk_buf b = SK_BUF_INIT;
    if (o.json)
        add_json(&b, &g);
    else
        add_lines(&b, &g);
    st = cmd_out_buf(&b, e);
    if (st || g.promote) return st;
    return sk_fail(e, SK_E_KEEP, "the live model stays: %s", eng_gate_why(&g));
}

const cmd_verb cmd_gate_verb = {
    {
        "gate",
        "decide whether a new model may take the live one's place",
        "",
        0,
        0,
        "Checks, in this order, up to the first that fails: the new file is whole; its weights are "
        "numbers; its tokenizer and chat template are the live model's; it loads and answers a few "
        "prompts in a session that no one sees; it predicts held-out documents better, by --margin "
        "and by more than chance; of a suite of prompts it answers no fewer rightly than the live "
        "one, but for --slack.  Prints a line for each.\n\n"
        "The exit status is 0 if the new model may go live, 10 if the live one stays; any other "
        "says that it could not be judged.  The result depends on the files and flags only.  "
        "docs/format/gate.md has the rule in full.",
        "stoke gate --live live.gguf --new round7/model.gguf --valid chat-valid.jsonl.zst "
        "valid.txt "
        "--answers answers.jsonl\n  one decision, as stoke up makes it\n",
        rows,
    },
    gate,
};
