/* reader.h - the documents of one file, one at a time, in memory that does not grow with the file.
 *
 * A document of text longer than the limit is cut, at its last line end before the limit; a line
 * longer than 256 KiB may be cut anywhere between two characters.  Each part is a document.  A line
 * of JSONL longer than ENG_READER_LINE is not kept: it is given as broken.
 */
#ifndef ENG_DATA_READER_H
#define ENG_DATA_READER_H

#include "base/buf.h"
#include "base/sha256.h"
#include "engine/data/files.h"

#define ENG_READER_LINE ((size_t)64 << 20)

typedef enum eng_raw_kind {
    ENG_RAW_END,     /* no more documents */
    ENG_RAW_TEXT,    /* text as it lies in the file */
    ENG_RAW_JSON,    /* a line of JSONL, not parsed yet, without its newline */
    ENG_RAW_TOO_LONG /* a line of JSONL that was passed over */
} eng_raw_kind;

typedef struct eng_raw {
    eng_raw_kind kind;
    size_t at, n;  /* its bytes in the buffer that was given */
    uint64_t line; /* where it begins, from 1 */
    bool cut;      /* more of the same document follows */
} eng_raw;

typedef struct eng_reader eng_reader;

/* Opens the file; max_doc: bytes of a document of text, at least 1024. */
sk_status eng_reader_open(const eng_data_file *f, size_t max_doc, eng_reader **out, sk_err *e);

/* NULL is allowed. */
void eng_reader_close(eng_reader *r);

/* Appends the next document to `into`, empty ones passed over. */
sk_status eng_reader_next(eng_reader *r, sk_buf *into, eng_raw *out, sk_err *e);

/* Bytes of the file itself, as packed, read so far. */
uint64_t eng_reader_bytes(const eng_reader *r);

/* Their SHA-256: the file's, when the end has been reached. */
void eng_reader_digest(const eng_reader *r, uint8_t out[SK_SHA256_BYTES]);

#endif
