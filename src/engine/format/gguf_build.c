/* gguf_build.c - an open GGUF out of memory, and a file out of an open GGUF. */
#include "engine/format/gguf_build.h"

#include "engine/format/gguf_value.h"
#include "engine/format/gguf_writer.h"

#include <assert.h>
#include <string.h>

sk_status eng_gguf_build(eng_gguf_writer **out, sk_err *e)
{
    eng_gguf_writer *w = eng_gguf_writer_new();
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory to put a model together");
    *out = w;
    return SK_OK;
}

/* Declares the tensor, then notes where its data is. */
void eng_gguf_build_tensor(eng_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                           const uint64_t *dim, const void *data)
{
    assert(!w->f && data);
    eng_gguf_add_shape(w, name, type, n_dims, dim);
    if (w->st || !sk_buf_ok(&w->tensors)) return;
    eng_gguf_declared d = eng_gguf_writer_tensor(w, w->n_tensors - 1);
    d.data = data;
    memcpy(w->tensors.p + w->tensors.len - sizeof d, &d, sizeof d);
}

/* Remembers what to drop at the end. */
bool eng_gguf_build_own_files(eng_gguf_writer *w, void *p, void (*drop)(void *p),
                              const eng_gguf_guard *guard)
{
    eng_gguf_owned o = {drop, p, guard};
    if (sk_buf_reserve(&w->owned, sizeof o)) {
        sk_buf_add(&w->owned, &o, sizeof o);
        return true;
    }
    drop(p);
    return false;
}

bool eng_gguf_build_own(eng_gguf_writer *w, void *p, void (*drop)(void *p))
{
    return eng_gguf_build_own_files(w, p, drop, NULL);
}

/* Copies the declared tensors into g, their names with them. */
static sk_status take_tensors(const eng_gguf_writer *w, eng_gguf *g, sk_err *e)
{
    g->n_tensors = w->n_tensors;
    g->tensor = sk_new_n(g->mem, eng_gguf_tensor, w->n_tensors);
    char *names = sk_arena_strndup(g->mem, w->names.p ? w->names.p : "", w->names.len);
    if (!g->tensor || !names) return sk_fail(e, SK_E_NOMEM, "no memory for the tensors' table");
    for (size_t i = 0; i < w->n_tensors; i++) {
        eng_gguf_declared d = eng_gguf_writer_tensor(w, i);
        eng_gguf_tensor *t = &g->tensor[i];
        *t = (eng_gguf_tensor){.name = {names + d.name, strlen(names + d.name)},
                               .type = d.type,
                               .n_dims = d.n_dims,
                               .data = d.data,
                               .bytes = d.bytes};
        memcpy(t->dim, d.dim, sizeof t->dim);
        g->len += d.bytes;
    }
    return eng_gguf_index_tensors(g, e);
}

/* Fills g from w.  The keys move into its arena, since its strings point there. */
static sk_status take_all(eng_gguf_writer *w, eng_gguf *g, sk_err *e)
{
    sk_status st = eng_gguf_writer_check(w, e);
    if (st) return st;
    char *keys = sk_arena_strndup(g->mem, w->keys.p ? w->keys.p : "", w->keys.len);
    g->owned = sk_new_n(g->mem, eng_gguf_owned, w->owned.len / sizeof(eng_gguf_owned) + 1);
    if (!keys || !g->owned) return sk_fail(e, SK_E_NOMEM, "no memory for the keys");
    g->version = 3;
    g->len = w->keys.len;
    st = eng_gguf_read_keys(g, keys, w->keys.len, w->n_keys, e);
    return st ? st : take_tensors(w, g, e);
}

/* Makes the open GGUF; what w owns is g's last of all, when nothing can fail any more. */
sk_status eng_gguf_build_open(eng_gguf_writer *w, eng_gguf **out, sk_err *e)
{
    assert(!w->f);
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_gguf *g = mem ? sk_new(mem, eng_gguf) : NULL;
    sk_status st = SK_OK;
    if (!g) {
        st = sk_fail(e, SK_E_NOMEM, "no memory to put a model together");
        goto free_arena;
    }
    g->mem = mem;
    st = take_all(w, g, e);
    if (st) goto free_arena;
    if (w->owned.len) memcpy(g->owned, w->owned.p, w->owned.len);
    g->n_owned = w->owned.len / sizeof(eng_gguf_owned);
    sk_buf_reset(&w->owned);
    eng_gguf_writer_free(w);
    *out = g;
    return SK_OK;
free_arena:
    sk_arena_free(mem);
    eng_gguf_writer_free(w);
    return st;
}

/* Declares every tensor of g under its name. */
static void declare(eng_gguf_writer *w, const eng_gguf *g)
{
    for (size_t i = 0; i < g->n_tensors; i++) {
        const eng_gguf_tensor *t = &g->tensor[i];
        char name[65];
        assert(t->name.n < sizeof name);
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = 0;
        eng_gguf_add_shape(w, name, t->type, t->n_dims, t->dim);
    }
}

/* What is put first stays when the keys of g are copied behind it. */
sk_status eng_gguf_named(const eng_gguf *g, const char *name, eng_gguf **out, sk_err *e)
{
    eng_gguf_writer *w;
    sk_status st = eng_gguf_build(&w, e);
    if (st) return st;
    eng_gguf_put_str(w, "general.name", name, strlen(name));
    eng_gguf_copy_keys(w, g);
    for (size_t i = 0; i < g->n_tensors; i++) {
        const eng_gguf_tensor *t = &g->tensor[i];
        char text[65];
        assert(t->name.n < sizeof text);
        memcpy(text, t->name.p, t->name.n);
        text[t->name.n] = 0;
        eng_gguf_build_tensor(w, text, t->type, t->n_dims, t->dim, t->data);
    }
    return eng_gguf_build_open(w, out, e);
}

/* All of g into one file. */
sk_status eng_gguf_save(const eng_gguf *g, const char *path, sk_err *e)
{
    eng_gguf_writer *w = NULL;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_copy_keys(w, g);
    declare(w, g);
    for (size_t i = 0; i < g->n_tensors && !st; i++)
        st = eng_gguf_write_raw(w, g->tensor[i].data, g->tensor[i].bytes, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}
