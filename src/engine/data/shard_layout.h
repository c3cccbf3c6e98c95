/* shard_layout.h - head and tail of a shard as they lie in the file (docs/format/shard.md), for its
 * reader and its writer. */
#ifndef ENG_DATA_SHARD_LAYOUT_H
#define ENG_DATA_SHARD_LAYOUT_H

#include "engine/data/shard.h"

#define ENG_SHARD_MAGIC "STKTOKS\n"
#define ENG_SHARD_END "STKTOKE\n"

/* The first 64 bytes. */
typedef struct shard_head {
    char magic[8];
    uint32_t version, token_bytes, n_vocab, separator;
    uint8_t tokenizer[32];
    uint32_t zero, crc; /* crc of the 60 bytes before it */
} shard_head;

/* The last 64 bytes. */
typedef struct shard_tail {
    char magic[8];
    uint64_t n_tokens, n_docs, table, length; /* table: offset; length: of the file */
    uint32_t token_crc, table_crc, head_crc, zero[2], crc;
} shard_tail;

_Static_assert(sizeof(shard_head) == ENG_SHARD_HEAD, "the head of a shard");
_Static_assert(sizeof(shard_tail) == ENG_SHARD_TAIL, "the tail of a shard");

#endif
