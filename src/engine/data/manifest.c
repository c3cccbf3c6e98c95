/* manifest.c - writing and reading manifest.json. */
#include "engine/data/manifest.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, MAX_DEPTH = 16 };

#define MAX_BYTES ((uint64_t)256 << 20)
#define MAX_COUNT INT64_MAX

typedef json_int_t num;

/* ---- writing ---- */

/* The shards of a split. */
static json_t *split_json(const eng_sink *s)
{
    json_t *list = json_array();
    char hex[SK_SHA256_HEX];
    for (size_t i = 0; list && i < s->n; i++) {
        const eng_shard_sum *sum = &s->shard[i].sum;
        sk_sha256_hex(sum->sha256, hex);
        json_t *row = json_pack("{s:s, s:I, s:I, s:I, s:s}", "file", s->shard[i].name, "documents",
                                (num)sum->n_docs, "tokens", (num)sum->n_tokens, "bytes",
                                (num)sum->bytes, "sha256", hex);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "documents", (num)s->n_docs, "tokens",
                     (num)s->n_tokens, "text_bytes", (num)s->n_bytes, "shards", list);
}

/* The files that were read, with the hashes of their bytes as they lie on the disk. */
static json_t *inputs_json(const eng_manifest *m)
{
    json_t *list = json_array();
    char hex[SK_SHA256_HEX];
    for (size_t i = 0; list && i < m->files->n; i++) {
        const eng_data_file *f = &m->files->file[i];
        sk_sha256_hex(m->input[i].sha256, hex);
        json_t *name = sk_json_str(f->path, strlen(f->path));
        json_t *row =
            json_pack("{s:o, s:s, s:I, s:s}", "path", name, "source", m->files->source[f->source],
                      "bytes", (num)m->input[i].bytes, "sha256", hex);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The sources; those of a mix with their part of it. */
static json_t *sources_json(const eng_manifest *m)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->files->n_sources; i++) {
        const eng_manifest_source *s = &m->source[i];
        json_t *row =
            json_pack("{s:s, s:I, s:I, s:I}", "name", m->files->source[i], "documents",
                      (num)s->documents, "tokens", (num)s->tokens, "text_bytes", (num)s->bytes);
        if (row && m->mix) {
            json_t *mixed = json_pack("{s:f, s:I, s:f}", "weight", m->mix[i].weight, "mixed_tokens",
                                      (num)m->mix[i].tokens, "epochs", m->mix[i].epochs);
            if (json_object_update(row, mixed) != 0) {
                json_decref(row);
                row = NULL;
            }
            json_decref(mixed);
        }
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The options that decide the result. */
static json_t *settings_json(const eng_data_opts *o)
{
    static const char *const form[] = {"auto", "text", "jsonl"};
    assert((size_t)o->form < sizeof form / sizeof *form);
    return json_pack("{s:s, s:s, s:s, s:f, s:I, s:f, s:s?, s:I, s:I, s:I, s:I}", "form",
                     form[o->form], "field", o->field, "dedup",
                     o->near    ? "near"
                     : o->exact ? "exact"
                                : "none",
                     "threshold", o->threshold, "dedup_memory", (num)o->dedup_bytes, "valid",
                     o->valid, "mix", o->mix, "max_epochs", (num)o->max_epochs, "shard_tokens",
                     (num)o->shard_tokens, "max_document", (num)o->max_doc, "max_bad",
                     (num)o->max_bad);
}

/* What was found and what became of it. */
static json_t *counts_json(const eng_manifest *m)
{
    const eng_data_stats *s = m->stats;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:O}", "documents",
                     (num)s->documents, "text_bytes", (num)s->text_bytes, "files_left_out",
                     (num)s->left_out, "empty", (num)s->empty, "mended_utf8", (num)s->mended, "cut",
                     (num)s->cut, "exact_duplicates", (num)s->exact, "near_duplicates",
                     (num)s->near, "skipped_lines", (num)s->skipped, "dedup_full", s->dedup_full,
                     "skipped", m->skipped);
}

/* The whole; NULL without memory (json_pack frees what it was given, whatever happens). */
static json_t *whole(const eng_manifest *m)
{
    char hex[SK_SHA256_HEX];
    sk_sha256_hex(m->spec->tokenizer, hex);
    json_t *tokenizer =
        json_pack("{s:s, s:s, s:I, s:I}", "file", "tokenizer.gguf", "sha256", hex, "tokens",
                  (num)m->spec->n_vocab, "separator", (num)m->spec->separator);
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}", "format",
                     ENG_MANIFEST_FORMAT, "version", VERSION, "tokenizer", tokenizer, "settings",
                     settings_json(m->o), "inputs", inputs_json(m), "sources", sources_json(m),
                     "counts", counts_json(m), "splits", "train", split_json(m->train), "valid",
                     split_json(m->valid));
}

/* Nothing in it depends on the time or the machine. */
sk_status eng_manifest_write(const eng_manifest *m, sk_err *e)
{
    char path[ENG_DATA_PATH];
    json_t *v = whole(m);
    sk_buf text = SK_BUF_INIT;
    bool ok = v && sk_json_dump(v, JSON_INDENT(1), &text);
    json_decref(v);
    sk_status st =
        ok ? sk_file_replace(eng_data_path(m->o->out, ENG_MANIFEST_FILE, path), text.p, text.len, e)
           : sk_fail(e, SK_E_NOMEM, "no memory for the manifest");
    sk_buf_fini(&text);
    return st;
}

/* ---- reading ---- */

/* A hash in hexadecimal. */
static sk_status get_hash(json_t *obj, uint8_t out[SK_SHA256_BYTES], sk_err *e)
{
    const char *hex = "";
    sk_status st = sk_json_get_str(obj, "sha256", &hex, e);
    if (!st && !sk_sha256_parse(hex, out))
        st = sk_fail(e, SK_E_INVALID, "sha256 is not a hash of 64 digits");
    return st;
}

/* One row of "shards".  A name may not lead out of the folder. */
static sk_status read_shard(json_t *row, eng_sink_shard *out, sk_err *e)
{
    const char *name = "";
    int64_t docs = 0, tokens = 0, bytes = 0;
    sk_status st = sk_json_get_str(row, "file", &name, e);
    if (!st && (!eng_source_name_ok(name, strlen(name)) || name[0] == '.'))
        st = sk_fail(e, SK_E_INVALID, "the name of a shard is not a plain file name");
    if (!st) st = sk_json_get_int(row, "documents", 1, MAX_COUNT, &docs, e);
    if (!st) st = sk_json_get_int(row, "tokens", 1, MAX_COUNT, &tokens, e);
    if (!st) st = sk_json_get_int(row, "bytes", 1, MAX_COUNT, &bytes, e);
    if (!st) st = get_hash(row, out->sum.sha256, e);
    if (st) return st;
    assert(strlen(name) < sizeof out->name); /* eng_source_name_ok bounds it */
    memcpy(out->name, name, strlen(name) + 1);
    out->sum.n_docs = (uint64_t)docs;
    out->sum.n_tokens = (uint64_t)tokens;
    out->sum.bytes = (uint64_t)bytes;
    return SK_OK;
}

/* The members that name the format, and the tokenizer. */
static sk_status read_head(json_t *v, uint8_t tokenizer[SK_SHA256_BYTES], sk_err *e)
{
    const char *format = "";
    int64_t version = 0;
    if (!json_is_object(v)) return sk_fail(e, SK_E_INVALID, "it is no JSON object");
    sk_status st = sk_json_get_str(v, "format", &format, e);
    if (!st && strcmp(format, ENG_MANIFEST_FORMAT) != 0)
        st = sk_fail(e, SK_E_FORMAT, "it is no manifest of a data set of ours");
    if (!st) st = sk_json_get_int(v, "version", 1, INT32_MAX, &version, e);
    if (!st && version != VERSION)
        st = sk_fail(e, SK_E_UNSUPPORTED, "version %lld; this program reads %d", (long long)version,
                     VERSION);
    json_t *t = json_object_get(v, "tokenizer");
    if (!st && !json_is_object(t)) st = sk_fail(e, SK_E_INVALID, "it names no tokenizer");
    return st ? st : get_hash(t, tokenizer, e);
}

/* The rows of one split. */
static sk_status read_split(json_t *v, const char *split, eng_manifest_split *out, sk_err *e)
{
    json_t *list = json_object_get(json_object_get(json_object_get(v, "splits"), split), "shards");
    eng_manifest_split s = {.n = json_array_size(list)};
    sk_status st = read_head(v, s.tokenizer, e);
    if (st) return st;
    if (!json_is_array(list)) return sk_fail(e, SK_E_INVALID, "it lists no shards of %s", split);
    s.shard = sk_calloc(SK_MEM_MISC, s.n + 1, sizeof *s.shard);
    if (!s.shard) return sk_fail(e, SK_E_NOMEM, "no memory for the list of shards");
    for (size_t i = 0; !st && i < s.n; i++)
        st = read_shard(json_array_get(list, i), &s.shard[i], e);
    if (st)
        sk_free(s.shard);
    else
        *out = s;
    return st;
}

/* Text to JSON to rows. */
sk_status eng_manifest_read(const char *dir, const char *split, eng_manifest_split *out, sk_err *e)
{
    char path[ENG_DATA_PATH];
    sk_buf text = SK_BUF_INIT;
    json_t *v = NULL;
    sk_status st = sk_file_load(eng_data_path(dir, ENG_MANIFEST_FILE, path), MAX_BYTES, &text, e);
    if (st) return st;
    st = sk_json_parse(text.p ? text.p : "", text.len, MAX_DEPTH, &v, e);
    sk_buf_fini(&text);
    if (!st) st = read_split(v, split, out, e);
    json_decref(v);
    return st ? sk_while(e, "%s", path) : SK_OK;
}
