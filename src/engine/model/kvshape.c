/* kvshape.c - kv heads and sizes by layer. */
#include "engine/model/kvshape.h"

#include <assert.h>

eng_kv_shape eng_config_kv(const eng_config *cfg, uint32_t layer)
{
    assert(layer < cfg->n_layer);
    return (eng_kv_shape){cfg->n_kv_head, cfg->head_dim, eng_config_head_dim_v(cfg),
                          eng_config_absorbed(cfg), false};
}
