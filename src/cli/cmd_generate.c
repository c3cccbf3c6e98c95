/* cmd_generate.c - stoke generate: continue a text, or answer one message. */
#include "base/file.h"
#include "base/json.h"
#include "cli/gen.h"
#include "cli/verbs.h"

#include <string.h>

/* Most bytes of a prompt. */
#define PROMPT_MAX ((uint64_t)64 << 20)

typedef struct generate_opts {
    cmd_common common;
    cmd_sample sample;
    const char *model, *prompt, *file, *system;
    int64_t n, context;
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
    {"context", 0, SK_OPT_INT, "N", "0",
     "tokens of text and answer together; 0 takes as many as are needed",
     offsetof(generate_opts, context), 0, 1e9},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object at the end instead of the text",
     offsetof(generate_opts, json)},
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

/* Sinks: straight to stdout, or kept for the JSON object. */
static sk_status to_stdout(void *arg, const char *text, size_t n, sk_err *e)
{
    (void)arg;
    return cmd_out(text, n, e);
}

static sk_status to_buf(void *arg, const char *text, size_t n, sk_err *e)
{
    sk_buf_add(arg, text, n);
    return sk_buf_ok(arg) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the answer");
}

/* {"text","tokens","prompt_tokens","prefill_tokens_per_s","decode_tokens_per_s"}.  The first token
 * comes out of reading the prompt, so decoding made one less. */
static sk_status print_json(const cmd_gen *g, const sk_buf *text, const cmd_gen_stats *s, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"text\":");
    sk_json_add_str(&b, text->p ? text->p : "", text->len);
    sk_buf_adds(&b, ",\"tokens\":[");
    for (size_t i = s->n_prefill; i < g->ids.n; i++)
        sk_buf_addf(&b, "%s%d", i > s->n_prefill ? "," : "", g->ids.id[i]);
    sk_buf_addf(&b, "],\"prompt_tokens\":%zu,\"prefill_tokens_per_s\":", s->n_prefill);
    sk_json_add_num(&b, cmd_rate(s->n_prefill, s->prefill_s));
    sk_buf_adds(&b, ",\"decode_tokens_per_s\":");
    sk_json_add_num(&b, cmd_rate(s->n_new ? s->n_new - 1 + s->ended : 0, s->decode_s));
    sk_buf_adds(&b, "}\n");
    sk_status st = cmd_out_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

/* All but reading the flags and the text. */
static sk_status run(cmd_gen *g, const generate_opts *o, const char *text, size_t n, sk_err *e)
{
    sk_status st;
    if ((st = cmd_gen_open(g, o->model, o->common.threads, &o->sample, e)) ||
        (st = encode(g, o, text, n, e)))
        return st;
    size_t n_ctx = o->context ? (size_t)o->context : g->ids.n + (size_t)o->n + 1;
    if ((st = cmd_gen_start(g, n_ctx, e))) return st;
    sk_buf kept = SK_BUF_INIT;
    cmd_gen_stats stats;
    st = cmd_gen_run(g, (size_t)o->n, o->json ? to_buf : to_stdout, cmd_stopped, &kept, &stats, e);
    if (!st && o->json) st = print_json(g, &kept, &stats, e);
    if (!st && !o->json) st = cmd_out("\n", 1, e);
    sk_buf_fini(&kept);
    return !st && stats.halted ? cmd_stopped_err(e) : st;
}

/* The verb: flags, text, run. */
static sk_status generate(int argc, char **argv, sk_err *e)
{
    generate_opts o = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_generate_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    if (!o.prompt == !o.file)
        return sk_fail(e, SK_E_USAGE, "give the text by -p TEXT or by -f FILE");
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
        "prefill_tokens_per_s, decode_tokens_per_s.",
        "stoke generate -m MODEL -p \"Once upon a time\"\n  continue a sentence\n"
        "stoke generate -m MODEL --chat -p \"Who are you?\" --temp 0\n  answer a message, always "
        "the same\n",
        rows,
    },
    generate,
};
