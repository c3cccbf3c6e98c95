/* fetch.c - the bytes of a planned tensor. */
#include "engine/hf/plan.h"

#include <assert.h>
#include <string.h>

/* The element type of a source. */
static eng_dtype dtype_of(const eng_st_tensor *t)
{
    return t->type == ENG_ST_F16 ? ENG_F16 : t->type == ENG_ST_BF16 ? ENG_BF16 : ENG_F32;
}

const void *eng_hf_plan_view(const eng_hf_tensor *t)
{
    if (t->made) return t->made;
    bool same = t->form == ENG_HF_SAME || (t->form == ENG_HF_STACK && t->n_src == 1);
    bool aligned = t->n_src && (uintptr_t)t->src[0]->data % sizeof(float) == 0;
    return same && aligned && t->type == (uint32_t)dtype_of(t->src[0]) ? t->src[0]->data : NULL;
}

/* n elements from src to dst, both of the source's type or dst in float. */
static void copy_row(const eng_hf_tensor *t, eng_dtype from, const char *src, char *dst, size_t n)
{
    if ((uint32_t)from == t->type) {
        memcpy(dst, src, eng_dtype_bytes(from, n));
        return;
    }
    assert(t->type == ENG_F32);
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, src + 2 * i, sizeof h);
        float x = from == ENG_F16 ? eng_f16_to(h) : eng_bf16_to(h);
        memcpy(dst + 4 * i, &x, sizeof x);
    }
}

/* Forms that move rows, and the norms. */
static void fetch_rows(const eng_hf_plan *p, const eng_hf_tensor *t, char *dst)
{
    eng_dtype from = dtype_of(t->src[0]);
    size_t in = eng_dtype_bytes(from, t->from.cols);
    size_t out = eng_dtype_bytes((eng_dtype)t->type, t->to.cols);
    for (size_t m = 0; m < t->to.mats; m++)
        for (size_t r = 0; r < t->to.rows; r++, dst += out) {
            size_t row =
                t->form == ENG_HF_MLA_V
                    ? eng_hf_form_row(t->form, &p->sizes, 0, m * t->to.rows + r)
                    : m * t->from.rows + eng_hf_form_row(t->form, &p->sizes, t->to.rows, r);
            copy_row(t, from, (const char *)t->src[0]->data + row * in, dst, t->to.cols);
        }
}

/* One tensor an expert, behind one another. */
static void fetch_stack(const eng_hf_tensor *t, char *dst)
{
    eng_dtype from = dtype_of(t->src[0]);
    size_t n = t->from.mats * t->from.rows * t->from.cols;
    for (size_t i = 0; i < t->n_src; i++, dst += eng_dtype_bytes((eng_dtype)t->type, n))
        copy_row(t, from, t->src[i]->data, dst, n);
}

/* Element by element, rows and columns exchanged; row0 and rows name a part of the source. */
static void fetch_turned(const eng_hf_tensor *t, size_t row0, size_t rows, char *dst)
{
    eng_dtype from = dtype_of(t->src[0]);
    size_t in = eng_dtype_bytes(from, 1), out = eng_dtype_bytes((eng_dtype)t->type, 1);
    const char *src = (const char *)t->src[0]->data + row0 * t->from.cols * in;
    for (size_t c = 0; c < t->from.cols; c++)
        for (size_t r = 0; r < rows; r++, dst += out)
            copy_row(t, from, src + (r * t->from.cols + c) * in, dst, 1);
}

/* A norm stored as w, used as 1 + w. */
static void add_one(float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] += 1.0f;
}

static void fetch_fp4(const eng_hf_plan *p, const eng_hf_tensor *t, uint8_t *dst)
{
    const uint8_t *blocks = t->src[0]->data, *scales = t->src[1]->data;
    size_t per_row = t->to.cols / 32;
    for (size_t m = 0; m < t->to.mats; m++)
        for (size_t r = 0; r < t->to.rows; r++) {
            size_t row = m * t->from.rows + eng_hf_form_row(t->form, &p->sizes, t->to.rows, r);
            for (size_t b = 0; b < per_row; b++, dst += 17)
                eng_hf_fp4_block(dst, blocks + (row * per_row + b) * 16, scales[row * per_row + b]);
        }
}

/* By the form: blocks of 4 bits, experts laid behind one another, matrices turned, and for all
 * the others rows in their new order. */
void eng_hf_plan_fetch(const eng_hf_plan *p, const eng_hf_tensor *t, void *dst)
{
    size_t per_head = p->sizes.mla_nope + p->sizes.mla_v;
    char *to = dst;
    switch (t->form) {
    case ENG_HF_FP4:
    case ENG_HF_FP4_EVEN:
    case ENG_HF_FP4_ODD:
        fetch_fp4(p, t, dst);
        return;
    case ENG_HF_STACK:
        fetch_stack(t, to);
        return;
    case ENG_HF_TRANSPOSE:
        for (size_t m = 0; m < t->to.mats; m++)
            fetch_turned(t, m * t->from.rows, t->from.rows, to + m * (t->bytes / t->to.mats));
        return;
    case ENG_HF_MLA_K:
        for (size_t h = 0; h < t->to.mats; h++)
            fetch_turned(t, h * per_head, p->sizes.mla_nope, to + h * (t->bytes / t->to.mats));
        return;
    default:
        if (t->made) {
            memcpy(dst, t->made, t->bytes);
            return;
        }
        fetch_rows(p, t, to);
        if (t->form == ENG_HF_ADD_ONE) add_one(dst, t->to.mats * t->to.rows * t->to.cols);
    }
}
