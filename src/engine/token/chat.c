/* chat.c - ChatML: the markers as ids, the text between as text. */
#include "engine/token/chat.h"

#include <assert.h>
#include <string.h>

/* ChatML as its models carry it; readers tell it by "<|im_start|>". */
const char eng_chat_template_chatml[] =
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/* The arrays that grow, and what they grow with. */
typedef struct rendering {
    const eng_vocab *v;
    int32_t start, end; /* ids of the markers */
    eng_ids *out, *loss;
    sk_err *e;
} rendering;

/* Brings the loss array up to the ids, filling with `flag`. */
static sk_status mark(rendering *r, int32_t flag)
{
    while (r->loss && r->loss->n < r->out->n)
        if (!eng_ids_push(r->loss, flag))
            return sk_fail(r->e, SK_E_NOMEM, "no memory for the conversation");
    return SK_OK;
}

static sk_status put_marker(rendering *r, int32_t id, int32_t flag)
{
    if (!eng_ids_push(r->out, id))
        return sk_fail(r->e, SK_E_NOMEM, "no memory for the conversation");
    return mark(r, flag);
}

/* Text of any origin: never read for special tokens. */
static sk_status put_text(rendering *r, const char *p, size_t n, int32_t flag)
{
    sk_status st = eng_vocab_encode(r->v, p, n, 0, r->out, r->e);
    return st ? st : mark(r, flag);
}

/* What the system or the user says: one text with its role, as the template has it. */
static sk_status put_said(rendering *r, const eng_chat_msg *m)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, m->role);
    sk_buf_addc(&b, '\n');
    sk_buf_add(&b, m->text, m->n);
    sk_status st = sk_buf_ok(&b) ? put_text(r, b.p, b.len, 0)
                                 : sk_fail(r->e, SK_E_NOMEM, "no memory for the conversation");
    sk_buf_fini(&b);
    return st;
}

/* An answer, encoded apart from its opening because that is how it came about: the opening was the
 * prompt, the answer was generated; so the ids of a conversation that goes on stay what they
 * were.  Only the answer itself counts for the loss. */
static sk_status put_answer(rendering *r, const eng_chat_msg *m)
{
    sk_status st = put_text(r, "assistant\n", 10, 0);
    return st ? st : put_text(r, m->text, m->n, 1);
}

/* One message.  The mark that ends an answer counts for the loss too: a model has to learn to
 * stop. */
static sk_status put_message(rendering *r, const eng_chat_msg *m)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    size_t k = 0;
    while (k < 3 && (!m->role || strcmp(m->role, roles[k]) != 0))
        k++;
    if (k == 3)
        return sk_fail(r->e, SK_E_INVALID, "role \"%.32s\": it must be system, user or assistant",
                       m->role ? m->role : "");
    bool answer = k == 2;
    sk_status st = put_marker(r, r->start, 0);
    if (!st) st = answer ? put_answer(r, m) : put_said(r, m);
    if (!st) st = put_marker(r, r->end, answer);
    return st ? st : put_text(r, "\n", 1, 0);
}

/* Appends the ids of the conversation; on failure out and loss are as they were. */
sk_status eng_chat_render(const eng_vocab *v, const eng_chat_msg *msg, size_t n_msg, bool prompt,
                          eng_ids *out, eng_ids *loss, sk_err *e)
{
    rendering r = {
        v, eng_vocab_special(v, "<|im_start|>"), eng_vocab_special(v, "<|im_end|>"), out, loss, e};
    assert(msg || !n_msg);
    assert(!loss || loss->n == out->n);
    if (r.start < 0 || r.end < 0 || !strstr(eng_vocab_chat_template(v), "<|im_start|>"))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "the model's chat template is not ChatML, the only one fine-tuning knows");
    size_t n_out = out->n, n_loss = loss ? loss->n : 0;
    sk_status st = SK_OK;
    for (size_t i = 0; i < n_msg && !st; i++)
        st = put_message(&r, &msg[i]);
    if (!st && prompt) st = put_marker(&r, r.start, 0);
    if (!st && prompt) st = put_text(&r, "assistant\n", 10, 0);
    if (st) {
        out->n = n_out;
        if (loss) loss->n = n_loss;
    }
    return st;
}
