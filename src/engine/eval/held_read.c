/* held_read.c - held-out documents to sequences of tokens. */
#include "engine/eval/held_seq.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/data/build.h"
#include "engine/infer/windows.h"
#include "engine/model/chatform.h"
#include "engine/token/document.h"
#include "engine/token/talk.h"

#include <assert.h>
#include <string.h>

/* Most bytes of a file, and levels that a line of it may be nested. */
#define MAX_BYTES ((uint64_t)1 << 32)
#define MAX_DEPTH 16

typedef struct reader {
    const eng_model *m;
    eng_held *h;
    eng_chatform *form;
    eng_chat_msg *msg;             /* [ENG_TALK_MESSAGES] */
    int32_t first;                 /* goes before a text; -1: nothing does */
    size_t seen, keep, n, caps[2]; /* documents read, to be kept of n; caps of seq and doc */
    uint64_t bytes;                /* of all documents, in the first walk */
    bool count;                    /* the first walk: documents are counted only */
} reader;

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for held-out documents");
}

/* ---- sequences ---- */

/* Appends ids[from, from + n) as a sequence, if anything in it is scored. */
static sk_status add_seq(reader *r, size_t from, size_t n, sk_err *e)
{
    eng_held *h = r->h;
    bool any = false;
    for (size_t i = from + 1; i < from + n; i++)
        any |= h->loss.id[i] != 0;
    if (!any) return SK_OK;
    if (h->n_seq == r->caps[0]) {
        size_t cap = r->caps[0] ? 2 * r->caps[0] : 256;
        eng_held_seq *seq = sk_realloc(SK_MEM_MISC, h->seq, cap * sizeof *seq);
        if (!seq) return no_memory(e);
        h->seq = seq;
        r->caps[0] = cap;
    }
    h->seq[h->n_seq++] = (eng_held_seq){h->n_doc, from, n};
    return SK_OK;
}

/* Notes what stands in a document's sequences, the first of which is number `seq`. */
static sk_status count_doc(reader *r, size_t seq, sk_err *e)
{
    eng_held *h = r->h;
    const eng_vocab *v = eng_model_vocab(r->m);
    if (seq == h->n_seq) return SK_OK;
    if (h->n_doc == r->caps[1]) {
        size_t cap = r->caps[1] ? 2 * r->caps[1] : 256;
        eng_held_doc *doc = sk_realloc(SK_MEM_MISC, h->doc, cap * sizeof *doc);
        if (!doc) return no_memory(e);
        h->doc = doc;
        r->caps[1] = cap;
    }
    eng_held_doc d = {0};
    for (; seq < h->n_seq; seq++) {
        const eng_held_seq *s = &h->seq[seq];
        h->tokens += s->n - 1;
        for (size_t i = s->at + 1; i < s->at + s->n; i++) {
            size_t bytes;
            if (!h->loss.id[i]) continue;
            (void)eng_vocab_piece(v, h->ids.id[i], false, &bytes);
            d.bytes += bytes;
            d.tokens++;
        }
    }
    h->doc[h->n_doc++] = d;
    return SK_OK;
}

/* Cuts the ids from `from` on into a document's sequences; only one, if not `all`. */
static sk_status add_doc(reader *r, size_t from, bool all, sk_err *e)
{
    eng_held *h = r->h;
    size_t seq = h->n_seq, end = h->ids.n;
    sk_status st = SK_OK;
    while (!st && end - from > 1) {
        size_t n = end - from < h->n_ctx + 1 ? end - from : h->n_ctx + 1;
        st = add_seq(r, from, n, e);
        from += n - 1;
        if (!all) break;
    }
    return st ? st : count_doc(r, seq, e);
}

/* ---- documents ---- */

/* True if the document that comes now is one of those to be kept: evenly from all. */
static bool is_kept(reader *r, size_t bytes)
{
    size_t i = r->seen++;
    if (r->count) {
        r->bytes += bytes;
        return false;
    }
    double share = (double)r->keep / (double)r->n;
    return r->keep == r->n || (size_t)((double)(i + 1) * share) > (size_t)((double)i * share);
}

static sk_status add_text(reader *r, const char *text, size_t n, sk_err *e)
{
    eng_held *h = r->h;
    size_t from = h->ids.n;
    if (!is_kept(r, n)) return SK_OK;
    if (r->first >= 0 && !eng_ids_push(&h->ids, r->first)) return no_memory(e);
    sk_status st = eng_model_encode(r->m, text, n, 0, &h->ids, e);
    while (!st && h->loss.n < h->ids.n)
        if (!eng_ids_push(&h->loss, h->loss.n > from)) st = no_memory(e);
    return st ? st : add_doc(r, from, true, e);
}

static sk_status add_talk(void *arg, json_t *obj, size_t number, sk_err *e)
{
    reader *r = arg;
    (void)number;
    size_t n = 0, from = r->h->ids.n, bytes = 0;
    sk_status st = eng_talk_read(obj, r->msg, &n, e);
    for (size_t i = 0; !st && i < n; i++)
        bytes += r->msg[i].n;
    if (st || !is_kept(r, bytes)) return st;
    st = eng_chatform_render(r->form, r->msg, n, false, &r->h->ids, &r->h->loss, e);
    return st ? st : add_doc(r, from, false, e);
}

static sk_status walk(reader *r, const char *path, const sk_buf *text, sk_err *e)
{
    const char *p = text->p ? text->p : "", *doc;
    size_t at = 0, len;
    sk_status st = SK_OK;
    r->seen = 0;
    if (r->form) return sk_json_lines(path, p, text->len, MAX_DEPTH, add_talk, r, e);
    while (!st && eng_document_next(p, text->len, &at, &doc, &len))
        st = add_text(r, doc, len, e);
    return st;
}

/* Twice: to see how much there is, and to take of it. */
static sk_status read_all(reader *r, const char *path, const sk_buf *text, uint64_t most, sk_err *e)
{
    r->count = true;
    sk_status st = walk(r, path, text, e);
    if (st) return st;
    r->count = false;
    r->n = r->keep = r->seen;
    if (most && r->bytes > most) {
        r->keep = (size_t)((double)most / (double)r->bytes * (double)r->n);
        if (r->keep < 1) r->keep = 1;
    }
    st = walk(r, path, text, e);
    if (!st && !r->h->n_doc)
        st = sk_fail(e, SK_E_INVALID, "%s: there is nothing in it to measure a model on", path);
    return st;
}

/* A file whose name says that a line is a value. */
static bool has_lines(const char *path)
{
    static const char *const ends[] = {".jsonl", ".jsonl.zst", ".ndjson"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(path), k = strlen(ends[i]);
        if (n > k && strcmp(path + n - k, ends[i]) == 0) return true;
    }
    return false;
}

static sk_status open_reader(reader *r, const char *path, sk_err *e)
{
    const eng_vocab *v = eng_model_vocab(r->m);
    sk_status st = eng_text_bos(r->m, &r->first, e);
    if (!st && r->first < 0) r->first = eng_data_separator(v);
    if (st || !has_lines(path)) return st;
    r->msg = sk_calloc(SK_MEM_MISC, ENG_TALK_MESSAGES, sizeof *r->msg);
    return r->msg ? eng_chatform_open(v, eng_vocab_chat_template(v), &r->form, e) : no_memory(e);
}

sk_status eng_held_open(const eng_model *m, const char *path, size_t n_ctx, uint64_t most,
                        eng_held **out, sk_err *e)
{
    assert(n_ctx >= 2);
    sk_buf text = SK_BUF_INIT;
    reader r = {.m = m, .h = sk_calloc(SK_MEM_MISC, 1, sizeof *r.h)};
    if (!r.h) return no_memory(e);
    r.h->n_ctx = n_ctx;
    sk_status st = sk_file_load(path, MAX_BYTES, &text, e);
    if (!st) st = open_reader(&r, path, e);
    if (!st) st = read_all(&r, path, &text, most, e);
    eng_chatform_close(r.form);
    sk_free(r.msg);
    sk_buf_fini(&text);
    if (!st)
        *out = r.h;
    else
        eng_held_close(r.h);
    return st;
}

void eng_held_close(eng_held *h)
{
    if (!h) return;
    eng_ids_fini(&h->ids);
    eng_ids_fini(&h->loss);
    sk_free(h->seq);
    sk_free(h->doc);
    sk_free(h);
}

size_t eng_held_n(const eng_held *h)
{
    return h->n_doc;
}
