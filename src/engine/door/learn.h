/* learn.h - of the engine's door (engine/engine.h): making models: tokenizers, pretraining,
 * fine-tuning. */
#ifndef ENG_DOOR_LEARN_H
#define ENG_DOOR_LEARN_H

#include "base/buf.h"
#include "engine/door/model.h"

/* ---- tokenizers ---- */

typedef struct eng_tokenizer_opts {
    const char *const *data; /* text files: plain, zstd or gzip, "-" = stdin; documents separated by
                                a line <|endoftext|> */
    size_t n_data;           /* at least 1 */
    size_t vocab;            /* tokens: 256 bytes, merges, 3 special ones */
    const char *pretok;      /* "qwen2", "gpt-2", "llama-bpe", or another name GGUF files use */
    uint64_t memory;         /* bytes for words and the training on them; with more, rare words are
                                forgotten; 0: no limit */
    /* A part of a stage is done: "count" in bytes of the files as they lie on disk (total 0: not
     * known), "merge" in merges.  May be NULL; returning false stops with SK_E_STOPPED. */
    bool (*progress)(void *arg, const char *stage, uint64_t done, uint64_t total);
    void *arg;
} eng_tokenizer_opts;

typedef struct eng_tokenizer_info {
    uint64_t bytes, documents; /* of the text */
    uint64_t pieces, words;    /* words: different pieces that the merges were learnt from */
    uint64_t dropped_words, dropped_pieces; /* forgotten for want of memory */
} eng_tokenizer_info;

/* Trains a byte-level BPE tokenizer, with x's threads, and writes it to the file `out`: a GGUF, or
 * where the name ends in .json a Hugging Face tokenizer.json (with tokenizer_config.json beside it
 * if it has just that name).  The file depends on the text, the size, the pre-tokenizer and the
 * memory, not on threads or on how the text is packed.  SK_E_INVALID when the text is empty or
 * allows fewer merges. */
sk_status eng_tokenizer_train(eng_exec *x, const eng_tokenizer_opts *o, const char *out,
                              eng_tokenizer_info *info, sk_err *e);

/* What a token consists of. */
typedef enum eng_token_kind {
    ENG_TOKENS_WORDS,   /* a letter of ASCII and no byte beyond it */
    ENG_TOKENS_NUMBERS, /* else: a digit */
    ENG_TOKENS_SIGNS,   /* else: ASCII that is not only white space */
    ENG_TOKENS_SPACE,   /* white space */
    ENG_TOKENS_BEYOND,  /* a byte beyond ASCII: other scripts and signs */
    ENG_TOKENS_KINDS
} eng_token_kind;

/* How a text comes out in tokens. */
typedef struct eng_tokenizer_eval {
    uint64_t bytes, documents, tokens;
    uint64_t used; /* different tokens that occurred */
    /* By kind; the bytes are those of the tokens, which are the text's in a byte-level vocabulary.
     */
    uint64_t kind_tokens[ENG_TOKENS_KINDS], kind_bytes[ENG_TOKENS_KINDS];
} eng_tokenizer_eval;

/* Encodes each of the n files (forms as above) document by document; row[i] is file i's, row[n] of
 * all together.  progress may be NULL: bytes done and in all of file number `file`; returning false
 * stops with SK_E_STOPPED.  A file without text is SK_E_INVALID. */
sk_status eng_tokenizer_evaluate(eng_exec *x, const eng_vocab *v, const char *const *path, size_t n,
                                 bool (*progress)(void *arg, size_t file, uint64_t done,
                                                  uint64_t total),
                                 void *arg, eng_tokenizer_eval *row, sk_err *e);

/* ---- training ---- */

typedef enum eng_train_kind {
    ENG_EV_STAGE, /* a stage begins: `stage`, `total` steps (0: not known), `step` done already */
    ENG_EV_STEP,  /* one optimiser step is done */
    ENG_EV_EVAL,  /* held-out loss was measured */
    ENG_EV_SAVED, /* a checkpoint is on disk */
    ENG_EV_PLAN,  /* before the first step: `plan` */
    ENG_EV_NOTE,  /* a sentence for a person: `text` */
    ENG_EV_DONE   /* model.gguf is in place: `text` is its path; val_loss and bits_per_byte are of
                     all held-out text (up to 2^20 tokens of it), NaN without any */
} eng_train_kind;

/* What a run will take, told before its first step. */
typedef struct eng_train_plan {
    uint64_t params, steps, step_tokens, micro_tokens; /* micro_tokens: computed at once */
    double flops_token, flops; /* of a token of training (see eng_train_event), of the run */
    double seconds;            /* of the run; 0: not measured */
    uint64_t bytes;            /* of memory in all, and its parts */
    uint64_t bytes_params, bytes_grads, bytes_optim, bytes_packs, bytes_activations, bytes_batch;
    uint64_t bytes_data;    /* tokens that lie in memory */
    uint64_t bytes_saver;   /* the most that writing a checkpoint copies (train/saver.h) */
    uint64_t bytes_allowed; /* the machine's memory or the control group's limit; 0: unknown */
    bool group;             /* it is the control group's */
} eng_train_plan;

typedef struct eng_train_event {
    eng_train_kind kind;
    const char *stage, *text;                            /* borrowed for the call */
    const eng_train_plan *plan;                          /* likewise */
    uint64_t step, total, tokens;                        /* tokens: trained on since step 0 */
    double loss, val_loss, bits_per_byte, lr, grad_norm; /* nats a token; NaN where not measured */
    double tokens_per_s, mfu; /* of this step; mfu: share of the machine's measured peak, at
                                 6 N + 12 n_layer n_embd n_ctx operations a token */
    uint64_t pairs; /* with preferences: pairs of this step or of the held-out set, 0: none; */
    double accuracy, margin; /* share of them that the model ranks rightly, mean of how much more it
                                now favours the chosen answer, in nats */
    double waited;           /* of ENG_EV_SAVED: seconds training has stood still for checkpoints */
    double eta_s; /* of ENG_EV_STEP: seconds until the last step, at the pace of the last ones */
} eng_train_event;

/* Who updates the matrices of the layers; all else is AdamW's. */
typedef enum eng_optimizer { ENG_ADAMW, ENG_MUON } eng_optimizer;

/* What is done about a step whose loss or gradient is not finite or stands far out: left out, and
 * after several the newest checkpoint is gone back to; left out only; the run ends; nothing, as
 * long as numbers are finite. */
typedef enum eng_on_spike {
    ENG_SPIKE_ROLLBACK,
    ENG_SPIKE_SKIP,
    ENG_SPIKE_STOP,
    ENG_SPIKE_IGNORE
} eng_on_spike;

typedef struct eng_train_opts {
    const char *const *data; /* text files, plain or zstd, "-" = stdin; documents separated by a
                                line <|endoftext|>; or one folder of a data set (eng_data_build) */
    size_t n_data;           /* at least 1 */
    const char *valid;       /* held-out text, NULL: none */
    const char *out;         /* folder; gets model.gguf, tokenizer.gguf, checkpoint.stk, log.jsonl,
                                curve.svg, older checkpoints and, where `event` is set,
                                metrics.jsonl */
    const char *arch;        /* "qwen3", "qwen2", "llama" or "gpt2" */
    const char *name;        /* general.name of the model */
    const char *tokenizer;   /* a GGUF to take the tokenizer from; NULL: train one on data */
    const char *from; /* pretraining goes on from this model (a GGUF or a Hugging Face folder): its
                         weights, shape and tokenizer; arch (NULL) and shape (0) are then its own,
                         or must be as it has them.  NULL: from nothing */
    uint64_t steps, batch_tokens,
        seed;      /* steps in all; tokens of a step; of weights and of the order of rows */
    double epochs; /* fine-tuning with steps = 0: passes over the conversations */
    uint32_t dim, layers, heads, kv_heads, ffn, vocab, context; /* the model's shape */
    double rope_theta;                                          /* base of RoPE's angles */
    bool tied, resume; /* the output matrix is the embedding; go on from the checkpoint */
    bool cosine;       /* learning rate falls as a cosine instead of warm-up, level, decay */
    eng_dtype dtype;   /* of the matrices in the model file written */
    int compute_bf16;  /* 1: bf16 matrix products, 0: f32, -1: bf16 where the processor has it */
    double lr, min_lr_frac, warmup_frac, decay_frac, weight_decay, beta1, beta2, grad_clip;
    eng_optimizer optimizer;
    double muon_lr, muon_momentum; /* Muon's rate (0: lr) and momentum */
    double z_loss; /* part of log(Z)^2 in the loss that is learned from (not in the one shown) */
    double ema; /* the model written is the running mean of the weights, of which this part is kept
                   each step; 0: it is the weights themselves */
    eng_on_spike on_spike;
    double spike_loss, spike_norm; /* standard deviations above the mean of the last 128 steps that
                                      make a spike of the loss, of the gradient's norm; 0: none */
    double
        spike_rise; /* part by which the mean loss of 128 steps may stand above its lowest; 0: any
                     */
    uint32_t micro_rows; /* rows computed at once; 0: chosen.  Sums go by it */
    /* Fine-tuning: rank of an adapter that is trained while the model stays as it is (0: the model
     * itself is trained), its alpha (0: twice the rank), the matrices it changes ("q,k,v,o,..");
     * keep the model's matrices as its file has them; write a merged model too. */
    uint32_t lora;
    double lora_alpha;
    const char *lora_targets;
    bool qlora, merge;
    bool dpo;       /* learn from pairs of answers of which one is preferred (train/dpo.h) */
    double beta;    /* its factor of the log-likelihoods */
    bool recompute; /* activations are computed twice rather than kept: less memory, same bytes */
    uint64_t eval_every, save_every, eval_tokens; /* steps, steps, tokens; 0: chosen */
    uint32_t lanes; /* parts of a step whose gradients are summed apart and added in order, shared
                       by the processes; 0: what the checkpoint has, else as many as processes */
    struct sk_mpi *mpi; /* the other processes of this run (base/mpi.h), NULL: there are none */
    uint32_t keep; /* checkpoints that stay, the newest included; the best one is kept besides */
    /* Called from the training thread. */
    void (*event)(void *arg, const eng_train_event *ev);
    bool (*stop)(
        void *arg); /* asked between micro-batches; true: checkpoint and return SK_E_STOPPED */
    bool (*save)(void *arg); /* asked after each step; true: checkpoint now.  NULL: never */
    void *arg;
    struct eng_metrics *metrics; /* the run's own: leave it NULL */
} eng_train_opts;

/* Fills in the defaults. */
void eng_train_opts_default(eng_train_opts *o);

/* Pretrains: tokenizer if none is given, data, steps, model.gguf.  With resume it goes on from
 * out/checkpoint.stk, if there is one, to the same bytes as a run that was never stopped; settings
 * that differ from the checkpoint's are refused.  Without resume an existing checkpoint is refused
 * (SK_E_INUSE) rather than overwritten.  A run that is done already is reported as done. */
sk_status eng_train_run(eng_exec *x, const eng_train_opts *o, sk_err *e);

/* What eng_train_run of o will take, its time by a short step measured on this machine; of the data
 * only a tokenizer that is there already is read, nothing is written.  SK_E_NOMEM when it cannot
 * fit says what would. */
sk_status eng_train_plan_of(eng_exec *x, const eng_train_opts *o, eng_train_plan *out, sk_err *e);

/* One number for a model and how to train it (dial.c has the rules and where they come from): sets
 * layers, dim, heads, kv_heads, ffn, vocab and context for a depth >= 1; */
void eng_dial_shape(uint32_t depth, eng_train_opts *o);

/* the depth whose shape comes nearest to so many parameters (> 0); */
uint32_t eng_dial_depth(double params);

/* the parameters of o's shape, but for norms of heads; */
double eng_dial_params(const eng_train_opts *o);

/* tokens of a step for a run over so many; */
uint64_t eng_dial_batch(double tokens, uint32_t context);

/* and the rate for o's optimizer and width. */
double eng_dial_lr(const eng_train_opts *o);

/* A plan as one line of JSON. */
void eng_train_plan_json(const eng_train_plan *p, sk_buf *out);

/* Parts of a training step that are timed.  ENG_TRAIN_STEP is the whole of it. */
typedef enum eng_train_part {
    ENG_TRAIN_FORWARD,   /* of all micro-batches, the loss included */
    ENG_TRAIN_BACKWARD,  /* what is left of them */
    ENG_TRAIN_NORM,      /* the gradient's: what clipping needs, and clearing what has to be */
    ENG_TRAIN_OPTIMISER, /* the update; with AdamW it reads four floats a parameter, writes three */
    ENG_TRAIN_LOAD,      /* packing the new weights */
    ENG_TRAIN_STEP,
    ENG_TRAIN_PARTS
} eng_train_part;

/* What a step of a shape costs on this machine. */
typedef struct eng_train_figures {
    uint64_t tokens, micro_tokens; /* of a step, of a micro-batch */
    uint64_t n_params;
    double flops; /* a token, by the convention of eng_train_event */
    double loss;  /* of the last step, nats a token */
    double least_s[ENG_TRAIN_PARTS], middle_s[ENG_TRAIN_PARTS]; /* least and middle of the steps */
    bool bf16;                                                  /* the products' precision */
} eng_train_figures;

/* Times n >= 1 steps (one more goes before) of the shape, batch and precision in o on random
 * tokens; no data, no folder, nothing is written.  o->stop is asked between steps. */
sk_status eng_train_bench(eng_exec *x, const eng_train_opts *o, size_t n, eng_train_figures *out,
                          sk_err *e);

/* Fine-tunes `model` (a GGUF or a Hugging Face folder) on JSONL files of
 * {"messages":[{"role","content"},..]} with loss on the assistant's tokens; o->data and o->valid
 * are such files; arch, tokenizer and shape are the model's (context: 0 or more than the model's
 * means the model's).  With o->lora the result is out/adapter.gguf, and out/model.gguf only with
 * o->merge.  With o->dpo the files are of lines {"prompt", "chosen", "rejected"}. */
sk_status eng_tune_run(eng_exec *x, const char *model, const eng_train_opts *o, sk_err *e);

#endif
