/* cmd_tokenizer.c - stoke tokenizer: training one from text, and measuring one on text. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct tokenizer_opts {
    cmd_common common;
    const char *model, *out, *pre;
    int64_t vocab, memory;
    bool json;
} tokenizer_opts;

static const sk_opt rows[] = {
    CMD_ROW(tokenizer_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", json, 0,
            NULL),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "train", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"out", 'o', SK_OPT_STRING, "FILE", NULL,
     "the file to write: a GGUF, or a Hugging Face tokenizer.json if the name ends in .json",
     offsetof(tokenizer_opts, out), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"vocab", 'v', SK_OPT_INT, "N", NULL,
     "tokens: 256 bytes, merges and 3 special tokens; 8192 for a model of a few million "
     "parameters, 32000 for a hundred",
     offsetof(tokenizer_opts, vocab), 1, 1 << 24, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(tokenizer_opts, "pre", 0, SK_OPT_STRING, "NAME", "qwen2",
            "how text is cut into the pieces that are merged: digits one by one, in runs, or in "
            "threes",
            pre, 0, "qwen2 gpt-2 llama-bpe"),
    {"memory", 0, SK_OPT_INT, "BYTES", "4G",
     "memory for the different words; with more of them the rarest are forgotten",
     offsetof(tokenizer_opts, memory), 1 << 20, 1e15, false, SK_COMPLETE_NONE, NULL},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "eval", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"model", 'm', SK_OPT_STRING, "FILE", NULL,
     "the tokenizer: its file, a model or a Hugging Face folder", offsetof(tokenizer_opts, model),
     0, 0, false, SK_COMPLETE_MODEL, NULL},
    CMD_COMMON_ROWS(tokenizer_opts),
    {0},
};

/* What is being shown; a stage, or a file, begins when its number or name is a new one. */
typedef struct view {
    sk_progress *bar;
    const char *stage;
    const char *const *file;
    size_t at;
} view;

/* ---- train ---- */

static bool train_progress(void *arg, const char *stage, uint64_t done, uint64_t total)
{
    view *v = arg;
    bool same = v->stage && strcmp(v->stage, stage) == 0;
    if (!same) sk_progress_stage(v->bar, stage, total, 0);
    v->stage = stage;
    if (strcmp(stage, "count") == 0)
        sk_progress_set(v->bar, done, "%.1f MB", (double)done / 1e6);
    else
        sk_progress_set(v->bar, done, "%s", "");
    return !cmd_stopped(NULL);
}

/* A member of an object, a number. */
static void member(sk_buf *b, const char *name, uint64_t value)
{
    sk_buf_addf(b, ",\"%s\":%" PRIu64, name, value);
}

/* What was made of what. */
static sk_status print_trained(const tokenizer_opts *o, const eng_tokenizer_info *i, double seconds,
                               sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (o->json) {
        sk_buf_adds(&b, "{\"file\":");
        sk_json_add_str(&b, o->out, strlen(o->out));
        sk_buf_addf(&b, ",\"pre\":\"%s\"", o->pre);
        member(&b, "vocab", (uint64_t)o->vocab);
        member(&b, "bytes", i->bytes);
        member(&b, "documents", i->documents);
        member(&b, "pieces", i->pieces);
        member(&b, "words", i->words);
        member(&b, "dropped_words", i->dropped_words);
        member(&b, "dropped_pieces", i->dropped_pieces);
        sk_buf_adds(&b, ",\"seconds\":");
        sk_json_add_num(&b, seconds);
        sk_buf_adds(&b, "}\n");
        return cmd_out_buf(&b, e);
    }
    sk_buf_addf(&b,
                "%s: %" PRId64 " tokens from %.1f MB in %" PRIu64 " documents (%" PRIu64
                " pieces, %" PRIu64 " different) in %.1f s\n",
                o->out, o->vocab, (double)i->bytes / 1e6, i->documents, i->pieces, i->words,
                seconds);
    if (i->dropped_words)
        sk_buf_addf(&b,
                    "%" PRIu64 " rare words, %.3f%% of the text's pieces, were forgotten to stay "
                    "within --memory\n",
                    i->dropped_words, 100.0 * (double)i->dropped_pieces / (double)i->pieces);
    return cmd_out_buf(&b, e);
}

/* stoke tokenizer train FILE... */
static sk_status train(const tokenizer_opts *o, const sk_opt_list *files, sk_err *e)
{
    if (!o->out || !o->vocab)
        return sk_fail(e, SK_E_USAGE, "tokenizer train needs %s", o->out ? "--vocab" : "--out");
    if (o->model) return sk_fail(e, SK_E_USAGE, "--model is for tokenizer eval");
    eng_exec *x;
    eng_tokenizer_info info;
    sk_status st = eng_exec_open((size_t)o->common.threads, &x, e);
    if (st) return st;
    view v = {.bar = sk_progress_new(stderr, o->common.quiet)};
    eng_tokenizer_opts t = {.data = files->item,
                            .n_data = files->n,
                            .vocab = (size_t)o->vocab,
                            .pretok = o->pre,
                            .memory = (uint64_t)o->memory,
                            .progress = train_progress,
                            .arg = &v};
    uint64_t began = sk_now_us();
    st = eng_tokenizer_train(x, &t, o->out, &info, e);
    sk_progress_free(v.bar);
    eng_exec_close(x);
    if (st == SK_E_STOPPED) return cmd_stopped_err(e);
    return st ? st : print_trained(o, &info, (double)(sk_now_us() - began) / 1e6, e);
}

/* ---- eval ---- */

static const char *const kinds[ENG_TOKENS_KINDS] = {"words", "numbers", "signs", "space",
                                                    "beyond-ascii"};

static double ratio(uint64_t bytes, uint64_t tokens)
{
    return tokens ? (double)bytes / (double)tokens : 0;
}

static bool eval_progress(void *arg, size_t file, uint64_t done, uint64_t total)
{
    view *v = arg;
    if (v->at != file + 1) sk_progress_stage(v->bar, v->file[file], total, 0);
    v->at = file + 1;
    sk_progress_set(v->bar, done, "%.1f MB", (double)done / 1e6);
    return !cmd_stopped(NULL);
}

/* A table: a line for each file, one for all, then one for each kind of token. */
static void print_table(const char *const *file, size_t n, const eng_tokenizer_eval *row,
                        size_t n_vocab, sk_buf *b)
{
    sk_buf_addf(b, "%12s %10s %12s %11s %7s  %s\n", "bytes", "documents", "tokens", "bytes/token",
                "used", "text");
    for (size_t i = n == 1 ? 1 : 0; i <= n; i++)
        sk_buf_addf(b, "%12" PRIu64 " %10" PRIu64 " %12" PRIu64 " %11.3f %6.1f%%  %s\n",
                    row[i].bytes, row[i].documents, row[i].tokens,
                    ratio(row[i].bytes, row[i].tokens),
                    100.0 * (double)row[i].used / (double)n_vocab,
                    n == 1  ? file[0]
                    : i < n ? file[i]
                            : "(all)");
    const eng_tokenizer_eval *all = &row[n];
    sk_buf_addf(b, "\n%12s %10s %12s %11s %7s  %s\n", "bytes", "", "tokens", "bytes/token",
                "tokens", "kind of token");
    for (size_t k = 0; k < ENG_TOKENS_KINDS; k++)
        sk_buf_addf(b, "%12" PRIu64 " %10s %12" PRIu64 " %11.3f %6.1f%%  %s\n", all->kind_bytes[k],
                    "", all->kind_tokens[k], ratio(all->kind_bytes[k], all->kind_tokens[k]),
                    all->tokens ? 100.0 * (double)all->kind_tokens[k] / (double)all->tokens : 0,
                    kinds[k]);
}

/* One row as an object without its end. */
static void json_row(const char *name, const eng_tokenizer_eval *r, sk_buf *b)
{
    sk_buf_adds(b, "{\"text\":");
    sk_json_add_str(b, name, strlen(name));
    member(b, "bytes", r->bytes);
    member(b, "documents", r->documents);
    member(b, "tokens", r->tokens);
    member(b, "used", r->used);
    sk_buf_adds(b, ",\"bytes_per_token\":");
    sk_json_add_num(b, ratio(r->bytes, r->tokens));
    sk_buf_adds(b, ",\"kinds\":{");
    for (size_t k = 0; k < ENG_TOKENS_KINDS; k++)
        sk_buf_addf(b, "%s\"%s\":{\"bytes\":%" PRIu64 ",\"tokens\":%" PRIu64 "}", k ? "," : "",
                    kinds[k], r->kind_bytes[k], r->kind_tokens[k]);
    sk_buf_adds(b, "}}");
}

static void print_json(const char *const *file, size_t n, const eng_tokenizer_eval *row,
                       size_t n_vocab, sk_buf *b)
{
    sk_buf_addf(b, "{\"vocab\":%zu,\"all\":", n_vocab);
    json_row("(all)", &row[n], b);
    sk_buf_adds(b, ",\"files\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) sk_buf_addc(b, ',');
        json_row(file[i], &row[i], b);
    }
    sk_buf_adds(b, "]}\n");
}

/* stoke tokenizer eval -m TOKENIZER FILE... */
static sk_status eval(const tokenizer_opts *o, const sk_opt_list *files, sk_err *e)
{
    if (!o->model) return sk_fail(e, SK_E_USAGE, "tokenizer eval needs --model");
    if (o->out || o->vocab)
        return sk_fail(e, SK_E_USAGE, "--%s is for tokenizer train", o->out ? "out" : "vocab");
    char path[CMD_PATH_MAX];
    eng_exec *x = NULL;
    eng_vocab *vocab = NULL;
    eng_tokenizer_eval row[sizeof files->item / sizeof files->item[0] + 1];
    view v = {.bar = sk_progress_new(stderr, o->common.quiet), .file = files->item};
    sk_status st = cmd_model_path(o->model, path, e);
    if (!st) st = eng_vocab_load(path, &vocab, e);
    if (!st) st = eng_exec_open((size_t)o->common.threads, &x, e);
    if (!st)
        st = eng_tokenizer_evaluate(x, vocab, files->item, files->n, eval_progress, &v, row, e);
    sk_progress_free(v.bar);
    sk_buf b = SK_BUF_INIT;
    if (!st)
        (o->json ? print_json : print_table)(files->item, files->n, row, eng_vocab_size(vocab), &b);
    eng_exec_close(x);
    eng_vocab_close(vocab);
    if (st == SK_E_STOPPED) return cmd_stopped_err(e);
    return st ? st : cmd_out_buf(&b, e);
}

/* The verb: the first word says which of the two. */
static sk_status tokenizer(int argc, char **argv, sk_err *e)
{
    tokenizer_opts o = {0};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(&cmd_tokenizer_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    const char *what = args.item[0];
    memmove(args.item, args.item + 1, --args.n * sizeof args.item[0]);
    if (strcmp(what, "train") == 0) return train(&o, &args, e);
    if (strcmp(what, "eval") == 0) return eval(&o, &args, e);
    return sk_fail(e, SK_E_USAGE, "\"%.40s\" is neither train nor eval", what);
}

const cmd_verb cmd_tokenizer_verb = {
    {
        "tokenizer",
        "train a tokenizer from text, or measure one",
        "train|eval FILE...",
        2,
        256,
        "train learns a byte-level BPE vocabulary from text files (plain, zstd or gzip, - is "
        "standard input; a line <|endoftext|> ends a document): the most frequent pair of "
        "neighbours is merged again and again, ties going to the smaller bytes.  The file depends "
        "on the text and the flags only, not on --threads.  The text is read once and need not fit "
        "into memory.  When the different words in it would take more than --memory, those seen "
        "least often so far are forgotten, and it says how many.\n\n"
        "eval encodes files and says how many bytes a token stands for (more is better: fewer "
        "tokens for the same text), for each file and for each kind of token, and how much of the "
        "vocabulary was used.  Give a file of each kind of text that matters; text that the "
        "tokenizer was not trained on tells more.",
        "stoke tokenizer train corpus.txt.zst --vocab 8192 -o tokenizer.gguf\n"
        "  a tokenizer for stoke train --tokenizer\n"
        "zcat *.gz | stoke tokenizer train - --vocab 32000 --pre llama-bpe -o out/tokenizer.json\n"
        "  for other programs\n"
        "stoke tokenizer eval -m tokenizer.gguf prose.txt code.txt\n"
        "  bytes per token of two kinds of text\n",
        rows,
    },
    tokenizer,
};
