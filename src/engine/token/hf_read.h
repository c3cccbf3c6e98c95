/* hf_read.h - a tokenizer of a Hugging Face folder while it is read, in the terms of a GGUF.
 * Private to the room.
 *
 * The readers (hf_json.c for tokenizer.json, hf_spm.c for tokenizer.model, hf_config.c for what
 * lies beside them) fill it; hf_vocab.c puts it into a GGUF.
 */
#ifndef ENG_TOKEN_HF_READ_H
#define ENG_TOKEN_HF_READ_H

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/token/jscan.h"
#include "engine/token/vocab_build.h"

/* A token that was added to a vocabulary, or replaces one of it. */
typedef struct eng_hf_added {
    int64_t id;                /* below INT32_MAX */
    size_t at, n;              /* its text, in eng_hf_read.text */
    bool special, left, right; /* a marker; takes the white space before it, behind it */
} eng_hf_added;

/* A token of the vocabulary itself. */
typedef struct eng_hf_token {
    size_t at, n; /* likewise */
    uint32_t id;  /* its place in the vocabulary */
    uint8_t type; /* ENG_TOKEN_* */
    float score;  /* 0 where there are none */
} eng_hf_token;

typedef struct eng_hf_read {
    sk_arena *mem;     /* for what tokens and rules point to */
    sk_err *e;         /* gets the sentence of a failure */
    size_t n_vocab;    /* rows of the model's embedding; 0 if not known */
    const char *model; /* tokenizer.ggml.model */
    const char *pre;   /* tokenizer.ggml.pre */
    sk_buf text;       /* all texts, one behind the other */
    sk_buf tokens;     /* array of eng_hf_token */
    sk_buf added;      /* array of eng_hf_added; later ones count */
    sk_buf merges;     /* texts of merges "a b", one behind the other */
    sk_buf merge_ends; /* array of size_t: where each ends */
    eng_str unknown;   /* text of the unknown token */
    /* the tokens by id, once eng_hf_read_lay_out has run */
    size_t n;                 /* tokens, gaps filled */
    eng_str *token;           /* [n] texts by id */
    int32_t *type;            /* [n] ENG_TOKEN_* */
    float *score;             /* [n] */
    int32_t *strip;           /* ENG_STRIP_* */
    bool any_strip, scores;   /* some strip is not 0; scores are to be put */
    int32_t role[ENG_ROLE_N]; /* -1: none */
    int add_bos, add_eos, space_prefix, merge_spaces, lower, strip_accents, ignore_merges; /* -1 */
    eng_str charsmap, chat_template;
    sk_map map[8]; /* files that are read from */
    size_t n_maps; /* of map */
} eng_hf_read;

/* Starts and ends one. */
sk_status eng_hf_read_init(eng_hf_read *r, size_t n_vocab, sk_err *e);

/* Frees all and closes the files; what was put into a GGUF has been copied there. */
void eng_hf_read_fini(eng_hf_read *r);

/* SK_E_NOMEM with its sentence. */
sk_status eng_hf_read_no_memory(eng_hf_read *r);

/* Adds a token to the vocabulary, its text already in r->text from `at` on; false without memory.
 */
bool eng_hf_read_token(eng_hf_read *r, size_t at, int64_t id, uint8_t type, float score);

/* Reads an added token: an object with content, special, lstrip, rstrip and perhaps id. */
bool eng_hf_read_added(eng_hf_read *r, eng_jscan *s, int64_t id);

/* Puts the tokens in the order of their ids, the added ones in their places; ids without a token
 * become unused ones named [PADn].  SK_E_FORMAT for ids that are too high. */
sk_status eng_hf_read_lay_out(eng_hf_read *r);

/* The id of a token by its text, -1 if there is none (after eng_hf_read_lay_out). */
int32_t eng_hf_read_find(const eng_hf_read *r, const char *p, size_t n);

/* The text of a file of the folder, good until the end of r; out->p is NULL when it is not there.
 */
sk_status eng_hf_read_file(eng_hf_read *r, const char *folder, const char *name, eng_str *out);

/* Reads tokenizer.json (whose text is given) up to the layout. */
sk_status eng_hf_read_json(eng_hf_read *r, const char *p, size_t n);

/* Reads tokenizer.model, SentencePiece's protobuf. */
sk_status eng_hf_read_spm(eng_hf_read *r, const char *p, size_t n);

/* Reads the added tokens that tokenizer_config.json and added_tokens.json list: for a folder whose
 * vocabulary is a tokenizer.model, before the layout. */
sk_status eng_hf_read_more_tokens(eng_hf_read *r, const char *folder);

/* Reads roles, rules and the chat template from the other files of the folder, after the layout. */
sk_status eng_hf_read_config(eng_hf_read *r, const char *folder);

/* Puts all keys into w. */
sk_status eng_hf_read_put(eng_hf_read *r, struct eng_gguf_writer *w);

#endif
