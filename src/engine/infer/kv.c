/* kv.c - the pool of pages of keys and values.
 *
 * Pages that no token reached yet are never touched, so the system gives no memory for them.
 */
#include "engine/infer/kv.h"

#include "engine/model/kvshape.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* More than any machine has: asking the system for it would only be a slower way to fail. */
#define MOST_BYTES ((size_t)1 << 46)

struct eng_kv {
    sk_arena *arena;
    eng_kv_layout layout;
    eng_pages *pages;
    char *base[2]; /* [1]: of near pages, NULL: there are none */
    size_t n_pages[2];
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

/* Whether windowed layers lie apart: a sequence that is never much longer than a window would gain
 * nothing. */
static bool has_near(const eng_config *cfg, const eng_kv_opts *o)
{
    bool any = false;
    for (uint32_t i = 0; i < cfg->n_layer; i++)
        any = any || eng_config_is_local(cfg, i);
    size_t most = any ? eng_pages_near_most(o->n_ctx, cfg->window, o->max_step) : 0;
    return any && o->prefix && !cfg->encoder && most < (o->n_ctx - 1) / ENG_PAGE_TOKENS + 1;
}

/* The layout of cfg's layers; what is too big to count is no memory too. */
static sk_status lay_out(eng_kv *kv, const eng_config *cfg, const eng_kv_opts *o, sk_err *e)
{
    kv->arena = sk_arena_new(SK_MEM_KV);
    eng_kv_shape *shape = kv->arena ? sk_new_n(kv->arena, eng_kv_shape, cfg->n_layer) : NULL;
    if (!shape) return sk_fail(e, SK_E_NOMEM, "no memory for the KV cache's layout");
    bool near = has_near(cfg, o);
    for (uint32_t i = 0; i < cfg->n_layer; i++) {
        shape[i] = eng_config_kv(cfg, i);
        shape[i].near = near && eng_config_is_local(cfg, i);
    }
    size_t n = cfg->encoder ? 1 : cfg->n_layer;
    sk_status st = eng_kv_layout_build(shape, n, o->type, kv->arena, &kv->layout, e);
    return st || !cfg->encoder ? st : share_layer(kv, cfg->n_layer, e);
}

static void copy_page(void *arg, bool near, uint32_t to, uint32_t from)
{
    const eng_kv *kv = arg;
    size_t n = kv->layout.page_bytes[near];
    memcpy(kv->base[near] + to * n, kv->base[near] + from * n, n);
}

/* Near pages beside n_pages others. */
static size_t near_pages(const eng_config *cfg, const eng_kv_opts *o, size_t n_pages)
{
    size_t most = eng_pages_near_most(o->n_ctx, cfg->window, o->max_step), all;
    if (!sk_mul_size(most, o->n_slots, &all) || all > n_pages) all = n_pages;
    all += n_pages / 8;
    if (all > n_pages) all = n_pages;
    return (all > most ? all : most) + 1;
}

/* The lists of pages, and how many there are; false (and no lists) if they cannot be counted. */
static bool count_pages(const eng_config *cfg, const eng_kv_opts *o, bool near, eng_pages_opts *p)
{
    size_t all = 0;
    p->most = (o->n_ctx - 1) / ENG_PAGE_TOKENS + 1;
    if (!sk_mul_size(p->most, o->n_slots, &all)) return false;
    size_t asked = o->n_tokens ? (o->n_tokens - 1) / ENG_PAGE_TOKENS + 1 : all;
    p->n_pages = asked;
    if (asked >= ENG_PAGE_NONE - 1) return false;
    if (!near) return true;
    p->n_near = near_pages(cfg, o, asked);
    p->window = cfg->window;
    p->ahead = o->max_step;
    return true;
}

/* Bytes of both pools; false if they are too many to count. */
static bool count_bytes(const eng_kv *kv, const eng_pages_opts *p, size_t bytes[2])
{
    return sk_mul_size(kv->layout.page_bytes[0], p->n_pages, &bytes[0]) &&
           sk_mul_size(kv->layout.page_bytes[1], p->n_near, &bytes[1]) && bytes[0] <= MOST_BYTES &&
           bytes[1] <= MOST_BYTES;
}

/* One allocation for all pages of a pool.  They cost memory only once they are written, so a long
 * context that is not used is cheap. */
static sk_status open_pool(eng_kv *kv, const eng_config *cfg, const eng_kv_opts *o, bool too_big,
                           sk_err *e)
{
    eng_pages_opts p = {.n_slots = o->n_slots, .prefix = o->prefix, .copy = copy_page, .arg = kv};
    size_t all[2] = {0, 0};
    bool near = !too_big && kv->layout.page_bytes[1];
    double each =
        too_big ? INFINITY : 1e-6 * (double)(kv->layout.page_bytes[0] + kv->layout.page_bytes[1]);
    if (!count_pages(cfg, o, near, &p)) too_big = true;
    if (!too_big && count_bytes(kv, &p, all)) {
        kv->base[0] = sk_alloc(SK_MEM_KV, all[0]);
        if (near && kv->base[0]) kv->base[1] = sk_alloc(SK_MEM_KV, all[1]);
    }
    kv->n_pages[0] = p.n_pages;
    kv->n_pages[1] = p.n_near;
    if (!kv->base[0] || (near && !kv->base[1]))
        return sk_fail(e, SK_E_NOMEM,
                       "no memory for the KV cache of %zu sequences of %zu tokens (%.1f MB): ask "
                       "for fewer or shorter ones",
                       o->n_slots, o->n_ctx, each * (double)p.n_pages);
    return eng_pages_open(&p, &kv->pages, e);
}

sk_status eng_kv_open(const eng_config *cfg, const eng_kv_opts *o, eng_kv **out, sk_err *e)
{
    assert(o->n_slots && o->n_ctx);
    eng_kv *kv = sk_calloc(SK_MEM_KV, 1, sizeof(*kv));
    if (!kv) return sk_fail(e, SK_E_NOMEM, "no memory for a KV cache");
    sk_status st = lay_out(kv, cfg, o, e);
    if (!st || st == SK_E_TOOBIG) st = open_pool(kv, cfg, o, st == SK_E_TOOBIG, e);
    if (st) {
        eng_kv_close(kv);
        return st;
    }
    *out = kv;
    return SK_OK;
}

void eng_kv_close(eng_kv *kv)
{
    if (!kv) return;
    eng_pages_close(kv->pages);
    sk_arena_free(kv->arena);
    sk_free(kv->base[0]);
    sk_free(kv->base[1]);
    sk_free(kv);
}

eng_pages *eng_kv_pages(const eng_kv *kv)
{
    return kv->pages;
}

eng_kv_seq eng_kv_slot(const eng_kv *kv, uint32_t slot)
{
    return (eng_kv_seq){{kv->base[0], kv->base[1]},
                        {eng_pages_list(kv->pages, slot), eng_pages_near(kv->pages, slot)},
                        &kv->layout};
}

void *eng_kv_page(const eng_kv *kv, uint32_t page, size_t *bytes)
{
    if (kv->base[1]) return NULL;
    assert(page < kv->n_pages[0]);
    *bytes = kv->layout.page_bytes[0];
    return kv->base[0] + page * kv->layout.page_bytes[0];
}

uint64_t eng_kv_bytes(const eng_kv *kv)
{
    return (uint64_t)kv->n_pages[0] * kv->layout.page_bytes[0] +
           (uint64_t)kv->n_pages[1] * kv->layout.page_bytes[1];
}

sk_status eng_kv_measure(const eng_config *cfg, const eng_kv_opts *o, uint64_t *bytes, sk_err *e)
{
    eng_kv kv = {0};
    eng_pages_opts p = {.n_slots = o->n_slots};
    size_t all[2];
    sk_status st = lay_out(&kv, cfg, o, e);
    if (!st && (!count_pages(cfg, o, kv.layout.page_bytes[1], &p) || !count_bytes(&kv, &p, all)))
        st = sk_fail(e, SK_E_TOOBIG, "the KV cache is too many bytes to count");
    if (!st) *bytes = (uint64_t)all[0] + all[1];
    sk_arena_free(kv.arena);
    return st;
}
