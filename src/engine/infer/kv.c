/* kv.c - keys and values as [slot][layer][kv_head][n_ctx][head_dim], keys and values apart.
 *
 * A head's keys lie one after the other: what attention walks is one stream.  Pages that no token
 * reached yet are never touched, so the system gives no memory for them.
 */
#include "engine/infer/kv.h"

#include <assert.h>

/* More than any machine has: asking the system for it would only be a slower way to fail. */
#define MOST_BYTES ((size_t)1 << 46)

struct eng_kv {
    float *k, *v;
    size_t n_slots, slot_floats, layer_floats, head_floats;
};

/* Strides first, from the inside out, each product checked. */
sk_status eng_kv_open(const eng_config *cfg, size_t n_slots, size_t n_ctx, eng_kv **out, sk_err *e)
{
    assert(n_slots && n_ctx && cfg->n_kv_head);
    size_t head, layer, slot, all = SIZE_MAX;
    bool fits = sk_mul_size(n_ctx, cfg->head_dim, &head) &&
                sk_mul_size(head, cfg->n_kv_head, &layer) &&
                sk_mul_size(layer, cfg->n_layer, &slot) && sk_mul_size(slot, n_slots, &all) &&
                sk_mul_size(all, sizeof(float), &all) && all <= MOST_BYTES;
    eng_kv *kv = fits ? sk_calloc(SK_MEM_KV, 1, sizeof(*kv)) : NULL;
    if (!kv) goto no_memory;
    *kv = (eng_kv){NULL, NULL, n_slots, slot, layer, head};
    kv->k = sk_alloc(SK_MEM_KV, all);
    kv->v = sk_alloc(SK_MEM_KV, all);
    if (!kv->k || !kv->v) goto free_kv;
    *out = kv;
    return SK_OK;
free_kv:
    eng_kv_close(kv);
no_memory:
    return sk_fail(e, SK_E_NOMEM,
                   "no memory for the KV cache of %zu sequences of %zu tokens (%.1f MB): ask for "
                   "fewer or shorter ones",
                   n_slots, n_ctx,
                   8e-6 * (double)n_slots * (double)n_ctx * cfg->n_layer * cfg->n_kv_head *
                       cfg->head_dim);
}

void eng_kv_close(eng_kv *kv)
{
    if (!kv) return;
    sk_free(kv->k);
    sk_free(kv->v);
    sk_free(kv);
}

eng_kv_seq eng_kv_slot(const eng_kv *kv, uint32_t slot)
{
    assert(slot < kv->n_slots);
    size_t at = slot * kv->slot_floats;
    return (eng_kv_seq){kv->k + at, kv->v + at, kv->layer_floats, kv->head_floats};
}

uint64_t eng_kv_bytes(const eng_kv *kv)
{
    return 2 * (uint64_t)kv->n_slots * kv->slot_floats * sizeof(float);
}
