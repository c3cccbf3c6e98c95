/* cmd_eval.c - stoke eval: a model on questions with known answers, and on a text. */
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/eval_view.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Most bytes of a text, and suites of one run. */
#define TEXT_MAX ((uint64_t)1 << 30)
enum { SUITES_MAX = 256 };

typedef struct eval_opts {
    cmd_common common;
    cmd_load load;
    const char *model, *text, *kv_type, *delimiter, *items;
    int64_t context, shots, seed, limit, batch, answer_tokens;
    bool chat, json;
} eval_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(eval_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"text", 'f', SK_OPT_STRING, "FILE", NULL,
     "a text to measure bits per byte and perplexity of, plain or zstd", offsetof(eval_opts, text),
     .complete = SK_COMPLETE_FILE},
    {"context", 'c', SK_OPT_INT, "N", "512", "tokens of a window of --text",
     offsetof(eval_opts, context), 4, 1e9},
    {"shots", 'k', SK_OPT_INT, "K", "0",
     "worked examples in front of each item, drawn from the others of its suite",
     offsetof(eval_opts, shots), 0, 1000},
    {"seed", 0, SK_OPT_INT, "N", "1", "of the choice of examples", offsetof(eval_opts, seed), 0,
     9e15},
    {"limit", 'n', SK_OPT_INT, "N", "0", "only the first N items of each suite; 0 means all",
     offsetof(eval_opts, limit), 0, 1e9},
    {"chat", 0, SK_OPT_BOOL, NULL, NULL, "ask through the model's chat template",
     offsetof(eval_opts, chat)},
    {"delimiter", 0, SK_OPT_STRING, "TEXT", NULL,
     "what stands between a query and what follows it, where a line has no \"delimiter\"; default: "
     "\"\\nAnswer: \" after a \"Question: \" without it, else a space",
     offsetof(eval_opts, delimiter)},
    {"answer-tokens", 0, SK_OPT_INT, "N", "256", "tokens an answer that is written may have",
     offsetof(eval_opts, answer_tokens), 1, 1e6},
    {"batch", 'b', SK_OPT_INT, "N", "0",
     "items run at once; 0 chooses; changes no result, only time and memory",
     offsetof(eval_opts, batch), 0, 256},
    {"items", 'o', SK_OPT_STRING, "FILE", NULL,
     "write a JSON line for each item: its tokens, log-likelihoods, answer",
     offsetof(eval_opts, items), .complete = SK_COMPLETE_FILE},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(eval_opts, json)},
    CMD_KV_ROW(eval_opts, "f32"),
    CMD_LOAD_ROWS(eval_opts),
    CMD_COMMON_ROWS(eval_opts),
    {0},
};

/* What is open. */
typedef struct eval {
    const eval_opts *o;
    cmd_opened on;
    sk_progress *bar;
    const char *stage;            /* the suite being run */
    cmd_eval_row row[SUITES_MAX]; /* [n] */
    size_t n;
    sk_buf text, lines; /* of --text; for --items */
    eng_ppl ppl;
} eval;

/* ---- progress ---- */

static void suite_progress(void *arg, size_t done, size_t total, double acc)
{
    eval *v = arg;
    if (!done) sk_progress_stage(v->bar, v->stage, total, 0);
    if (done) sk_progress_set(v->bar, done, "right %.1f%%", 100 * acc);
}

static void text_progress(void *arg, size_t done, size_t total, const eng_ppl *sofar)
{
    eval *v = arg;
    if (!sofar) sk_progress_stage(v->bar, "text", total, 0);
    if (sofar) sk_progress_set(v->bar, done, "bits per byte %.4f", sofar->bits_per_byte);
}

/* A line of --items: the item's object with the suite's file in front. */
static sk_status item_line(void *arg, const char *json, size_t n, sk_err *e)
{
    eval *v = arg;
    sk_buf_adds(&v->lines, "{\"suite\":");
    sk_json_add_str(&v->lines, v->stage, strlen(v->stage));
    sk_buf_addc(&v->lines, ',');
    sk_buf_add(&v->lines, json + 1, n - 1);
    sk_buf_addc(&v->lines, '\n');
    return sk_buf_ok(&v->lines) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for items' lines");
}

/* ---- running ---- */

/* Everything that can be refused is read before the model is. */
static sk_status load(eval *v, const sk_opt_list *args, sk_err *e)
{
    if (!args->n && !v->o->text)
        return sk_fail(e, SK_E_USAGE, "needs a suite (a file of JSON lines) or --text");
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < args->n && i < SUITES_MAX; i++) {
        v->row[i].path = args->item[i];
        st = eng_suite_load(args->item[i], &v->row[i].suite, e);
        v->n += !st;
    }
    if (!st && v->o->text) st = sk_file_load(v->o->text, TEXT_MAX, &v->text, e);
    return st;
}

/* One suite; for people its row is printed at once. */
static sk_status run_suite(eval *v, cmd_eval_row *r, sk_err *e)
{
    const eval_opts *o = v->o;
    eng_eval_opts eo = {.shots = (size_t)o->shots,
                        .limit = (size_t)o->limit,
                        .n_slots = (size_t)o->batch,
                        .n_answer = (size_t)o->answer_tokens,
                        .seed = (uint64_t)o->seed,
                        .delimiter = o->delimiter,
                        .chat = o->chat,
                        .progress = suite_progress,
                        .stop = cmd_stopped,
                        .line = o->items ? item_line : NULL,
                        .arg = v};
    (void)eng_dtype_of_name(o->kv_type, &eo.kv_type);
    v->stage = strrchr(r->path, '/') ? strrchr(r->path, '/') + 1 : r->path;
    sk_status st = eng_eval_run(v->on.x, v->on.m, r->suite, &eo, &r->got, e);
    sk_progress_end(v->bar);
    if (st || o->json) return st;
    sk_buf b = SK_BUF_INIT;
    if (r == v->row) cmd_eval_add_head(&b);
    cmd_eval_add_row(&b, r);
    return cmd_out_buf(&b, e);
}

static sk_status run_text(eval *v, sk_err *e)
{
    eng_ppl_opts po = {
        .n_ctx = (size_t)v->o->context, .progress = text_progress, .stop = cmd_stopped, .arg = v};
    (void)eng_dtype_of_name(v->o->kv_type, &po.kv_type);
    sk_status st =
        eng_perplexity(v->on.x, v->on.m, v->text.p ? v->text.p : "", v->text.len, &po, &v->ppl, e);
    sk_progress_end(v->bar);
    if (st) return sk_while(e, "%s", v->o->text);
    if (v->o->json) return SK_OK;
    return cmd_outf(e, "%s: %.4f bits per byte, perplexity %.4f +- %.4f over %llu tokens\n",
                    v->o->text, v->ppl.bits_per_byte, v->ppl.perplexity, v->ppl.error,
                    (unsigned long long)v->ppl.tokens);
}

static sk_status print_json(const eval *v, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    eng_model_info info;
    eng_model_get_info(v->on.m, &info);
    sk_buf_adds(&b, "{\"model\":");
    sk_json_add_str(&b, info.name, strlen(info.name));
    sk_buf_addf(&b, ",\"shots\":%lld,\"seed\":%lld,\"chat\":%s,\n ", (long long)v->o->shots,
                (long long)v->o->seed, v->o->chat ? "true" : "false");
    cmd_eval_add_json(&b, v->row, v->n);
    if (v->o->text) {
        sk_buf_adds(&b, ",\n \"text\":{\"bits_per_byte\":");
        sk_json_add_num(&b, v->ppl.bits_per_byte);
        sk_buf_adds(&b, ",\"perplexity\":");
        sk_json_add_num(&b, v->ppl.perplexity);
        sk_buf_addf(&b, ",\"tokens\":%llu}", (unsigned long long)v->ppl.tokens);
    }
    sk_buf_adds(&b, "}\n");
    return cmd_out_buf(&b, e);
}

static sk_status run_all(eval *v, sk_err *e)
{
    sk_status st = cmd_opened_open(v->o->model, &v->o->common, &v->o->load, &v->on, e);
    v->bar = sk_progress_new(stderr, v->o->common.quiet);
    if (!st && v->o->text) st = run_text(v, e);
    for (size_t i = 0; !st && i < v->n; i++)
        st = run_suite(v, &v->row[i], e);
    if (!st && v->o->items)
        st = sk_file_replace(v->o->items, v->lines.p ? v->lines.p : "", v->lines.len, e);
    if (!st && v->o->json) st = print_json(v, e);
    sk_buf b = SK_BUF_INIT;
    cmd_eval_add_mean(&b, v->row, v->n);
    if (!st && !v->o->json && b.len) return cmd_out_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

static void eval_fini(eval *v)
{
    sk_progress_free(v->bar);
    cmd_opened_close(&v->on);
    for (size_t i = 0; i < v->n; i++)
        eng_suite_close(v->row[i].suite);
    sk_buf_fini(&v->text);
    sk_buf_fini(&v->lines);
}

static sk_status eval_verb(int argc, char **argv, sk_err *e)
{
    eval_opts o = {0};
    sk_opt_list args = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_eval_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    eval v = {.o = &o, .text = SK_BUF_INIT, .lines = SK_BUF_INIT};
    st = load(&v, &args, e);
    if (!st) st = run_all(&v, e);
    eval_fini(&v);
    return st == SK_E_STOPPED ? cmd_stopped_err(e) : st;
}

const cmd_verb cmd_eval_verb = {
    {
        "eval",
        "try a model on questions with known answers",
        "[SUITE.jsonl ...]",
        0,
        SUITES_MAX,
        "Each SUITE is a file of JSON lines in one of the forms of CORE (DataComp-LM): choices "
        "(\"query\", \"choices\", \"gold\"), schemas (\"context_options\", \"continuation\", "
        "\"gold\"), exact continuations (\"context\", \"continuation\") or numbers to be found "
        "(\"context\", \"answer\").  A table has, for each, the share of items that are right: by "
        "the log-likelihood of the options, by that for each byte and for each token; the latter "
        "centred, so that 0 is guessing and 1 is all right; and the bits needed for each byte of "
        "the right options.  docs/guide/evaluation.md says how to read it.\n\n"
        "With --text also the bits per byte of a text, as stoke perplexity measures them.  "
        "Results don't depend on --batch or --threads.",
        "stoke eval -m qwen3-0.6b arc_easy.jsonl piqa.jsonl\n  two suites without examples\n"
        "stoke eval -m qwen3-0.6b -k 10 --limit 500 hellaswag.jsonl --json\n  ten examples before "
        "each of 500 items\n"
        "stoke eval -m starter --chat gsm8k.jsonl -o items.jsonl\n  asked as a chat, with every "
        "answer in items.jsonl\n",
        rows,
    },
    eval_verb,
};
