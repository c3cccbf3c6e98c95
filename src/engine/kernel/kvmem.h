/* kvmem.h - how the keys and values of a sequence lie in memory, and how they get there.
 *
 * Memory is cut into pages of ENG_ATTN_BLOCK positions, the block that attention walks at a time; a
 * sequence is a list of them.  A page is [layer][kv_head][position], keys and values apart: keys
 * lie as a block (kernel/attn.h), values in rows.  Layers may differ in heads and sizes, and some
 * ("near" ones, which see a window only) may lie in pages of another pool, with lists of their own.
 * Who owns the memory is the cache's business (infer/kv.h); who computes attention asks here and
 * need not know the layout.
 */
#ifndef ENG_KERNEL_KVMEM_H
#define ENG_KERNEL_KVMEM_H

#include "base/mem.h"
#include "engine/kernel/attn.h"

/* The kv heads of a layer and the floats of a key and a value. */
typedef struct eng_kv_shape {
    uint32_t n_kv_head, dim_k, dim_v;
    bool v_in_k; /* a value is the first dim_v floats of its key (MLA): kept once */
    bool near;   /* lies in near pages */
} eng_kv_shape;

/* Where a layer's heads lie: bytes from the page's start, from head to head, from row to row. */
typedef struct eng_kv_layer {
    eng_kv_shape shape;                              /* heads and sizes */
    size_t k_at, v_at, k_head, v_head, k_row, v_row; /* bytes */
} eng_kv_layer;

typedef struct eng_kv_layout {
    eng_dtype type;            /* of keys and values */
    size_t n_layer;            /* layers */
    size_t page_bytes[2];      /* from one page to the next; [1]: near pages */
    const eng_kv_layer *layer; /* [n_layer] */
} eng_kv_layout;

/* The memory of one sequence. */
typedef struct eng_kv_seq {
    char *base[2];           /* of all pages; [1]: near ones */
    const uint32_t *page[2]; /* [i] number of the page of positions i * ENG_ATTN_BLOCK and on; near
                                pages that nobody looks into any more may be any */
    const eng_kv_layout *layout; /* shared by all sequences */
} eng_kv_seq;

/* Fills out for n_layer layers of the given shapes, in arena a.  SK_E_INVALID for a type that is no
 * type of a cache, SK_E_TOOBIG if a size does not fit into memory, SK_E_NOMEM. */
sk_status eng_kv_layout_build(const eng_kv_shape *shape, size_t n_layer, eng_dtype type,
                              sk_arena *a, eng_kv_layout *out, sk_err *e);

/* Stores the keys and values of a layer at position pos: k [n_kv_head, dim_k], v
 * [n_kv_head, dim_v] (not read with v_in_k), rounded to the cache's type. */
void eng_kv_put(const eng_kernels *kern, const eng_kv_seq *s, size_t layer, size_t pos,
                const float *k, const float *v);

/* Sets the fields of *a that say where the keys and values of a head lie, their types and sizes. */
void eng_kv_item(const eng_kv_seq *s, size_t layer, size_t head, eng_attn *a);

#endif
