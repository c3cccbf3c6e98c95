/* gen.c - POST /v1/chat/completions and /v1/completions: from a body to jobs under way. */
#include "serve/api/gen.h"
#include "serve/api/aim.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of records of prompts' tokens that one request may ask for. */
#define MAX_SCORES ((uint64_t)32 << 20)

/* The seed of answer number k to one prompt: the first has the request's own, so that it is the
 * answer of a request for one; the others are far from it and from each other (the finaliser of
 * MurmurHash3 over multiples of the golden ratio). */
static uint64_t seed_of(uint64_t seed, size_t k)
{
    uint64_t h = seed + k * 0x9e3779b97f4a7c15u;
    if (!k) return seed;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

/* ---- jobs ---- */

/* What all jobs of a request share, which came at at_us. */
static sk_status fill_job(srv_job *j, const srv_params *p, uint64_t seed, uint64_t at_us,
                          srv_fault *f)
{
    if (!srv_job_set_sample(j, &p->sample))
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    j->sample.seed = seed;
    j->stops = p->stops;
    j->ignore_end = p->ignore_eos;
    j->want_lp = p->chat ? p->logprobs : p->n_logprobs >= 0;
    j->want_toks = j->want_lp;
    j->n_top = j->want_lp ? (uint32_t)(p->chat ? p->top_logprobs : p->n_logprobs) : 0;
    j->want_prompt = j->want_lp && p->echo;
    if (p->best_of > p->n) j->want_lp = j->want_toks = true;
    j->priority = -(int32_t)p->priority;
    if (p->deadline > 0) j->deadline_us = at_us + (uint64_t)(p->deadline * 1e6);
    return SK_OK;
}

/* The jobs of prompt number `which`; its ids are made once. */
static sk_status fill_prompt(srv_ask *a, const srv_params *p, size_t which, uint64_t seed,
                             srv_fault *f)
{
    size_t width = srv_params_width(p);
    srv_choice *c = &a->choice[which * width];
    srv_job *first = c->job;
    c->first_of_prompt = true;
    sk_status st = srv_params_tokens(p, a->on->eng, which, &first->prompt, &first->n_max, f);
    if (!st && srv_aim_forced(p)) st = srv_aim_prompt(a, p, first, f);
    bool in_reason = !st && p->chat && srv_syntax_in_reason(a->on->eng, &first->prompt);
    for (size_t k = 0; k < width && !st; k++) {
        srv_job *j = c[k].job;
        st = fill_job(j, p, seed_of(seed, k), a->at_us, f);
        if (!st) st = srv_aim_choice(&c[k], p, in_reason, f);
        if (st || !k) continue;
        j->n_max = first->n_max;
        if (!eng_ids_add(&j->prompt, first->prompt.id, first->prompt.n))
            st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    }
    return st;
}

/* The text of ids, without control tokens. */
static void add_pieces(const srv_engine *eng, const eng_ids *ids, sk_buf *out)
{
    for (size_t i = 0; i < ids->n; i++) {
        size_t n = 0;
        const char *piece = eng->piece(eng->self, ids->id[i], &n);
        sk_buf_add(out, piece, n);
    }
}

/* The prompt of an answer that is to echo it: at once, or with the log-probabilities of its tokens.
 * Those say where in the text they begin, so a blank that the tokenizer put in front is counted. */
static void echo_prompt(srv_choice *c, const srv_params *p)
{
    const srv_engine *eng = c->ask->on->eng;
    const srv_prompt *from = &p->prompt[c->index / srv_params_width(p)];
    sk_buf *text = &c->echo;
    if (from->text) sk_buf_add(text, from->text, from->n);
    add_pieces(eng, &from->ids, text);
    if (c->job->want_prompt) {
        sk_buf pieces = SK_BUF_INIT;
        c->n_echo = c->job->prompt.n;
        add_pieces(eng, &c->job->prompt, &pieces);
        if (pieces.len > text->len) c->lp_at = -(int64_t)(pieces.len - text->len);
        sk_buf_fini(&pieces);
        return;
    }
    if (text->len) srv_ask_part(c, SRV_PART_TEXT, 0, text->p, text->len);
    sk_buf_reset(text);
}

/* Refuses more log-probabilities of prompts than there should be memory for. */
static sk_status check_scores(const srv_ask *a, srv_fault *f)
{
    uint64_t n = 0, top = a->choice[0].job->n_top;
    for (size_t i = 0; i < a->n; i++)
        if (a->choice[i].job->want_prompt) n += a->choice[i].job->prompt.n;
    uint64_t bytes = n * (offsetof(srv_tok, top) + top * sizeof(eng_logprob));
    if (bytes <= MAX_SCORES) return SK_OK;
    return srv_fail(f, SRV_BAD_VALUE, "logprobs",
                    "log-probabilities of %" PRIu64 " tokens of prompts, with %" PRIu64
                    " others each, are too many for one request",
                    n, top);
}

/* What does not depend on the prompt's tokens. */
static sk_status check_early(const srv_version *v, const srv_params *p, srv_fault *f)
{
    if (v->eng->no_text)
        return srv_fail(f, SRV_UNSUPPORTED, "model",
                        "model '%.100s' writes no text; ask it for /v1/embeddings", v->name);
    if (p->chat && !v->eng->has_chat)
        return srv_fail(f, SRV_UNSUPPORTED, "model",
                        "model '%.100s' has no chat template; use /v1/completions", v->name);
    return SK_OK;
}

/* The scheduler of the first model, which is full; NULL where any has room. */
static const srv_sched *all_full(const srv_api *api)
{
    const srv_sched *full = NULL;
    for (const srv_model *m = srv_roster_first(api->roster); m; m = m->next) {
        if (!m->live) continue;
        if (!srv_sched_is_full(m->live->sched)) return NULL;
        if (!full) full = m->live->sched;
    }
    return full;
}

sk_status srv_gen_ready(srv_api *api, srv_fault *f)
{
    if (api->draining) {
        f->retry_s = 1;
        return srv_fail(f, SRV_DRAINING, NULL, "the server is shutting down");
    }
    const srv_sched *full = all_full(api);
    return full ? srv_ask_overloaded(full, f) : SK_OK;
}

/* The jobs of all prompts. */
static sk_status fill_all(srv_ask *a, srv_params *p, uint64_t seed, srv_fault *f)
{
    sk_status st = srv_aim_rule(a, p, f);
    for (size_t i = 0; i < srv_params_prompts(p) && !st; i++)
        st = fill_prompt(a, p, i, seed, f);
    return st;
}

/* An ask for the answers to p's prompts, with its jobs. */
static sk_status fill_ask(srv_ask *a, srv_params *p, const srv_prep *prep, srv_fault *f)
{
    uint64_t seed = p->has_seed ? p->sample.seed : prep->seed;
    sk_status st = SK_OK;
    if (p->chat) {
        st = srv_syntax_find(a->on->syntax, a->on->eng, f);
        if (!st) st = srv_syntax_prompt(a->on->syntax, p, f);
    }
    a->include_usage = p->include_usage;
    a->width = srv_params_width(p);
    a->keep = (size_t)p->n;
    a->at_us = prep->at_us;
    a->answer.chat = p->chat;
    a->answer.has_usage = p->include_usage;
    if (!st) st = fill_all(a, p, seed, f);
    a->want_lp = p->chat ? p->logprobs : p->n_logprobs >= 0;
    if (!st) st = check_scores(a, f);
    for (size_t i = 0; !st && p->echo && i < a->n; i++)
        echo_prompt(&a->choice[i], p);
    return !st && srv_aim_forced(p) ? srv_aim_begin(a, p, f) : st;
}

/* What fails here leaves the ask to srv_gen_fini. */
sk_status srv_gen_make(srv_gen *g, const srv_form *form, srv_fault *f)
{
    srv_params *p = g->p;
    size_t n = srv_params_prompts(p) * srv_params_width(p);
    srv_version *v = NULL;
    sk_status st = srv_prep_model(&g->prep, p->model, &v, f);
    if (!st) st = check_early(v, p, f);
    if (st) return st;
    g->ask = srv_ask_new(g->prep.api, v, g->prep.id, form, n, p->stream, f);
    if (!g->ask) return SK_E_NOMEM;
    g->ask->extra = p->extra;
    p->extra = NULL;
    g->unknown = p->unknown;
    p->unknown = (sk_buf)SK_BUF_INIT;
    return fill_ask(g->ask, p, &g->prep, f);
}

/* What makes a grammar, or shows the template more than messages. */
bool srv_gen_is_long(const srv_prep *p)
{
    const srv_params *of = ((const srv_gen *)(const void *)p)->p;
    return of->rule || json_array_size(of->tools) || of->vars;
}

sk_status srv_gen_done(srv_prep *p, srv_req *r, srv_fault *f)
{
    srv_gen *g = (srv_gen *)(void *)p;
    srv_ask *a = g->ask;
    sk_status st = srv_gen_ready(p->api, f);
    if (!st) st = srv_ask_take(a, r, f);
    if (st) return st;
    (void)srv_version_take(a->on);
    g->ask = NULL;
    srv_ask_version(a->on, r);
    if (g->unknown.len) srv_req_header(r, "x-stoke-ignored", g->unknown.p);
    st = srv_ask_submit(a, r, f);
    if (st) return st;
    if (a->sse.len) srv_ask_flush(a);
    return SK_OK;
}

void srv_gen_fini(srv_prep *p)
{
    srv_gen *g = (srv_gen *)(void *)p;
    sk_buf_fini(&g->unknown);
    if (!g->ask) return;
    (void)srv_version_take(g->ask->on); /* which goes with the ask */
    srv_ask_free(g->ask);
}

void srv_gen_begin(srv_api *api, srv_req *r, const srv_prep_kind *kind)
{
    srv_fault f = {0};
    if (srv_gen_ready(api, &f)) {
        sk_buf b = SK_BUF_INIT;
        kind->fault(&f, &b);
        srv_reply_fault_as(r, &f, &b);
        sk_buf_fini(&b);
        return;
    }
    srv_prep_begin(api, r, kind);
}

/* ---- the two older endpoints ---- */

typedef struct gen_body {
    srv_gen g;
    srv_params p;
} gen_body;

static sk_status read_chat(srv_prep *p, srv_fault *f)
{
    gen_body *b = (gen_body *)(void *)p;
    b->g.p = &b->p;
    return srv_params_read(&b->p, true, p->body.len ? p->body.p : "", p->body.len, p->strict, f);
}

static sk_status read_text(srv_prep *p, srv_fault *f)
{
    gen_body *b = (gen_body *)(void *)p;
    b->g.p = &b->p;
    return srv_params_read(&b->p, false, p->body.len ? p->body.p : "", p->body.len, p->strict, f);
}

static sk_status make_chat(srv_prep *p, srv_fault *f)
{
    return srv_gen_make((srv_gen *)(void *)p, &srv_form_chat, f);
}

static sk_status make_text(srv_prep *p, srv_fault *f)
{
    return srv_gen_make((srv_gen *)(void *)p, &srv_form_text, f);
}

static void clear(srv_prep *p)
{
    srv_params_fini(&((gen_body *)(void *)p)->p);
}

/* POST /v1/chat/completions */
void srv_post_chat(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {sizeof(gen_body), read_chat,     srv_gen_is_long,
                                       make_chat,        clear,         srv_gen_done,
                                       srv_gen_fini,     srv_fault_json};
    srv_gen_begin(api, r, &kind);
}

/* POST /v1/completions */
void srv_post_complete(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {sizeof(gen_body), read_text,     srv_gen_is_long,
                                       make_text,        clear,         srv_gen_done,
                                       srv_gen_fini,     srv_fault_json};
    srv_gen_begin(api, r, &kind);
}
