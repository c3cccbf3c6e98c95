/* cmd_inspect.c - stoke inspect: what is in a model file. */
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct inspect_opts {
    cmd_common common;
    const char *model;
    bool json, tensors, keys, one;
} inspect_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model: a path, or the name of a bundled one",
     offsetof(inspect_opts, model), 0, 0, false, SK_COMPLETE_MODEL, NULL},
    CMD_ROW(inspect_opts, "keys", 'k', SK_OPT_BOOL, NULL, NULL, "only the keys", keys, 0, NULL),
    CMD_ROW(inspect_opts, "tensors", 0, SK_OPT_BOOL, NULL, NULL, "only the tensors", tensors, 0,
            NULL),
    CMD_ROW(inspect_opts, "one", '1', SK_OPT_BOOL, NULL, NULL,
            "of a model in several files, look at this one alone", one, 0, NULL),
    CMD_ROW(inspect_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", json, 0,
            NULL),
    CMD_COMMON_ROWS(inspect_opts),
    {0},
};

static uint64_t elements(const eng_gguf_tensor *t)
{
    uint64_t n = 1;
    for (uint32_t d = 0; d < t->n_dims; d++)
        n *= t->dim[d];
    return n;
}

static uint64_t all_elements(const eng_gguf *g)
{
    uint64_t n = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++)
        n += elements(eng_gguf_tensor_at(g, i));
    return n;
}

/* Bytes from a file go to a terminal only with control characters made visible. */
static void add_clean(sk_buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c == 0x7f)
            sk_buf_addf(out, "\\x%02x", c);
        else
            sk_buf_addc(out, p[i]);
    }
}

static void shape(const eng_gguf_tensor *t, const char *between, sk_buf *out)
{
    for (uint32_t d = 0; d < t->n_dims; d++)
        sk_buf_addf(out, "%s%" PRIu64, d ? between : "", t->dim[d]);
}

static void text_keys(const eng_gguf *g, sk_buf *out)
{
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        sk_buf value = SK_BUF_INIT;
        eng_str key = eng_gguf_key_at(g, i);
        size_t start = out->len;
        add_clean(out, key.p, key.n);
        sk_buf_addf(out, "%*s = ", (int)(out->len - start < 40 ? 40 - (out->len - start) : 0), "");
        eng_gguf_key_text(g, i, &value);
        add_clean(out, value.p, value.len);
        sk_buf_addc(out, '\n');
        sk_buf_fini(&value);
    }
}

static void text_tensors(const eng_gguf *g, sk_buf *out)
{
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        size_t start = out->len;
        add_clean(out, t->name.p, t->name.n);
        sk_buf_addf(out, "%*s %-7s %12" PRIu64 " bytes  [",
                    (int)(out->len - start < 32 ? 32 - (out->len - start) : 0), "",
                    eng_gguf_type_name(t->type), t->bytes);
        shape(t, ", ", out);
        sk_buf_adds(out, "]\n");
    }
}

/* What the tensors of one type come to. */
typedef struct type_total {
    uint32_t type;
    size_t tensors;
    uint64_t elements, bytes;
} type_total;

enum { TYPES_MOST = 64 }; /* more than there are */

/* Sums by type, in the order in which the types come; how many there are. */
static size_t totals(const eng_gguf *g, type_total t[TYPES_MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *x = eng_gguf_tensor_at(g, i);
        size_t k = 0;
        while (k < n && t[k].type != x->type)
            k++;
        if (k == TYPES_MOST) continue;
        if (k == n) t[n++] = (type_total){x->type, 0, 0, 0};
        t[k].tensors++;
        t[k].elements += elements(x);
        t[k].bytes += x->bytes;
    }
    return n;
}

static void text_totals(const eng_gguf *g, sk_buf *out)
{
    type_total t[TYPES_MOST];
    size_t n = totals(g, t);
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(out,
                    "%-7s %5zu tensors %15" PRIu64 " parameters %15" PRIu64
                    " bytes  %.2f bits a parameter\n",
                    eng_gguf_type_name(t[i].type), t[i].tensors, t[i].elements, t[i].bytes,
                    (double)t[i].bytes * 8 / (double)t[i].elements);
}

static void text(const eng_gguf *g, const char *path, const inspect_opts *o, sk_buf *out)
{
    bool all = !o->keys && !o->tensors;
    if (all) {
        sk_buf_addf(out,
                    "%s: GGUF version %" PRIu32 ", %" PRIu64 " bytes, %zu keys, %zu tensors, "
                    "%" PRIu64 " parameters",
                    path, eng_gguf_version(g), eng_gguf_file_bytes(g), eng_gguf_n_keys(g),
                    eng_gguf_n_tensors(g), all_elements(g));
        if (eng_gguf_n_files(g) > 1) sk_buf_addf(out, ", %zu files", eng_gguf_n_files(g));
        sk_buf_adds(out, "\n");
        text_totals(g, out);
        sk_buf_addc(out, '\n');
    }
    if (all || o->keys) text_keys(g, out);
    if (all) sk_buf_addc(out, '\n');
    if (all || o->tensors) text_tensors(g, out);
}

static void json_tensors(const eng_gguf *g, sk_buf *out)
{
    sk_buf_adds(out, "\"tensors\":[");
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        sk_buf_addf(out, "%s{\"name\":", i ? "," : "");
        sk_json_add_str(out, t->name.p, t->name.n);
        sk_buf_addf(out, ",\"type\":\"%s\",\"bytes\":%" PRIu64 ",\"file\":%" PRIu32 ",\"shape\":[",
                    eng_gguf_type_name(t->type), t->bytes, t->file);
        shape(t, ",", out);
        sk_buf_adds(out, "]}");
    }
    sk_buf_addc(out, ']');
}

static void json_totals(const eng_gguf *g, sk_buf *out)
{
    type_total t[TYPES_MOST];
    size_t n = totals(g, t);
    sk_buf_adds(out, "\"types\":{");
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(
            out, "%s\"%s\":{\"tensors\":%zu,\"parameters\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
            i ? "," : "", eng_gguf_type_name(t[i].type), t[i].tensors, t[i].elements, t[i].bytes);
    sk_buf_adds(out, "},");
}

static void json(const eng_gguf *g, const char *path, sk_buf *out)
{
    sk_buf_adds(out, "{\"file\":");
    sk_json_add_str(out, path, strlen(path));
    sk_buf_addf(out,
                ",\"version\":%" PRIu32 ",\"files\":%zu,\"bytes\":%" PRIu64
                ",\"parameters\":%" PRIu64 ",\"keys\":{",
                eng_gguf_version(g), eng_gguf_n_files(g), eng_gguf_file_bytes(g), all_elements(g));
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_str key = eng_gguf_key_at(g, i);
        sk_buf_adds(out, i ? "," : "");
        sk_json_add_str(out, key.p, key.n);
        sk_buf_addc(out, ':');
        eng_gguf_key_json(g, i, out);
    }
    sk_buf_adds(out, "},");
    json_totals(g, out);
    json_tensors(g, out);
    sk_buf_adds(out, "}\n");
}

/* A folder, a whole model, or one file: the one named, and by itself a later file of several. */
static sk_status open_any(const inspect_opts *o, const char *name, char path[CMD_PATH_MAX],
                          eng_gguf **g, sk_err *e)
{
    if (eng_hf_is_folder(name)) {
        (void)snprintf(path, CMD_PATH_MAX, "%s", name);
        return eng_hf_open(name, g, e);
    }
    sk_status st = cmd_model_path(name, path, e);
    if (st) return st;
    if (o->one) return eng_gguf_open_one(path, g, e);
    st = eng_gguf_open(path, g, e);
    return st == SK_E_INVALID ? eng_gguf_open_one(path, g, e) : st;
}

/* The verb: opens whatever it is given without loading a weight, and prints. */
static sk_status inspect(int argc, char **argv, sk_err *e)
{
    inspect_opts o = {.model = NULL};
    sk_opt_list args = {.n = 0};
    char path[CMD_PATH_MAX];
    eng_gguf *g = NULL;
    bool done;
    sk_status st = cmd_parse(&cmd_inspect_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    if (!o.model == !args.n)
        return sk_fail(e, SK_E_USAGE, "give one model, as an argument or with -m");
    st = open_any(&o, o.model ? o.model : args.item[0], path, &g, e);
    if (st) return st;

    sk_buf out = SK_BUF_INIT;
    if (o.json)
        json(g, path, &out);
    else
        text(g, path, &o, &out);
    eng_gguf_close(g);
    return cmd_out_buf(&out, e);
}

const cmd_verb cmd_inspect_verb = {
    {"inspect", "show what is in a model file", "[FILE]", 0, 1,
     "Checks the whole directory of a GGUF file and prints what its types come to, its keys and "
     "its "
     "tensors; of a model in several files all of them, when the first is named. A Hugging Face "
     "folder is shown as the GGUF it would be. Tensor shapes are given as the file has them, "
     "innermost dimension first.",
     "stoke inspect models/local/chat.gguf\n  keys and tensors\n"
     "stoke inspect -m chat --json\n  the same for programs\n",
     rows},
    inspect};
