/* shard.h - a file of tokens with the borders of its documents, read where it lies (mapped).
 *
 * docs/format/shard.md has the layout.  Each document begins with the separator token, so that the
 * documents of a file, and of files in a row, are one stream.  The reader trusts nothing.
 */
#ifndef ENG_DATA_SHARD_H
#define ENG_DATA_SHARD_H

#include "base/file.h"
#include "base/sha256.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENG_SHARD_VERSION = 1, ENG_SHARD_HEAD = 64, ENG_SHARD_TAIL = 64 };

/* What all shards of a data set have in common. */
typedef struct eng_shard_spec {
    uint32_t n_vocab;                   /* ids are below it */
    int32_t separator;                  /* the id in front of each document */
    uint8_t tokenizer[SK_SHA256_BYTES]; /* SHA-256 of the tokenizer's file */
} eng_shard_spec;

/* An open shard. */
typedef struct eng_shard {
    sk_map map;           /* empty when opened from bytes */
    const uint8_t *token; /* [n_tokens] of 2 or 4 bytes, little-endian */
    const uint64_t *doc;  /* [n_docs + 1] token number of each separator, then n_tokens */
    uint64_t n_tokens, n_docs;
    bool wide;    /* 4 bytes a token */
    uint32_t crc; /* CRC-32C of the tokens, as the file says */
    eng_shard_spec spec;
} eng_shard;

/* ---- reading ---- */

/* Maps the file and checks all but the tokens themselves: lengths, checksums of head, tail and
 * table, order of the table.  SK_E_FORMAT for another kind of file, SK_E_CORRUPT for a damaged one.
 */
sk_status eng_shard_open(const char *path, eng_shard *out, sk_err *e);

/* The same for n bytes at p (aligned to 8), which are borrowed; `name` is for sentences. */
sk_status eng_shard_open_bytes(const uint8_t *p, size_t n, const char *name, eng_shard *out,
                               sk_err *e);

/* Unmaps; s may be all zeros. */
void eng_shard_close(eng_shard *s);

/* Reads all tokens: their checksum, and that ids are below n_vocab.  Before this is SK_OK the ids
 * must not be used as numbers of anything. */
sk_status eng_shard_check(const eng_shard *s, const char *name, sk_err *e);

/* Tokens [at, at + n) as ids; within n_tokens. */
void eng_shard_read(const eng_shard *s, uint64_t at, size_t n, int32_t *out);

/* ---- writing ---- */

/* What was written. */
typedef struct eng_shard_sum {
    uint64_t n_tokens, n_docs, bytes;
    uint8_t sha256[SK_SHA256_BYTES]; /* of the file */
} eng_shard_sum;

typedef struct eng_shard_writer eng_shard_writer;

/* Begins a shard at path, which appears with eng_shard_commit.  Tokens have 2 bytes where n_vocab
 * is at most 65536, else 4. */
sk_status eng_shard_create(const char *path, const eng_shard_spec *spec, eng_shard_writer **out,
                           sk_err *e);

/* Appends a document: the separator and n ids. */
sk_status eng_shard_add(eng_shard_writer *w, const int32_t *id, size_t n, sk_err *e);

/* So far. */
uint64_t eng_shard_tokens(const eng_shard_writer *w);
uint64_t eng_shard_docs(const eng_shard_writer *w);

/* Writes table and tail and puts the file in its place; w is gone whatever happens. */
sk_status eng_shard_commit(eng_shard_writer *w, eng_shard_sum *sum, sk_err *e);

/* Drops it; NULL is allowed. */
void eng_shard_abort(eng_shard_writer *w);

#endif
