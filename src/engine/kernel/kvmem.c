/* kvmem.c - keys and values of a sequence: offsets, rounding, rows and blocks. */
#include "engine/kernel/kvmem.h"

#include "engine/quant/blocks.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Addresses so far apart fall into the same set of an L1 cache (64 sets of 64 bytes). */
#define SET_BYTES ((size_t)4096)

/* Bytes of n elements; Q8_0 begins whole blocks. */
static size_t row_bytes(eng_dtype type, size_t n)
{
    return eng_dtype_bytes(type, type == ENG_Q8_0 ? (n + ENG_QB - 1) / ENG_QB * ENG_QB : n);
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
    y->k_row = row_bytes(l->type, y->shape.dim_k);
    y->v_row = row_bytes(l->type, y->shape.dim_v);
    y->k_head = y->k_row * ENG_ATTN_BLOCK;
    y->v_head = y->v_row * ENG_ATTN_BLOCK;
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

/* Layers one after the other.  Pages whose size is a multiple of SET_BYTES get a block of keys
 * more: a head's blocks would else all lie in the same few sets of a processor's cache. */
sk_status eng_kv_layout_build(const eng_kv_shape *shape, size_t n_layer, eng_dtype type,
                              sk_arena *a, eng_kv_layout *out, sk_err *e)
{
    eng_kv_layout l = {.type = type, .n_layer = n_layer};
    size_t first_head[2] = {0, 0};
    if (type != ENG_F32 && type != ENG_F16 && type != ENG_BF16 && type != ENG_Q8_0)
        return sk_fail(e, SK_E_INVALID, "keys and values are kept as F32, F16, BF16 or Q8_0");
    eng_kv_layer *layer = sk_new_n(a, eng_kv_layer, n_layer);
    if (!layer) return sk_fail(e, SK_E_NOMEM, "no memory for the layout of %zu layers", n_layer);
    for (size_t i = 0; i < n_layer; i++) {
        layer[i].shape = shape[i];
        int near = shape[i].near;
        if (!place_layer(&l, &layer[i], &l.page_bytes[near]))
            return sk_fail(e, SK_E_TOOBIG, "the keys and values of %d tokens do not fit",
                           ENG_ATTN_BLOCK);
        if (!first_head[near]) first_head[near] = layer[i].k_head;
    }
    for (int near = 0; near < 2; near++)
        if (l.page_bytes[near] % SET_BYTES == 0 && !advance(&l.page_bytes[near], first_head[near]))
            return sk_fail(e, SK_E_TOOBIG, "the keys and values of %d tokens do not fit",
                           ENG_ATTN_BLOCK);
    l.layer = layer;
    *out = l;
    return SK_OK;
}

/* A block of Q8_0 of n <= 32 floats, the rest zero: the scale is the largest magnitude / 127
 * (ggml's quantize_row_q8_0). */
static void q8_block(eng_q8_0 *b, const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    float d = most / 127, per = d > 0 ? 1 / d : 0;
    b->d = eng_f16_of(d);
    for (size_t i = 0; i < ENG_QB; i++)
        b->qs[i] = (int8_t)(i < n ? roundf(x[i] * per) : 0);
}

/* n floats into a row of the cache. */
static void put_row(const eng_kernels *kern, eng_dtype type, char *row, const float *x, size_t n)
{
    if (type == ENG_F32)
        memcpy(row, x, n * sizeof *x);
    else if (type == ENG_F16)
        kern->f16_of_f32((uint16_t *)(void *)row, x, n);
    else if (type == ENG_BF16)
        kern->bf16_of_f32((uint16_t *)(void *)row, x, n);
    else
        for (size_t i = 0; i < n; i += ENG_QB)
            q8_block((eng_q8_0 *)(void *)row + i / ENG_QB, x + i, n - i < ENG_QB ? n - i : ENG_QB);
}

/* Up to 32 elements of a key from d on, and their scale, into the blocks of a head. */
static void put_q8_key(char *head, size_t row, size_t pos, size_t d, const float *x, size_t n)
{
    eng_q8_0 b;
    q8_block(&b, x, n);
    char *to = head + eng_attn_key_at(ENG_Q8_0, row, pos, d);
    memcpy(head + eng_attn_scale_at(row, pos, d), &b.d, sizeof b.d);
    for (size_t i = 0; i < ENG_QB; i++)
        to[i * ENG_ATTN_BLOCK] = (char)b.qs[i];
}

/* A key into the blocks at head: through a few converted elements at a time. */
static void put_key(const eng_kernels *kern, eng_dtype type, char *head, size_t row, size_t pos,
                    const float *x, size_t n)
{
    for (size_t d = 0; d < n; d += ENG_QB) {
        size_t some = n - d < ENG_QB ? n - d : ENG_QB;
        if (type == ENG_Q8_0) {
            put_q8_key(head, row, pos, d, x + d, some);
            continue;
        }
        char *to = head + eng_attn_key_at(type, row, pos, d);
        if (type == ENG_F32) {
            for (size_t i = 0; i < some; i++)
                ((float *)(void *)to)[i * ENG_ATTN_BLOCK] = x[d + i];
            continue;
        }
        uint16_t h[ENG_QB];
        put_row(kern, type, (char *)h, x + d, some);
        for (size_t i = 0; i < some; i++)
            ((uint16_t *)(void *)to)[i * ENG_ATTN_BLOCK] = h[i];
    }
}

void eng_kv_put(const eng_kernels *kern, const eng_kv_seq *s, size_t layer, size_t pos,
                const float *k, const float *v)
{
    assert(layer < s->layout->n_layer);
    const eng_kv_layer *y = &s->layout->layer[layer];
    eng_dtype type = s->layout->type;
    int near = y->shape.near;
    char *page = s->base[near] + s->page[near][pos / ENG_ATTN_BLOCK] * s->layout->page_bytes[near];
    size_t lane = pos % ENG_ATTN_BLOCK, dim_k = y->shape.dim_k, dim_v = y->shape.dim_v;
    for (size_t h = 0; h < y->shape.n_kv_head; h++) {
        char *to_k = page + y->k_at + h * y->k_head, *to_v = page + y->v_at + h * y->v_head;
        if (y->shape.v_in_k) {
            put_row(kern, type, to_k + lane * y->k_row, k + h * dim_k, dim_k);
            continue;
        }
        put_key(kern, type, to_k, y->k_row, lane, k + h * dim_k, dim_k);
        put_row(kern, type, to_v + lane * y->v_row, v + h * dim_v, dim_v);
    }
}

void eng_kv_item(const eng_kv_seq *s, size_t layer, size_t head, eng_attn *a)
{
    const eng_kv_layer *y = &s->layout->layer[layer];
    assert(layer < s->layout->n_layer && head < y->shape.n_kv_head);
    int near = y->shape.near;
    a->k = s->base[near] + y->k_at + head * y->k_head;
    a->v = s->base[near] + y->v_at + head * y->v_head;
    a->page = s->page[near];
    a->page_bytes = s->layout->page_bytes[near];
    a->k_row_bytes = y->k_row;
    a->v_row_bytes = y->v_row;
    a->k_blocks = !y->shape.v_in_k;
    a->k_type = a->v_type = s->layout->type;
    a->head_dim_k = y->shape.dim_k;
    a->head_dim_v = y->shape.dim_v;
}
