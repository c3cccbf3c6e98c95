/* cmd_inspect.c - stoke inspect: what is in a model file. */
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <string.h>

typedef struct inspect_opts {
    cmd_common common;
    const char *model;
    bool json, tensors, keys;
} inspect_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model: a path, or the name of a bundled one",
     offsetof(inspect_opts, model), 0, 0, false, SK_COMPLETE_MODEL, NULL},
    CMD_ROW(inspect_opts, "keys", 'k', SK_OPT_BOOL, NULL, NULL, "only the keys", keys, 0, NULL),
    CMD_ROW(inspect_opts, "tensors", 0, SK_OPT_BOOL, NULL, NULL, "only the tensors", tensors, 0,
            NULL),
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

static void text(const eng_gguf *g, const char *path, const inspect_opts *o, sk_buf *out)
{
    bool all = !o->keys && !o->tensors;
    if (all)
        sk_buf_addf(out,
                    "%s: GGUF version %" PRIu32 ", %" PRIu64 " bytes, %zu keys, %zu tensors, "
                    "%" PRIu64 " parameters\n\n",
                    path, eng_gguf_version(g), eng_gguf_file_bytes(g), eng_gguf_n_keys(g),
                    eng_gguf_n_tensors(g), all_elements(g));
    if (all || o->keys) text_keys(g, out);
    if (all) sk_buf_addc(out, '\n');
    if (all || o->tensors) text_tensors(g, out);
}

/* One value as JSON: numbers, truth values and strings as such, arrays as their text for people (a
 * vocabulary would be megabytes; it is in the file). */
static void json_value(const eng_gguf *g, size_t i, sk_buf *out)
{
    sk_buf key = SK_BUF_INIT, text = SK_BUF_INIT;
    eng_str name = eng_gguf_key_at(g, i), str;
    uint64_t u;
    double d;
    bool b;
    sk_buf_add(&key, name.p, name.n);
    if (!sk_buf_ok(&key) || !key.p) {
        sk_buf_adds(out, "null");
    } else if (eng_gguf_u64(g, key.p, &u, NULL) == SK_OK) {
        sk_buf_addf(out, "%" PRIu64, u);
    } else if (eng_gguf_f64(g, key.p, &d, NULL) == SK_OK) {
        sk_json_add_num(out, d);
    } else if (eng_gguf_bool(g, key.p, &b, NULL) == SK_OK) {
        sk_buf_adds(out, b ? "true" : "false");
    } else if (eng_gguf_str(g, key.p, &str, NULL) == SK_OK) {
        sk_json_add_str(out, str.p, str.n);
    } else {
        eng_gguf_key_text(g, i, &text);
        sk_json_add_str(out, text.p, text.len);
    }
    sk_buf_fini(&text);
    sk_buf_fini(&key);
}

static void json(const eng_gguf *g, const char *path, sk_buf *out)
{
    sk_buf_adds(out, "{\"file\":");
    sk_json_add_str(out, path, strlen(path));
    sk_buf_addf(
        out, ",\"version\":%" PRIu32 ",\"bytes\":%" PRIu64 ",\"parameters\":%" PRIu64 ",\"keys\":{",
        eng_gguf_version(g), eng_gguf_file_bytes(g), all_elements(g));
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_str key = eng_gguf_key_at(g, i);
        sk_buf_adds(out, i ? "," : "");
        sk_json_add_str(out, key.p, key.n);
        sk_buf_addc(out, ':');
        json_value(g, i, out);
    }
    sk_buf_adds(out, "},\"tensors\":[");
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        sk_buf_addf(out, "%s{\"name\":", i ? "," : "");
        sk_json_add_str(out, t->name.p, t->name.n);
        sk_buf_addf(out, ",\"type\":\"%s\",\"bytes\":%" PRIu64 ",\"shape\":[",
                    eng_gguf_type_name(t->type), t->bytes);
        shape(t, ",", out);
        sk_buf_adds(out, "]}");
    }
    sk_buf_adds(out, "]}\n");
}

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
    st = cmd_model_path(o.model ? o.model : args.item[0], path, e);
    if (st) return st;
    st = eng_gguf_open(path, &g, e);
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
     "Checks the whole directory of a GGUF file and prints its keys and tensors. Tensor shapes are "
     "given as the file has them, innermost dimension first.",
     "stoke inspect models/local/chat.gguf\n  keys and tensors\n"
     "stoke inspect -m chat --json\n  the same for programs\n",
     rows},
    inspect};
