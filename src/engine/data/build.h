/* build.h - text to a data set: a folder of token shards with a manifest, made in one pass in
 * memory that does not grow with the text (but for the tables of duplicates, whose size is bounded
 * by an option).
 *
 * The folder gets train-00000.tok, ..., valid-00000.tok, ..., tokenizer.gguf and, last of all,
 * manifest.json: without it the folder is no data set.  Its bytes depend on the inputs and options
 * only, not on the number of threads.
 */
#ifndef ENG_DATA_BUILD_H
#define ENG_DATA_BUILD_H

#include "engine/data/files.h"
#include "engine/kernel/exec.h"
#include "engine/token/vocab.h"

typedef struct eng_data_progress {
    uint64_t bytes, total; /* of the inputs, as packed; total 0: not known */
    uint64_t documents, tokens;
    const char *stage; /* "read", "mix" */
} eng_data_progress;

typedef struct eng_data_opts {
    const char *const *path; /* [n_paths] arguments as files.h has them */
    size_t n_paths;
    const char *out;       /* the folder; must not hold a data set */
    const char *tokenizer; /* a GGUF or Hugging Face folder */
    const char *field;     /* member of JSON lines with the text */
    eng_data_form form;    /* of all inputs; AUTO: each by its name */
    bool exact, near;      /* duplicates to leave out */
    double threshold;      /* similarity of near-duplicates */
    uint64_t dedup_bytes;  /* bound of the tables of duplicates */
    double valid;          /* part of the documents held out, 0 to 0.5 */
    const char *mix;       /* "NAME=WEIGHT,..." or NULL: all sources once, in order */
    uint64_t max_epochs;   /* with mix: how often a source may be gone through, at least 1 */
    uint64_t shard_tokens; /* tokens of a shard */
    uint64_t max_doc;      /* bytes of a document; longer ones are cut (reader.h) */
    uint64_t max_bad;      /* broken lines that are skipped; one more ends the build */
    bool (*progress)(void *arg, const eng_data_progress *p); /* false: stop; may be NULL */
    void (*note)(void *arg, const char *text);               /* a sentence; may be NULL */
    void *arg;
} eng_data_opts;

/* Counts of a build.  Bytes are of text in UTF-8, tokens count the separators. */
typedef struct eng_data_stats {
    uint64_t files, left_out;             /* read; not looked at, in folders */
    uint64_t documents, text_bytes;       /* found, the parts of cut ones counted each */
    uint64_t empty, skipped, cut, mended; /* texts of no bytes; broken lines; further parts of
                                             long documents; with bytes that were no UTF-8 */
    uint64_t exact, near;                 /* duplicates left out */
    uint64_t train_docs, train_tokens, train_bytes;
    uint64_t valid_docs, valid_tokens, valid_bytes;
    uint64_t shards, dedup_bytes;
    bool dedup_full; /* the bound was reached: some duplicates may be left */
} eng_data_stats;

/* field "text", exact and near duplicates from 0.8 on left out within 2 GiB of tables, nothing held
 * out, shards of 100M tokens, documents of at most 4 MiB, 100 broken lines, 4 epochs. */
void eng_data_opts_default(eng_data_opts *o);

/* Builds.  On failure the folder holds no data set, and the shards made so far are gone; a killed
 * build leaves files that the next one removes. */
sk_status eng_data_build(eng_exec *x, const eng_data_opts *o, eng_data_stats *out, sk_err *e);

/* The id that stands between documents: <|endoftext|>, else the model's EOS; -1 if it has none. */
int32_t eng_data_separator(const eng_vocab *v);

#endif
