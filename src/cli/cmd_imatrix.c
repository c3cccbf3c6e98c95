/* cmd_imatrix.c - stoke imatrix: which columns of a model's matrices matter. */
#include "base/buf.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <string.h>

typedef struct imatrix_opts {
    cmd_common common;
    cmd_load load;
    const char *model, *file, *out;
    int64_t context;
    bool json;
} imatrix_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(imatrix_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"file", 'f', SK_OPT_STRING, "FILE", NULL, "the text (- is standard input)",
     offsetof(imatrix_opts, file), .required = true, .complete = SK_COMPLETE_FILE},
    {"out", 'o', SK_OPT_STRING, "FILE", NULL, "the GGUF file to write", offsetof(imatrix_opts, out),
     .required = true, .complete = SK_COMPLETE_FILE},
    {"context", 'c', SK_OPT_INT, "N", "512", "tokens of a window", offsetof(imatrix_opts, context),
     4, 1e9},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(imatrix_opts, json)},
    CMD_LOAD_ROWS(imatrix_opts),
    CMD_COMMON_ROWS(imatrix_opts),
    {0},
};

/* The bar begins with the first call. */
static void progress(void *arg, size_t done, size_t total)
{
    if (!done) sk_progress_stage(arg, "windows", total, 0);
    sk_progress_set(arg, done, "%s", "");
}

static sk_status print(const imatrix_opts *o, const eng_calib *c, sk_err *e)
{
    if (!o->json)
        return cmd_outf(e,
                        "%s: %zu tensors, %" PRIu64 " tokens in %" PRIu64 " windows of %" PRId64
                        "; %zu matrices of experts never used\n",
                        o->out, c->entries, c->tokens, c->windows, o->context, c->idle);
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"file\":");
    sk_json_add_str(&b, o->out, strlen(o->out));
    sk_buf_addf(&b,
                ",\"tensors\":%zu,\"tokens\":%" PRIu64 ",\"windows\":%" PRIu64 ",\"unused\":%zu}\n",
                c->entries, c->tokens, c->windows, c->idle);
    sk_status st = cmd_out_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

/* A run: what was asked for, what came of it. */
typedef struct run {
    const imatrix_opts *o;
    eng_calib made;
} run;

/* With a bar; a Ctrl-C ends it between two windows. */
static sk_status measure(void *arg, const cmd_opened *on, const char *text, size_t len,
                         sk_progress *bar, sk_err *e)
{
    run *r = arg;
    eng_calib_opts co = {.n_ctx = (size_t)r->o->context,
                         .dataset = r->o->file,
                         .progress = progress,
                         .stop = cmd_stopped,
                         .arg = bar};
    return eng_calibrate(on->x, on->m, text, len, &co, r->o->out, &r->made, e);
}

static sk_status imatrix(int argc, char **argv, sk_err *e)
{
    imatrix_opts o = {0};
    run r = {.o = &o};
    bool done;
    sk_status st = cmd_parse(&cmd_imatrix_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    st = cmd_opened_text(o.model, o.file, &o.common, &o.load, measure, &r, e);
    return st ? st : print(&o, &r.made, e);
}

const cmd_verb cmd_imatrix_verb = {
    {
        "imatrix",
        "measure which columns of a model's matrices matter",
        "",
        0,
        0,
        "Runs a text through the model, in windows of --context tokens that don't overlap, and "
        "writes for every matrix of the layers how large what its columns are multiplied with "
        "was: the sum of squares, and the tokens it is over.  stoke quantize --imatrix, and "
        "llama-quantize, then keep exact what matters.  The text should be like what the model "
        "is for; 100 kB help, and 1 MB is plenty.  The procedure and the file are llama-imatrix's "
        "with its defaults.  The file does not depend on the number of threads.",
        "stoke imatrix -m model.gguf -f text.txt -o imatrix.gguf\n"
        "stoke quantize model.gguf small.gguf Q2_K --imatrix imatrix.gguf\n",
        rows,
    },
    imatrix,
};
