/* bpe_train.h - building a byte-level BPE vocabulary from text.
 *
 * Greedy merges of the most frequent adjacent pair, ties by the smaller pair of byte strings, so
 * the result depends on the text alone.  Pair counts are kept incrementally; pieces are counted
 * once (a piece that occurs a million times is merged once).
 */
#ifndef ENG_TOKEN_BPE_TRAIN_H
#define ENG_TOKEN_BPE_TRAIN_H

#include "base/status.h"
#include "engine/kernel/exec.h"
#include "engine/token/vocab.h"

typedef struct eng_bpe_opts {
    size_t n_vocab;     /* bytes + merges + special tokens */
    const char *pretok; /* name of the pattern: "qwen2" (GPT-4 style, single digits) by default */
    /* called with merges done and wanted; may be NULL; returning false stops with SK_E_STOPPED */
    bool (*progress)(void *arg, size_t done, size_t total);
    void *arg; /* progress's own */
} eng_bpe_opts;

/* Trains on text[0..n) (documents separated by the line <|endoftext|>, which is no part of them).
 * SK_E_INVALID when the text is empty or allows fewer merges than asked for, saying how many.
 * Special tokens <|endoftext|>, <|im_start|>, <|im_end|> take the last three ids; EOS = <|im_end|>,
 * the chat template is ChatML's. */
sk_status eng_bpe_train(const char *text, size_t n, const eng_bpe_opts *o, eng_vocab **out,
                        sk_err *e);

#endif
