/* reader.c - lines of a stream to documents. */
#include "engine/data/reader.h"

#include "base/instream.h"
#include "base/json.h"
#include "engine/token/document.h"

#include <assert.h>
#include <string.h>

enum { PIECE = 256 << 10 };

struct eng_reader {
    sk_instream *in;
    sk_sha256 sha; /* of the file */
    char *w;       /* [size], bytes at..n of it are still to be given */
    size_t size, at, n, piece, max_doc;
    uint64_t line; /* of the next piece, from 1 */
    bool ended, at_line_start, jsonl;
};

/* Opens the source and sees what form it has. */
sk_status eng_reader_open(const eng_data_file *f, size_t max_doc, eng_reader **out, sk_err *e)
{
    assert(max_doc >= 1024);
    eng_reader *r = sk_calloc(SK_MEM_MISC, 1, sizeof *r);
    if (!r) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", f->path);
    r->piece = max_doc < PIECE ? max_doc : PIECE;
    r->size = 2 * r->piece;
    r->max_doc = max_doc;
    r->line = 1;
    r->at_line_start = true;
    r->jsonl = f->form == ENG_DATA_JSONL;
    r->w = sk_alloc(SK_MEM_MISC, r->size);
    sk_sha256_init(&r->sha);
    sk_status st = r->w ? sk_instream_open(f->path, &r->sha, &r->in, e)
                        : sk_fail(e, SK_E_NOMEM, "no memory to read %s", f->path);
    if (!st) st = sk_instream_read(r->in, r->w, r->size, &r->n, e);
    if (st) {
        eng_reader_close(r);
        return st;
    }
    if (r->n >= 3 && memcmp(r->w, "\xEF\xBB\xBF", 3) == 0) r->at = 3; /* a byte order mark */
    if (f->form == ENG_DATA_AUTO) r->jsonl = r->n > r->at && r->w[r->at] == '{';
    *out = r;
    return SK_OK;
}

/* NULL is allowed. */
void eng_reader_close(eng_reader *r)
{
    if (!r) return;
    sk_instream_close(r->in);
    sk_free(r->w);
    sk_free(r);
}

uint64_t eng_reader_bytes(const eng_reader *r)
{
    return sk_instream_pos(r->in);
}

void eng_reader_digest(const eng_reader *r, uint8_t out[SK_SHA256_BYTES])
{
    sk_sha256_end(&r->sha, out);
}

/* Makes sure that a piece's worth of bytes is there, unless the input ends before. */
static sk_status refill(eng_reader *r, sk_err *e)
{
    assert(r->at <= r->n && r->n <= r->size && r->piece <= r->size);
    if (r->n - r->at >= r->piece || r->ended) return SK_OK;
    memmove(r->w, r->w + r->at, r->n - r->at);
    r->n -= r->at;
    r->at = 0;
    while (r->n < r->piece && !r->ended) {
        size_t got;
        sk_status st = sk_instream_read(r->in, r->w + r->n, r->size - r->n, &got, e);
        if (st) return st;
        r->n += got;
        r->ended = got == 0;
    }
    return SK_OK;
}

/* Looks at the next piece: a line with its newline, or the part of a long line that ends between
 * two characters.  *n is 0 at the end. */
static sk_status peek(eng_reader *r, const char **p, size_t *n, sk_err *e)
{
    sk_status st = refill(r, e);
    if (st) return st;
    size_t have = r->n - r->at < r->piece ? r->n - r->at : r->piece;
    *p = r->w + r->at;
    const char *end = have ? memchr(*p, '\n', have) : NULL;
    if (end)
        *n = (size_t)(end - *p) + 1;
    else
        *n = have < r->piece ? have : sk_utf8_complete(*p, have);
    if (have && !*n) *n = have;
    assert(*n <= have);
    return SK_OK;
}

/* Moves past the n bytes that peek has shown. */
static void take(eng_reader *r, size_t n)
{
    assert(n > 0 && n <= r->n - r->at);
    r->at += n;
    r->at_line_start = r->w[r->at - 1] == '\n';
    r->line += r->at_line_start;
}

/* True for a line that stands between documents; document.h says which do. */
static bool is_separator(const eng_reader *r, const char *p, size_t n)
{
    size_t pos = 0, len;
    const char *doc;
    return r->at_line_start && n && n < 32 && p[0] == '<' &&
           !eng_document_next(p, n, &pos, &doc, &len);
}

/* Appends lines until a separator, the end, or the limit. */
static sk_status next_text(eng_reader *r, sk_buf *into, eng_raw *out, sk_err *e)
{
    const char *p;
    size_t n;
    for (;;) {
        sk_status st = peek(r, &p, &n, e);
        if (st) return st;
        size_t have = into->len - out->at;
        if (!n) break;
        if (is_separator(r, p, n)) {
            take(r, n);
            if (have) break;
            continue;
        }
        out->cut = have && have + n > r->max_doc;
        if (out->cut) break;
        if (!have) out->line = r->line;
        sk_buf_add(into, p, n);
        if (!sk_buf_ok(into)) return sk_fail(e, SK_E_NOMEM, "no memory for a document");
        take(r, n);
    }
    out->n = into->len - out->at;
    out->kind = out->n ? ENG_RAW_TEXT : ENG_RAW_END;
    return SK_OK;
}

/* Blank lines are none. */
static bool is_blank(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r') return false;
    return true;
}

/* Appends one line, whatever its length up to the limit; *more is false at the end of the file. */
static sk_status next_line(eng_reader *r, sk_buf *into, eng_raw *out, bool *more, sk_err *e)
{
    const char *p;
    size_t n, total = 0;
    out->line = r->line;
    for (bool whole = false; !whole;) {
        sk_status st = peek(r, &p, &n, e);
        if (st) return st;
        if (!n) break;
        whole = p[n - 1] == '\n';
        total += n;
        if (total <= ENG_READER_LINE) sk_buf_add(into, p, n - whole);
        if (!sk_buf_ok(into)) return sk_fail(e, SK_E_NOMEM, "no memory for a line");
        take(r, n);
    }
    out->n = into->len - out->at;
    out->kind = total > ENG_READER_LINE ? ENG_RAW_TOO_LONG : ENG_RAW_JSON;
    *more = total > 0;
    return SK_OK;
}

/* The next line that isn't blank. */
static sk_status next_json(eng_reader *r, sk_buf *into, eng_raw *out, sk_err *e)
{
    bool more = true;
    while (more) {
        sk_status st = next_line(r, into, out, &more, e);
        if (st) return st;
        bool keep = more && out->kind == ENG_RAW_JSON && !is_blank(into->p + out->at, out->n);
        if (keep) return SK_OK;
        into->len = out->at; /* blank, or the beginning of one that is too long */
        if (more && out->kind == ENG_RAW_TOO_LONG) {
            out->n = 0;
            return SK_OK;
        }
    }
    out->kind = ENG_RAW_END;
    out->n = 0;
    return SK_OK;
}

/* Appends the next document to `into`. */
sk_status eng_reader_next(eng_reader *r, sk_buf *into, eng_raw *out, sk_err *e)
{
    *out = (eng_raw){.at = into->len, .line = r->line};
    return r->jsonl ? next_json(r, into, out, e) : next_text(r, into, out, e);
}
