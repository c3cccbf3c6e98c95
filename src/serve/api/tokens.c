/* tokens.c - POST /tokenize, /detokenize, /apply-template: what the model would read. */
#include "serve/api/message.h"
#include "serve/api/prep.h"
#include "serve/api/tools.h"

#include "base/json.h"

#include <inttypes.h>
#include <string.h>

/* What the three are asked; srv_params first, since readers of shared fields fill that. */
typedef struct tok_body {
    srv_params p;
    const char *content, *prompt;
    bool add, pieces;
} tok_body;

#define AT(field) offsetof(tok_body, field)
#define MODEL_ROW                                                                                  \
    {                                                                                              \
        .name = "model", .type = SRV_FIELD_STR, .deflt = "the loaded one", .offset = AT(p.model),  \
        .help = "id from `GET /v1/models`"                                                         \
    }
#define GO_ON_ROW                                                                                  \
    {                                                                                              \
        .name = "continue_final_message", .type = SRV_FIELD_BOOL, .deflt = "false",                \
        .offset = AT(p.go_on), .help = "the last message, an assistant's, is left open"            \
    }

static const srv_field tokenize_rows[] = {
    {.name = "content",
     .type = SRV_FIELD_STR,
     .deflt = "none",
     .offset = AT(content),
     .help = "the text; special tokens are not read in it"},
    {.name = "prompt",
     .type = SRV_FIELD_STR,
     .deflt = "none",
     .offset = AT(prompt),
     .help = "the same by another name"},
    {.name = "messages",
     .type = SRV_FIELD_READ,
     .kind = "array",
     .deflt = "none",
     .read = srv_read_messages,
     .help = "instead of a text: a conversation, as it is asked"},
    {.name = "chat_template_kwargs",
     .type = SRV_FIELD_READ,
     .kind = "object",
     .deflt = "none",
     .read = srv_read_template_vars,
     .help = "variables for the template, with `messages`"},
    GO_ON_ROW,
    MODEL_ROW,
    {.name = "add_special",
     .type = SRV_FIELD_BOOL,
     .deflt = "true",
     .offset = AT(add),
     .help =
         "with the tokens that the model's file wants around a text, as /v1/completions counts"},
    {.name = "with_pieces",
     .type = SRV_FIELD_BOOL,
     .deflt = "false",
     .offset = AT(pieces),
     .help = "`tokens` has objects `{\"id\", \"piece\"}` instead of ids"},
};

static const srv_field detokenize_rows[] = {
    {.name = "tokens",
     .type = SRV_FIELD_READ,
     .kind = "array",
     .read = srv_read_token_ids,
     .help = "token ids"},
    MODEL_ROW,
};

static const srv_field template_rows[] = {
    {.name = "messages",
     .type = SRV_FIELD_READ,
     .kind = "array",
     .read = srv_read_messages,
     .help = "a conversation"},
    {.name = "chat_template_kwargs",
     .type = SRV_FIELD_READ,
     .kind = "object",
     .deflt = "none",
     .read = srv_read_template_vars,
     .help = "variables for the template"},
    {.name = "tools",
     .type = SRV_FIELD_READ,
     .kind = "array",
     .deflt = "none",
     .read = srv_read_tools,
     .help = "functions the model may call"},
    GO_ON_ROW,
    MODEL_ROW,
};

#define TABLE(rows) rows, sizeof rows / sizeof *rows

const srv_fields srv_tokenize_fields = {"POST /tokenize", "The tokens of a text or conversation.",
                                        TABLE(tokenize_rows)};
const srv_fields srv_detokenize_fields = {"POST /detokenize", "The text of tokens.",
                                          TABLE(detokenize_rows)};
const srv_fields srv_template_fields = {
    "POST /apply-template", "The prompt of a conversation, as text.", TABLE(template_rows)};

typedef struct tok_prep {
    srv_prep prep;
    tok_body b;
} tok_prep;

static tok_body *body_of(srv_prep *p)
{
    return &((tok_prep *)(void *)p)->b;
}

static sk_status read_by(srv_prep *p, const srv_fields *t, srv_fault *f)
{
    tok_body *b = body_of(p);
    b->add = true;
    sk_status st = srv_params_init(&b->p, f);
    if (!st) st = srv_prep_fields(p, t, b, &b->p.root, &b->p.unknown, f);
    return !st && b->p.go_on ? srv_check_go_on(&b->p, f) : st;
}

static sk_status read_tokenize(srv_prep *p, srv_fault *f)
{
    return read_by(p, &srv_tokenize_fields, f);
}

static sk_status read_detokenize(srv_prep *p, srv_fault *f)
{
    return read_by(p, &srv_detokenize_fields, f);
}

static sk_status read_template(srv_prep *p, srv_fault *f)
{
    return read_by(p, &srv_template_fields, f);
}

static void clear(srv_prep *p)
{
    srv_params_fini(&body_of(p)->p);
}

/* The ids of what is to be tokenized. */
static sk_status encode(const tok_body *b, const srv_engine *eng, eng_ids *ids, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    const char *text = b->content ? b->content : b->prompt;
    if (!text && !b->p.messages)
        return srv_fail(f, SRV_MISSING, "content", "give 'content' or 'messages'");
    if (text && b->p.messages)
        return srv_fail(f, SRV_BAD_VALUE, "messages", "give 'content' or 'messages', not both");
    sk_status st = text ? eng->encode(eng->self, text, strlen(text), b->add, ids, &e)
                        : eng->chat(eng->self, b->p.messages, b->p.vars, b->p.go_on, ids, &e);
    return st ? srv_fail_err(f, &e) : SK_OK;
}

static void add_tokens(const srv_engine *eng, const eng_ids *ids, bool pieces, sk_buf *out)
{
    sk_buf_adds(out, "{\"tokens\":[");
    for (size_t i = 0; i < ids->n; i++) {
        size_t n = 0;
        if (i) sk_buf_addc(out, ',');
        if (pieces) sk_buf_adds(out, "{\"id\":");
        sk_buf_addf(out, "%" PRId32, ids->id[i]);
        if (!pieces) continue;
        const char *p = eng->piece_all(eng->self, ids->id[i], &n);
        sk_buf_adds(out, ",\"piece\":");
        sk_json_add_str(out, p, n);
        sk_buf_addc(out, '}');
    }
    sk_buf_addf(out, "],\"count\":%zu,\"max_model_len\":%zu}\n", ids->n, eng->n_ctx);
}

static sk_status make_tokens(srv_prep *p, srv_fault *f)
{
    const tok_body *b = body_of(p);
    srv_version *v = NULL;
    eng_ids ids = {0};
    sk_status st = srv_prep_model(p, b->p.model, &v, f);
    if (!st) st = encode(b, v->eng, &ids, f);
    if (!st) add_tokens(v->eng, &ids, b->pieces, &p->out);
    eng_ids_fini(&ids);
    return st;
}

/* POST /tokenize */
void srv_post_tokenize(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {.bytes = sizeof(tok_prep),
                                       .read = read_tokenize,
                                       .make = make_tokens,
                                       .clear = clear,
                                       .fault = srv_fault_json};
    srv_prep_begin(api, r, &kind);
}

/* The text of the ids in a body. */
static sk_status decode(const tok_body *b, const srv_engine *eng, sk_buf *out, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    const eng_ids *ids = &b->p.prompt[0].ids;
    if (b->p.n_prompts != 1 || b->p.prompt[0].text)
        return srv_field_bad_type(f, "tokens", "an array of token ids");
    for (size_t i = 0; i < ids->n; i++)
        if ((size_t)ids->id[i] >= eng->n_vocab)
            return srv_fail(f, SRV_BAD_VALUE, "tokens",
                            "'tokens[%zu]' is %" PRId32 "; the model has %zu tokens", i, ids->id[i],
                            eng->n_vocab);
    return eng->decode(eng->self, ids->id, ids->n, out, &e) ? srv_fail_err(f, &e) : SK_OK;
}

static sk_status make_text(srv_prep *p, srv_fault *f)
{
    const tok_body *b = body_of(p);
    srv_version *v = NULL;
    sk_buf text = SK_BUF_INIT;
    sk_status st = srv_prep_model(p, b->p.model, &v, f);
    if (!st) st = decode(b, v->eng, &text, f);
    sk_buf_adds(&p->out, "{\"content\":");
    sk_json_add_str(&p->out, text.len ? text.p : "", text.len);
    sk_buf_adds(&p->out, "}\n");
    sk_buf_fini(&text);
    return st;
}

/* POST /detokenize */
void srv_post_detokenize(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {.bytes = sizeof(tok_prep),
                                       .read = read_detokenize,
                                       .make = make_text,
                                       .clear = clear,
                                       .fault = srv_fault_json};
    srv_prep_begin(api, r, &kind);
}

static sk_status make_prompt(srv_prep *p, srv_fault *f)
{
    tok_body *b = body_of(p);
    sk_err e = SK_ERR_INIT;
    srv_version *v = NULL;
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    sk_status st = srv_prep_model(p, b->p.model, &v, f);
    if (!st) st = srv_syntax_find(v->syntax, v->eng, f);
    if (!st) st = srv_syntax_prompt(v->syntax, &b->p, f);
    if (!st && v->eng->chat_text(v->eng->self, b->p.messages, b->p.vars, b->p.go_on, &text, &e))
        st = srv_fail_err(f, &e);
    sk_buf_adds(&p->out, "{\"prompt\":");
    sk_json_add_str(&p->out, text.text.len ? text.text.p : "", text.text.len);
    sk_buf_adds(&p->out, "}\n");
    eng_jinja_text_fini(&text);
    return st;
}

/* POST /apply-template */
void srv_post_template(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {.bytes = sizeof(tok_prep),
                                       .read = read_template,
                                       .make = make_prompt,
                                       .clear = clear,
                                       .fault = srv_fault_json};
    srv_prep_begin(api, r, &kind);
}
