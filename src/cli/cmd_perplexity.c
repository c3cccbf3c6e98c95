/* cmd_perplexity.c - stoke perplexity: how well a model predicts a text. */
#include "base/buf.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "engine/engine.h"

typedef struct perplexity_opts {
    cmd_common common;
    cmd_load load;
    const char *model, *file, *kv_type;
    int64_t context;
    bool json;
} perplexity_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(perplexity_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"file", 'f', SK_OPT_STRING, "FILE", NULL, "the text (- is standard input)",
     offsetof(perplexity_opts, file), .required = true, .complete = SK_COMPLETE_FILE},
    {"context", 'c', SK_OPT_INT, "N", "512", "tokens of a window",
     offsetof(perplexity_opts, context), 4, 1e9},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(perplexity_opts, json)},
    CMD_KV_ROW(perplexity_opts, "f32"),
    CMD_LOAD_ROWS(perplexity_opts),
    CMD_COMMON_ROWS(perplexity_opts),
    {0},
};

static void progress(void *arg, size_t done, size_t total, const eng_ppl *sofar)
{
    if (!sofar) sk_progress_stage(arg, "windows", total, 0);
    if (sofar) sk_progress_set(arg, done, "perplexity %.4f", sofar->perplexity);
}

/* {"perplexity","bits_per_byte","tokens"}, or a line for people. */
static sk_status print(const perplexity_opts *o, const eng_ppl *p, sk_err *e)
{
    if (!o->json)
        return cmd_outf(e,
                        "perplexity %.4f +/- %.4f\nbits per byte %.4f\n%llu tokens scored in %llu "
                        "windows of %lld\n",
                        p->perplexity, p->error, p->bits_per_byte, (unsigned long long)p->tokens,
                        (unsigned long long)p->windows, (long long)o->context);
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"perplexity\":");
    sk_json_add_num(&b, p->perplexity);
    sk_buf_adds(&b, ",\"bits_per_byte\":");
    sk_json_add_num(&b, p->bits_per_byte);
    sk_buf_addf(&b, ",\"tokens\":%llu}\n", (unsigned long long)p->tokens);
    sk_status st = cmd_out_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

/* A run: what was asked for, what came of it. */
typedef struct run {
    const perplexity_opts *o;
    eng_ppl ppl;
} run;

/* With a bar; a Ctrl-C ends it between two windows. */
static sk_status measure(void *arg, const cmd_opened *on, const char *text, size_t len,
                         sk_progress *bar, sk_err *e)
{
    run *r = arg;
    eng_ppl_opts po = {
        .n_ctx = (size_t)r->o->context, .progress = progress, .stop = cmd_stopped, .arg = bar};
    (void)eng_dtype_of_name(r->o->kv_type, &po.kv_type);
    return eng_perplexity(on->x, on->m, text, len, &po, &r->ppl, e);
}

static sk_status perplexity(int argc, char **argv, sk_err *e)
{
    perplexity_opts o = {0};
    run r = {.o = &o};
    bool done;
    sk_status st = cmd_parse(&cmd_perplexity_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    st = cmd_opened_text(o.model, o.file, &o.common, &o.load, measure, &r, e);
    return st ? st : print(&o, &r.ppl, e);
}

const cmd_verb cmd_perplexity_verb = {
    {
        "perplexity",
        "measure how well a model predicts a text",
        "",
        0,
        0,
        "Cuts the text into windows of --context tokens that don't overlap and scores the second "
        "half of each: e to the mean of -ln p over those tokens, with its standard error, and the "
        "bits needed for each byte of their text, which also compares models with different "
        "vocabularies.  The procedure is that of llama.cpp's llama-perplexity with its defaults "
        "(begin-of-text at the start of each window where the model asks for it, one line feed at "
        "the end of the text dropped), so figures compare.\n\n--json prints perplexity, "
        "bits_per_byte and tokens, the number scored.",
        "stoke perplexity -m MODEL -f TEXT\n  as llama-perplexity -m MODEL -f TEXT\n",
        rows,
    },
    perplexity,
};
