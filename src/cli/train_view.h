/* train_view.h - what train and tune have in common: their flags, and how a run is shown. */
#ifndef CMD_CLI_TRAIN_VIEW_H
#define CMD_CLI_TRAIN_VIEW_H

#include "base/progress.h"
#include "cli/cmd.h"
#include "engine/engine.h"

/* Flags of both verbs; each has a table with the rows it needs. */
typedef struct cmd_train_flags {
    cmd_common common;
    sk_opt_list data;
    const char *model, *from, *valid, *out, *name, *dtype, *arch, *tokenizer;
    int64_t steps, batch, context, seed, eval_every, save_every, eval_tokens;
    int64_t keep, lanes, dim, layers, heads, kv_heads, ffn, vocab;
    double epochs, lr, min_lr, warmup, decay, weight_decay, grad_clip, rope_theta;
    const char *optimizer;
    double muon_lr, muon_momentum, z_loss, ema, spike_loss, spike_norm, spike_rise;
    const char *on_spike, *config, *schedule;
    int64_t depth, params, micro;
    double tokens_per_param;
    bool dry_run;
    const char *lora_targets;
    int64_t lora;
    double lora_alpha;
    bool qlora, merge, dpo;
    double beta;
    bool recompute;
    bool resume, json, f32, untied;
    const char *share;
} cmd_train_flags;

/* A row of a table of flags over cmd_train_flags: a number, with its bounds. */
#define CMD_TRAIN_NUM(name, type, deflt, help, field, min, max)                                    \
    {                                                                                              \
        name, 0, type, "N", deflt, help, offsetof(cmd_train_flags, field), min, max, false,        \
            SK_COMPLETE_NONE, NULL                                                                 \
    }

/* A row that is a switch. */
#define CMD_TRAIN_SWITCH(name, help, field)                                                        \
    {                                                                                              \
        name, 0, SK_OPT_BOOL, NULL, NULL, help, offsetof(cmd_train_flags, field), 0, 0, false,     \
            SK_COMPLETE_NONE, NULL                                                                 \
    }

/* The rows both tables have: how to learn, what to keep, how to show it. */
#define CMD_TRAIN_ROWS                                                                             \
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Learning", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},          \
        {"optimizer",                                                                              \
         0,                                                                                        \
         SK_OPT_STRING,                                                                            \
         "NAME",                                                                                   \
         "adamw",                                                                                  \
         "adamw for all parameters; or muon for the layers' matrices, adamw for the rest",         \
         offsetof(cmd_train_flags, optimizer),                                                     \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         SK_COMPLETE_WORDS,                                                                        \
         "adamw muon"},                                                                            \
        CMD_TRAIN_NUM("muon-lr", SK_OPT_FLOAT, "0", "muon's learning rate; 0 takes --lr", muon_lr, \
                      0, 1e3),                                                                     \
        CMD_TRAIN_NUM("muon-momentum", SK_OPT_FLOAT, "0.95",                                       \
                      "part of the gradients before that muon's step keeps", muon_momentum, 0,     \
                      0.999999),                                                                   \
        CMD_TRAIN_NUM("min-lr", SK_OPT_FLOAT, "0", "learning rate at the end, as a part of --lr",  \
                      min_lr, 0, 1),                                                               \
        CMD_TRAIN_NUM("warmup", SK_OPT_FLOAT, "0.02", "part of the steps in which the rate rises", \
                      warmup, 0, 1),                                                               \
        CMD_TRAIN_NUM("decay", SK_OPT_FLOAT, "0.3",                                                \
                      "part of the steps, at the end, in which it falls", decay, 0, 1),            \
        {"schedule",                                                                               \
         0,                                                                                        \
         SK_OPT_STRING,                                                                            \
         "NAME",                                                                                   \
         "wsd",                                                                                    \
         "after the warm-up: wsd holds the rate, then lets it fall over --decay; cosine and "      \
         "linear let it fall from there on",                                                       \
         offsetof(cmd_train_flags, schedule),                                                      \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         SK_COMPLETE_WORDS,                                                                        \
         "wsd cosine linear"},                                                                     \
        CMD_TRAIN_NUM("weight-decay", SK_OPT_FLOAT, "0.1", "AdamW's decay of matrices",            \
                      weight_decay, 0, 1e3),                                                       \
        CMD_TRAIN_NUM("grad-clip", SK_OPT_FLOAT, "1",                                              \
                      "largest norm of the gradient; 0 does not clip", grad_clip, 0, 1e9),         \
        CMD_TRAIN_NUM("z-loss", SK_OPT_FLOAT, "0",                                                 \
                      "part of log(Z)^2 added to the loss, keeps logits small; 1e-4 is usual",     \
                      z_loss, 0, 1),                                                               \
        CMD_TRAIN_NUM("ema", SK_OPT_FLOAT, "0",                                                    \
                      "write the running mean of the weights, of which each step keeps this "      \
                      "part (0.999, say); 0 writes the weights",                                   \
                      ema, 0, 0.9999999),                                                          \
        {"on-spike",                                                                               \
         0,                                                                                        \
         SK_OPT_STRING,                                                                            \
         "WHAT",                                                                                   \
         "rollback",                                                                               \
         "at steps that are not finite or stand far out: skip; rollback goes back to the "         \
         "checkpoint after 3 skips and halves the rate; stop; ignore what is finite",              \
         offsetof(cmd_train_flags, on_spike),                                                      \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         SK_COMPLETE_WORDS,                                                                        \
         "rollback skip stop ignore"},                                                             \
        CMD_TRAIN_NUM("spike-loss", SK_OPT_FLOAT, "6",                                             \
                      "standard deviations over the last 128 steps that are a spike of the loss; " \
                      "0 looks at none",                                                           \
                      spike_loss, 0, 1e9),                                                         \
        CMD_TRAIN_NUM("spike-norm", SK_OPT_FLOAT, "16", "the same of the gradient's norm",         \
                      spike_norm, 0, 1e9),                                                         \
        CMD_TRAIN_NUM("spike-rise", SK_OPT_FLOAT, "0.05",                                          \
                      "part by which the mean loss of 128 steps may rise above its lowest before " \
                      "that is taken for divergence; 0 looks at none",                             \
                      spike_rise, 0, 1e9),                                                         \
        CMD_TRAIN_NUM("micro", SK_OPT_INT, "0",                                                    \
                      "rows computed at once; 0 chooses; fewer take less memory", micro, 0, 1e9),  \
        CMD_TRAIN_SWITCH("recompute",                                                              \
                         "keep less of the forward pass and compute it twice: less memory, same "  \
                         "result",                                                                 \
                         recompute),                                                               \
        {"share",                                                                                  \
         0,                                                                                        \
         SK_OPT_STRING,                                                                            \
         "FILE",                                                                                   \
         NULL,                                                                                     \
         "stand still while a server with the same --share (stoke serve) has something to answer", \
         offsetof(cmd_train_flags, share),                                                         \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         SK_COMPLETE_FILE,                                                                         \
         NULL},                                                                                    \
        CMD_TRAIN_NUM("seed", SK_OPT_INT, "0", "seed of initial weights and order of the data",    \
                      seed, 0, 9e15),                                                              \
        CMD_TRAIN_SWITCH("f32", "multiply matrices in f32 also where bf16 is faster", f32),        \
        {"", 0, SK_OPT_BOOL, NULL, NULL, "Results", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},       \
        {"dtype",                                                                                  \
         0,                                                                                        \
         SK_OPT_STRING,                                                                            \
         "TYPE",                                                                                   \
         "f32",                                                                                    \
         "type of the matrices in model.gguf",                                                     \
         offsetof(cmd_train_flags, dtype),                                                         \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         SK_COMPLETE_WORDS,                                                                        \
         "f32 bf16 f16"},                                                                          \
        CMD_TRAIN_NUM("eval-every", SK_OPT_INT, "0",                                               \
                      "steps between held-out losses; 0 takes a twentieth of the run", eval_every, \
                      0, 1e9),                                                                     \
        CMD_TRAIN_NUM("eval-tokens", SK_OPT_INT, "32768",                                          \
                      "tokens of held-out text each of them reads", eval_tokens, 1, 1e9),          \
        CMD_TRAIN_NUM("save-every", SK_OPT_INT, "0",                                               \
                      "steps between checkpoints; 0 takes a twentieth of the run", save_every, 0,  \
                      1e9),                                                                        \
        CMD_TRAIN_NUM("lanes", SK_OPT_INT, "0",                                                    \
                      "parts of a step that are summed apart and shared by the processes (mpirun)" \
                      "; 0 takes one a process",                                                   \
                      lanes, 0, 65536),                                                            \
        CMD_TRAIN_NUM("keep", SK_OPT_INT, "2",                                                     \
                      "checkpoints that stay; the best by held-out loss stays besides", keep, 1,   \
                      1e6),                                                                        \
        CMD_TRAIN_SWITCH("resume", "go on from the checkpoint in --out, if there is one", resume), \
        {"config",                                                                                 \
         0,                                                                                        \
         SK_OPT_STRING,                                                                            \
         "FILE",                                                                                   \
         NULL,                                                                                     \
         "YAML with flags, NAME: VALUE a line; the command line wins",                             \
         offsetof(cmd_train_flags, config),                                                        \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         SK_COMPLETE_FILE,                                                                         \
         NULL},                                                                                    \
        CMD_TRAIN_SWITCH("json", "print one JSON object a line for every step and event", json)

/* A run being shown: JSON lines on stdout, or a progress line on stderr and a curve at the end. */
typedef struct cmd_train_view {
    const cmd_train_flags *flags;
    sk_progress *bar;
    char stage[32]; /* last stage told about */
    double bits_per_byte;
    struct sk_mpi *mpi; /* the other processes, NULL: none */
    sk_status st;       /* of writing to stdout: a reader that went away stops the run */
    sk_err err;
} cmd_train_view;

/* The shape that the flags give, into o. */
void cmd_train_shape(const cmd_train_flags *f, eng_train_opts *o);

/* Fills o from the flags (defaults first) and hooks the view into its callbacks. */
sk_status cmd_train_options(const cmd_train_flags *f, cmd_train_view *view, eng_train_opts *o,
                            sk_err *e);

/* Ends the progress line; turns st into what the verb returns. */
sk_status cmd_train_finish(cmd_train_view *view, sk_status st, sk_err *e);

#endif
