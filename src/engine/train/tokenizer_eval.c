/* tokenizer_eval.c - how many tokens a text takes, by file and by what the tokens consist of. */
#include "base/instream.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/token/document.h"
#include "engine/token/vocab.h"

#include <assert.h>
#include <string.h>

/* A task is whole documents of together at least so many bytes; a batch is what runs between two
 * reports. */
enum { TASK_BYTES = 256 << 10, BATCH = 32 };

typedef struct task {
    const char *p;
    size_t n;
    eng_tokenizer_eval sum;
    sk_err err;
} task;

typedef struct evaluation {
    const eng_vocab *v;
    size_t n_vocab, n_workers;
    uint8_t *kind; /* [n_vocab]: eng_token_kind */
    uint8_t *used; /* [n_workers][n_vocab]: 1 if the token occurred in this file */
    uint8_t *ever; /* [n_vocab]: in any file */
    task task[BATCH];
    size_t n;
} evaluation;

/* The kind of a token by its bytes. */
static eng_token_kind kind_of(const char *p, size_t n)
{
    bool letter = false, digit = false, sign = false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i], lower = c | 0x20;
        if (c >= 0x80) return ENG_TOKENS_BEYOND;
        letter |= lower >= 'a' && lower <= 'z';
        digit |= c >= '0' && c <= '9';
        sign |= c != ' ' && (c < '\t' || c > '\r');
    }
    return letter  ? ENG_TOKENS_WORDS
           : digit ? ENG_TOKENS_NUMBERS
           : sign  ? ENG_TOKENS_SIGNS
                   : ENG_TOKENS_SPACE;
}

/* The documents of one task. */
static void run_task(void *arg, size_t number, size_t worker)
{
    evaluation *v = arg;
    task *t = &v->task[number];
    eng_ids ids = {NULL, 0, 0};
    const char *doc;
    size_t at = 0, len;
    while (!t->err.status && eng_document_next(t->p, t->n, &at, &doc, &len)) {
        ids.n = 0;
        if (eng_vocab_encode(v->v, doc, len, 0, &ids, &t->err)) break;
        t->sum.documents++;
        t->sum.bytes += len;
        t->sum.tokens += ids.n;
        for (size_t i = 0; i < ids.n; i++) {
            size_t id = (size_t)ids.id[i], n;
            (void)eng_vocab_piece(v->v, ids.id[i], true, &n);
            assert(id < v->n_vocab);
            v->used[worker * v->n_vocab + id] = 1;
            t->sum.kind_tokens[v->kind[id]]++;
            t->sum.kind_bytes[v->kind[id]] += n;
        }
    }
    eng_ids_fini(&ids);
}

static void add(eng_tokenizer_eval *to, const eng_tokenizer_eval *s)
{
    to->bytes += s->bytes;
    to->documents += s->documents;
    to->tokens += s->tokens;
    for (size_t k = 0; k < ENG_TOKENS_KINDS; k++) {
        to->kind_tokens[k] += s->kind_tokens[k];
        to->kind_bytes[k] += s->kind_bytes[k];
    }
}

/* The next tasks of text[*at..n); false when there are none left. */
static bool cut_batch(evaluation *v, const char *text, size_t n, size_t *at)
{
    const char *doc;
    size_t len;
    for (v->n = 0; v->n < BATCH && *at < n;) {
        size_t from = *at;
        while (*at - from < TASK_BYTES && eng_document_next(text, n, at, &doc, &len)) {
        }
        v->task[v->n++] = (task){.p = text + from, .n = *at - from};
    }
    return v->n > 0;
}

/* Which tokens the file used, counted and noted for all files. */
static uint64_t count_used(evaluation *v)
{
    uint64_t used = 0;
    for (size_t id = 0; id < v->n_vocab; id++) {
        uint8_t any = 0;
        for (size_t w = 0; w < v->n_workers; w++)
            any |= v->used[w * v->n_vocab + id];
        used += any;
        v->ever[id] |= any;
    }
    memset(v->used, 0, v->n_workers * v->n_vocab);
    return used;
}

/* The whole file into b. */
static sk_status load(const char *path, sk_buf *b, sk_err *e)
{
    enum { STEP = 1 << 20 };
    sk_instream *in;
    size_t n = 1;
    sk_status st = sk_instream_open(path, NULL, &in, e);
    if (st) return st;
    while (!st && n) {
        if (!sk_buf_reserve(b, STEP))
            st = sk_fail(e, SK_E_NOMEM, "no memory to read %s", path);
        else
            st = sk_instream_read(in, b->p + b->len, STEP, &n, e);
        if (!st) b->len += n;
    }
    sk_instream_close(in);
    return st;
}

typedef struct watcher {
    bool (*progress)(void *arg, size_t file, uint64_t done, uint64_t total);
    void *arg;
} watcher;

/* One text, batch by batch. */
static sk_status run_text(evaluation *v, sk_pool *pool, const sk_buf *text, size_t file,
                          const watcher *w, eng_tokenizer_eval *row, sk_err *e)
{
    size_t at = 0;
    while (cut_batch(v, text->p, text->len, &at)) {
        sk_pool_run(pool, v->n, run_task, v);
        for (size_t i = 0; i < v->n; i++) {
            const task *t = &v->task[i];
            if (t->err.status) return sk_fail(e, t->err.status, "%s", t->err.text);
            add(row, &t->sum);
        }
        if (w->progress && !w->progress(w->arg, file, at, text->len))
            return sk_fail(e, SK_E_STOPPED, "stopped after %zu of %zu bytes", at, text->len);
    }
    row->used = count_used(v);
    return SK_OK;
}

/* The tables; SK_E_NOMEM. */
static sk_status start(evaluation *v, const eng_vocab *vocab, size_t n_workers, sk_err *e)
{
    v->v = vocab;
    v->n_vocab = eng_vocab_size(vocab);
    v->n_workers = n_workers;
    v->kind = sk_calloc(SK_MEM_TOKEN, v->n_vocab, 1);
    v->ever = sk_calloc(SK_MEM_TOKEN, v->n_vocab, 1);
    v->used = sk_calloc(SK_MEM_TOKEN, v->n_vocab, n_workers);
    if (!v->kind || !v->used || !v->ever)
        return sk_fail(e, SK_E_NOMEM, "no memory to evaluate a tokenizer");
    for (size_t id = 0; id < v->n_vocab; id++) {
        size_t n;
        const char *p = eng_vocab_piece(vocab, (int32_t)id, true, &n);
        v->kind[id] = (uint8_t)kind_of(p, n);
    }
    return SK_OK;
}

/* row[n] is the sum over the files; its `used` counts an id once, however many files have it, which
 * is why it is no sum. */
sk_status eng_tokenizer_evaluate(eng_exec *x, const eng_vocab *vocab, const char *const *path,
                                 size_t n,
                                 bool (*progress)(void *arg, size_t file, uint64_t done,
                                                  uint64_t total),
                                 void *arg, eng_tokenizer_eval *row, sk_err *e)
{
    const watcher w = {progress, arg};
    evaluation *v = sk_calloc(SK_MEM_TOKEN, 1, sizeof *v);
    sk_status st = v ? start(v, vocab, eng_exec_threads(x), e)
                     : sk_fail(e, SK_E_NOMEM, "no memory to evaluate a tokenizer");
    memset(row, 0, (n + 1) * sizeof *row);
    for (size_t i = 0; i < n && !st; i++) {
        sk_buf text = SK_BUF_INIT;
        st = load(path[i], &text, e);
        if (!st) st = run_text(v, eng_exec_pool(x), &text, i, &w, &row[i], e);
        if (!st && !row[i].documents)
            st = sk_fail(e, SK_E_INVALID, "%s: there is no text in it", path[i]);
        add(&row[n], &row[i]);
        sk_buf_fini(&text);
    }
    for (size_t id = 0; !st && id < v->n_vocab; id++)
        row[n].used += v->ever[id];
    if (v) {
        sk_free(v->kind);
        sk_free(v->used);
        sk_free(v->ever);
    }
    sk_free(v);
    return st;
}
