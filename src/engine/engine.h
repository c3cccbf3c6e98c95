/* engine.h - the engine's door: open a model, open a session, step it, train it.
 *
 * Lifetimes: an eng_exec (threads, kernels) outlives what is opened with it; an eng_model is
 * immutable once open and may be shared by threads; an eng_session is one mutable inference state,
 * stepped by one thread at a time.
 *
 * Same bytes: for one ISA, the logits of a token are a function of the model and the tokens before
 * it, whatever else is in the step, however the prompt was cut into chunks, and whatever the number
 * of threads.
 */
#ifndef ENG_ENGINE_H
#define ENG_ENGINE_H

#include "base/status.h"
#include "engine/data/build.h"
#include "engine/data/stream.h"
#include "engine/format/gguf.h"
#include "engine/format/llama2c.h"
#include "engine/format/quantize.h"
#include "engine/grammar/grammar.h"
#include "engine/hf/hf.h"
#include "engine/jinja/jinja.h"
#include "engine/kernel/exec.h"
#include "engine/tensor/dtype.h"
#include "engine/token/chat.h"
#include "engine/token/ids.h"
#include "engine/train/eventline.h"
#include "engine/train/runlog.h"
#include "engine/train/runmodel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- models ---- */

typedef struct eng_model eng_model;

typedef struct eng_model_info {
    const char *arch, *name,
        *dtype; /* borrowed from the model; dtype = of the matrices: "F32", "BF16" */
    uint64_t n_params, file_bytes; /* elements of all tensors; bytes on disk */
    uint32_t n_vocab, n_ctx, n_embd, n_layer, n_head, n_kv_head, head_dim,
        n_ff; /* as in eng_config */
    /* What a step of one token is multiplied with, and the bytes these have in memory: weights of
     * the layers (of experts as many as a token uses) and of the output matrix. */
    uint64_t layer_weights, head_weights, layer_bytes, head_bytes;
    bool has_chat; /* messages can be rendered for it */
    bool encoder;  /* gives vectors of texts, no text */
} eng_model_info;

/* Opens a GGUF: maps it, checks every tensor against the architecture, packs the matrices for the
 * kernels (with x's threads).  On failure nothing is held and e says what is wrong with the file.
 */
sk_status eng_model_open(eng_exec *x, const char *path, eng_model **out, sk_err *e);

typedef struct eng_model_opts {
    bool no_repack;  /* quantised matrices are computed with as they lie in the file: nothing is
                        copied, so a model opens at once and takes no further memory, and is slower
                        */
    bool pack_cache; /* packed weights are mapped from a file that was kept beside the model, or
                        kept there (model/packs.h).  Not together with no_repack. */
} eng_model_opts;

/* The same with options; NULL: all off.  They change no result. */
sk_status eng_model_open_opts(eng_exec *x, const char *path, const eng_model_opts *o,
                              eng_model **out, sk_err *e);

/* Frees the packs and unmaps the file; NULL is allowed.  Sessions, adapters and embedders of it
 * must be closed before. */
void eng_model_close(eng_model *m);

/* Fills out; its texts live as long as the model. */
void eng_model_get_info(const eng_model *m, eng_model_info *out);

/* The model's tokenizer, borrowed (functions in token/vocab.h are wrapped below for other rooms).
 * NULL for a file whose kind of tokenizer this build lacks: such a model still computes, but
 * eng_model_encode and eng_model_chat return SK_E_UNSUPPORTED with the reason. */
const eng_vocab *eng_model_vocab(const eng_model *m);

/* Appends the ids of text; flags ENG_TOK_* of token/vocab.h. */
sk_status eng_model_encode(const eng_model *m, const char *text, size_t n, unsigned flags,
                           eng_ids *out, sk_err *e);

/* Bytes of a token, borrowed; special tokens give "". */
const char *eng_model_piece(const eng_model *m, int32_t id, size_t *n);

/* True when the tokenizer puts a space in front of a text, which is no part of it. */
bool eng_model_adds_space(const eng_model *m);

/* True for tokens that end an answer. */
bool eng_model_is_end(const eng_model *m, int32_t id);

/* ---- conversations ---- */

/* What a chat template is given besides the messages; {.now = -1} is the usual. */
typedef struct eng_chat_opts {
    bool no_answer; /* the assistant's turn is not opened at the end */
    json_t
        *extra;  /* an object of further variables: tools, documents, enable_thinking, ...; NULL */
    int64_t now; /* what strftime_now shows, in seconds since 1970; < 0: the clock */
    bool utc;    /* ... in UTC, else in the machine's zone */
} eng_chat_opts;

/* Appends the prompt of a conversation, the assistant's turn opened, as the model's chat template
 * has it (docs/format/chat-template.md).  Special tokens are read in what the template itself
 * writes only.  SK_E_UNSUPPORTED where the model has no template that can be used, SK_E_INVALID
 * where the template refuses the conversation. */
sk_status eng_model_chat(const eng_model *m, const eng_chat_msg *msg, size_t n_msg, eng_ids *out,
                         sk_err *e);

/* The same for an array of messages in JSON, of any members (tool_calls, parts of content, ...). */
sk_status eng_model_chat_json(const eng_model *m, json_t *messages, const eng_chat_opts *o,
                              eng_ids *out, sk_err *e);

/* The prompt as text, with the origin of each piece. */
sk_status eng_model_chat_text(const eng_model *m, json_t *messages, const eng_chat_opts *o,
                              eng_jinja_text *out, sk_err *e);

/* Takes text[0..n), or the file at path, for the model's chat template, before the model is shared.
 * One that can't be used is an error, and the old one stays. */
sk_status eng_model_set_template(eng_model *m, const char *text, size_t n, sk_err *e);

/* The file's text, of at most a few megabytes; SK_E_NOTFOUND and its kind name it. */
sk_status eng_model_load_template(eng_model *m, const char *path, sk_err *e);

/* ---- adapters ---- */

/* A LoRA adapter: low-rank changes of some matrices of one model (immutable, shared by threads). */
typedef struct eng_lora eng_lora;

/* Opens an adapter for m: a GGUF (general.type "adapter") or a folder of Hugging Face's PEFT.
 * Its effect is multiplied by scale (1: as trained).  SK_E_UNSUPPORTED names a tensor that cannot
 * be adapted (experts, latent attention, embeddings).  m and x must outlive it. */
sk_status eng_lora_open(eng_exec *x, const eng_model *m, const char *path, double scale,
                        eng_lora **out, sk_err *e);

/* Frees the pairs; NULL is allowed.  No slot may use it any more. */
void eng_lora_close(eng_lora *l);

/* ---- sessions ---- */

typedef struct eng_session eng_session;

typedef struct eng_session_opts {
    size_t n_slots;       /* sequences held at once */
    size_t n_ctx;         /* tokens a sequence may have; at most the model's */
    size_t max_step;      /* tokens one step may process, over all items */
    eng_dtype kv_type;    /* keys and values are kept as F32 (0: exact), F16, BF16, Q8_0 */
    const eng_lora *lora; /* adapter of every slot, NULL: none; eng_session_adapt changes one */
    size_t kv_tokens;     /* that all sequences may have together, in whole pages; 0: n_ctx each */
    bool prefix;          /* remember beginnings of sequences for others: eng_session_begin */
} eng_session_opts;

typedef enum eng_want { ENG_WANT_NONE, ENG_WANT_LAST, ENG_WANT_ALL, ENG_WANT_STATES } eng_want;

/* A piece of one sequence in a step: n tokens standing at positions pos .. pos + n - 1 of slot.
 * Positions below pos must have been stepped before (they may be stepped again: later ones are then
 * forgotten). */
typedef struct eng_step_item {
    uint32_t slot; /* below n_slots */
    size_t pos, n; /* n is at least 1 */
    const int32_t *ids;
    eng_want want;
    const float *logits; /* out: [n_vocab] (LAST) or [n, n_vocab] (ALL), or [n, n_embd], the states
                            that the head would read (STATES: all items of a step, or none); valid
                            until the next step; NULL for NONE */
} eng_step_item;

/* Allocates KV cache and scratch for the session; SK_E_NOMEM says how much was asked for. */
sk_status eng_session_open(eng_exec *x, const eng_model *m, const eng_session_opts *o,
                           eng_session **out, sk_err *e);

/* Frees cache and scratch; NULL is allowed.  Logits it gave are gone. */
void eng_session_close(eng_session *s);

/* Runs all items through the model in one batch; slots must differ.  SK_E_INVALID for a bad
 * position, id or length, SK_E_TOOBIG for more than max_step tokens: cut them into several steps,
 * that changes no result.  Allocates nothing, but for the first ENG_WANT_ALL of so many rows
 * (SK_E_NOMEM).  On failure nothing has been changed. */
sk_status eng_session_step(eng_session *s, eng_step_item *item, size_t n_items, sk_err *e);

/* From now on the tokens of a slot run with adapter l (NULL: with none), which must outlive its
 * use. The slot is emptied: what its cache holds came from other weights.  SK_E_INVALID for an
 * adapter of another model, SK_E_NOMEM for its scratch. */
sk_status eng_session_adapt(eng_session *s, uint32_t slot, const eng_lora *l, sk_err *e);

/* Bytes of KV cache the session holds. */
uint64_t eng_session_kv_bytes(const eng_session *s);

/* ---- sequences that share a cache ----
 *
 * The cache is a pool of pages of ENG_KV_PAGE tokens.  By default it has room for all slots at
 * their longest, and nothing of this need be called.  With less (kv_tokens) a sequence should begin
 * with eng_session_begin, which promises it the memory; and with `prefix` those that begin alike
 * share pages, so what one has computed is not computed again.  Results never depend on it. */

/* Tokens of a page. */
#define ENG_KV_PAGE 64

/* Bytes that a page of a model's cache takes. */
sk_status eng_model_kv_page(const eng_model *m, eng_dtype kv_type, size_t *bytes, sk_err *e);

/* Empties a slot for the sequence that begins with ids[0..n) and may become n_all tokens long, and
 * promises it the memory.  Holds from the start what the cache knows of its beginning, but at most
 * n - 1 tokens: go on at position *n_held.  SK_E_BUSY while others hold the memory; SK_E_TOOBIG if
 * the whole pool is too small. */
sk_status eng_session_begin(eng_session *s, uint32_t slot, const int32_t *ids, size_t n,
                            size_t n_all, size_t *n_held, sk_err *e);

/* Promises memory until the slot's sequence has n_all tokens; SK_E_BUSY, and nothing has changed,
 * while others hold it. */
sk_status eng_session_extend(eng_session *s, uint32_t slot, size_t n_all);

/* Tokens the slot holds, after it has taken what others have computed since of ids[0..n): only
 * between pages, before its own tokens are stepped. */
size_t eng_session_adopt(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Lets others share the slot's first n tokens, as far as they fill pages.  Steps should not go back
 * behind them any more: that costs a copy, which may fail with SK_E_NOMEM. */
void eng_session_share(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Empties a slot and gives its memory back; with `prefix` its tokens ids[0..n) are remembered as
 * long as there is room (n 0: not). */
void eng_session_end(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Forgets what was computed with an adapter, which no slot may use any more: to be called before
 * the adapter is closed, if `prefix` is on. */
void eng_session_forget(eng_session *s, const eng_lora *l);

typedef struct eng_kv_usage {
    size_t pages, held, kept; /* in all; held by sequences; besides these, remembered */
    size_t promised;          /* of the rest and the remembered, promised to sequences */
} eng_kv_usage;

/* How full the cache is. */
eng_kv_usage eng_session_kv_usage(const eng_session *s);

/* Runs n ids from position 0 and writes their logits to path as .npy, float32 [n, n_vocab].  Of
 * `like` kv_type and lora count. */
sk_status eng_logits_write(eng_exec *x, const eng_model *m, const eng_session_opts *like,
                           const int32_t *ids, size_t n, const char *path, sk_err *e);

/* ---- embeddings ---- */

/* What stands for a text: the mean over the states of its tokens, or that of the first or the last;
 * AUTO: what the model's file says, else the mean for an encoder and the last for a decoder. */
typedef enum eng_pooling { ENG_POOL_AUTO, ENG_POOL_MEAN, ENG_POOL_CLS, ENG_POOL_LAST } eng_pooling;

typedef struct eng_embedder eng_embedder;

/* Makes vectors with m: an encoder, which sees a text as a whole, or any decoder.  Both x and m
 * must outlive it. */
sk_status eng_embedder_open(eng_exec *x, const eng_model *m, eng_embedder **out, sk_err *e);

/* NULL is allowed. */
void eng_embedder_close(eng_embedder *d);

/* Has fn called between the steps of a long text, so that others who share the thread get on; once
 * it returns false, eng_embedder_run ends with SK_E_STOPPED.  NULL: nobody is asked. */
void eng_embedder_between(eng_embedder *d, bool (*fn)(void *arg), void *arg);

/* The vector [n_embd] of a text of n tokens, the model's own first and last tokens among them
 * (ENG_TOK_ADD); scaled to length 1 if asked.  SK_E_TOOBIG for more tokens than the model's
 * context. */
sk_status eng_embedder_run(eng_embedder *d, const int32_t *ids, size_t n, eng_pooling pooling,
                           bool normalise, float *out, sk_err *e);

/* ---- sampling ---- */

/* Added to a token's logit; -INFINITY bans the token. */
typedef struct eng_logit_bias {
    int32_t id;
    float bias; /* in the unit of logits */
} eng_logit_bias;

typedef struct eng_dry_breakers eng_dry_breakers;

/* How to choose a token.  Definitions are llama.cpp's; infer/sample.h has the order.  All zero but
 * top_p = 1 draws from the whole distribution at the temperature. */
typedef struct eng_sample_opts {
    double temperature; /* 0: greedy */
    int64_t top_k;      /* of the k likeliest; 0: off */
    double top_p;       /* of the likeliest that reach this probability together; 1: off */
    double min_p;       /* of those at least so likely as the likeliest times this; 0: off */
    uint64_t seed;      /* the only source of chance: same seed, logits and position, same choice */
    double typical_p;   /* of those with the most typical surprise; 0 or 1: off */
    double xtc_probability; /* how often to exclude the top choices; 0: never */
    double xtc_threshold;   /* probability that makes a token a top choice; over 0.5: off */
    double repeat_penalty;  /* divides positive logits of repeated tokens, multiplies others; 0 or
                               1: off */
    double frequency_penalty, presence_penalty; /* taken off for each time, and for once; 0: off */
    int64_t penalty_last_n;          /* tokens these three look back over; 0: off, -1: all */
    double dry_multiplier, dry_base; /* loss of a token that makes a repetition of length L longer:
                                        multiplier * base^(L - allowed_length); multiplier 0: off */
    int64_t dry_allowed_length, dry_last_n; /* last_n as above */
    const eng_dry_breakers *dry_breakers;   /* borrowed; NULL: none */
    int64_t mirostat;                       /* 2: on, instead of the filters; 0: off */
    double mirostat_tau, mirostat_eta;      /* surprise aimed at in bits; rate of learning */
    const eng_logit_bias *bias;             /* [n_bias], borrowed */
    size_t n_bias;
} eng_sample_opts;

/* temperature 0.7, min_p 0.05, all else off; what is off has llama.cpp's other defaults: last_n 64,
 * xtc_threshold 0.1, dry_base 1.75, dry_allowed_length 2, tau 5, eta 0.1.  Seed 0. */
void eng_sample_opts_default(eng_sample_opts *o);

/* Checks ranges; the sentence names the field. */
sk_status eng_sample_opts_check(const eng_sample_opts *o, sk_err *e);

/* What a sampler learns along a sequence; starts as {0} before the first token that is chosen.  It
 * is a function of the options and of the logits and choices since: who has those but lost the
 * state (a replica that takes over) calls eng_sampler_follow for each. */
typedef struct eng_sample_state {
    double drift; /* mirostat: mu - 2 tau */
} eng_sample_state;

/* A choice to be made. */
typedef struct eng_sample_in {
    const float *logits;     /* [n_vocab] */
    const int32_t *ids;      /* [n_ids] all tokens before, the prompt's too; may be NULL where
                                neither penalties nor DRY are on */
    size_t n_ids;            /* also the position that keys the random number */
    const uint64_t *allowed; /* [ceil(n_vocab / 64)] bit id % 64 of word id / 64 is set if the token
                                may be chosen (a grammar's mask); NULL: all may */
    eng_sample_state *state; /* moved on by a choice; NULL unless mirostat is on */
} eng_sample_in;

/* The n texts as DRY needs them, for o->dry_breakers; a text's bytes after the 40th don't count. */
sk_status eng_dry_breakers_new(const eng_model *m, const char *const *text, size_t n,
                               eng_dry_breakers **out, sk_err *e);

/* NULL is allowed; no options may point to it any more. */
void eng_dry_breakers_free(eng_dry_breakers *b);

typedef struct eng_logprob {
    int32_t id;
    double logprob; /* natural logarithm */
} eng_logprob;

typedef struct eng_sampler eng_sampler;

/* Scratch for choosing among n_vocab tokens; one per thread.  NULL without memory. */
eng_sampler *eng_sampler_new(size_t n_vocab);

/* NULL is allowed. */
void eng_sampler_free(eng_sampler *s);

/* Chooses a token.  A pure function of (options, in): nothing else is remembered.  Ties go to the
 * smaller id.  Logits that are not finite are never chosen (all bad or masked: SK_E_INTERNAL).
 * SK_E_NOMEM only where DRY looks back further than ever before. */
sk_status eng_sampler_pick(eng_sampler *s, const eng_sample_opts *o, const eng_sample_in *in,
                           int32_t *out, sk_err *e);

/* One of several choices that are made together. */
typedef struct eng_pick {
    eng_sample_opts opts;
    eng_sample_in in;
    int32_t id;       /* out: the choice, where status is SK_OK */
    sk_status status; /* in: SK_OK, or the choice is left alone; out: with its sentence in err */
    sk_err err;
} eng_pick;

/* Makes n choices on x's threads, each the one that eng_sampler_pick makes.  Sampler i of the
 * n_samplers takes choices i, i + n_samplers, ..: more samplers than threads are of no use. */
void eng_sampler_pick_all(eng_exec *x, eng_sampler *const *s, size_t n_samplers, eng_pick *p,
                          size_t n);

/* Moves in->state on as the choice of `id` did; SK_E_INVALID if it can't have been chosen. */
sk_status eng_sampler_follow(eng_sampler *s, const eng_sample_opts *o, const eng_sample_in *in,
                             int32_t id, sk_err *e);

/* Log-probabilities of the model itself (logits as they are, temperature 1): of `id` into *of_id,
 * and of the n_top likeliest into top [n_top], the likeliest first; *n_got is fewer only if fewer
 * are finite. */
sk_status eng_sampler_logprobs(eng_sampler *s, const float *logits, int32_t id, size_t n_top,
                               double *of_id, eng_logprob *top, size_t *n_got, sk_err *e);

/* ---- speculative decoding ---- */

/* Guesses at the tokens to come.  They change no result: who uses them steps the last token and the
 * guesses in one item with ENG_WANT_ALL, chooses from row i as ever (same options, same position),
 * and goes on to row i + 1 only while the choice is guess i; what was stepped beyond is stepped
 * over next time.  A good guess saves a step, a bad one costs a longer step. */
typedef struct eng_spec_opts {
    size_t n_max;           /* tokens guessed at once, 1 .. ENG_SPEC_MAX */
    bool lookup;            /* guess that what followed these tokens before follows again */
    const eng_model *draft; /* guess what this smaller model says, borrowed; NULL: none */
    double sure;            /* it stops at tokens less probable to it than this */
} eng_spec_opts;

#define ENG_SPEC_MAX 64

typedef struct eng_spec eng_spec;

/* Guesses for one sequence of up to n_ctx tokens of m.  SK_E_INVALID if the draft's vocabulary is
 * another one. */
sk_status eng_spec_open(eng_exec *x, const eng_model *m, const eng_spec_opts *o, size_t n_ctx,
                        eng_spec **out, sk_err *e);

/* Closes the draft's session; NULL is allowed. */
void eng_spec_close(eng_spec *s);

/* Guesses what follows ids[0..n): at most `most` tokens into out [ENG_SPEC_MAX], none of them an
 * end token; *n_out may be 0.  The sequence may be any other than last time.  `so` is how tokens
 * are chosen: the draft model draws with the same random numbers. */
sk_status eng_spec_guess(eng_spec *s, const eng_sample_opts *so, const int32_t *ids, size_t n,
                         size_t most, int32_t *out, size_t *n_out, sk_err *e);

/* Says how many of the guesses were right, so that the next are more, or fewer. */
void eng_spec_learn(eng_spec *s, size_t n_guessed, size_t n_right);

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
    ENG_SUITE_ANSWER  /* a number is asked, and read from what the model writes */
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

/* "choice", "schema", "exact", "answer". */
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
                       token was the likeliest; ANSWER: the number is right */
    eng_share acc_byte;  /* CHOICE: the largest for each byte of the option */
    eng_share acc_token; /* CHOICE, SCHEMA: the largest for each token, counted as CORE does */
    double chance;       /* the mean over items of 1 / options; 0 for EXACT and ANSWER */
    double centred; /* (a - chance) / (1 - chance), a: acc_token where there is one, else acc */
    double bits_per_byte; /* of the right options; NaN for ANSWER */
    uint64_t tokens;      /* run through the model; the only figure that depends on n_slots */
} eng_eval;

typedef struct eng_eval_opts {
    size_t shots;          /* worked examples before each item, from the same file */
    size_t limit;          /* only the first so many items; 0: all */
    size_t n_slots;        /* sequences run at once, at most 256; 0: chosen.  Changes no result */
    size_t n_answer;       /* ANSWER: tokens the model may write, at least 1 */
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
