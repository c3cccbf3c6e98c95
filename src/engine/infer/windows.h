/* windows.h - a text cut into windows of tokens that don't overlap, as llama.cpp's tools cut it.
 *
 * One line feed at the end of the text is dropped; the text becomes ids once, BOS before it where
 * the model's file asks for it, special tokens in it not read; a rest shorter than a window is left
 * out; where the file asks for BOS the first token of each window is replaced by it.
 */
#ifndef ENG_INFER_WINDOWS_H
#define ENG_INFER_WINDOWS_H

#include "engine/engine.h"

/* The id that texts of this model begin with, -1 if its file asks for none. */
sk_status eng_text_bos(const eng_model *m, int32_t *out, sk_err *e);

typedef struct eng_windows {
    eng_ids ids;
    int32_t bos; /* put first in every window; -1: nothing is */
    size_t n_ctx, n;
} eng_windows;

/* Cuts n bytes of text into *w; SK_E_INVALID for windows the model can't have (n_ctx below 4 or
 * beyond its context) and for a text shorter than one.  *w is to be ended by eng_windows_fini
 * whatever happens. */
sk_status eng_windows_init(eng_windows *w, const eng_model *m, size_t n_ctx, const char *text,
                           size_t n, sk_err *e);
void eng_windows_fini(eng_windows *w);

/* Windows first .. first + n - 1 into to [n, n_ctx]. */
void eng_windows_copy(const eng_windows *w, size_t first, size_t n, int32_t *to);

#endif
