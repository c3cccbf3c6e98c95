/* safetensors.h - the tensor files of Hugging Face folders, read and written.
 *
 * Layout: 8 bytes little-endian length, that many bytes of JSON (name to dtype, shape and
 * data_offsets), then the data.  Source: the format's README (huggingface/safetensors).  A reader
 * trusts nothing: the header is bounded, every tensor lies inside the file, none overlap, no bytes
 * are left between them, and the shape accounts for every byte.
 */
#ifndef ENG_FORMAT_SAFETENSORS_H
#define ENG_FORMAT_SAFETENSORS_H

#include "base/status.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Element types that occur in model folders.  Those from ENG_ST_F8 on cannot be computed with. */
typedef enum eng_st_type {
    ENG_ST_F32,
    ENG_ST_F16,
    ENG_ST_BF16,
    ENG_ST_U8,  /* bytes: packed forms of other programs */
    ENG_ST_F8,  /* eight bits: e4m3, e5m2, e8m0 */
    ENG_ST_F64, /* doubles */
    ENG_ST_INT  /* other whole numbers, and truth values */
} eng_st_type;

enum { ENG_ST_DIMS = 8 };

typedef struct eng_st_tensor {
    const char *name; /* borrowed from the file's object */
    eng_st_type type;
    const char *type_name; /* as the file spells it: "BF16" */
    uint32_t n_dims;
    uint64_t dim[ENG_ST_DIMS]; /* outermost first, as in the file */
    const void *data;          /* in the mapping, at any alignment */
    uint64_t bytes;            /* what shape and type ask for */
} eng_st_tensor;

typedef struct eng_st eng_st;

/* Maps and checks one file.  SK_E_FORMAT says what is wrong with it. */
sk_status eng_st_open(const char *path, eng_st **out, sk_err *e);

/* The same over n bytes in memory, which must outlive the object (tests, fuzzing). */
sk_status eng_st_open_bytes(const void *p, size_t n, eng_st **out, sk_err *e);

/* Guards against the file's being cut short while it is in use (sk_map_watch), or ends that. */
void eng_st_watch(const eng_st *s, bool on);

/* True when that has happened. */
bool eng_st_torn(const eng_st *s);

/* Closes the file and frees s; NULL is allowed. */
void eng_st_close(eng_st *s);

/* Tensors in ascending order of their names. */
size_t eng_st_n(const eng_st *s);

/* i is below eng_st_n; good until the file is closed. */
const eng_st_tensor *eng_st_at(const eng_st *s, size_t i);

/* NULL if there is none of that name. */
const eng_st_tensor *eng_st_find(const eng_st *s, const char *name);

/* What is declared of a tensor that will be written: its bytes follow in the same order. */
typedef struct eng_st_decl {
    const char *name;
    eng_dtype type; /* F32, F16 or BF16 */
    uint32_t n_dims;
    uint64_t dim[ENG_ST_DIMS]; /* outermost first */
} eng_st_decl;

typedef struct eng_st_writer eng_st_writer;

/* Starts a file that will replace path when committed; its header is written at once. */
sk_status eng_st_create(const char *path, const eng_st_decl *decl, size_t n, eng_st_writer **out,
                        sk_err *e);

/* n bytes of the next tensor's data, or of a part of it. */
sk_status eng_st_write(eng_st_writer *w, const void *p, size_t n, sk_err *e);

/* Checks that all is written and puts the file in place.  w is gone whatever happens. */
sk_status eng_st_commit(eng_st_writer *w, sk_err *e);

/* Gives the file up: what stood at its path stays.  NULL is allowed. */
void eng_st_abort(eng_st_writer *w);

#endif
