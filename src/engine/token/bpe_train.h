/* bpe_train.h - building a byte-level BPE vocabulary from text.
 *
 * Greedy merges of the most frequent adjacent pair, ties by the smaller pair of byte strings, so
 * the result depends on the text alone.  Pair counts are kept incrementally; pieces are counted
 * once (a piece that occurs a million times is merged once).
 */
#ifndef ENG_TOKEN_BPE_TRAIN_H
#define ENG_TOKEN_BPE_TRAIN_H

#include "base/status.h"
#include "base/thread.h"
#include "engine/token/vocab.h"

typedef struct eng_bpe_opts {
    size_t n_vocab;     /* bytes + merges + special tokens */
    const char *pretok; /* name of the pattern: "qwen2" (GPT-4 style, single digits) by default */
    sk_pool *pool;      /* counts words with its threads, which change no result; NULL: with none */
    uint64_t memory;    /* bytes for words and the training on them: rare words are forgotten when
                           there are too many (eng_counter_add has the rule); 0: no limit */
    /* called with merges done and wanted; may be NULL; returning false stops with SK_E_STOPPED */
    bool (*progress)(void *arg, size_t done, size_t total);
    void *arg; /* progress's own */
} eng_bpe_opts;

/* Where a text comes from that is not in memory: up to cap bytes of it into p, *n = 0 at its end.
 */
typedef struct eng_bpe_source {
    sk_status (*read)(void *arg, char *p, size_t cap, size_t *n, sk_err *e);
    void *arg; /* read's own */
} eng_bpe_source;

/* What a text consisted of. */
typedef struct eng_bpe_stats {
    uint64_t bytes, documents; /* separators counted among the bytes */
    uint64_t pieces, words;    /* words: different pieces that the merges were learnt from */
    uint64_t dropped_words, dropped_pieces; /* forgotten for want of memory */
} eng_bpe_stats;

/* Trains on text[0..n) (documents separated by the line <|endoftext|>, which is no part of them).
 * SK_E_INVALID when the text is empty or allows fewer merges than asked for, saying how many.
 * Special tokens <|endoftext|>, <|im_start|>, <|im_end|> take the last three ids; EOS = <|im_end|>,
 * the chat template is ChatML's. */
sk_status eng_bpe_train(const char *text, size_t n, const eng_bpe_opts *o, eng_vocab **out,
                        sk_err *e);

/* The same for a text of any length: the vocabulary is the one that eng_bpe_train makes of the
 * whole.  stats may be NULL. */
sk_status eng_bpe_train_source(const eng_bpe_source *source, const eng_bpe_opts *o,
                               eng_bpe_stats *stats, eng_vocab **out, sk_err *e);

#endif
