/* sample.h - of the engine's door (engine/engine.h): choosing the next token, and guessing at those
 * after it. */
#ifndef ENG_DOOR_SAMPLE_H
#define ENG_DOOR_SAMPLE_H

#include "engine/door/session.h"

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

#endif
