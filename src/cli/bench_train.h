/* bench_train.h - stoke bench --train: the shape to time, and the table of figures. */
#ifndef CMD_CLI_BENCH_TRAIN_H
#define CMD_CLI_BENCH_TRAIN_H

#include "base/buf.h"
#include "cli/cmd.h"

/* The flags: only read with --train. */
typedef struct cmd_bench_train {
    bool on, f32, untied;
    const char *arch;
    int64_t dim, layers, heads, kv_heads, ffn, vocab, context, batch, steps;
} cmd_bench_train;

/* A number of T's member `train`. */
#define CMD_BENCH_TRAIN_INT(T, name, deflt, help, field, min, max)                                 \
    {                                                                                              \
        name, 0, SK_OPT_INT, "N", deflt, help, offsetof(T, train.field), min, max, false,          \
            SK_COMPLETE_NONE, NULL                                                                 \
    }

/* The rows; the shape's defaults are those of stoke train. */
#define CMD_BENCH_TRAIN_ROWS(T)                                                                    \
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Training", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},          \
        CMD_ROW(T, "train", 0, SK_OPT_BOOL, NULL, NULL,                                            \
                "time steps of training a model of the shape below, on random tokens", train.on,   \
                0, NULL),                                                                          \
        CMD_ROW(T, "arch", 0, SK_OPT_STRING, "NAME", "qwen3", "architecture", train.arch, 0,       \
                "qwen3 qwen2 llama gpt2"),                                                         \
        CMD_BENCH_TRAIN_INT(T, "dim", "256", "width of the residual stream", dim, 1, 1 << 17),     \
        CMD_BENCH_TRAIN_INT(T, "layers", "5", "layers", layers, 1, 1024),                          \
        CMD_BENCH_TRAIN_INT(T, "heads", "4", "query heads; --dim is a multiple of it", heads, 1,   \
                            1024),                                                                 \
        CMD_BENCH_TRAIN_INT(T, "kv-heads", "2",                                                    \
                            "key and value heads; --heads is a multiple of it", kv_heads, 1,       \
                            1024),                                                                 \
        CMD_BENCH_TRAIN_INT(T, "ffn", "640", "width of the feed-forward layer", ffn, 1, 1 << 20),  \
        CMD_BENCH_TRAIN_INT(T, "vocab", "4096", "tokens of the vocabulary", vocab, 1, 1 << 22),    \
        CMD_BENCH_TRAIN_INT(T, "context", "256", "tokens in a row", context, 2, 1 << 22),          \
        CMD_BENCH_TRAIN_INT(T, "batch", "2048", "tokens in a step", batch, 1, 1e9),                \
        CMD_BENCH_TRAIN_INT(T, "steps", "10", "steps to time", steps, 1, 1e6),                     \
        CMD_ROW(T, "untied", 0, SK_OPT_BOOL, NULL, NULL,                                           \
                "an output matrix of its own, not the embedding", train.untied, 0, NULL),          \
        CMD_ROW(T, "f32", 0, SK_OPT_BOOL, NULL, NULL,                                              \
                "multiply matrices in f32 also where bf16 is faster", train.f32, 0, NULL)

/* Times the steps; the figures with the machine's limits for comparison go to out, as a table or
 * as the members of a JSON object. */
sk_status cmd_bench_train_run(eng_exec *x, const cmd_bench_train *t, const eng_limits *limits,
                              bool json, sk_buf *out, sk_err *e);

#endif
