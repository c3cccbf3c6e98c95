/* npy.h - writing NumPy's .npy version 1.0 (docs: numpy.lib.format). */
#ifndef ENG_FORMAT_NPY_H
#define ENG_FORMAT_NPY_H

#include "base/status.h"

#include <stddef.h>

/* Writes float32 data [rows, cols] in C order, atomically. */
sk_status eng_npy_write(const char *path, const float *data, size_t rows, size_t cols, sk_err *e);

#endif
