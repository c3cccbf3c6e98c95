/* adapter.c - a PEFT folder: adapter_config.json and adapter_model.safetensors. */
#include "engine/hf/adapter.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/format/gguf_build.h"
#include "engine/format/safetensors.h"
#include "engine/hf/dir.h"
#include "engine/hf/match.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 1 << 20, JSON_DEPTH = 8, PATH_MAX_BYTES = 4096 };

bool eng_hf_is_adapter(const char *path)
{
    return eng_hf_dir_has(path, "adapter_config.json");
}

/* What reading carries along. */
typedef struct reader {
    json_t *cfg;
    const char *arch;
    const eng_hf_sizes *z;
    eng_gguf_writer *w;
} reader;

/* ---- the settings ---- */

static bool is_empty(json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) || (json_is_array(v) && !json_array_size(v)) ||
           (json_is_object(v) && !json_object_size(v));
}

/* Settings that would make it something else than W + s B A. */
static sk_status check_settings(json_t *cfg, sk_err *e)
{
    static const char *const none[] = {"use_dora",      "modules_to_save", "rank_pattern",
                                       "alpha_pattern", "fan_in_fan_out",  "layer_replication"};
    const char *type = json_string_value(json_object_get(cfg, "peft_type"));
    const char *bias = json_string_value(json_object_get(cfg, "bias"));
    if (!type || strcmp(type, "LORA") != 0)
        return sk_fail(e, SK_E_UNSUPPORTED, "peft_type is \"%.40s\"; only LORA is supported",
                       type ? type : "(none)");
    if (bias && strcmp(bias, "none") != 0)
        return sk_fail(e, SK_E_UNSUPPORTED, "bias \"%.40s\" is not supported", bias);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (!is_empty(json_object_get(cfg, none[i])))
            return sk_fail(e, SK_E_UNSUPPORTED, "%s is set, which is not supported", none[i]);
    return SK_OK;
}

/* alpha such that alpha / r is the factor; rank-stabilised adapters divide by the root of r. */
static sk_status read_alpha(json_t *cfg, double *alpha, sk_err *e)
{
    double r = 0, a = 0;
    if (!eng_hf_num_in(cfg, "r", &r) || !eng_hf_num_in(cfg, "lora_alpha", &a) || !(r >= 1) ||
        !(r <= 65536))
        return sk_fail(e, SK_E_FORMAT, "adapter_config.json lacks r or lora_alpha");
    *alpha = json_is_true(json_object_get(cfg, "use_rslora")) ? a * sqrt(r) : a;
    return SK_OK;
}

/* ---- the tensors ---- */

/* "base_model.model.X.lora_A.weight" to "X.weight", and which of the pair it is. */
static bool split_name(const char *name, char *base, size_t n, bool *second)
{
    static const char head[] = "base_model.model.";
    const char *a = strstr(name, ".lora_A.weight"), *b = strstr(name, ".lora_B.weight");
    const char *tail = a ? a : b;
    if (strncmp(name, head, sizeof head - 1) != 0 || !tail) return false;
    name += sizeof head - 1;
    if (name > tail) return false;
    int k = snprintf(base, n, "%.*s.weight", (int)(tail - name), name);
    *second = !a;
    return k > 0 && (size_t)k < n;
}

/* The row of any family of the architecture that fits. */
static const eng_hf_name *row_of(const char *arch, const char *name, uint32_t *layer)
{
    uint32_t expert = 0;
    const eng_hf_family *f = eng_hf_family_of_arch(arch, false);
    if (!f) f = eng_hf_family_of_arch(arch, true);
    for (const eng_hf_name *const *list = f ? f->names : NULL; list && *list; list++)
        for (const eng_hf_name *r = *list; r->hf; r++)
            if (r->gguf && eng_hf_name_fits(r->hf, name, layer, &expert)) return r;
    return NULL;
}

/* B's rows follow the base matrix's: copied into the GGUF's order. */
static sk_status reorder(reader *rd, const eng_hf_name *row, const eng_st_tensor *t,
                         const void **out, sk_err *e)
{
    eng_hf_shape to, from = {1, t->dim[0], t->dim[1]};
    size_t bytes = t->dim[0] ? t->bytes / t->dim[0] : 0;
    if (!eng_hf_form_shape(row->form, rd->z, from, &to))
        return sk_fail(e, SK_E_FORMAT, "%s does not fit the heads of the model", t->name);
    char *copy = sk_alloc(SK_MEM_WEIGHTS, t->bytes);
    if (!copy || !eng_gguf_build_own(rd->w, copy, sk_free))
        return sk_fail(e, SK_E_NOMEM, "no memory for %s", t->name);
    for (size_t r = 0; r < to.rows; r++)
        memcpy(copy + r * bytes,
               (const char *)t->data + eng_hf_form_row(row->form, rd->z, to.rows, r) * bytes,
               bytes);
    *out = copy;
    return SK_OK;
}

/* GGUF's type of a tensor; a number format that GGUF has not, or that LoRA is not trained in, is
 * refused. */
static sk_status type_of(const eng_st_tensor *t, uint32_t *type, sk_err *e)
{
    if (t->type > ENG_ST_BF16)
        return sk_fail(e, SK_E_UNSUPPORTED, "the tensor %.150s is stored as %s", t->name,
                       t->type_name);
    *type = t->type == ENG_ST_F32 ? ENG_F32 : t->type == ENG_ST_F16 ? ENG_F16 : ENG_BF16;
    return SK_OK;
}

/* One tensor of the adapter as GGUF's lora_a or lora_b.  B of a query or key matrix is turned
 * the way the matrix itself is (from halves to pairs), as its rows are the matrix's rows; A is
 * not, as its columns are those of the input.  Other forms move rows between tensors, and an
 * adapter of a part is none of the whole. */
static sk_status add_tensor(reader *rd, const eng_st_tensor *t, sk_err *e)
{
    char base[200], name[80], made[64];
    bool second = false;
    uint32_t layer = 0;
    const eng_hf_name *row =
        split_name(t->name, base, sizeof base, &second) ? row_of(rd->arch, base, &layer) : NULL;
    if (!row || t->n_dims != 2 || !eng_hf_name_make(row->gguf, layer, 0, made, sizeof made))
        return sk_fail(e, SK_E_UNSUPPORTED, "the tensor %.150s adapts nothing this model has",
                       t->name);
    bool turns = row->form == ENG_HF_ROPE_Q || row->form == ENG_HF_ROPE_K;
    if (row->form != ENG_HF_SAME && !turns)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "adapting %s is not supported: GGUF stores it otherwise", base);
    uint32_t type;
    sk_status st = type_of(t, &type, e);
    const void *data = t->data;
    if (!st && turns && second) st = reorder(rd, row, t, &data, e);
    if (st) return st;
    const uint64_t dim[] = {t->dim[1], t->dim[0]};
    (void)snprintf(name, sizeof name, "%s.lora_%c", made, second ? 'b' : 'a');
    eng_gguf_build_tensor(rd->w, name, type, 2, dim, data);
    return SK_OK;
}

/* ---- the folder ---- */

static void drop_st(void *s)
{
    eng_st_close(s);
}

static void put_keys(const reader *rd, double alpha)
{
    eng_gguf_put_str(rd->w, "general.type", "adapter", 7);
    eng_gguf_put_str(rd->w, "general.architecture", rd->arch, strlen(rd->arch));
    eng_gguf_put_str(rd->w, "adapter.type", "lora", 4);
    eng_gguf_put_f32(rd->w, "adapter.lora.alpha", (float)alpha);
}

static sk_status path_in(const char *folder, const char *name, char path[PATH_MAX_BYTES], sk_err *e)
{
    int n = snprintf(path, PATH_MAX_BYTES, "%s/%s", folder, name);
    return n > 0 && n < PATH_MAX_BYTES ? SK_OK : sk_fail(e, SK_E_INVALID, "the path is too long");
}

/* Settings, then tensors, into rd->w. */
static sk_status read_folder(reader *rd, const char *folder, sk_err *e)
{
    char path[PATH_MAX_BYTES];
    sk_buf text = SK_BUF_INIT;
    eng_st *s = NULL;
    double alpha = 0;
    sk_status st = path_in(folder, "adapter_config.json", path, e);
    if (!st) st = sk_file_load(path, CONFIG_MAX, &text, e);
    if (!st) st = sk_json_parse(text.p, text.len, JSON_DEPTH, &rd->cfg, e);
    sk_buf_fini(&text);
    if (!st) st = check_settings(rd->cfg, e);
    if (!st) st = read_alpha(rd->cfg, &alpha, e);
    if (!st) st = path_in(folder, "adapter_model.safetensors", path, e);
    if (!st) st = eng_st_open(path, &s, e);
    if (st) return st;
    if (!eng_gguf_build_own(rd->w, s, drop_st))
        return sk_fail(e, SK_E_NOMEM, "no memory for an adapter");
    put_keys(rd, alpha);
    for (size_t i = 0; i < eng_st_n(s) && !st; i++)
        st = add_tensor(rd, eng_st_at(s, i), e);
    return st;
}

sk_status eng_hf_adapter_open(const char *path, const char *arch, const eng_hf_sizes *z,
                              eng_gguf **out, sk_err *e)
{
    reader rd = {.arch = arch, .z = z};
    sk_err why = SK_ERR_INIT;
    sk_status st = eng_gguf_build(&rd.w, e);
    if (st) return st;
    st = read_folder(&rd, path, &why);
    json_decref(rd.cfg);
    if (st) {
        eng_gguf_abort(rd.w);
        return sk_fail(e, st, "%s: %s", path, why.text);
    }
    return eng_gguf_build_open(rd.w, out, e);
}
