/* chatset.c - conversations (JSONL) to rows of tokens for fine-tuning.
 *
 * A conversation of k tokens takes k - 1 places: its last token is a target only.  Packing is best
 * fit, longest first: each goes into the fullest row that still has room.  Rows are found by their
 * free places, so packing takes O(conversations * n_ctx) at worst.
 */
#include "engine/train/chatset.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/model/chatform.h"
#include "engine/token/talk.h"
#include "engine/train/corpus.h"
#include "engine/train/origin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A rendered conversation: tokens and loss flags [start, start + n) of the common arrays. */
typedef struct talk {
    size_t start, n;
    uint32_t file, line;
} talk;

typedef struct talks {
    const eng_vocab *v;
    eng_chatform *form;
    const char *const *path;
    size_t n_ctx;
    uint32_t file, line; /* being read */
    eng_ids ids, loss;
    talk *item;
    size_t n, cap;
    eng_chatset_stats stats;
} talks;

/* ---- reading ---- */

/* Renders the first n messages behind what t holds; *len is the number of tokens. */
static sk_status render(talks *t, const eng_chat_msg *msg, size_t n, size_t *len, sk_err *e)
{
    size_t start = t->ids.n;
    assert(t->loss.n == start);
    sk_status st = eng_chatform_render(t->form, msg, n, false, &t->ids, &t->loss, e);
    *len = t->ids.n - start;
    assert(st || t->loss.n == t->ids.n);
    return st;
}

/* Adds a conversation, without the last turns if it is too long for a row. */
static sk_status add_talk(talks *t, const eng_chat_msg *msg, size_t n_msg, sk_err *e)
{
    size_t start = t->ids.n, n = n_msg, len = 0;
    t->stats.n_read++;
    while (n > 0) {
        if (strcmp(msg[n - 1].role, "assistant") == 0) {
            sk_status st = render(t, msg, n, &len, e);
            if (st) return st;
            if (len - 1 <= t->n_ctx) break;
            t->ids.n = t->loss.n = start;
        }
        n--;
    }
    if (n == 0) {
        t->stats.n_dropped++;
        return SK_OK;
    }
    /* What follows the last answer teaches nothing, so leaving it out is no cut. */
    while (n_msg > n && strcmp(msg[n_msg - 1].role, "assistant") != 0)
        n_msg--;
    t->stats.n_cut += n < n_msg;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 1024;
        talk *item = sk_realloc(SK_MEM_TRAIN, t->item, cap * sizeof(*item));
        if (!item) return sk_fail(e, SK_E_NOMEM, "no memory for %zu conversations", cap);
        t->item = item;
        t->cap = cap;
    }
    t->item[t->n++] = (talk){start, len, t->file, t->line};
    return SK_OK;
}

/* What the lines of a file are read with. */
typedef struct lines {
    talks *t;
    eng_chat_msg *msg; /* room for the messages of a line */
} lines;

/* A line is one conversation. */
static sk_status read_line(void *arg, json_t *obj, size_t number, sk_err *e)
{
    lines *l = arg;
    size_t n_msg = 0;
    l->t->line = (uint32_t)number;
    sk_status st = eng_talk_read(obj, l->msg, &n_msg, e);
    return st ? st : add_talk(l->t, l->msg, n_msg, e);
}

/* Conversations of a file; the first bad line ends it, with its number.  No line need be nested
 * deeper than 16. */
static sk_status read_file(talks *t, const char *path, eng_chat_msg *msg, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    sk_status st = sk_file_load(path, ENG_CHATSET_BYTES, &text, e);
    if (!st) st = sk_json_lines(path, text.p, text.len, 16, read_line, &(lines){t, msg}, e);
    sk_buf_fini(&text);
    return st;
}

/* ---- packing ---- */

/* Rows that are being filled, found by how many places they have left. */
typedef struct packer {
    size_t n_rows;
    size_t *used;      /* [talks] places taken, by row */
    size_t *next;      /* [talks] next row with as many places left */
    size_t *with_left; /* [n_ctx + 1] first row with so many places left; SIZE_MAX: none */
} packer;

/* Order of packing; equals in the order of the files, so that the rows are always the same. */
static int longer_first(const void *a, const void *b)
{
    const talk *p = a, *q = b;
    if (p->n != q->n) return p->n < q->n ? 1 : -1;
    return p->start < q->start ? -1 : p->start > q->start;
}

/* The row for `need` places: the fullest with room, else a new one. */
static size_t place(packer *k, size_t n_ctx, size_t need)
{
    size_t left = need;
    while (left <= n_ctx && k->with_left[left] == SIZE_MAX)
        left++;
    size_t row;
    if (left <= n_ctx) {
        row = k->with_left[left];
        k->with_left[left] = k->next[row];
    } else {
        row = k->n_rows++;
        k->used[row] = 0;
        left = n_ctx;
    }
    k->used[row] += need;
    k->next[row] = k->with_left[left - need];
    k->with_left[left - need] = row;
    return row;
}

/* Puts a conversation into places [at, at + n - 1) of a row. */
static void write_talk(const talks *t, const talk *k, eng_dataset *d, size_t row, size_t at)
{
    size_t base = row * d->n_ctx + at;
    assert(at + k->n - 1 <= d->n_ctx);
    for (size_t i = 0; i + 1 < k->n; i++) {
        size_t from = k->start + i;
        d->ids[base + i] = t->ids.id[from];
        d->target[base + i] = t->loss.id[from + 1] ? t->ids.id[from + 1] : -1;
        d->first[base + i] = (int32_t)at;
    }
}

/* Places all conversations; `row` and `at` [t->n] say where. */
static void pack_all(talks *t, packer *k, size_t *row, size_t *at)
{
    qsort(t->item, t->n, sizeof(*t->item), longer_first);
    for (size_t i = 0; i <= t->n_ctx; i++)
        k->with_left[i] = SIZE_MAX;
    for (size_t i = 0; i < t->n; i++) {
        row[i] = place(k, t->n_ctx, t->item[i].n - 1);
        at[i] = k->used[row[i]] - (t->item[i].n - 1);
    }
}

/* Which lines stand where. */
static sk_status tell_origin(const talks *t, const size_t *row, const size_t *at, eng_dataset *d,
                             sk_err *e)
{
    eng_origin *o = eng_origin_new(t->path);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < t->n; i++) {
        const talk *k = &t->item[i];
        ok = eng_origin_add(
            o, &(eng_origin_doc){row[i] * t->n_ctx + at[i], UINT64_MAX, k->file, k->line});
    }
    if (o) eng_origin_sort(o);
    d->origin = o;
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a list of conversations");
}

/* Two walks: the first decides the places, and with them how many rows there are, the second fills
 * the rows. */
static sk_status pack(talks *t, eng_dataset *out, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    sk_status st = SK_E_NOMEM;
    packer k = {0};
    size_t *row = NULL, *at = NULL;
    if (mem) {
        k.used = sk_new_n(mem, size_t, t->n);
        k.next = sk_new_n(mem, size_t, t->n);
        k.with_left = sk_new_n(mem, size_t, t->n_ctx + 1);
        row = sk_new_n(mem, size_t, t->n);
        at = sk_new_n(mem, size_t, t->n);
    }
    if (!k.used || !k.next || !k.with_left || !row || !at) {
        sk_fail(e, st, "no memory to pack %zu conversations", t->n);
        goto free_arena;
    }
    pack_all(t, &k, row, at);
    int32_t fill = eng_corpus_separator(t->v);
    st = eng_dataset_init(out, k.n_rows, t->n_ctx, fill < 0 ? 0 : fill, true, e);
    if (st) goto free_arena;
    for (size_t i = 0; i < t->n; i++)
        write_talk(t, &t->item[i], out, row[i], at[i]);
    eng_dataset_seal(out);
    st = tell_origin(t, row, at, out, e);
    if (st) eng_dataset_fini(out);
free_arena:
    sk_arena_free(mem);
    return st;
}

/* What stands in the rows, for the report. */
static void count(talks *t)
{
    t->stats.tokens = t->ids.n;
    for (size_t i = 0; i < t->loss.n; i++)
        t->stats.loss_tokens += t->loss.id[i] != 0;
}

/* The tokens of all conversations are kept together until they are packed; the text is not. */
sk_status eng_chatset_load(const eng_vocab *v, const char *const *path, size_t n_paths,
                           size_t n_ctx, eng_dataset *out, eng_chatset_stats *stats, sk_err *e)
{
    talks t = {.v = v, .n_ctx = n_ctx, .path = path};
    eng_chat_msg *msg = sk_calloc(SK_MEM_TRAIN, ENG_TALK_MESSAGES, sizeof(*msg));
    sk_status st = msg ? eng_chatform_open(v, eng_vocab_chat_template(v), &t.form, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory to read conversations");
    for (size_t i = 0; !st && i < n_paths; i++) {
        t.file = (uint32_t)i;
        st = read_file(&t, path[i], msg, e);
    }
    if (!st && t.n == 0)
        st = sk_fail(e, SK_E_INVALID,
                     t.stats.n_read ? "%s: none of the conversations fits in a context of %zu "
                                      "tokens; give a longer --context"
                                    : "%s: there is no conversation in it",
                     n_paths ? path[0] : "(none)", n_ctx);
    if (!st) st = pack(&t, out, e);
    count(&t);
    if (!st) *stats = t.stats;
    eng_chatform_close(t.form);
    eng_ids_fini(&t.ids);
    eng_ids_fini(&t.loss);
    sk_free(t.item);
    sk_free(msg);
    return st;
}
