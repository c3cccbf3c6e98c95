/* gate.h - of the engine's door (engine/engine.h): whether a new version of a model may take the
 * place of the one that is live.  docs/format/gate.md is the rule in words. */
#ifndef ENG_DOOR_GATE_H
#define ENG_DOOR_GATE_H

#include "engine/door/model.h"

/* What is looked at, in this order; the first that fails ends it. */
typedef enum eng_gate_what {
    ENG_GATE_FILE,      /* the new file opens and is whole */
    ENG_GATE_WEIGHTS,   /* no NaN or infinity in it */
    ENG_GATE_TOKENIZER, /* vocabulary, merges, special ids, chat template: the live model's */
    ENG_GATE_SESSION,   /* it loads, and answers a few fixed prompts unseen */
    ENG_GATE_TEXT,      /* bits per byte of held-out documents are better */
    ENG_GATE_ANSWERS,   /* no fewer prompts of a suite are answered rightly */
    ENG_GATE_N
} eng_gate_what;

/* "file", "weights", "tokenizer", "session", "text", "answers". */
const char *eng_gate_what_name(eng_gate_what w);

typedef struct eng_gate_check {
    bool tried, ok; /* tried false: a check before it failed, or there was nothing to try it on */
    char why[320];  /* a clause for a person */
} eng_gate_check;

/* Most files of held-out documents. */
#define ENG_GATE_VALID 8

typedef struct eng_gate_opts {
    const char *const *valid; /* texts, or conversations (.jsonl); the first has to get better,
                                 the others must not get worse */
    size_t n_valid;           /* 1 .. ENG_GATE_VALID */
    const char *answers;      /* a suite with answers that are accepted; NULL: none */
    double margin;            /* bits per byte by which the first has to get better, >= 0 */
    double worse;             /* by which the others may get worse, >= 0 */
    size_t slack;             /* right answers that may be lost */
    size_t n_ctx;             /* tokens of a sequence; at most the live model's context is used */
    size_t n_answer;          /* tokens an answer may have */
    uint64_t most;            /* bytes of documents taken of each file; 0: all */
    /* Each may be NULL.  figures: where what the live model was measured to be is kept, and used
     * again as long as model, data, settings and program are the same; what can't be kept is
     * measured again.  new_figures: where the new model's go if it passes.  best: a folder of such
     * files (*.json) of versions that went live before. */
    const char *figures, *new_figures, *best;
    double best_worse; /* bits per byte by which the further files may be worse than of the best of
                          them, >= 0 */
    size_t best_slack; /* fewer right answers than the best of them */
    /* Both may be NULL.  progress is told how far a stage is; `stop` is asked before every step:
     * true ends it with SK_E_STOPPED. */
    void (*progress)(void *arg, const char *stage, uint64_t done, uint64_t total);
    bool (*stop)(void *arg);
    void *arg;
} eng_gate_opts;

typedef struct eng_gate {
    bool promote;             /* no check failed */
    double live_bpb, new_bpb; /* of the first file; NaN where not measured */
    double low, high;         /* 95 % interval of new_bpb - live_bpb */
    size_t documents;         /* they were measured on */
    size_t answers;           /* prompts asked; 0: none were */
    size_t live_right, new_right;
    bool kept;   /* the live model's figures were used again */
    size_t best; /* earlier versions that could be compared with */
    eng_gate_check check[ENG_GATE_N];
} eng_gate;

/* Judges the GGUF `fresh` against `live`.  What is wrong with the new file is a check that failed,
 * and SK_OK; an error says why it could not be judged: the live model, the held-out files or the
 * suite can't be read, no memory, stopped.  One model is open at a time.  Results depend on the
 * files and options only. */
sk_status eng_gate_run(eng_exec *x, const char *live, const char *fresh, const eng_gate_opts *o,
                       eng_gate *out, sk_err *e);

/* The reason in one clause: of the check that failed, else of what got better. */
const char *eng_gate_why(const eng_gate *g);

#endif
