/* aim.c - what guides the answers to a request. */
#include "serve/api/aim.h"

#include "serve/api/rules.h"
#include "serve/api/tools.h"

#include <string.h>

/* Where the answer proper begins, for models that say so. */
#define FINAL "<|channel|>final<|message|>"

bool srv_aim_forced(const srv_params *p)
{
    return p->chat && p->choice >= SRV_TOOLS_REQUIRED;
}

static bool may_call(const srv_params *p)
{
    return p->chat && json_array_size(p->tools) && p->choice != SRV_TOOLS_NONE;
}

/* When calls that the model begins by itself are guided; NULL where nothing marks them. */
static const srv_rule_when *marked(const srv_syntax *s)
{
    static const srv_rule_when tags = {.after = "<tool_call>", .again = true},
                               bracket = {.after = "[TOOL_CALLS]", .again = true},
                               bare = {.after = "{\"name\"", .first = true};
    if (s->calls == SRV_CALLS_TAGS) return &tags;
    if (s->calls == SRV_CALLS_BRACKET) return s->named ? NULL : &bracket;
    return s->calls == SRV_CALLS_BARE ? &bare : NULL;
}

/* The function that must be called, where the syntax can begin with its name. */
static const char *known_name(const srv_syntax *s, const srv_params *p)
{
    return srv_aim_forced(p) && s->named ? srv_tools_only(p) : NULL;
}

sk_status srv_aim_rule(srv_ask *a, const srv_params *p, srv_fault *f)
{
    const srv_syntax *s = a->on->syntax;
    sk_buf schema = SK_BUF_INIT;
    if (p->rule)
        return srv_rules_get(a->on->rules, p->rule, p->rule_text.p ? p->rule_text.p : "",
                             p->rule_text.len, p->rule_field, &a->rule, f);
    if (!may_call(p) || (!srv_aim_forced(p) && !marked(s))) return SK_OK;
    const char *args = s->calls == SRV_CALLS_BARE ? "parameters" : "arguments";
    if (known_name(s, p)) args = NULL;
    sk_status st = SK_OK;
    if (!srv_tools_schema(p, args, s->calls == SRV_CALLS_BRACKET, &schema))
        st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the tools");
    if (!st)
        st = srv_rules_get(a->on->rules, SRV_RULE_SCHEMA, schema.p, schema.len, "tools", &a->rule,
                           f);
    sk_buf_fini(&schema);
    return st;
}

/* From where on a choice follows the rule: at once, behind the reasoning, or where it begins a
 * call. */
static srv_rule_when when(const srv_syntax *s, const srv_params *p, bool in_reason)
{
    bool maybe = !p->rule && !srv_aim_forced(p);
    if (maybe && marked(s)) return *marked(s);
    if (in_reason) return (srv_rule_when){.after = "</think>"};
    bool final = p->chat && s->calls == SRV_CALLS_HARMONY && p->rule && !p->go_on;
    return (srv_rule_when){.after = final ? FINAL : NULL};
}

/* The guide hears what the answer begins with, where that is gone on with. */
static sk_status say_begun(srv_job *j, const srv_params *p, srv_fault *f)
{
    const json_t *last = json_array_get(p->messages, json_array_size(p->messages) - 1);
    const json_t *text = json_object_get(last, "content");
    return srv_rules_said(j, json_string_value(text), json_string_length(text),
                          p->rule ? p->rule_field : "messages", f);
}

/* The rule comes first, as the only part that can fail.  What follows tells the splitter what may
 * come in the answer; a forced call is not searched for reasoning, since nothing but the call can
 * be said. */
sk_status srv_aim_choice(srv_choice *c, const srv_params *p, bool in_reason, srv_fault *f)
{
    srv_ask *a = c->ask;
    const srv_syntax *s = a->on->syntax;
    srv_job *j = c->job;
    bool forced = srv_aim_forced(p), harmony = s->calls == SRV_CALLS_HARMONY;
    if (a->rule) {
        srv_rule_when w = when(s, p, in_reason);
        sk_status st = srv_rules_guide(a->rule, a->on->eng, &w, j, f);
        if (!st && p->go_on) st = say_begun(j, p, f);
        if (st) return st;
    }
    if (!p->chat) return SK_OK;
    c->split.mid = p->go_on && !in_reason;
    c->split.calls = may_call(p) || harmony ? s->calls : SRV_CALLS_NONE;
    if (forced && harmony && !known_name(s, p)) c->split.calls = SRV_CALLS_BARE;
    c->split.no_calls = !may_call(p);
    c->split.one_call = !p->parallel;
    c->split.reasoning = !p->raw_reasoning && !forced;
    c->split.in_reason = in_reason && !p->raw_reasoning;
    memcpy(j->shown, s->shown, sizeof j->shown);
    j->n_shown = s->n_shown;
    j->want_toks = j->want_toks || (s->thinks && !p->raw_reasoning) || in_reason;
    return SK_OK;
}

sk_status srv_aim_prompt(srv_ask *a, const srv_params *p, srv_job *j, srv_fault *f)
{
    const srv_syntax *s = a->on->syntax;
    size_t before = j->prompt.n, n_ctx = a->on->eng->n_ctx;
    sk_status st = srv_syntax_add_lead(s, a->on->eng, known_name(s, p), &j->prompt, f);
    if (!st && j->prompt.n >= n_ctx)
        st = srv_fail(f, SRV_TOO_LONG, "messages",
                      "no room for a call behind a prompt of %zu tokens", before);
    if (!st && j->prompt.n + j->n_max > n_ctx) j->n_max = n_ctx - j->prompt.n;
    return st;
}

/* Those that are read as bare JSON have no beginning. */
sk_status srv_aim_begin(srv_ask *a, const srv_params *p, srv_fault *f)
{
    const srv_syntax *s = a->on->syntax;
    sk_buf lead = SK_BUF_INIT;
    srv_syntax_lead(s, known_name(s, p), &lead);
    for (size_t i = 0; i < a->n; i++) {
        srv_choice *c = &a->choice[i];
        c->usage.n_prompt = c->job->prompt.n; /* forms may tell it when they begin */
        if (c->split.calls != SRV_CALLS_BARE) srv_split_feed(&c->split, lead.p, lead.len);
    }
    bool ok = sk_buf_ok(&lead);
    sk_buf_fini(&lead);
    return ok ? SK_OK : srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
}
