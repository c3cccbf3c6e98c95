/* quantize.h - a model file with its matrices in other types. */
#ifndef ENG_FORMAT_QUANTIZE_H
#define ENG_FORMAT_QUANTIZE_H

#include "engine/format/gguf.h"
#include "engine/format/imatrix.h"
#include "engine/format/mix.h"

/* Called between pieces with the elements done and to do and the tensor at hand; returning false
 * stops with SK_E_STOPPED. */
typedef bool (*eng_quantize_progress)(void *arg, uint64_t done, uint64_t total, eng_str name);

typedef struct eng_quantize_opts {
    eng_mix mix;                /* what matrices become */
    bool pure;                  /* no exceptions (mix.h) */
    bool copy;                  /* no tensor changes: joins a split model, say */
    bool allow_requantize;      /* also from quantised tensors, which adds up the errors of both */
    const eng_imatrix *imatrix; /* NULL: none */
    const char *imatrix_file;   /* its path, noted in the file written */
    size_t threads;             /* 0: all cores */
    eng_quantize_progress progress; /* NULL: none */
    void *arg;                      /* progress's own */
} eng_quantize_opts;

typedef struct eng_quantize_result {
    uint64_t bytes_before, bytes_after; /* of all tensors' data */
    size_t n_tensors, n_changed,
        n_fallback; /* all; those of another type now; those that got a type of smaller blocks */
    size_t n_unweighed; /* tensors that changed without an entry in the importance matrix */
} eng_quantize_result;

/* Writes g to the file dst by the rules of a mix.  Keys are copied; general.file_type,
 * general.quantization_version and quantize.imatrix.* are set.  Refused are a quantised source (but
 * see above), numbers that are not finite or that the new type can't hold, and an importance matrix
 * of other sizes.  dst appears complete or not at all. */
sk_status eng_quantize(const eng_gguf *g, const char *dst, const eng_quantize_opts *o,
                       eng_quantize_result *out, sk_err *e);

#endif
