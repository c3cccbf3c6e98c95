/* tokenizer.c - training a tokenizer on files of any size, and writing it. */
#include "engine/token/hf_vocab.h"
#include "engine/token/vocab.h"

#include "base/file.h"
#include "base/instream.h"
#include "engine/engine.h"
#include "engine/token/bpe_train.h"
#include "engine/train/corpus.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

/* The files one behind the other, a separator line between them. */
typedef struct reading {
    const eng_tokenizer_opts *o;
    size_t next;          /* file to open */
    sk_instream *in;      /* NULL: between two files */
    uint64_t done, total; /* bytes on disk: of the files before this one; of all, 0: not known */
    const char *between;  /* what is left to give of the separator, "" for nothing */
    char last;            /* byte of the file before */
} reading;

/* Bytes on disk of all files; 0 if one of them is no plain file. */
static uint64_t total_bytes(const eng_tokenizer_opts *o)
{
    uint64_t total = 0;
    for (size_t i = 0; i < o->n_data; i++) {
        struct stat s;
        if (stat(o->data[i], &s) != 0 || !S_ISREG(s.st_mode)) return 0;
        total += (uint64_t)s.st_size;
    }
    return total;
}

/* Opens the next file, if there is one; between two files goes what ends a document. */
static sk_status next_file(reading *r, sk_err *e)
{
    static const char separator[] = "\n" ENG_CORPUS_SEPARATOR "\n";
    if (r->next == r->o->n_data) return SK_OK;
    if (r->next) r->between = separator + (r->last == '\n');
    return sk_instream_open(r->o->data[r->next++], NULL, &r->in, e);
}

/* A source's read: at most what one file has left. */
static sk_status read_some(void *arg, char *p, size_t cap, size_t *n, sk_err *e)
{
    reading *r = arg;
    for (;;) {
        sk_status st = r->in ? SK_OK : next_file(r, e);
        size_t left = strlen(r->between);
        *n = 0;
        if (st || !r->in) return st;
        if (left) {
            *n = left < cap ? left : cap;
            memcpy(p, r->between, *n);
            r->between += *n;
            return SK_OK;
        }
        st = sk_instream_read(r->in, p, cap, n, e);
        if (st) return st;
        if (*n) {
            r->last = p[*n - 1];
            return SK_OK;
        }
        r->done += sk_instream_pos(r->in);
        sk_instream_close(r->in);
        r->in = NULL;
    }
}

/* The trainer's progress as that of two stages: no merge is done while words are counted. */
static bool on_progress(void *arg, size_t done, size_t total)
{
    const reading *r = arg;
    const eng_tokenizer_opts *o = r->o;
    if (!o->progress) return true;
    uint64_t read = r->done + (r->in ? sk_instream_pos(r->in) : 0);
    if (!done) return o->progress(o->arg, "count", read, r->total > read ? r->total : read);
    return o->progress(o->arg, "merge", done, total);
}

/* Writes the tokenizer as the name of the file says. */
static sk_status write_tokenizer(const eng_vocab *v, const char *out, sk_err *e)
{
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    const char *dot = strrchr(name, '.');
    if (!dot || strcmp(dot, ".json") != 0) return eng_vocab_save(v, out, e);
    if (strcmp(name, "tokenizer.json") != 0) return eng_hf_vocab_write_file(v, out, e);
    sk_buf folder = SK_BUF_INIT;
    sk_buf_add(&folder, out, (size_t)(name - out));
    sk_buf_addc(&folder, '.');
    sk_status st = sk_buf_ok(&folder) ? eng_hf_vocab_write(v, folder.p, e)
                                      : sk_fail(e, SK_E_NOMEM, "no memory to write %s", out);
    sk_buf_fini(&folder);
    return st;
}

/* Fails now where nothing could be written after minutes of work. */
static sk_status check_out(const char *out, sk_err *e)
{
    sk_outfile *f;
    sk_status st = sk_outfile_open(out, &f, e);
    if (!st) sk_outfile_abort(f);
    return st;
}

/* The output's name is checked before hours of counting; *info is set only with the file in its
 * place. */
sk_status eng_tokenizer_train(eng_exec *x, const eng_tokenizer_opts *o, const char *out,
                              eng_tokenizer_info *info, sk_err *e)
{
    assert(o->n_data > 0);
    reading r = {.o = o, .total = total_bytes(o), .between = ""};
    eng_bpe_source source = {read_some, &r};
    eng_bpe_opts b = {.n_vocab = o->vocab,
                      .pretok = o->pretok,
                      .pool = eng_exec_pool(x),
                      .memory = o->memory,
                      .progress = on_progress,
                      .arg = &r};
    eng_bpe_stats s = {0};
    eng_vocab *v = NULL;
    sk_status st = check_out(out, e);
    if (!st) st = eng_bpe_train_source(&source, &b, &s, &v, e);
    sk_instream_close(r.in);
    if (!st) st = write_tokenizer(v, out, e);
    eng_vocab_close(v);
    if (st) return st;
    *info = (eng_tokenizer_info){.bytes = s.bytes,
                                 .documents = s.documents,
                                 .pieces = s.pieces,
                                 .words = s.words,
                                 .dropped_words = s.dropped_words,
                                 .dropped_pieces = s.dropped_pieces};
    return SK_OK;
}
