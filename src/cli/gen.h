/* gen.h - continuing a sequence of tokens: what generate and chat share. */
#ifndef CMD_CLI_GEN_H
#define CMD_CLI_GEN_H

#include "base/stops.h"
#include "cli/cmd.h"
#include "cli/guide.h"
#include "cli/lora.h"
#include "engine/engine.h"

/* How to choose tokens, as flags. */
typedef struct cmd_sample {
    eng_sample_opts o;
    sk_opt_list bias, breakers; /* "ID=BIAS"; texts, empty: the usual ones, "none": none */
} cmd_sample;

/* How to guess tokens ahead, as flags.  (An adapter is a flag of the verb: cli/lora.h.) */
typedef struct cmd_spec {
    const char *draft; /* NULL: no draft model */
    int64_t draft_max;
    double draft_min_p;
    bool lookup;
} cmd_spec;

/* A title among the rows, and a row with all that these need. */
#define CMD_TITLE(text)                                                                            \
    {                                                                                              \
        "", 0, SK_OPT_BOOL, NULL, NULL, text, 0, 0, 0, false, SK_COMPLETE_NONE, NULL               \
    }
#define CMD_FLAG(T, name, type, value, deflt, help, field, least, most, complete)                  \
    {                                                                                              \
        name, 0, type, value, deflt, help, offsetof(T, field), least, most, false, complete, NULL  \
    }
#define CMD_NUM(T, name, type, value, deflt, help, field, least, most)                             \
    CMD_FLAG(T, name, type, value, deflt, help, field, least, most, SK_COMPLETE_NONE)

/* Their rows; T has a member `sample`.  Defaults of what is off are llama.cpp's. */
#define CMD_SAMPLE_ROWS(T)                                                                         \
    CMD_TITLE("Sampling, in the order it is done"),                                                \
        CMD_NUM(T, "seed", SK_OPT_INT, "S", "0",                                                   \
                "the same seed and the same text before give the same choices", sample.o.seed, 0,  \
                9e18),                                                                             \
        CMD_NUM(T, "logit-bias", SK_OPT_LIST, "ID=BIAS", NULL,                                     \
                "add BIAS to the score of token ID (-inf bans it)", sample.bias, 0, 0),            \
        CMD_NUM(T, "repeat-last-n", SK_OPT_INT, "N", "64",                                         \
                "tokens the next three look back over; -1 is all, 0 none",                         \
                sample.o.penalty_last_n, -1, 1e9),                                                 \
        CMD_NUM(T, "repeat-penalty", SK_OPT_FLOAT, "R", "1",                                       \
                "divide the score of tokens there by R (multiply, if negative); 1 is off",         \
                sample.o.repeat_penalty, 0, 100),                                                  \
        CMD_NUM(T, "frequency-penalty", SK_OPT_FLOAT, "F", "0",                                    \
                "take F off their score for each time they are there", sample.o.frequency_penalty, \
                -100, 100),                                                                        \
        CMD_NUM(T, "presence-penalty", SK_OPT_FLOAT, "F", "0", "take F off their score once",      \
                sample.o.presence_penalty, -100, 100),                                             \
        CMD_NUM(T, "dry-multiplier", SK_OPT_FLOAT, "F", "0",                                       \
                "DRY: take F * BASE^(L - LENGTH) off tokens that would lengthen a repetition of "  \
                "L tokens; 0 is off",                                                              \
                sample.o.dry_multiplier, 0, 100),                                                  \
        CMD_NUM(T, "dry-base", SK_OPT_FLOAT, "BASE", "1.75", "DRY: its base", sample.o.dry_base,   \
                0, 100),                                                                           \
        CMD_NUM(T, "dry-allowed-length", SK_OPT_INT, "LENGTH", "2",                                \
                "DRY: repetitions shorter than this are free", sample.o.dry_allowed_length, 0,     \
                1e9),                                                                              \
        CMD_NUM(T, "dry-last-n", SK_OPT_INT, "N", "64",                                            \
                "DRY: tokens to look for repetitions in; -1 is all, 0 none", sample.o.dry_last_n,  \
                -1, 1e9),                                                                          \
        CMD_NUM(T, "dry-breaker", SK_OPT_LIST, "TEXT", NULL,                                       \
                "DRY: no repetition goes beyond TEXT; without this flag a line feed, :, \" and "   \
                "*; none for none",                                                                \
                sample.breakers, 0, 0),                                                            \
        CMD_NUM(T, "top-k", SK_OPT_INT, "K", "0", "of the K likeliest tokens only; 0 is off",      \
                sample.o.top_k, 0, 1e9),                                                           \
        CMD_NUM(T, "typical-p", SK_OPT_FLOAT, "P", "1",                                            \
                "of the tokens nearest to the expected surprise that together reach P only; 1 is " \
                "off",                                                                             \
                sample.o.typical_p, 0, 1),                                                         \
        CMD_NUM(T, "top-p", SK_OPT_FLOAT, "P", "1",                                                \
                "of the likeliest tokens that together reach P only; 1 is off", sample.o.top_p, 0, \
                1),                                                                                \
        CMD_NUM(T, "min-p", SK_OPT_FLOAT, "P", "0.05",                                             \
                "of tokens at least P times as likely as the likeliest only; 0 is off",            \
                sample.o.min_p, 0, 1),                                                             \
        CMD_NUM(T, "xtc-probability", SK_OPT_FLOAT, "P", "0",                                      \
                "XTC: how often to leave out the top choices; 0 is off", sample.o.xtc_probability, \
                0, 1),                                                                             \
        CMD_NUM(T, "xtc-threshold", SK_OPT_FLOAT, "P", "0.1",                                      \
                "XTC: the tokens that reach P, but for the least likely of them",                  \
                sample.o.xtc_threshold, 0, 1),                                                     \
        CMD_NUM(T, "temp", SK_OPT_FLOAT, "T", "0.7", "temperature; 0 always takes the likeliest",  \
                sample.o.temperature, 0, 100),                                                     \
        CMD_NUM(T, "mirostat", SK_OPT_INT, "V", "0",                                               \
                "2: mirostat 2 after the temperature, instead of top-k to XTC; 0 is off",          \
                sample.o.mirostat, 0, 2),                                                          \
        CMD_NUM(T, "mirostat-tau", SK_OPT_FLOAT, "BITS", "5", "mirostat: surprise to aim at",      \
                sample.o.mirostat_tau, 0, 100),                                                    \
        CMD_NUM(T, "mirostat-eta", SK_OPT_FLOAT, "R", "0.1", "mirostat: how fast it learns",       \
                sample.o.mirostat_eta, 0, 1),                                                      \
        CMD_TITLE("Guessing ahead (the text stays the same)"),                                     \
        CMD_FLAG(T, "draft", SK_OPT_STRING, "FILE", NULL,                                          \
                 "guess with this smaller model of the same vocabulary", spec.draft, 0, 0,         \
                 SK_COMPLETE_MODEL),                                                               \
        CMD_NUM(T, "draft-max", SK_OPT_INT, "N", "8", "guess at most N tokens at once",            \
                spec.draft_max, 1, ENG_SPEC_MAX),                                                  \
        CMD_NUM(T, "draft-min-p", SK_OPT_FLOAT, "P", "0.4",                                        \
                "the draft model stops at tokens less probable to it than P", spec.draft_min_p, 0, \
                1),                                                                                \
        CMD_NUM(T, "lookup", SK_OPT_BOOL, NULL, NULL,                                              \
                "guess that what followed the last tokens before follows again", spec.lookup, 0,   \
                0)

/* A model open for one sequence. */
typedef struct cmd_gen {
    eng_exec *x;
    eng_model *m, *draft;
    eng_lora *lora; /* adapter of m, or NULL */
    eng_session *s;
    eng_spec *spec;   /* NULL: nothing is guessed */
    cmd_guide *guide; /* what the answer must satisfy, or NULL; closed with the rest */
    eng_sampler *sampler;
    eng_sample_opts sample;
    eng_logit_bias *bias; /* what sample.bias points to */
    eng_dry_breakers *breakers;
    const cmd_sample *sample_flags;
    const cmd_spec *spec_flags;
    eng_model_info info;
    eng_ids ids;    /* the sequence: what was put in and what was generated */
    size_t n_ready; /* of them, how many the session holds */
    size_t n_ctx;   /* 0 until cmd_gen_start */
} cmd_gen;

/* Opens the model behind `name` (as -m takes it) with its adapter, and the draft model.  The flags
 * must outlive g.
 * Whatever comes back, cmd_gen_close is due. */
sk_status cmd_gen_open(cmd_gen *g, const char *name, int64_t threads, const cmd_load *load,
                       const cmd_sample *sample, const cmd_spec *spec, const cmd_lora *lora,
                       sk_err *e);

/* Opens the session for up to n_ctx tokens (more than the model's are cut to the model's), keys and
 * values kept as the type --kv-type names. */
sk_status cmd_gen_start(cmd_gen *g, size_t n_ctx, const char *kv_type, sk_err *e);

/* Closes whatever was opened, in reverse; g may be half open, or all zeros. */
void cmd_gen_close(cmd_gen *g);

/* Makes g->sample ready after a change of its numbers: checks them, and makes the breakers that DRY
 * needs. */
sk_status cmd_gen_prepare(cmd_gen *g, sk_err *e);

/* What an answer is told to and asks; all but text may be NULL. */
typedef struct cmd_gen_hooks {
    /* each piece of the answer: whole characters (bytes that never become one come too), nothing of
     * a stop sequence */
    sk_status (*text)(void *arg, const char *text, size_t n, sk_err *e);
    /* each token before its text, with the logits it was chosen from; not the end token */
    sk_status (*token)(void *arg, int32_t id, const float *logits, sk_err *e);
    bool (*halt)(void *arg); /* asked before each step: true ends the answer */
    const sk_stops *stops;
    void *arg;
} cmd_gen_hooks;

/* How an answer went. */
typedef struct cmd_gen_stats {
    size_t n_prefill, n_new; /* tokens read, tokens generated (an end token not counted) */
    size_t n_steps;          /* of the model after the first token */
    size_t n_guessed, n_right;
    double prefill_s, decode_s;
    bool ended, stopped, halted; /* by an end token, a stop sequence, `halt` (none of them: by the
                                    limit or the context) */
} cmd_gen_stats;

/* Reads the ids not yet ready, then generates up to max_new tokens and appends them to g->ids
 * (no end token).  SK_E_TOOBIG if the ids leave no room in the context for one more. */
sk_status cmd_gen_run(cmd_gen *g, size_t max_new, const cmd_gen_hooks *hooks, cmd_gen_stats *stats,
                      sk_err *e);

/* n per second; 0 for no time at all. */
double cmd_rate(size_t n, double seconds);

#endif
