/* origin.c - from rows back to documents. */
#include "engine/train/origin.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/token/document.h"
#include "engine/train/dataset.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

eng_origin *eng_origin_new(const char *const *file)
{
    eng_origin *o = sk_calloc(SK_MEM_TRAIN, 1, sizeof *o);
    if (o) o->file = file;
    return o;
}

void eng_origin_free(eng_origin *o)
{
    if (!o) return;
    sk_free(o->doc);
    sk_free(o);
}

bool eng_origin_add(eng_origin *o, const eng_origin_doc *d)
{
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 256;
        eng_origin_doc *doc = sk_realloc(SK_MEM_TRAIN, o->doc, cap * sizeof *doc);
        if (!doc) return false;
        o->doc = doc;
        o->cap = cap;
    }
    o->doc[o->n++] = *d;
    return true;
}

static int by_token(const void *a, const void *b)
{
    const eng_origin_doc *p = a, *q = b;
    return p->token < q->token ? -1 : p->token > q->token;
}

void eng_origin_sort(eng_origin *o)
{
    if (o->n) qsort(o->doc, o->n, sizeof *o->doc, by_token);
}

/* Text and tokens are walked together: document k stands behind separator k. */
static bool walk(eng_origin *o, const size_t *start, size_t n_files, const char *text, size_t n,
                 const int32_t *id, size_t n_ids, int32_t separator)
{
    size_t at = 0, len, k = 0;
    const char *doc;
    eng_origin_doc d = {.file = 0};
    while (eng_document_next(text, n, &at, &doc, &len)) {
        size_t from = (size_t)(doc - text);
        while (k < n_ids && id[k] != separator)
            k++;
        while (d.file + 1 < n_files && start[d.file + 1] <= from) {
            d.file++;
            d.number = 0;
        }
        d.token = k++;
        d.byte = from - start[d.file];
        d.number++;
        if (!eng_origin_add(o, &d)) return false;
    }
    return true;
}

sk_status eng_origin_of_text(const char *const *file, const size_t *start, size_t n_files,
                             const char *text, size_t n, const int32_t *id, size_t n_ids,
                             int32_t separator, eng_origin **out, sk_err *e)
{
    eng_origin *o = eng_origin_new(file);
    if (!o || !walk(o, start, n_files, text, n, id, n_ids, separator)) {
        eng_origin_free(o);
        return sk_fail(e, SK_E_NOMEM, "no memory for a list of documents");
    }
    *out = o;
    return SK_OK;
}

/* ---- from a row ---- */

/* The last of the n rising numbers that is at most x; the first is. */
static size_t last_upto(const void *first, size_t n, size_t stride, uint64_t x)
{
    size_t low = 0, high = n;
    assert(n > 0);
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        uint64_t v;
        memcpy(&v, (const char *)first + mid * stride, sizeof v);
        if (v <= x)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Of a list.  The places between conversations belong to the one before. */
static size_t of_list(const eng_origin *o, uint64_t at, uint64_t end, eng_spot *out, size_t max)
{
    size_t n = 0;
    if (!o->n) return 0;
    size_t i = last_upto(&o->doc->token, o->n, sizeof *o->doc, at);
    for (; i < o->n && o->doc[i].token < end; i++, n++) {
        const eng_origin_doc *d = &o->doc[i];
        if (n >= max) continue;
        out[n] = (eng_spot){
            .file = o->file[d->file],
            .lines = d->byte == UINT64_MAX,
            .number = d->number,
            .token = d->token < at ? at - d->token : 0,
            .byte = d->byte,
        };
    }
    return n;
}

/* Of shards: each has the places of its documents. */
static size_t of_stream(const eng_stream *s, uint64_t at, uint64_t end, eng_spot *out, size_t max)
{
    size_t n = 0, i = last_upto(s->first, s->n, sizeof *s->first, at);
    for (; i < s->n && s->first[i] < end; i++) {
        const eng_shard *h = &s->shard[i];
        uint64_t here = at > s->first[i] ? at - s->first[i] : 0;
        size_t k = last_upto(h->doc, (size_t)h->n_docs, sizeof *h->doc, here);
        for (; k < h->n_docs && h->doc[k] < end - s->first[i]; k++, n++) {
            if (n >= max) continue;
            uint64_t token = h->doc[k] < here ? here - h->doc[k] : 0;
            out[n] =
                (eng_spot){.file = s->name[i], .number = k + 1, .token = token, .byte = UINT64_MAX};
        }
    }
    return n;
}

size_t eng_origin_row(const struct eng_dataset *d, size_t row, eng_spot *out, size_t max)
{
    uint64_t at = (uint64_t)row * d->n_ctx, end = at + d->n_ctx;
    if (d->stream) return of_stream(d->stream, at, end, out, max);
    return d->origin ? of_list(d->origin, at, end, out, max) : 0;
}

/* ---- telling ---- */

void eng_spot_text(const eng_spot *p, sk_buf *out)
{
    sk_buf_addf(out, "%s, %s %" PRIu64, p->file, p->lines ? "line" : "document", p->number);
    if (p->byte != UINT64_MAX) sk_buf_addf(out, " (from byte %" PRIu64 ")", p->byte);
    if (p->token) sk_buf_addf(out, ", token %" PRIu64, p->token);
}

void eng_spot_json(const eng_spot *p, sk_buf *out)
{
    sk_buf_adds(out, "{\"file\":");
    sk_json_add_str(out, p->file, strlen(p->file));
    sk_buf_addf(out, ",\"%s\":%" PRIu64, p->lines ? "line" : "document", p->number);
    if (p->byte != UINT64_MAX) sk_buf_addf(out, ",\"byte\":%" PRIu64, p->byte);
    sk_buf_addf(out, ",\"token\":%" PRIu64 "}", p->token);
}
