/* cmd_train.c - stoke train: from text to a model. */
#include "cli/crew.h"
#include "cli/train_words.h"
#include "cli/verbs.h"

#define INT(name, deflt, help, field, min, max)                                                    \
    CMD_TRAIN_NUM(name, SK_OPT_INT, deflt, help, field, min, max)

static const sk_opt rows[] = {
    {"data", 'd', SK_OPT_LIST, "FILE", NULL,
     "text to learn from, plain or zstd; a line <|endoftext|> ends a document; or the folder of a "
     "data set (stoke data build)",
     offsetof(cmd_train_flags, data), .required = true, .complete = SK_COMPLETE_FILE},
    {"valid", 0, SK_OPT_STRING, "FILE", NULL, "held-out text to measure bits per byte on",
     offsetof(cmd_train_flags, valid), .complete = SK_COMPLETE_FILE},
    {"out", 'o', SK_OPT_STRING, "DIR", NULL, "folder for the model, the checkpoint and the log",
     offsetof(cmd_train_flags, out), .required = true, .complete = SK_COMPLETE_DIR},
    {"from", 0, SK_OPT_STRING, "FILE", NULL,
     "go on from this model: its weights (of any type), shape and tokenizer, with a fresh "
     "optimiser; --lr should be a fraction of what it was trained with",
     offsetof(cmd_train_flags, from), .complete = SK_COMPLETE_MODEL},
    INT("steps", "1000",
        "steps of the optimiser; with --resume there may be more than before, where the rate has "
        "not begun to fall",
        steps, 1, 1e9),
    INT("batch", "2048", "tokens in a step", batch, 1, 1e9),
    CMD_TRAIN_NUM("lr", SK_OPT_FLOAT, "0.003", "learning rate", lr, 1e-12, 1e3),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "All of it by one number", 0},
    INT("depth", "0",
        "layers; width, heads, vocabulary, context, batch, steps, rate and optimiser follow, where "
        "they are not given",
        depth, 0, 96),
    INT("params", "0", "the same by the nearest number of parameters: 5M, say", params, 0, 1e12),
    CMD_TRAIN_NUM("tokens-per-param", SK_OPT_FLOAT, "20", "tokens to train on then, a parameter",
                  tokens_per_param, 0.001, 1e6),
    CMD_TRAIN_SWITCH("dry-run", "print what the run would take, and end", dry_run),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Shape of the model", 0},
    {"arch", 0, SK_OPT_STRING, "NAME", "qwen3", "architecture", offsetof(cmd_train_flags, arch),
     .complete = SK_COMPLETE_WORDS, .words = "qwen3 qwen2 llama gpt2"},
    INT("dim", "256", "width of the residual stream", dim, 1, 1 << 17),
    INT("layers", "5", "layers", layers, 1, 1024),
    INT("heads", "4", "query heads; --dim is a multiple of it", heads, 1, 1024),
    INT("kv-heads", "2",
        "key and value heads; --heads is a multiple of it (gpt2: as many as --heads)", kv_heads, 1,
        1024),
    INT("ffn", "640", "width of the feed-forward layer", ffn, 1, 1 << 20),
    INT("vocab", "4096", "tokens of the tokenizer that is trained", vocab, 1, 1 << 22),
    INT("context", "256", "tokens in a row, the longest the model learns from", context, 2,
        1 << 22),
    CMD_TRAIN_NUM("rope-theta", SK_OPT_FLOAT, "10000", "base of the rotary embedding", rope_theta,
                  1, 1e12),
    CMD_TRAIN_SWITCH("untied", "an output matrix of its own, not the embedding", untied),
    {"tokenizer", 0, SK_OPT_STRING, "FILE", NULL, "take the tokenizer of this GGUF",
     offsetof(cmd_train_flags, tokenizer), .complete = SK_COMPLETE_FILE},
    {"name", 0, SK_OPT_STRING, "NAME", "stoke", "name written into the model",
     offsetof(cmd_train_flags, name)},
    CMD_TRAIN_ROWS,
    CMD_COMMON_ROWS(cmd_train_flags),
    {0},
};

/* What the run would take. */
static sk_status print_plan(eng_exec *x, const cmd_train_flags *f, const eng_train_opts *o,
                            sk_err *e)
{
    eng_train_plan p;
    sk_buf b = SK_BUF_INIT;
    sk_status st = eng_train_plan_of(x, o, &p, e);
    if (st) return st;
    if (f->json) {
        eng_train_plan_json(&p, &b);
    } else {
        if (!f->from) cmd_train_flags_text(f, &b);
        if (!f->from) sk_buf_adds(&b, "\n");
        cmd_train_plan_text(&p, &b);
    }
    return cmd_out_buf(&b, e);
}

/* The model behind --from, workers, then the plan or the run. */
static sk_status run(const cmd_train_flags *f, sk_err *e)
{
    cmd_train_view view;
    eng_train_opts o;
    cmd_crew crew;
    char path[CMD_PATH_MAX];
    sk_status st = f->from ? cmd_model_path(f->from, path, e) : SK_OK;
    if (!st) st = cmd_crew_open(f->common.threads, f->share, &crew, e);
    if (st) return st;
    st = cmd_train_options(f, &view, &o, e);
    if (f->from) o.from = path;
    if (!st) st = f->dry_run ? print_plan(crew.x, f, &o, e) : eng_train_run(crew.x, &o, e);
    st = cmd_train_finish(&view, st, e);
    cmd_crew_close(&crew);
    return st;
}

/* The verb. */
static sk_status train(int argc, char **argv, sk_err *e)
{
    cmd_train_flags f = {0};
    bool done;
    cmd_save_install();
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
    sk_status st = cmd_train_parse(&cmd_train_verb, argc, argv, &f, mem, &done, e);
    if (!st && !done) st = run(&f, e);
    sk_arena_free(mem);
    return st;
}

const cmd_verb cmd_train_verb = {
    {
        "train",
        "train a model from text",
        "",
        0,
        0,
        "Builds a tokenizer from the text, trains a model on it and writes DIR/model.gguf, which "
        "other programs read too.  Beside it lie the checkpoint, the log of the run (log.jsonl) "
        "and its curve (curve.svg).\n"
        "With --from it goes on from a model that is there, in its shape and with its tokenizer.\n"
        "Ctrl-C keeps a checkpoint; --resume goes on from it, to the same bytes as a run that was "
        "never stopped.  Neither that nor the number of threads changes the result.",
        "stoke train --data corpus.txt --valid valid.txt --out run\n"
        "  a small model from one file\n"
        "stoke train --data corpus.txt --valid valid.txt --out run --resume\n"
        "  go on after a stop\n"
        "stoke train --from starter --data more.txt --out more --lr 3e-4 --warmup 0 --decay 0\n"
        "  go on from a model, at a constant rate\n",
        rows,
    },
    train,
};
