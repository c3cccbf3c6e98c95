/* cmd_convert.c - stoke convert: a model from one format to another. */
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct convert_opts {
    cmd_common common;
    const char *type, *tokenizer;
    bool json;
} convert_opts;

static const sk_opt rows[] = {
    CMD_ROW(convert_opts, "type", 0, SK_OPT_STRING, "T", NULL,
            "element type of the matrices written; without it they keep theirs", type, 0,
            "F32 F16 BF16"),
    {"tokenizer", 0, SK_OPT_STRING, "FILE", NULL,
     "the tokenizer of a llama2.c checkpoint; without it tok<vocabulary>.bin or tokenizer.bin "
     "beside it",
     offsetof(convert_opts, tokenizer), 0, 0, false, SK_COMPLETE_FILE, NULL},
    CMD_ROW(convert_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object when done",
            json, 0, NULL),
    CMD_COMMON_ROWS(convert_opts),
    {0},
};

/* What the progress line needs. */
typedef struct view {
    sk_progress *bar;
    bool started;
} view;

static bool on_progress(void *arg, uint64_t done, uint64_t total)
{
    view *v = arg;
    if (!v->started) sk_progress_stage(v->bar, "convert", total, done);
    v->started = true;
    sk_progress_set(v->bar, done, "%s", "");
    return !cmd_stopped(NULL);
}

static int type_of(const char *name)
{
    if (!name) return ENG_HF_KEEP;
    return !strcmp(name, "F32") ? ENG_F32 : !strcmp(name, "F16") ? ENG_F16 : ENG_BF16;
}

/* The tokenizer beside a llama2.c checkpoint, into path. */
static void guess_tokenizer(const char *src, char *path, size_t n)
{
    const char *slash = strrchr(src, '/');
    int dir = slash ? (int)(slash - src) + 1 : 0;
    int32_t head[7] = {0};
    sk_map m;
    if (!sk_map_open(src, &m, NULL)) {
        if (m.len >= sizeof head) memcpy(head, m.p, sizeof head);
        sk_map_close(&m);
    }
    (void)snprintf(path, n, "%.*stok%u.bin", dir, src,
                   head[5] < 0 ? 0u - (unsigned)head[5] : (unsigned)head[5]);
    if (!sk_file_exists(path)) (void)snprintf(path, n, "%.*stokenizer.bin", dir, src);
}

static sk_status from_llama2c(const convert_opts *o, const char *src, const char *dst, sk_err *e)
{
    char guess[4096];
    guess_tokenizer(src, guess, sizeof guess);
    if (o->type && strcmp(o->type, "F32") != 0)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "a llama2.c checkpoint is written as F32; use stoke quantize on the result");
    return eng_llama2c_to_gguf(src, o->tokenizer ? o->tokenizer : guess, dst, e);
}

/* A GGUF to a folder. */
static sk_status to_folder(const convert_opts *o, const char *src, const char *dst, view *v,
                           sk_err *e)
{
    eng_gguf *g = NULL;
    sk_status st = eng_gguf_open(src, &g, e);
    if (!st) st = eng_hf_from_gguf(g, dst, type_of(o->type), on_progress, v, e);
    eng_gguf_close(g);
    return st;
}

static bool is_gguf_name(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && !strcmp(path + n - 5, ".gguf");
}

static sk_status convert_any(const convert_opts *o, const char *src, const char *dst, view *v,
                             sk_err *e)
{
    if (eng_hf_is_folder(src)) {
        if (is_gguf_name(dst)) return eng_hf_to_gguf(src, dst, type_of(o->type), on_progress, v, e);
        return sk_fail(e, SK_E_USAGE, "%s: the GGUF to write must be called NAME.gguf", dst);
    }
    if (eng_llama2c_is(src)) return from_llama2c(o, src, dst, e);
    if (is_gguf_name(dst))
        return sk_fail(e, SK_E_USAGE,
                       "%s is no Hugging Face folder and no llama2.c checkpoint; from GGUF to GGUF "
                       "use stoke quantize",
                       src);
    return to_folder(o, src, dst, v, e);
}

static sk_status report(const convert_opts *o, const char *src, const char *dst, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (!o->json) return SK_OK;
    sk_buf_adds(&b, "{\"from\":");
    sk_json_add_str(&b, src, strlen(src));
    sk_buf_adds(&b, ",\"to\":");
    sk_json_add_str(&b, dst, strlen(dst));
    sk_buf_adds(&b, "}\n");
    return cmd_out_buf(&b, e);
}

static sk_status convert(int argc, char **argv, sk_err *e)
{
    convert_opts o = {0};
    sk_opt_list args;
    bool done;
    sk_status st = cmd_parse(&cmd_convert_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    assert(args.n == 2);
    cmd_stop_install();
    view v = {.bar = sk_progress_new(stderr, o.common.quiet)};
    st = convert_any(&o, args.item[0], args.item[1], &v, e);
    sk_progress_end(v.bar);
    sk_progress_free(v.bar);
    return st ? st : report(&o, args.item[0], args.item[1], e);
}

const cmd_verb cmd_convert_verb = {
    {"convert", "turn a Hugging Face folder into a GGUF, and back", "SRC DST", 2, 2,
     "SRC is a Hugging Face folder (config.json, safetensors, a tokenizer), a GGUF, or a llama2.c "
     "checkpoint. A folder or a checkpoint becomes the file DST, which must be called NAME.gguf; a "
     "GGUF becomes the folder DST.\n\n"
     "Tensors keep their bytes where their type stays, but that vectors are F32 in a GGUF. For "
     "quantised types see stoke quantize.",
     "stoke convert models/Qwen3-0.6B qwen3.gguf\n  a folder to one file\n"
     "stoke convert mine.gguf mine-hf\n  a folder that other programs load\n"
     "stoke convert stories260K.bin stories.gguf --tokenizer tok512.bin\n"
     "  a checkpoint of llama2.c\n",
     rows},
    convert};
