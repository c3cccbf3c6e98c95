/* stream.c - shards in a row. */
#include "engine/data/stream.h"

#include "base/crc.h"
#include "base/mem.h"
#include "engine/data/manifest.h"

#include <assert.h>
#include <string.h>

/* True when path is a folder with a manifest. */
bool eng_stream_is_folder(const char *path)
{
    char file[ENG_DATA_PATH];
    return strlen(path) + 16 < ENG_DATA_PATH &&
           sk_file_exists(eng_data_path(path, ENG_MANIFEST_FILE, file));
}

/* NULL is allowed. */
void eng_stream_close(eng_stream *s)
{
    if (!s) return;
    for (size_t i = 0; s->shard && i < s->n; i++)
        eng_shard_close(&s->shard[i]);
    sk_free(s->shard);
    sk_free(s->first);
    sk_free(s->name);
    sk_free(s);
}

/* Holds an open shard against its row in the manifest and the shards before it. */
static sk_status compare(const eng_stream *s, size_t i, const eng_manifest_split *m,
                         const char *path, sk_err *e)
{
    const eng_shard *h = &s->shard[i];
    const eng_shard_sum *sum = &m->shard[i].sum;
    if (memcmp(h->spec.tokenizer, m->tokenizer, SK_SHA256_BYTES) != 0)
        return sk_fail(e, SK_E_INVALID, "%s was made with another tokenizer than its manifest says",
                       path);
    if (h->n_tokens != sum->n_tokens || h->n_docs != sum->n_docs || h->map.len != sum->bytes ||
        memcmp(&h->spec, &s->shard[0].spec, sizeof h->spec) != 0)
        return sk_fail(e, SK_E_INVALID,
                       "%s is not the shard that the manifest lists: build the "
                       "data set anew",
                       path);
    return SK_OK;
}

/* Opens shard i and reads it through once. */
static sk_status open_shard(eng_stream *s, size_t i, const char *dir, const eng_manifest_split *m,
                            sk_err *e)
{
    char path[ENG_DATA_PATH];
    eng_shard *h = &s->shard[i];
    sk_status st = eng_shard_open(eng_data_path(dir, m->shard[i].name, path), h, e);
    if (!st) st = compare(s, i, m, path, e);
    if (!st) st = eng_shard_check(h, path, e);
    if (st) return st;
    sk_map_rest(h->map.p, h->map.len);
    s->first[i] = s->n_tokens;
    memcpy(s->name[i], m->shard[i].name, sizeof s->name[i]);
    s->n_tokens += h->n_tokens;
    s->n_docs += h->n_docs;
    s->crc = sk_crc32c(s->crc, &h->n_tokens, sizeof h->n_tokens);
    s->crc = sk_crc32c(s->crc, &h->crc, sizeof h->crc);
    return SK_OK;
}

/* All shards of a split that has some. */
static sk_status open_all(const char *dir, const eng_manifest_split *m, eng_stream **out, sk_err *e)
{
    eng_stream *s = sk_calloc(SK_MEM_TRAIN, 1, sizeof *s);
    if (s) {
        s->shard = sk_calloc(SK_MEM_TRAIN, m->n, sizeof *s->shard);
        s->first = sk_calloc(SK_MEM_TRAIN, m->n + 1, sizeof *s->first);
        s->name = sk_calloc(SK_MEM_TRAIN, m->n, sizeof *s->name);
        s->n = m->n;
    }
    sk_status st = s && s->shard && s->first && s->name
                       ? SK_OK
                       : sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu shards", m->n);
    for (size_t i = 0; !st && i < m->n; i++)
        st = open_shard(s, i, dir, m, e);
    if (st) {
        eng_stream_close(s);
        return st;
    }
    s->first[m->n] = s->n_tokens++; /* the separator behind the last document */
    s->spec = s->shard[0].spec;
    *out = s;
    return SK_OK;
}

/* The manifest, then the shards. */
sk_status eng_stream_open(const char *dir, const char *split, eng_stream **out, sk_err *e)
{
    eng_manifest_split m;
    eng_stream *s = NULL;
    if (!eng_stream_is_folder(dir))
        return sk_fail(e, SK_E_NOTFOUND, "%s holds no finished data set (%s)", dir,
                       ENG_MANIFEST_FILE);
    sk_status st = eng_manifest_read(dir, split, &m, e);
    if (st) return st;
    if (m.n) st = open_all(dir, &m, &s, e);
    sk_free(m.shard);
    if (!st) *out = s;
    return st;
}

/* The shard that holds token `at`: the last that begins at or before it. */
static size_t find(const eng_stream *s, uint64_t at)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->first[mid + 1] <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Tokens of the stream, over the borders of shards. */
void eng_stream_read(const eng_stream *s, uint64_t at, size_t n, int32_t *out)
{
    assert(at <= s->n_tokens && n <= s->n_tokens - at);
    for (size_t i = find(s, at); n > 0; i++) {
        if (i == s->n) {
            *out = s->spec.separator;
            return;
        }
        uint64_t here = at - s->first[i], left = s->shard[i].n_tokens - here;
        size_t k = left < n ? (size_t)left : n;
        eng_shard_read(&s->shard[i], here, k, out);
        at += k;
        out += k;
        n -= k;
    }
}
