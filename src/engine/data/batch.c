/* batch.c - the three steps of a batch, each cut into tasks by the bytes of its documents. */
#include "engine/data/batch.h"

#include "base/mem.h"
#include "engine/data/clean.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TASK_BYTES ((size_t)128 << 10)

/* A run of documents [from, to) that one worker encodes. */
struct eng_batch_task {
    size_t from, to;
    eng_ids ids;
    sk_err err;
};

/* What the workers are given. */
typedef struct job {
    eng_batch *b;
    const char *field;
    const eng_vocab *v;
    bool sketch;
} job;

/* Frees what the documents own. */
static void drop_documents(eng_batch *b)
{
    for (size_t i = 0; i < b->n_raw; i++)
        sk_buf_fini(&b->raw[i].made);
    for (size_t i = 0; i < b->n_tasks; i++)
        eng_ids_fini(&b->task[i].ids);
    sk_free(b->task);
    b->task = NULL;
    b->n_tasks = b->n_raw = b->n_docs = 0;
}

/* Forgets the documents. */
void eng_batch_reset(eng_batch *b)
{
    drop_documents(b);
    sk_buf_reset(&b->bytes);
}

/* Frees all. */
void eng_batch_fini(eng_batch *b)
{
    drop_documents(b);
    sk_buf_fini(&b->bytes);
    sk_free(b->raw);
    sk_free(b->doc);
    *b = (eng_batch){.n_raw = 0};
}

/* Room for one more of `size` bytes in the array *p; false without memory. */
static bool room(void **p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return true;
    size_t want = *cap ? 2 * *cap : 256;
    void *q = sk_realloc(SK_MEM_MISC, *p, want * size);
    if (!q) return false;
    *p = q;
    *cap = want;
    return true;
}

/* True when no more should be read into it. */
bool eng_batch_full(const eng_batch *b)
{
    return b->bytes.len >= ENG_BATCH_BYTES || b->n_raw >= ENG_BATCH_DOCS;
}

/* Takes documents from r. */
sk_status eng_batch_read(eng_batch *b, eng_reader *r, size_t file, size_t source, bool *ended,
                         sk_err *e)
{
    *ended = false;
    while (!eng_batch_full(b)) {
        eng_raw raw;
        sk_status st = eng_reader_next(r, &b->bytes, &raw, e);
        if (st) return st;
        if (raw.kind == ENG_RAW_END) {
            *ended = true;
            break;
        }
        void *list = b->raw;
        if (!room(&list, b->n_raw, &b->raw_cap, sizeof *b->raw))
            return sk_fail(e, SK_E_NOMEM, "no memory for a batch of documents");
        b->raw = list;
        b->raw[b->n_raw++] = (eng_batch_raw){.raw = raw, .file = file, .source = source};
    }
    return SK_OK;
}

/* ---- cleaning ---- */

/* The text of a line of JSONL.  Bytes that are no UTF-8 are mended before it is parsed: a string
 * with such bytes is no JSON. */
static void clean_line(eng_batch_raw *r, const char *line, const char *field)
{
    sk_err why = SK_ERR_INIT;
    sk_buf fixed = SK_BUF_INIT;
    r->mended = eng_clean_utf8(line, r->raw.n, &fixed);
    if (!sk_buf_ok(&fixed))
        r->st = SK_E_NOMEM;
    else
        r->st = eng_clean_json(r->mended ? fixed.p : line, r->mended ? fixed.len : r->raw.n, field,
                               &r->made, &why);
    (void)snprintf(r->why, sizeof r->why, "%s", why.text);
    sk_buf_fini(&fixed);
}

/* One raw document. */
static void clean_one(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const job *j = arg;
    eng_batch_raw *r = &j->b->raw[task];
    assert(r->raw.at <= j->b->bytes.len && r->raw.n <= j->b->bytes.len - r->raw.at);
    const char *p = j->b->bytes.p + r->raw.at;
    if (r->raw.kind == ENG_RAW_TEXT) {
        r->mended = eng_clean_utf8(p, r->raw.n, &r->made);
        if (!sk_buf_ok(&r->made)) r->st = SK_E_NOMEM;
    } else if (r->raw.kind == ENG_RAW_JSON) {
        clean_line(r, p, j->field);
    } else {
        r->st = SK_E_FORMAT;
        (void)snprintf(r->why, sizeof r->why, "longer than %zu MiB", ENG_READER_LINE >> 20);
    }
}

/* Adds the parts of one raw document. */
static sk_status add_parts(eng_batch *b, const eng_batch_raw *r, size_t max_doc, sk_err *e)
{
    bool own = r->raw.kind == ENG_RAW_TEXT && !r->mended;
    const char *p = own ? b->bytes.p + r->raw.at : r->made.p;
    size_t n = own ? r->raw.n : r->made.len;
    for (size_t at = 0, k; at < n; at += k) {
        void *list = b->doc;
        if (!room(&list, b->n_docs, &b->doc_cap, sizeof *b->doc))
            return sk_fail(e, SK_E_NOMEM, "no memory for a batch of documents");
        b->doc = list;
        k = eng_clean_cut(p + at, n - at, max_doc);
        assert(k && k <= n - at);
        eng_batch_doc *d = &b->doc[b->n_docs++];
        memset(d, 0, sizeof *d);
        d->text = p + at;
        d->n = k;
        d->source = r->source;
        d->first = at == 0 && !b->cut;
        d->keep = true;
    }
    return SK_OK;
}

/* Hash and sketch of one document. */
static void hash_one(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const job *j = arg;
    eng_batch_doc *d = &j->b->doc[task];
    sk_sha256_of(d->text, d->n, d->hash);
    if (j->sketch) eng_sketch_make(d->text, d->n, &d->sketch);
}

/* Parse and mend, cut, hash. */
sk_status eng_batch_clean(eng_batch *b, sk_pool *pool, const char *field, size_t max_doc,
                          bool sketch, sk_err *e)
{
    job j = {.b = b, .field = field, .sketch = sketch};
    sk_pool_run(pool, b->n_raw, clean_one, &j);
    for (size_t i = 0; i < b->n_raw; i++) {
        eng_batch_raw *r = &b->raw[i];
        if (r->st == SK_E_NOMEM) return sk_fail(e, r->st, "no memory for a batch of documents");
        sk_status st = r->st ? SK_OK : add_parts(b, r, max_doc, e);
        if (st) return st;
        b->cut = r->raw.cut;
    }
    sk_pool_run(pool, b->n_docs, hash_one, &j);
    return SK_OK;
}

/* ---- encoding ---- */

/* The documents of one task; where each one's tokens begin is known when all are there. */
static void encode_one(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const job *j = arg;
    eng_batch_task *t = &j->b->task[task];
    for (size_t i = t->from; i < t->to && !t->err.status; i++) {
        eng_batch_doc *d = &j->b->doc[i];
        size_t before = t->ids.n;
        if (d->keep) (void)eng_vocab_encode(j->v, d->text, d->n, 0, &t->ids, &t->err);
        d->n_ids = t->ids.n - before;
    }
    const int32_t *id = t->ids.id;
    for (size_t i = t->from; i < t->to; i++) {
        j->b->doc[i].id = id;
        if (id) id += j->b->doc[i].n_ids;
    }
    assert(!id || id == t->ids.id + t->ids.n); /* every token is of one document */
}

/* Cuts the documents into tasks. */
static bool cut_tasks(eng_batch *b)
{
    size_t bytes = 0, from = 0;
    for (size_t i = 0; i < b->n_docs; i++)
        bytes += b->doc[i].n;
    const size_t most = bytes / TASK_BYTES + 1; /* each task but the last is full */
    b->task = sk_calloc(SK_MEM_MISC, most, sizeof *b->task);
    if (!b->task) return false;
    bytes = 0;
    for (size_t i = 0; i < b->n_docs; i++) {
        bytes += b->doc[i].n;
        if (bytes < TASK_BYTES && i + 1 < b->n_docs) continue;
        assert(b->n_tasks < most);
        b->task[b->n_tasks++] = (eng_batch_task){.from = from, .to = i + 1};
        from = i + 1;
        bytes = 0;
    }
    assert(from == b->n_docs);
    return true;
}

/* Tokens of all documents to be kept; the first task that failed decides the error. */
sk_status eng_batch_encode(eng_batch *b, sk_pool *pool, const eng_vocab *v, sk_err *e)
{
    job j = {.b = b, .v = v};
    assert(!b->task);
    if (!cut_tasks(b)) return sk_fail(e, SK_E_NOMEM, "no memory to encode the text");
    sk_pool_run(pool, b->n_tasks, encode_one, &j);
    for (size_t i = 0; i < b->n_tasks; i++)
        if (b->task[i].err.status)
            return sk_fail(e, b->task[i].err.status, "%s", b->task[i].err.text);
    return SK_OK;
}
