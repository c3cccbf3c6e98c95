/* stream.h - the tokens of a data set as one stream: separator, document, separator, ...,
 * separator, over all shards of a split, read where they lie.
 */
#ifndef ENG_DATA_STREAM_H
#define ENG_DATA_STREAM_H

#include "engine/data/shard.h"
#include "engine/data/sink.h"

typedef struct eng_stream {
    eng_shard *shard;             /* [n], checked */
    uint64_t *first;              /* [n + 1] place of each shard's first token in the stream */
    char (*name)[ENG_SHARD_NAME]; /* [n] of their files */
    size_t n;
    uint64_t n_tokens, n_docs; /* the last separator counted */
    eng_shard_spec spec;
    uint32_t crc; /* of lengths and checksums of all shards: other tokens have another one */
} eng_stream;

/* True when path is a folder with a manifest. */
bool eng_stream_is_folder(const char *path);

/* Opens a split ("train", "valid") of the data set in dir and checks every byte of it: manifest
 * against shards, checksums, ids.  *out is NULL where the split is empty. */
sk_status eng_stream_open(const char *dir, const char *split, eng_stream **out, sk_err *e);

/* NULL is allowed. */
void eng_stream_close(eng_stream *s);

/* Tokens [at, at + n) of the stream; within n_tokens. */
void eng_stream_read(const eng_stream *s, uint64_t at, size_t n, int32_t *out);

#endif
