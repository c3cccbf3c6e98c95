/* kv.c - the memory of keys and values, one stretch a slot (kernel/kvmem.h has the layout).
 *
 * Pages that no token reached yet are never touched, so the system gives no memory for them.
 */
#include "engine/infer/kv.h"

#include "engine/model/kvshape.h"

#include <assert.h>
#include <math.h>

/* More than any machine has: asking the system for it would only be a slower way to fail. */
#define MOST_BYTES ((size_t)1 << 46)

struct eng_kv {
    sk_arena *arena;
    eng_kv_layout layout;
    char *base;
    size_t n_slots;
};

/* An encoder's text is one step, in which a layer reads only what it has written: all layers share
 * the memory of one. */
static sk_status share_layer(eng_kv *kv, size_t n_layer, sk_err *e)
{
    eng_kv_layer *all = sk_new_n(kv->arena, eng_kv_layer, n_layer);
    if (!all) return sk_fail(e, SK_E_NOMEM, "no memory for the KV cache's layout");
    for (size_t i = 0; i < n_layer; i++)
        all[i] = kv->layout.layer[0];
    kv->layout.layer = all;
    kv->layout.n_layer = n_layer;
    return SK_OK;
}

/* The layout of cfg's layers; what is too big to count is no memory too. */
static sk_status lay_out(eng_kv *kv, const eng_config *cfg, size_t n_ctx, eng_dtype type, sk_err *e)
{
    kv->arena = sk_arena_new(SK_MEM_KV);
    eng_kv_shape *shape = kv->arena ? sk_new_n(kv->arena, eng_kv_shape, cfg->n_layer) : NULL;
    if (!shape) return sk_fail(e, SK_E_NOMEM, "no memory for the KV cache's layout");
    for (uint32_t i = 0; i < cfg->n_layer; i++)
        shape[i] = eng_config_kv(cfg, i);
    size_t n = cfg->encoder ? 1 : cfg->n_layer;
    sk_status st = eng_kv_layout_build(shape, n, n_ctx, type, kv->arena, &kv->layout, e);
    return st || !cfg->encoder ? st : share_layer(kv, cfg->n_layer, e);
}

/* One allocation for all slots.  Pages of it cost memory only once they are written, so a long
 * context that is not used is cheap. */
sk_status eng_kv_open(const eng_config *cfg, size_t n_slots, size_t n_ctx, eng_dtype type,
                      eng_kv **out, sk_err *e)
{
    size_t all = 0;
    assert(n_slots && n_ctx);
    eng_kv *kv = sk_calloc(SK_MEM_KV, 1, sizeof(*kv));
    if (!kv) return sk_fail(e, SK_E_NOMEM, "no memory for a KV cache");
    kv->n_slots = n_slots;
    sk_status st = lay_out(kv, cfg, n_ctx, type, e);
    bool too_big = st == SK_E_TOOBIG;
    if (st && !too_big) goto close_kv;
    if (!too_big && sk_mul_size(kv->layout.slot_bytes, n_slots, &all) && all <= MOST_BYTES)
        kv->base = sk_alloc(SK_MEM_KV, all);
    if (!kv->base) {
        double each = too_big ? INFINITY : 1e-6 * (double)kv->layout.slot_bytes;
        st = sk_fail(e, SK_E_NOMEM,
                     "no memory for the KV cache of %zu sequences of %zu tokens (%.1f MB): ask for "
                     "fewer or shorter ones",
                     n_slots, n_ctx, each * (double)n_slots);
        goto close_kv;
    }
    *out = kv;
    return SK_OK;
close_kv:
    eng_kv_close(kv);
    return st;
}

void eng_kv_close(eng_kv *kv)
{
    if (!kv) return;
    sk_arena_free(kv->arena);
    sk_free(kv->base);
    sk_free(kv);
}

eng_kv_seq eng_kv_slot(const eng_kv *kv, uint32_t slot)
{
    assert(slot < kv->n_slots);
    return (eng_kv_seq){kv->base + slot * kv->layout.slot_bytes, &kv->layout};
}

uint64_t eng_kv_bytes(const eng_kv *kv)
{
    return (uint64_t)kv->n_slots * kv->layout.slot_bytes;
}
