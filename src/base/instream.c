/* instream.c - chunks of a file through zstd, zlib or nothing. */
#include "base/instream.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { CHUNK = 128 << 10, MAX_WINDOW_LOG = 27, GZIP_WINDOW = 15 + 16 };

typedef enum form { PLAIN, ZSTD, GZIP } form;

struct sk_instream {
    const char *path; /* for messages; behind the struct */
    int fd;
    form form;
    uint8_t chunk[CHUNK]; /* of the file; [at, n) is not used yet */
    size_t at, n;
    uint64_t pos, size;
    sk_sha256 *sha; /* of the file; NULL: nobody asks */
    bool ended;     /* the file has no more */
    bool inside;    /* a frame or member has begun and not ended */
    ZSTD_DStream *zstd;
    z_stream gzip;
};

/* Reads of the file until p[0..cap) is full or the file ends. */
static sk_status read_file(sk_instream *s, uint8_t *p, size_t cap, size_t *n, sk_err *e)
{
    size_t have = 0;
    while (have < cap && !s->ended) {
        ssize_t k = read(s->fd, p + have, cap - have);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return sk_fail_errno(e, errno, "cannot read %s", s->path);
        s->ended = k == 0;
        have += (size_t)k;
    }
    if (s->sha) sk_sha256_add(s->sha, p, have);
    s->pos += have;
    *n = have;
    return SK_OK;
}

/* Reads the next chunk when the last one is used up; n stays 0 at the end of the file. */
static sk_status fill(sk_instream *s, sk_err *e)
{
    assert(s->at <= s->n && s->n <= CHUNK);
    if (s->at < s->n) return SK_OK;
    s->at = s->n = 0;
    return read_file(s, s->chunk, CHUNK, &s->n, e);
}

static sk_status no_memory(const sk_instream *s, sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to read %s", s->path);
}

/* zlib's memory comes from where all memory comes from. */
static void *take_memory(void *arg, unsigned count, unsigned size)
{
    size_t n;
    (void)arg;
    return sk_mul_size(count, size, &n) ? sk_alloc(SK_MEM_MISC, n) : NULL;
}

static void give_memory(void *arg, void *p)
{
    (void)arg;
    sk_free(p);
}

sk_status sk_fail_parquet(const char *path, sk_err *e)
{
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "%s is a Parquet file, which this program cannot read: convert it to JSONL "
                   "first (duckdb -c \"copy (from 'x.parquet') to 'x.jsonl' (format json)\", or "
                   "python: pandas.read_parquet('x.parquet').to_json('x.jsonl', "
                   "orient='records', lines=True))",
                   path);
}

/* Looks at the first chunk and gets what the form needs. */
static sk_status find_form(sk_instream *s, sk_err *e)
{
    static const uint8_t zstd_magic[] = {0x28, 0xB5, 0x2F, 0xFD}, gzip_magic[] = {0x1F, 0x8B, 8};
    sk_status st = fill(s, e);
    if (st) return st;
    if (s->n >= 4 && !memcmp(s->chunk, "PAR1", 4)) return sk_fail_parquet(s->path, e);
    if (s->n >= sizeof zstd_magic && !memcmp(s->chunk, zstd_magic, sizeof zstd_magic)) {
        s->form = ZSTD;
        s->zstd = ZSTD_createDStream();
        if (!s->zstd) return no_memory(s, e);
        (void)ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    } else if (s->n >= sizeof gzip_magic && !memcmp(s->chunk, gzip_magic, sizeof gzip_magic)) {
        s->gzip = (z_stream){.zalloc = take_memory, .zfree = give_memory};
        if (inflateInit2(&s->gzip, GZIP_WINDOW) != Z_OK) return no_memory(s, e);
        s->form = GZIP;
    }
    return SK_OK;
}

/* Opens path, or takes standard input. */
static sk_status open_fd(sk_instream *s, const char *path, sk_err *e)
{
    struct stat about;
    s->fd = STDIN_FILENO;
    if (strcmp(path, "-") != 0) s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) return sk_fail_errno(e, errno, "cannot open %s", path);
    if (fstat(s->fd, &about) != 0) return sk_fail_errno(e, errno, "cannot look at %s", path);
    if (S_ISDIR(about.st_mode)) return sk_fail(e, SK_E_INVALID, "%s is a folder, not a file", path);
    if (S_ISREG(about.st_mode)) s->size = (uint64_t)about.st_size;
    return SK_OK;
}

sk_status sk_instream_open(const char *path, sk_sha256 *sha, sk_instream **out, sk_err *e)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    size_t n = strlen(name) + 1;
    sk_instream *s = sk_alloc(SK_MEM_MISC, sizeof *s + n);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", name);
    memset(s, 0, sizeof *s);
    memcpy(s + 1, name, n);
    s->path = (const char *)(s + 1);
    s->sha = sha;
    sk_status st = open_fd(s, path, e);
    if (!st) st = find_form(s, e);
    if (st) {
        sk_instream_close(s);
        return st;
    }
    *out = s;
    return SK_OK;
}

void sk_instream_close(sk_instream *s)
{
    if (!s) return;
    if (s->fd > STDIN_FILENO) (void)close(s->fd);
    (void)ZSTD_freeDStream(s->zstd);
    if (s->form == GZIP) (void)inflateEnd(&s->gzip);
    sk_free(s);
}

static sk_status ends_early(const sk_instream *s, sk_err *e)
{
    return sk_fail(e, SK_E_CORRUPT, "%s ends early: fetch it again", s->path);
}

/* One step of zstd into p[0..cap), of which *n come out. */
static sk_status unpack_zstd(sk_instream *s, uint8_t *p, size_t cap, size_t *n, sk_err *e)
{
    ZSTD_inBuffer in = {s->chunk, s->n, s->at};
    ZSTD_outBuffer out = {p, cap, 0};
    size_t left = ZSTD_decompressStream(s->zstd, &out, &in);
    if (ZSTD_isError(left)) {
        bool window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
        return sk_fail(e, window ? SK_E_TOOBIG : SK_E_CORRUPT, "cannot unpack %s: %s", s->path,
                       window ? "its window is larger than 128 MiB" : ZSTD_getErrorName(left));
    }
    if (s->ended && s->at == s->n && !out.pos && s->inside) return ends_early(s, e);
    s->inside = left > 0;
    s->at = in.pos;
    *n = out.pos;
    return SK_OK;
}

/* One step of zlib, likewise.  Behind a member another one may follow. */
static sk_status unpack_gzip(sk_instream *s, uint8_t *p, size_t cap, size_t *n, sk_err *e)
{
    s->gzip.next_in = s->chunk + s->at;
    s->gzip.avail_in = (unsigned)(s->n - s->at);
    s->gzip.next_out = p;
    s->gzip.avail_out = cap > CHUNK ? CHUNK : (unsigned)cap;
    const unsigned room = s->gzip.avail_out;
    int rc = inflate(&s->gzip, Z_NO_FLUSH);
    s->at = s->n - s->gzip.avail_in;
    *n = room - s->gzip.avail_out;
    s->inside = rc != Z_STREAM_END;
    if (rc == Z_STREAM_END) (void)inflateReset(&s->gzip);
    if (rc == Z_OK || rc == Z_STREAM_END) return SK_OK;
    if (rc == Z_BUF_ERROR) return s->ended && s->at == s->n ? ends_early(s, e) : SK_OK;
    if (rc == Z_MEM_ERROR) return no_memory(s, e);
    return sk_fail(e, SK_E_CORRUPT, "cannot unpack %s: %s", s->path,
                   s->gzip.msg ? s->gzip.msg : "it is damaged");
}

/* One step of what is not packed. */
static void copy_plain(sk_instream *s, uint8_t *p, size_t cap, size_t *n)
{
    *n = s->n - s->at < cap ? s->n - s->at : cap;
    memcpy(p, s->chunk + s->at, *n);
    s->at += *n;
}

/* True when nothing more can come: zstd and zlib may hold output back after their last input. */
static bool is_done(const sk_instream *s)
{
    return s->ended && s->at == s->n && !s->inside;
}

/* Steps until p is full or the text ends. */
sk_status sk_instream_read(sk_instream *s, void *p, size_t cap, size_t *n, sk_err *e)
{
    size_t have = 0;
    assert(cap > 0);
    while (have < cap) {
        size_t some = 0;
        uint8_t *to = (uint8_t *)p + have;
        sk_status st = SK_OK;
        if (s->form == PLAIN && s->at == s->n && cap - have >= CHUNK) {
            st = read_file(s, to, cap - have, &some, e); /* all there is room for: no copy */
            *n = have + some;
            return st;
        }
        st = fill(s, e);
        if (st) return st;
        if (is_done(s)) break;
        if (s->form == ZSTD)
            st = unpack_zstd(s, to, cap - have, &some, e);
        else if (s->form == GZIP)
            st = unpack_gzip(s, to, cap - have, &some, e);
        else
            copy_plain(s, to, cap - have, &some);
        if (st) return st;
        have += some;
    }
    assert(have <= cap);
    *n = have;
    return SK_OK;
}

uint64_t sk_instream_pos(const sk_instream *s)
{
    return s->pos;
}

uint64_t sk_instream_size(const sk_instream *s)
{
    return s->size;
}
