/* export.c - parameters to a model file that stock programs read, and back. */
#include "engine/train/export.h"

#include "engine/model/config_gguf.h"
#include "engine/model/weights.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* general.file_type, as other programs show it. */
static uint32_t file_type(eng_dtype t)
{
    return t == ENG_F32 ? 0 : t == ENG_F16 ? 1 : 32;
}

/* All are declared first: a GGUF has its directory before the data. */
static sk_status write_tensors(eng_gguf_writer *w, const eng_layout *l, const float *params,
                               eng_dtype dtype, sk_err *e)
{
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        eng_gguf_add_tensor(w, p->name, p->is_matrix ? dtype : ENG_F32, p->rows, p->cols,
                            !p->is_matrix);
    }
    for (size_t i = 0; i < l->n_params; i++) {
        sk_status st = eng_gguf_write_f32(w, params + l->param[i].offset, e);
        if (st) return st;
    }
    return SK_OK;
}

/* What is put first stays when the keys of `from` are copied behind it. */
sk_status eng_export_keys(eng_gguf_writer *w, const eng_config *cfg, const eng_vocab *v,
                          const eng_gguf *from, eng_dtype dtype, sk_err *e)
{
    eng_gguf_put_u32(w, "general.file_type", file_type(dtype));
    if (!from) {
        eng_config_put(cfg, w);
        return eng_vocab_to_gguf(v, w, e);
    }
    if (cfg->name[0]) eng_gguf_put_str(w, "general.name", cfg->name, strlen(cfg->name));
    eng_gguf_copy_keys(w, from);
    return SK_OK;
}

/* The file appears at once, complete, or not at all. */
sk_status eng_export_gguf(const char *path, const eng_config *cfg, const eng_layout *l,
                          const eng_vocab *v, const eng_gguf *from, const float *params,
                          eng_dtype dtype, sk_err *e)
{
    eng_gguf_writer *w;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    st = eng_export_keys(w, cfg, v, from, dtype, e);
    if (!st) st = write_tensors(w, l, params, dtype, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

/* A weight that is not finite would spread over everything within a step, so the file is refused.
 */
sk_status eng_import_gguf(const eng_gguf *g, const eng_layout *l, float *params, sk_err *e)
{
    sk_status st = eng_weights_check(g, l, e);
    if (st) return st;
    memset(params, 0, l->n_floats * sizeof(*params));
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        const eng_gguf_tensor *t = eng_gguf_tensor_find(g, p->name);
        float *to = params + p->offset;
        assert(t);
        eng_quant_unpack((eng_dtype)t->type, t->data, to, p->rows * p->cols);
        for (size_t k = 0; k < p->rows * p->cols; k++)
            if (!isfinite(to[k]))
                return sk_fail(e, SK_E_CORRUPT, "tensor %s holds a value that is not finite",
                               p->name);
    }
    return SK_OK;
}
