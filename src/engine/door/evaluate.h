/* evaluate.h - of the engine's door (engine/engine.h): what a model is worth: perplexity, suites of
 * questions, and which of its columns matter. */
#ifndef ENG_DOOR_EVALUATE_H
#define ENG_DOOR_EVALUATE_H

#include "engine/door/session.h"

/* ---- perplexity ---- */

typedef struct eng_ppl {
    double perplexity, error; /* e^(mean of -ln p), and its standard error */
    double bits_per_byte;     /* of the text of the tokens scored */
    uint64_t tokens, windows; /* scored; run */
} eng_ppl;

typedef struct eng_ppl_opts {
    size_t n_ctx;      /* tokens of a window; llama-perplexity's default is 512 */
    eng_dtype kv_type; /* as in eng_session_opts */
    /* Both may be NULL.  progress is told at the start (sofar is NULL) and after every few windows;
     * `stop` is asked before every step: true ends it with SK_E_STOPPED. */
    void (*progress)(void *arg, size_t done, size_t total, const eng_ppl *sofar);
    bool (*stop)(void *arg);
    void *arg;
} eng_ppl_opts;

/* Perplexity of a text by llama-perplexity's procedure (infer/ppl.h).  SK_E_INVALID if the text has
 * fewer tokens than one window. */
sk_status eng_perplexity(eng_exec *x, const eng_model *m, const char *text, size_t n,
                         const eng_ppl_opts *o, eng_ppl *out, sk_err *e);

/* ---- evaluation ---- */

/* Questions with known answers (eval/suite.h has their forms). */
typedef struct eng_suite eng_suite;

typedef enum eng_suite_kind {
    ENG_SUITE_CHOICE, /* which of several texts follows a query */
    ENG_SUITE_SCHEMA, /* which of several contexts a text follows */
    ENG_SUITE_EXACT,  /* the text that follows must be the model's own choice, token by token */
    ENG_SUITE_ANSWER, /* a number is asked, and read from what the model writes */
    ENG_SUITE_REPLY   /* what the model writes is held against answers that are accepted */
} eng_suite_kind;

typedef struct eng_suite_info {
    eng_suite_kind kind;
    size_t n; /* items */
} eng_suite_info;

/* Reads a file of JSON lines, plain or zstd; "-" is stdin.  A bad line is SK_E_FORMAT with
 * file:line, a suite whose items ask for programs to be run SK_E_UNSUPPORTED. */
sk_status eng_suite_load(const char *path, eng_suite **out, sk_err *e);

/* NULL is allowed. */
void eng_suite_close(eng_suite *s);

/* What a suite asks for, and how many items it has. */
void eng_suite_get_info(const eng_suite *s, eng_suite_info *out);

/* "choice", "schema", "exact", "answer", "reply". */
const char *eng_suite_kind_name(eng_suite_kind k);

/* A share of items and its standard error, sqrt(p (1 - p) / (n - 1)); NaN where a kind of suite
 * has none. */
typedef struct eng_share {
    double share, error;
} eng_share;

typedef struct eng_eval {
    size_t n_items; /* tried */
    size_t n_long;  /* left out, since they are longer than the model's context */
    eng_share acc;  /* CHOICE, SCHEMA: the right option has the largest log-likelihood; EXACT: every
                       token was the likeliest; ANSWER, REPLY: the answer is right */
    eng_share acc_byte;  /* CHOICE: the largest for each byte of the option */
    eng_share acc_token; /* CHOICE, SCHEMA: the largest for each token, counted as CORE does */
    double chance;       /* the mean over items of 1 / options; 0 for the other kinds */
    double centred; /* (a - chance) / (1 - chance), a: acc_token where there is one, else acc */
    double bits_per_byte; /* of the right options; NaN where answers are written */
    uint64_t tokens;      /* run through the model; the only figure that depends on n_slots */
} eng_eval;

typedef struct eng_eval_opts {
    size_t shots;          /* worked examples before each item, from the same file */
    size_t limit;          /* only the first so many items; 0: all */
    size_t n_slots;        /* sequences run at once, at most 256; 0: chosen.  Changes no result */
    size_t n_answer;       /* ANSWER, REPLY: tokens the model may write, at least 1 */
    uint64_t seed;         /* of the choice of examples */
    const char *delimiter; /* between query and option; NULL: chosen (eval/prompt.h) */
    bool chat;             /* ask as a user of the model's chat template */
    eng_dtype kv_type;     /* as in eng_session_opts */
    /* All may be NULL.  progress is told at the start and after items; `line` gets a JSON object
     * for each item, in their order, without a line feed (eval/score.h); an error it returns ends
     * the run; `stop` is asked before every step: true ends it with SK_E_STOPPED. */
    void (*progress)(void *arg, size_t done, size_t total, double acc);
    sk_status (*line)(void *arg, const char *json, size_t n, sk_err *e);
    bool (*stop)(void *arg);
    void *arg;
} eng_eval_opts;

/* Tries the model on a suite.  Results are the same for any n_slots and number of threads.
 * SK_E_INVALID if there are too few items for `shots`, or none fits the context; SK_E_UNSUPPORTED
 * for encoders and models without a vocabulary; SK_E_CORRUPT if the model's logits are not finite.
 */
sk_status eng_eval_run(eng_exec *x, const eng_model *m, const eng_suite *s, const eng_eval_opts *o,
                       eng_eval *out, sk_err *e);

/* ---- importance matrices ---- */

typedef struct eng_calib {
    uint64_t tokens, windows; /* run */
    size_t entries;           /* tensors in the file */
    size_t idle;              /* matrices of experts that no token chose, over all tensors */
} eng_calib;

typedef struct eng_calib_opts {
    size_t n_ctx;        /* tokens of a window; llama-imatrix's default is 512 */
    const char *dataset; /* what the file is to say it was made from */
    /* Both may be NULL: as in eng_ppl_opts. */
    void (*progress)(void *arg, size_t done, size_t total);
    bool (*stop)(void *arg);
    void *arg;
} eng_calib_opts;

/* Runs the text through the model, in windows, and writes how much each column of its matrices
 * matters to path, for eng_quantize and llama-quantize (infer/calib.c).  Matrices of latent
 * attention are left out.  SK_E_INVALID if the text is shorter than a window, SK_E_UNSUPPORTED for
 * encoders. */
sk_status eng_calibrate(eng_exec *x, const eng_model *m, const char *text, size_t n,
                        const eng_calib_opts *o, const char *path, eng_calib *out, sk_err *e);

#endif
