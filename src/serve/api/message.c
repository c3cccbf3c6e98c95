/* message.c - conversations, prompts and stop sequences out of JSON. */
#include "serve/api/message.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages a conversation may have; each costs a few tokens, so no context holds more. */
#define MAX_MESSAGES 100000u

/* Members logit_bias may have. */
#define MAX_BIASES 1024

/* The role the engine knows for one of the API's; NULL if there is none. */
static const char *known_role(const char *role)
{
    static const char *const same[] = {"system", "user", "assistant"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(role, same[i]) == 0) return same[i];
    return strcmp(role, "developer") == 0 ? "system" : NULL;
}

/* The text of one part of a content array. */
static sk_status read_part(json_t *part, const char *where, sk_buf *text, srv_fault *f)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    json_t *s = json_object_get(part, "text");
    if (!type)
        return srv_fail(f, SRV_BAD_TYPE, where, "'%s' must be an object with a 'type'", where);
    if (strcmp(type, "text") != 0)
        return srv_fail(f, SRV_UNSUPPORTED, where, "'%s': only parts of type text can be read",
                        where);
    if (!json_is_string(s))
        return srv_fail(f, SRV_BAD_TYPE, where, "'%s.text' must be a string", where);
    sk_buf_add(text, json_string_value(s), json_string_length(s));
    return SK_OK;
}

/* The texts of a content array, one after another, as a copy in p->mem. */
static sk_status read_parts(json_t *list, size_t at, srv_params *p, eng_chat_msg *m, srv_fault *f)
{
    sk_buf text = SK_BUF_INIT;
    sk_status st = SK_OK;
    char where[64];
    snprintf(where, sizeof where, "messages[%zu].content", at);
    if (!json_array_size(list))
        st = srv_fail(f, SRV_BAD_VALUE, where, "'%s' must not be empty", where);
    for (size_t i = 0; i < json_array_size(list) && !st; i++) {
        snprintf(where, sizeof where, "messages[%zu].content[%zu]", at, i);
        st = read_part(json_array_get(list, i), where, &text, f);
    }
    if (!st) {
        m->n = text.len;
        m->text = sk_arena_strndup(p->mem, text.len ? text.p : "", text.len);
        if (!m->text || !sk_buf_ok(&text))
            st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
    }
    sk_buf_fini(&text);
    return st;
}

/* Members a message may not have, since they could not be honoured. */
static sk_status check_extras(json_t *v, size_t at, srv_fault *f)
{
    static const char *const no[] = {"tool_calls", "function_call", "audio", "tool_call_id"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        json_t *x = json_object_get(v, no[i]);
        if (!x || json_is_null(x) || (json_is_array(x) && !json_array_size(x))) continue;
        char where[64];
        snprintf(where, sizeof where, "messages[%zu].%s", at, no[i]);
        return srv_fail(f, SRV_UNSUPPORTED, where, "'%s' is not supported", where);
    }
    return SK_OK;
}

/* One message. */
static sk_status read_message(json_t *v, size_t at, srv_params *p, srv_fault *f)
{
    eng_chat_msg *m = &p->msg[at];
    char where[64];
    snprintf(where, sizeof where, "messages[%zu]", at);
    if (!json_is_object(v)) return srv_field_bad_type(f, where, "an object");
    const char *role = json_string_value(json_object_get(v, "role"));
    snprintf(where, sizeof where, "messages[%zu].role", at);
    if (!role) return srv_field_bad_type(f, where, "a string");
    m->role = known_role(role);
    if (!m->role)
        return srv_fail(f, SRV_BAD_VALUE, where,
                        "'%s' must be system, developer, user or assistant", where);
    json_t *content = json_object_get(v, "content");
    snprintf(where, sizeof where, "messages[%zu].content", at);
    sk_status st = check_extras(v, at, f);
    if (st) return st;
    if (json_is_array(content)) return read_parts(content, at, p, m, f);
    if (!json_is_string(content))
        return srv_field_bad_type(f, where, "a string or an array of text parts");
    m->text = json_string_value(content);
    m->n = json_string_length(content);
    return SK_OK;
}

/* messages */
sk_status srv_read_messages(json_t *v, void *into, srv_fault *f)
{
    srv_params *p = into;
    size_t n = json_array_size(v);
    if (!json_is_array(v)) return srv_field_bad_type(f, "messages", "an array");
    if (!n || n > MAX_MESSAGES)
        return srv_fail(f, SRV_BAD_VALUE, "messages", "'messages' must have 1 to %u items",
                        MAX_MESSAGES);
    p->msg = sk_new_n(p->mem, eng_chat_msg, n);
    if (!p->msg) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
    p->n_msg = n;
    for (size_t i = 0; i < n; i++) {
        sk_status st = read_message(json_array_get(v, i), i, p, f);
        if (st) return st;
    }
    return SK_OK;
}

/* A prompt given as token ids; whether they exist is checked when the vocabulary is at hand. */
static sk_status read_ids(json_t *v, srv_params *p, srv_fault *f)
{
    size_t i;
    json_t *x;
    json_array_foreach(v, i, x)
    {
        int64_t id = json_is_integer(x) ? (int64_t)json_integer_value(x) : -1;
        if (id < 0 || id > INT32_MAX)
            return srv_fail(f, SRV_BAD_VALUE, "prompt",
                            "'prompt[%zu]' must be a token id; one prompt a request", i);
        if (!eng_ids_push(&p->ids, (int32_t)id))
            return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the prompt");
    }
    return SK_OK;
}

/* prompt: a string, an array of one, or token ids */
sk_status srv_read_prompt(json_t *v, void *into, srv_fault *f)
{
    srv_params *p = into;
    if (json_is_array(v) && json_array_size(v) == 1 && !json_is_integer(json_array_get(v, 0)))
        v = json_array_get(v, 0);
    if (json_is_string(v)) {
        p->prompt = json_string_value(v);
        p->prompt_len = json_string_length(v);
        return SK_OK;
    }
    if (!json_is_array(v))
        return srv_field_bad_type(f, "prompt", "a string or an array of token ids");
    if (json_array_size(v) > 1 && json_is_string(json_array_get(v, 0)))
        return srv_fail(f, SRV_UNSUPPORTED, "prompt",
                        "'prompt' holds %zu prompts; send one a request", json_array_size(v));
    return read_ids(v, p, f);
}

/* One stop sequence. */
static sk_status add_stop(json_t *v, srv_params *p, srv_fault *f)
{
    if (!json_is_string(v))
        return srv_field_bad_type(f, "stop", "a string or an array of up to 4 strings");
    if (sk_stops_add(&p->stops, json_string_value(v), json_string_length(v))) return SK_OK;
    return srv_fail(f, SRV_BAD_VALUE, "stop", "each of 'stop' must have 1 to %u bytes",
                    SK_MAX_STOP_BYTES);
}

/* stop: a string or an array of up to 4 */
sk_status srv_read_stop(json_t *v, void *into, srv_fault *f)
{
    if (!json_is_array(v)) return add_stop(v, into, f);
    if (json_array_size(v) > SK_MAX_STOPS)
        return srv_fail(f, SRV_BAD_VALUE, "stop", "'stop' must have at most %u sequences",
                        SK_MAX_STOPS);
    sk_status st = SK_OK;
    for (size_t i = 0; i < json_array_size(v) && !st; i++)
        st = add_stop(json_array_get(v, i), into, f);
    return st;
}

/* seed: any 64-bit integer */
sk_status srv_read_seed(json_t *v, void *into, srv_fault *f)
{
    srv_params *p = into;
    if (!json_is_integer(v)) return srv_field_bad_type(f, "seed", "an integer");
    p->sample.seed = (uint64_t)json_integer_value(v);
    p->has_seed = true;
    return SK_OK;
}

/* One member of logit_bias: the id is the name. */
static sk_status read_bias(const char *name, json_t *v, eng_logit_bias *out, srv_fault *f)
{
    char *end = NULL;
    errno = 0;
    long id = strtol(name, &end, 10);
    if (*name < '0' || *name > '9' || *end || errno || id > INT32_MAX)
        return srv_fail(f, SRV_BAD_VALUE, "logit_bias",
                        "'logit_bias' has '%.40s' in the place of a token id", name);
    double bias = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(bias >= -100 && bias <= 100))
        return srv_fail(f, SRV_BAD_VALUE, "logit_bias",
                        "'logit_bias.%ld' must be a number from -100 to 100", id);
    *out = (eng_logit_bias){(int32_t)id, (float)bias};
    return SK_OK;
}

/* logit_bias: {"ID": BIAS, ..} */
sk_status srv_read_logit_bias(json_t *v, void *into, srv_fault *f)
{
    srv_params *p = into;
    if (!json_is_object(v)) return srv_field_bad_type(f, "logit_bias", "an object");
    size_t n = json_object_size(v), i = 0;
    if (n > MAX_BIASES)
        return srv_fail(f, SRV_BAD_VALUE, "logit_bias", "'logit_bias' may have %d members, not %zu",
                        MAX_BIASES, n);
    eng_logit_bias *bias = sk_new_n(p->mem, eng_logit_bias, n ? n : 1);
    if (!bias) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    const char *name;
    json_t *value;
    json_object_foreach(v, name, value)
    {
        sk_status st = read_bias(name, value, &bias[i++], f);
        if (st) return st;
    }
    p->sample.bias = bias;
    p->sample.n_bias = n;
    return SK_OK;
}

/* stream_options: {"include_usage": bool} */
sk_status srv_read_stream_options(json_t *v, void *into, srv_fault *f)
{
    srv_params *p = into;
    if (!json_is_object(v)) return srv_field_bad_type(f, "stream_options", "an object");
    p->has_stream_options = true;
    json_t *usage = json_object_get(v, "include_usage");
    if (usage && !json_is_null(usage) && !json_is_boolean(usage))
        return srv_field_bad_type(f, "stream_options.include_usage", "true or false");
    p->include_usage = json_is_true(usage);
    return SK_OK;
}
