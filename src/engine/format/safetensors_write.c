/* safetensors_write.c - writing a safetensors file: the header first, from what is declared, then
 * the data in the same order. */
#include "engine/format/safetensors.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"

#include <assert.h>
#include <string.h>

/* The data begins at a multiple of this; the header is filled up with spaces. */
enum { ALIGN = 64, LENGTH_BYTES = 8 };

struct eng_st_writer {
    sk_outfile *f;
    uint64_t end; /* size the file must have */
};

/* Bytes of a declared tensor. */
static uint64_t decl_bytes(const eng_st_decl *d)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < d->n_dims; i++)
        n *= d->dim[i];
    return n * (d->type == ENG_F32 ? 4 : 2);
}

/* One entry of the header: "name":{...}, with its data at *at, which moves past it. */
static void add_entry(sk_buf *b, const eng_st_decl *d, uint64_t *at)
{
    assert(d->type == ENG_F32 || d->type == ENG_F16 || d->type == ENG_BF16);
    sk_json_add_str(b, d->name, strlen(d->name));
    sk_buf_addf(b, ":{\"dtype\":\"%s\",\"shape\":[", eng_dtype_name(d->type));
    for (uint32_t i = 0; i < d->n_dims; i++)
        sk_buf_addf(b, "%s%llu", i ? "," : "", (unsigned long long)d->dim[i]);
    uint64_t end = *at + decl_bytes(d);
    sk_buf_addf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*at,
                (unsigned long long)end);
    *at = end;
}

/* The header with its length in front. */
static void add_header(sk_buf *b, const eng_st_decl *decl, size_t n, uint64_t *data_bytes)
{
    const char zeros[LENGTH_BYTES] = {0};
    sk_buf_add(b, zeros, LENGTH_BYTES);
    sk_buf_adds(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    *data_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        sk_buf_addc(b, ',');
        add_entry(b, &decl[i], data_bytes);
    }
    sk_buf_addc(b, '}');
    while (sk_buf_ok(b) && b->len % ALIGN)
        sk_buf_addc(b, ' ');
    if (!sk_buf_ok(b)) return;
    uint64_t len = b->len - LENGTH_BYTES;
    memcpy(b->p, &len, LENGTH_BYTES);
}

/* The header holds every offset, so all shapes must be known before the first tensor is. */
sk_status eng_st_create(const char *path, const eng_st_decl *decl, size_t n, eng_st_writer **out,
                        sk_err *e)
{
    uint64_t data_bytes = 0;
    sk_buf head = SK_BUF_INIT;
    add_header(&head, decl, n, &data_bytes);
    eng_st_writer *w = sk_calloc(SK_MEM_MISC, 1, sizeof *w);
    sk_status st =
        w && sk_buf_ok(&head) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    if (!st) st = sk_outfile_open(path, &w->f, e);
    if (!st) {
        w->end = head.len + data_bytes;
        st = sk_outfile_write(w->f, head.p, head.len, e);
    }
    sk_buf_fini(&head);
    if (st) {
        eng_st_abort(w);
        return st;
    }
    *out = w;
    return SK_OK;
}

sk_status eng_st_write(eng_st_writer *w, const void *p, size_t n, sk_err *e)
{
    return sk_outfile_write(w->f, p, n, e);
}

sk_status eng_st_commit(eng_st_writer *w, sk_err *e)
{
    uint64_t pos = sk_outfile_pos(w->f), end = w->end;
    if (pos != end) {
        eng_st_abort(w);
        return sk_fail(e, SK_E_INTERNAL, "%llu bytes written where %llu were declared",
                       (unsigned long long)pos, (unsigned long long)end);
    }
    sk_outfile *f = w->f;
    sk_free(w);
    return sk_outfile_commit(f, e);
}

void eng_st_abort(eng_st_writer *w)
{
    if (!w) return;
    sk_outfile_abort(w->f);
    sk_free(w);
}
