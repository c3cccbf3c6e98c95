/* attn.h - attention for inference: the heads of a sequence over keys and values kept in memory.
 *
 * Training has a pair of slots of its own (attn_fwd_f32, attn_bwd_f32 in kernel.h); this one knows
 * the variants that models differ by, types of the cache, and groups of heads that share keys.
 *
 * Same bytes: a row of the result (query, head) is computed in an order that depends on the
 * positions of the keys it sees only.  Keys are walked in blocks of ENG_ATTN_BLOCK from position 0
 * with an online softmax (Milakov, Gimelshein 2018; Dao et al. 2022), which begins anew every
 * ENG_ATTN_SPLIT keys; the results of these splits are merged in ascending order.  So many workers
 * can share one long sequence and give the bytes that one of them gives.  Keys that a row does not
 * see are never multiplied: whatever lies there changes nothing.
 */
#ifndef ENG_KERNEL_ATTN_H
#define ENG_KERNEL_ATTN_H

#include "engine/kernel/exec.h"
#include "engine/kernel/kernel.h"
#include "engine/tensor/dtype.h"

/* Keys of a split, and rows of a tile: the most that a kernel works on at once. */
#define ENG_ATTN_SPLIT 512
#define ENG_ATTN_ROWS 64

/* One kv head of one sequence, with the group of query heads that read it. */
typedef struct eng_attn {
    const float *q; /* query i of head h of the group: q + i * ldq + h * head_dim_k */
    size_t ldq, n_group, n_q;
    size_t pos0;                     /* query i stands at position pos0 + i */
    const void *k, *v;               /* rows of this kv head, position 0 first, or see page */
    size_t k_row_bytes, v_row_bytes; /* from one position to the next */
    const uint32_t *page; /* NULL, or the rows lie in pages: those of positions i * ENG_ATTN_BLOCK
                             and on at k + page[i] * page_bytes, and v likewise */
    size_t page_bytes;    /* from one page to the next */
    bool k_blocks;        /* keys lie in blocks instead, see below */
    eng_dtype k_type, v_type;      /* ENG_F32, ENG_F16, ENG_BF16, ENG_Q8_0 */
    size_t head_dim_k, head_dim_v; /* may differ (MLA) */
    float *out;                    /* out + i * ldo + h * head_dim_v */
    size_t ldo;
    float scale;        /* of the scores, usually 1/sqrt(head_dim_k) */
    float softcap;      /* 0: none; else a score is cap tanh(q k scale / cap) (gemma2) */
    const float *slope; /* [n_group] or NULL: adds slope times -|key position - query position|
                           (ALiBi, Press et al. 2022) */
    const float *sink;  /* [n_group] or NULL: logit of a key without value (gpt-oss) */
    size_t window;      /* 0: all keys; else a query at p sees keys p - window + 1 .. p */
    size_t n_k;         /* not causal: the number of keys */
    bool causal;        /* else (encoders) every query sees keys 0 .. n_k - 1 */
} eng_attn;

/* Runs items on x's threads.  Allocates nothing: the caller has reserved
 * eng_attn_scratch(head_dim_k, head_dim_v) bytes (eng_exec_reserve) for the largest of each. */
void eng_attn_run(eng_exec *x, const eng_attn *items, size_t n);

/* Bytes of scratch that one worker needs for heads of these sizes. */
size_t eng_attn_scratch(size_t head_dim_k, size_t head_dim_v);

/* Keys in blocks: those of ENG_ATTN_BLOCK positions together, element d of all of them side by
 * side, which is what the kernels want: [head_dim_k][ENG_ATTN_BLOCK], the block of position p at
 * k + p / ENG_ATTN_BLOCK * ENG_ATTN_BLOCK * k_row_bytes.  With ENG_Q8_0 each 32 elements are
 * preceded by their scales: [head_dim_k / 32][64 half floats, 32 x 64 int8], the last 32 filled up
 * with zeros; and rows of Q8_0 are whole blocks of the format (engine/quant/blocks.h). */

/* Byte of element d of the key at position p, from k on; of its scale (ENG_Q8_0 only). */
size_t eng_attn_key_at(eng_dtype type, size_t row_bytes, size_t p, size_t d);

/* Byte of the scale of the 32 elements that d is one of, likewise from k on. */
size_t eng_attn_scale_at(size_t row_bytes, size_t p, size_t d);

/* ---- for the kernels ---- */

/* Rows row0 .. row0 + n_rows - 1 of an item (row = query * n_group + head), n_rows at most
 * ENG_ATTN_ROWS.  With part NULL the slot attn_tile walks all keys and writes the rows of a->out;
 * else it walks only the keys of split `split` and leaves each row's state at part:
 * [n_rows][2 + head_dim_v] of maximum, denominator, weighted sum (-infinity, 0, 0.. where the row
 * sees none of them).  attn_join merges such parts of consecutive splits, all that the tile sees,
 * in ascending order, and writes the rows of a->out: the same bytes. */
typedef struct eng_attn_tile {
    const eng_attn *a;
    size_t row0, n_rows, split;
    float *part;
} eng_attn_tile;

/* Floats of one part of a tile. */
static inline size_t eng_attn_part_floats(const eng_attn_tile *t)
{
    return t->n_rows * (t->a->head_dim_v + 2);
}

/* The row of the key at position p (with k_blocks: p begins a block, this is where it lies); what
 * follows up to the end of p's block lies behind it. */
static inline const char *eng_attn_key(const eng_attn *a, size_t p)
{
    const char *k = a->k;
    if (!a->page) return k + p * a->k_row_bytes;
    return k + a->page[p / ENG_ATTN_BLOCK] * a->page_bytes + p % ENG_ATTN_BLOCK * a->k_row_bytes;
}

/* The row of the value at position p, likewise. */
static inline const char *eng_attn_value(const eng_attn *a, size_t p)
{
    const char *v = a->v;
    if (!a->page) return v + p * a->v_row_bytes;
    return v + a->page[p / ENG_ATTN_BLOCK] * a->page_bytes + p % ENG_ATTN_BLOCK * a->v_row_bytes;
}

/* The keys [*lo, *hi) that query i sees; at least one. */
static inline void eng_attn_visible(const eng_attn *a, size_t i, size_t *lo, size_t *hi)
{
    *hi = a->causal ? a->pos0 + i + 1 : a->n_k;
    *lo = a->causal && a->window && a->window < *hi ? *hi - a->window : 0;
}

#endif
