/* hf_json.h - a tokenizer.json taken apart: between the file that reads it (hf_json.c) and the one
 * that says what its parts mean (hf_rules.c).  Private to the room.
 */
#ifndef ENG_TOKEN_HF_JSON_H
#define ENG_TOKEN_HF_JSON_H

#include "engine/token/hf_read.h"
#include "engine/token/jtree.h"

/* The parts of the file: small ones as trees, large ones as places in the text. */
typedef struct eng_hf_json {
    eng_hf_read *r;    /* what is filled */
    const char *start; /* of the file, for the lines in sentences */
    eng_jnode *normalizer, *pre, *post;
    eng_str model, added; /* as text, walked later */
    /* of the model */
    char type[32];                     /* "BPE", "Unigram", "WordPiece" */
    eng_str vocab, merges;             /* likewise */
    bool byte_fallback, ignore_merges; /* bytes have tokens; whole tokens go before merges */
    int64_t unk_id;                    /* -1: none (unigram) */
    eng_jnode *prefix, *suffix, *unk;
} eng_hf_json;

/* Says in f->r what the model, normaliser, pre-tokenizer and post-processor are in the terms of a
 * GGUF; the tokens are laid out.  SK_E_UNSUPPORTED names what is not known. */
sk_status eng_hf_json_interpret(eng_hf_json *f);

/* Gives the tokens scores by their merges; *all is true when the merges are all the ways to make a
 * token of two, token by token: then scores say the same, and this is SentencePiece's BPE. */
sk_status eng_hf_json_score(eng_hf_json *f, bool *all);

#endif
