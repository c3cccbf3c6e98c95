/* prompt.c - prompts of plain completions, stop sequences, seeds and biases out of JSON. */
#include "serve/api/message.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Members logit_bias may have. */
#define MAX_BIASES 1024

/* ---- prompt ---- */

/* Prompts a request may have. */
#define MAX_PROMPTS 2048u

/* The field that is read, and which of its items. */
typedef struct place {
    const char *field;
    char name[64];
} place;

/* A prompt given as token ids; whether they exist is checked when the vocabulary is at hand. */
static sk_status read_ids(json_t *v, const place *at, srv_prompt *p, srv_fault *f)
{
    size_t i;
    json_t *x;
    json_array_foreach(v, i, x)
    {
        int64_t id = json_is_integer(x) ? (int64_t)json_integer_value(x) : -1;
        if (id < 0 || id > INT32_MAX)
            return srv_fail(f, SRV_BAD_VALUE, at->field, "'%s[%zu]' must be a token id", at->name,
                            i);
        if (!eng_ids_push(&p->ids, (int32_t)id))
            return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the prompt");
    }
    return SK_OK;
}

/* One prompt: a text or ids. */
static sk_status read_one(json_t *v, const place *at, srv_prompt *p, srv_fault *f)
{
    if (json_is_array(v)) return read_ids(v, at, p, f);
    if (!json_is_string(v))
        return srv_fail(f, SRV_BAD_TYPE, at->field,
                        "'%s' must be a string or an array of token ids", at->name);
    p->text = json_string_value(v);
    p->n = json_string_length(v);
    return SK_OK;
}

/* Room for n prompts. */
static sk_status make_prompts(srv_params *p, size_t n, srv_fault *f)
{
    p->prompt = sk_new_n(p->mem, srv_prompt, n);
    if (!p->prompt) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the prompts");
    p->n_prompts = n;
    return SK_OK;
}

/* A list is one prompt if it begins with a number, else it is of prompts. */
sk_status srv_read_prompts(json_t *v, const char *field, srv_params *p, srv_fault *f)
{
    json_t *first = json_array_get(v, 0);
    bool many = json_is_array(v) && (json_is_string(first) || json_is_array(first));
    size_t n = many ? json_array_size(v) : 1;
    place at = {.field = field};
    snprintf(at.name, sizeof at.name, "%s", field);
    if (n > MAX_PROMPTS)
        return srv_fail(f, SRV_BAD_VALUE, field, "'%s' may hold %u texts, not %zu", field,
                        MAX_PROMPTS, n);
    sk_status st = make_prompts(p, n, f);
    if (st || !many) return st ? st : read_one(v, &at, p->prompt, f);
    for (size_t i = 0; i < n && !st; i++) {
        snprintf(at.name, sizeof at.name, "%s[%zu]", field, i);
        st = read_one(json_array_get(v, i), &at, &p->prompt[i], f);
    }
    return st;
}

sk_status srv_read_prompt(json_t *v, void *into, srv_fault *f)
{
    return srv_read_prompts(v, "prompt", into, f);
}

sk_status srv_read_token_ids(json_t *v, void *into, srv_fault *f)
{
    return srv_read_prompts(v, "tokens", into, f);
}

/* ---- stop, seed, biases ---- */

/* One stop sequence of the field `name`. */
static sk_status add_stop(json_t *v, const char *name, srv_params *p, srv_fault *f)
{
    if (!json_is_string(v))
        return srv_field_bad_type(f, name, "a string or an array of up to 4 strings");
    if (sk_stops_add(&p->stops, json_string_value(v), json_string_length(v))) return SK_OK;
    return srv_fail(f, SRV_BAD_VALUE, name, "each of '%s' must have 1 to %u bytes", name,
                    SK_MAX_STOP_BYTES);
}

/* A string or an array of up to 4. */
static sk_status read_stops(json_t *v, const char *name, srv_params *p, srv_fault *f)
{
    if (!json_is_array(v)) return add_stop(v, name, p, f);
    if (json_array_size(v) > SK_MAX_STOPS)
        return srv_fail(f, SRV_BAD_VALUE, name, "'%s' must have at most %u sequences", name,
                        SK_MAX_STOPS);
    sk_status st = SK_OK;
    for (size_t i = 0; i < json_array_size(v) && !st; i++)
        st = add_stop(json_array_get(v, i), name, p, f);
    return st;
}

sk_status srv_read_stop(json_t *v, void *into, srv_fault *f)
{
    return read_stops(v, "stop", into, f);
}

sk_status srv_read_stop_sequences(json_t *v, void *into, srv_fault *f)
{
    return read_stops(v, "stop_sequences", into, f);
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
