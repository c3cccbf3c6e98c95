/* open.c - a folder as a GGUF: in memory, or written to a file. */
#include "engine/format/gguf_build.h"
#include "engine/hf/hf.h"
#include "engine/hf/plan.h"
#include "engine/token/hf_vocab.h"

#include <string.h>

/* An open folder, all that is needed to make its tensors. */
typedef struct folder {
    sk_arena *mem;
    eng_hf_dir *dir;
    eng_hf_in in;
    eng_hf_plan plan;
} folder;

bool eng_hf_is_folder(const char *path)
{
    return eng_hf_dir_has(path, "config.json");
}

static void folder_close(folder *f)
{
    json_decref(f->in.cfg);
    eng_hf_dir_close(f->dir);
    sk_arena_free(f->mem);
}

/* Config, then plan; what was opened is f's also on failure. */
static sk_status folder_open(const char *path, folder *f, sk_err *e)
{
    *f = (folder){.mem = sk_arena_new(SK_MEM_WEIGHTS)};
    if (!f->mem) return sk_fail(e, SK_E_NOMEM, "no memory to open %s", path);
    sk_err why = SK_ERR_INIT;
    sk_status st = eng_hf_dir_open(path, &f->dir, e);
    if (st) return st;
    st = eng_hf_config_read(f->dir->config.p, f->dir->config.len, f->mem, &f->in, &why);
    if (!st) st = eng_hf_plan_make(f->dir, &f->in, f->mem, &f->plan, &why);
    return st ? sk_fail(e, st, "%s: %s", path, why.text) : SK_OK;
}

/* The last part of a path, its trailing slashes left out, as a name for people. */
static void name_of(const char *path, char *to, size_t n)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t at = end;
    while (at && path[at - 1] != '/')
        at--;
    size_t len = end - at < n ? end - at : n - 1;
    memcpy(to, path + at, len);
    to[len] = 0;
}

/* Rows of the embedding, 0 if there is none. */
static size_t n_vocab_of(const eng_hf_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!strcmp(p->tensor[i].name, "token_embd.weight")) return p->tensor[i].to.rows;
    return 0;
}

/* All keys: the family's and the tokenizer's. */
static sk_status put_keys(const folder *f, eng_gguf_writer *w, sk_err *e)
{
    char name[128];
    name_of(f->dir->path, name, sizeof name);
    sk_status st = eng_hf_config_put(&f->in, name, w, e);
    if (st) return st;
    if (!eng_hf_dir_has(f->dir->path, "tokenizer.json") &&
        !eng_hf_dir_has(f->dir->path, "tokenizer.model")) {
        eng_gguf_put_str(w, "tokenizer.ggml.model", ENG_HF_NO_VOCAB, strlen(ENG_HF_NO_VOCAB));
        return SK_OK;
    }
    return eng_hf_vocab_put(f->dir->path, w, n_vocab_of(&f->plan), e);
}

/* ---- in memory ---- */

static void drop_dir(void *d)
{
    eng_hf_dir_close(d);
}

static void watch_dir(const void *d)
{
    eng_hf_dir_watch(d, true);
}

static bool is_torn(const void *d)
{
    return eng_hf_dir_torn(d);
}

static const eng_gguf_guard guard = {watch_dir, is_torn};

static void drop_arena(void *a)
{
    sk_arena_free(a);
}

/* Every tensor, those that cannot be viewed copied. */
static sk_status copy_tensors(const folder *f, eng_gguf_writer *w, sk_err *e)
{
    for (size_t i = 0; i < f->plan.n; i++) {
        const eng_hf_tensor *t = &f->plan.tensor[i];
        const void *data = eng_hf_plan_view(t);
        if (!data) {
            void *copy = sk_alloc(SK_MEM_WEIGHTS, t->bytes);
            if (!copy || !eng_gguf_build_own(w, copy, sk_free))
                return sk_fail(e, SK_E_NOMEM, "no memory for the tensor %s (%llu bytes)", t->name,
                               (unsigned long long)t->bytes);
            eng_hf_plan_fetch(&f->plan, t, copy);
            data = copy;
        }
        eng_gguf_build_tensor(w, t->name, t->type, t->n_dims, t->dim, data);
    }
    return SK_OK;
}

/* The files are watched while they are copied; later it is for who uses the GGUF to have them so.
 */
static sk_status build_tensors(const folder *f, eng_gguf_writer *w, sk_err *e)
{
    eng_hf_dir_watch(f->dir, true);
    sk_status st = copy_tensors(f, w, e);
    if (!st && eng_hf_dir_torn(f->dir))
        st = sk_fail(e, SK_E_CORRUPT, "%s: a file was cut short while it was read", f->dir->path);
    eng_hf_dir_watch(f->dir, false);
    return st;
}

/* The GGUF owns what it views: first the arena, then the folder, both dropped when it is closed.
 * If the folder cannot be handed over it is dropped at once, and build_open reports the failure. */
sk_status eng_hf_open(const char *path, eng_gguf **out, sk_err *e)
{
    folder f;
    eng_gguf_writer *w = NULL;
    sk_status st = folder_open(path, &f, e);
    if (!st) st = eng_gguf_build(&w, e);
    if (st) goto close_folder;
    if ((st = put_keys(&f, w, e)) || (st = build_tensors(&f, w, e))) goto abort;
    /* the arena holds factors of RoPE, the folder everything else that is viewed */
    sk_arena *mem = f.mem;
    eng_hf_dir *dir = f.dir;
    f.mem = NULL;
    f.dir = NULL;
    if (eng_gguf_build_own(w, mem, drop_arena))
        (void)eng_gguf_build_own_files(w, dir, drop_dir, &guard);
    else
        eng_hf_dir_close(dir);
    st = eng_gguf_build_open(w, out, e);
    goto close_folder;
abort:
    eng_gguf_abort(w);
close_folder:
    folder_close(&f);
    return st;
}

/* ---- to a file ---- */

/* The type a tensor is written as: vectors and blocks of 4 bits keep theirs. */
static uint32_t type_for(const eng_hf_tensor *t, int type)
{
    bool matrix = t->n_dims > 1 &&
                  (t->type == ENG_F16 || t->type == ENG_BF16 || (t->type == ENG_F32 && t->n_src));
    bool norm = strstr(t->name, "norm") || strstr(t->name, ".bias");
    return type == ENG_HF_KEEP || !matrix || norm ? t->type : (uint32_t)type;
}

/* The tensor's bytes at src, written in another type a piece at a time. */
static sk_status write_as(const eng_hf_tensor *t, uint32_t type, const char *src,
                          eng_gguf_writer *w, sk_err *e)
{
    enum { PIECE = 16384 };
    size_t from = eng_dtype_bytes((eng_dtype)t->type, 1), to = eng_dtype_bytes((eng_dtype)type, 1);
    size_t n = t->bytes / from;
    float *wide = sk_alloc(SK_MEM_SCRATCH, PIECE * sizeof *wide);
    char *out = sk_alloc(SK_MEM_SCRATCH, PIECE * to);
    sk_status st = wide && out ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory to convert %s", t->name);
    for (size_t i = 0; i < n && !st; i += PIECE) {
        size_t k = n - i < PIECE ? n - i : PIECE;
        eng_dtype_to_f32((eng_dtype)t->type, src + i * from, wide, k);
        eng_dtype_of_f32((eng_dtype)type, wide, out, k);
        st = eng_gguf_write_raw(w, out, k * to, e);
    }
    sk_free(wide);
    sk_free(out);
    return st;
}

/* One tensor's bytes, viewed or made. */
static sk_status write_tensor(const folder *f, const eng_hf_tensor *t, int as, eng_gguf_writer *w,
                              sk_err *e)
{
    const void *view = eng_hf_plan_view(t);
    uint32_t type = type_for(t, as);
    bool same = type == t->type;
    if (view)
        return same ? eng_gguf_write_raw(w, view, t->bytes, e) : write_as(t, type, view, w, e);
    void *copy = sk_alloc(SK_MEM_SCRATCH, t->bytes);
    if (!copy)
        return sk_fail(e, SK_E_NOMEM, "no memory for the tensor %s (%llu bytes)", t->name,
                       (unsigned long long)t->bytes);
    eng_hf_plan_fetch(&f->plan, t, copy);
    sk_status st = same ? eng_gguf_write_raw(w, copy, t->bytes, e) : write_as(t, type, copy, w, e);
    sk_free(copy);
    return st;
}

static sk_status write_tensors(const folder *f, int type, eng_gguf_writer *w, eng_hf_progress fn,
                               void *arg, sk_err *e)
{
    uint64_t total = 0, done = 0;
    for (size_t i = 0; i < f->plan.n; i++) {
        const eng_hf_tensor *t = &f->plan.tensor[i];
        eng_gguf_add_shape(w, t->name, type_for(t, type), t->n_dims, t->dim);
        total += t->bytes;
    }
    for (size_t i = 0; i < f->plan.n; i++) {
        if (fn && !fn(arg, done, total)) return sk_fail(e, SK_E_STOPPED, "stopped");
        sk_status st = write_tensor(f, &f->plan.tensor[i], type, w, e);
        if (st) return st;
        done += f->plan.tensor[i].bytes;
    }
    if (fn) (void)fn(arg, done, total);
    return SK_OK;
}

sk_status eng_hf_to_gguf(const char *path, const char *dst, int type, eng_hf_progress fn, void *arg,
                         sk_err *e)
{
    folder f;
    eng_gguf_writer *w = NULL;
    sk_status st = folder_open(path, &f, e);
    if (!st) st = eng_gguf_create(dst, &w, e);
    if (!st && !(st = put_keys(&f, w, e))) st = write_tensors(&f, type, w, fn, arg, e);
    if (st)
        eng_gguf_abort(w);
    else
        st = eng_gguf_commit(w, e);
    folder_close(&f);
    return st;
}
