/* cmd_export.c - stoke export: a trained model in the form other programs want.
 *
 * The porcelain over what convert and quantize do: finds the weights in a run's folder, names the
 * model, and writes a GGUF of any type or a Hugging Face folder.
 */
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct export_opts {
    cmd_common common;
    const char *type, *to, *weights, *name, *imatrix;
    bool allow_requantize, json;
} export_opts;

static const sk_opt rows[] = {
    CMD_ROW(export_opts, "to", 0, SK_OPT_STRING, "FORM", NULL,
            "what to write; without it a GGUF where DST ends in .gguf, else a Hugging Face folder",
            to, 0, "gguf hf"),
    CMD_ROW(export_opts, "type", 0, SK_OPT_STRING, "T", NULL,
            "type of the matrices, as stoke quantize has them; F32, F16 or BF16 for a folder; "
            "without it they keep theirs",
            type, 0, NULL),
    CMD_ROW(export_opts, "weights", 0, SK_OPT_STRING, "WHICH", "auto",
            "which weights of a run: auto takes those of its model.gguf, or of the last checkpoint "
            "while there is none",
            weights, 0, "auto last best ema"),
    CMD_ROW(export_opts, "name", 0, SK_OPT_STRING, "NAME", NULL,
            "name written into the model; without it it keeps its own", name, 0, NULL),
    {"imatrix", 0, SK_OPT_STRING, "FILE", NULL,
     "importance matrix for quantised types (stoke imatrix)", offsetof(export_opts, imatrix), 0, 0,
     false, SK_COMPLETE_FILE, NULL},
    CMD_ROW(export_opts, "allow-requantize", 0, SK_OPT_BOOL, NULL, NULL,
            "take a source that is quantised already; the errors of both add up", allow_requantize,
            0, NULL),
    CMD_ROW(export_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object when done",
            json, 0, NULL),
    CMD_COMMON_ROWS(export_opts),
    {0},
};

/* One export under way. */
typedef struct work {
    const export_opts *o;
    const char *src, *dst;
    bool folder; /* a Hugging Face folder is written */
    sk_progress *bar;
    bool started;
} work;

static bool on_bytes(void *arg, uint64_t done, uint64_t total)
{
    work *w = arg;
    if (!w->started) sk_progress_stage(w->bar, "export", total, done);
    w->started = true;
    sk_progress_set(w->bar, done, "%s", "");
    return !cmd_stopped(NULL);
}

static bool on_tensor(void *arg, uint64_t done, uint64_t total, eng_str name)
{
    (void)name;
    return on_bytes(arg, done, total);
}

static eng_run_pick pick_of(const char *name)
{
    static const char *const names[] = {"auto", "last", "best", "ema"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return (eng_run_pick)i;
    return ENG_PICK_AUTO;
}

/* The source, whatever it is, as a GGUF: a run's folder, a Hugging Face folder, a model by path or
 * name. */
static sk_status open_source(const work *w, eng_gguf **out, sk_err *e)
{
    char path[CMD_PATH_MAX];
    eng_run_pick pick = pick_of(w->o->weights);
    if (eng_run_is_folder(w->src)) return eng_run_model_open(w->src, pick, out, e);
    if (pick != ENG_PICK_AUTO)
        return sk_fail(e, SK_E_USAGE, "--weights %s is for the folder of a run, which %s is not",
                       w->o->weights, w->src);
    if (eng_hf_is_folder(w->src)) return eng_hf_open(w->src, out, e);
    sk_status st = cmd_model_path(w->src, path, e);
    return st ? st : eng_gguf_open(path, out, e);
}

static sk_status to_folder(work *w, const eng_gguf *g, sk_err *e)
{
    static const char *const names[] = {"F32", "F16", "BF16"};
    static const int types[] = {ENG_F32, ENG_F16, ENG_BF16};
    const char *type = w->o->type;
    int t = ENG_HF_KEEP;
    for (size_t i = 0; type && i < 3; i++)
        if (strcasecmp(type, names[i]) == 0) t = types[i];
    if (type && t == ENG_HF_KEEP)
        return sk_fail(e, SK_E_USAGE, "a folder's --type is F32, F16 or BF16, not %s", type);
    if (w->o->imatrix)
        return sk_fail(e, SK_E_USAGE, "--imatrix is for quantised types, which no folder has");
    return eng_hf_from_gguf(g, w->dst, t, on_bytes, w, e);
}

static sk_status to_gguf(work *w, const eng_gguf *g, sk_err *e)
{
    const export_opts *o = w->o;
    eng_quantize_opts q = {.copy = !o->type,
                           .allow_requantize = o->allow_requantize,
                           .imatrix_file = o->imatrix,
                           .threads = (size_t)o->common.threads,
                           .progress = on_tensor,
                           .arg = w};
    eng_imatrix *m = NULL;
    eng_quantize_result r;
    if (o->type && !eng_mix_of_name(o->type, &q.mix))
        return sk_fail(e, SK_E_USAGE, "no type %s; stoke quantize --help lists them", o->type);
    sk_status st = o->imatrix ? eng_imatrix_open(o->imatrix, &m, e) : SK_OK;
    if (st) return st;
    q.imatrix = m;
    st = eng_quantize(g, w->dst, &q, &r, e);
    eng_imatrix_close(m);
    return st;
}

/* Under another name, where one was asked for. */
static sk_status write_model(work *w, const eng_gguf *g, sk_err *e)
{
    eng_gguf *named = NULL;
    sk_status st = w->o->name ? eng_gguf_named(g, w->o->name, &named, e) : SK_OK;
    const eng_gguf *from = named ? named : g;
    if (!st) st = w->folder ? to_folder(w, from, e) : to_gguf(w, from, e);
    eng_gguf_close(named);
    return st;
}

static sk_status report(const work *w, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (!w->o->json) {
        if (w->o->common.quiet) return SK_OK;
        sk_buf_addf(&b, "%s\n", w->dst);
        return cmd_out_buf(&b, e);
    }
    sk_buf_adds(&b, "{\"from\":");
    sk_json_add_str(&b, w->src, strlen(w->src));
    sk_buf_adds(&b, ",\"to\":");
    sk_json_add_str(&b, w->dst, strlen(w->dst));
    sk_buf_addf(&b, ",\"form\":\"%s\"}\n", w->folder ? "hf" : "gguf");
    return cmd_out_buf(&b, e);
}

static bool is_gguf_name(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && !strcmp(path + n - 5, ".gguf");
}

/* The form follows from the destination's name unless --to says it; a folder named like a GGUF
 * would be taken for one by all else, so it is refused before anything is opened. */
static sk_status export_model(int argc, char **argv, sk_err *e)
{
    export_opts o = {.type = NULL};
    sk_opt_list args = {.n = 0};
    eng_gguf *g = NULL;
    bool done;
    sk_status st = cmd_parse(&cmd_export_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    assert(args.n == 2);
    work w = {.o = &o, .src = args.item[0], .dst = args.item[1]};
    w.folder = o.to ? strcmp(o.to, "hf") == 0 : !is_gguf_name(w.dst);
    if (w.folder && is_gguf_name(w.dst))
        return sk_fail(e, SK_E_USAGE, "%s has the name of a GGUF, and --to hf writes a folder",
                       w.dst);
    st = open_source(&w, &g, e);
    if (st) return st;
    w.bar = sk_progress_new(stderr, o.common.quiet || o.json);
    st = write_model(&w, g, e);
    sk_progress_end(w.bar);
    sk_progress_free(w.bar);
    eng_gguf_close(g);
    return st ? st : report(&w, e);
}

const cmd_verb cmd_export_verb = {
    {"export", "write a trained model for other programs", "SRC DST", 2, 2,
     "SRC is the folder of a training run (the --out of train or tune), a GGUF, or a Hugging Face "
     "folder. DST becomes a GGUF, in any type that stoke quantize knows, or a Hugging Face folder: "
     "config.json, generation_config.json, model.safetensors, tokenizer.json and "
     "tokenizer_config.json with the chat template, as transformers and llama.cpp read them. What "
     "train makes is a stock qwen3 or llama to them.\n\n"
     "A run need not be done: its last checkpoint serves, or the one with the lowest held-out "
     "loss (--weights best). DST appears complete or not at all; a folder gets its config.json "
     "last.",
     "stoke export models/local/mine mine.gguf --type Q8_0\n  the model of a run, quantised\n"
     "stoke export models/local/mine mine-hf --type BF16 --name mine\n"
     "  a folder for transformers\n"
     "stoke export models/local/mine best.gguf --weights best\n"
     "  the checkpoint with the lowest held-out loss\n",
     rows},
    export_model};
