/* finite.h - whether the weights of a tensor are numbers. */
#ifndef ENG_MODEL_FINITE_H
#define ENG_MODEL_FINITE_H

#include "engine/kernel/exec.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>

/* False if one of n elements of type t at p is NaN or infinite; of quantised types, if a scale is.
 * Looks with all of x's threads. */
bool eng_all_finite(eng_exec *x, eng_dtype t, const void *p, size_t n);

#endif
