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
                               .value = o->no_answer ? json_false() : json_true()};
    add_token(var, &n, v, "bos_token", eng_vocab_bos(v));
    add_token(var, &n, v, "eos_token", eng_vocab_eos(v));
    sk_status st = add_extra(var, &n, o->extra, e);
    if (st) return st;
    const eng_jinja_input in = {.var = var, .n_var = n, .now = o->now, .utc = o->utc};
    st = eng_jinja_render(p->template, &in, out, e);
    return st && st != SK_E_NOMEM ? sk_while(e, "the chat template") : st;
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
