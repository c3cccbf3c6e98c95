/* imatrix.h - importance matrices: how much each column of a matrix matters, from a calibration.
 *
 * Read are llama.cpp's two formats: GGUF (tensors NAME.in_sum2 and NAME.counts; the importance is
 * the sum of squares over the count, 1 for an expert that was never called) and the older .dat
 * (entries of name, calls and values; the importance is value over calls).
 */
#ifndef ENG_FORMAT_IMATRIX_H
#define ENG_FORMAT_IMATRIX_H

#include "base/status.h"
#include "engine/format/gguf.h"

#include <stddef.h>

typedef struct eng_imatrix eng_imatrix;

/* Reads a file of either format.  A value that is not finite or below 0 refuses the file. */
sk_status eng_imatrix_open(const char *path, eng_imatrix **out, sk_err *e);

/* The same over n bytes in memory, which need not outlive the object. */
sk_status eng_imatrix_open_bytes(const void *p, size_t n, eng_imatrix **out, sk_err *e);

/* Frees m; NULL is allowed. */
void eng_imatrix_close(eng_imatrix *m);

/* Entries in the file. */
size_t eng_imatrix_count(const eng_imatrix *m);

/* The importance of a tensor's columns, for each of its matrices (experts) one after the other, and
 * how many values that is; NULL when the tensor has no entry. */
const float *eng_imatrix_find(const eng_imatrix *m, eng_str name, size_t *n);

#endif
