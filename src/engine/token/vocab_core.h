/* vocab_core.h - the vocabulary in memory, which its builder (vocab.c) and the encoders share, and
 * what an encoder works with.  Private to the room.
 *
 * Token texts are kept as the bytes they stand for: U+2581, by which SentencePiece writes a space,
 * is a space here, GPT-2's characters are their bytes, a byte token is its byte.
 */
#ifndef ENG_TOKEN_VOCAB_CORE_H
#define ENG_TOKEN_VOCAB_CORE_H

#include "engine/token/charsmap.h"
#include "engine/token/pretok.h"
#include "engine/token/special.h"
#include "engine/token/vocab_build.h"

#define ENG_NO_TOKEN ENG_STRINDEX_NONE

struct eng_vocab {
    sk_arena *mem;            /* everything below */
    eng_vocab_kind kind;      /* which encoder */
    size_t n, n_merges;       /* tokens; merges (BPE) */
    eng_str *text;            /* [n] bytes */
    uint8_t *type;            /* [n] ENG_TOKEN_* */
    float *score;             /* NULL: BPE, WPM */
    uint8_t *strip;           /* NULL: none */
    bool *end;                /* [n] ends an answer */
    eng_strindex normal;      /* tokens a text can become, by their bytes (not for UGM) */
    eng_special marks, users; /* control and user-defined tokens; the latter alone */
    uint32_t byte_id[256];    /* the tokens of the bytes, ENG_NO_TOKEN where there is none */
    bool lacks_bytes;         /* some byte has no token */
    size_t longest;           /* bytes of the longest token a text can become */
    int32_t role[ENG_ROLE_N];
    bool add_bos, add_eos, add_sep; /* what ENG_TOK_ADD adds */
    char *chat_template;            /* NUL-terminated */
    size_t chat_template_len;
    /* BPE */
    bool whole_first;     /* ... whether merging leads to it or not */
    bool *whole;          /* a piece of this token's bytes encodes to this token */
    eng_bpe_merge *merge; /* [n_merges] */
    eng_bpe bpe;          /* the same by pair */
    eng_pretok *pretok;   /* cuts text into pieces */
    /* SPM, UGM */
    bool space_prefix, merge_spaces;
    bool word_cuts; /* no token has a space behind another character: words are apart */
    uint32_t
        *order; /* SPM: rank of the tokens by score, the best is 0; equal scores, equal ranks */
    double unknown_score; /* UGM */
    eng_charsmap charsmap;
    eng_str charsmap_blob;
    /* UGM, WPM */
    eng_prefix tokens;
    bool lower, strip_accents; /* WPM */
};

/* One call's state. */
typedef struct eng_encoder {
    const eng_vocab *v; /* whose encoder */
    eng_ids *out;       /* the caller's */
    eng_bpe_work work;  /* of merging */
    uint32_t *sym;      /* BPE: symbols of a piece */
    size_t cap;         /* of sym */
    sk_buf text;        /* a text made ready */
    void *scratch;      /* of scratch_cap bytes */
    size_t scratch_cap;
    sk_err *e; /* the caller's */
} eng_encoder;

/* SK_E_NOMEM with its sentence. */
sk_status eng_encoder_no_memory(const eng_encoder *c);

/* The scratch with room for n bytes, NULL without memory; what it held is gone. */
void *eng_encoder_scratch(eng_encoder *c, size_t n);

/* p[0..n) with U+2581 as a space: itself, or a copy behind what is in c->text.  False without
 * memory. */
bool eng_encoder_spaces(eng_encoder *c, const char **p, size_t *n);

/* Appends the tokens of the bytes p[0..n); a byte without one becomes the unknown token, or is left
 * out when there is none. */
sk_status eng_encoder_bytes(eng_encoder *c, const char *p, size_t n);

/* Bytes of the first part of p[0..n), n > 0, that no token reaches over where word_cuts is true: up
 * to a space behind another character. */
size_t eng_encoder_part(const char *p, size_t n);

/* Puts the symbols p[0..n) has before any merge into sym, room for n; returns their number.  BPE.
 */
size_t eng_bpe_symbols(const eng_vocab *v, const char *p, size_t n, uint32_t *sym);

/* Appends the ids of a text without special tokens, one function a kind; n > 0.  `first` is true
 * when the text is the first one or follows a special token. */
sk_status eng_encode_bpe(eng_encoder *c, const char *p, size_t n);

/* SentencePiece's BPE: a merge is whatever makes the token of the best score. */
sk_status eng_encode_spm(eng_encoder *c, const char *p, size_t n, bool first);

/* The cut whose tokens' scores have the greatest sum (Viterbi). */
sk_status eng_encode_ugm(eng_encoder *c, const char *p, size_t n);

/* The longest token that a word begins with, again and again; a word that has none is the
 * unknown token as a whole. */
sk_status eng_encode_wpm(eng_encoder *c, const char *p, size_t n);

#endif
