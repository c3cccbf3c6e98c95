/* gguf_write.c - writing a GGUF, version 3.
 *
 * Keys and the tensor table are put together in memory and go out before the first tensor's data;
 * data is converted and streamed.
 */
#include "engine/format/gguf_writer.h"

#include "base/mem.h"
#include "engine/format/gguf_type.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 3, ALIGN = 32, TENSOR_NAME_MAX = 63, CHUNK = 8192 };

/* Starts writing to path (temporary until commit). */
sk_status eng_gguf_create(const char *path, eng_gguf_writer **out, sk_err *e)
{
    eng_gguf_writer *w = eng_gguf_writer_new();
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    sk_status st = sk_outfile_open(path, &w->f, e);
    if (st) {
        eng_gguf_writer_free(w);
        return st;
    }
    *out = w;
    return SK_OK;
}

/* Declared tensor i. */
eng_gguf_declared eng_gguf_writer_tensor(const eng_gguf_writer *w, size_t i)
{
    eng_gguf_declared d;
    assert(i < w->n_tensors);
    memcpy(&d, w->tensors.p + i * sizeof d, sizeof d);
    return d;
}

/* Elements and bytes of a shape; false when there is no such tensor. */
static bool measure(eng_gguf_declared *d)
{
    uint32_t block, size;
    eng_gguf_block(d->type, &block, &size);
    d->n = 1;
    if (d->n_dims < 1 || d->n_dims > 4 || !block) return false;
    for (unsigned i = 0; i < d->n_dims; i++)
        if (!d->dim[i] || !sk_mul_size(d->n, d->dim[i], &d->n)) return false;
    return d->dim[0] % block == 0 && sk_mul_size(d->n / block, size, &d->bytes) &&
           d->bytes <= SIZE_MAX - ALIGN;
}

/* Declares a tensor; its data stays NULL. */
void eng_gguf_add_shape(eng_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const uint64_t *dim)
{
    eng_gguf_declared d = {.type = type, .n_dims = n_dims, .dim = {1, 1, 1, 1}};
    for (unsigned i = 0; i < n_dims && i < 4; i++)
        d.dim[i] = dim[i];
    if (w->begun)
        eng_gguf_writer_fail(w, "a tensor declared after the first tensor's data", name);
    else if (!*name || strlen(name) > TENSOR_NAME_MAX)
        eng_gguf_writer_fail(w, "a tensor's name has 1 to 63 bytes", name);
    else if (!eng_gguf_writer_name(w, 't', name, strlen(name)))
        eng_gguf_writer_fail(w, "the tensor is declared twice", name);
    else if (!measure(&d))
        eng_gguf_writer_fail(w, "no possible type and shape", name);
    if (w->st) return;
    d.name = w->names.len - strlen(name) - 1;
    sk_buf_add(&w->tensors, &d, sizeof d);
    w->n_tensors++;
}

/* Declares a tensor: [rows, cols], or [cols] when it is a vector (rows is 1 then). */
void eng_gguf_add_tensor(eng_gguf_writer *w, const char *name, eng_dtype t, size_t rows,
                         size_t cols, bool is_vector)
{
    const uint64_t dim[2] = {cols, rows};
    if (is_vector && rows != 1) eng_gguf_writer_fail(w, "a vector has one row", name);
    eng_gguf_add_shape(w, name, (uint32_t)t, is_vector ? 1 : 2, dim);
}

/* Writes zeros up to the next multiple of ALIGN. */
static sk_status pad(eng_gguf_writer *w, sk_err *e)
{
    static const char zeros[ALIGN];
    size_t over = (size_t)(sk_outfile_pos(w->f) % ALIGN);
    return over ? sk_outfile_write(w->f, zeros, ALIGN - over, e) : SK_OK;
}

/* The table of tensors as it stands in the file. */
static void add_table(const eng_gguf_writer *w, sk_buf *out)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        eng_gguf_declared d = eng_gguf_writer_tensor(w, i);
        const char *name = w->names.p + d.name;
        uint64_t n = strlen(name);
        sk_buf_add(out, &n, sizeof n);
        sk_buf_add(out, name, n);
        sk_buf_add(out, &d.n_dims, sizeof d.n_dims);
        sk_buf_add(out, d.dim, d.n_dims * sizeof d.dim[0]);
        sk_buf_add(out, &d.type, sizeof d.type);
        sk_buf_add(out, &offset, sizeof offset);
        offset += (d.bytes + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
    }
}

/* Writes all that comes before the data: header, keys, table, padding. */
static sk_status begin_data(eng_gguf_writer *w, sk_err *e)
{
    eng_gguf_put_u32(w, "general.alignment", ALIGN);
    sk_status st = eng_gguf_writer_check(w, e);
    if (st) return st;
    const struct {
        char magic[4];
        uint32_t version;
        uint64_t n_tensors, n_keys;
    } head = {{'G', 'G', 'U', 'F'}, VERSION, w->n_tensors, w->n_keys};
    sk_buf table = SK_BUF_INIT;
    add_table(w, &table);
    w->begun = true;
    if (!sk_buf_ok(&table)) st = sk_fail(e, SK_E_NOMEM, "no memory for the table of the file");
    if (!st) st = sk_outfile_write(w->f, &head, sizeof head, e);
    if (!st) st = sk_outfile_write(w->f, w->keys.p, w->keys.len, e);
    if (!st && table.len) st = sk_outfile_write(w->f, table.p, table.len, e);
    if (!st && table.len) st = pad(w, e);
    sk_buf_fini(&table);
    return w->st = st;
}

/* Begins the data if that was not done, and finds the tensor that is next. */
static sk_status next_tensor(eng_gguf_writer *w, eng_gguf_declared *d, sk_err *e)
{
    assert(w->f);
    sk_status st = w->begun ? SK_OK : begin_data(w, e);
    if (st) return st;
    if (w->n_written == w->n_tensors)
        return w->st = sk_fail(e, SK_E_INTERNAL, "more data than tensors were declared");
    *d = eng_gguf_writer_tensor(w, w->n_written);
    return SK_OK;
}

/* The next n bytes of the tensor that is next; pads when it is whole. */
static sk_status write_part(eng_gguf_writer *w, const eng_gguf_declared *d, const void *p, size_t n,
                            sk_err *e)
{
    assert(w->n_part < d->bytes && w->n_written < w->n_tensors);
    if (n > d->bytes - w->n_part)
        return sk_fail(e, SK_E_INTERNAL, "more data than the tensor %s takes",
                       w->names.p + d->name);
    sk_status st = sk_outfile_write(w->f, p, n, e);
    if (st) return st;
    w->n_part += n;
    if (w->n_part < d->bytes) return SK_OK;
    w->n_part = 0;
    w->n_written++;
    return pad(w, e);
}

/* Bytes in the tensor's own type. */
sk_status eng_gguf_write_raw(eng_gguf_writer *w, const void *data, size_t n, sk_err *e)
{
    eng_gguf_declared d;
    sk_status st = next_tensor(w, &d, e);
    if (st) return st;
    return w->st = write_part(w, &d, data, n, e);
}

/* Data of the next declared tensor, given as float; converted in chunks that stay in the cache
 * (they are whole numbers of blocks). */
sk_status eng_gguf_write_f32(eng_gguf_writer *w, const float *data, sk_err *e)
{
    eng_gguf_declared d;
    uint16_t packed[CHUNK];
    sk_status st = next_tensor(w, &d, e);
    if (st) return st;
    eng_dtype t = (eng_dtype)d.type;
    if (t == ENG_F32) return w->st = write_part(w, &d, data, d.bytes, e);
    if (!eng_dtype_block(t))
        return w->st = sk_fail(e, SK_E_INTERNAL, "%s: floats can't be made into %s",
                               w->names.p + d.name, eng_gguf_type_name(d.type));
    for (size_t i = 0; i < d.n && !st; i += CHUNK) {
        size_t k = d.n - i < CHUNK ? d.n - i : CHUNK;
        assert(eng_dtype_bytes(t, k) <= sizeof packed);
        eng_quant_pack(t, data + i, packed, 1, k, NULL);
        st = write_part(w, &d, packed, eng_dtype_bytes(t, k), e);
    }
    return w->st = st;
}

/* Checks that all is written and puts the file in place. */
sk_status eng_gguf_commit(eng_gguf_writer *w, sk_err *e)
{
    assert(w->f);
    sk_status st = w->st;
    if (st && w->begun)
        sk_fail(e, st, "a tensor could not be written");
    else if (!w->begun)
        st = begin_data(w, e);
    if (!st && w->n_written != w->n_tensors)
        st = sk_fail(e, SK_E_INTERNAL, "%zu tensors declared, %zu written", w->n_tensors,
                     w->n_written);
    sk_outfile *f = w->f;
    eng_gguf_writer_free(w);
    if (!st) return sk_outfile_commit(f, e);
    sk_outfile_abort(f);
    return st;
}

/* Gives the file up: what stood at its path stays.  NULL is allowed. */
void eng_gguf_abort(eng_gguf_writer *w)
{
    if (!w) return;
    sk_outfile_abort(w->f);
    eng_gguf_writer_free(w);
}
