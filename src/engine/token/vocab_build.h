/* vocab_build.h - what a vocabulary is made of, for those that make one: the file reader and the
 * trainer.  Private to the room. */
#ifndef ENG_TOKEN_VOCAB_BUILD_H
#define ENG_TOKEN_VOCAB_BUILD_H

#include "engine/format/gguf.h"
#include "engine/token/bpe.h"
#include "engine/token/vocab.h"

/* Token types, numbers as in a GGUF. */
enum {
    ENG_TOKEN_NORMAL = 1,
    ENG_TOKEN_UNKNOWN = 2,
    ENG_TOKEN_CONTROL = 3, /* special: read in text only when asked for, not shown */
    ENG_TOKEN_USER = 4,    /* a text of its own, found in any text before the pieces are cut */
    ENG_TOKEN_UNUSED = 5,
    ENG_TOKEN_BYTE = 6,
    /* ours: a normal token whose string stands for no bytes; never encoded to, kept as it is */
    ENG_TOKEN_ALIEN = 7
};

/* The special tokens a file names by id, in the order of eng_token_role_key. */
typedef enum eng_token_role {
    ENG_ROLE_BOS,
    ENG_ROLE_EOS,
    ENG_ROLE_EOT, /* end of turn */
    ENG_ROLE_EOM, /* end of message */
    ENG_ROLE_UNKNOWN,
    ENG_ROLE_PADDING,
    ENG_ROLE_N
} eng_token_role;

/* The key of a role in a GGUF: "tokenizer.ggml.bos_token_id". */
const char *eng_token_role_key(eng_token_role role);

/* The parts.  All is borrowed and copied. */
typedef struct eng_vocab_parts {
    size_t n;
    const eng_str *text; /* n: bytes of the tokens, text of the special ones */
    const uint8_t *type; /* n: ENG_TOKEN_* */
    size_t n_merges;
    const eng_bpe_merge *merge;
    const char *pretok;
    int32_t role[ENG_ROLE_N]; /* -1: none */
    int add_bos;              /* 1, 0, or -1: as the pre-tokenizer's models do */
    bool add_eos;
    eng_str chat_template;
} eng_vocab_parts;

/* Builds the vocabulary.  SK_E_FORMAT when an id is out of range. */
sk_status eng_vocab_new(const eng_vocab_parts *parts, eng_vocab **out, sk_err *e);

/* The parts of a vocabulary, borrowed from it. */
void eng_vocab_get_parts(const eng_vocab *v, eng_vocab_parts *out);

#endif
