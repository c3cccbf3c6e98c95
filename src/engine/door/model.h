/* model.h - of the engine's door (engine/engine.h): models: open one, its tokenizer, its
 * conversations, its adapters. */
#ifndef ENG_DOOR_MODEL_H
#define ENG_DOOR_MODEL_H

#include "base/status.h"
#include "engine/jinja/jinja.h"
#include "engine/kernel/exec.h"
#include "engine/tensor/dtype.h"
#include "engine/token/chat.h"
#include "engine/token/ids.h"

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
    bool open_end;  /* nor is the last message closed, which is to be gone on with */
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

#endif
