/* gguf_writer.h - what the writer's files share: a GGUF that is being put together.
 *
 * gguf_put.c collects keys, gguf_write.c tensors and the file, gguf_build.c makes an open GGUF of
 * it instead of a file.  Private to the room.
 */
#ifndef ENG_FORMAT_GGUF_WRITER_H
#define ENG_FORMAT_GGUF_WRITER_H

#include "base/file.h"
#include "engine/format/gguf.h"

/* A declared tensor. */
typedef struct eng_gguf_declared {
    uint32_t type, n_dims; /* ggml's number; 1 to 4 */
    uint64_t dim[4];       /* innermost first */
    size_t n, bytes;       /* elements, and bytes without padding */
    size_t name;           /* where its name begins in names */
    const void *data;      /* of a GGUF in memory */
} eng_gguf_declared;

struct eng_gguf_writer {
    sk_outfile *f;               /* NULL: a GGUF in memory */
    sk_buf keys;                 /* as they will stand in the file */
    sk_buf names;                /* every key and tensor name, "k" or "t" before and NUL behind */
    sk_buf tensors;              /* array of eng_gguf_declared */
    sk_buf owned;                /* array of eng_gguf_owned */
    uint64_t n_keys;             /* in keys */
    size_t n_tensors, n_written; /* declared, and whose data is complete */
    size_t n_part;               /* bytes written of the tensor that is next */
    bool begun;                  /* header, keys and table are out */
    sk_status st;                /* SK_OK while nothing failed */
    sk_err err;                  /* the first thing that went wrong */
};

/* An empty one without a file, NULL without memory. */
eng_gguf_writer *eng_gguf_writer_new(void);

/* Frees it, what it owns and its lists; the file is the caller's. */
void eng_gguf_writer_free(eng_gguf_writer *w);

/* Remembers the first failure: "NAME: WHAT". */
void eng_gguf_writer_fail(eng_gguf_writer *w, const char *what, const char *name);

/* True when the name (n bytes, no NUL) is new among those of its kind ('k' or 't'); remembers it.
 */
bool eng_gguf_writer_name(eng_gguf_writer *w, char kind, const char *name, size_t n);

/* SK_OK while nothing failed and there was memory for all; otherwise says what. */
sk_status eng_gguf_writer_check(eng_gguf_writer *w, sk_err *e);

/* Declared tensor i. */
eng_gguf_declared eng_gguf_writer_tensor(const eng_gguf_writer *w, size_t i);

#endif
