/* gen.h - continuing a sequence of tokens: what generate and chat share. */
#ifndef CMD_CLI_GEN_H
#define CMD_CLI_GEN_H

#include "cli/cmd.h"
#include "engine/engine.h"

/* How to choose tokens, as flags. */
typedef struct cmd_sample {
    double temp, top_p, min_p;
    int64_t top_k, seed;
} cmd_sample;

/* Their rows; T has a member `sample`. */
#define CMD_SAMPLE_ROWS(T)                                                                         \
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Sampling", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},          \
        CMD_ROW(T, "temp", 0, SK_OPT_FLOAT, "T", "0.7",                                            \
                "temperature; 0 always takes the likeliest", sample.temp, 100, NULL),              \
        CMD_ROW(T, "top-k", 0, SK_OPT_INT, "K", "0", "of the K likeliest tokens only; 0 is off",   \
                sample.top_k, 1e9, NULL),                                                          \
        CMD_ROW(T, "top-p", 0, SK_OPT_FLOAT, "P", "1",                                             \
                "of the likeliest tokens that together reach P only; 1 is off", sample.top_p, 1,   \
                NULL),                                                                             \
        CMD_ROW(T, "min-p", 0, SK_OPT_FLOAT, "P", "0.05",                                          \
                "of tokens at least P times as likely as the likeliest only; 0 is off",            \
                sample.min_p, 1, NULL),                                                            \
        CMD_ROW(T, "seed", 0, SK_OPT_INT, "S", "0",                                                \
                "the same seed and the same text before give the same choices", sample.seed, 9e18, \
                NULL)

/* A model open for one sequence. */
typedef struct cmd_gen {
    eng_exec *x;
    eng_model *m;
    eng_session *s;
    eng_sampler *sampler;
    eng_sample_opts sample;
    eng_model_info info;
    eng_ids ids;    /* the sequence: what was put in and what was generated */
    size_t n_ready; /* of them, how many the session holds */
    size_t n_ctx;   /* 0 until cmd_gen_start */
} cmd_gen;

/* Opens the model behind `name` (as -m takes it).  Whatever comes back, cmd_gen_close is due. */
sk_status cmd_gen_open(cmd_gen *g, const char *name, int64_t threads, const cmd_sample *sample,
                       sk_err *e);

/* Opens the session for up to n_ctx tokens (more than the model's are cut to the model's). */
sk_status cmd_gen_start(cmd_gen *g, size_t n_ctx, sk_err *e);
void cmd_gen_close(cmd_gen *g);

/* Told each piece of the answer: whole characters, though bytes that never become one come too. */
typedef sk_status cmd_gen_sink(void *arg, const char *text, size_t n, sk_err *e);

/* Asked before each token: true ends the answer. */
typedef bool cmd_gen_halt(void *arg);

/* How an answer went. */
typedef struct cmd_gen_stats {
    size_t n_prefill, n_new; /* tokens read, tokens generated (an end token not counted) */
    double prefill_s, decode_s;
    bool ended, halted; /* by an end token; by `halt` (neither: by the limit or the context) */
} cmd_gen_stats;

/* Reads the ids not yet ready, then generates up to max_new tokens and appends them to g->ids
 * (no end token).  SK_E_TOOBIG if the ids leave no room in the context for one more. */
sk_status cmd_gen_run(cmd_gen *g, size_t max_new, cmd_gen_sink *sink, cmd_gen_halt *halt, void *arg,
                      cmd_gen_stats *stats, sk_err *e);

/* n per second; 0 for no time at all. */
double cmd_rate(size_t n, double seconds);

#endif
