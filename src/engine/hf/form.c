/* form.c - shapes and rows of the forms. */
#include "engine/hf/form.h"

#include <assert.h>

/* Numbers of rows that a form may ask for or make. */
typedef enum row_count { AS_SOURCE, OF_Q, OF_KV, OF_QQQ, OF_QKV, OF_MLA, HALF } row_count;

/* Rows that the source must have (AS_SOURCE: any number), and those that come out of it. */
static const struct {
    row_count from, to;
} rows_of[] = {
    [ENG_HF_ROPE_Q] = {OF_Q, AS_SOURCE},      [ENG_HF_ROPE_K] = {OF_KV, AS_SOURCE},
    [ENG_HF_QKV_HEADS] = {OF_QQQ, AS_SOURCE}, [ENG_HF_QKV_GROUPS] = {OF_QKV, AS_SOURCE},
    [ENG_HF_GROUP_Q] = {OF_QKV, OF_Q},        [ENG_HF_GROUP_K] = {OF_QKV, OF_KV},
    [ENG_HF_GROUP_V] = {OF_QKV, OF_KV},       [ENG_HF_PART_Q] = {OF_QKV, OF_Q},
    [ENG_HF_PART_K] = {OF_QKV, OF_KV},        [ENG_HF_PART_V] = {OF_QKV, OF_KV},
    [ENG_HF_HALF_0] = {AS_SOURCE, HALF},      [ENG_HF_HALF_1] = {AS_SOURCE, HALF},
    [ENG_HF_EVEN] = {AS_SOURCE, HALF},        [ENG_HF_ODD] = {AS_SOURCE, HALF},
    [ENG_HF_FP4_EVEN] = {AS_SOURCE, HALF},    [ENG_HF_FP4_ODD] = {AS_SOURCE, HALF},
    [ENG_HF_MLA_K] = {OF_MLA, AS_SOURCE},     [ENG_HF_MLA_V] = {OF_MLA, AS_SOURCE},
    [ENG_HF_SKIP] = {AS_SOURCE, AS_SOURCE},
};

/* The number of rows by the table, then what the table cannot say: turned and split matrices, heads
 * that must be even. */
bool eng_hf_form_shape(eng_hf_form form, const eng_hf_sizes *z, eng_hf_shape src, eng_hf_shape *dst)
{
    size_t q = z->n_head * z->head_dim, kv = z->n_kv_head * z->head_dim;
    const size_t count[] = {
        [AS_SOURCE] = src.rows, [OF_Q] = q,
        [OF_KV] = kv,           [OF_QQQ] = 3 * q,
        [OF_QKV] = q + 2 * kv,  [OF_MLA] = z->n_head * (z->mla_nope + z->mla_v),
        [HALF] = src.rows / 2,
    };
    row_count from = rows_of[form].from, to = rows_of[form].to;
    *dst = src;
    if (from != AS_SOURCE && (src.mats != 1 || src.rows != count[from])) return false;
    dst->rows = count[to];
    if (to == HALF) return src.rows % 2 == 0;
    switch (form) {
    case ENG_HF_ROPE_Q:
    case ENG_HF_ROPE_K:
        return z->head_dim % 2 == 0;
    case ENG_HF_TRANSPOSE:
        *dst = (eng_hf_shape){src.mats, src.cols, src.rows};
        return true;
    case ENG_HF_MLA_K:
        *dst = (eng_hf_shape){z->n_head, src.cols, z->mla_nope};
        return z->mla_nope > 0;
    case ENG_HF_MLA_V:
        *dst = (eng_hf_shape){z->n_head, z->mla_v, src.cols};
        return z->mla_v > 0;
    default:
        return true;
    }
}

/* Element i of a head as pairs stands at this place as halves. */
static size_t unpair(size_t i, size_t head_dim)
{
    return i % 2 * (head_dim / 2) + i / 2;
}

/* Row r of [q; k; v] in groups of one kv head: its queries, its key, its value. */
static size_t group_row(const eng_hf_sizes *z, size_t r)
{
    assert(z->head_dim && z->n_kv_head && z->n_head >= z->n_kv_head);
    size_t hd = z->head_dim, per = z->n_head / z->n_kv_head, head = r / hd;
    size_t group, slot;
    if (head < z->n_head) {
        group = head / per;
        slot = head % per;
    } else {
        group = (head - z->n_head) % z->n_kv_head;
        slot = per + (head - z->n_head) / z->n_kv_head;
    }
    return (group * (per + 2) + slot) * hd + r % hd;
}

/* Each case undoes one way of storing: h is the head and i the place in it that row r has in the
 * GGUF. */
size_t eng_hf_form_row(eng_hf_form form, const eng_hf_sizes *z, size_t rows, size_t r)
{
    size_t hd = z->head_dim ? z->head_dim : 1, h = r / hd, i = r % hd;
    size_t q = z->n_head * hd, kv = z->n_kv_head * hd;
    switch (form) {
    case ENG_HF_ROPE_Q:
    case ENG_HF_ROPE_K:
        return h * hd + unpair(i, hd);
    case ENG_HF_QKV_HEADS:
        return (h % z->n_head * 3 + h / z->n_head) * hd + i;
    case ENG_HF_QKV_GROUPS:
        return group_row(z, r);
    case ENG_HF_GROUP_Q:
        return group_row(z, h * hd + unpair(i, hd));
    case ENG_HF_GROUP_K:
        return group_row(z, q + h * hd + unpair(i, hd));
    case ENG_HF_GROUP_V:
        return group_row(z, q + kv + r);
    case ENG_HF_PART_K:
        return q + r;
    case ENG_HF_PART_V:
        return q + kv + r;
    case ENG_HF_HALF_1:
        return rows + r;
    case ENG_HF_EVEN:
    case ENG_HF_FP4_EVEN:
        return 2 * r;
    case ENG_HF_ODD:
    case ENG_HF_FP4_ODD:
        return 2 * r + 1;
    case ENG_HF_MLA_V:
        return r / z->mla_v * (z->mla_nope + z->mla_v) + z->mla_nope + r % z->mla_v;
    default:
        return r;
    }
}

bool eng_hf_form_is_fp4(eng_hf_form form)
{
    return form == ENG_HF_FP4 || form == ENG_HF_FP4_EVEN || form == ENG_HF_FP4_ODD;
}

void eng_hf_fp4_block(uint8_t out[17], const uint8_t packed[16], uint8_t scale)
{
    out[0] = scale;
    for (unsigned j = 0; j < 16; j++) {
        unsigned lo = packed[j / 2] >> (j % 2 * 4) & 15u;
        unsigned hi = packed[8 + j / 2] >> (j % 2 * 4) & 15u;
        out[1 + j] = (uint8_t)(lo | hi << 4);
    }
}
