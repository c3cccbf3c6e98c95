/* syntax.c - finds out how a template writes calls; puts tools into prompts. */
#include "serve/api/syntax.h"

#include "base/mem.h"
#include "serve/api/message.h"

#include <string.h>

/* Names that no template has in it. */
#define PROBE "zq_probe"
#define ARG "zq_arg"

/* Text of the probe's conversation, "" where the template refuses it. */
static void render(const srv_engine *eng, bool tools, bool call, sk_buf *out)
{
    eng_jinja_text t = {SK_BUF_INIT, NULL, 0};
    sk_err e = SK_ERR_INIT;
    json_t *vars = tools ? json_pack("{s:[{s:s, s:{s:s, s:s, s:{s:s, s:{}}}}]}", "tools", "type",
                                     "function", "function", "name", PROBE, "description", "d",
                                     "parameters", "type", "object", "properties")
                         : NULL;
    json_t *msgs = json_pack("[{s:s, s:s}]", "role", "user", "content", "hello");
    if (call)
        (void)json_array_append_new(
            msgs, json_pack("{s:s, s:s, s:[{s:s, s:s, s:{s:s, s:{s:s}}}]}", "role", "assistant",
                            "content", "", "tool_calls", "id", "call12345", "type", "function",
                            "function", "name", PROBE, "arguments", ARG, "v"));
    if (call)
        (void)json_array_append_new(msgs, json_pack("{s:s, s:s, s:s, s:s}", "role", "tool",
                                                    "tool_call_id", "call12345", "name", PROBE,
                                                    "content", "x"));
    sk_buf_reset(out);
    if (msgs && eng->chat_text(eng->self, msgs, vars, false, &t, &e) == SK_OK)
        sk_buf_add(out, t.text.p, t.text.len);
    sk_buf_addc(out, 0);
    eng_jinja_text_fini(&t);
    json_decref(msgs);
    json_decref(vars);
}

/* The syntax a rendered call is in. */
static srv_calls syntax_of(const char *text)
{
    if (strstr(text, "<|channel|>commentary")) return SRV_CALLS_HARMONY;
    if (strstr(text, "[TOOL_CALLS]")) return SRV_CALLS_BRACKET;
    if (strstr(text, "<tool_call>") || strstr(text, "<function=" PROBE)) return SRV_CALLS_TAGS;
    if (strstr(text, "\"parameters\"")) return SRV_CALLS_BARE;
    return SRV_CALLS_TAGS;
}

/* Control tokens that stand in what models of each syntax write. */
static const char *const marks[] = {"<think>",      "</think>", "<tool_call>",   "</tool_call>",
                                    "[TOOL_CALLS]", "[ARGS]",   "<|python_tag|>"};
static const char *const harmony_marks[] = {"<|channel|>", "<|message|>", "<|start|>", "<|end|>",
                                            "<|constrain|>"};

/* Has answers show those of the list that the vocabulary has. */
static void show(srv_syntax *s, const srv_engine *eng, const char *const *mark, size_t n)
{
    for (size_t i = 0; i < n && s->n_shown < SRV_MAX_SHOWN; i++) {
        int32_t id = eng->special(eng->self, mark[i]);
        if (id >= 0) s->shown[s->n_shown++] = id;
    }
}

/* The control tokens among the markers. */
static void find_shown(srv_syntax *s, const srv_engine *eng)
{
    bool harmony = s->calls == SRV_CALLS_HARMONY;
    s->thinks = harmony || eng->special(eng->self, "<think>") >= 0;
    if (harmony)
        show(s, eng, harmony_marks, sizeof harmony_marks / sizeof *harmony_marks);
    else
        show(s, eng, marks, sizeof marks / sizeof *marks);
}

/* True when a rendered call has the function's name before its arguments, outside of the JSON. */
static bool names_first(srv_calls calls, const char *text)
{
    const char *mark = calls == SRV_CALLS_BRACKET ? strstr(text, "[TOOL_CALLS]") : NULL;
    if (calls == SRV_CALLS_HARMONY) return true;
    return mark && strncmp(mark + strlen("[TOOL_CALLS]"), PROBE, strlen(PROBE)) == 0 &&
           strstr(mark, "[ARGS]");
}

void srv_syntax_init(srv_syntax *s)
{
    (void)pthread_mutex_init(&s->lock, NULL);
}

void srv_syntax_fini(srv_syntax *s)
{
    (void)pthread_mutex_destroy(&s->lock);
}

/* A call is looked for without tools, so that what a template says of tools is not taken for it. */
static void find(srv_syntax *s, const srv_engine *eng)
{
    sk_buf text = SK_BUF_INIT;
    unsigned long missed = sk_mem_missed();
    s->calls = SRV_CALLS_TAGS;
    s->own_tools = s->own_calls = s->named = false;
    s->n_shown = 0;
    if (eng->has_chat) {
        render(eng, true, false, &text);
        s->own_tools = sk_buf_ok(&text) && strstr(text.p, PROBE);
        render(eng, false, true, &text);
        if (sk_buf_ok(&text) && !strstr(text.p, ARG)) render(eng, true, true, &text);
        s->own_calls = s->own_tools && sk_buf_ok(&text) && strstr(text.p, ARG);
        if (s->own_calls) s->calls = syntax_of(text.p);
        if (s->own_calls) s->named = names_first(s->calls, text.p);
    }
    find_shown(s, eng);
    sk_buf_fini(&text);
    s->known = missed == sk_mem_missed();
}

sk_status srv_syntax_find(srv_syntax *s, const srv_engine *eng, srv_fault *f)
{
    (void)pthread_mutex_lock(&s->lock);
    if (!s->known) find(s, eng);
    bool known = s->known;
    (void)pthread_mutex_unlock(&s->lock);
    return known ? SK_OK : srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the template");
}

/* ---- prompts ---- */

static const char intro[] =
    "You may call functions to help with what the user asks. These are the functions, as JSON, one "
    "a line:\n<tools>\n";
static const char outro[] =
    "</tools>\nTo call one, write nothing but a JSON object with its name and arguments between "
    "tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <object>}\n</tool_call>";

static int append(const char *s, size_t n, void *out)
{
    sk_buf_add(out, s, n);
    return 0;
}

static void add_json(const json_t *v, sk_buf *out)
{
    if (json_dump_callback(v, append, out, JSON_ENCODE_ANY)) out->oom = true;
}

/* What tools there are, in words, behind the text of the system message. */
static json_t *system_message(const srv_params *p, const json_t *old)
{
    sk_buf b = SK_BUF_INIT;
    size_t i;
    json_t *t;
    const json_t *text = json_object_get(old, "content");
    if (old) sk_buf_add(&b, json_string_value(text), json_string_length(text));
    if (b.len) sk_buf_adds(&b, "\n\n");
    sk_buf_adds(&b, intro);
    json_array_foreach(p->tools, i, t)
    {
        add_json(t, &b);
        sk_buf_addc(&b, '\n');
    }
    sk_buf_adds(&b, outro);
    json_t *m =
        sk_buf_ok(&b) ? json_pack("{s:s, s:s%}", "role", "system", "content", b.p, b.len) : NULL;
    sk_buf_fini(&b);
    return m;
}

/* A message without calls: they become text, and what they gave a user's message. */
static json_t *in_words(json_t *m)
{
    const char *role = json_string_value(json_object_get(m, "role"));
    json_t *content = json_object_get(m, "content"), *calls = json_object_get(m, "tool_calls"), *c;
    bool tool = strcmp(role, "tool") == 0;
    sk_buf b = SK_BUF_INIT;
    size_t i;
    if (!tool && !calls) return json_incref(m);
    if (tool) sk_buf_adds(&b, "<tool_response>\n");
    sk_buf_add(&b, json_string_value(content), json_string_length(content));
    if (tool) sk_buf_adds(&b, "\n</tool_response>");
    json_array_foreach(calls, i, c)
    {
        const json_t *fn = json_object_get(c, "function");
        sk_buf_addf(&b, "%s<tool_call>\n{\"name\": \"%s\", \"arguments\": ", b.len ? "\n" : "",
                    json_string_value(json_object_get(fn, "name")));
        add_json(json_object_get(fn, "arguments"), &b);
        sk_buf_adds(&b, "}\n</tool_call>");
    }
    json_t *out = sk_buf_ok(&b) ? json_pack("{s:s, s:s%}", "role", tool ? "user" : role, "content",
                                            b.p ? b.p : "", b.len)
                                : NULL;
    sk_buf_fini(&b);
    return out;
}

/* Whether any message has to do with calls. */
static bool has_calls(const srv_params *p)
{
    size_t i;
    json_t *m;
    json_array_foreach(p->messages, i, m) if (json_object_get(m, "tool_calls") ||
                                              json_object_get(m, "tool_call_id")) return true;
    return false;
}

/* What OpenAI's open models call reasoning; their template takes it or a text beside calls. */
static bool rename_reasoning(srv_params *p)
{
    size_t i;
    json_t *m;
    bool ok = true;
    json_array_foreach(p->messages, i, m)
    {
        json_t *r = json_object_get(m, "reasoning_content");
        if (!r) continue;
        ok = ok && json_object_set(m, "thinking", r) == 0;
        if (ok && json_object_get(m, "tool_calls"))
            ok = json_object_set_new(m, "content", json_string("")) == 0;
    }
    return ok;
}

/* Templates that know tools get them as a variable.  Others are told in a system message, their own
 * if there is one, and see earlier calls and results as text.  p->messages changes only as a whole,
 * when all of the new list is there. */
sk_status srv_syntax_prompt(const srv_syntax *s, srv_params *p, srv_fault *f)
{
    if (s->calls == SRV_CALLS_HARMONY && !rename_reasoning(p))
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
    bool tools = json_array_size(p->tools) && p->choice != SRV_TOOLS_NONE;
    if (tools && s->own_tools) {
        sk_status st = srv_set_var(p, "tools", json_incref(p->tools), f);
        if (st) return st;
    }
    bool tell = tools && !s->own_tools, rewrite = !s->own_calls && has_calls(p);
    if (!tell && !rewrite) return SK_OK;
    json_t *list = json_array(), *m, *first = json_array_get(p->messages, 0);
    bool has_system = strcmp(json_string_value(json_object_get(first, "role")), "system") == 0;
    bool ok = list != NULL;
    size_t i;
    if (tell) ok = json_array_append_new(list, system_message(p, has_system ? first : NULL)) == 0;
    json_array_foreach(p->messages, i, m)
    {
        if (!i && tell && has_system) continue;
        if (ok) ok = json_array_append_new(list, in_words(m)) == 0;
    }
    if (!ok) {
        json_decref(list);
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
    }
    json_decref(p->messages);
    p->messages = list;
    return SK_OK;
}

/* ---- answers ---- */

void srv_syntax_lead(const srv_syntax *s, const char *name, sk_buf *out)
{
    if (s->calls == SRV_CALLS_TAGS) sk_buf_adds(out, "<tool_call>\n");
    if (s->calls == SRV_CALLS_BRACKET) sk_buf_adds(out, "[TOOL_CALLS]");
    if (s->calls == SRV_CALLS_BRACKET && name) sk_buf_addf(out, "%s[ARGS]", name);
    if (s->calls == SRV_CALLS_HARMONY && name)
        sk_buf_addf(out, "<|channel|>commentary to=functions.%s <|constrain|>json<|message|>",
                    name);
    if (s->calls == SRV_CALLS_HARMONY && !name)
        sk_buf_adds(out, "<|channel|>commentary<|message|>");
}

/* The marker that p begins with, if the vocabulary has it; NULL otherwise. */
static const char *marker_at(const srv_engine *eng, const char *const *mark, size_t n,
                             const char *p, int32_t *id)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(p, mark[i], strlen(mark[i])) == 0 &&
            (*id = eng->special(eng->self, mark[i])) >= 0)
            return mark[i];
    return NULL;
}

/* Markers as ids, where there are such, and the text between them as text. */
sk_status srv_syntax_add_lead(const srv_syntax *s, const srv_engine *eng, const char *name,
                              eng_ids *ids, srv_fault *f)
{
    bool harmony = s->calls == SRV_CALLS_HARMONY;
    const char *const *list = harmony ? harmony_marks : marks;
    size_t n =
        harmony ? sizeof harmony_marks / sizeof *harmony_marks : sizeof marks / sizeof *marks;
    sk_err e = SK_ERR_INIT;
    sk_buf lead = SK_BUF_INIT;
    sk_status st = SK_OK;
    srv_syntax_lead(s, name, &lead);
    if (!sk_buf_ok(&lead)) st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    for (size_t from = 0, at = 0; from < lead.len && !st;) {
        int32_t id = -1;
        const char *m = at < lead.len ? marker_at(eng, list, n, lead.p + at, &id) : NULL;
        if (!m && at++ < lead.len) continue;
        size_t end = m ? at : lead.len;
        if (end > from && eng->encode(eng->self, lead.p + from, end - from, false, ids, &e))
            st = srv_fail_err(f, &e);
        if (!st && m && !eng_ids_push(ids, id))
            st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the prompt");
        from = at = m ? end + strlen(m) : end;
    }
    sk_buf_fini(&lead);
    return st;
}

/* The last few tokens are enough: a marker, or its letters, and blanks. */
bool srv_syntax_in_reason(const srv_engine *eng, const eng_ids *prompt)
{
    static const char mark[] = "<think>";
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    size_t n = prompt->n < 12 ? prompt->n : 12;
    bool yes = false;
    if (n && eng->decode(eng->self, prompt->id + prompt->n - n, n, &b, &e) == SK_OK) {
        while (b.len && strchr(" \n\t\r", b.p[b.len - 1]))
            b.len--;
        yes = b.len >= sizeof mark - 1 &&
              memcmp(b.p + b.len - (sizeof mark - 1), mark, sizeof mark - 1) == 0;
    }
    sk_buf_fini(&b);
    return yes;
}
