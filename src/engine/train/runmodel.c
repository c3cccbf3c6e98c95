/* runmodel.c - a model out of a run's folder. */
#include "engine/train/runmodel.h"

#include "base/file.h"
#include "engine/format/ckpt.h"
#include "engine/format/gguf_build.h"
#include "engine/model/layout.h"
#include "engine/token/vocab.h"
#include "engine/train/export.h"

#include <stdio.h>
#include <string.h>

enum { PATH = 4096 };

/* Keys of shape.gguf: names of the tensors; [cols, rows, outer, 1 for a matrix] of each; where it
 * begins in the array of parameters, in units of ALIGN floats; the length of that array, likewise.
 */
#define KEY_NAMES "stoke.layout.names"
#define KEY_SIZES "stoke.layout.sizes"
#define KEY_OFFSETS "stoke.layout.offsets"
#define KEY_LENGTH "stoke.layout.length"

enum { ALIGN = 16, MOST = 1 << 30 };

static const char *join(const char *dir, const char *name, char path[PATH])
{
    (void)snprintf(path, PATH, "%s/%s", dir, name);
    return path;
}

static bool has(const char *dir, const char *name)
{
    char path[PATH];
    return sk_file_exists(join(dir, name, path));
}

bool eng_run_is_folder(const char *path)
{
    return has(path, "checkpoint.stk") || has(path, "best.stk");
}

/* ---- shape.gguf ---- */

/* The layout as keys. */
static sk_status put_layout(const eng_layout *l, eng_gguf_writer *w, sk_err *e)
{
    eng_str *name = sk_calloc(SK_MEM_TRAIN, l->n_params, sizeof *name);
    int32_t *size = sk_calloc(SK_MEM_TRAIN, l->n_params, 5 * sizeof *size);
    int32_t *offset = size ? size + 4 * l->n_params : NULL;
    for (size_t i = 0; name && size && i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        name[i] = (eng_str){p->name, strlen(p->name)};
        size[4 * i] = (int32_t)p->cols;
        size[4 * i + 1] = (int32_t)p->rows;
        size[4 * i + 2] = (int32_t)p->outer;
        size[4 * i + 3] = p->is_matrix;
        offset[i] = (int32_t)(p->offset / ALIGN);
    }
    sk_status st = SK_OK;
    if (name && size) {
        eng_gguf_put_strs(w, KEY_NAMES, name, l->n_params);
        eng_gguf_put_i32s(w, KEY_SIZES, size, 4 * l->n_params);
        eng_gguf_put_i32s(w, KEY_OFFSETS, offset, l->n_params);
        eng_gguf_put_u32(w, KEY_LENGTH, (uint32_t)(l->n_floats / ALIGN));
    } else {
        st = sk_fail(e, SK_E_NOMEM, "no memory for shape.gguf");
    }
    sk_free(name);
    sk_free(size);
    return st;
}

sk_status eng_run_shape_save(const char *path, const eng_config *cfg, const eng_layout *l,
                             const eng_vocab *v, const eng_gguf *from, sk_err *e)
{
    eng_gguf_writer *w;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    st = eng_export_keys(w, cfg, v, from, ENG_F32, e); /* as the parameters are */
    if (!st) st = put_layout(l, w, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

/* ---- from a checkpoint ---- */

static sk_status open_shape(const char *dir, eng_gguf **out, sk_err *e)
{
    char path[PATH];
    if (has(dir, "shape.gguf")) return eng_gguf_open(join(dir, "shape.gguf", path), out, e);
    return sk_fail(e, SK_E_NOTFOUND,
                   "%s has no shape.gguf, so its checkpoints can't be exported: it was begun by an "
                   "earlier version; finish it with --resume",
                   dir);
}

/* The section of floats that `pick` means, which must have the length the shape tells. */
static sk_status find_params(const eng_ckpt *c, const eng_gguf *shape, eng_run_pick pick,
                             const float **out, sk_err *e)
{
    const void *at;
    uint64_t bytes, length;
    bool average = pick == ENG_PICK_EMA;
    sk_status st = eng_ckpt_get(c, average ? "ema" : "param", &at, &bytes, average ? NULL : e);
    if (st && average)
        return sk_fail(e, SK_E_NOTFOUND, "this run kept no running average of its weights");
    if (!st) st = eng_gguf_u64(shape, KEY_LENGTH, &length, e);
    if (st) return st;
    if (bytes != length * ALIGN * sizeof(float))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "the checkpoint holds no whole model but an adapter, which is in the run's "
                       "adapter.gguf when it is done");
    *out = at;
    return SK_OK;
}

/* Tensor i of the shape, whose data must lie within the `length` floats at param. */
static sk_status add_tensor(eng_gguf_writer *w, const eng_gguf *shape, size_t i, const float *param,
                            uint64_t length, sk_err *e)
{
    eng_str name;
    int64_t size[4], offset;
    char text[65];
    sk_status st = eng_gguf_arr_str(shape, KEY_NAMES, i, &name, e);
    for (size_t k = 0; !st && k < 4; k++)
        st = eng_gguf_arr_i64(shape, KEY_SIZES, 4 * i + k, &size[k], e);
    if (!st) st = eng_gguf_arr_i64(shape, KEY_OFFSETS, i, &offset, e);
    if (st) return st;
    bool ok = name.n < sizeof text && offset >= 0 && offset <= MOST;
    for (size_t k = 0; k < 3; k++)
        ok = ok && size[k] > 0 && size[k] <= MOST;
    uint64_t begin = (uint64_t)offset * ALIGN, n = (uint64_t)size[0] * (uint64_t)size[1];
    ok = ok && begin <= length && n <= length && (uint64_t)size[2] <= (length - begin) / n;
    if (!ok) return sk_fail(e, SK_E_FORMAT, "shape.gguf does not fit the checkpoint");
    (void)snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
    const uint64_t dim[4] = {(uint64_t)size[0], (uint64_t)size[1], (uint64_t)size[2], 1};
    uint32_t n_dims = size[2] > 1 ? 3 : size[3] || size[1] > 1 ? 2 : 1;
    eng_gguf_build_tensor(w, text, ENG_F32, n_dims, dim, param + begin);
    return SK_OK;
}

static void drop_ckpt(void *c)
{
    eng_ckpt_close(c);
}

/* All of it as a GGUF in memory, which takes c over. */
static sk_status build(const eng_gguf *shape, eng_ckpt *c, const float *param, eng_gguf **out,
                       sk_err *e)
{
    eng_gguf_writer *w;
    size_t n = 0;
    uint64_t length = 0;
    sk_status st = eng_gguf_build(&w, e);
    if (st) {
        eng_ckpt_close(c);
        return st;
    }
    (void)eng_gguf_build_own(w, c, drop_ckpt); /* without memory: the last status says so */
    eng_gguf_copy_keys(w, shape);
    st = eng_gguf_arr_len(shape, KEY_NAMES, &n, e);
    if (!st) st = eng_gguf_u64(shape, KEY_LENGTH, &length, e);
    for (size_t i = 0; !st && i < n; i++)
        st = add_tensor(w, shape, i, param, length * ALIGN, e);
    if (!st) return eng_gguf_build_open(w, out, e);
    eng_gguf_abort(w);
    return st;
}

static sk_status from_checkpoint(const char *dir, const char *name, eng_run_pick pick,
                                 eng_gguf **out, sk_err *e)
{
    char path[PATH];
    eng_gguf *shape = NULL;
    eng_ckpt *c = NULL;
    const float *param = NULL;
    sk_status st = open_shape(dir, &shape, e);
    if (!st) st = eng_ckpt_open(join(dir, name, path), &c, e);
    if (!st) st = find_params(c, shape, pick, &param, e);
    if (st)
        eng_ckpt_close(c);
    else
        st = build(shape, c, param, out, e);
    eng_gguf_close(shape);
    return st;
}

sk_status eng_run_model_open(const char *dir, eng_run_pick pick, eng_gguf **out, sk_err *e)
{
    char path[PATH];
    if (strlen(dir) > PATH - 64)
        return sk_fail(e, SK_E_INVALID, "the name of the folder is too long");
    if (pick == ENG_PICK_AUTO && has(dir, "model.gguf"))
        return eng_gguf_open(join(dir, "model.gguf", path), out, e);
    if (pick != ENG_PICK_BEST) return from_checkpoint(dir, "checkpoint.stk", pick, out, e);
    if (!has(dir, "best.stk"))
        return sk_fail(e, SK_E_NOTFOUND,
                       "%s has no best checkpoint (best.stk): the run measures no held-out loss",
                       dir);
    return from_checkpoint(dir, "best.stk", pick, out, e);
}
