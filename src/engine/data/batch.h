/* batch.h - a few megabytes of documents on their way from files to tokens: read one after the
 * other, then cleaned, hashed and encoded by all workers.  What comes out depends on what was read
 * only, not on the number of workers.
 */
#ifndef ENG_DATA_BATCH_H
#define ENG_DATA_BATCH_H

#include "base/thread.h"
#include "engine/data/reader.h"
#include "engine/data/sketch.h"
#include "engine/token/vocab.h"

#include <stdbool.h>

/* A batch is full with so many bytes or documents. */
enum { ENG_BATCH_BYTES = 16 << 20, ENG_BATCH_DOCS = 16384 };

/* What a reader gave. */
typedef struct eng_batch_raw {
    eng_raw raw;
    size_t file, source; /* numbers of the caller */
    sk_buf made;         /* its text, where that is not the file's own bytes */
    bool mended;         /* bytes that were no UTF-8 were replaced */
    sk_status st;        /* SK_E_FORMAT: a broken line, for the reason in `why` */
    char why[160];
} eng_batch_raw;

/* A document. */
typedef struct eng_batch_doc {
    const char *text; /* [n] borrowed from the batch */
    size_t n, source;
    bool first; /* not the second or later part of a document that was cut */
    bool keep;  /* set before encoding: false ones get no tokens */
    uint8_t hash[SK_SHA256_BYTES];
    eng_sketch sketch; /* if asked for */
    const int32_t *id; /* [n_ids] after encoding */
    size_t n_ids;
} eng_batch_doc;

typedef struct eng_batch_task eng_batch_task;

/* All zeros is an empty batch. */
typedef struct eng_batch {
    sk_buf bytes; /* of all raw documents */
    eng_batch_raw *raw;
    size_t n_raw, raw_cap;
    eng_batch_doc *doc;
    size_t n_docs, doc_cap;
    bool cut;             /* the last raw document goes on in the next batch */
    eng_batch_task *task; /* of the encoder */
    size_t n_tasks;
} eng_batch;

/* Frees all. */
void eng_batch_fini(eng_batch *b);

/* Forgets the documents, keeping some of the memory. */
void eng_batch_reset(eng_batch *b);

/* Takes documents from r until the batch is full or the file ends: *ended. */
sk_status eng_batch_read(eng_batch *b, eng_reader *r, size_t file, size_t source, bool *ended,
                         sk_err *e);

/* True when no more should be read into it. */
bool eng_batch_full(const eng_batch *b);

/* Raw documents to documents of at most max_doc bytes: JSON parsed, UTF-8 mended, long ones cut,
 * hashes made, sketches if asked for.  Broken lines are left in raw[].st. */
sk_status eng_batch_clean(eng_batch *b, sk_pool *pool, const char *field, size_t max_doc,
                          bool sketch, sk_err *e);

/* Tokens of all documents to be kept. */
sk_status eng_batch_encode(eng_batch *b, sk_pool *pool, const eng_vocab *v, sk_err *e);

#endif
