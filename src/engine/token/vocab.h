/* vocab.h - a tokenizer: text to token ids and back, byte for byte.
 *
 * Four kinds: byte-level BPE as GPT-2 defined it (a pre-tokenizer pattern cuts the text into
 * pieces, each piece's bytes are merged by rank), SentencePiece's BPE with a token for each byte,
 * the unigram model, WordPiece.  docs/format/tokenizer.md has the rules of each.  In a byte-level
 * vocabulary that we trained every byte has a token of its own, so any byte string survives
 * encode-decode, invalid UTF-8 included.  (Some models lack bytes that no UTF-8 has: those become
 * the unknown token or, without one, are left out, as their own tokenizers do.)
 *
 * Special (control) tokens are matched in the text only when the caller asks (ENG_TOK_SPECIAL):
 * text from people is never read for them.  User-defined tokens are no markers but text of their
 * own ("<think>", runs of spaces) and are always matched; a marker that a file declares as
 * user-defined counts as special.
 */
#ifndef ENG_TOKEN_VOCAB_H
#define ENG_TOKEN_VOCAB_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/token/ids.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct eng_vocab eng_vocab;

#define ENG_TOK_SPECIAL 1u /* read special tokens in the text */
#define ENG_TOK_ADD 2u     /* add BOS/EOS where the model's file asks for it */

struct eng_gguf;
struct eng_gguf_writer;

/* Reads tokenizer.ggml.* of an open GGUF (the pieces are copied).  SK_E_UNSUPPORTED names a model
 * or pre-tokenizer this build does not know; SK_E_FORMAT a damaged one. */
sk_status eng_vocab_from_gguf(const struct eng_gguf *g, eng_vocab **out, sk_err *e);

/* Adds the tokenizer.ggml.* keys to a GGUF being written. */
sk_status eng_vocab_to_gguf(const eng_vocab *v, struct eng_gguf_writer *w, sk_err *e);

/* A tokenizer file (a GGUF with only the tokenizer keys), written atomically / read; what is read
 * may also be a model or a Hugging Face folder. */
sk_status eng_vocab_save(const eng_vocab *v, const char *path, sk_err *e);

/* The kind is told by the file itself, not by its name. */
sk_status eng_vocab_load(const char *path, eng_vocab **out, sk_err *e);

/* Frees the vocabulary; NULL is allowed. */
void eng_vocab_close(eng_vocab *v);

/* Number of tokens: ids are below it. */
size_t eng_vocab_size(const eng_vocab *v);

/* Appends the ids of text[0..n).  Thread-safe (each call has its own match state). */
sk_status eng_vocab_encode(const eng_vocab *v, const char *text, size_t n, unsigned flags,
                           eng_ids *out, sk_err *e);

/* A piece of a text: n bytes; plain: never read for special tokens. */
typedef struct eng_text_part {
    size_t n;   /* bytes */
    bool plain; /* from a message */
} eng_text_part;

/* Appends the ids of a text of parts, which is encoded as one text, but that special tokens are
 * read in parts that are not plain only (each within one part).  Of the flags ENG_TOK_ADD counts:
 * BOS goes in front where the model's file asks for it and the text does not begin with it. */
sk_status eng_vocab_encode_parts(const eng_vocab *v, const char *text, const eng_text_part *part,
                                 size_t n_parts, unsigned flags, eng_ids *out, sk_err *e);

/* The bytes of one token, borrowed; "" (n = 0) for an id out of range.  Special tokens give their
 * text only when `special`. */
const char *eng_vocab_piece(const eng_vocab *v, int32_t id, bool special, size_t *n);

/* Appends the bytes of n ids: their pieces, without the space that SentencePiece vocabularies put
 * in front of a text.  So decode(encode(text)) is the text where the vocabulary has all of it. */
sk_status eng_vocab_decode(const eng_vocab *v, const int32_t *id, size_t n, bool special,
                           sk_buf *out, sk_err *e);

/* True when a space is put in front of a text before it is encoded. */
bool eng_vocab_adds_space(const eng_vocab *v);

/* Id of a special token by its text, -1 if there is none. */
int32_t eng_vocab_special(const eng_vocab *v, const char *text);

/* True for tokens that end a generation (EOS, end of turn, end of text). */
bool eng_vocab_is_end(const eng_vocab *v, int32_t id);

/* The ids of BOS and EOS, -1 if the model has none. */
int32_t eng_vocab_bos(const eng_vocab *v);

/* The one that the file names; eng_vocab_is_end knows all that end an answer. */
int32_t eng_vocab_eos(const eng_vocab *v);

/* The chat template's text (Jinja), "" if the file has none. */
const char *eng_vocab_chat_template(const eng_vocab *v);

/* What two vocabularies differ in, the chat template included ("merges", "special ids", ...; static
 * storage); NULL: in nothing. */
const char *eng_vocab_difference(const eng_vocab *a, const eng_vocab *b);

#endif
