/* cmd_data.c - stoke data build, check: text to shards of tokens, and whether they are whole. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct data_opts {
    cmd_common common;
    const char *tokenizer, *out, *field, *form, *dedup, *mix;
    double threshold, valid;
    int64_t dedup_memory, max_epochs, shard_tokens, max_document, max_bad;
    bool json;
} data_opts;

/* A number with its bounds. */
#define NUM(name, type, deflt, help, field, min, max)                                              \
    {                                                                                              \
        name, 0, type, "N", deflt, help, offsetof(data_opts, field), min, max, false,              \
            SK_COMPLETE_NONE, NULL                                                                 \
    }

static const sk_opt rows[] = {
    {"tokenizer", 0, SK_OPT_STRING, "FILE", NULL,
     "tokenizer: a GGUF, of a model too, or a Hugging Face folder", offsetof(data_opts, tokenizer),
     .complete = SK_COMPLETE_FILE},
    {"out", 'o', SK_OPT_STRING, "DIR", NULL, "folder for the data set, new or empty",
     offsetof(data_opts, out), .complete = SK_COMPLETE_DIR},
    NUM("valid", SK_OPT_FLOAT, "0",
        "part of the documents to hold out, 0.005 for a two hundredth; a document's own bytes "
        "decide",
        valid, 0, 0.5),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Reading", 0},
    CMD_ROW(data_opts, "form", 0, SK_OPT_STRING, "FORM", "auto",
            "how documents lie in the files; auto goes by their names", form, 0, "auto text jsonl"),
    CMD_ROW(data_opts, "field", 0, SK_OPT_STRING, "NAME", "text",
            "member of a JSON line that has the text", field, 0, NULL),
    NUM("max-bad", SK_OPT_INT, "100", "broken JSON lines to skip; one more ends the build", max_bad,
        0, 9e15),
    NUM("max-document", SK_OPT_INT, "4194304", "bytes of a document; longer ones are cut",
        max_document, 1024, 1 << 30),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Choosing", 0},
    CMD_ROW(data_opts, "dedup", 0, SK_OPT_STRING, "KIND", "near",
            "duplicates to leave out: of the same bytes (exact), also of nearly the same words "
            "(near), or none",
            dedup, 0, "near exact none"),
    NUM("threshold", SK_OPT_FLOAT, "0.8",
        "share of equal runs of five words from which on texts are near-duplicates", threshold, 0.5,
        1),
    NUM("dedup-memory", SK_OPT_INT, "2Gi", "bytes for the tables of duplicates", dedup_memory, 0,
        9e15),
    CMD_ROW(data_opts, "mix", 0, SK_OPT_STRING, "LIST", NULL,
            "parts of the sources in the result, by tokens: web=0.7,books=0.3", mix, 0, NULL),
    NUM("max-epochs", SK_OPT_INT, "4", "with --mix: times a source may be gone through", max_epochs,
        1, 1e6),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Writing", 0},
    NUM("shard-tokens", SK_OPT_INT, "100M", "tokens of a file, about", shard_tokens, 1, 9e15),
    CMD_ROW(data_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object when done", json,
            0, NULL),
    CMD_COMMON_ROWS(data_opts),
    {0},
};

/* ---- build ---- */

/* What the callbacks need. */
typedef struct view {
    sk_progress *bar;
    const char *stage;
    bool quiet;
    uint64_t start;
} view;

/* The line that moves. */
static bool on_progress(void *arg, const eng_data_progress *p)
{
    view *v = arg;
    double s = (double)(sk_now_us() - v->start) * 1e-6;
    if (v->stage != p->stage) sk_progress_stage(v->bar, p->stage, p->total, p->bytes);
    v->stage = p->stage;
    sk_progress_set(v->bar, p->bytes, "%.1f MB  %" PRIu64 " documents  %.2fM tokens  %.1f MB/s",
                    (double)p->bytes / 1e6, p->documents, (double)p->tokens / 1e6,
                    s > 0 ? (double)p->bytes / 1e6 / s : 0);
    return !cmd_stopped(NULL);
}

/* A remark: what was left out must not go unseen, so it is a line of the log where no bar is drawn.
 */
static void on_note(void *arg, const char *text)
{
    const view *v = arg;
    if (isatty(STDERR_FILENO) && !v->quiet)
        sk_progress_note(v->bar, "%s", text);
    else
        sk_log(SK_LOG_WARN, "%s", text);
}

/* The counts, one member each. */
static void json_stats(sk_buf *b, const eng_data_stats *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } row[] = {
        {"files", s->files},
        {"files_left_out", s->left_out},
        {"documents", s->documents},
        {"text_bytes", s->text_bytes},
        {"empty", s->empty},
        {"skipped_lines", s->skipped},
        {"cut", s->cut},
        {"mended_utf8", s->mended},
        {"exact_duplicates", s->exact},
        {"near_duplicates", s->near},
        {"train_documents", s->train_docs},
        {"train_tokens", s->train_tokens},
        {"train_bytes", s->train_bytes},
        {"valid_documents", s->valid_docs},
        {"valid_tokens", s->valid_tokens},
        {"valid_bytes", s->valid_bytes},
        {"shards", s->shards},
        {"dedup_bytes", s->dedup_bytes},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        sk_buf_addf(b, ",\"%s\":%" PRIu64, row[i].name, row[i].value);
    sk_buf_addf(b, ",\"dedup_full\":%s", s->dedup_full ? "true" : "false");
}

/* The result for people: a line for each thing that happened. */
static void text_stats(sk_buf *b, const char *out, const eng_data_stats *s, double seconds)
{
    sk_buf_addf(b, "%" PRIu64 " documents, %.1f MB of text, in %" PRIu64 " files\n", s->documents,
                (double)s->text_bytes / 1e6, s->files);
    if (s->exact || s->near)
        sk_buf_addf(b, "%" PRIu64 " duplicates and %" PRIu64 " near-duplicates left out\n",
                    s->exact, s->near);
    if (s->empty || s->skipped)
        sk_buf_addf(b, "%" PRIu64 " broken lines skipped, %" PRIu64 " texts were empty\n",
                    s->skipped, s->empty);
    if (s->mended)
        sk_buf_addf(b, "%" PRIu64 " documents were no UTF-8 and have U+FFFD in its place\n",
                    s->mended);
    if (s->cut) sk_buf_addf(b, "%" PRIu64 " parts more, of documents too long\n", s->cut);
    if (s->left_out)
        sk_buf_addf(b, "%" PRIu64 " files of other names in the folders were not read\n",
                    s->left_out);
    if (s->valid_tokens)
        sk_buf_addf(b, "held out: %" PRIu64 " documents, %" PRIu64 " tokens\n", s->valid_docs,
                    s->valid_tokens);
    sk_buf_addf(b, "%s: %" PRIu64 " documents, %" PRIu64 " tokens, %.2f bytes each, in %.1f s\n",
                out, s->train_docs, s->train_tokens,
                s->train_tokens ? (double)s->train_bytes / (double)s->train_tokens : 0, seconds);
}

/* Flags to the engine's options. */
static void options(const data_opts *o, const sk_opt_list *args, eng_data_opts *d)
{
    eng_data_opts_default(d);
    d->path = args->item + 1;
    d->n_paths = args->n - 1;
    d->out = o->out;
    d->tokenizer = o->tokenizer;
    d->field = o->field;
    d->form = strcmp(o->form, "jsonl") == 0  ? ENG_DATA_JSONL
              : strcmp(o->form, "text") == 0 ? ENG_DATA_TEXT
                                             : ENG_DATA_AUTO;
    d->near = strcmp(o->dedup, "near") == 0;
    d->exact = strcmp(o->dedup, "none") != 0;
    d->threshold = o->threshold;
    d->dedup_bytes = (uint64_t)o->dedup_memory;
    d->valid = o->valid;
    d->mix = o->mix;
    d->max_epochs = (uint64_t)o->max_epochs;
    d->shard_tokens = (uint64_t)o->shard_tokens;
    d->max_doc = (uint64_t)o->max_document;
    d->max_bad = (uint64_t)o->max_bad;
}

/* stoke data build PATH... */
static sk_status build(const data_opts *o, const sk_opt_list *args, eng_exec *x, sk_err *e)
{
    eng_data_opts d;
    eng_data_stats s = {.files = 0};
    if (!o->tokenizer || !o->out || args->n < 2)
        return sk_fail(e, SK_E_USAGE, "stoke data build needs %s; see stoke data --help",
                       !o->tokenizer ? "--tokenizer"
                       : !o->out     ? "--out"
                                     : "files or folders to read");
    options(o, args, &d);
    view v = {.quiet = o->common.quiet || o->json, .start = sk_now_us()};
    v.bar = sk_progress_new(stderr, v.quiet);
    d.progress = on_progress;
    d.note = on_note;
    d.arg = &v;
    sk_status st = eng_data_build(x, &d, &s, e);
    sk_progress_end(v.bar);
    sk_progress_free(v.bar);
    if (st) return st;
    double seconds = (double)(sk_now_us() - v.start) * 1e-6;
    sk_buf out = SK_BUF_INIT;
    if (o->json) {
        sk_buf_adds(&out, "{\"out\":");
        sk_json_add_str(&out, o->out, strlen(o->out));
        json_stats(&out, &s);
        sk_buf_addf(&out, ",\"seconds\":%.3f}\n", seconds);
    } else if (!o->common.quiet) {
        text_stats(&out, o->out, &s, seconds);
    }
    return cmd_out_buf(&out, e);
}

/* ---- check ---- */

/* stoke data check DIR: every byte of both splits. */
static sk_status check(const data_opts *o, const char *dir, sk_err *e)
{
    static const char *const split[] = {"train", "valid"};
    sk_buf out = SK_BUF_INIT;
    sk_buf_adds(&out, o->json ? "{" : "");
    for (int i = 0; i < 2; i++) {
        eng_stream *s = NULL;
        sk_status st = eng_stream_open(dir, split[i], &s, e);
        if (st) {
            sk_buf_fini(&out);
            return st;
        }
        uint64_t docs = s ? s->n_docs : 0, tokens = s ? s->n_tokens - 1 : 0;
        if (o->json)
            sk_buf_addf(&out, "%s\"%s\":{\"documents\":%" PRIu64 ",\"tokens\":%" PRIu64 "}",
                        i ? "," : "", split[i], docs, tokens);
        else
            sk_buf_addf(&out, "%s: %" PRIu64 " documents, %" PRIu64 " tokens, whole\n", split[i],
                        docs, tokens);
        eng_stream_close(s);
    }
    sk_buf_adds(&out, o->json ? "}\n" : "");
    return cmd_out_buf(&out, e);
}

/* The verb: its first argument is what to do. */
static sk_status data(int argc, char **argv, sk_err *e)
{
    data_opts o = {.json = false};
    sk_opt_list args = {.n = 0};
    eng_exec *x = NULL;
    bool done;
    sk_status st = cmd_parse(&cmd_data_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    if (strcmp(args.item[0], "check") == 0 && args.n == 2) return check(&o, args.item[1], e);
    if (strcmp(args.item[0], "build") != 0)
        return sk_fail(e, SK_E_USAGE, "stoke data build PATH..., or stoke data check DIR");
    st = eng_exec_open((size_t)o.common.threads, &x, e);
    if (!st) st = build(&o, &args, x, e);
    eng_exec_close(x);
    return st;
}

const cmd_verb cmd_data_verb = {
    {"data", "make a data set of tokens from text", "build PATH... | check DIR", 1, 256,
     "build reads files, folders and standard input (-), plain or packed with gzip or zstd, leaves "
     "out duplicates, turns the text into tokens and writes them as files that stoke train maps: "
     "DIR/train-*.tok, DIR/valid-*.tok, the tokenizer, and, last, DIR/manifest.json with the "
     "hashes "
     "of all of them. Text is cut into documents at lines <|endoftext|>; files *.jsonl and "
     "*.ndjson "
     "have a document a line. A PATH written NAME=PATH belongs to the source NAME, else to one "
     "named "
     "after the file.\n"
     "Memory does not grow with the text, but for the tables of duplicates, which --dedup-memory "
     "bounds. The result depends on the inputs and the options only, not on the number of threads. "
     "A build that is stopped, killed or fails leaves no data set behind. docs/format/shard.md has "
     "the rules and the layout.\n"
     "check reads a data set through and says whether it is whole.",
     "stoke data build corpus/ --tokenizer tokenizer.gguf --out set --valid 0.005\n"
     "  every text in a folder, a two hundredth of the documents held out\n"
     "zstdcat web.jsonl.zst | stoke data build - --tokenizer t.gguf --out set\n"
     "  from another program\n"
     "stoke data build web=crawl/ books=books.jsonl.gz --mix web=0.7,books=0.3 --tokenizer t.gguf "
     "--out set\n"
     "  seven tokens of the one for three of the other\n"
     "stoke train --data set --out run\n"
     "  what it is for\n",
     rows},
    data};
