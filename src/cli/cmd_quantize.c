/* cmd_quantize.c - stoke quantize: a model file with its matrices in smaller types. */
#include "base/clock.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

typedef struct quantize_opts {
    cmd_common common;
    const char *imatrix;
    bool pure, allow_requantize, json;
} quantize_opts;

static const sk_opt rows[] = {
    {"imatrix", 0, SK_OPT_STRING, "FILE", NULL,
     "importance matrix: which columns matter, from llama-imatrix (GGUF or .dat)",
     offsetof(quantize_opts, imatrix), 0, 0, false, SK_COMPLETE_FILE, NULL},
    CMD_ROW(quantize_opts, "pure", 0, SK_OPT_BOOL, NULL, NULL,
            "every matrix in the type itself, no better ones for those that suffer most", pure, 0,
            NULL),
    CMD_ROW(quantize_opts, "allow-requantize", 0, SK_OPT_BOOL, NULL, NULL,
            "take a source that is quantised already; the errors of both add up", allow_requantize,
            0, NULL),
    CMD_ROW(quantize_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object when done",
            json, 0, NULL),
    CMD_COMMON_ROWS(quantize_opts),
    {0},
};

/* What the progress line needs. */
typedef struct view {
    sk_progress *bar;
    bool started;
} view;

static bool on_progress(void *arg, uint64_t done, uint64_t total, eng_str name)
{
    view *v = arg;
    if (!v->started) sk_progress_stage(v->bar, "quantize", total, 0);
    v->started = true;
    sk_progress_set(v->bar, done, "%.*s", (int)name.n, name.p);
    return !cmd_stopped(NULL);
}

/* The result in a line, or as JSON. */
static sk_status report(const quantize_opts *o, const char *dst, const char *type,
                        const eng_quantize_result *r, double seconds, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    if (o->json) {
        sk_buf_adds(&out, "{\"file\":");
        sk_json_add_str(&out, dst, strlen(dst));
        sk_buf_addf(&out,
                    ",\"type\":\"%s\",\"tensors\":%zu,\"changed\":%zu,\"fallbacks\":%zu,"
                    "\"unweighed\":%zu,\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64
                    ",\"seconds\":%.3f}\n",
                    type, r->n_tensors, r->n_changed, r->n_fallback, r->n_unweighed,
                    r->bytes_before, r->bytes_after, seconds);
        return cmd_out_buf(&out, e);
    }
    sk_buf_addf(&out, "%s: %s, %zu of %zu tensors changed, %.1f MB -> %.1f MB in %.1f s\n", dst,
                type, r->n_changed, r->n_tensors, (double)r->bytes_before / 1e6,
                (double)r->bytes_after / 1e6, seconds);
    if (r->n_fallback)
        sk_buf_addf(&out, "%zu tensors have rows that are no whole blocks and got another type\n",
                    r->n_fallback);
    if (r->n_unweighed)
        sk_buf_addf(&out, "%zu tensors have no entry in the importance matrix\n", r->n_unweighed);
    return cmd_out_buf(&out, e);
}

/* Quantises an open model. */
static sk_status run(const quantize_opts *o, const eng_gguf *g, const char *dst, const char *type,
                     eng_quantize_opts *q, sk_err *e)
{
    eng_imatrix *m = NULL;
    eng_quantize_result r = {.n_tensors = 0};
    uint64_t start = sk_now_us();
    sk_status st = o->imatrix ? eng_imatrix_open(o->imatrix, &m, e) : SK_OK;
    if (st) return st;
    view v = {sk_progress_new(stderr, o->common.quiet || o->json), false};
    q->imatrix = m;
    q->imatrix_file = o->imatrix;
    q->progress = on_progress;
    q->arg = &v;
    st = eng_quantize(g, dst, q, &r, e);
    sk_progress_free(v.bar);
    eng_imatrix_close(m);
    return st ? st : report(o, dst, type, &r, (double)(sk_now_us() - start) * 1e-6, e);
}

/* The verb: SOURCE DESTINATION TYPE, where the source may be a model's name, a file or a Hugging
 * Face folder. */
static sk_status quantize(int argc, char **argv, sk_err *e)
{
    quantize_opts o = {.imatrix = NULL};
    sk_opt_list args = {.n = 0};
    char path[CMD_PATH_MAX];
    eng_gguf *g = NULL;
    bool done;
    sk_status st = cmd_parse(&cmd_quantize_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    const char *dst = args.item[1], *type = args.item[2];
    eng_quantize_opts q = {.pure = o.pure,
                           .allow_requantize = o.allow_requantize,
                           .copy = strcasecmp(type, "COPY") == 0,
                           .threads = (size_t)o.common.threads};
    if (!q.copy && !eng_mix_of_name(type, &q.mix))
        return sk_fail(e, SK_E_USAGE, "no type %s; stoke quantize --help lists them", type);
    if (eng_hf_is_folder(args.item[0])) {
        st = eng_hf_open(args.item[0], &g, e);
    } else {
        st = cmd_model_path(args.item[0], path, e);
        if (!st) st = eng_gguf_open(path, &g, e);
    }
    if (st) return st;
    st = run(&o, g, dst, q.copy ? "COPY" : eng_mix_name(q.mix), &q, e);
    eng_gguf_close(g);
    return st;
}

const cmd_verb cmd_quantize_verb = {
    {"quantize", "make a model file smaller", "SRC DST TYPE", 3, 3,
     "Writes the model SRC (a GGUF file, the first of several, or a Hugging Face folder) to the "
     "GGUF "
     "file DST with its matrices in another type; vectors and norms stay as they are. TYPE is one "
     "of F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q5_1, Q5_0, Q4_K_M, Q4_K_S, Q4_1, Q4_0, "
     "IQ4_NL, IQ4_XS, MXFP4_MOE, Q3_K_L, Q3_K_M, Q3_K_S, Q2_K, Q2_K_S, or COPY, which changes no "
     "tensor. Names ending in _S, _M, _L, and most others, give some matrices a better type by the "
     "rules llama.cpp has; docs/format/quant.md lists them. DST appears complete or not at all, "
     "and "
     "is the same for any number of threads.",
     "stoke quantize model-f16.gguf model-q4.gguf Q4_K_M\n  about 4.8 bits a weight\n"
     "stoke quantize model-f16.gguf model-q2.gguf Q2_K --imatrix imatrix.gguf\n"
     "  small, with what matters most kept best\n",
     rows},
    quantize};
