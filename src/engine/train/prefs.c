/* prefs.c - JSONL of preferred and rejected answers to rows of tokens.
 *
 * A pair takes the places of both its answers, prompt included, in one row, so that a micro-batch
 * always holds both.  Pairs fill rows in the order of the files.
 */
#include "engine/train/prefs.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/model/chatform.h"
#include "engine/token/talk.h"
#include "engine/train/chatset.h"
#include "engine/train/corpus.h"
#include "engine/train/origin.h"

#include <assert.h>
#include <string.h>

/* A pair being read: tokens [start, start + n) of the common arrays, and its place. */
typedef struct pair {
    size_t start[2], n[2], row, at;
    uint32_t file, line;
} pair;

typedef struct reader {
    const eng_vocab *v;
    eng_chatform *form;
    const char *const *path;
    size_t n_ctx;
    uint32_t file;     /* being read */
    eng_chat_msg *msg; /* [ENG_TALK_MESSAGES + 1] */
    eng_ids ids, loss;
    pair *item;
    size_t n, cap, n_rows, used; /* used: places of the last row */
    eng_prefs_stats stats;
} reader;

/* ---- a line ---- */

/* The prompt's messages. */
static sk_status read_prompt(json_t *obj, eng_chat_msg *msg, size_t *n, sk_err *e)
{
    json_t *prompt = json_object_get(obj, "prompt"), *list = json_object_get(obj, "messages");
    if (json_is_string(prompt)) {
        msg[0] = (eng_chat_msg){"user", json_string_value(prompt), json_string_length(prompt)};
        *n = 1;
        return SK_OK;
    }
    if (json_is_array(prompt)) list = prompt;
    size_t len = json_is_array(list) ? json_array_size(list) : 0;
    if (len == 0 || len > ENG_TALK_MESSAGES)
        return sk_fail(e, SK_E_INVALID,
                       "expected {\"prompt\": .., \"chosen\": .., \"rejected\": ..}, or "
                       "\"messages\" (1 to %d) in place of \"prompt\"",
                       ENG_TALK_MESSAGES);
    for (size_t i = 0; i < len; i++) {
        sk_status st = eng_talk_message(json_array_get(list, i), &msg[i], e);
        if (st) return st;
    }
    *n = len;
    return SK_OK;
}

/* An answer: text, a message, or a list of one. */
static sk_status read_answer(json_t *obj, const char *key, eng_chat_msg *msg, sk_err *e)
{
    json_t *a = json_object_get(obj, key);
    if (json_is_array(a) && json_array_size(a) == 1) a = json_array_get(a, 0);
    if (json_is_string(a)) {
        *msg = (eng_chat_msg){"assistant", json_string_value(a), json_string_length(a)};
        return SK_OK;
    }
    if (!json_is_object(a))
        return sk_fail(e, SK_E_INVALID, "\"%s\" must be a text or one message of the assistant",
                       key);
    sk_status st = eng_talk_message(a, msg, e);
    if (!st && strcmp(msg->role, "assistant") != 0)
        st = sk_fail(e, SK_E_INVALID, "\"%s\" is a message of %s, not of the assistant", key,
                     msg->role);
    return st;
}

/* Renders prompt and answer behind what r holds; what stands before the answer has no loss.  A
 * template may make nothing of them: fewer than two tokens have no place in a row. */
static sk_status render(reader *r, size_t n_msg, size_t *start, size_t *n, sk_err *e)
{
    *start = r->ids.n;
    sk_status st = eng_chatform_render(r->form, r->msg, n_msg, true, &r->ids, &r->loss, e);
    size_t prompt = r->ids.n - *start;
    r->ids.n = r->loss.n = *start;
    if (!st) st = eng_chatform_render(r->form, r->msg, n_msg + 1, false, &r->ids, &r->loss, e);
    if (st) return st;
    for (size_t i = *start; i < *start + prompt && i < r->loss.n; i++)
        r->loss.id[i] = 0;
    *n = r->ids.n - *start;
    return *n >= 2 ? SK_OK
                   : sk_fail(e, SK_E_INVALID,
                             "with the model's chat template the answer and what leads to it are "
                             "fewer than two tokens: there is nothing to learn");
}

/* Takes the rendered pair in, or leaves it out. */
static sk_status add_pair(reader *r, pair p, sk_err *e)
{
    size_t need = p.n[0] - 1 + p.n[1] - 1;
    bool equal = p.n[0] == p.n[1] && !memcmp(r->ids.id + p.start[0], r->ids.id + p.start[1],
                                             p.n[0] * sizeof(*r->ids.id));
    if (equal || need > r->n_ctx) {
        r->stats.n_equal += equal;
        r->stats.n_long += !equal;
        r->ids.n = r->loss.n = p.start[0];
        return SK_OK;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        pair *item = sk_realloc(SK_MEM_TRAIN, r->item, cap * sizeof(*item));
        if (!item) return sk_fail(e, SK_E_NOMEM, "no memory for %zu pairs", cap);
        r->item = item;
        r->cap = cap;
    }
    if (!r->n_rows || r->used + need > r->n_ctx) {
        r->n_rows++;
        r->used = 0;
    }
    p.row = r->n_rows - 1;
    p.at = r->used;
    r->used += need;
    r->item[r->n++] = p;
    return SK_OK;
}

/* A line is one pair. */
static sk_status read_line(void *arg, json_t *obj, size_t number, sk_err *e)
{
    reader *r = arg;
    pair p = {.file = r->file, .line = (uint32_t)number};
    size_t n = 0;
    static const char *const key[2] = {"chosen", "rejected"};
    if (!json_is_object(obj)) return sk_fail(e, SK_E_INVALID, "the line is no object");
    sk_status st = read_prompt(obj, r->msg, &n, e);
    for (int i = 0; !st && i < 2; i++) {
        st = read_answer(obj, key[i], &r->msg[n], e);
        if (!st) st = render(r, n, &p.start[i], &p.n[i], e);
    }
    if (st) return st;
    r->stats.n_read++;
    return add_pair(r, p, e);
}

/* ---- the rows ---- */

/* One answer into its places; like a conversation, it sees itself only. */
static void write_answer(const reader *r, const pair *p, int which, size_t at, eng_dataset *d,
                         eng_pref *out)
{
    size_t base = p->row * d->n_ctx + at, n = p->n[which] - 1;
    assert(p->row < d->n_rows && at <= d->n_ctx && n <= d->n_ctx - at);
    for (size_t i = 0; i < n; i++) {
        size_t from = p->start[which] + i;
        d->ids[base + i] = r->ids.id[from];
        d->target[base + i] = r->loss.id[from + 1] ? r->ids.id[from + 1] : -1;
        d->first[base + i] = (int32_t)at;
    }
    out->start[which] = (uint32_t)at;
    out->end[which] = (uint32_t)(at + n);
}

/* Which lines stand where. */
static sk_status tell_origin(const reader *r, eng_dataset *d, sk_err *e)
{
    eng_origin *o = eng_origin_new(r->path);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < r->n; i++) {
        const pair *p = &r->item[i];
        ok = eng_origin_add(
            o, &(eng_origin_doc){p->row * r->n_ctx + p->at, UINT64_MAX, p->file, p->line});
    }
    d->origin = o;
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a list of pairs");
}

/* Both answers of a pair stand in one row, so that a loss over the pair is one of that row.  On
 * failure neither out nor prefs holds anything. */
static sk_status write_rows(reader *r, eng_dataset *out, eng_prefs *prefs, sk_err *e)
{
    int32_t fill = eng_corpus_separator(r->v);
    eng_prefs f = {.n = r->n};
    f.item = sk_calloc(SK_MEM_TRAIN, r->n, sizeof(*f.item));
    f.first = sk_calloc(SK_MEM_TRAIN, r->n_rows + 1, sizeof(*f.first));
    sk_status st = f.item && f.first ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for pairs");
    if (!st) st = eng_dataset_init(out, r->n_rows, r->n_ctx, fill < 0 ? 0 : fill, true, e);
    if (st) {
        eng_prefs_fini(&f);
        return st;
    }
    for (size_t i = 0; i < r->n; i++) {
        const pair *p = &r->item[i];
        write_answer(r, p, ENG_CHOSEN, p->at, out, &f.item[i]);
        write_answer(r, p, ENG_REJECTED, p->at + p->n[ENG_CHOSEN] - 1, out, &f.item[i]);
        f.first[p->row + 1] = i + 1;
    }
    eng_dataset_seal(out);
    st = tell_origin(r, out, e);
    if (st) {
        eng_dataset_fini(out);
        eng_prefs_fini(&f);
        return st;
    }
    *prefs = f;
    return SK_OK;
}

/* Figures are set only with the rest; pairs that do not fit are left out and counted, but none that
 * fits is an error: it is nearly always a context too short. */
sk_status eng_prefs_load(const eng_vocab *v, const char *const *path, size_t n_paths, size_t n_ctx,
                         eng_dataset *out, eng_prefs *prefs, eng_prefs_stats *stats, sk_err *e)
{
    reader r = {.v = v, .n_ctx = n_ctx, .path = path};
    r.msg = sk_calloc(SK_MEM_TRAIN, ENG_TALK_MESSAGES + 1, sizeof(*r.msg));
    sk_status st = r.msg ? eng_chatform_open(v, eng_vocab_chat_template(v), &r.form, e)
                         : sk_fail(e, SK_E_NOMEM, "no memory to read pairs");
    for (size_t i = 0; !st && i < n_paths; i++) {
        sk_buf text = SK_BUF_INIT;
        r.file = (uint32_t)i;
        st = sk_file_load(path[i], ENG_CHATSET_BYTES, &text, e);
        if (!st) st = sk_json_lines(path[i], text.p, text.len, 16, read_line, &r, e);
        sk_buf_fini(&text);
    }
    if (!st && !r.n)
        st = sk_fail(e, SK_E_INVALID,
                     r.stats.n_read ? "%s: none of the pairs fits, both answers together, in a "
                                      "context of %zu tokens; give a longer --context"
                                    : "%s: there is no pair in it",
                     n_paths ? path[0] : "(none)", n_ctx);
    if (!st) st = write_rows(&r, out, prefs, e);
    r.stats.tokens = r.ids.n;
    for (size_t i = 0; i < r.loss.n; i++)
        r.stats.loss_tokens += r.loss.id[i] != 0;
    if (!st) *stats = r.stats;
    eng_chatform_close(r.form);
    eng_ids_fini(&r.ids);
    eng_ids_fini(&r.loss);
    sk_free(r.item);
    sk_free(r.msg);
    return st;
}

void eng_prefs_fini(eng_prefs *p)
{
    sk_free(p->item);
    sk_free(p->first);
    *p = (eng_prefs){0};
}
