/* vocab_build.h - what a vocabulary is made of, for those that make one: the file readers and the
 * trainer.  Private to the room. */
#ifndef ENG_TOKEN_VOCAB_BUILD_H
#define ENG_TOKEN_VOCAB_BUILD_H

#include "engine/format/gguf.h"
#include "engine/token/bpe.h"
#include "engine/token/vocab.h"

/* The algorithms.  Names as in tokenizer.ggml.model. */
typedef enum eng_vocab_kind {
    ENG_VOCAB_BPE, /* "gpt2", "gemma4": merges by rank, on bytes or on characters */
    ENG_VOCAB_SPM, /* "llama": SentencePiece BPE, merges by the score of what they make */
    ENG_VOCAB_UGM, /* "t5": unigram, the best sum of scores */
    ENG_VOCAB_WPM  /* "bert": WordPiece, the longest token first */
} eng_vocab_kind;

/* Token types, numbers as in a GGUF. */
enum {
    ENG_TOKEN_NORMAL = 1,  /* what texts are made of */
    ENG_TOKEN_UNKNOWN = 2, /* stands for what has no token */
    ENG_TOKEN_CONTROL = 3, /* special: read in text only when asked for, not shown */
    ENG_TOKEN_USER = 4,    /* a text of its own, found in any text before the pieces are cut */
    ENG_TOKEN_UNUSED = 5,  /* an id without a text */
    ENG_TOKEN_BYTE = 6,    /* one byte, for what no other token covers */
    /* ours: a normal token whose string stands for no bytes; never encoded to, kept as it is */
    ENG_TOKEN_ALIEN = 7
};

/* The special tokens a file names by id, in the order of eng_token_role_key. */
typedef enum eng_token_role {
    ENG_ROLE_BOS, /* begins a text */
    ENG_ROLE_EOS, /* ends it */
    ENG_ROLE_EOT, /* end of turn */
    ENG_ROLE_EOM, /* end of message */
    ENG_ROLE_UNKNOWN,
    ENG_ROLE_SEPARATOR, /* BERT's [SEP] */
    ENG_ROLE_PADDING,   /* fills up batches; not used here */
    ENG_ROLE_MASK,      /* BERT's [MASK] */
    ENG_ROLE_N
} eng_token_role;

/* The key of a role in a GGUF: "tokenizer.ggml.bos_token_id". */
const char *eng_token_role_key(eng_token_role role);

/* White space beside a special token that belongs to it: bits of eng_vocab_parts.strip. */
enum { ENG_STRIP_LEFT = 1, ENG_STRIP_RIGHT = 2 };

/* The parts.  All is borrowed and copied.  Scores are no NaN. */
typedef struct eng_vocab_parts {
    eng_vocab_kind kind;  /* which encoder */
    size_t n;             /* tokens */
    const eng_str *text;  /* n: bytes of the tokens, text of the special ones; a space is a space */
    const uint8_t *type;  /* n: ENG_TOKEN_* */
    const float *score;   /* n, NULL: all 0 (SPM, UGM) */
    const uint8_t *strip; /* n: ENG_STRIP_*, NULL: none */
    size_t n_merges;      /* BPE */
    const eng_bpe_merge *merge; /* n_merges, best first */
    const char *pretok;         /* BPE */
    int whole;                  /* BPE: tokens are taken whole before merging; 1, 0 or -1 */
    int32_t role[ENG_ROLE_N];   /* -1: none */
    int add_bos;                /* 1, 0, or -1: as the models of the pre-tokenizer or kind do */
    int add_eos, add_sep;       /* likewise */
    int space_prefix;           /* SPM, UGM: a space goes before the text; likewise */
    bool merge_spaces;          /* UGM: runs of spaces count as one */
    bool lower, strip_accents;  /* WPM */
    eng_str charsmap;           /* UGM: SentencePiece's precompiled normalisation, "" for none */
    eng_str chat_template;      /* Jinja, "" for none */
} eng_vocab_parts;

/* Builds the vocabulary.  SK_E_FORMAT when an id is out of range. */
sk_status eng_vocab_new(const eng_vocab_parts *parts, eng_vocab **out, sk_err *e);

/* Marks the special tokens beside which white space is dropped, by the names of model,
 * pre-tokenizer and architecture: for files that say nothing themselves.  strip has p->n zeros. */
void eng_vocab_strip_by_name(const eng_vocab_parts *p, eng_str model, eng_str pretok, eng_str arch,
                             uint8_t *strip);

/* The parts of a vocabulary, borrowed from it. */
void eng_vocab_get_parts(const eng_vocab *v, eng_vocab_parts *out);

#endif
