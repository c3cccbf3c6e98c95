/* origin.h - where the tokens of a dataset come from, so that a person finds the text of a row.
 *
 * Of texts and conversations a list is kept, a row a document; of a data set the shards have one.
 */
#ifndef ENG_TRAIN_ORIGIN_H
#define ENG_TRAIN_ORIGIN_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eng_dataset;

/* A document: a text between separators, a conversation, a pair. */
typedef struct eng_origin_doc {
    uint64_t token;        /* its first place in the rows, laid end to end */
    uint64_t byte;         /* where it begins in its file, unpacked; of JSONL UINT64_MAX */
    uint32_t file, number; /* index of its file; number in it, from 1: of JSONL the line */
} eng_origin_doc;

typedef struct eng_origin {
    const char *const *file; /* borrowed */
    eng_origin_doc *doc;     /* [n], in the order of token */
    size_t n, cap;
} eng_origin;

/* A part of a row. */
typedef struct eng_spot {
    const char *file;       /* borrowed from the dataset */
    bool lines;             /* number is a line */
    uint64_t number, token; /* of the document, from 1; tokens of it that are in rows before */
    uint64_t byte;          /* where it begins in its file, unpacked; UINT64_MAX: not known */
} eng_spot;

/* A list for files, without documents; NULL without memory. */
eng_origin *eng_origin_new(const char *const *file);

/* NULL is allowed. */
void eng_origin_free(eng_origin *o);

/* Appends a document; false without memory. */
bool eng_origin_add(eng_origin *o, const eng_origin_doc *d);

/* Puts the list into the order of token. */
void eng_origin_sort(eng_origin *o);

/* The documents of text[0..n) that begin at start[0], start[1], .. (n_files of them, the files'
 * places in text) and became id[0..n_ids), each behind a separator. */
sk_status eng_origin_of_text(const char *const *file, const size_t *start, size_t n_files,
                             const char *text, size_t n, const int32_t *id, size_t n_ids,
                             int32_t separator, eng_origin **out, sk_err *e);

/* Writes the first `max` documents that have tokens in the row; returns how many have, 0: not
 * known. */
size_t eng_origin_row(const struct eng_dataset *d, size_t row, eng_spot *out, size_t max);

/* A place in words: "corpus.txt, document 12 (from byte 3456), token 340". */
void eng_spot_text(const eng_spot *p, sk_buf *out);

/* And as an object: {"file":"corpus.txt","document":12,"byte":3456,"token":340}. */
void eng_spot_json(const eng_spot *p, sk_buf *out);

#endif
