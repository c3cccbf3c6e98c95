/* manifest.h - manifest.json, the list of a data set: what it was made from, how, and what it is.
 * docs/format/shard.md has its members.
 */
#ifndef ENG_DATA_MANIFEST_H
#define ENG_DATA_MANIFEST_H

#include "base/json.h"
#include "engine/data/build.h"
#include "engine/data/mix.h"
#include "engine/data/sink.h"

#define ENG_MANIFEST_FILE "manifest.json"
#define ENG_MANIFEST_FORMAT "stoke-data"

/* An input as it was read. */
typedef struct eng_manifest_input {
    uint64_t bytes;
    uint8_t sha256[SK_SHA256_BYTES];
} eng_manifest_input;

/* What came out of a source. */
typedef struct eng_manifest_source {
    uint64_t documents, tokens, bytes;
} eng_manifest_source;

/* All that a manifest tells. */
typedef struct eng_manifest {
    const eng_data_opts *o;
    const eng_data_files *files;
    const eng_manifest_input *input;   /* [files->n] */
    const eng_manifest_source *source; /* [files->n_sources] kept documents */
    const eng_mix_source *mix;         /* the same, NULL without --mix */
    const eng_shard_spec *spec;
    const eng_sink *train, *valid;
    const eng_data_stats *stats;
    json_t *skipped; /* array of "FILE:LINE: reason" */
} eng_manifest;

/* Writes o->out/manifest.json, atomically. */
sk_status eng_manifest_write(const eng_manifest *m, sk_err *e);

/* One split as the manifest has it. */
typedef struct eng_manifest_split {
    eng_sink_shard *shard; /* [n] freed with sk_free */
    size_t n;
    uint8_t tokenizer[SK_SHA256_BYTES];
} eng_manifest_split;

/* Reads the split ("train", "valid") of the data set in dir; every number and name is checked. */
sk_status eng_manifest_read(const char *dir, const char *split, eng_manifest_split *out, sk_err *e);

#endif
