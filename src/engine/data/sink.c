/* sink.c - shards in a row. */
#include "engine/data/sink.h"

#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

/* A table of documents is kept in memory until its shard is written. */
#define MAX_DOCS ((uint64_t)4 << 20)

/* dir/name. */
const char *eng_data_path(const char *dir, const char *name, char b[ENG_DATA_PATH])
{
    (void)snprintf(b, ENG_DATA_PATH, "%s/%s", dir, name);
    return b;
}

/* Finishes the shard being written, if there is one. */
static sk_status finish_shard(eng_sink *s, sk_err *e)
{
    eng_shard_sum sum;
    if (!s->w) return SK_OK;
    sk_status st = eng_shard_commit(s->w, &sum, e);
    s->w = NULL;
    if (!st) s->shard[s->n++].sum = sum;
    return st;
}

/* Begins the next one. */
static sk_status begin_shard(eng_sink *s, sk_err *e)
{
    char path[ENG_DATA_PATH];
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        void *p = sk_realloc(SK_MEM_MISC, s->shard, cap * sizeof *s->shard);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for the list of shards");
        s->shard = p;
        s->cap = cap;
    }
    (void)snprintf(s->shard[s->n].name, ENG_SHARD_NAME, "%s-%05zu.tok", s->prefix, s->n);
    return eng_shard_create(eng_data_path(s->dir, s->shard[s->n].name, path), s->spec, &s->w, e);
}

/* Appends a document. */
sk_status eng_sink_add(eng_sink *s, const int32_t *id, size_t n, uint64_t bytes, sk_err *e)
{
    sk_status st = s->w ? SK_OK : begin_shard(s, e);
    if (!st) st = eng_shard_add(s->w, id, n, e);
    if (st) return st;
    s->n_tokens += n + 1;
    s->n_docs++;
    s->n_bytes += bytes;
    bool full = eng_shard_tokens(s->w) >= s->limit || eng_shard_docs(s->w) >= MAX_DOCS;
    return full ? finish_shard(s, e) : SK_OK;
}

/* Finishes the last shard. */
sk_status eng_sink_end(eng_sink *s, sk_err *e)
{
    return finish_shard(s, e);
}

/* Removes the files it made. */
void eng_sink_remove(const eng_sink *s)
{
    char path[ENG_DATA_PATH];
    for (size_t i = 0; i < s->n; i++)
        (void)unlink(eng_data_path(s->dir, s->shard[i].name, path));
}

/* Drops what is not finished. */
void eng_sink_fini(eng_sink *s)
{
    eng_shard_abort(s->w);
    sk_free(s->shard);
    *s = (eng_sink){.n = 0};
}
