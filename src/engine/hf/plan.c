/* plan.c - matching the tensors of a folder with the names of its family. */
#include "engine/hf/plan.h"

#include "engine/hf/extra.h"
#include "engine/hf/match.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What planning carries along. */
typedef struct planner {
    const eng_hf_dir *d;
    const eng_hf_in *in;
    sk_arena *mem;
    eng_hf_plan *p;
    size_t cap;
} planner;

/* ---- names ---- */

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && !strcmp(s + n - k, tail);
}

/* ---- shapes ---- */

/* A tensor as matrices; biases of experts are vectors side by side. */
static eng_hf_shape shape_of(const eng_st_tensor *t)
{
    eng_hf_shape s = {1, 1, 1};
    bool vector = t->n_dims == 1 || ends_with(t->name, "bias");
    uint32_t last = t->n_dims - (vector ? 1 : 2);
    for (uint32_t i = 0; i < last; i++)
        s.mats *= t->dim[i];
    s.rows = t->n_dims ? t->dim[last] : 1;
    if (!vector) s.cols = t->dim[last + 1];
    return s;
}

/* The type a tensor has in a GGUF: vectors, norms and biases are floats. */
static uint32_t type_of(const eng_hf_tensor *t, const eng_st_tensor *src, bool vector)
{
    if (eng_hf_form_is_fp4(t->form)) return ENG_MXFP4;
    if (vector || t->form == ENG_HF_ADD_ONE || ends_with(t->name, "norm.weight") ||
        ends_with(t->name, ".bias"))
        return ENG_F32;
    return src->type == ENG_ST_F16 ? ENG_F16 : src->type == ENG_ST_BF16 ? ENG_BF16 : ENG_F32;
}

/* True for tensors that get a dimension for their matrices even where it is 1: experts, and heads
 * of latent attention. */
static bool keeps_mats(const eng_hf_tensor *t, const eng_st_tensor *src, bool vector)
{
    if (t->to.mats > 1 || src->n_dims > (vector ? 1u : 2u)) return true;
    return t->form == ENG_HF_STACK || t->form == ENG_HF_MLA_K || t->form == ENG_HF_MLA_V;
}

/* Dimensions, type and bytes of t from its source. */
static sk_status set_shape(const planner *p, eng_hf_tensor *t, sk_err *e)
{
    const eng_st_tensor *src = t->src[0];
    bool fp4 = eng_hf_form_is_fp4(t->form), stack = t->form == ENG_HF_STACK;
    if (src->n_dims < 1 || src->n_dims > (fp4 ? 4 : 3))
        return sk_fail(e, SK_E_FORMAT, "the tensor %s has %u dimensions", src->name, src->n_dims);
    bool vector = src->n_dims == 1 || ends_with(src->name, "bias");
    t->from = shape_of(src);
    if (fp4) t->from = (eng_hf_shape){src->dim[0], src->dim[1], src->dim[2] * 32};
    if (!eng_hf_form_shape(t->form, &p->p->sizes, t->from, &t->to))
        return sk_fail(e, SK_E_FORMAT,
                       "the shape of tensor %s does not fit the heads in config.json", src->name);
    if (stack) t->to.mats = t->n_src;
    t->type = type_of(t, src, vector && !stack);
    size_t dims = 0;
    if (!vector) t->dim[dims++] = t->to.cols;
    t->dim[dims++] = t->to.rows;
    if (keeps_mats(t, src, vector)) t->dim[dims++] = t->to.mats;
    t->n_dims = (uint32_t)dims;
    t->bytes = eng_dtype_bytes((eng_dtype)t->type, t->to.mats * t->to.rows * t->to.cols);
    return SK_OK;
}

/* ---- sources ---- */

/* Only numbers the engine can read. */
static sk_status check_source(const eng_st_tensor *s, bool fp4, sk_err *e)
{
    if (s->type == ENG_ST_U8 && fp4) return SK_OK;
    if (s->type == ENG_ST_F32 || s->type == ENG_ST_F16 || s->type == ENG_ST_BF16) {
        if (!fp4) return SK_OK;
        return sk_fail(e, SK_E_FORMAT, "the tensor %s is no MXFP4", s->name);
    }
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "the tensor %s is stored as %s; F32, F16 and BF16 are read: use the folder with "
                   "the model as it was trained",
                   s->name, s->type_name);
}

/* The scales that belong to blocks: the same name with another tail, one byte a block. */
static const eng_st_tensor *scales_of(const planner *p, const eng_st_tensor *blocks)
{
    char name[200];
    size_t n = strlen(blocks->name), tail = strlen("blocks");
    if (n + 1 >= sizeof name || !ends_with(blocks->name, "blocks") || blocks->n_dims != 4 ||
        blocks->dim[3] != 16)
        return NULL;
    memcpy(name, blocks->name, n - tail);
    memcpy(name + n - tail, "scales", tail + 1);
    const eng_st_tensor *s = eng_hf_dir_find(p->d, name);
    return s && s->type == ENG_ST_U8 && s->bytes * 16 == blocks->bytes ? s : NULL;
}

/* Experts 1 .. of a stack whose expert 0 is first. */
static sk_status find_experts(const planner *p, eng_hf_tensor *t, const char *pattern,
                              uint32_t layer, sk_err *e)
{
    for (size_t i = 1; i < t->n_src; i++) {
        char name[200];
        if (!eng_hf_name_make(pattern, layer, (uint32_t)i, name, sizeof name))
            return sk_fail(e, SK_E_INTERNAL, "a name is too long");
        const eng_st_tensor *s = eng_hf_dir_find(p->d, name);
        if (!s) return sk_fail(e, SK_E_FORMAT, "the tensor %s is missing", name);
        if (s->type != t->src[0]->type || s->bytes != t->src[0]->bytes)
            return sk_fail(e, SK_E_FORMAT, "the tensor %s differs in shape or type from expert 0's",
                           name);
        t->src[i] = s;
    }
    return SK_OK;
}

/* How many tensors a stack is made of. */
static size_t stack_height(const planner *p, const eng_hf_name *row)
{
    if (strstr(row->hf, "experts")) return p->in->n_expert;
    return strstr(row->hf, "k_layernorm") ? p->in->n_kv_head : p->in->n_head;
}

/* ---- the plan ---- */

/* One more tensor in the plan, its source being src. */
static sk_status add(planner *p, const eng_hf_name *row, uint32_t layer, const eng_st_tensor *src,
                     sk_err *e)
{
    bool fp4 = eng_hf_form_is_fp4(row->form);
    sk_status st = check_source(src, fp4, e);
    if (st) return st;
    assert(p->p->n < p->cap);
    eng_hf_tensor *t = &p->p->tensor[p->p->n];
    if (!eng_hf_name_make(row->gguf, layer, 0, t->name, sizeof t->name))
        return sk_fail(e, SK_E_INTERNAL, "a name is too long");
    t->form = row->form;
    t->n_src = row->form == ENG_HF_STACK ? stack_height(p, row) : fp4 ? 2 : 1;
    if (!t->n_src)
        return sk_fail(e, SK_E_FORMAT, "config.json has no experts, %s is one", src->name);
    t->src = sk_arena_calloc(p->mem, t->n_src, sizeof *t->src);
    if (!t->src) return sk_fail(e, SK_E_NOMEM, "no memory for the plan of the tensors");
    t->src[0] = src;
    if (fp4 && !(t->src[1] = scales_of(p, src)))
        return sk_fail(e, SK_E_FORMAT, "the scales of tensor %s are missing or do not fit it",
                       src->name);
    if (row->form == ENG_HF_STACK && (st = find_experts(p, t, row->hf, layer, e))) return st;
    if ((st = set_shape(p, t, e))) return st;
    p->p->n++;
    return SK_OK;
}

/* Whether all of it is zero, of whatever float type. */
static bool all_zero(const eng_st_tensor *t)
{
    const uint8_t *p = t->data;
    for (uint64_t i = 0; i < t->bytes; i++)
        if (p[i]) return false;
    return true;
}

/* The heads of a tied model stand in some folders all the same. */
static bool is_spare_head(const planner *p, const eng_hf_name *row)
{
    return row->gguf && !strcmp(row->gguf, "output.weight") &&
           json_is_true(json_object_get(p->in->cfg, "tie_word_embeddings"));
}

/* One row that fits a tensor of the folder. */
static sk_status apply(planner *p, const eng_hf_name *row, uint32_t layer, uint32_t expert,
                       const eng_st_tensor *src, sk_err *e)
{
    if (strchr(row->hf, '#') && layer >= p->in->n_layer) return SK_OK; /* layers for prediction */
    if (row->form == ENG_HF_STACK && expert >= stack_height(p, row))
        return sk_fail(e, SK_E_FORMAT, "the tensor %s has a number beyond what config.json says",
                       src->name);
    if (row->form == ENG_HF_SKIP || (row->form == ENG_HF_STACK && expert) || is_spare_head(p, row))
        return SK_OK;
    if (row->form == ENG_HF_ZERO)
        return all_zero(src) ? SK_OK
                             : sk_fail(e, SK_E_UNSUPPORTED,
                                       "the tensor %s is not zero; the architecture has no place "
                                       "for it",
                                       src->name);
    return add(p, row, layer, src, e);
}

/* All rows of the first list that knows the name (a fused tensor has several). */
static sk_status match(planner *p, const eng_st_tensor *src, sk_err *e)
{
    bool known = false;
    for (const eng_hf_name *const *list = p->in->family->names; *list && !known; list++)
        for (const eng_hf_name *row = *list; row->hf; row++) {
            uint32_t layer = 0, expert = 0;
            if (!eng_hf_name_fits(row->hf, src->name, &layer, &expert)) continue;
            known = true;
            sk_status st = apply(p, row, layer, expert, src, e);
            if (st) return st;
        }
    if (known) return SK_OK;
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "the tensor %.150s is none that %s models have; leaving it out would change the "
                   "results",
                   src->name, p->in->family->arch);
}

/* Embeddings first, then layer by layer, then the rest; by name within. */
static long rank_of(const char *name)
{
    if (!strncmp(name, "blk.", 4)) return 1 + strtol(name + 4, NULL, 10);
    return !strncmp(name, "token_", 6) || !strncmp(name, "position_", 9) ? 0 : 1L << 20;
}

static int by_rank(const void *a, const void *b)
{
    const eng_hf_tensor *x = a, *y = b;
    long i = rank_of(x->name), j = rank_of(y->name);
    if (i != j) return i < j ? -1 : 1;
    return strcmp(x->name, y->name);
}

static sk_status check_twice(const eng_hf_plan *p, sk_err *e)
{
    for (size_t i = 1; i < p->n; i++)
        if (!strcmp(p->tensor[i - 1].name, p->tensor[i].name))
            return sk_fail(e, SK_E_FORMAT, "two tensors of the folder become %s",
                           p->tensor[i].name);
    return SK_OK;
}

/* Tensors that config.json holds as numbers. */
static sk_status add_extra(planner *p, sk_err *e)
{
    eng_hf_extra extra[ENG_HF_EXTRA_MAX];
    size_t n = 0;
    sk_status st = eng_hf_extra_make(p->in, p->mem, extra, &n, e);
    for (size_t i = 0; i < n && !st; i++) {
        eng_hf_tensor *t = &p->p->tensor[p->p->n++];
        assert(p->p->n <= p->cap);
        *t = (eng_hf_tensor){.type = ENG_F32,
                             .n_dims = 1,
                             .dim = {extra[i].n},
                             .bytes = extra[i].n * sizeof(float),
                             .made = extra[i].data};
        (void)eng_hf_name_make(extra[i].name, 0, 0, t->name, sizeof t->name);
    }
    return st;
}

sk_status eng_hf_plan_make(const eng_hf_dir *d, const eng_hf_in *in, sk_arena *mem,
                           eng_hf_plan *out, sk_err *e)
{
    *out =
        (eng_hf_plan){.sizes = {in->n_head, in->n_kv_head, in->head_dim, in->mla_nope, in->mla_v}};
    if (!in->n_kv_head || in->n_head % in->n_kv_head)
        return sk_fail(e, SK_E_FORMAT, "config.json has %u heads, no multiple of %u", in->n_head,
                       in->n_kv_head);
    /* a tensor of the folder becomes at most three */
    planner p = {d, in, mem, out, 3 * eng_hf_dir_n(d) + ENG_HF_EXTRA_MAX};
    out->tensor = sk_new_n(mem, eng_hf_tensor, p.cap);
    if (!out->tensor) return sk_fail(e, SK_E_NOMEM, "no memory for the plan of the tensors");
    sk_status st = SK_OK;
    for (size_t i = 0; i < eng_hf_dir_n(d) && !st; i++)
        st = match(&p, eng_hf_dir_at(d, i), e);
    if (!st) st = add_extra(&p, e);
    if (st) return st;
    qsort(out->tensor, out->n, sizeof *out->tensor, by_rank);
    return check_twice(out, e);
}
