/* tokens.c - POST /tokenize, /detokenize, /apply-template: what the model would read. */
#include "serve/api/api.h"
#include "serve/api/message.h"
#include "serve/api/tools.h"

#include "base/json.h"

#include <inttypes.h>
#include <string.h>

/* What the three are asked; srv_params first, since readers of shared fields fill that. */
typedef struct tok_body {
    srv_params p;
    srv_version *on; /* the model's version, borrowed */
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

/* Reads a body; b is to be freed with srv_params_fini(&b->p). */
static sk_status read_body(srv_api *api, srv_req *r, const srv_fields *t, tok_body *b, srv_fault *f)
{
    size_t n;
    const char *body = srv_req_body(r, &n);
    b->add = true;
    sk_status st = srv_params_init(&b->p, f);
    if (!st) st = srv_fields_read(t, body, n, api->strict, b, &b->p.root, &b->p.unknown, f);
    if (!st && b->p.go_on) st = srv_check_go_on(&b->p, f);
    return st ? st : srv_api_model(api, b->p.model, &b->on, f);
}

/* The ids of what is to be tokenized. */
static sk_status encode(const tok_body *b, eng_ids *ids, srv_fault *f)
{
    const srv_engine *eng = b->on->eng;
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

/* Answers with out, or refuses with f; frees both bodies. */
static void reply(srv_req *r, sk_status st, srv_fault *f, tok_body *b, sk_buf *out)
{
    if (!st) st = srv_params_whole(&b->p, f);
    if (st)
        srv_reply_fault(r, f);
    else
        srv_reply(r, 200, "application/json", out->p, out->len);
    sk_buf_fini(out);
    srv_params_fini(&b->p);
}

/* POST /tokenize */
void srv_post_tokenize(srv_api *api, srv_req *r)
{
    tok_body b = {.content = NULL};
    srv_fault f = {0};
    eng_ids ids = {0};
    sk_buf out = SK_BUF_INIT;
    sk_status st = read_body(api, r, &srv_tokenize_fields, &b, &f);
    if (!st) st = encode(&b, &ids, &f);
    if (!st) add_tokens(b.on->eng, &ids, b.pieces, &out);
    eng_ids_fini(&ids);
    reply(r, st, &f, &b, &out);
}

/* The text of the ids in a body. */
static sk_status decode(const tok_body *b, sk_buf *out, srv_fault *f)
{
    const srv_engine *eng = b->on->eng;
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

/* POST /detokenize */
void srv_post_detokenize(srv_api *api, srv_req *r)
{
    tok_body b = {.content = NULL};
    srv_fault f = {0};
    sk_buf text = SK_BUF_INIT, out = SK_BUF_INIT;
    sk_status st = read_body(api, r, &srv_detokenize_fields, &b, &f);
    if (!st) st = decode(&b, &text, &f);
    sk_buf_adds(&out, "{\"content\":");
    sk_json_add_str(&out, text.len ? text.p : "", text.len);
    sk_buf_adds(&out, "}\n");
    sk_buf_fini(&text);
    reply(r, st, &f, &b, &out);
}

/* POST /apply-template */
void srv_post_template(srv_api *api, srv_req *r)
{
    tok_body b = {.content = NULL};
    srv_fault f = {0};
    sk_err e = SK_ERR_INIT;
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    sk_buf out = SK_BUF_INIT;
    sk_status st = read_body(api, r, &srv_template_fields, &b, &f);
    if (!st) st = srv_syntax_find(b.on->syntax, b.on->eng, &f);
    if (!st) st = srv_syntax_prompt(b.on->syntax, &b.p, &f);
    if (!st && b.on->eng->chat_text(b.on->eng->self, b.p.messages, b.p.vars, b.p.go_on, &text, &e))
        st = srv_fail_err(&f, &e);
    sk_buf_adds(&out, "{\"prompt\":");
    sk_json_add_str(&out, text.text.len ? text.text.p : "", text.text.len);
    sk_buf_adds(&out, "}\n");
    eng_jinja_text_fini(&text);
    reply(r, st, &f, &b, &out);
}
