/* bpe_count.c - parts of a text to tasks, tasks to tables, tables to sums. */
#include "engine/token/bpe_count.h"

#include "base/mem.h"
#include "engine/token/document.h"

#include <assert.h>
#include <string.h>

#define TASK_BYTES ((size_t)256 << 10)

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to count words");
}

sk_status eng_counter_init(eng_counter *c, eng_pretok *pt, sk_pool *pool, uint64_t memory,
                           sk_err *e)
{
    *c = (eng_counter){.pt = pt, .pool = pool, .memory = memory, .n_workers = 1};
    if (pool) c->n_workers = sk_pool_size(pool);
    c->own = sk_calloc(SK_MEM_TOKEN, c->n_workers, sizeof *c->own);
    return c->own ? SK_OK : no_memory(e);
}

void eng_counter_fini(eng_counter *c)
{
    for (size_t s = 0; s < ENG_COUNT_SHARDS; s++) {
        eng_words_fini(&c->sum[s]);
        for (size_t w = 0; c->own && w < c->n_workers; w++)
            eng_words_fini(&c->own[w][s]);
    }
    sk_free(c->own);
    *c = (eng_counter){.n_workers = 0};
}

/* ---- where a part is cut ---- */

/* Where a document that fills the part from its beginning, and goes on behind it, is cut when no
 * place is harmless: behind a line feed near the end, so that a separator that begins there is
 * still found; else before the last character that can't be taken for the beginning of one. */
static size_t forced_cut(const char *text, size_t n)
{
    enum { NEAR = 16 };
    for (size_t i = n; i > 0 && n - i < NEAR; i--)
        if (text[i - 1] == '\n') return i;
    for (size_t i = n; i-- > 1 && n - i <= NEAR;)
        if (((unsigned char)text[i] & 0xc0) != 0x80 && text[i] != '<') return i;
    return n;
}

/* The end of what can be counted of text[0..n), where more comes behind: the last document goes on
 * there, perhaps, and is cut or left for the next part. */
static size_t part_end(const eng_counter *c, const char *text, size_t n, bool *inside)
{
    size_t start = eng_document_last(text, n);
    size_t cut = eng_pretok_cut_before(c->pt, text + start, n - start);
    *inside = cut || !start;
    if (cut) return start + cut;
    return start ? start : forced_cut(text, n);
}

/* ---- counting ---- */

typedef struct task {
    const char *p;
    size_t n; /* a document or a part of one, or several documents */
} task;

typedef struct job {
    eng_counter *c;
    task *task;
    size_t n, cap;
    sk_err *err; /* [n_workers]: each worker's first error */
} job;

/* One piece, in parts if it is long; no part ends inside a character. */
static sk_status count_piece(void *arg, const char *p, size_t n)
{
    eng_words *own = arg;
    while (n) {
        size_t k = n;
        if (k > ENG_WORD_MAX) {
            k = ENG_WORD_MAX;
            while (k > ENG_WORD_MAX - 4 && ((unsigned char)p[k] & 0xc0) == 0x80)
                k--;
        }
        uint32_t hash = eng_word_hash(p, k);
        if (!eng_words_add(&own[hash >> 28], p, k, hash, 1)) return SK_E_NOMEM;
        p += k;
        n -= k;
    }
    return SK_OK;
}

/* The documents of one task. */
static void count_task(void *arg, size_t number, size_t worker)
{
    const job *j = arg;
    const task *t = &j->task[number];
    sk_err *e = &j->err[worker];
    const char *doc;
    size_t at = 0, len;
    while (!e->status && eng_document_next(t->p, t->n, &at, &doc, &len)) {
        sk_status st = eng_pretok_split(j->c->pt, doc, len, count_piece, j->c->own[worker], e);
        if (st && !e->status) (void)no_memory(e);
    }
}

/* Appends a task; false without memory. */
static bool push(job *j, const char *p, size_t n)
{
    if (j->n == j->cap) {
        size_t cap = j->cap ? 2 * j->cap : 64;
        task *t = sk_realloc(SK_MEM_TOKEN, j->task, cap * sizeof *t);
        if (!t) return false;
        j->task = t;
        j->cap = cap;
    }
    j->task[j->n++] = (task){p, n};
    return true;
}

/* Cuts a part into tasks of TASK_BYTES and more: several documents, or a stretch of a long one.
 * False without memory. */
static bool cut_tasks(job *j, const char *text, size_t n)
{
    size_t at = 0, from = 0, len;
    const char *doc;
    while (eng_document_next(text, n, &at, &doc, &len)) {
        j->c->documents += !(j->c->inside && doc == text);
        for (size_t end; at - from >= TASK_BYTES; from = end) {
            size_t start = (size_t)(doc - text), stop = start + len;
            size_t want = from + TASK_BYTES > start ? from + TASK_BYTES - start : 0;
            end = want < len ? start + eng_pretok_cut_after(j->c->pt, doc, len, want) : stop;
            if (end >= stop) end = at;
            if (!push(j, text + from, end - from)) return false;
        }
    }
    return from == n || push(j, text + from, n - from);
}

/* Adds one shard of every worker to its sum, in the order of the workers. */
static void add_shard(void *arg, size_t shard, size_t worker)
{
    const job *j = arg;
    eng_counter *c = j->c;
    bool ok = true;
    for (size_t w = 0; ok && w < c->n_workers; w++) {
        eng_words *own = &c->own[w][shard];
        for (size_t k = 0; ok && k < own->n; k++) {
            const eng_word *v = &own->word[k];
            ok = eng_words_add(&c->sum[shard], own->bytes.p + v->at, v->n, v->hash, v->count);
        }
        eng_words_clear(own);
    }
    if (!ok && !j->err[worker].status) (void)no_memory(&j->err[worker]);
}

/* Runs tasks on the pool, or here; the first worker's error is the job's. */
static sk_status run_job(job *j, size_t n_tasks, sk_task_fn fn, sk_err *e)
{
    if (j->c->pool)
        sk_pool_run(j->c->pool, n_tasks, fn, j);
    else
        for (size_t i = 0; i < n_tasks; i++)
            fn(j, i, 0);
    for (size_t w = 0; w < j->c->n_workers; w++)
        if (j->err[w].status) return sk_fail(e, j->err[w].status, "%s", j->err[w].text);
    return SK_OK;
}

/* ---- memory ---- */

/* A word's entry and slots, its list of symbols; for each byte the byte, a symbol and a place in a
 * list of words; tables that double take up to twice what is in them. */
uint64_t eng_words_memory(uint64_t words, uint64_t bytes)
{
    return 64 * words + 20 * bytes;
}

/* What the words take by now. */
static uint64_t taken(const eng_counter *c)
{
    uint64_t words = 0, bytes = 0;
    for (size_t s = 0; s < ENG_COUNT_SHARDS; s++) {
        words += c->sum[s].n;
        bytes += c->sum[s].bytes.len;
    }
    return eng_words_memory(words, bytes);
}

/* The smallest k for which the words counted more than k times take at most half the memory. */
static uint64_t rare_count(const eng_counter *c)
{
    enum { MOST = 4096 };
    uint64_t take[MOST] = {0}, left = taken(c);
    for (size_t s = 0; s < ENG_COUNT_SHARDS; s++)
        for (size_t i = 0; i < c->sum[s].n; i++) {
            const eng_word *v = &c->sum[s].word[i];
            if (v->count < MOST) take[v->count] += eng_words_memory(1, v->n);
        }
    uint64_t k = 0;
    while (k + 1 < MOST && left > c->memory / 2)
        left -= take[++k];
    return k;
}

/* Drops rare words when there is no room for all. */
static sk_status make_room(eng_counter *c, sk_err *e)
{
    if (taken(c) <= c->memory) return SK_OK;
    uint64_t most = rare_count(c);
    for (size_t s = 0; s < ENG_COUNT_SHARDS; s++) {
        eng_words *w = &c->sum[s];
        size_t before = w->n;
        for (size_t i = 0; i < w->n; i++)
            if (w->word[i].count <= most) c->dropped_sum += w->word[i].count;
        if (!eng_words_drop(w, most)) return no_memory(e);
        c->dropped_words += before - w->n;
    }
    return SK_OK;
}

/* ---- the whole ---- */

sk_status eng_counter_add(eng_counter *c, const char *text, size_t n, bool last, size_t *used,
                          sk_err *e)
{
    assert(n > 0);
    bool inside = false;
    size_t end = last ? n : part_end(c, text, n, &inside);
    job j = {.c = c, .err = sk_calloc(SK_MEM_TOKEN, c->n_workers, sizeof *j.err)};
    bool ok = j.err && cut_tasks(&j, text, end);
    sk_status st = ok ? run_job(&j, j.n, count_task, e) : no_memory(e);
    if (!st) st = run_job(&j, ENG_COUNT_SHARDS, add_shard, e);
    if (!st) st = make_room(c, e);
    sk_free(j.task);
    sk_free(j.err);
    if (st) return st;
    c->bytes += end;
    c->inside = inside;
    *used = end;
    return SK_OK;
}

sk_status eng_counter_take(eng_counter *c, eng_words *out, sk_err *e)
{
    eng_words all = {.bytes = SK_BUF_INIT};
    for (size_t s = 0; s < ENG_COUNT_SHARDS; s++) {
        eng_words *w = &c->sum[s];
        for (size_t i = 0; i < w->n; i++) {
            const eng_word *v = &w->word[i];
            if (eng_words_add(&all, w->bytes.p + v->at, v->n, v->hash, v->count)) continue;
            eng_words_fini(&all);
            return no_memory(e);
        }
        eng_words_fini(w);
    }
    *out = all;
    return SK_OK;
}
