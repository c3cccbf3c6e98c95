/* gguf_write.c - writing a GGUF, version 3.
 *
 * Keys and the tensor table are put together in memory and go out before the first tensor's data;
 * data is converted and streamed.  A put that cannot be done is remembered and reported by the call
 * that writes or commits, so that a caller can put freely.
 */
#include "engine/format/gguf.h"

#include "base/file.h"
#include "base/mem.h"
#include "engine/format/gguf_type.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 3, ALIGN = 32, TENSOR_NAME_MAX = 63, CHUNK = 8192 };

/* A declared tensor; where its name and bytes lie is in the table already. */
typedef struct declared {
    eng_dtype type;
    size_t n; /* elements */
} declared;

struct eng_gguf_writer {
    sk_outfile *f;
    sk_buf keys, table; /* as they will stand in the file */
    sk_buf names;       /* every key and tensor name, "k:" or "t:" before and NUL behind */
    sk_buf tensors;     /* array of declared */
    uint64_t n_keys, data_bytes;
    size_t n_tensors, n_written;
    bool begun; /* header, keys and table are out */
    sk_status st;
    sk_err err; /* the first thing that went wrong */
};

/* Starts writing to path (temporary until commit). */
sk_status eng_gguf_create(const char *path, eng_gguf_writer **out, sk_err *e)
{
    eng_gguf_writer *w = sk_calloc(SK_MEM_MISC, 1, sizeof *w);
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    sk_status st = sk_outfile_open(path, &w->f, e);
    if (st) {
        sk_free(w);
        return st;
    }
    *out = w;
    return SK_OK;
}

/* Remembers the first failure. */
static void fail(eng_gguf_writer *w, const char *what, const char *name)
{
    if (w->st) return;
    w->st = sk_fail(&w->err, SK_E_INTERNAL, "%s: %s", name, what);
}

static void add_u32(sk_buf *b, uint32_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void add_u64(sk_buf *b, uint64_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void add_str(sk_buf *b, const char *s, size_t n)
{
    add_u64(b, n);
    sk_buf_add(b, s, n);
}

/* True when the name is new; remembers it.  Names are few (hundreds), so a list will do. */
static bool new_name(eng_gguf_writer *w, char kind, const char *name)
{
    const char *p = w->names.p, *end = p + w->names.len;
    for (; p && p < end; p += strlen(p) + 1)
        if (p[0] == kind && strcmp(p + 1, name) == 0) return false;
    sk_buf_addc(&w->names, kind);
    sk_buf_add(&w->names, name, strlen(name) + 1);
    return true;
}

/* Begins a key of the given type; false when it cannot be put. */
static bool begin_key(eng_gguf_writer *w, const char *key, uint32_t type)
{
    if (w->begun || !*key)
        fail(w, w->begun ? "a key after the first tensor's data" : "a key without a name", key);
    else if (!new_name(w, 'k', key))
        fail(w, "the key is written twice", key);
    if (w->st) return false;
    add_str(&w->keys, key, strlen(key));
    add_u32(&w->keys, type);
    w->n_keys++;
    return true;
}

void eng_gguf_put_u32(eng_gguf_writer *w, const char *key, uint32_t v)
{
    if (begin_key(w, key, ENG_GGUF_U32)) add_u32(&w->keys, v);
}

void eng_gguf_put_f32(eng_gguf_writer *w, const char *key, float v)
{
    if (begin_key(w, key, ENG_GGUF_F32)) sk_buf_add(&w->keys, &v, sizeof v);
}

void eng_gguf_put_bool(eng_gguf_writer *w, const char *key, bool v)
{
    if (begin_key(w, key, ENG_GGUF_BOOL)) sk_buf_addc(&w->keys, v ? 1 : 0);
}

void eng_gguf_put_str(eng_gguf_writer *w, const char *key, const char *s, size_t n)
{
    if (begin_key(w, key, ENG_GGUF_STR)) add_str(&w->keys, s, n);
}

/* Begins an array of n elements. */
static bool begin_array(eng_gguf_writer *w, const char *key, uint32_t elem, size_t n)
{
    if (!begin_key(w, key, ENG_GGUF_ARR)) return false;
    add_u32(&w->keys, elem);
    add_u64(&w->keys, n);
    return true;
}

void eng_gguf_put_strs(eng_gguf_writer *w, const char *key, const eng_str *s, size_t n)
{
    if (!begin_array(w, key, ENG_GGUF_STR, n)) return;
    for (size_t i = 0; i < n; i++)
        add_str(&w->keys, s[i].p, s[i].n);
}

void eng_gguf_put_i32s(eng_gguf_writer *w, const char *key, const int32_t *v, size_t n)
{
    if (begin_array(w, key, ENG_GGUF_I32, n)) sk_buf_add(&w->keys, v, n * sizeof *v);
}

void eng_gguf_put_f32s(eng_gguf_writer *w, const char *key, const float *v, size_t n)
{
    if (begin_array(w, key, ENG_GGUF_F32, n)) sk_buf_add(&w->keys, v, n * sizeof *v);
}

/* Declares a tensor: [rows, cols], or [cols] when it is a vector (rows is 1 then). */
void eng_gguf_add_tensor(eng_gguf_writer *w, const char *name, eng_dtype t, size_t rows,
                         size_t cols, bool is_vector)
{
    declared d = {t, 0};
    size_t bytes = 0;
    if (w->begun)
        fail(w, "a tensor declared after the first tensor's data", name);
    else if (!*name || strlen(name) > TENSOR_NAME_MAX)
        fail(w, "a tensor's name has 1 to 63 bytes", name);
    else if (!new_name(w, 't', name))
        fail(w, "the tensor is declared twice", name);
    else if ((is_vector && rows != 1) || !sk_mul_size(rows, cols, &d.n) || !d.n)
        fail(w, "no possible shape", name);
    else if (!(bytes = eng_dtype_bytes(t, d.n)))
        fail(w, "a type that cannot be written", name);
    if (w->st) return;
    add_str(&w->table, name, strlen(name));
    add_u32(&w->table, is_vector ? 1 : 2);
    add_u64(&w->table, cols);
    if (!is_vector) add_u64(&w->table, rows);
    add_u32(&w->table, (uint32_t)t);
    add_u64(&w->table, w->data_bytes);
    sk_buf_add(&w->tensors, &d, sizeof d);
    w->data_bytes += (bytes + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
    w->n_tensors++;
}

/* Writes zeros up to the next multiple of ALIGN. */
static sk_status pad(eng_gguf_writer *w, sk_err *e)
{
    static const char zeros[ALIGN];
    size_t over = (size_t)(sk_outfile_pos(w->f) % ALIGN);
    return over ? sk_outfile_write(w->f, zeros, ALIGN - over, e) : SK_OK;
}

/* Writes all that comes before the data: header, keys, table, padding. */
static sk_status begin_data(eng_gguf_writer *w, sk_err *e)
{
    eng_gguf_put_u32(w, "general.alignment", ALIGN);
    if (w->st) {
        if (e) *e = w->err;
        return w->st;
    }
    if (!sk_buf_ok(&w->keys) || !sk_buf_ok(&w->table) || !sk_buf_ok(&w->tensors) ||
        !sk_buf_ok(&w->names))
        return w->st = sk_fail(e, SK_E_NOMEM, "no memory to write the keys of the file");
    const struct {
        char magic[4];
        uint32_t version;
        uint64_t n_tensors, n_keys;
    } head = {{'G', 'G', 'U', 'F'}, VERSION, w->n_tensors, w->n_keys};
    w->begun = true;
    sk_status st = sk_outfile_write(w->f, &head, sizeof head, e);
    if (!st) st = sk_outfile_write(w->f, w->keys.p, w->keys.len, e);
    if (!st && w->n_tensors) st = sk_outfile_write(w->f, w->table.p, w->table.len, e);
    if (!st && w->n_tensors) st = pad(w, e);
    return st;
}

/* Converts and writes n elements in chunks that stay in the cache. */
static sk_status write_elements(eng_gguf_writer *w, eng_dtype t, const float *x, size_t n,
                                sk_err *e)
{
    if (t == ENG_F32) return sk_outfile_write(w->f, x, n * sizeof *x, e);
    uint16_t half[CHUNK];
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i += CHUNK) {
        size_t k = n - i < CHUNK ? n - i : CHUNK;
        assert(eng_dtype_bytes(t, k) <= sizeof half);
        eng_dtype_of_f32(t, x + i, half, k);
        st = sk_outfile_write(w->f, half, eng_dtype_bytes(t, k), e);
    }
    return st;
}

/* Data of the next declared tensor, given as float. */
sk_status eng_gguf_write_f32(eng_gguf_writer *w, const float *data, sk_err *e)
{
    if (!w->begun) {
        sk_status st = begin_data(w, e);
        if (st) return w->st = st;
    }
    if (w->n_written == w->n_tensors)
        return w->st = sk_fail(e, SK_E_INTERNAL, "more data than tensors were declared");
    declared d;
    memcpy(&d, w->tensors.p + w->n_written * sizeof d, sizeof d);
    sk_status st = write_elements(w, d.type, data, d.n, e);
    if (!st) st = pad(w, e);
    if (!st) w->n_written++;
    return w->st = st;
}

/* Frees the writer but not its file. */
static void free_writer(eng_gguf_writer *w)
{
    sk_buf_fini(&w->keys);
    sk_buf_fini(&w->table);
    sk_buf_fini(&w->names);
    sk_buf_fini(&w->tensors);
    sk_free(w);
}

/* Checks that all is written and puts the file in place. */
sk_status eng_gguf_commit(eng_gguf_writer *w, sk_err *e)
{
    sk_status st = w->st;
    if (st && w->begun)
        sk_fail(e, st, "a tensor could not be written");
    else if (!w->begun)
        st = begin_data(w, e);
    if (!st && w->n_written != w->n_tensors)
        st = sk_fail(e, SK_E_INTERNAL, "%zu tensors declared, %zu written", w->n_tensors,
                     w->n_written);
    sk_outfile *f = w->f;
    free_writer(w);
    if (!st) return sk_outfile_commit(f, e);
    sk_outfile_abort(f);
    return st;
}

/* Gives the file up: what stood at its path stays.  NULL is allowed. */
void eng_gguf_abort(eng_gguf_writer *w)
{
    if (!w) return;
    sk_outfile_abort(w->f);
    free_writer(w);
}
