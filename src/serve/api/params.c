/* params.c - the field tables of the two generating endpoints, and the checks across fields. */
#include "serve/api/params.h"

#include "serve/api/fim.h"
#include "serve/api/message.h"
#include "serve/api/tools.h"
#include "serve/sched/toklog.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define AT(field) offsetof(srv_params, field)

/* No bound: larger than any value that makes sense, and still exact in a double. */
#define ANY 9e15

/* clang-format off */
#define COMMON_ROWS                                                                                \
    {.name = "model", .type = SRV_FIELD_STR, .deflt = "the loaded one", .offset = AT(model),       \
     .help = "id from `GET /v1/models`; another one is refused with 404"},                         \
    {.name = "temperature", .type = SRV_FIELD_NUM, .deflt = "0.7",                                 \
     .offset = AT(sample.temperature), .max = 2,                                                   \
     .help = "randomness; 0 always takes the likeliest token"},                                    \
    {.name = "top_p", .type = SRV_FIELD_NUM, .deflt = "1", .offset = AT(sample.top_p), .max = 1,   \
     .help = "keep the likeliest tokens that reach this probability together"},                    \
    {.name = "top_k", .type = SRV_FIELD_INT, .deflt = "0", .offset = AT(sample.top_k),             \
     .max = 1000000, .help = "keep this many of the likeliest tokens; 0: all"},                    \
    {.name = "min_p", .type = SRV_FIELD_NUM, .deflt = "0.05", .offset = AT(sample.min_p),          \
     .max = 1, .help = "drop tokens less likely than this share of the likeliest"},                \
    {.name = "seed", .type = SRV_FIELD_READ, .kind = "integer", .deflt = "random",                 \
     .read = srv_read_seed,                                                                        \
     .help = "same request and seed, same answer, whatever else the server does"},                 \
    {.name = "stop", .type = SRV_FIELD_READ, .kind = "string or array", .deflt = "none",           \
     .read = srv_read_stop,                                                                        \
     .help = "up to 4 sequences of 1 to 256 bytes that end the answer; they are no part of it"},   \
    {.name = "ignore_eos", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(ignore_eos),     \
     .help = "the model's end tokens do not end the answer, which goes on to `max_tokens` or a "   \
             "stop sequence, as vLLM has it; not with a grammar or a call that must be made"},     \
    {.name = "stream", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(stream),             \
     .help = "send the answer as server-sent events while it is made"},                            \
    {.name = "stream_options", .type = SRV_FIELD_READ, .kind = "object", .deflt = "none",          \
     .read = srv_read_stream_options,                                                              \
     .help = "`{\"include_usage\": true}` adds an event with the counts of tokens; only with "     \
             "`stream`"},                                                                          \
    {.name = "n", .type = SRV_FIELD_INT, .deflt = "1", .offset = AT(n), .min = 1,                  \
     .max = SRV_MAX_CHOICES,                                                                       \
     .help = "answers to each prompt, with seeds derived from `seed`; the first is what `n` 1 "    \
             "gives"},                                                                             \
    {.name = "presence_penalty", .type = SRV_FIELD_NUM, .deflt = "0",                              \
     .offset = AT(sample.presence_penalty), .min = -2, .max = 2,                                   \
     .help = "taken off the score of every token among the last `repeat_last_n`"},                 \
    {.name = "frequency_penalty", .type = SRV_FIELD_NUM, .deflt = "0",                             \
     .offset = AT(sample.frequency_penalty), .min = -2, .max = 2,                                  \
     .help = "taken off once for each time it is there"},                                          \
    {.name = "repeat_penalty", .type = SRV_FIELD_NUM, .deflt = "1",                                \
     .offset = AT(sample.repeat_penalty), .max = 100,                                              \
     .help = "divides their positive scores and multiplies the others; 1: off"},                   \
    {.name = "repeat_last_n", .type = SRV_FIELD_INT, .deflt = "64",                                \
     .offset = AT(sample.penalty_last_n), .min = -1, .max = 1000000000,                            \
     .help = "tokens these three look back over, the prompt's too; -1: all, 0: none"},             \
    {.name = "typical_p", .type = SRV_FIELD_NUM, .deflt = "1",                                     \
     .offset = AT(sample.typical_p), .max = 1,                                                     \
     .help = "keep the tokens nearest to the expected surprise that reach this "                   \
             "probability together; 1: off"},                                                      \
    {.name = "xtc_probability", .type = SRV_FIELD_NUM, .deflt = "0",                               \
     .offset = AT(sample.xtc_probability), .max = 1,                                               \
     .help = "how often to leave out the top choices"},                                            \
    {.name = "xtc_threshold", .type = SRV_FIELD_NUM, .deflt = "0.1",                               \
     .offset = AT(sample.xtc_threshold), .max = 1,                                                 \
     .help = "probability that makes a token a top choice"},                                       \
    {.name = "dry_multiplier", .type = SRV_FIELD_NUM, .deflt = "0",                                \
     .offset = AT(sample.dry_multiplier), .max = 100,                                              \
     .help = "strength of the penalty on what lengthens a repetition; 0: off"},                    \
    {.name = "dry_base", .type = SRV_FIELD_NUM, .deflt = "1.75",                                   \
     .offset = AT(sample.dry_base), .max = 100,                                                    \
     .help = "its growth with each token of the repetition"},                                      \
    {.name = "dry_allowed_length", .type = SRV_FIELD_INT, .deflt = "2",                            \
     .offset = AT(sample.dry_allowed_length), .max = 1000000000,                                   \
     .help = "repetitions shorter than this are free"},                                            \
    {.name = "dry_penalty_last_n", .type = SRV_FIELD_INT, .deflt = "64",                           \
     .offset = AT(sample.dry_last_n), .min = -1, .max = 1000000000,                                \
     .help = "tokens to look for repetitions in; -1: all, 0: none"},                               \
    {.name = "mirostat", .type = SRV_FIELD_INT, .deflt = "0",                                      \
     .offset = AT(sample.mirostat), .max = 2,                                                      \
     .help = "2: mirostat 2 instead of `top_k` to `xtc_probability`; 0: off"},                     \
    {.name = "mirostat_tau", .type = SRV_FIELD_NUM, .deflt = "5",                                  \
     .offset = AT(sample.mirostat_tau), .max = 100,                                                \
     .help = "surprise to aim at, in bits"},                                                       \
    {.name = "mirostat_eta", .type = SRV_FIELD_NUM, .deflt = "0.1",                                \
     .offset = AT(sample.mirostat_eta), .max = 1,                                                  \
     .help = "how fast it learns"},                                                                \
    {.name = "logit_bias", .type = SRV_FIELD_READ, .kind = "object", .deflt = "none",              \
     .read = srv_read_logit_bias,                                                                  \
     .help = "`{\"ID\": BIAS}`: added to the scores of up to 1024 tokens, -100 to 100"},           \
    {.name = "grammar", .type = SRV_FIELD_READ, .kind = "string", .deflt = "none",                 \
     .read = srv_read_grammar,                                                                     \
     .help = "a grammar (GBNF) that the answer follows by construction"},                          \
    {.name = "regex", .type = SRV_FIELD_READ, .kind = "string", .deflt = "none",                   \
     .read = srv_read_regex,                                                                       \
     .help = "a regular expression that the whole answer matches by construction"},                \
    SRV_WHEN_ROWS(AT),                                                                             \
    {.name = "user", .type = SRV_FIELD_NOTE, .kind = "string", .deflt = "none",                    \
     .help = "accepted; has no bearing on the answer"}

static const srv_field chat_rows[] = {
    {.name = "messages", .type = SRV_FIELD_READ, .kind = "array", .read = srv_read_messages,
     .help = "the conversation: `{\"role\", \"content\"}` with role system, developer (as system), "
             "user, assistant (also with `tool_calls`) or tool (with `tool_call_id`); content a "
             "string or an array of `{\"type\": \"text\", \"text\"}`"},
    COMMON_ROWS,
    {.name = "max_completion_tokens", .type = SRV_FIELD_INT, .deflt = "what fits the context",
     .offset = AT(max_completion_tokens), .min = 1, .max = ANY,
     .help = "longest answer in tokens; refused if prompt and answer can't fit the context"},
    {.name = "max_tokens", .type = SRV_FIELD_INT, .deflt = "what fits the context",
     .offset = AT(max_tokens), .min = 1, .max = ANY,
     .help = "older name of `max_completion_tokens`"},
    {.name = "logprobs", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(logprobs),
     .help = "give the log-probability of every token of the answer, as the model has it before "
             "temperature, penalties and biases"},
    {.name = "top_logprobs", .type = SRV_FIELD_INT, .deflt = "0", .offset = AT(top_logprobs),
     .max = SRV_MAX_TOP, .help = "and so many of the likeliest tokens beside it; with `logprobs`"},
    {.name = "chat_template_kwargs", .type = SRV_FIELD_READ, .kind = "object", .deflt = "none",
     .read = srv_read_template_vars,
     .help = "further variables for the model's chat template, such as `enable_thinking`"},
    {.name = "continue_final_message", .type = SRV_FIELD_BOOL, .deflt = "false",
     .offset = AT(go_on),
     .help = "the last message, an assistant's, is the beginning of the answer, which goes on from "
             "its end (and of which only what is new is given); a rule such as `response_format` "
             "holds for both together"},
    {.name = "add_generation_prompt", .type = SRV_FIELD_READ, .kind = "boolean", .deflt = "true",
     .read = srv_read_generation_prompt,
     .help = "false: the prompt ends with the last message, without the opening of an answer"},
    {.name = "reasoning_effort", .type = SRV_FIELD_READ, .kind = "string", .deflt = "none",
     .read = srv_read_effort, .help = "given to the model's chat template, if that asks for it"},
    {.name = "tools", .type = SRV_FIELD_READ, .kind = "array", .deflt = "none",
     .read = srv_read_tools,
     .help = "functions the model may call: `{\"type\": \"function\", \"function\": {\"name\", "
             "\"description\", \"parameters\"}}`; shown to it as its chat template does, or in "
             "words. "
             "Calls that `tool_choice` asks for, and those begun with a `<tool_call>`, name one of "
             "them with arguments that satisfy its `parameters`; in other forms the model is left "
             "to itself, and what it wrote is read"},
    {.name = "tool_choice", .type = SRV_FIELD_READ, .kind = "string or object", .deflt = "auto",
     .read = srv_read_tool_choice,
     .help = "none, auto, required, or the function to call: `{\"type\": \"function\", "
             "\"function\": {\"name\"}}`. Required and named make one call, by construction"},
    {.name = "parallel_tool_calls", .type = SRV_FIELD_BOOL, .deflt = "true", .offset = AT(parallel),
     .help = "false: calls after the first are dropped"},
    {.name = "functions", .type = SRV_FIELD_ONLY, .deflt = "none", .only = "[[]]",
     .help = "not supported"},
    {.name = "function_call", .type = SRV_FIELD_ONLY, .deflt = "none",
     .only = "[\"none\", \"auto\"]", .help = "not supported"},
    {.name = "response_format", .type = SRV_FIELD_READ, .kind = "object", .deflt = "text",
     .read = srv_read_response_format,
     .help = "`{\"type\": \"json_object\"}`, or `{\"type\": \"json_schema\", \"json_schema\": "
             "{\"schema\"}}`: the answer is JSON (of that schema) by construction, strict or not; "
             "a schema that can't be enforced is refused"},
    {.name = "reasoning_format", .type = SRV_FIELD_READ, .kind = "string", .deflt = "auto",
     .read = srv_read_reasoning_format,
     .help = "auto: what stands in `<think>` comes as `reasoning_content`; none: it stays in the "
             "text"},
    {.name = "modalities", .type = SRV_FIELD_ONLY, .deflt = "text", .only = "[[\"text\"]]",
     .help = "text only"},
    {.name = "audio", .type = SRV_FIELD_ONLY, .deflt = "none", .only = "[]",
     .help = "not supported"},
    {.name = "prediction", .type = SRV_FIELD_ONLY, .deflt = "none", .only = "[]",
     .help = "not supported"},
    {.name = "web_search_options", .type = SRV_FIELD_ONLY, .deflt = "none", .only = "[]",
     .help = "not supported"},
    {.name = "store", .type = SRV_FIELD_ONLY, .deflt = "false", .only = "[false]",
     .help = "nothing is stored"},
    {.name = "service_tier", .type = SRV_FIELD_ONLY, .deflt = "auto",
     .only = "[\"auto\", \"default\"]", .help = "there is one tier"},
    {.name = "metadata", .type = SRV_FIELD_NOTE, .kind = "object", .deflt = "none",
     .help = "accepted; has no bearing on the answer"},
};

static const srv_field completion_rows[] = {
    {.name = "prompt", .type = SRV_FIELD_READ, .kind = "string or array", .read = srv_read_prompt,
     .help = "the text to go on from, or its token ids, or an array of either: then `choices` has "
             "the answers to the first, the second, ..; special tokens are not read in text"},
    COMMON_ROWS,
    {.name = "max_tokens", .type = SRV_FIELD_INT, .deflt = "what fits the context",
     .offset = AT(max_tokens), .max = ANY,
     .help = "longest answer in tokens; refused if prompt and answer can't fit the context; 0, "
             "only with `echo`: the prompt is read and nothing is answered"},
    {.name = "echo", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(echo),
     .help = "put the prompt before the answer; with `logprobs` its tokens have theirs, too, all "
             "but the first, which has null"},
    {.name = "suffix", .type = SRV_FIELD_STR, .deflt = "none", .offset = AT(suffix),
     .help = "what is to follow the answer; only for models with tokens to fill a gap"},
    {.name = "best_of", .type = SRV_FIELD_INT, .deflt = "`n`", .offset = AT(best_of), .min = 1,
     .max = SRV_MAX_CHOICES,
     .help = "make so many answers to each prompt and give the `n` of them whose tokens have the "
             "highest mean log-probability; not with `stream`. All of them are counted"},
    {.name = "logprobs", .type = SRV_FIELD_INT, .deflt = "none", .offset = AT(n_logprobs),
     .max = SRV_MAX_TOP,
     .help = "give the log-probability of every token of the answer and so many of the likeliest "
             "ones; with `echo` of the prompt's, too"},
};
/* clang-format on */

const srv_fields srv_chat_fields = {"POST /v1/chat/completions",
                                    "Answers the last message of a conversation.", chat_rows,
                                    sizeof chat_rows / sizeof *chat_rows};

const srv_fields srv_completion_fields = {"POST /v1/completions", "Goes on from a text.",
                                          completion_rows,
                                          sizeof completion_rows / sizeof *completion_rows};

/* What some fields need others for. */
static sk_status check_together(const srv_params *p, srv_fault *f)
{
    if (p->has_stream_options && !p->stream)
        return srv_fail(f, SRV_BAD_VALUE, "stream_options",
                        "'stream_options' is only allowed with 'stream': true");
    if (p->top_logprobs && !p->logprobs)
        return srv_fail(f, SRV_BAD_VALUE, "top_logprobs",
                        "'top_logprobs' is only allowed with 'logprobs': true");
    if (p->best_of && p->best_of < p->n)
        return srv_fail(f, SRV_BAD_VALUE, "best_of", "'best_of' must be 'n' at least");
    if (p->best_of > p->n && p->stream)
        return srv_fail(f, SRV_BAD_VALUE, "best_of",
                        "the best of several answers can't be streamed; leave out 'stream' or "
                        "'best_of'");
    if (p->ignore_eos && (p->rule || p->choice >= SRV_TOOLS_REQUIRED))
        return srv_fail(f, SRV_UNSUPPORTED, "ignore_eos",
                        "an answer that must follow '%s' ends where that does; leave 'ignore_eos' "
                        "out",
                        p->rule ? p->rule_field : "tool_choice");
    if (p->sample.mirostat == 1)
        return srv_fail(f, SRV_BAD_VALUE, "mirostat", "'mirostat' must be 0 or 2");
    if (p->max_tokens == 0 && !p->echo)
        return srv_fail(f, SRV_BAD_VALUE, "max_tokens", "'max_tokens' 0 needs 'echo'");
    if (p->echo && p->n_logprobs >= 0 && p->suffix && *p->suffix)
        return srv_fail(f, SRV_UNSUPPORTED, "suffix",
                        "'suffix' can't go with log-probabilities of the prompt");
    if (srv_params_prompts(p) * srv_params_width(p) > SRV_MAX_CHOICES)
        return srv_fail(f, SRV_BAD_VALUE, p->best_of ? "best_of" : "n",
                        "%zu prompts with %zu answers each are more than %d answers",
                        srv_params_prompts(p), srv_params_width(p), SRV_MAX_CHOICES);
    return SK_OK;
}

sk_status srv_check_go_on(const srv_params *p, srv_fault *f)
{
    const json_t *last = json_array_get(p->messages, json_array_size(p->messages) - 1);
    const char *role = json_string_value(json_object_get(last, "role"));
    if (!role || strcmp(role, "assistant") != 0 || json_object_get(last, "tool_calls") ||
        !json_string_length(json_object_get(last, "content")))
        return srv_fail(f, SRV_BAD_VALUE, "continue_final_message",
                        "'continue_final_message' needs an assistant's message with text and no "
                        "calls at the end");
    if (p->choice >= SRV_TOOLS_REQUIRED)
        return srv_fail(f, SRV_BAD_VALUE, "tool_choice",
                        "a call that must be made can't go on from an answer that was begun");
    return SK_OK;
}

sk_status srv_params_check(srv_params *p, srv_fault *f)
{
    sk_status st = check_together(p, f);
    if (!st && p->go_on) st = srv_check_go_on(p, f);
    if (!st) st = srv_tools_check(p, f);
    if (st) return st;
    if (p->max_tokens >= 0 && p->max_completion_tokens >= 0 &&
        p->max_tokens != p->max_completion_tokens)
        return srv_fail(f, SRV_BAD_VALUE, "max_tokens",
                        "'max_tokens' and 'max_completion_tokens' differ; give one of them");
    if (p->max_tokens < 0) p->max_tokens = p->max_completion_tokens;
    sk_err e = SK_ERR_INIT;
    if (eng_sample_opts_check(&p->sample, &e))
        return srv_fail(f, SRV_BAD_VALUE, NULL, "%s", e.text);
    return SK_OK;
}

sk_status srv_params_init(srv_params *p, srv_fault *f)
{
    *p = (srv_params){
        .n = 1, .n_logprobs = -1, .max_tokens = -1, .max_completion_tokens = -1, .parallel = true};
    p->mem = sk_arena_new(SK_MEM_REQUEST);
    if (!p->mem) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    eng_sample_opts_default(&p->sample);
    return SK_OK;
}

/* Reads a body. */
sk_status srv_params_read(srv_params *p, bool chat, const char *body, size_t n, bool strict,
                          srv_fault *f)
{
    const srv_fields *t = chat ? &srv_chat_fields : &srv_completion_fields;
    sk_status st = srv_params_init(p, f);
    p->chat = chat;
    if (!st) st = srv_fields_read(t, body, n, strict, p, &p->root, &p->unknown, f);
    return st ? st : srv_params_check(p, f);
}

/* Frees what reading made. */
void srv_params_fini(srv_params *p)
{
    json_decref(p->messages);
    json_decref(p->vars);
    json_decref(p->tools);
    sk_buf_fini(&p->rule_text);
    json_decref(p->root);
    for (size_t i = 0; i < p->n_prompts; i++)
        eng_ids_fini(&p->prompt[i].ids);
    sk_buf_fini(&p->unknown);
    sk_arena_free(p->mem);
    *p = (srv_params){0};
}

size_t srv_params_prompts(const srv_params *p)
{
    return p->chat ? 1 : p->n_prompts;
}

size_t srv_params_width(const srv_params *p)
{
    return (size_t)(p->best_of ? p->best_of : p->n);
}

/* Ids that were given must be tokens there are. */
static sk_status check_ids(const eng_ids *ids, size_t n_vocab, srv_fault *f)
{
    for (size_t i = 0; i < ids->n; i++)
        if ((size_t)ids->id[i] >= n_vocab)
            return srv_fail(f, SRV_BAD_VALUE, "prompt",
                            "'prompt[%zu]' is %" PRId32 "; the model has %zu tokens", i, ids->id[i],
                            n_vocab);
    return SK_OK;
}

/* A plain completion's prompt. */
static sk_status encode_prompt(const srv_params *p, const srv_engine *eng, const srv_prompt *from,
                               eng_ids *ids, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    bool gap = p->suffix && *p->suffix;
    if (from->text && gap)
        return srv_fim_encode(eng, from->text, from->n, p->suffix, strlen(p->suffix), ids, f);
    if (gap)
        return srv_fail(f, SRV_UNSUPPORTED, "suffix", "'suffix' goes with a prompt of text only");
    if (from->text)
        return eng->encode(eng->self, from->text, from->n, true, ids, &e) ? srv_fail_err(f, &e)
                                                                          : SK_OK;
    sk_status st = check_ids(&from->ids, eng->n_vocab, f);
    if (st) return st;
    if (!eng_ids_add(ids, from->ids.id, from->ids.n))
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the prompt");
    return SK_OK;
}

/* Biases must be of tokens there are. */
static sk_status check_bias(const srv_params *p, const srv_engine *eng, srv_fault *f)
{
    for (size_t i = 0; i < p->sample.n_bias; i++)
        if ((size_t)p->sample.bias[i].id >= eng->n_vocab)
            return srv_fail(f, SRV_BAD_VALUE, "logit_bias",
                            "'logit_bias' has token %" PRId32 "; the model has %zu tokens",
                            p->sample.bias[i].id, eng->n_vocab);
    return SK_OK;
}

/* The ids of a prompt, whichever way it was given. */
static sk_status encode(const srv_params *p, const srv_engine *eng, size_t which, eng_ids *ids,
                        srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    if (!p->chat) return encode_prompt(p, eng, &p->prompt[which], ids, f);
    return eng->chat(eng->self, p->messages, p->vars, p->go_on, ids, &e) ? srv_fail_err(f, &e)
                                                                         : SK_OK;
}

/* Ids and the bound of the answer. */
sk_status srv_params_tokens(const srv_params *p, const srv_engine *eng, size_t which, eng_ids *ids,
                            size_t *n_max, srv_fault *f)
{
    assert(ids->n == 0 && which < srv_params_prompts(p));
    const char *param = p->chat ? "messages" : "prompt";
    sk_status st = check_bias(p, eng, f);
    if (!st) st = encode(p, eng, which, ids, f);
    if (st) return st;
    if (!ids->n)
        return srv_fail(f, SRV_BAD_VALUE, param, "'%s' must hold at least one token", param);
    if (ids->n >= eng->n_ctx + (p->max_tokens == 0))
        return srv_fail(f, SRV_TOO_LONG, param,
                        "the context holds %zu tokens and the prompt has %zu; shorten it",
                        eng->n_ctx, ids->n);
    size_t room = eng->n_ctx - ids->n;
    if (p->max_tokens >= 0 && (uint64_t)p->max_tokens > room)
        return srv_fail(f, SRV_TOO_LONG, "max_tokens",
                        "the context holds %zu tokens; the prompt has %zu, so at most %zu can be "
                        "asked for, not %" PRId64,
                        eng->n_ctx, ids->n, room, p->max_tokens);
    *n_max = p->max_tokens >= 0 ? (size_t)p->max_tokens : room;
    return SK_OK;
}
