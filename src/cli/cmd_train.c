/* cmd_train.c - stoke train: from text to a model. */
#include "cli/train_view.h"
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
    INT("steps", "1000", "steps of the optimiser", steps, 1, 1e9),
    INT("batch", "2048", "tokens in a step", batch, 1, 1e9),
    CMD_TRAIN_NUM("lr", SK_OPT_FLOAT, "0.003", "learning rate", lr, 1e-12, 1e3),
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

/* The verb: flags, workers, the run. */
static sk_status train(int argc, char **argv, sk_err *e)
{
    cmd_train_flags f = {0};
    cmd_train_view view;
    eng_train_opts o;
    eng_exec *x;
    bool done;
    cmd_save_install();
    sk_status st = cmd_parse(&cmd_train_verb, argc, argv, &f, &f.common, NULL, &done, e);
    if (st || done) return st;
    st = eng_exec_open((size_t)f.common.threads, &x, e);
    if (st) return st;
    st = cmd_train_options(&f, &view, &o, e);
    if (!st) st = eng_train_run(x, &o, e);
    st = cmd_train_finish(&view, st, e);
    eng_exec_close(x);
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
        "Ctrl-C keeps a checkpoint; --resume goes on from it, to the same bytes as a run that was "
        "never stopped.  Neither that nor the number of threads changes the result.",
        "stoke train --data corpus.txt --valid valid.txt --out run\n"
        "  a small model from one file\n"
        "stoke train --data corpus.txt --valid valid.txt --out run --resume\n"
        "  go on after a stop\n",
        rows,
    },
    train,
};
