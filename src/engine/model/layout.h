/* layout.h - the flat list of a model's parameters.
 *
 * Training keeps parameters, gradients and moments each in one array of floats; a checkpoint is
 * those arrays.  What lies where in them follows from the config alone, by the order of the table
 * in param.h, so that neither has to be told in a file.
 */
#ifndef ENG_MODEL_LAYOUT_H
#define ENG_MODEL_LAYOUT_H

#include "base/mem.h"
#include "engine/model/config.h"

/* One tensor: [outer][rows][cols] floats at offset, cols innermost, without gaps. */
typedef struct eng_param {
    char name[64];            /* GGUF tensor name */
    eng_param_kind kind;      /* what it is for */
    uint32_t layer;           /* 0 outside the layers */
    size_t outer, rows, cols; /* experts or heads outermost (1 elsewhere); a vector has rows = 1 */
    size_t offset;            /* in a flat float array of all parameters; a multiple of 16 */
    bool is_matrix;           /* gets weight decay */
} eng_param;

/* All parameters of a config: what stands before the layers, the layers, what stands after. */
typedef struct eng_layout {
    eng_param *param;          /* [n_params] in the order of ENG_PARAM_TABLE, layer by layer */
    size_t n_params;           /* tensors, not numbers */
    size_t n_floats;           /* length of the flat array, padding included */
    size_t n_weights;          /* parameters proper */
    uint32_t n_layer, n_nextn; /* layers computed; layers behind them that stay in the file */
    uint32_t *index;           /* [n_layer][ENG_P_N] where each is in param; UINT32_MAX: nowhere */
} eng_layout;

/* Whether cfg has a parameter of that kind in that layer (outside the layers: at all). */
bool eng_param_is_there(const eng_config *cfg, eng_param_kind kind, uint32_t layer);

/* Builds the list in arena a, with which it dies; cfg is not kept.  SK_E_INVALID where the config
 * is none (eng_config_check), SK_E_NOMEM. */
sk_status eng_layout_build(const eng_config *cfg, sk_arena *a, eng_layout *out, sk_err *e);

/* Index of a parameter; those outside the layers ignore layer.  SIZE_MAX if there is none. */
size_t eng_layout_find(const eng_layout *l, eng_param_kind kind, uint32_t layer);

/* "attn_q.weight": the name without "blk.N."; whether it has that in front; its place. */
const char *eng_param_suffix(const eng_config *cfg, eng_param_kind kind);

/* Whether it is a bias, of a norm or of a matrix. */
bool eng_param_is_bias(eng_param_kind kind);

/* Where a parameter of that kind stands: before, in or behind the layers. */
eng_place eng_param_place(eng_param_kind kind);

/* "blk.3.attn_q.weight": the full name, into name. */
void eng_param_name(const eng_config *cfg, eng_param_kind kind, uint32_t layer, char name[64]);

#endif
