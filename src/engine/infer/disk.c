/* disk.c - names of pages, and the ways between the cache and the disk. */
#include "engine/infer/disk.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "engine/infer/fetch.h"
#include "engine/infer/spill.h"

#include <string.h>

/* Bytes that are written when the cache is closed, the least worthy left out: some seconds. */
#define MOST_LEFT ((size_t)256 << 20)

struct eng_disk {
    eng_kv *kv;
    eng_spill *spill;
    eng_fetch *fetch;
    eng_spill_name root;  /* of no tokens */
    const int32_t **path; /* [most pages of a sequence] */
    eng_spill_name *name; /* [most pages of a sequence] to be ordered */
    size_t page_bytes;
    bool ending; /* what is evicted is waited for */
    size_t skip; /* pages that are not written then */
};

/* The name of what goes on with a page of ids. */
static eng_spill_name below(const eng_spill_name *above, const int32_t *ids)
{
    sk_sha256 s;
    eng_spill_name name;
    sk_sha256_init(&s);
    sk_sha256_add(&s, above, sizeof *above);
    sk_sha256_add(&s, ids, ENG_PAGE_TOKENS * sizeof *ids);
    sk_sha256_end(&s, name.sha);
    return name;
}

/* A page leaves the cache.  It is still there. */
static void on_evict(void *arg, uint32_t page)
{
    eng_disk *d = arg;
    const void *tag = NULL;
    size_t bytes, n = eng_prefix_path(eng_pages_tree(eng_kv_pages(d->kv)), page, &tag, d->path);
    eng_spill_name name = d->root;
    if (d->skip) {
        d->skip--;
        return;
    }
    if (!n || tag) return;
    for (size_t i = 0; i < n; i++)
        name = below(&name, d->path[i]);
    eng_spill_put(d->spill, &name, eng_kv_page(d->kv, page, &bytes), d->ending);
}

/* What all pages of this model and cache have in common. */
static bool name_root(const eng_model *m, const eng_kv_opts *ko, size_t page_bytes,
                      eng_spill_name *out)
{
    eng_gguf_id id;
    const char *level = sk_cpu_name(sk_cpu());
    const uint64_t shape[] = {(uint64_t)ko->type, page_bytes, m->cfg.n_layer};
    sk_sha256 s;
    if (!eng_gguf_identify(m->gguf, &id)) return false;
    const uint64_t file[] = {id.bytes, (uint64_t)id.changed, id.stamps, id.heads, id.samples};
    sk_sha256_init(&s);
    sk_sha256_add(&s, SK_VERSION, sizeof SK_VERSION);
    sk_sha256_add(&s, level, strlen(level) + 1);
    sk_sha256_add(&s, shape, sizeof shape);
    sk_sha256_add(&s, file, sizeof file);
    sk_sha256_end(&s, out->sha);
    return true;
}

/* Ends the threads and frees all. */
static void disk_free(eng_disk *d)
{
    eng_fetch_close(d->fetch);
    eng_spill_close(d->spill);
    sk_free((void *)(uintptr_t)d->path);
    sk_free(d->name);
    sk_free(d);
}

sk_status eng_disk_open(const eng_model *m, eng_kv *kv, const eng_kv_opts *ko, const char *dir,
                        uint64_t most, eng_disk **out, sk_err *e)
{
    size_t bytes = 0;
    if (!ko->prefix || !eng_kv_page(kv, 0, &bytes))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "beginnings are not kept on disk for a model whose layers see windows only, "
                       "or that writes no text");
    eng_disk *d = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *d);
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory for beginnings on disk");
    d->kv = kv;
    d->page_bytes = bytes;
    sk_status st = SK_OK;
    d->path = sk_calloc(SK_MEM_SCRATCH, ko->n_ctx / ENG_PAGE_TOKENS + 1, sizeof *d->path);
    d->name = sk_calloc(SK_MEM_SCRATCH, ko->n_ctx / ENG_PAGE_TOKENS + 1, sizeof *d->name);
    if (!d->path || !d->name)
        st = sk_fail(e, SK_E_NOMEM, "no memory for beginnings on disk");
    else if (!name_root(m, ko, bytes, &d->root))
        st = sk_fail(e, SK_E_UNSUPPORTED, "beginnings are kept on disk for models in GGUFs only");
    if (!st) st = eng_spill_open(dir, most, bytes, &d->spill, e);
    if (!st) st = eng_fetch_open(d->spill, bytes, ko->n_slots, &d->fetch, e);
    if (st) {
        disk_free(d);
        return st;
    }
    eng_prefix_watch(eng_pages_tree(eng_kv_pages(kv)), on_evict, d);
    *out = d;
    return SK_OK;
}

void eng_disk_close(eng_disk *d)
{
    if (!d) return;
    eng_prefix *tree = eng_pages_tree(eng_kv_pages(d->kv));
    size_t idle = eng_prefix_idle(tree), most = MOST_LEFT / d->page_bytes;
    d->ending = true;
    d->skip = idle > most ? idle - most : 0;
    eng_pages_flush(eng_kv_pages(d->kv));
    eng_prefix_watch(tree, NULL, NULL);
    disk_free(d);
}

/* The last of the n tokens is never taken, since somebody wants what comes behind it. */
bool eng_disk_fetch(eng_disk *d, uint32_t slot, const int32_t *ids, size_t n, size_t held)
{
    eng_spill_name name = d->root;
    size_t full = held / ENG_PAGE_TOKENS, want = 0;
    for (size_t i = 0; (i + 1) * ENG_PAGE_TOKENS < n; i++) {
        name = below(&name, ids + i * ENG_PAGE_TOKENS);
        if (i >= full) d->name[want++] = name;
    }
    return want && eng_fetch_order(d->fetch, slot, d->name, want);
}

/* The slot gets a page of its own for the next tokens, what was read in it, and the tree knows it
 * then. */
size_t eng_disk_arrive(eng_disk *d, uint32_t slot, const int32_t *ids, size_t held, size_t most,
                       bool *more)
{
    eng_pages *pages = eng_kv_pages(d->kv);
    size_t bytes, done = 0;
    void *read;
    *more = true;
    while ((!done || done + d->page_bytes <= most) &&
           (read = eng_fetch_take(d->fetch, slot, more))) {
        size_t i = held / ENG_PAGE_TOKENS;
        eng_pages_own(pages, slot, i * ENG_PAGE_TOKENS, ENG_PAGE_TOKENS);
        memcpy(eng_kv_page(d->kv, eng_pages_list(pages, slot)[i], &bytes), read, d->page_bytes);
        sk_free(read);
        done += d->page_bytes;
        held = (i + 1) * ENG_PAGE_TOKENS;
        eng_pages_share(pages, slot, &(eng_pages_seq){NULL, ids, held});
    }
    return held;
}

void eng_disk_cancel(eng_disk *d, uint32_t slot)
{
    eng_fetch_cancel(d->fetch, slot);
}

void eng_disk_listen(eng_disk *d, void (*fn)(void *arg), void *arg)
{
    eng_fetch_listen(d->fetch, fn, arg);
}
