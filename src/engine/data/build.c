/* build.c - from files to shards and their manifest.
 *
 * Batches of documents go through read, clean, dedup, encode, write; all decisions (duplicate,
 * held out, shard) are made in the order of the documents, between the parallel steps.
 */
#include "engine/data/build.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/data/batch.h"
#include "engine/data/dedup.h"
#include "engine/data/manifest.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NOTES = 10, LISTED = 100 }; /* broken lines told at once, kept in the manifest */

#define SEPARATOR "<|endoftext|>"

/* A build under way. */
typedef struct build {
    eng_exec *x;
    const eng_data_opts *o;
    eng_data_stats stats;
    sk_arena *mem;
    eng_data_files files;
    eng_manifest_input *input;
    eng_manifest_source *source;
    eng_mix_source *mix; /* NULL: sources follow each other */
    eng_sink *part;      /* [n_sources] with mix: the shards it is made from */
    eng_vocab *vocab;
    eng_shard_spec spec;
    eng_dedup *dedup;
    eng_sink train, valid;
    eng_batch batch;
    json_t *skipped;
    uint64_t bytes_before; /* of the files that are done */
    const eng_reader *reader;
    bool held_out; /* where the document went whose parts follow */
} build;

/* The defaults. */
void eng_data_opts_default(eng_data_opts *o)
{
    *o = (eng_data_opts){
        .field = "text",
        .exact = true,
        .near = true,
        .threshold = 0.8,
        .dedup_bytes = (uint64_t)2 << 30,
        .max_epochs = 4,
        .shard_tokens = 100000000,
        .max_doc = 4 << 20,
        .max_bad = 100,
    };
}

/* Own tokenizers have the token by this name; of others, EOS does the same work. */
int32_t eng_data_separator(const eng_vocab *v)
{
    int32_t id = eng_vocab_special(v, SEPARATOR);
    return id >= 0 ? id : eng_vocab_eos(v);
}

/* ---- voice ---- */

/* A sentence for a person. */
static void __attribute__((format(printf, 2, 3))) note(const build *b, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (!b->o->note) return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->o->note(b->o->arg, text);
}

/* Tells how far it is; false when asked to stop. */
static bool go_on(const build *b, const char *stage, uint64_t done, uint64_t total, uint64_t tokens)
{
    eng_data_progress p = {.bytes = done, .total = total, .stage = stage, .tokens = tokens};
    p.documents = b->stats.documents;
    return !b->o->progress || b->o->progress(b->o->arg, &p);
}

/* ---- folder ---- */

/* True for files that builds make, finished or not. */
static bool is_ours(const char *name)
{
    static const char *const prefix[] = {"train-", "valid-", "part-"};
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (strncmp(name, prefix[i], strlen(prefix[i])) == 0 && strstr(name, ".tok")) return true;
    return false;
}

/* True for what may lie in a folder that a build is to fill. */
static bool is_expected(const char *name)
{
    return name[0] == '.' || strcmp(name, "lock") == 0 || is_ours(name) ||
           strncmp(name, "tokenizer.gguf", 14) == 0 ||
           strncmp(name, ENG_MANIFEST_FILE, strlen(ENG_MANIFEST_FILE)) == 0;
}

/* Removes what a killed build left, once it is clear that the folder is for nothing else.  The lock
 * is held: nobody else writes here. */
static sk_status sweep(const char *dir, sk_err *e)
{
    char path[ENG_DATA_PATH];
    DIR *d = opendir(dir);
    if (!d) return sk_fail(e, SK_E_IO, "cannot read the folder %s", dir);
    sk_status st = SK_OK;
    for (struct dirent *it; !st && (it = readdir(d));)
        if (!is_expected(it->d_name))
            st = sk_fail(e, SK_E_INUSE, "%s holds other files (%s): give --out a folder of its own",
                         dir, it->d_name);
    rewinddir(d);
    for (struct dirent *it; !st && (it = readdir(d));)
        if (is_ours(it->d_name)) (void)unlinkat(dirfd(d), it->d_name, 0);
    (void)closedir(d);
    if (st) return st;
    sk_file_sweep(eng_data_path(dir, "tokenizer.gguf", path));
    sk_file_sweep(eng_data_path(dir, ENG_MANIFEST_FILE, path));
    return SK_OK;
}

/* Makes the folder and takes its lock; one that holds a data set is left alone. */
static sk_status open_folder(const eng_data_opts *o, int *lock, sk_err *e)
{
    char path[ENG_DATA_PATH];
    if (!o->out || !*o->out) return sk_fail(e, SK_E_INVALID, "no folder to write to: give --out");
    if (strlen(o->out) > ENG_DATA_PATH - ENG_SHARD_NAME - 2)
        return sk_fail(e, SK_E_INVALID, "the name of the folder (--out) is too long");
    sk_status st = sk_mkdirs(o->out, e);
    if (!st) st = sk_lock_take(eng_data_path(o->out, "lock", path), lock, e);
    if (st) return st;
    if (sk_file_exists(eng_data_path(o->out, ENG_MANIFEST_FILE, path)))
        st = sk_fail(e, SK_E_INUSE,
                     "%s holds a data set already (%s): give another --out or remove the folder",
                     o->out, ENG_MANIFEST_FILE);
    if (!st) st = sweep(o->out, e);
    if (st) sk_lock_drop(*lock);
    return st;
}

/* ---- what the options say ---- */

/* Bounds that hold whoever calls. */
static sk_status check_opts(const eng_data_opts *o, sk_err *e)
{
    if (!o->tokenizer) return sk_fail(e, SK_E_INVALID, "no tokenizer: give --tokenizer");
    if (!(o->valid >= 0 && o->valid <= 0.5))
        return sk_fail(e, SK_E_INVALID, "--valid %g: 0 to 0.5 of the documents can be held out",
                       o->valid);
    if (o->max_doc < 1024 || o->max_doc > ((uint64_t)1 << 30))
        return sk_fail(e, SK_E_INVALID, "--max-document is 1024 bytes to 1 GiB");
    if (!o->field || !o->shard_tokens || !o->max_epochs)
        return sk_fail(e, SK_E_INVALID,
                       "--field, --shard-tokens and --max-epochs may not be empty");
    return SK_OK;
}

/* Lists of files and sources; weights of a mix. */
static sk_status list_inputs(build *b, sk_err *e)
{
    sk_status st = eng_files_list(b->o->path, b->o->n_paths, b->o->form, b->mem, &b->files, e);
    if (st) return st;
    size_t n = b->files.n_sources;
    b->input = sk_new_n(b->mem, eng_manifest_input, b->files.n);
    b->source = sk_new_n(b->mem, eng_manifest_source, n);
    b->part = sk_new_n(b->mem, eng_sink, n);
    b->mix = b->o->mix ? sk_new_n(b->mem, eng_mix_source, n) : NULL;
    b->skipped = json_array();
    if (!b->input || !b->source || !b->part || !b->skipped || (b->o->mix && !b->mix))
        return sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu files", b->files.n);
    b->stats.left_out = b->files.n_left_out;
    return b->mix ? eng_mix_parse(b->o->mix, &b->files, b->mix, e) : SK_OK;
}

/* The tokenizer goes into the folder, and the hash of that file into every shard. */
static sk_status open_tokenizer(build *b, sk_err *e)
{
    char path[ENG_DATA_PATH];
    sk_buf bytes = SK_BUF_INIT;
    sk_status st = eng_vocab_load(b->o->tokenizer, &b->vocab, e);
    if (st) return st;
    b->spec.n_vocab = (uint32_t)eng_vocab_size(b->vocab);
    b->spec.separator = eng_data_separator(b->vocab);
    if (b->spec.separator < 0)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%s has neither %s nor an end-of-text token to put between documents",
                       b->o->tokenizer, SEPARATOR);
    st = eng_vocab_save(b->vocab, eng_data_path(b->o->out, "tokenizer.gguf", path), e);
    if (!st) st = sk_file_load(path, UINT64_MAX, &bytes, e);
    if (!st) sk_sha256_of(bytes.p, bytes.len, b->spec.tokenizer);
    sk_buf_fini(&bytes);
    return st;
}

/* Where documents go. */
static sk_status open_sinks(build *b, sk_err *e)
{
    eng_sink like = {.dir = b->o->out, .spec = &b->spec, .limit = b->o->shard_tokens};
    b->train = b->valid = like;
    b->train.prefix = "train";
    b->valid.prefix = "valid";
    for (size_t i = 0; b->mix && i < b->files.n_sources; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "part-%05zu", i);
        b->part[i] = like;
        b->part[i].prefix = sk_arena_strndup(b->mem, name, strlen(name));
        b->mix[i].part = &b->part[i];
        if (!b->part[i].prefix) return sk_fail(e, SK_E_NOMEM, "no memory for a name");
    }
    return SK_OK;
}

/* ---- one batch ---- */

/* A broken line: told, kept, counted; too many of them are an error. */
static sk_status skip_line(build *b, const eng_batch_raw *r, sk_err *e)
{
    assert(r->file < b->files.n && r->st);
    const char *path = b->files.file[r->file].path;
    sk_buf text = SK_BUF_INIT;
    sk_buf_addf(&text, "%s:%llu: %s", path, (unsigned long long)r->raw.line, r->why);
    if (!sk_buf_ok(&text)) return sk_fail(e, SK_E_NOMEM, "no memory for a message");
    sk_status st = SK_OK;
    if (++b->stats.skipped > b->o->max_bad)
        st = sk_fail(e, SK_E_FORMAT, "%s; that is more than %llu broken lines (--max-bad)", text.p,
                     (unsigned long long)b->o->max_bad);
    else if (b->stats.skipped <= NOTES)
        note(b, "%s; the line is skipped", text.p);
    if (!st && json_array_size(b->skipped) < LISTED) {
        if (json_array_append_new(b->skipped, sk_json_str(text.p, text.len)) != 0)
            st = sk_fail(e, SK_E_NOMEM, "no memory for a message");
    }
    sk_buf_fini(&text);
    return st;
}

/* Counts what was read, in order. */
static sk_status count_raw(build *b, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < b->batch.n_raw; i++) {
        const eng_batch_raw *r = &b->batch.raw[i];
        b->stats.mended += r->mended;
        if (r->st)
            st = skip_line(b, r, e);
        else
            b->stats.empty += r->raw.kind == ENG_RAW_JSON && !r->made.len;
    }
    return st;
}

/* Marks the documents that were there before. */
static sk_status drop_duplicates(build *b, sk_err *e)
{
    for (size_t i = 0; i < b->batch.n_docs; i++) {
        eng_batch_doc *d = &b->batch.doc[i];
        eng_dup dup = ENG_DUP_NONE;
        b->stats.documents++;
        b->stats.text_bytes += d->n;
        b->stats.cut += !d->first;
        sk_status st = eng_dedup_ask(b->dedup, d->hash, b->o->near ? &d->sketch : NULL, &dup, e);
        if (st) return st;
        b->stats.exact += dup == ENG_DUP_EXACT;
        b->stats.near += dup == ENG_DUP_NEAR;
        d->keep = dup == ENG_DUP_NONE;
    }
    return SK_OK;
}

/* The document's own hash decides, so that it stays where it is when others come.  The parts of one
 * that was cut go where its beginning went. */
static bool is_held_out(build *b, const eng_batch_doc *d)
{
    uint64_t h = 0;
    for (int i = 0; i < 8; i++)
        h = h << 8 | d->hash[16 + i];
    if (d->first) b->held_out = (double)(h >> 11) * 0x1p-53 < b->o->valid;
    return b->held_out;
}

/* Tokens to where they belong. */
static sk_status write_documents(build *b, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < b->batch.n_docs; i++) {
        const eng_batch_doc *d = &b->batch.doc[i];
        bool held_out = is_held_out(b, d);
        if (!d->keep) continue;
        assert(d->source < b->files.n_sources);
        eng_sink *to = held_out ? &b->valid : b->mix ? &b->part[d->source] : &b->train;
        st = eng_sink_add(to, d->id, d->n_ids, d->n, e);
        eng_manifest_source *s = &b->source[d->source];
        s->documents++;
        s->tokens += d->n_ids + 1;
        s->bytes += d->n;
    }
    return st;
}

/* Read to written. */
static sk_status do_batch(build *b, sk_err *e)
{
    sk_pool *pool = eng_exec_pool(b->x);
    eng_batch *t = &b->batch;
    sk_status st = eng_batch_clean(t, pool, b->o->field, (size_t)b->o->max_doc, b->o->near, e);
    if (!st) st = count_raw(b, e);
    if (!st) st = drop_duplicates(b, e);
    if (!st) st = eng_batch_encode(t, pool, b->vocab, e);
    if (!st) st = write_documents(b, e);
    eng_batch_reset(t);
    uint64_t done = b->bytes_before + (b->reader ? eng_reader_bytes(b->reader) : 0);
    uint64_t tokens = b->train.n_tokens + b->valid.n_tokens;
    for (size_t i = 0; b->mix && i < b->files.n_sources; i++)
        tokens += b->part[i].n_tokens;
    if (!st && !go_on(b, "read", done, b->files.bytes, tokens))
        st = sk_fail(e, SK_E_STOPPED, "stopped; %s holds no data set", b->o->out);
    return st;
}

/* ---- all of them ---- */

/* One file, into batches that go on with the next. */
static sk_status read_file(build *b, size_t i, sk_err *e)
{
    eng_reader *r;
    const eng_data_file *f = &b->files.file[i];
    sk_status st = eng_reader_open(f, (size_t)b->o->max_doc, &r, e);
    if (st) return st;
    b->reader = r;
    for (bool ended = false; !st && !ended;) {
        st = eng_batch_read(&b->batch, r, i, f->source, &ended, e);
        if (!st && eng_batch_full(&b->batch)) st = do_batch(b, e);
    }
    b->input[i].bytes = eng_reader_bytes(r);
    b->bytes_before += b->input[i].bytes;
    eng_reader_digest(r, b->input[i].sha256);
    b->reader = NULL;
    eng_reader_close(r);
    return st;
}

/* Every file, in order; the shards of the mix are finished here, the others are not. */
static sk_status read_all(build *b, sk_err *e)
{
    sk_status st = SK_OK;
    (void)go_on(b, "read", 0, b->files.bytes, 0);
    for (size_t i = 0; !st && i < b->files.n; i++)
        st = read_file(b, i, e);
    if (!st && b->batch.n_raw) st = do_batch(b, e);
    if (!st && !b->stats.documents)
        st = sk_fail(e, SK_E_INVALID, "%s%s: there is no text in it", b->files.file[0].path,
                     b->files.n > 1 ? " and the other files" : "");
    for (size_t i = 0; !st && b->mix && i < b->files.n_sources; i++)
        st = eng_sink_end(&b->part[i], e);
    return st;
}

/* Asked after each document of the mix. */
static bool mix_stop(void *arg, uint64_t tokens)
{
    const build *b = arg;
    return tokens % 1024 == 0 && !go_on(b, "mix", 0, 0, tokens);
}

/* The mix, then the ends of both splits. */
static sk_status finish_splits(build *b, sk_err *e)
{
    sk_status st = SK_OK;
    if (b->mix) {
        (void)go_on(b, "mix", 0, 0, 0);
        st = eng_mix_write(b->mix, b->files.n_sources, b->o->max_epochs, &b->train, mix_stop, b, e);
        for (size_t i = 0; i < b->files.n_sources; i++)
            eng_sink_remove(&b->part[i]);
    }
    if (!st) st = eng_sink_end(&b->train, e);
    if (!st) st = eng_sink_end(&b->valid, e);
    if (!st && !b->train.n_docs)
        st = sk_fail(e, SK_E_INVALID, "all %llu documents are held out (--valid): too few texts",
                     (unsigned long long)b->valid.n_docs);
    return st;
}

/* The last figures. */
static void fill_stats(build *b)
{
    eng_data_stats *s = &b->stats;
    s->files = b->files.n;
    s->train_docs = b->train.n_docs;
    s->train_tokens = b->train.n_tokens;
    s->train_bytes = b->train.n_bytes;
    s->valid_docs = b->valid.n_docs;
    s->valid_tokens = b->valid.n_tokens;
    s->valid_bytes = b->valid.n_bytes;
    s->shards = b->train.n + b->valid.n;
    s->dedup_full = eng_dedup_full(b->dedup);
    s->dedup_bytes = eng_dedup_bytes(b->dedup);
    if (s->skipped > NOTES)
        note(b, "%llu broken lines were skipped; %s lists the first %d",
             (unsigned long long)s->skipped, ENG_MANIFEST_FILE, LISTED);
    if (s->dedup_full)
        note(b, "the tables of duplicates are full (--dedup-memory): some duplicates may be left");
}

/* The list of all there is: with it the folder becomes a data set. */
static sk_status write_manifest(build *b, sk_err *e)
{
    eng_manifest m = {
        .o = b->o,
        .files = &b->files,
        .input = b->input,
        .source = b->source,
        .mix = b->mix,
        .spec = &b->spec,
        .train = &b->train,
        .valid = &b->valid,
        .stats = &b->stats,
        .skipped = b->skipped,
    };
    return eng_manifest_write(&m, e);
}

/* Everything under the lock. */
static sk_status run(build *b, sk_err *e)
{
    eng_dedup_opts d = {b->o->exact, b->o->near, b->o->threshold, b->o->dedup_bytes};
    sk_status st = list_inputs(b, e);
    if (!st) st = open_tokenizer(b, e);
    if (!st) st = open_sinks(b, e);
    if (!st) st = eng_dedup_open(&d, &b->dedup, e);
    if (!st) st = read_all(b, e);
    if (!st) st = finish_splits(b, e);
    if (st) return st;
    fill_stats(b);
    return write_manifest(b, e);
}

/* Gives all back; what a failed build wrote goes, the manifest first, which may be there if its
 * folder could not be synced. */
static void build_close(build *b, bool failed)
{
    char path[ENG_DATA_PATH];
    for (size_t i = 0; b->part && i < b->files.n_sources; i++) {
        eng_sink_remove(&b->part[i]);
        eng_sink_fini(&b->part[i]);
    }
    if (failed) {
        (void)unlink(eng_data_path(b->o->out, ENG_MANIFEST_FILE, path));
        eng_sink_remove(&b->train);
        eng_sink_remove(&b->valid);
    }
    eng_sink_fini(&b->train);
    eng_sink_fini(&b->valid);
    eng_batch_fini(&b->batch);
    eng_dedup_close(b->dedup);
    eng_vocab_close(b->vocab);
    json_decref(b->skipped);
    sk_arena_free(b->mem);
}

/* The lock is held from the first look at the folder to the last file in it. */
sk_status eng_data_build(eng_exec *x, const eng_data_opts *o, eng_data_stats *out, sk_err *e)
{
    int lock;
    sk_status st = check_opts(o, e);
    if (!st) st = open_folder(o, &lock, e);
    if (st) return st;
    build b = {.x = x, .o = o, .mem = sk_arena_new(SK_MEM_MISC)};
    st = b.mem ? run(&b, e) : sk_fail(e, SK_E_NOMEM, "no memory for a build");
    build_close(&b, st != SK_OK);
    sk_lock_drop(lock);
    if (!st) *out = b.stats;
    return st;
}
