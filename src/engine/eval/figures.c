/* figures.c - a model's figures as JSON, and the hashes they are known by. */
#include "engine/eval/figures.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/format/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* FORMAT is part of the hash: raise it when something is measured in another way. */
enum { FORMAT = 1, FILE_MOST = 256 << 20, DEPTH = 6 };

#define COUNT_MOST ((int64_t)1 << 50)

void eng_figures_fini(eng_figures *f)
{
    for (size_t i = 0; i < ENG_GATE_VALID; i++)
        sk_free(f->doc[i]);
    *f = (eng_figures){.n = 0};
}

/* ---- as text ---- */

static const char *word(bool yes)
{
    return yes ? "true" : "false";
}

/* Documents are lists of nats, tokens, bytes, one after the other in one list. */
static void write_docs(const eng_held_doc *doc, size_t n, sk_buf *b)
{
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) sk_buf_addc(b, ',');
        sk_json_add_num(b, doc[i].nats);
        sk_buf_addf(b, ",%" PRIu64 ",%" PRIu64, doc[i].tokens, doc[i].bytes);
    }
    sk_buf_addc(b, ']');
}

void eng_figures_write(const eng_figures *f, sk_buf *b)
{
    const eng_shadow *s = &f->shadow;
    sk_buf_addf(b, "{\"format\":%d,\"model\":\"%s\",\"data\":\"%s\"", FORMAT, f->model, f->data);
    sk_buf_addf(b, ",\"context\":%u,\"cut\":%u,\"chat\":%s", f->n_ctx, f->cut, word(f->chat));
    sk_buf_addf(b,
                ",\"session\":{\"asked\":%zu,\"empty\":%zu,\"endless\":%zu,\"ended\":%zu,"
                "\"finite\":%s}",
                s->asked, s->empty, s->endless, s->ended, word(s->finite));
    sk_buf_addf(b, ",\"asked\":%zu,\"right\":%zu,\"text\":[", f->asked, f->right);
    for (size_t i = 0; i < f->n; i++) {
        if (i) sk_buf_addc(b, ',');
        write_docs(f->doc[i], f->n_doc[i], b);
    }
    sk_buf_adds(b, "]}\n");
}

/* ---- reading ---- */

/* A count that must be there. */
static sk_status get(json_t *v, const char *name, int64_t most, size_t *out, sk_err *e)
{
    int64_t n = -1;
    sk_status st = sk_json_get_int(v, name, 0, most, &n, e);
    if (!st && n < 0) st = sk_fail(e, SK_E_INVALID, "%s is missing", name);
    if (!st) *out = (size_t)n;
    return st;
}

static sk_status get_hash(json_t *v, const char *name, char hex[SK_SHA256_HEX], sk_err *e)
{
    uint8_t hash[SK_SHA256_BYTES];
    const char *s = "";
    sk_status st = sk_json_get_str(v, name, &s, e);
    if (!st && !sk_sha256_parse(s, hash)) st = sk_fail(e, SK_E_INVALID, "%s is no hash", name);
    if (!st) memcpy(hex, s, SK_SHA256_HEX);
    return st;
}

static sk_status read_session(json_t *v, eng_shadow *s, sk_err *e)
{
    if (!json_is_object(v)) return sk_fail(e, SK_E_INVALID, "session is missing");
    sk_status st = get(v, "asked", COUNT_MOST, &s->asked, e);
    if (!st) st = get(v, "empty", COUNT_MOST, &s->empty, e);
    if (!st) st = get(v, "endless", COUNT_MOST, &s->endless, e);
    if (!st) st = get(v, "ended", COUNT_MOST, &s->ended, e);
    return st ? st : sk_json_get_bool(v, "finite", &s->finite, e);
}

static bool read_count(const json_t *v, uint64_t *out)
{
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    if (n < 0 || n > COUNT_MOST) return false;
    *out = (uint64_t)n;
    return true;
}

/* A file's documents.  One whose nats were not finite is null, and good for nothing. */
static sk_status read_docs(const json_t *list, eng_held_doc **out, size_t *n, sk_err *e)
{
    size_t words = json_array_size(list);
    if (!json_is_array(list) || words % 3)
        return sk_fail(e, SK_E_INVALID, "text must be lists of three numbers a document");
    eng_held_doc *doc = sk_calloc(SK_MEM_MISC, words / 3 + 1, sizeof *doc);
    if (!doc) return sk_fail(e, SK_E_NOMEM, "no memory for held-out documents");
    for (size_t i = 0; i < words / 3; i++) {
        const json_t *nats = json_array_get(list, 3 * i);
        if (!json_is_number(nats) || !read_count(json_array_get(list, 3 * i + 1), &doc[i].tokens) ||
            !read_count(json_array_get(list, 3 * i + 2), &doc[i].bytes)) {
            sk_free(doc);
            return sk_fail(e, SK_E_INVALID, "document %zu has no figures", i + 1);
        }
        doc[i].nats = json_number_value(nats);
    }
    *out = doc;
    *n = words / 3;
    return SK_OK;
}

static sk_status read_text(const json_t *files, eng_figures *f, sk_err *e)
{
    size_t n = json_array_size(files);
    sk_status st = SK_OK;
    if (!json_is_array(files) || !n || n > ENG_GATE_VALID)
        return sk_fail(e, SK_E_INVALID, "text must be a list of 1 to %d files", ENG_GATE_VALID);
    for (; !st && f->n < n; f->n += !st)
        st = read_docs(json_array_get(files, f->n), &f->doc[f->n], &f->n_doc[f->n], e);
    return st;
}

static sk_status read_all(json_t *root, eng_figures *f, sk_err *e)
{
    size_t format = 0, n_ctx = 0, cut = 0;
    if (!json_is_object(root)) return sk_fail(e, SK_E_INVALID, "they are no object");
    sk_status st = get(root, "format", UINT32_MAX, &format, e);
    if (!st && format != FORMAT) st = sk_fail(e, SK_E_INVALID, "they have another format");
    if (!st) st = get_hash(root, "model", f->model, e);
    if (!st) st = get_hash(root, "data", f->data, e);
    if (!st) st = get(root, "context", UINT32_MAX, &n_ctx, e);
    if (!st) st = get(root, "cut", UINT32_MAX, &cut, e);
    if (!st) st = sk_json_get_bool(root, "chat", &f->chat, e);
    if (!st) st = read_session(json_object_get(root, "session"), &f->shadow, e);
    if (!st) st = get(root, "asked", COUNT_MOST, &f->asked, e);
    if (!st) st = get(root, "right", COUNT_MOST, &f->right, e);
    if (!st) st = read_text(json_object_get(root, "text"), f, e);
    f->n_ctx = (uint32_t)n_ctx;
    f->cut = (uint32_t)cut;
    return st;
}

sk_status eng_figures_parse(const char *text, size_t n, eng_figures *out, sk_err *e)
{
    json_t *root = NULL;
    eng_figures f = {.n = 0};
    sk_status st = sk_json_parse(text, n, DEPTH, &root, e);
    if (!st) st = read_all(root, &f, e);
    json_decref(root);
    if (st)
        eng_figures_fini(&f);
    else
        *out = f;
    return st;
}

sk_status eng_figures_load(const char *path, eng_figures *out, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_status st = sk_file_load(path, FILE_MOST, &b, e);
    if (!st) {
        st = eng_figures_parse(b.p ? b.p : "", b.len, out, e);
        if (st) (void)sk_while(e, "%s", path);
    }
    sk_buf_fini(&b);
    return st;
}

sk_status eng_figures_save(const char *path, const eng_figures *f, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    eng_figures_write(f, &b);
    sk_status st = sk_buf_ok(&b) ? sk_file_replace(path, b.p, b.len, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for a model's figures");
    sk_buf_fini(&b);
    return st;
}

bool eng_figures_same_docs(const eng_figures *a, const eng_figures *b, size_t file)
{
    if (file >= a->n || file >= b->n || a->n_doc[file] != b->n_doc[file]) return false;
    for (size_t k = 0; k < a->n_doc[file]; k++)
        if (a->doc[file][k].bytes != b->doc[file][k].bytes) return false;
    return true;
}

bool eng_figures_alike(const eng_figures *a, const eng_figures *b)
{
    bool same = strcmp(a->data, b->data) == 0 && a->cut == b->cut && a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = eng_figures_same_docs(a, b, i);
    return same;
}

/* ---- hashes ---- */

static sk_status hash_file(const char *path, char hex[SK_SHA256_HEX], sk_err *e)
{
    uint8_t hash[SK_SHA256_BYTES];
    sk_map m;
    sk_status st = sk_map_open(path, &m, e);
    if (st) return st;
    sk_map_watch(&m);
    sk_sha256_of(m.p, m.len, hash);
    bool torn = sk_map_torn(&m);
    sk_map_close(&m);
    if (torn) return sk_fail(e, SK_E_IO, "%s was cut short while it was read", path);
    sk_sha256_hex(hash, hex);
    return SK_OK;
}

sk_status eng_figures_of_model(const char *path, char hex[SK_SHA256_HEX], sk_err *e)
{
    eng_gguf *g;
    hex[0] = 0;
    if (eng_gguf_open(path, &g, NULL)) return SK_OK; /* a folder; or it is refused elsewhere */
    size_t files = eng_gguf_n_files(g);
    eng_gguf_close(g);
    return files == 1 ? hash_file(path, hex, e) : SK_OK;
}

/* Margins and slack are no part of it: they decide, they don't measure. */
sk_status eng_figures_of_data(const eng_gate_opts *o, char hex[SK_SHA256_HEX], sk_err *e)
{
    char text[512];
    uint8_t hash[SK_SHA256_BYTES];
    sk_sha256 s;
    sk_status st = SK_OK;
    sk_sha256_init(&s);
    int n = snprintf(text, sizeof text, "%d %s %s context %zu answers %zu bytes %" PRIu64 "\n",
                     FORMAT, SK_VERSION, sk_cpu_name(sk_cpu()), o->n_ctx, o->n_answer, o->most);
    sk_sha256_add(&s, text, (size_t)n);
    for (size_t i = 0; i <= o->n_valid && !st; i++) {
        const char *path = i < o->n_valid ? o->valid[i] : o->answers, *slash;
        if (!path) continue;
        slash = strrchr(path, '/'); /* how a file's name ends says what its lines are */
        st = hash_file(path, hex, e);
        n = snprintf(text, sizeof text, "%s %s %.255s\n", i < o->n_valid ? "text" : "suite", hex,
                     slash ? slash + 1 : path);
        if (!st) sk_sha256_add(&s, text, (size_t)n);
    }
    if (st) return st;
    sk_sha256_end(&s, hash);
    sk_sha256_hex(hash, hex);
    return SK_OK;
}
