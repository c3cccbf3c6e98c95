/* sink.h - shards in a row: documents go in, files of bounded size come out. */
#ifndef ENG_DATA_SINK_H
#define ENG_DATA_SINK_H

#include "engine/data/shard.h"

enum { ENG_DATA_PATH = 4096, ENG_SHARD_NAME = 96 };

/* A finished shard. */
typedef struct eng_sink_shard {
    char name[ENG_SHARD_NAME]; /* within the folder */
    eng_shard_sum sum;
} eng_sink_shard;

typedef struct eng_sink {
    const char *dir, *prefix; /* files are dir/prefix-00000.tok, ...; borrowed */
    const eng_shard_spec *spec;
    uint64_t limit; /* tokens of a shard, after which the next one begins */
    eng_shard_writer *w;
    eng_sink_shard *shard;
    size_t n, cap;
    uint64_t n_tokens, n_docs, n_bytes; /* in all shards; bytes of text, as told */
} eng_sink;

/* Writes dir/name into b; names of folders were held against the bound when the build began. */
const char *eng_data_path(const char *dir, const char *name, char b[ENG_DATA_PATH]);

/* Appends a document of n ids that stands for `bytes` of text. */
sk_status eng_sink_add(eng_sink *s, const int32_t *id, size_t n, uint64_t bytes, sk_err *e);

/* Finishes the last shard. */
sk_status eng_sink_end(eng_sink *s, sk_err *e);

/* Removes the files it made. */
void eng_sink_remove(const eng_sink *s);

/* Drops what is not finished and frees the list. */
void eng_sink_fini(eng_sink *s);

#endif
