/* cmd_generate.c - stoke generate: continue a text, or answer one message. */
#include "base/file.h"
#include "base/json.h"
#include "cli/gen.h"
#include "cli/verbs.h"

#include <math.h>
#include <string.h>

/* Most tokens that --logprobs lists in each place. */
#define LOGPROBS_MAX 100

/* Most bytes of a prompt. */
#define PROMPT_MAX ((uint64_t)64 << 20)

typedef struct generate_opts {
    cmd_common common;
    cmd_load load;
    cmd_sample sample;
    cmd_spec spec;
    cmd_lora lora;
    cmd_guide_flags guide;
    const char *model, *prompt, *file, *system, *kv_type, *chat_template;
    int64_t n, context, logprobs; /* logprobs: -1 for none */
    sk_opt_list stop;
    bool json, chat;
} generate_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(generate_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"prompt", 'p', SK_OPT_STRING, "TEXT", NULL, "the text to continue",
     offsetof(generate_opts, prompt)},
    {"file", 'f', SK_OPT_STRING, "FILE", NULL, "read the text from FILE (- is standard input)",
     offsetof(generate_opts, file), .complete = SK_COMPLETE_FILE},
    {"tokens", 'n', SK_OPT_INT, "N", "256", "generate at most N tokens", offsetof(generate_opts, n),
     0, 1e9},
    {"chat", 0, SK_OPT_BOOL, NULL, NULL, "the text is a person's message; generate the answer",
     offsetof(generate_opts, chat)},
    {"system", 0, SK_OPT_STRING, "TEXT", NULL, "with --chat, instructions before the message",
     offsetof(generate_opts, system)},
    {"chat-template", 0, SK_OPT_STRING, "FILE", NULL,
     "with --chat, render conversations by this template (Jinja) instead of the model's own",
     offsetof(generate_opts, chat_template), .complete = SK_COMPLETE_FILE},
    {"context", 0, SK_OPT_INT, "N", "0",
     "tokens of text and answer together; 0 takes as many as are needed",
     offsetof(generate_opts, context), 0, 1e9},
    {"stop", 0, SK_OPT_LIST, "TEXT", NULL,
     "end the answer before TEXT; up to 4 texts of at most 256 bytes",
     offsetof(generate_opts, stop)},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object at the end instead of the text",
     offsetof(generate_opts, json)},
    {"logprobs", 0, SK_OPT_INT, "N", NULL,
     "with --json, the log-probability of each token and of the N likeliest in its place",
     offsetof(generate_opts, logprobs), 0, LOGPROBS_MAX},
    CMD_GUIDE_ROWS(generate_opts),
    CMD_KV_ROW(generate_opts, "f16"),
    CMD_LOAD_ROWS(generate_opts),
    CMD_LORA_ROWS(generate_opts),
    CMD_SAMPLE_ROWS(generate_opts),
    CMD_COMMON_ROWS(generate_opts),
    {0},
};

/* Puts the prompt's ids into g->ids. */
static sk_status encode(cmd_gen *g, const generate_opts *o, const char *text, size_t n, sk_err *e)
{
    if (o->chat) {
        eng_chat_msg msg[2] = {{"system", o->system, o->system ? strlen(o->system) : 0},
                               {"user", text, n}};
        return o->system ? eng_model_chat(g->m, msg, 2, &g->ids, e)
                         : eng_model_chat(g->m, msg + 1, 1, &g->ids, e);
    }
    sk_status st = eng_model_encode(g->m, text, n, ENG_TOK_ADD, &g->ids, e);
    if (st || g->ids.n) return st;
    /* No text at all: begin as a document begins. */
    const eng_vocab *v = eng_model_vocab(g->m);
    int32_t first = eng_vocab_bos(v) >= 0 ? eng_vocab_bos(v) : eng_vocab_eos(v);
    if (first < 0) return sk_fail(e, SK_E_INVALID, "the text is empty");
    return eng_ids_push(&g->ids, first) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
}

/* An answer being made. */
typedef struct making {
    cmd_gen *g;
    const generate_opts *o;
    sk_buf text, logprobs; /* for the JSON object */
} making;

static sk_status on_text(void *arg, const char *text, size_t n, sk_err *e)
{
    making *k = arg;
    if (!k->o->json) return cmd_out(text, n, e);
    sk_buf_add(&k->text, text, n);
    return sk_buf_ok(&k->text) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the answer");
}

/* "id":..,"text":..,"logprob":.. of a token; a logarithm of nothing is null. */
static void add_logprob(const making *k, sk_buf *b, int32_t id, double logprob)
{
    size_t n;
    const char *piece = eng_vocab_piece(eng_model_vocab(k->g->m), id, true, &n);
    sk_buf_addf(b, "\"id\":%d,\"text\":", id);
    sk_json_add_str(b, piece, n);
    sk_buf_adds(b, ",\"logprob\":");
    if (isfinite(logprob))
        sk_json_add_num(b, logprob);
    else
        sk_buf_adds(b, "null");
}

/* The log-probabilities of one choice, as JSON behind those before it.  They are the model's
 * own, before any sampler changed them. */
static sk_status on_token(void *arg, int32_t id, const float *logits, sk_err *e)
{
    making *k = arg;
    sk_buf *b = &k->logprobs;
    eng_logprob top[LOGPROBS_MAX];
    double logprob;
    size_t n;
    sk_status st = eng_sampler_logprobs(k->g->sampler, logits, id, (size_t)k->o->logprobs, &logprob,
                                        top, &n, e);
    if (st) return st;
    sk_buf_adds(b, b->len ? ",{" : "{");
    add_logprob(k, b, id, logprob);
    sk_buf_adds(b, ",\"top\":[");
    for (size_t i = 0; i < n; i++) {
        sk_buf_adds(b, i ? ",{" : "{");
        add_logprob(k, b, top[i].id, top[i].logprob);
        sk_buf_addc(b, '}');
    }
    sk_buf_adds(b, "]}");
    return sk_buf_ok(b) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for log-probabilities");
}

/* {"text","tokens","prompt_tokens","prefill_tokens_per_s","decode_tokens_per_s"}, and what was
 * asked for besides.  The first token comes out of reading the prompt, so decoding made one less.
 */
static sk_status print_json(const making *k, const cmd_gen_stats *s, sk_err *e)
{
    const cmd_gen *g = k->g;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"text\":");
    sk_json_add_str(&b, k->text.p ? k->text.p : "", k->text.len);
    sk_buf_adds(&b, ",\"tokens\":[");
    for (size_t i = s->n_prefill; i < g->ids.n; i++)
        sk_buf_addf(&b, "%s%d", i > s->n_prefill ? "," : "", g->ids.id[i]);
    sk_buf_addf(&b, "],\"prompt_tokens\":%zu,\"prefill_tokens_per_s\":", s->n_prefill);
    sk_json_add_num(&b, cmd_rate(s->n_prefill, s->prefill_s));
    sk_buf_adds(&b, ",\"decode_tokens_per_s\":");
    sk_json_add_num(&b, cmd_rate(s->n_new ? s->n_new - 1 + s->ended : 0, s->decode_s));
    if (g->spec)
        sk_buf_addf(&b, ",\"steps\":%zu,\"guessed\":%zu,\"guessed_right\":%zu", s->n_steps,
                    s->n_guessed, s->n_right);
    if (k->o->logprobs >= 0)
        sk_buf_addf(&b, ",\"logprobs\":[%s]", k->logprobs.p ? k->logprobs.p : "");
    sk_buf_adds(&b, "}\n");
    sk_status st = cmd_out_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

/* Generates and prints. */
static sk_status make(making *k, sk_err *e)
{
    const generate_opts *o = k->o;
    sk_stops stops = {0};
    cmd_gen_stats stats;
    for (size_t i = 0; i < o->stop.n; i++)
        if (!sk_stops_add(&stops, o->stop.item[i], strlen(o->stop.item[i])))
            return sk_fail(e, SK_E_USAGE, "--stop takes up to %u texts of 1 to %u bytes",
                           SK_MAX_STOPS, SK_MAX_STOP_BYTES);
    cmd_gen_hooks hooks = {.text = on_text,
                           .token = o->logprobs >= 0 ? on_token : NULL,
                           .halt = cmd_stopped,
                           .stops = &stops,
                           .arg = k};
    sk_status st = cmd_gen_run(k->g, (size_t)o->n, &hooks, &stats, e);
    if (!st && o->json) st = print_json(k, &stats, e);
    if (!st && !o->json) st = cmd_out("\n", 1, e);
    return !st && stats.halted ? cmd_stopped_err(e) : st;
}

/* All but reading the flags and the text. */
static sk_status run(cmd_gen *g, const generate_opts *o, const char *text, size_t n, sk_err *e)
{
    sk_status st;
    if ((st = cmd_gen_open(g, o->model, o->common.threads, &o->load, &o->sample, &o->spec, &o->lora,
                           e)) ||
        (o->chat_template && (st = eng_model_load_template(g->m, o->chat_template, e))) ||
        (st = encode(g, o, text, n, e)) ||
        (st = cmd_guide_open(eng_model_vocab(g->m), &o->guide, &g->guide, e)))
        return st;
    size_t n_ctx = o->context ? (size_t)o->context : g->ids.n + (size_t)o->n + 1;
    if ((st = cmd_gen_start(g, n_ctx, o->kv_type, e))) return st;
    making k = {.g = g, .o = o};
    st = make(&k, e);
    sk_buf_fini(&k.text);
    sk_buf_fini(&k.logprobs);
    return st;
}

/* The verb: flags, text, run. */
static sk_status generate(int argc, char **argv, sk_err *e)
{
    generate_opts o = {.logprobs = -1};
    bool done;
    sk_status st = cmd_parse(&cmd_generate_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    if (!o.prompt == !o.file)
        return sk_fail(e, SK_E_USAGE, "give the text by -p TEXT or by -f FILE");
    if (o.logprobs >= 0 && !o.json) return sk_fail(e, SK_E_USAGE, "--logprobs goes with --json");
    if (o.system && !o.chat) return sk_fail(e, SK_E_USAGE, "--system goes with --chat");
    sk_buf file = SK_BUF_INIT;
    if (o.file && (st = sk_file_load(o.file, PROMPT_MAX, &file, e))) return st;
    const char *text = o.prompt ? o.prompt : file.p ? file.p : "";
    cmd_gen g = {0};
    st = run(&g, &o, text, o.prompt ? strlen(text) : file.len, e);
    cmd_gen_close(&g);
    sk_buf_fini(&file);
    return st;
}

const cmd_verb cmd_generate_verb = {
    {
        "generate",
        "continue a text",
        "",
        0,
        0,
        "Prints the text that follows, as it is made; the text itself is not repeated.  It ends at "
        "an end token, after -n tokens, or where the context is full.  The same model, text, seed "
        "and flags give the same answer on the same kind of processor, whatever the number of "
        "threads.\n\n--json prints one object: text, tokens (the ids generated), prompt_tokens, "
        "prefill_tokens_per_s, decode_tokens_per_s; with --logprobs also logprobs, a list of id, "
        "text, logprob and top (of the model itself, before sampling); with --draft or --lookup "
        "also steps of the model, tokens guessed and guessed_right.",
        "stoke generate -m MODEL -p \"Once upon a time\"\n  continue a sentence\n"
        "stoke generate -m MODEL -f essay.txt --lookup\n  faster where the text repeats itself\n"
        "stoke generate -m MODEL --chat -p \"Who are you?\" --temp 0\n  answer a message, always "
        "the same\n",
        rows,
    },
    generate,
};
