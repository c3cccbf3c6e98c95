/* cmd_tune.c - stoke tune: from a model and conversations to a model that answers. */
#include "cli/crew.h"
#include "cli/train_words.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model to begin with, a path or a name",
     offsetof(cmd_train_flags, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"data", 'd', SK_OPT_LIST, "FILE", NULL,
     "conversations, one {\"messages\":[{\"role\":..,\"content\":..},..]} a line, plain or zstd",
     offsetof(cmd_train_flags, data), .required = true, .complete = SK_COMPLETE_FILE},
    {"valid", 0, SK_OPT_STRING, "FILE", NULL, "held-out conversations to measure the loss on",
     offsetof(cmd_train_flags, valid), .complete = SK_COMPLETE_FILE},
    {"out", 'o', SK_OPT_STRING, "DIR", NULL, "folder for the model, the checkpoint and the log",
     offsetof(cmd_train_flags, out), .required = true, .complete = SK_COMPLETE_DIR},
    CMD_TRAIN_NUM("epochs", SK_OPT_FLOAT, "2", "passes over the conversations", epochs, 1e-6, 1e6),
    CMD_TRAIN_NUM("steps", SK_OPT_INT, "0", "steps of the optimiser; 0 goes by --epochs", steps, 0,
                  1e9),
    CMD_TRAIN_NUM("batch", SK_OPT_INT, "2048", "tokens in a step", batch, 1, 1e9),
    CMD_TRAIN_NUM("context", SK_OPT_INT, "0", "tokens in a row; 0 takes the model's", context, 0,
                  1 << 22),
    CMD_TRAIN_NUM("lr", SK_OPT_FLOAT, "0.001", "learning rate", lr, 1e-12, 1e3),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Adapters", 0},
    CMD_TRAIN_NUM(
        "lora", SK_OPT_INT, "0",
        "rank of a low-rank adapter to train while the model stays as it is; 0 trains the "
        "model; DIR/adapter.gguf is the result",
        lora, 0, 1024),
    CMD_TRAIN_NUM("lora-alpha", SK_OPT_FLOAT, "0",
                  "the adapter counts alpha / rank times; 0 takes twice the rank", lora_alpha, 0,
                  1e6),
    {"lora-targets", 0, SK_OPT_STRING, "LIST", "q,k,v,o,gate,up,down", "matrices it changes",
     offsetof(cmd_train_flags, lora_targets)},
    CMD_TRAIN_SWITCH("qlora",
                     "keep the model in the type of its file and unpack it in pieces: least memory",
                     qlora),
    CMD_TRAIN_SWITCH("merge", "write DIR/model.gguf too, with the adapter in it", merge),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Preferences", 0},
    CMD_TRAIN_SWITCH("dpo",
                     "learn from preferences: --data has lines {\"prompt\":..,\"chosen\":..,"
                     "\"rejected\":..}",
                     dpo),
    CMD_TRAIN_NUM("beta", SK_OPT_FLOAT, "0.1", "how firmly to stay by the model begun with", beta,
                  1e-6, 1e3),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Names", 0},
    {"name", 0, SK_OPT_STRING, "NAME", NULL, "name written into the model",
     offsetof(cmd_train_flags, name)},
    CMD_TRAIN_ROWS,
    CMD_COMMON_ROWS(cmd_train_flags),
    {0},
};

/* The model behind -m, workers, the run. */
static sk_status run(const cmd_train_flags *f, sk_err *e)
{
    cmd_train_view view;
    eng_train_opts o;
    cmd_crew crew;
    char path[CMD_PATH_MAX];
    if ((f->qlora || f->merge) && !f->lora)
        return sk_fail(e, SK_E_USAGE, "%s goes with --lora RANK", f->qlora ? "--qlora" : "--merge");
    sk_status st = cmd_model_path(f->model, path, e);
    if (!st) st = cmd_crew_open(f->common.threads, f->share, &crew, e);
    if (st) return st;
    st = cmd_train_options(f, &view, &o, e);
    if (!st) st = eng_tune_run(crew.x, path, &o, e);
    st = cmd_train_finish(&view, st, e);
    cmd_crew_close(&crew);
    return st;
}

/* The verb. */
static sk_status tune(int argc, char **argv, sk_err *e)
{
    cmd_train_flags f = {0};
    bool done;
    cmd_save_install();
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
    sk_status st = cmd_train_parse(&cmd_tune_verb, argc, argv, &f, mem, &done, e);
    if (!st && !done) st = run(&f, e);
    sk_arena_free(mem);
    return st;
}

const cmd_verb cmd_tune_verb = {
    {
        "tune",
        "fine-tune a model on conversations",
        "",
        0,
        0,
        "Teaches a model to answer: it learns what the assistant says in the conversations, "
        "rendered with the model's chat template.  Short conversations share a row without seeing "
        "each other; one that is longer than --context is cut after a turn.  DIR/model.gguf is the "
        "result.\n"
        "With --lora an adapter is trained and the model stays as it is; with --dpo answers that "
        "are "
        "preferred are told from those that are not.  docs/guide/training.md has both.\n"
        "Ctrl-C keeps a checkpoint and --resume goes on from it, as in train.",
        "stoke tune -m run/model.gguf --data chat.jsonl --valid chat-valid.jsonl --out chat\n"
        "  two passes over chat.jsonl\n"
        "stoke tune -m model-Q4_K_M.gguf --data chat.jsonl --out run --lora 16 --qlora --lr 2e-4\n"
        "  an adapter over a quantised model: run/adapter.gguf, for chat and serve --lora\n",
        rows,
    },
    tune,
};
