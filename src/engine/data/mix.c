/* mix.c - the mixture of sources. */
#include "engine/data/mix.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights ---- */

/* The source of a name, n_sources if there is none. */
static size_t source_of(const eng_data_files *f, const char *name, size_t n)
{
    size_t i = 0;
    while (i < f->n_sources && (strncmp(f->source[i], name, n) != 0 || f->source[i][n]))
        i++;
    return i;
}

/* One NAME=WEIGHT of n bytes. */
static sk_status parse_one(const char *p, size_t n, const eng_data_files *f, eng_mix_source *source,
                           sk_err *e)
{
    const char *eq = memchr(p, '=', n);
    char *end = NULL;
    double weight = eq ? strtod(eq + 1, &end) : 0;
    if (!eq || end != p + n || !(weight > 0) || !isfinite(weight))
        return sk_fail(e, SK_E_INVALID, "--mix: %.*s is not NAME=WEIGHT with a weight above 0",
                       (int)n, p);
    size_t i = source_of(f, p, (size_t)(eq - p));
    if (i == f->n_sources)
        return sk_fail(e, SK_E_INVALID, "--mix: there is no source %.*s; the first is %s",
                       (int)(eq - p), p, f->source[0]);
    if (source[i].weight > 0)
        return sk_fail(e, SK_E_INVALID, "--mix: %s has two weights", f->source[i]);
    source[i].weight = weight;
    return SK_OK;
}

/* All of them, then what is missing. */
sk_status eng_mix_parse(const char *text, const eng_data_files *f, eng_mix_source *source,
                        sk_err *e)
{
    double sum = 0;
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        sk_status st = parse_one(p, n, f, source, e);
        if (st) return st;
        p += n;
        if (!*p) break;
    }
    for (size_t i = 0; i < f->n_sources; i++) {
        if (!(source[i].weight > 0))
            return sk_fail(e, SK_E_INVALID, "--mix has no weight for the source %s", f->source[i]);
        sum += source[i].weight;
    }
    for (size_t i = 0; i < f->n_sources; i++)
        source[i].weight /= sum;
    return SK_OK;
}

/* ---- the mix ---- */

/* Where a source is. */
typedef struct cursor {
    eng_shard shard; /* open unless all zeros */
    size_t n_shard;  /* its number */
    uint64_t doc;    /* next document in it */
    uint64_t turns;  /* times gone through */
} cursor;

/* Opens the shard that holds the next document. */
static sk_status open_next(const eng_sink *part, cursor *c, sk_err *e)
{
    char path[ENG_DATA_PATH];
    if (c->shard.doc && c->doc < c->shard.n_docs) return SK_OK;
    if (c->shard.doc) c->n_shard++;
    eng_shard_close(&c->shard);
    c->doc = 0;
    if (c->n_shard == part->n) c->n_shard = 0;
    assert(c->n_shard < part->n);
    return eng_shard_open(eng_data_path(part->dir, part->shard[c->n_shard].name, path), &c->shard,
                          e);
}

/* Copies one document of the source into out. */
static sk_status copy_one(eng_mix_source *s, cursor *c, eng_sink *out, sk_err *e)
{
    sk_status st = open_next(s->part, c, e);
    if (st) return st;
    uint64_t from = c->shard.doc[c->doc] + 1, end = c->shard.doc[c->doc + 1];
    size_t n = (size_t)(end - from);
    int32_t *id = sk_alloc(SK_MEM_MISC, n * sizeof *id);
    if (!id) return sk_fail(e, SK_E_NOMEM, "no memory for a document of %zu tokens", n);
    eng_shard_read(&c->shard, from, n, id);
    st = eng_sink_add(out, id, n, 0, e);
    sk_free(id);
    s->tokens += n + 1;
    c->doc++;
    if (c->doc == c->shard.n_docs && c->n_shard + 1 == s->part->n) c->turns++;
    return st;
}

/* The source that is furthest behind. */
static size_t next_source(const eng_mix_source *s, size_t n)
{
    size_t best = 0;
    assert(n && s[0].weight > 0);
    for (size_t i = 1; i < n; i++)
        if ((double)s[i].tokens / s[i].weight < (double)s[best].tokens / s[best].weight) best = i;
    return best;
}

/* True when every source was gone through. */
static bool all_through(const cursor *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!c[i].turns) return false;
    return true;
}

/* Document by document. */
sk_status eng_mix_write(eng_mix_source *source, size_t n, uint64_t max_epochs, eng_sink *out,
                        bool (*stop)(void *arg, uint64_t tokens), void *arg, sk_err *e)
{
    cursor *c = sk_calloc(SK_MEM_MISC, n, sizeof *c);
    sk_status st = c ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory to mix %zu sources", n);
    for (size_t i = 0; !st && i < n; i++)
        if (!source[i].part->n_tokens)
            st = sk_fail(e, SK_E_INVALID, "--mix: source %zu has no text of its own to mix", i + 1);
    while (!st && !all_through(c, n)) {
        size_t i = next_source(source, n);
        if (c[i].turns >= max_epochs) break;
        st = copy_one(&source[i], &c[i], out, e);
        if (!st && stop && stop(arg, out->n_tokens)) st = sk_fail(e, SK_E_STOPPED, "stopped");
    }
    for (size_t i = 0; c && i < n; i++) {
        eng_shard_close(&c[i].shard);
        source[i].epochs = (double)source[i].tokens / (double)source[i].part->n_tokens;
        out->n_bytes += (uint64_t)llround(source[i].epochs * (double)source[i].part->n_bytes);
    }
    sk_free(c);
    return st;
}
