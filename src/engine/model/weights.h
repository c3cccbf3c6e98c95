/* weights.h - from the tensors of a file to packed matrices. */
#ifndef ENG_MODEL_WEIGHTS_H
#define ENG_MODEL_WEIGHTS_H

#include "engine/model/model.h"

/* Checks that the file has every tensor the config asks for, by name alone and without memory: so
 * that a list is made only for layers that are there. */
sk_status eng_weights_present(const eng_gguf *g, const eng_config *cfg, sk_err *e);

/* Checks that the file holds exactly the tensors of the layout, each in the right shape and in a
 * type this build reads; the sentence names the first that is missing, wrong or too many. */
sk_status eng_weights_check(const eng_gguf *g, const eng_layout *l, sk_err *e);

/* Packs the matrices and copies norms and biases of m->gguf (checked before) into m; flags are
 * eng_wmat_new's.  With `cache`, the model's path, packs are taken from a file that was kept, or
 * kept in one (packs.h); NULL: neither.  SK_E_CORRUPT names a tensor that holds NaN or an infinity.
 * On failure eng_weights_free gives back what there is. */
sk_status eng_weights_load(eng_exec *x, eng_model *m, unsigned flags, const char *cache, sk_err *e);

/* Frees the packs of m; all else lives in its arena. */
void eng_weights_free(eng_model *m);

#endif
