/* keys.c - keys in a running server. */
#include "serve/api/keys.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often the file is looked at. */
#define LOOK_US 1000000u

/* A bucket: `have` may be below 0 after a request that took more than there was left. */
typedef struct bucket {
    double have;
    uint64_t at_us;
} bucket;

typedef struct key {
    srv_key_row row;
    bucket req, tok;
    int64_t n_running; /* requests that were taken and have not ended */
    bool gone;         /* no longer in the file */
} key;

struct srv_keys {
    char *path, *usage_path;
    key *key; /* [n]; a key keeps its number */
    size_t n, cap;
    int usage_fd, lock_fd;
    struct stat seen;
    uint64_t looked_us;
};

/* ---- the file ---- */

/* Takes over the rows of the file; those known keep their buckets and usage. */
static sk_status merge(srv_keys *k, const srv_keyfile *file, sk_err *e)
{
    for (size_t i = 0; i < k->n; i++)
        k->key[i].gone = true;
    for (size_t i = 0; i < file->n; i++) {
        const srv_key_row *r = &file->row[i];
        key *known = NULL;
        for (size_t j = 0; j < k->n && !known; j++)
            if (strcmp(k->key[j].row.id, r->id) == 0) known = &k->key[j];
        if (!known && k->n == k->cap) {
            size_t cap = k->cap ? 2 * k->cap : 16;
            key *p = sk_realloc(SK_MEM_REQUEST, k->key, cap * sizeof *p);
            if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for %zu keys", cap);
            k->key = p;
            k->cap = cap;
        }
        srv_key_usage used = known ? known->row.used : r->used;
        if (!known) {
            known = &k->key[k->n++];
            *known =
                (key){.req = {(double)r->rpm, sk_now_us()}, .tok = {(double)r->tpm, sk_now_us()}};
        }
        known->row = *r;
        known->row.used = used;
        known->gone = false;
    }
    return SK_OK;
}

/* Reads the file if it has changed since it was last read. */
static sk_status look(srv_keys *k, sk_err *e)
{
    struct stat s;
    srv_keyfile file;
    k->looked_us = sk_now_us();
    if (stat(k->path, &s)) return sk_fail_errno(e, errno, "cannot read %s", k->path);
    if (s.st_ino == k->seen.st_ino && s.st_mtim.tv_sec == k->seen.st_mtim.tv_sec &&
        s.st_mtim.tv_nsec == k->seen.st_mtim.tv_nsec && s.st_size == k->seen.st_size)
        return SK_OK;
    sk_status st = srv_keyfile_read(k->path, &file, e);
    if (st) return st;
    st = merge(k, &file, e);
    srv_keyfile_fini(&file);
    if (!st) k->seen = s;
    return st;
}

/* Rewrites the usage as one line a key and opens it for more. */
static sk_status open_usage(srv_keys *k, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    for (size_t i = 0; i < k->n; i++) {
        char line[SRV_KEYFILE_LINE];
        sk_buf_add(&text, line, srv_keyfile_line(k->key[i].row.id, &k->key[i].row.used, line));
    }
    sk_status st = sk_buf_ok(&text)
                       ? sk_file_replace(k->usage_path, text.p ? text.p : "", text.len, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for the usage");
    sk_buf_fini(&text);
    if (st) return st;
    k->usage_fd = open(k->usage_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return k->usage_fd < 0 ? sk_fail_errno(e, errno, "cannot write %s", k->usage_path) : SK_OK;
}

/* "path" + end in fresh memory; NULL without. */
static char *name_of(const char *path, const char *end)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_addf(&b, "%s%s", path, end);
    return sk_buf_detach(&b, &(size_t){0});
}

sk_status srv_keys_open(const char *path, srv_keys **out, sk_err *e)
{
    srv_keys *k = sk_calloc(SK_MEM_REQUEST, 1, sizeof *k);
    if (!k) return sk_fail(e, SK_E_NOMEM, "no memory for the keys");
    k->usage_fd = k->lock_fd = -1;
    k->path = name_of(path, "");
    k->usage_path = name_of(path, ".usage");
    char *lock = name_of(path, ".lock");
    sk_status st = k->path && k->usage_path && lock ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
    if (!st) st = sk_lock_take(lock, &k->lock_fd, e);
    if (!st) st = look(k, e);
    if (!st) st = open_usage(k, e);
    sk_free(lock);
    if (st)
        srv_keys_close(k);
    else
        *out = k;
    return st;
}

sk_status srv_keys_reload(srv_keys *k, sk_err *e)
{
    k->seen = (struct stat){.st_size = -1};
    return look(k, e);
}

void srv_keys_close(srv_keys *k)
{
    if (!k) return;
    if (k->usage_fd >= 0) (void)close(k->usage_fd);
    if (k->lock_fd >= 0) sk_lock_drop(k->lock_fd);
    sk_free(k->path);
    sk_free(k->usage_path);
    sk_free(k->key);
    sk_free(k);
}

/* ---- whose a request is ---- */

/* The key in a request's head, "" if there is none. */
static const char *presented(const srv_head *h)
{
    const char *v = srv_head_find(h, "authorization");
    if (v && strncasecmp(v, "bearer ", 7) == 0) {
        v += 7;
        while (*v == ' ')
            v++;
        return v;
    }
    v = srv_head_find(h, "x-api-key");
    return v ? v : "";
}

/* Hashes are compared, so that the time taken tells nothing of a key. */
sk_status srv_keys_check(srv_keys *k, const srv_head *h, uint32_t *out, srv_fault *f)
{
    uint8_t hash[SK_SHA256_BYTES];
    sk_err e = SK_ERR_INIT;
    const char *given = presented(h);
    if (sk_now_us() - k->looked_us > LOOK_US && look(k, &e))
        sk_log(SK_LOG_WARN, "keys stay as they were: %s", e.text);
    if (!*given)
        return srv_fail(f, SRV_NO_KEY, NULL, "no API key; send one as 'Authorization: Bearer KEY'");
    sk_sha256_of(given, strlen(given), hash);
    for (size_t i = 0; i < k->n; i++) {
        const key *c = &k->key[i];
        if (c->gone || c->row.revoked || memcmp(c->row.hash, hash, sizeof hash) != 0) continue;
        *out = (uint32_t)i + 1;
        return SK_OK;
    }
    return srv_fail(f, SRV_NO_KEY, NULL, "the API key is not known here, or was revoked");
}

const srv_key_row *srv_keys_row(const srv_keys *k, uint32_t n)
{
    assert(n && n <= k->n);
    return &k->key[n - 1].row;
}

/* ---- limits ---- */

/* Lets a bucket of `limit` a minute fill up to now. */
static void fill(bucket *b, int64_t limit)
{
    uint64_t now = sk_now_us();
    b->have += (double)limit * (double)(now - b->at_us) / 60e6;
    if (b->have > (double)limit) b->have = (double)limit;
    b->at_us = now;
}

/* Seconds until the bucket has `want`. */
static double wait_s(const bucket *b, int64_t limit, double want)
{
    return want > b->have ? (want - b->have) * 60 / (double)limit : 0;
}

/* The three headers of one limit. */
static void add_headers(srv_req *r, const char *what, const bucket *b, int64_t limit)
{
    char name[48], value[32];
    if (!limit) return;
    snprintf(name, sizeof name, "x-ratelimit-limit-%s", what);
    snprintf(value, sizeof value, "%lld", (long long)limit);
    srv_req_header(r, name, value);
    snprintf(name, sizeof name, "x-ratelimit-remaining-%s", what);
    snprintf(value, sizeof value, "%.0f", b->have > 0 ? floor(b->have) : 0);
    srv_req_header(r, name, value);
    snprintf(name, sizeof name, "x-ratelimit-reset-%s", what);
    snprintf(value, sizeof value, "%.3fs", wait_s(b, limit, (double)limit));
    srv_req_header(r, name, value);
}

/* A request may want more tokens than the bucket ever holds: it then waits for a full one and
 * leaves it below zero, which whoever comes next pays for by waiting. */
sk_status srv_keys_take(srv_keys *k, uint32_t n, uint64_t tokens, uint64_t *taken, srv_req *r,
                        srv_fault *f)
{
    key *c = &k->key[n - 1];
    double want = (double)tokens < (double)c->row.tpm ? (double)tokens : (double)c->row.tpm;
    double wait_req = 0, wait_tok = 0;
    fill(&c->req, c->row.rpm);
    fill(&c->tok, c->row.tpm);
    if (c->row.rpm) wait_req = wait_s(&c->req, c->row.rpm, 1);
    if (c->row.tpm) wait_tok = wait_s(&c->tok, c->row.tpm, want);
    *taken = 0;
    if (c->row.running && c->n_running >= c->row.running) {
        add_headers(r, "requests", &c->req, c->row.rpm);
        add_headers(r, "tokens", &c->tok, c->row.tpm);
        f->retry_s = 1;
        return srv_fail(f, SRV_RATE, NULL, "%lld requests of this key are under way, its limit",
                        (long long)c->n_running);
    }
    bool ok = wait_req <= 0 && wait_tok <= 0;
    c->n_running += ok;
    if (ok && c->row.rpm) c->req.have -= 1;
    if (ok && c->row.tpm) {
        c->tok.have -= (double)tokens;
        *taken = tokens;
    }
    add_headers(r, "requests", &c->req, c->row.rpm);
    add_headers(r, "tokens", &c->tok, c->row.tpm);
    if (ok) return SK_OK;
    f->retry_s = (unsigned)ceil(fmax(wait_req, wait_tok));
    if (wait_req > wait_tok)
        return srv_fail(f, SRV_RATE, NULL, "over %lld requests a minute; try again in %u s",
                        (long long)c->row.rpm, f->retry_s);
    return srv_fail(f, SRV_RATE, NULL,
                    "over %lld tokens a minute with the %llu this request may take; try again in "
                    "%u s, or lower max_tokens",
                    (long long)c->row.tpm, (unsigned long long)tokens, f->retry_s);
}

void srv_keys_give(srv_keys *k, uint32_t n, uint64_t taken)
{
    key *c = &k->key[n - 1];
    c->n_running--;
    if (c->row.rpm) c->req.have += 1;
    c->tok.have += (double)taken;
}

void srv_keys_used(srv_keys *k, uint32_t n, uint64_t taken, const srv_key_usage *u)
{
    key *c = &k->key[n - 1];
    char b[128], line[SRV_KEYFILE_LINE];
    c->n_running--;
    if (c->row.tpm) c->tok.have += (double)taken - (double)(u->prompt + u->out);
    c->row.used.requests += u->requests;
    c->row.used.prompt += u->prompt;
    c->row.used.cached += u->cached;
    c->row.used.out += u->out;
    size_t n_line = srv_keyfile_line(c->row.id, u, line);
    if (write(k->usage_fd, line, n_line) != (ssize_t)n_line)
        sk_log(SK_LOG_ERROR, "cannot write %s: %s", k->usage_path, strerror_r(errno, b, sizeof b));
}
