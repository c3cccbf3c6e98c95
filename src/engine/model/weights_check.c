/* weights_check.c - whether a file has the tensors that its keys ask for: before any is read. */
#include "engine/model/weights.h"

#include "engine/quant/quant.h"

#include <string.h>

static const eng_param *param_named(const eng_layout *l, eng_str name)
{
    for (size_t i = 0; i < l->n_params; i++)
        if (strlen(l->param[i].name) == name.n && !memcmp(l->param[i].name, name.p, name.n))
            return &l->param[i];
    return NULL;
}

/* The type of a tensor: one this build knows, and plain for what is read as floats.  Blocks may not
 * reach over the end of a row, or rows could not be taken apart. */
static sk_status check_type(const eng_gguf_tensor *t, const eng_param *p, sk_err *e)
{
    size_t block = eng_dtype_block((eng_dtype)t->type);
    if (!block || (!p->is_matrix && block != 1))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "the tensor %s is stored as %s, which this build can't read%s", p->name,
                       eng_gguf_type_name(t->type), block ? " as a norm or bias" : "");
    if (p->cols % block)
        return sk_fail(e, SK_E_FORMAT,
                       "the rows of tensor %s have %zu elements, which are not whole blocks of %s",
                       p->name, p->cols, eng_gguf_type_name(t->type));
    return SK_OK;
}

/* One tensor against its parameter. */
static sk_status check_tensor(const eng_gguf_tensor *t, const eng_param *p, sk_err *e)
{
    sk_status st = check_type(t, p, e);
    if (st) return st;
    if (t->dim[0] != p->cols || t->dim[1] != p->rows || t->dim[2] != p->outer || t->dim[3] != 1)
        return sk_fail(e, SK_E_FORMAT,
                       "the tensor %s is %llu x %llu x %llu, innermost first; the model's keys ask "
                       "for %zu x %zu x %zu",
                       p->name, (unsigned long long)t->dim[0], (unsigned long long)t->dim[1],
                       (unsigned long long)t->dim[2], p->cols, p->rows, p->outer);
    if (t->bytes != eng_dtype_bytes((eng_dtype)t->type, p->outer * p->rows * p->cols))
        return sk_fail(e, SK_E_FORMAT, "the tensor %s has the wrong number of bytes", p->name);
    if ((uintptr_t)t->data % sizeof(float))
        return sk_fail(e, SK_E_FORMAT, "the data of tensor %s is not aligned to 4 bytes", p->name);
    return SK_OK;
}

/* Layer by layer, so that a count of layers that is far too high ends at the first. */
sk_status eng_weights_present(const eng_gguf *g, const eng_config *cfg, sk_err *e)
{
    char name[64];
    for (uint32_t i = 0; i < cfg->n_layer; i++)
        for (int k = 0; k < ENG_P_N; k++) {
            if (!eng_param_is_there(cfg, (eng_param_kind)k, i)) continue;
            eng_param_name(cfg, (eng_param_kind)k, i, name);
            if (!eng_gguf_tensor_find(g, name))
                return sk_fail(e, SK_E_FORMAT, "the tensor %s is missing", name);
        }
    return SK_OK;
}

/* Whether a tensor is of a layer behind the last, as nextn_predict_layers adds them. */
static bool is_nextn(const eng_layout *l, eng_str name)
{
    unsigned long n = 0;
    if (name.n < 5 || memcmp(name.p, "blk.", 4) != 0) return false;
    for (size_t i = 4; i < name.n && name.p[i] != '.' && n <= ENG_MAX_LAYERS; i++) {
        if (name.p[i] < '0' || name.p[i] > '9') return false;
        n = n * 10 + (unsigned long)(name.p[i] - '0');
    }
    return n >= l->n_layer && n < (unsigned long)l->n_layer + l->n_nextn;
}

/* All that must be there, then nothing else. */
sk_status eng_weights_check(const eng_gguf *g, const eng_layout *l, sk_err *e)
{
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_find(g, l->param[i].name);
        if (!t) return sk_fail(e, SK_E_FORMAT, "the tensor %s is missing", l->param[i].name);
        sk_status st = check_tensor(t, &l->param[i], e);
        if (st) return st;
    }
    if (eng_gguf_n_tensors(g) == l->n_params) return SK_OK;
    /* Names are unique in a file, so at least one tensor is none of the layout's. */
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        eng_str name = eng_gguf_tensor_at(g, i)->name;
        if (!is_nextn(l, name) && !param_named(l, name))
            return sk_fail(e, SK_E_UNSUPPORTED,
                           "the tensor %.*s is none this architecture has; leaving it out would "
                           "change the results",
                           name.n > 100 ? 100 : (int)name.n, name.p);
    }
    return l->n_nextn ? SK_OK : sk_fail(e, SK_E_INTERNAL, "more tensors than names");
}
