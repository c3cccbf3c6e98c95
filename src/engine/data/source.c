/* source.c - reading and unpacking, a chunk at a time. */
#include "engine/data/source.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { CHUNK = 256 << 10, MAX_WINDOW_LOG = 27, GZIP_WINDOW = 15 + 16 };

typedef enum packing { PLAIN, GZIP, ZSTD } packing;

struct eng_source {
    char *path;     /* as people read it */
    uint8_t *chunk; /* [CHUNK], bytes at..n of it are still to be used */
    size_t at, n;
    int fd;
    bool ended;  /* the input has no more bytes */
    bool inside; /* within a zstd frame or a gzip member */
    packing kind;
    ZSTD_DStream *zstd;
    z_stream gzip;
    bool gzip_open;
    sk_sha256 sha;
    uint64_t bytes;
};

/* Reads the next chunk when the last one is used up. */
static sk_status fill(eng_source *s, sk_err *e)
{
    if (s->at < s->n || s->ended) return SK_OK;
    s->at = s->n = 0;
    while (s->n < CHUNK && !s->ended) {
        ssize_t k = read(s->fd, s->chunk + s->n, CHUNK - s->n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return sk_fail_errno(e, errno, "cannot read %s", s->path);
        s->ended = k == 0;
        s->n += (size_t)k;
    }
    sk_sha256_add(&s->sha, s->chunk, s->n);
    s->bytes += s->n;
    return SK_OK;
}

/* Opens the descriptor; a folder is refused here. */
static sk_status open_input(eng_source *s, const char *path, sk_err *e)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        s->fd = STDIN_FILENO;
        return SK_OK;
    }
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) return sk_fail_errno(e, errno, "cannot read %s", path);
    if (fstat(s->fd, &st) != 0) return sk_fail_errno(e, errno, "cannot read %s", path);
    if (S_ISDIR(st.st_mode)) return sk_fail(e, SK_E_INVALID, "%s is a folder, not a file", path);
    return SK_OK;
}

/* Sets up what the first bytes ask for. */
static sk_status choose(eng_source *s, sk_err *e)
{
    static const uint8_t zstd_magic[4] = {0x28, 0xB5, 0x2F, 0xFD}, gzip_magic[2] = {0x1F, 0x8B};
    sk_status st = fill(s, e);
    if (st) return st;
    if (s->n >= 4 && memcmp(s->chunk, "PAR1", 4) == 0)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%s is a Parquet file, which this program cannot read: convert it to JSONL "
                       "first (python: pandas.read_parquet(f).to_json(out, orient='records', "
                       "lines=True))",
                       s->path);
    if (s->n >= 4 && memcmp(s->chunk, zstd_magic, 4) == 0) {
        s->kind = ZSTD;
        s->zstd = ZSTD_createDStream();
        if (!s->zstd) return sk_fail(e, SK_E_NOMEM, "no memory to unpack %s", s->path);
        (void)ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    } else if (s->n >= 2 && memcmp(s->chunk, gzip_magic, 2) == 0) {
        s->kind = GZIP;
        s->gzip_open = inflateInit2(&s->gzip, GZIP_WINDOW) == Z_OK;
        if (!s->gzip_open) return sk_fail(e, SK_E_NOMEM, "no memory to unpack %s", s->path);
    }
    return SK_OK;
}

/* Opens the input and looks at its first bytes. */
sk_status eng_source_open(const char *path, eng_source **out, sk_err *e)
{
    eng_source *s = sk_calloc(SK_MEM_MISC, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", path);
    s->fd = -1;
    sk_buf name = SK_BUF_INIT;
    sk_buf_adds(&name, strcmp(path, "-") == 0 ? "standard input" : path);
    s->path = sk_buf_detach(&name, NULL);
    s->chunk = sk_alloc(SK_MEM_MISC, CHUNK);
    sk_sha256_init(&s->sha);
    sk_status st = s->path && s->chunk ? open_input(s, path, e)
                                       : sk_fail(e, SK_E_NOMEM, "no memory to read %s", path);
    if (!st) st = choose(s, e);
    if (st)
        eng_source_close(s);
    else
        *out = s;
    return st;
}

/* Standard input is left open: it is not ours. */
void eng_source_close(eng_source *s)
{
    if (!s) return;
    if (s->fd > STDIN_FILENO) (void)close(s->fd);
    (void)ZSTD_freeDStream(s->zstd);
    if (s->gzip_open) (void)inflateEnd(&s->gzip);
    sk_free(s->chunk);
    sk_free(s->path);
    sk_free(s);
}

/* The sentence for a packed file that can't be used to its end. */
static sk_status damaged(const eng_source *s, const char *why, sk_err *e)
{
    return sk_fail(e, SK_E_CORRUPT, "cannot unpack %s: %s", s->path, why);
}

/* One step of zstd: from the chunk into p. */
static sk_status step_zstd(eng_source *s, void *p, size_t n, size_t *got, sk_err *e)
{
    ZSTD_inBuffer in = {s->chunk, s->n, s->at};
    ZSTD_outBuffer to = {p, n, 0};
    size_t left = ZSTD_decompressStream(s->zstd, &to, &in);
    if (ZSTD_isError(left)) {
        bool window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
        return damaged(s, window ? "its window is larger than 128 MiB" : ZSTD_getErrorName(left),
                       e);
    }
    s->at = in.pos;
    s->inside = left != 0;
    *got = to.pos;
    return SK_OK;
}

/* One step of gzip; members may follow each other, as gzip itself allows. */
static sk_status step_gzip(eng_source *s, void *p, size_t n, size_t *got, sk_err *e)
{
    if (!s->inside) (void)inflateReset(&s->gzip);
    s->gzip.next_in = s->chunk + s->at;
    s->gzip.avail_in = (uInt)(s->n - s->at);
    s->gzip.next_out = p;
    s->gzip.avail_out = (uInt)(n < CHUNK ? n : CHUNK);
    uInt room = s->gzip.avail_out;
    int rc = inflate(&s->gzip, Z_NO_FLUSH);
    s->at = s->n - s->gzip.avail_in;
    if (rc == Z_MEM_ERROR) return sk_fail(e, SK_E_NOMEM, "no memory to unpack %s", s->path);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return damaged(s, s->gzip.msg ? s->gzip.msg : "it is no gzip file to its end", e);
    s->inside = rc != Z_STREAM_END;
    *got = room - s->gzip.avail_out;
    return SK_OK;
}

/* Steps until there is something to give, or the end. */
static sk_status read_packed(eng_source *s, void *p, size_t n, size_t *got, sk_err *e)
{
    size_t k = 0;
    sk_status st = SK_OK;
    for (;;) {
        st = fill(s, e);
        bool dry = s->at == s->n;
        if (st || (dry && !s->inside)) break;
        st = s->kind == ZSTD ? step_zstd(s, p, n, &k, e) : step_gzip(s, p, n, &k, e);
        if (st || k) break;
        if (dry && s->inside) return damaged(s, "it ends early: fetch it again", e);
    }
    if (!st) *got = k;
    return st;
}

/* Up to n unpacked bytes. */
sk_status eng_source_read(eng_source *s, void *p, size_t n, size_t *got, sk_err *e)
{
    if (s->kind != PLAIN) return read_packed(s, p, n, got, e);
    sk_status st = fill(s, e);
    if (st) return st;
    size_t k = s->n - s->at < n ? s->n - s->at : n;
    memcpy(p, s->chunk + s->at, k);
    s->at += k;
    *got = k;
    return SK_OK;
}

/* Bytes of the input itself. */
uint64_t eng_source_bytes(const eng_source *s)
{
    return s->bytes;
}

/* Their hash. */
void eng_source_digest(const eng_source *s, uint8_t out[SK_SHA256_BYTES])
{
    sk_sha256_end(&s->sha, out);
}
