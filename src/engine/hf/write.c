/* write.c - a GGUF as a Hugging Face folder. */
#include "base/file.h"
#include "engine/format/safetensors.h"
#include "engine/hf/dir.h"
#include "engine/hf/form.h"
#include "engine/hf/hf.h"
#include "engine/hf/match.h"
#include "engine/quant/quant.h"
#include "engine/token/hf_vocab.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One tensor of the folder: all of a GGUF tensor, or one expert's part of it. */
typedef struct piece {
    char name[200];
    const eng_gguf_tensor *t;
    eng_hf_form form;
    size_t part, parts;
} piece;

typedef struct exporter {
    const eng_gguf *g;
    const eng_hf_family *family;
    sk_arena *mem;
    eng_hf_sizes sizes;
    eng_dtype dtype; /* of all that is written */
    piece *piece;
    eng_st_decl *decl;
    size_t n;
    char *row; /* scratch for one tensor */
} exporter;

static eng_hf_shape shape_of(const eng_gguf_tensor *t)
{
    if (t->n_dims == 1) return (eng_hf_shape){1, t->dim[0], 1};
    return (eng_hf_shape){t->dim[2] * t->dim[3], t->dim[1], t->dim[0]};
}

/* Heads as the keys of g have them. */
static sk_status read_sizes(exporter *x, sk_err *e)
{
    char key[128];
    uint64_t head = 0, kv = 0, width = 0, own = 0;
    const char *a = x->family->arch;
    (void)snprintf(key, sizeof key, "%s.attention.head_count", a);
    sk_status st = eng_gguf_u64(x->g, key, &head, e);
    if (st) return st;
    (void)snprintf(key, sizeof key, "%s.attention.head_count_kv", a);
    if (eng_gguf_u64(x->g, key, &kv, NULL)) kv = head;
    (void)snprintf(key, sizeof key, "%s.embedding_length", a);
    if ((st = eng_gguf_u64(x->g, key, &width, e))) return st;
    (void)snprintf(key, sizeof key, "%s.attention.key_length", a);
    if (!head || !kv || head > 65536 || kv > 65536)
        return sk_fail(e, SK_E_FORMAT, "the numbers of heads make no sense");
    if (eng_gguf_u64(x->g, key, &own, NULL)) own = width / head;
    x->sizes = (eng_hf_sizes){.n_head = head, .n_kv_head = kv, .head_dim = own};
    return SK_OK;
}

/* True for forms that can be undone by moving rows or subtracting one. */
static bool can_undo(eng_hf_form f)
{
    return f == ENG_HF_ADD_ONE || f == ENG_HF_SAME || f == ENG_HF_STACK || f == ENG_HF_ROPE_Q ||
           f == ENG_HF_ROPE_K;
}

/* The row whose GGUF name fits: the first, in the family's order, that can be undone. */
static const eng_hf_name *row_of(const exporter *x, const char *name, uint32_t *layer)
{
    uint32_t expert = 0;
    for (const eng_hf_name *const *list = x->family->names; *list; list++)
        for (const eng_hf_name *r = *list; r->hf; r++)
            if (r->gguf && can_undo(r->form) && eng_hf_name_fits(r->gguf, name, layer, &expert))
                return r;
    return NULL;
}

/* What is declared of a piece: the dimensions outermost first. */
static void declare(exporter *x, const piece *p, eng_st_decl *d)
{
    uint32_t n = p->t->n_dims - (p->form == ENG_HF_STACK ? 1 : 0);
    *d = (eng_st_decl){.name = p->name, .type = x->dtype, .n_dims = n};
    for (uint32_t i = 0; i < n; i++)
        d->dim[i] = p->t->dim[n - 1 - i];
}

/* Plans the pieces of one tensor; RoPE's factors went into config.json. */
static sk_status plan_tensor(exporter *x, const eng_gguf_tensor *t, sk_err *e)
{
    char name[80];
    uint32_t layer = 0;
    (void)snprintf(name, sizeof name, "%.*s", t->name.n < sizeof name ? (int)t->name.n : 79,
                   t->name.p);
    if (!strcmp(name, "rope_freqs.weight")) return SK_OK;
    const eng_hf_name *r = row_of(x, name, &layer);
    if (!r)
        return sk_fail(e, SK_E_UNSUPPORTED, "the tensor %s has no name in a folder of this kind",
                       name);
    size_t parts = r->form == ENG_HF_STACK ? t->dim[t->n_dims - 1] : 1;
    eng_hf_shape to;
    if (!eng_hf_form_shape(r->form, &x->sizes, shape_of(t), &to))
        return sk_fail(e, SK_E_FORMAT, "the shape of tensor %s does not fit the heads", name);
    for (size_t i = 0; i < parts; i++) {
        piece *p = &x->piece[x->n];
        *p = (piece){.t = t, .form = r->form, .part = i, .parts = parts};
        if (!eng_hf_name_make(r->hf, layer, (uint32_t)i, p->name, sizeof p->name))
            return sk_fail(e, SK_E_INTERNAL, "a name is too long");
        x->n++;
    }
    return SK_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const piece *)a)->name, ((const piece *)b)->name);
}

/* How many pieces there are at most. */
static size_t count_pieces(const eng_gguf *g)
{
    size_t n = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        n += t->n_dims > 2 ? t->dim[t->n_dims - 1] : 1;
    }
    return n;
}

static sk_status plan(exporter *x, sk_err *e)
{
    size_t n = count_pieces(x->g);
    x->piece = sk_new_n(x->mem, piece, n + 1);
    x->decl = sk_new_n(x->mem, eng_st_decl, n + 1);
    if (!x->piece || !x->decl) return sk_fail(e, SK_E_NOMEM, "no memory for %zu tensors", n);
    for (size_t i = 0; i < eng_gguf_n_tensors(x->g); i++) {
        sk_status st = plan_tensor(x, eng_gguf_tensor_at(x->g, i), e);
        if (st) return st;
    }
    /* by name, so that the file does not depend on the order in the GGUF */
    qsort(x->piece, x->n, sizeof *x->piece, by_name);
    for (size_t i = 0; i < x->n; i++)
        declare(x, &x->piece[i], &x->decl[i]);
    return SK_OK;
}

/* ---- types ---- */

/* The type most bytes of matrices have; a quantised one is no type of safetensors. */
static sk_status find_dtype(exporter *x, int type, sk_err *e)
{
    uint64_t bytes[3] = {0};
    static const eng_dtype known[] = {ENG_F32, ENG_F16, ENG_BF16};
    if (type != ENG_HF_KEEP) {
        x->dtype = (eng_dtype)type;
        return SK_OK;
    }
    for (size_t i = 0; i < eng_gguf_n_tensors(x->g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(x->g, i);
        size_t k = 0;
        while (k < 3 && (uint32_t)known[k] != t->type)
            k++;
        if (k == 3)
            return sk_fail(e, SK_E_UNSUPPORTED,
                           "the tensor %.*s is quantised; a folder has none of that: give --type "
                           "F16, BF16 or F32",
                           (int)t->name.n, t->name.p);
        if (t->n_dims > 1) bytes[k] += t->bytes;
    }
    size_t best = bytes[1] >= bytes[0] ? 1 : 0;
    x->dtype = known[bytes[2] > bytes[best] ? 2 : best];
    return SK_OK;
}

/* ---- data ---- */

/* Row r of the piece, from the GGUF's row, in the folder's type. */
static void make_row(const exporter *x, const piece *p, const char *src, size_t cols, float *wide,
                     char *dst)
{
    if (p->t->type == (uint32_t)x->dtype && p->form != ENG_HF_ADD_ONE) {
        memcpy(dst, src, eng_dtype_bytes(x->dtype, cols));
        return;
    }
    eng_quant_unpack((eng_dtype)p->t->type, src, wide, cols);
    if (p->form == ENG_HF_ADD_ONE)
        for (size_t i = 0; i < cols; i++)
            wide[i] -= 1.0f;
    eng_dtype_of_f32(x->dtype, wide, dst, cols);
}

/* All of a piece at x->row: rows are put back where the folder has them. */
static sk_status make_piece(exporter *x, const piece *p, size_t *bytes, sk_err *e)
{
    eng_hf_shape s = shape_of(p->t);
    if (p->form == ENG_HF_STACK) s.mats /= p->parts;
    bool column = p->t->n_dims == 1 && p->form == ENG_HF_SAME; /* a plain vector is one row */
    if (column || p->form == ENG_HF_ADD_ONE) s = (eng_hf_shape){1, 1, s.mats * s.rows * s.cols};
    size_t rows = s.mats * s.rows, in = eng_dtype_bytes((eng_dtype)p->t->type, s.cols);
    size_t out = eng_dtype_bytes(x->dtype, s.cols);
    float *wide = sk_alloc(SK_MEM_SCRATCH, s.cols * sizeof *wide);
    x->row = sk_alloc(SK_MEM_SCRATCH, rows * out);
    sk_status st =
        wide && x->row ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the tensor %s", p->name);
    const char *src = (const char *)p->t->data + p->part * (p->t->bytes / p->parts);
    for (size_t r = 0; !st && r < rows; r++) {
        size_t to = p->form == ENG_HF_STACK ? r : eng_hf_form_row(p->form, &x->sizes, s.rows, r);
        make_row(x, p, src + r * in, s.cols, wide, x->row + to * out);
    }
    sk_free(wide);
    *bytes = rows * out;
    return st;
}

/* All tensors in the order they were declared, one in memory at a time. */
static sk_status write_tensors(exporter *x, const char *folder, eng_hf_progress fn, void *arg,
                               sk_err *e)
{
    char path[4096];
    eng_st_writer *w = NULL;
    int n = snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (n < 0 || (size_t)n >= sizeof path) return sk_fail(e, SK_E_INVALID, "the path is too long");
    sk_status st = eng_st_create(path, x->decl, x->n, &w, e);
    for (size_t i = 0; i < x->n && !st; i++) {
        size_t bytes = 0;
        if (fn && !fn(arg, i, x->n)) st = sk_fail(e, SK_E_STOPPED, "stopped");
        if (!st) st = make_piece(x, &x->piece[i], &bytes, e);
        if (!st) st = eng_st_write(w, x->row, bytes, e);
        sk_free(x->row);
        x->row = NULL;
    }
    if (!st && fn) (void)fn(arg, x->n, x->n);
    if (st) {
        eng_st_abort(w);
        return st;
    }
    return eng_st_commit(w, e);
}

/* ---- the folder ---- */

static sk_status write_text(const char *folder, const char *name, const sk_buf *text, sk_err *e)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path) return sk_fail(e, SK_E_INVALID, "the path is too long");
    return sk_file_replace(path, text->p, text->len, e);
}

/* Appends a member with the id under a key of g, if it has one. */
static void add_id(const eng_gguf *g, const char *key, const char *name, sk_buf *b)
{
    uint64_t id;
    if (eng_gguf_u64(g, key, &id, NULL)) return;
    sk_buf_addf(b, "%s\n  \"%s\": %llu", b->len > 1 ? "," : "", name, (unsigned long long)id);
}

/* generation_config.json: the ids that begin, end and fill a text. */
static sk_status write_generation(const eng_gguf *g, const char *folder, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_addc(&b, '{');
    add_id(g, "tokenizer.ggml.bos_token_id", "bos_token_id", &b);
    add_id(g, "tokenizer.ggml.eos_token_id", "eos_token_id", &b);
    add_id(g, "tokenizer.ggml.padding_token_id", "pad_token_id", &b);
    sk_buf_adds(&b, "\n}\n");
    sk_status st = sk_buf_ok(&b) ? write_text(folder, "generation_config.json", &b, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for generation_config.json");
    sk_buf_fini(&b);
    return st;
}

/* The tokenizer's files; a model without one stays without. */
static sk_status write_vocab(const eng_gguf *g, const char *folder, sk_err *e)
{
    eng_vocab *v = NULL;
    eng_str kind;
    if (eng_gguf_str(g, "tokenizer.ggml.model", &kind, NULL) ||
        (kind.n == strlen(ENG_HF_NO_VOCAB) && !memcmp(kind.p, ENG_HF_NO_VOCAB, kind.n)))
        return SK_OK;
    sk_status st = eng_vocab_from_gguf(g, &v, e);
    if (!st) st = eng_hf_vocab_write(v, folder, e);
    eng_vocab_close(v);
    return st;
}

/* config.json comes last: a folder without it is no model's, so that a half-written one is never
 * read as one. */
sk_status eng_hf_from_gguf(const eng_gguf *g, const char *folder, int type, eng_hf_progress fn,
                           void *arg, sk_err *e)
{
    static const char *const names[] = {"float32", "float16", "bfloat16"};
    exporter x = {.g = g, .mem = sk_arena_new(SK_MEM_MISC)};
    sk_buf config = SK_BUF_INIT;
    sk_status st = x.mem ? find_dtype(&x, type, e) : sk_fail(e, SK_E_NOMEM, "no memory");
    const char *dtype = names[x.dtype == ENG_BF16 ? 2 : x.dtype == ENG_F16 ? 1 : 0];
    if (!st) st = eng_hf_config_write(g, dtype, &config, &x.family, e);
    if (!st) st = read_sizes(&x, e);
    if (!st) st = plan(&x, e);
    if (!st) st = sk_mkdirs(folder, e);
    if (!st) st = write_vocab(g, folder, e);
    if (!st) st = write_generation(g, folder, e);
    if (!st) st = write_tensors(&x, folder, fn, arg, e);
    if (!st) st = write_text(folder, "config.json", &config, e);
    sk_buf_fini(&config);
    sk_arena_free(x.mem);
    return st;
}
