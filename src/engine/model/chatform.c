/* chatform.c - where the answers lie in what a chat template writes.
 *
 * A template is a program: it doesn't say which of its output is whose.  So the text of the whole
 * conversation is held beside the text of the prompt that led to each answer.  The answer begins
 * where that prompt ends, just as it will when the model is asked; it ends where the text of the
 * conversation up to this answer ends.  Templates may write an answer in the middle of a
 * conversation in another way than the last one (Qwen3 drops its reasoning): then the answer's own
 * text is looked for, and the mark behind it counts if it is a special token.
 */
#include "engine/model/chatform.h"

#include "base/mem.h"
#include "engine/model/model.h"
#include "engine/model/prompt.h"

#include <assert.h>
#include <string.h>

/* What strftime_now shows: always the same, since a run must not depend on the day.  It is the date
 * that Llama 3's template takes where it is given none. */
#define FIXED_DATE ((int64_t)1721952000) /* 2024-07-26 */

struct eng_chatform {
    const eng_vocab *v;
    eng_prompt prompt; /* all zeros: ChatML */
};

/* An answer in the text of a conversation: it begins at byte `from`, what was said ends at `end`,
 * and what the template adds to it at `rest`. */
typedef struct answer {
    size_t from, end, rest;
} answer;

sk_status eng_chatform_open(const eng_vocab *v, const char *text, eng_chatform **out, sk_err *e)
{
    eng_chatform *f = sk_calloc(SK_MEM_TRAIN, 1, sizeof *f);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory for the chat template");
    f->v = v;
    sk_status st = SK_OK;
    if (text && *text && strcmp(text, eng_chat_template_chatml) != 0) {
        st = eng_prompt_open(v, text, strlen(text), &f->prompt, e);
        if (!st && f->prompt.why.status)
            st = sk_fail(e, f->prompt.why.status, "%s", f->prompt.why.text);
    }
    if (st) {
        eng_chatform_close(f);
        return st;
    }
    *out = f;
    return SK_OK;
}

void eng_chatform_close(eng_chatform *f)
{
    if (!f) return;
    eng_prompt_close(&f->prompt);
    sk_free(f);
}

/* ---- text ---- */

static sk_status write_text(const eng_chatform *f, const eng_chat_msg *msg, size_t n, bool prompt,
                            eng_jinja_text *out, sk_err *e)
{
    const eng_chat_opts o = {.no_answer = !prompt, .now = FIXED_DATE, .utc = true};
    return eng_prompt_text(&f->prompt, f->v, NULL, msg, n, &o, out, e);
}

/* Bytes that two texts have in common from the beginning on. */
static size_t common(const sk_buf *a, const sk_buf *b)
{
    size_t n = a->len < b->len ? a->len : b->len, i = 0;
    while (i < n && a->p[i] == b->p[i])
        i++;
    return i;
}

/* The message's text without white space at its ends, which templates may trim. */
static const char *trimmed(const eng_chat_msg *m, size_t *n)
{
    size_t from = 0, to = m->n;
    while (from < to && strchr(" \t\r\n", m->text[from]))
        from++;
    while (to > from && strchr(" \t\r\n", m->text[to - 1]))
        to--;
    *n = to - from;
    return m->text + from;
}

static sk_status unclear(sk_err *e)
{
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "the model's chat template writes an answer in another way than its prompt for "
                   "one begins: which tokens to learn can't be told. Give the model another "
                   "template before it is tuned");
}

/* Where said[0..n) ends in the text from byte `from` on; SIZE_MAX if it isn't there. */
static size_t end_in(const sk_buf *whole, size_t from, const char *said, size_t n)
{
    const char *found = n ? memmem(whole->p + from, whole->len - from, said, n) : whole->p + from;
    return found ? (size_t)(found - whole->p) + n : SIZE_MAX;
}

/* The same for a message, which may have been trimmed. */
static size_t end_of(const eng_chat_msg *m, const sk_buf *whole, size_t from)
{
    size_t end = end_in(whole, from, m->text, m->n), n;
    if (end != SIZE_MAX) return end;
    const char *said = trimmed(m, &n);
    return end_in(whole, from, said, n);
}

/* Finds answer i of the conversation in its text. */
static sk_status find_answer(const eng_chatform *f, const eng_chat_msg *msg, size_t i,
                             const sk_buf *whole, answer *out, sk_err *e)
{
    eng_jinja_text before = {SK_BUF_INIT, NULL, 0}, after = {SK_BUF_INIT, NULL, 0};
    answer a = {0};
    sk_status st = write_text(f, msg, i, true, &before, e);
    if (!st) st = write_text(f, msg, i + 1, false, &after, e);
    if (!st) {
        bool led_to = common(&before.text, whole) == before.text.len;
        a.from = before.text.len;
        a.end = led_to ? end_of(&msg[i], whole, a.from) : SIZE_MAX;
        a.rest = common(&after.text, whole);
    }
    eng_jinja_text_fini(&before);
    eng_jinja_text_fini(&after);
    if (!st && a.end == SIZE_MAX) st = unclear(e);
    if (st) return st;
    if (a.rest < a.end) a.rest = a.end;
    *out = a;
    return SK_OK;
}

/* ---- tokens ---- */

/* The token that byte `at` of the text stands in: as many tokens of the beginning, encoded alone,
 * as are those of the whole.  A token that reaches across the byte is the first behind it. */
static sk_status token_at(const eng_chatform *f, const eng_jinja_text *whole, size_t at,
                          const int32_t *id, size_t n_ids, size_t *out, sk_err *e)
{
    size_t n = 0, left = at, i = 0;
    eng_ids head = {0};
    eng_jinja_span *span = sk_calloc(SK_MEM_TRAIN, whole->n_span + 1, sizeof *span);
    if (!span) return sk_fail(e, SK_E_NOMEM, "no memory for a conversation");
    for (; n < whole->n_span && left; n++) {
        span[n] = whole->span[n];
        if (span[n].n > left) span[n].n = left;
        left -= span[n].n;
    }
    const eng_jinja_text part = {whole->text, span, n};
    sk_status st = eng_prompt_ids(f->v, &part, &head, e);
    while (!st && i < head.n && i < n_ids && head.id[i] == id[i])
        i++;
    eng_ids_fini(&head);
    sk_free(span);
    if (!st) *out = i;
    return st;
}

/* A token that only the template writes. */
static bool is_mark(const eng_vocab *v, int32_t id)
{
    size_t n = 0;
    (void)eng_vocab_piece(v, id, false, &n);
    return n == 0 || eng_vocab_is_end(v, id);
}

/* Sets the loss of one answer's tokens: what was said and the mark that ends it; if none follows at
 * once, all that the template adds. */
static sk_status mark_answer(const eng_chatform *f, const eng_chat_msg *msg, size_t i,
                             const eng_jinja_text *whole, const eng_ids *ids, size_t start,
                             eng_ids *loss, sk_err *e)
{
    answer a;
    size_t from, to, n = ids->n - start;
    const int32_t *id = ids->id + start;
    sk_status st = find_answer(f, msg, i, &whole->text, &a, e);
    if (!st) st = token_at(f, whole, a.from, id, n, &from, e);
    if (!st) st = token_at(f, whole, a.end, id, n, &to, e);
    if (st) return st;
    if (to < n && is_mark(f->v, id[to]))
        to++;
    else
        st = token_at(f, whole, a.rest, id, n, &to, e);
    for (size_t k = from; !st && k < to; k++)
        loss->id[start + k] = 1;
    return st;
}

/* The whole, then each answer in it. */
static sk_status render(const eng_chatform *f, const eng_chat_msg *msg, size_t n_msg, bool prompt,
                        eng_ids *out, eng_ids *loss, sk_err *e)
{
    size_t start = out->n;
    eng_jinja_text whole = {SK_BUF_INIT, NULL, 0};
    sk_status st = write_text(f, msg, n_msg, prompt, &whole, e);
    if (!st) st = eng_prompt_ids(f->v, &whole, out, e);
    while (!st && loss->n < out->n)
        if (!eng_ids_push(loss, 0)) st = sk_fail(e, SK_E_NOMEM, "no memory for a conversation");
    for (size_t i = 0; !st && i < n_msg; i++)
        if (strcmp(msg[i].role, "assistant") == 0)
            st = mark_answer(f, msg, i, &whole, out, start, loss, e);
    eng_jinja_text_fini(&whole);
    return st;
}

sk_status eng_chatform_render(const eng_chatform *f, const eng_chat_msg *msg, size_t n_msg,
                              bool prompt, eng_ids *out, eng_ids *loss, sk_err *e)
{
    size_t start = out->n;
    assert(loss->n == start);
    sk_status st = f->prompt.template ? render(f, msg, n_msg, prompt, out, loss, e)
                                      : eng_chat_render(f->v, msg, n_msg, prompt, out, loss, e);
    if (st) out->n = loss->n = start;
    return st;
}
