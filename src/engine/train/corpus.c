/* corpus.c - text files to documents, documents to one stream of tokens.
 *
 * Encoding is cut into tasks of whole documents, about TASK_BYTES each; the cuts depend on the text
 * only, and the results are joined in the order of the text.
 */
#include "engine/train/corpus.h"

#include "base/file.h"
#include "base/mem.h"
#include "engine/data/build.h"
#include "engine/token/document.h"

#include <assert.h>
#include <string.h>

#define TASK_BYTES ((size_t)256 << 10)
#define MAX_BYTES ((uint64_t)64 << 30)

/* A separator line between files: the end of one is not the context of the next. */
sk_status eng_corpus_load_files(const char *const *path, size_t n_paths, sk_buf *text,
                                size_t *begin, sk_err *e)
{
    size_t start = text->len;
    for (size_t i = 0; i < n_paths; i++) {
        if (i > 0) {
            if (text->len > start && text->p[text->len - 1] != '\n') sk_buf_addc(text, '\n');
            sk_buf_adds(text, ENG_CORPUS_SEPARATOR "\n");
        }
        if (begin) begin[i] = text->len;
        sk_status st = sk_file_load(path[i], MAX_BYTES, text, e);
        if (st) return st;
    }
    if (!sk_buf_ok(text)) return sk_fail(e, SK_E_NOMEM, "no memory for the text");
    size_t at = start, len;
    const char *doc;
    if (!eng_document_next(text->p ? text->p : "", text->len, &at, &doc, &len))
        return sk_fail(e, SK_E_INVALID, "%s%s: there is no text in it",
                       n_paths ? path[0] : "(none)", n_paths > 1 ? " and the other files" : "");
    return SK_OK;
}

sk_status eng_corpus_load(const char *const *path, size_t n_paths, sk_buf *text, sk_err *e)
{
    return eng_corpus_load_files(path, n_paths, text, NULL, e);
}

/* The same as in data sets: a run reads equal rows from both. */
int32_t eng_corpus_separator(const eng_vocab *v)
{
    return eng_data_separator(v);
}

/* A run of whole documents text[start..stop), and what came of it. */
typedef struct encode_task {
    size_t start, stop;
    eng_ids ids;
    sk_err err;
} encode_task;

typedef struct encode_job {
    const eng_vocab *v;
    const char *text;
    int32_t separator;
    encode_task *task;
    size_t n_tasks;
} encode_job;

/* The documents of one task, each with the separator before it.  Its first error ends it. */
static void encode_one(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const encode_job *j = arg;
    encode_task *t = &j->task[task];
    const char *doc;
    size_t at = t->start, len;
    while (!t->err.status && eng_document_next(j->text, t->stop, &at, &doc, &len)) {
        if (!eng_ids_push(&t->ids, j->separator))
            sk_fail(&t->err, SK_E_NOMEM, "no memory for the tokens");
        else
            (void)eng_vocab_encode(j->v, doc, len, 0, &t->ids, &t->err);
    }
}

/* Cuts text[0..n) into tasks; NULL without memory. */
static encode_task *cut_tasks(const char *text, size_t n, size_t *n_tasks)
{
    encode_task *task = sk_calloc(SK_MEM_TOKEN, n / TASK_BYTES + 1, sizeof(*task));
    size_t at = 0, start = 0, k = 0, len;
    const char *doc;
    while (task && eng_document_next(text, n, &at, &doc, &len)) {
        if (at - start < TASK_BYTES) continue;
        task[k++] = (encode_task){.start = start, .stop = at};
        start = at;
    }
    if (task && start < n) task[k++] = (encode_task){.start = start, .stop = n};
    assert(k <= n / TASK_BYTES + 1);
    *n_tasks = k;
    return task;
}

/* Joins the tasks' tokens in order; the first task that failed decides the error. */
static sk_status join_tasks(const encode_job *j, eng_ids *out, sk_err *e)
{
    for (size_t i = 0; i < j->n_tasks; i++) {
        const encode_task *t = &j->task[i];
        if (t->err.status) return sk_fail(e, t->err.status, "%s", t->err.text);
        if (!eng_ids_add(out, t->ids.id, t->ids.n))
            return sk_fail(e, SK_E_NOMEM, "no memory for the tokens");
    }
    if (!eng_ids_push(out, j->separator)) return sk_fail(e, SK_E_NOMEM, "no memory for the tokens");
    return SK_OK;
}

/* Cut, encoded by all workers, joined in order. */
sk_status eng_corpus_encode(eng_exec *x, const eng_vocab *v, const char *text, size_t n,
                            eng_ids *out, sk_err *e)
{
    encode_job j = {.v = v, .text = text, .separator = eng_corpus_separator(v)};
    if (j.separator < 0)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "the tokenizer has neither %s nor an end-of-text token to put between "
                       "documents",
                       ENG_CORPUS_SEPARATOR);
    j.task = cut_tasks(text, n, &j.n_tasks);
    if (!j.task) return sk_fail(e, SK_E_NOMEM, "no memory to encode the text");
    sk_pool_run(eng_exec_pool(x), j.n_tasks, encode_one, &j);
    sk_status st = join_tasks(&j, out, e);
    for (size_t i = 0; i < j.n_tasks; i++)
        eng_ids_fini(&j.task[i].ids);
    sk_free(j.task);
    return st;
}
