/* embed.c - POST /v1/embeddings: texts as vectors.
 *
 * The vectors are computed on the engine thread, text by text, as one task; between the steps of
 * long texts running answers go on.  A large answer is written by another thread (sched/hands.h).
 */
#include "serve/api/gen.h"
#include "serve/api/keys.h"
#include "serve/api/message.h"

#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What is asked; srv_params first, since readers of shared fields fill that. */
typedef struct embed_body {
    srv_params p;
    const char *format;
    int64_t dimensions;
} embed_body;

#define AT(field) offsetof(embed_body, field)

static sk_status read_input(json_t *v, void *into, srv_fault *f)
{
    return srv_read_prompts(v, "input", into, f);
}

static const srv_field rows[] = {
    {.name = "input",
     .type = SRV_FIELD_READ,
     .kind = "string or array",
     .read = read_input,
     .help = "a text, its token ids, or an array of up to 2048 of either"},
    {.name = "model",
     .type = SRV_FIELD_STR,
     .deflt = "the loaded one",
     .offset = AT(p.model),
     .help = "id from `GET /v1/models`"},
    {.name = "encoding_format",
     .type = SRV_FIELD_STR,
     .deflt = "float",
     .offset = AT(format),
     .help = "`float`: numbers; `base64`: little-endian 32-bit floats"},
    {.name = "dimensions",
     .type = SRV_FIELD_INT,
     .deflt = "the model's",
     .offset = AT(dimensions),
     .min = 1,
     .max = 1 << 20,
     .help = "the first so many numbers, brought to length 1 again; for models trained for that"},
    {.name = "user",
     .type = SRV_FIELD_NOTE,
     .kind = "string",
     .deflt = "none",
     .help = "accepted; has no bearing on the answer"},
};

const srv_fields srv_embed_fields = {"POST /v1/embeddings", "Vectors of texts, of length 1.", rows,
                                     sizeof rows / sizeof *rows};

/* Numbers of an answer that is written at once. */
#define FEW_NUMBERS 4096u

/* A request on its way. */
typedef struct embed_ask {
    srv_owner owner;
    srv_chore chore; /* of writing the answer */
    sk_buf out;      /* which is this */
    srv_api *api;
    srv_version *on;
    srv_req *req; /* NULL: the client is gone */
    srv_job *job;
    eng_ids *ids; /* [n] */
    float *v;     /* [n, n_embd] */
    size_t n, dims, n_tokens;
    uint32_t key;
    uint64_t taken; /* tokens taken off its limit */
    bool base64;
} embed_ask;

static void ask_free(embed_ask *a)
{
    if (!a) return;
    for (size_t i = 0; a->ids && i < a->n; i++)
        eng_ids_fini(&a->ids[i]);
    sk_free(a->ids);
    sk_free(a->v);
    sk_buf_fini(&a->out);
    srv_job_free(a->job);
    srv_version_put(a->on);
    sk_free(a);
}

/* Engine thread: all texts, one after another. */
static sk_status compute(srv_job *j, const srv_between *b, sk_err *e)
{
    embed_ask *a = j->owner;
    const srv_engine *eng = a->on->eng;
    const eng_lora *l = a->on->adapter ? a->on->adapter->lora : NULL;
    sk_status st = SK_OK;
    for (size_t i = 0; i < a->n && !st; i++) {
        if (i && !b->fn(b->arg)) return sk_fail(e, SK_E_STOPPED, "stopped between texts");
        st = eng->embed(eng->self, l, &a->ids[i], b, a->v + i * eng->n_embd, e);
    }
    return st;
}

/* ---- the answer ---- */

/* n bytes in base64 (RFC 4648). */
static void add_base64(const void *data, size_t n, sk_buf *out)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16;
        if (i + 1 < n) v |= (unsigned)p[i + 1] << 8;
        if (i + 2 < n) v |= p[i + 2];
        sk_buf_addc(out, digit[v >> 18]);
        sk_buf_addc(out, digit[v >> 12 & 63]);
        sk_buf_addc(out, i + 1 < n ? digit[v >> 6 & 63] : '=');
        sk_buf_addc(out, i + 2 < n ? digit[v & 63] : '=');
    }
}

/* Scales v to length 1; a vector of zeros stays. */
static void normalise(float *v, size_t n)
{
    double sq = 0;
    for (size_t i = 0; i < n; i++)
        sq += (double)v[i] * (double)v[i];
    for (size_t i = 0; sq > 0 && i < n; i++)
        v[i] = (float)((double)v[i] / sqrt(sq));
}

static void add_vector(embed_ask *a, size_t which, sk_buf *out)
{
    float *v = a->v + which * a->on->eng->n_embd;
    if (a->dims < a->on->eng->n_embd) normalise(v, a->dims);
    sk_buf_addf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", which ? "," : "",
                which);
    sk_buf_addc(out, a->base64 ? '"' : '[');
    if (a->base64) add_base64(v, a->dims * sizeof *v, out);
    for (size_t i = 0; i < a->dims && !a->base64; i++)
        sk_buf_addf(out, "%s%.9g", i ? "," : "", (double)v[i]);
    sk_buf_adds(out, a->base64 ? "\"}" : "]}");
}

/* The answer, by whichever thread. */
static void write_answer(embed_ask *a)
{
    sk_buf *b = &a->out;
    sk_buf_adds(b, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < a->n; i++)
        add_vector(a, i, b);
    sk_buf_adds(b, "],\"model\":");
    sk_json_add_str(b, a->on->name, strlen(a->on->name));
    sk_buf_addf(b, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}\n", a->n_tokens,
                a->n_tokens);
}

static void work(srv_chore *c)
{
    write_answer((embed_ask *)(void *)((char *)c - offsetof(embed_ask, chore)));
}

/* The end of a, which was written or is no more wanted. */
static void send_answer(embed_ask *a)
{
    srv_req *r = a->req;
    if (r) srv_req_watch(r, NULL, NULL);
    if (r) srv_api_reply(r, 200, "application/json", &a->out);
    ask_free(a);
}

/* An answer that was computed is written here where too many others wait. */
static void written(srv_chore *c, srv_chore_end how)
{
    embed_ask *a = (embed_ask *)(void *)((char *)c - offsetof(embed_ask, chore));
    if (how == SRV_CHORE_CROWDED) write_answer(a);
    send_answer(a);
}

static void answer(embed_ask *a)
{
    a->chore = (srv_chore){.work = work, .done = written, .key = a->key};
    bool many = a->n * a->dims > FEW_NUMBERS && a->api->hands;
    if (many && srv_hands_give(a->api->hands, &a->chore)) return;
    write_answer(a);
    send_answer(a);
}

/* The task's only mail. */
static void take_mail(srv_owner *o, srv_job *j, const srv_mail *m)
{
    embed_ask *a = (embed_ask *)(void *)o;
    srv_req *r = a->req;
    srv_fault f = {0};
    bool good = m->finish == SRV_FIN_STOP;
    assert(m->finish && a->job == j);
    srv_job_free(a->job);
    a->job = NULL;
    srv_key_usage used = {1, good ? a->n_tokens : 0, 0, 0};
    if (a->key) srv_keys_used(a->api->keys, a->key, a->taken, &used);
    if (r) srv_req_marks(r)->n_prompt = used.prompt;
    if (r && good) {
        answer(a);
        return;
    }
    if (r) {
        if (m->finish == SRV_FIN_ERROR)
            (void)srv_fail_err(&f, &m->err);
        else
            (void)srv_fail(&f, SRV_DRAINING, NULL, "the server is shutting down");
        srv_req_watch(r, NULL, NULL);
        srv_reply_fault(r, &f);
    }
    ask_free(a);
}

/* ---- the request ---- */

static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    embed_ask *a = arg;
    (void)r;
    if (news != SRV_REQ_GONE) return;
    a->req = NULL;
    if (a->job)
        srv_sched_cancel(a->on->sched, a->job);
    else
        (void)srv_hands_drop(a->api->hands, &a->chore);
}

/* The ids of one text, within what the model can read. */
static sk_status encode(embed_ask *a, const srv_prompt *p, eng_ids *ids, srv_fault *f)
{
    const srv_engine *eng = a->on->eng;
    sk_err e = SK_ERR_INIT;
    for (size_t i = 0; i < p->ids.n; i++)
        if ((size_t)p->ids.id[i] >= eng->n_vocab)
            return srv_fail(f, SRV_BAD_VALUE, "input", "token %" PRId32 "; the model has %zu",
                            p->ids.id[i], eng->n_vocab);
    if (p->text && eng->encode(eng->self, p->text, p->n, true, ids, &e)) return srv_fail_err(f, &e);
    if (!p->text && !eng_ids_add(ids, p->ids.id, p->ids.n))
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the text");
    if (!ids->n || (p->text && !p->n))
        return srv_fail(f, SRV_BAD_VALUE, "input", "'input' must not have empty texts");
    if (ids->n > eng->n_ctx)
        return srv_fail(f, SRV_TOO_LONG, "input", "a text of %zu tokens; the model takes %zu",
                        ids->n, eng->n_ctx);
    a->n_tokens += ids->n;
    return SK_OK;
}

/* Fills a from a body. */
static sk_status fill(embed_ask *a, const embed_body *b, srv_fault *f)
{
    size_t n_embd = a->on->eng->n_embd;
    bool base64 = b->format && strcmp(b->format, "base64") == 0;
    if (b->format && !base64 && strcmp(b->format, "float") != 0)
        return srv_fail(f, SRV_BAD_VALUE, "encoding_format",
                        "'encoding_format' must be float or base64");
    if ((uint64_t)b->dimensions > n_embd)
        return srv_fail(f, SRV_BAD_VALUE, "dimensions", "the model's vectors have %zu numbers",
                        n_embd);
    a->base64 = base64;
    a->dims = b->dimensions ? (size_t)b->dimensions : n_embd;
    a->ids = sk_calloc(SK_MEM_REQUEST, b->p.n_prompts, sizeof *a->ids);
    a->v = sk_calloc(SK_MEM_REQUEST, b->p.n_prompts * n_embd, sizeof *a->v);
    a->job = srv_job_new();
    if (!a->ids || !a->v || !a->job)
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    a->n = b->p.n_prompts;
    a->job->owner = a;
    a->job->task = compute;
    sk_status st = SK_OK;
    for (size_t i = 0; i < a->n && !st; i++)
        st = encode(a, &b->p.prompt[i], &a->ids[i], f);
    return st;
}

/* A request that is prepared. */
typedef struct embed_prep {
    srv_prep prep;
    embed_body b;
    embed_ask *a; /* its version is borrowed from prep.live; NULL: not made, or submitted */
    sk_buf unknown;
} embed_prep;

static sk_status read_body(srv_prep *p, srv_fault *f)
{
    embed_body *b = &((embed_prep *)(void *)p)->b;
    sk_status st = srv_params_init(&b->p, f);
    return st ? st : srv_prep_fields(p, &srv_embed_fields, b, &b->p.root, &b->p.unknown, f);
}

static sk_status make(srv_prep *p, srv_fault *f)
{
    embed_prep *x = (embed_prep *)(void *)p;
    srv_version *v = NULL;
    sk_status st = srv_prep_model(p, x->b.p.model, &v, f);
    if (st) return st;
    embed_ask *a = x->a = sk_calloc(SK_MEM_REQUEST, 1, sizeof *x->a);
    if (!a) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    a->owner.mail = take_mail;
    a->api = p->api;
    a->on = v;
    a->key = p->key;
    x->unknown = x->b.p.unknown;
    x->b.p.unknown = (sk_buf)SK_BUF_INIT;
    return fill(a, &x->b, f);
}

static void clear(srv_prep *p)
{
    srv_params_fini(&((embed_prep *)(void *)p)->b.p);
}

static sk_status done(srv_prep *p, srv_req *r, srv_fault *f)
{
    embed_prep *x = (embed_prep *)(void *)p;
    embed_ask *a = x->a;
    srv_sched *s = a->on->sched;
    sk_status st = srv_gen_ready(p->api, f);
    if (!st && a->key) st = srv_keys_take(p->api->keys, a->key, a->n_tokens, &a->taken, r, f);
    if (!st && srv_sched_submit(s, a->job)) {
        if (a->key) srv_keys_give(p->api->keys, a->key, a->taken);
        st = srv_ask_overloaded(s, f);
    }
    if (st) return st;
    (void)srv_version_take(a->on);
    x->a = NULL;
    a->req = r;
    srv_req_watch(r, on_news, a);
    srv_ask_version(a->on, r);
    if (x->unknown.len) srv_req_header(r, "x-stoke-ignored", x->unknown.p);
    return SK_OK;
}

static void fini(srv_prep *p)
{
    embed_prep *x = (embed_prep *)(void *)p;
    sk_buf_fini(&x->unknown);
    if (!x->a) return;
    (void)srv_version_take(x->a->on); /* which goes with it */
    ask_free(x->a);
}

/* POST /v1/embeddings */
void srv_post_embed(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {sizeof(embed_prep), read_body, NULL, make, clear, done, fini,
                                       srv_fault_json};
    srv_gen_begin(api, r, &kind);
}
