/* gen.c - POST /v1/chat/completions and /v1/completions: from a body to jobs under way. */
#include "serve/api/gen.h"
#include "serve/api/rules.h"
#include "serve/api/tools.h"

#include <event2/util.h>
#include <string.h>

/* A random seed for requests that bring none. */
static uint64_t new_seed(void)
{
    uint64_t seed;
    evutil_secure_rng_get_bytes(&seed, sizeof seed);
    return seed;
}

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

/* ---- what guides the answers ---- */

/* True when the answers must be calls. */
static bool forced(const srv_params *p)
{
    return p->chat && p->choice >= SRV_TOOLS_REQUIRED;
}

static bool may_call(const srv_params *p)
{
    return p->chat && json_array_size(p->tools) && p->choice != SRV_TOOLS_NONE;
}

/* The grammar the request's answers follow: its own, or that of a call of its tools. */
static sk_status take_rule(srv_ask *a, const srv_params *p, srv_fault *f)
{
    const srv_syntax *s = a->on->syntax;
    sk_buf schema = SK_BUF_INIT;
    if (p->rule)
        return srv_rules_get(a->on->rules, p->rule, p->rule_text.p ? p->rule_text.p : "",
                             p->rule_text.len, p->rule_field, &a->rule, f);
    /* calls that may come are guided where a marker says that one begins */
    if (!may_call(p) || (!forced(p) && s->calls != SRV_CALLS_TAGS)) return SK_OK;
    const char *args = s->calls == SRV_CALLS_BARE ? "parameters" : "arguments";
    sk_status st = SK_OK;
    if (!srv_tools_schema(p, args, s->calls == SRV_CALLS_BRACKET, &schema))
        st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the tools");
    if (!st)
        st = srv_rules_get(a->on->rules, SRV_RULE_SCHEMA, schema.p, schema.len, "tools", &a->rule,
                           f);
    sk_buf_fini(&schema);
    return st;
}

/* Sets a choice up to follow the rule and to be taken apart. */
static sk_status guide(srv_choice *c, const srv_params *p, bool in_reason, srv_fault *f)
{
    srv_ask *a = c->ask;
    const srv_syntax *s = a->on->syntax;
    srv_job *j = c->job;
    const char *after = in_reason ? "</think>" : NULL;
    bool maybe = !p->rule && !forced(p);
    if (maybe) after = "<tool_call>";
    if (a->rule) {
        sk_status st = srv_rules_guide(a->rule, a->on->eng, after, maybe, j, f);
        if (st) return st;
    }
    if (!p->chat) return SK_OK;
    c->split.calls = may_call(p) ? s->calls : SRV_CALLS_NONE;
    c->split.one_call = !p->parallel;
    c->split.reasoning = !p->raw_reasoning && !forced(p);
    c->split.in_reason = in_reason && !p->raw_reasoning;
    memcpy(j->shown, s->shown, sizeof j->shown);
    j->n_shown = s->n_shown;
    j->want_toks = j->want_toks || (s->thinks && !p->raw_reasoning) || in_reason;
    if (forced(p)) {
        const char *lead = srv_syntax_lead(s);
        srv_split_feed(&c->split, lead, strlen(lead));
    }
    return SK_OK;
}

/* ---- jobs ---- */

/* What all jobs of a request share. */
static sk_status fill_job(srv_job *j, const srv_params *p, uint64_t seed, srv_fault *f)
{
    if (!srv_job_set_sample(j, &p->sample))
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    j->sample.seed = seed;
    j->stops = p->stops;
    j->want_lp = p->chat ? p->logprobs : p->n_logprobs >= 0;
    j->want_toks = j->want_lp;
    j->n_top = j->want_lp ? (uint32_t)(p->chat ? p->top_logprobs : p->n_logprobs) : 0;
    return SK_OK;
}

/* The beginning of a call is a part of the prompt. */
static sk_status add_lead(srv_ask *a, srv_job *j, srv_fault *f)
{
    size_t before = j->prompt.n, n_ctx = a->on->eng->n_ctx;
    sk_status st = srv_syntax_add_lead(a->on->syntax, a->on->eng, &j->prompt, f);
    if (!st && j->prompt.n >= n_ctx)
        st = srv_fail(f, SRV_TOO_LONG, "messages",
                      "no room for a call behind a prompt of %zu tokens", before);
    if (j->prompt.n + j->n_max > n_ctx) j->n_max = n_ctx - j->prompt.n;
    return st;
}

/* The jobs of prompt number `which`; its ids are made once. */
static sk_status fill_prompt(srv_ask *a, const srv_params *p, size_t which, uint64_t seed,
                             srv_fault *f)
{
    srv_choice *c = &a->choice[which * (size_t)p->n];
    srv_job *first = c->job;
    c->first_of_prompt = true;
    sk_status st = srv_params_tokens(p, a->on->eng, which, &first->prompt, &first->n_max, f);
    if (!st && forced(p)) st = add_lead(a, first, f);
    bool in_reason = !st && p->chat && srv_syntax_in_reason(a->on->eng, &first->prompt);
    for (size_t k = 0; k < (size_t)p->n && !st; k++) {
        srv_job *j = c[k].job;
        st = fill_job(j, p, seed_of(seed, k), f);
        if (!st) st = guide(&c[k], p, in_reason, f);
        if (st || !k) continue;
        j->n_max = first->n_max;
        if (!eng_ids_add(&j->prompt, first->prompt.id, first->prompt.n))
            st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    }
    return st;
}

/* A prompt, before an answer that is to echo it. */
static void echo_prompt(srv_choice *c, const srv_params *p)
{
    const srv_engine *eng = c->ask->on->eng;
    const srv_prompt *from = &p->prompt[c->index / (size_t)p->n];
    sk_buf text = SK_BUF_INIT;
    if (from->text) sk_buf_add(&text, from->text, from->n);
    for (size_t i = 0; i < from->ids.n; i++) {
        size_t n = 0;
        const char *piece = eng->piece(eng->self, from->ids.id[i], &n);
        sk_buf_add(&text, piece, n);
    }
    if (text.len) srv_ask_part(c, SRV_PART_TEXT, 0, text.p, text.len);
    sk_buf_fini(&text);
}

/* What does not depend on the prompt's tokens. */
static sk_status check_early(const srv_version *v, const srv_params *p, srv_fault *f)
{
    if (srv_sched_is_full(v->sched)) return srv_ask_overloaded(v->sched, f);
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
static sk_status fill_all(srv_ask *a, srv_params *p, srv_fault *f)
{
    uint64_t seed = p->has_seed ? p->sample.seed : new_seed();
    sk_status st = take_rule(a, p, f);
    for (size_t i = 0; i < srv_params_prompts(p) && !st; i++)
        st = fill_prompt(a, p, i, seed, f);
    return st;
}

sk_status srv_gen_start(srv_api *api, srv_req *r, srv_params *p, const srv_form *form,
                        srv_ask **out, srv_fault *f)
{
    size_t n = srv_params_prompts(p) * (size_t)p->n;
    srv_version *v = NULL;
    sk_status st = srv_api_model(api, p->model, &v, f);
    if (!st) st = check_early(v, p, f);
    if (st) return st;
    srv_ask *a = srv_ask_new(api, v, r, form, n, p->stream, f);
    if (!a) return SK_E_NOMEM;
    if (p->chat) {
        st = srv_syntax_find(v->syntax, v->eng, f);
        if (!st) st = srv_syntax_prompt(v->syntax, p, f);
    }
    a->extra = p->extra;
    p->extra = NULL;
    a->include_usage = p->include_usage;
    a->answer.chat = p->chat;
    a->answer.has_usage = p->include_usage;
    if (!st) st = fill_all(a, p, f);
    a->want_lp = a->choice[0].job->want_lp;
    for (size_t i = 0; !st && p->echo && i < n; i++)
        echo_prompt(&a->choice[i], p);
    if (!st) st = srv_params_whole(p, f);
    if (!st) st = srv_ask_take(a, r, f);
    if (st) {
        srv_ask_free(a);
        return st;
    }
    srv_ask_version(v, r);
    if (p->unknown.len) srv_req_header(r, "x-stoke-ignored", p->unknown.p);
    st = srv_ask_submit(a, r, f);
    if (st) return st;
    if (out) *out = a;
    if (a->sse.len) srv_ask_flush(a);
    return SK_OK;
}

/* Reads, checks, submits.  On SK_OK the request is the ask's. */
static sk_status start(srv_api *api, srv_req *r, srv_params *p, bool chat, srv_fault *f)
{
    size_t n;
    const char *body = srv_req_body(r, &n);
    sk_status st = srv_gen_ready(api, f);
    if (!st) st = srv_params_read(p, chat, body, n, api->strict, f);
    return st ? st : srv_gen_start(api, r, p, chat ? &srv_form_chat : &srv_form_text, NULL, f);
}

static void post(srv_api *api, srv_req *r, bool chat)
{
    srv_fault f = {0};
    srv_params p = {0};
    if (start(api, r, &p, chat, &f)) srv_reply_fault(r, &f);
    srv_params_fini(&p);
}

/* POST /v1/chat/completions */
void srv_post_chat(srv_api *api, srv_req *r)
{
    post(api, r, true);
}

/* POST /v1/completions */
void srv_post_complete(srv_api *api, srv_req *r)
{
    post(api, r, false);
}
