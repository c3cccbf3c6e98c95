/* prompt.c - conversations to text by the model's template, and to ids. */
#include "engine/model/prompt.h"

#include "base/mem.h"
#include "engine/model/model.h"

#include <string.h>

/* ---- rendering ---- */

/* Variables of a conversation: what transformers' apply_chat_template gives a template, and the
 * caller's own. */
enum { MAX_EXTRA = 64, MAX_VARS = MAX_EXTRA + 8 };

/* A special token's text; not given where the model has none. */
static void add_token(eng_jinja_var *var, size_t *n, const eng_vocab *v, const char *name,
                      int32_t id)
{
    size_t len = 0;
    const char *p = id < 0 ? "" : eng_vocab_piece(v, id, true, &len);
    if (id < 0) return;
    var[(*n)++] = (eng_jinja_var){.name = name, .text = p, .n_text = len};
}

/* Appends the members of `extra`; those a template must not be lied to about are refused. */
static sk_status add_extra(eng_jinja_var *var, size_t *n, json_t *extra, sk_err *e)
{
    const char *key;
    json_t *value;
    if (!extra) return SK_OK;
    if (json_object_size(extra) > MAX_EXTRA)
        return sk_fail(e, SK_E_INVALID, "a chat template takes at most %d variables", MAX_EXTRA);
    json_object_foreach(extra, key, value)
    {
        if (strcmp(key, "messages") == 0 ||
            (eng_jinja_is_own(key) && strcmp(key, "add_generation_prompt") != 0))
            return sk_fail(e, SK_E_INVALID, "the template's variable \"%.40s\" can't be set", key);
        var[(*n)++] =
            (eng_jinja_var){.name = key, .value = value, .message = !eng_jinja_is_own(key)};
    }
    return SK_OK;
}

/* The text of the last message. */
static void last_content(json_t *messages, const eng_chat_msg *msg, size_t n_msg, const char **p,
                         size_t *n)
{
    size_t last = messages ? json_array_size(messages) : n_msg;
    *p = "";
    *n = 0;
    if (!last) return;
    const json_t *v =
        messages ? json_object_get(json_array_get(messages, last - 1), "content") : NULL;
    if (messages && json_is_string(v)) {
        *p = json_string_value(v);
        *n = json_string_length(v);
    } else if (!messages) {
        *p = msg[last - 1].text;
        *n = msg[last - 1].n;
    }
}

/* n without the blanks at the end of p[0..n). */
static size_t trimmed(const char *p, size_t n)
{
    while (n && strchr(" \t\r\n", p[n - 1]))
        n--;
    return n;
}

/* True if one of two texts is the end of the other, and neither is empty. */
static bool same_end(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t n = n_a < n_b ? n_a : n_b;
    return n && memcmp(a + n_a - n, b + n_b - n, n) == 0;
}

/* Cuts what the template wrote behind the last message's text p[0..n).  The text is the last span
 * that stems from a message and ends like it; templates may have dropped the blanks at its end,
 * which are put back, and what stood before it (reasoning). */
static sk_status leave_open(eng_jinja_text *t, const char *p, size_t n, sk_err *e)
{
    size_t end = t->text.len, said = trimmed(p, n);
    for (size_t i = t->n_span; i-- > 0; end -= t->span[i].n) {
        eng_jinja_span *s = &t->span[i];
        size_t begin = end - s->n, len = trimmed(t->text.p + begin, s->n);
        if (!s->message || !same_end(t->text.p + begin, len, p, said)) continue;
        t->n_span = i + 1;
        s->n = len + n - said;
        t->text.len = begin + len;
        sk_buf_add(&t->text, p + said, n - said);
        return sk_buf_ok(&t->text) ? SK_OK
                                   : sk_fail(e, SK_E_NOMEM, "no memory for the conversation");
    }
    return sk_fail(e, SK_E_INVALID,
                   "the chat template does not show the last message's text, so it can't be gone "
                   "on with");
}

/* The variables are those that transformers passes to a chat template; tools and documents are
 * there as none, since templates test them without asking whether they are defined. */
sk_status eng_prompt_text(const eng_prompt *p, const eng_vocab *v, json_t *messages,
                          const eng_chat_msg *msg, size_t n_msg, const eng_chat_opts *o,
                          eng_jinja_text *out, sk_err *e)
{
    static const eng_chat_opts usual = {.now = -1};
    eng_jinja_var var[MAX_VARS];
    size_t n = 0;
    if (p->why.status) return sk_fail(e, p->why.status, "%s", p->why.text);
    if (!o) o = &usual;
    var[n++] = (eng_jinja_var){
        .name = "messages", .value = messages, .message = true, .msg = msg, .n_msg = n_msg};
    var[n++] = (eng_jinja_var){.name = "tools"};
    var[n++] = (eng_jinja_var){.name = "documents"};
    var[n++] = (eng_jinja_var){.name = "add_generation_prompt",
                               .value = o->no_answer || o->open_end ? json_false() : json_true()};
    add_token(var, &n, v, "bos_token", eng_vocab_bos(v));
    add_token(var, &n, v, "eos_token", eng_vocab_eos(v));
    sk_status st = add_extra(var, &n, o->extra, e);
    if (st) return st;
    const eng_jinja_input in = {.var = var, .n_var = n, .now = o->now, .utc = o->utc};
    st = eng_jinja_render(p->template, &in, out, e);
    if (st) return st != SK_E_NOMEM ? sk_while(e, "the chat template") : st;
    if (!o->open_end) return SK_OK;
    const char *text;
    size_t len;
    last_content(messages, msg, n_msg, &text, &len);
    return leave_open(out, text, len, e);
}

sk_status eng_prompt_ids(const eng_vocab *v, const eng_jinja_text *text, eng_ids *out, sk_err *e)
{
    eng_text_part *part = sk_calloc(SK_MEM_REQUEST, text->n_span + 1, sizeof *part);
    if (!part) return sk_fail(e, SK_E_NOMEM, "no memory for the conversation");
    for (size_t i = 0; i < text->n_span; i++)
        part[i] = (eng_text_part){text->span[i].n, text->span[i].message};
    sk_status st = eng_vocab_encode_parts(v, text->text.p, part, text->n_span, ENG_TOK_ADD, out, e);
    sk_free(part);
    return st;
}

/* ---- opening ---- */

/* A short conversation, as a trial. */
static sk_status try_out(const eng_prompt *p, const eng_vocab *v, sk_err *e)
{
    const eng_chat_msg hello = {"user", "Hello", 5};
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    const eng_chat_opts o = {.now = 0, .utc = true};
    sk_status st = eng_prompt_text(p, v, NULL, &hello, 1, &o, &text, e);
    eng_jinja_text_fini(&text);
    return st;
}

/* A template is tried once, here: what is wrong with it is then known before the first question,
 * and a server can say so when it starts. */
sk_status eng_prompt_open(const eng_vocab *v, const char *text, size_t n, eng_prompt *out,
                          sk_err *e)
{
    eng_prompt p = {NULL, SK_ERR_INIT};
    sk_status st = SK_OK;
    if (!n && eng_vocab_special(v, "<|im_start|>") >= 0 &&
        eng_vocab_special(v, "<|im_end|>") >= 0) {
        text = eng_chat_template_chatml;
        n = strlen(text);
    }
    if (!n)
        (void)sk_fail(&p.why, SK_E_UNSUPPORTED,
                      "the model has no chat template; give one with --chat-template FILE");
    else
        st = eng_jinja_compile(text, n, &p.template, &p.why);
    if (st && st != SK_E_NOMEM) (void)sk_while(&p.why, "the chat template");
    if (!st && p.template) st = try_out(&p, v, &p.why);
    if (st == SK_E_NOMEM) {
        eng_prompt_close(&p);
        return sk_fail(e, st, "no memory for the chat template");
    }
    *out = p;
    return SK_OK;
}

void eng_prompt_close(eng_prompt *p)
{
    eng_jinja_free(p->template);
    *p = (eng_prompt){NULL, SK_ERR_INIT};
}
