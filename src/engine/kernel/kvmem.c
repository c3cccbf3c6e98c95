/* kvmem.c - keys and values of a sequence: offsets, rounding, rows. */
#include "engine/kernel/kvmem.h"

#include <assert.h>
#include <string.h>

/* Heads begin on a line of the cache. */
#define LINE ((size_t)64)

/* *bytes = head * n_ctx rows, whole lines; false if that overflows. */
static bool head_bytes(size_t row, size_t n_ctx, size_t *bytes)
{
    if (!sk_mul_size(row, n_ctx, bytes) || *bytes > SIZE_MAX - LINE) return false;
    *bytes = (*bytes + LINE - 1) & ~(LINE - 1);
    return true;
}

/* *at += n; false if that overflows. */
static bool advance(size_t *at, size_t n)
{
    if (n > SIZE_MAX - *at) return false;
    *at += n;
    return true;
}

/* The offsets of a layer that begins at *at, which moves to its end. */
static bool place_layer(const eng_kv_layout *l, eng_kv_layer *y, size_t *at)
{
    size_t all_k, all_v;
    y->k_row = eng_dtype_bytes(l->type, y->shape.dim_k);
    y->v_row = eng_dtype_bytes(l->type, y->shape.dim_v);
    if (!head_bytes(y->k_row, l->n_ctx, &y->k_head) || !head_bytes(y->v_row, l->n_ctx, &y->v_head))
        return false;
    if (!sk_mul_size(y->k_head, y->shape.n_kv_head, &all_k) ||
        !sk_mul_size(y->v_head, y->shape.n_kv_head, &all_v))
        return false;
    y->k_at = y->v_at = *at;
    if (!advance(at, all_k)) return false;
    if (y->shape.v_in_k) {
        assert(y->shape.dim_v <= y->shape.dim_k);
        y->v_head = y->k_head;
        y->v_row = y->k_row;
        return true;
    }
    y->v_at = *at;
    return advance(at, all_v);
}

/* Layers one after the other. */
sk_status eng_kv_layout_build(const eng_kv_shape *shape, size_t n_layer, size_t n_ctx,
                              eng_dtype type, sk_arena *a, eng_kv_layout *out, sk_err *e)
{
    eng_kv_layout l = {type, n_layer, n_ctx, 0, NULL};
    if (type != ENG_F32 && type != ENG_F16 && type != ENG_BF16)
        return sk_fail(e, SK_E_INVALID, "keys and values are kept as F32, F16 or BF16");
    eng_kv_layer *layer = sk_new_n(a, eng_kv_layer, n_layer);
    if (!layer) return sk_fail(e, SK_E_NOMEM, "no memory for the layout of %zu layers", n_layer);
    for (size_t i = 0; i < n_layer; i++) {
        layer[i].shape = shape[i];
        if (!place_layer(&l, &layer[i], &l.slot_bytes))
            return sk_fail(e, SK_E_TOOBIG, "the keys and values of %zu tokens do not fit", n_ctx);
    }
    l.layer = layer;
    *out = l;
    return SK_OK;
}

/* n floats into a row of the cache. */
static void put_row(const eng_kernels *kern, eng_dtype type, char *row, const float *x, size_t n)
{
    if (type == ENG_F32)
        memcpy(row, x, n * sizeof *x);
    else if (type == ENG_F16)
        kern->f16_of_f32((uint16_t *)(void *)row, x, n);
    else
        kern->bf16_of_f32((uint16_t *)(void *)row, x, n);
}

void eng_kv_put(const eng_kernels *kern, const eng_kv_seq *s, size_t layer, size_t pos,
                const float *k, const float *v)
{
    assert(layer < s->layout->n_layer && pos < s->layout->n_ctx);
    const eng_kv_layer *y = &s->layout->layer[layer];
    char *to_k = s->base + y->k_at + pos * y->k_row, *to_v = s->base + y->v_at + pos * y->v_row;
    for (size_t h = 0; h < y->shape.n_kv_head; h++) {
        put_row(kern, s->layout->type, to_k + h * y->k_head, k + h * y->shape.dim_k,
                y->shape.dim_k);
        if (y->shape.v_in_k) continue;
        put_row(kern, s->layout->type, to_v + h * y->v_head, v + h * y->shape.dim_v,
                y->shape.dim_v);
    }
}

void eng_kv_item(const eng_kv_seq *s, size_t layer, size_t head, eng_attn *a)
{
    const eng_kv_layer *y = &s->layout->layer[layer];
    assert(layer < s->layout->n_layer && head < y->shape.n_kv_head);
    a->k = s->base + y->k_at + head * y->k_head;
    a->v = s->base + y->v_at + head * y->v_head;
    a->k_row_bytes = y->k_row;
    a->v_row_bytes = y->v_row;
    a->k_type = a->v_type = s->layout->type;
    a->head_dim_k = y->shape.dim_k;
    a->head_dim_v = y->shape.dim_v;
}
