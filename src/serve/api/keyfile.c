/* keyfile.c - reads, extends and lists the file of API keys. */
#include "serve/api/keyfile.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* Bytes a file of keys or of usage may have. */
#define MAX_FILE ((uint64_t)64 << 20)

/* Bounds of numbers in the file. */
#define MOST INT64_C(1000000000000)

/* ---- reading ---- */

static sk_status add_row(srv_keyfile *k, const srv_key_row *row, sk_err *e)
{
    if (k->n == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 16;
        srv_key_row *p = sk_realloc(SK_MEM_REQUEST, k->row, cap * sizeof *p);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for %zu keys", cap);
        k->row = p;
        k->cap = cap;
    }
    k->row[k->n++] = *row;
    return SK_OK;
}

/* One line of the file. */
static sk_status read_row(void *arg, json_t *v, size_t number, sk_err *e)
{
    srv_key_row r = {.rpm = 0};
    const char *id = NULL, *name = "", *hash = NULL;
    (void)number;
    if (!json_is_object(v)) return sk_fail(e, SK_E_INVALID, "a key must be a JSON object");
    sk_status st = sk_json_get_str(v, "id", &id, e);
    if (!st) st = sk_json_get_str(v, "name", &name, e);
    if (!st) st = sk_json_get_str(v, "sha256", &hash, e);
    if (!st) st = sk_json_get_int(v, "rpm", 0, MOST, &r.rpm, e);
    if (!st) st = sk_json_get_int(v, "tpm", 0, MOST, &r.tpm, e);
    if (!st) st = sk_json_get_int(v, "running", 0, MOST, &r.running, e);
    if (!st) st = sk_json_get_int(v, "priority", -1000, 1000, &r.priority, e);
    if (!st) st = sk_json_get_int(v, "created", 0, MOST, &r.created, e);
    if (!st) st = sk_json_get_int(v, "revoked", 0, MOST, &r.revoked, e);
    if (!st) st = sk_json_get_int(v, "admin", 0, 1, &r.admin, e);
    if (st) return st;
    if (!id || !*id || strlen(id) >= sizeof r.id || strpbrk(id, " \n") ||
        strlen(name) >= sizeof r.name)
        return sk_fail(e, SK_E_INVALID, "a key needs an 'id' of 1 to %u letters and a short name",
                       SRV_KEY_ID - 1);
    if (!hash || !sk_sha256_parse(hash, r.hash))
        return sk_fail(e, SK_E_INVALID, "a key needs its 'sha256', 64 hexadecimal digits");
    memcpy(r.id, id, strlen(id) + 1);
    memcpy(r.name, name, strlen(name) + 1);
    return add_row(arg, &r, e);
}

/* The row of an id; NULL if there is none. */
static srv_key_row *find_id(srv_keyfile *k, const char *id, size_t n)
{
    for (size_t i = 0; i < k->n; i++)
        if (strlen(k->row[i].id) == n && memcmp(k->row[i].id, id, n) == 0) return &k->row[i];
    return NULL;
}

/* A line is one request, so the lines of a key are added up.  One that is not whole, as a server
 * that was killed may leave it, is passed over. */
void srv_keyfile_usage(srv_keyfile *k, const char *text, size_t n)
{
    const char *end = text + n;
    for (const char *p = text, *nl; p < end && (nl = memchr(p, '\n', (size_t)(end - p)));
         p = nl + 1) {
        char line[128];
        srv_key_usage u;
        size_t len = (size_t)(nl - p);
        const char *blank = memchr(p, ' ', len);
        srv_key_row *r = blank ? find_id(k, p, (size_t)(blank - p)) : NULL;
        if (!r || len >= sizeof line) continue;
        memcpy(line, blank, (size_t)(nl - blank));
        line[nl - blank] = 0;
        if (sscanf(line, " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &u.requests, &u.prompt,
                   &u.cached, &u.out) != 4)
            continue;
        r->used.requests += u.requests;
        r->used.prompt += u.prompt;
        r->used.cached += u.cached;
        r->used.out += u.out;
    }
}

sk_status srv_keyfile_read(const char *path, srv_keyfile *out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT, name = SK_BUF_INIT;
    srv_keyfile k = {NULL, 0, 0};
    sk_status st = sk_file_load(path, MAX_FILE, &text, e);
    if (!st && text.len) st = sk_json_lines(path, text.p, text.len, 4, read_row, &k, e);
    sk_buf_reset(&text);
    sk_buf_addf(&name, "%s.usage", path);
    if (!st && !sk_buf_ok(&name)) st = sk_fail(e, SK_E_NOMEM, "no memory for a file's name");
    if (!st && sk_file_exists(name.p)) st = sk_file_load(name.p, MAX_FILE, &text, e);
    if (!st && text.len) srv_keyfile_usage(&k, text.p, text.len);
    sk_buf_fini(&text);
    sk_buf_fini(&name);
    if (st)
        srv_keyfile_fini(&k);
    else
        *out = k;
    return st;
}

void srv_keyfile_fini(srv_keyfile *k)
{
    sk_free(k->row);
    *k = (srv_keyfile){NULL, 0, 0};
}

/* ---- writing ---- */

/* A row as its line. */
static void add_line(const srv_key_row *r, sk_buf *out)
{
    char hex[SK_SHA256_HEX];
    sk_sha256_hex(r->hash, hex);
    sk_buf_addf(out, "{\"id\":\"%s\",\"name\":", r->id);
    sk_json_add_str(out, r->name, strlen(r->name));
    sk_buf_addf(out,
                ",\"sha256\":\"%s\",\"rpm\":%" PRId64 ",\"tpm\":%" PRId64 ",\"running\":%" PRId64
                ",\"priority\":%" PRId64 ",\"created\":%" PRId64 ",\"revoked\":%" PRId64 "%s}\n",
                hex, r->rpm, r->tpm, r->running, r->priority, r->created, r->revoked,
                r->admin ? ",\"admin\":1" : "");
}

/* Replaces the file. */
static sk_status write_all(const char *path, const srv_keyfile *k, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    for (size_t i = 0; i < k->n; i++)
        add_line(&k->row[i], &text);
    sk_status st = sk_buf_ok(&text) ? sk_file_replace(path, text.p, text.len, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory for the file of keys");
    sk_buf_fini(&text);
    return st;
}

/* The lock that two editors of the file contend for. */
static sk_status take_lock(const char *path, int *fd, sk_err *e)
{
    sk_buf name = SK_BUF_INIT;
    sk_buf_addf(&name, "%s.edit", path);
    sk_status st = sk_buf_ok(&name) ? sk_lock_take(name.p, fd, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory for a file's name");
    sk_buf_fini(&name);
    return st;
}

/* A new key: 43 letters and digits, over 255 bits. */
static sk_status make_secret(char out[48], sk_err *e)
{
    static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t n = 3;
    memcpy(out, "sk-", 3);
    while (n < 46) {
        unsigned char c;
        if (getrandom(&c, 1, 0) != 1) return sk_fail_errno(e, errno, "cannot make a random key");
        if (c < 248) out[n++] = digit[c % 62];
    }
    out[n] = 0;
    return SK_OK;
}

/* A name is printed and compared, so it must be plain. */
static sk_status check_name(const srv_keyfile *k, const char *name, sk_err *e)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (name[i] < ' ' || name[i] > '~') n = SRV_KEY_NAME;
    if (!n || n >= SRV_KEY_NAME)
        return sk_fail(e, SK_E_INVALID, "a key's name must have 1 to %u plain characters",
                       SRV_KEY_NAME - 1);
    for (size_t i = 0; i < k->n; i++)
        if (!k->row[i].revoked && strcmp(k->row[i].name, name) == 0)
            return sk_fail(e, SK_E_INUSE, "there is a key named %s already", name);
    return SK_OK;
}

/* Makes a row of `like` with a new key. */
static sk_status add_key(srv_keyfile *k, const srv_key_row *like, char secret[48], sk_err *e)
{
    srv_key_row r = *like;
    sk_status st = check_name(k, like->name, e);
    if (!st) st = make_secret(secret, e);
    if (st) return st;
    sk_sha256_of(secret, strlen(secret), r.hash);
    snprintf(r.id, sizeof r.id, "key_%02x%02x%02x%02x", r.hash[0], r.hash[1], r.hash[2], r.hash[3]);
    r.created = sk_unix_s();
    r.revoked = 0;
    return find_id(k, r.id, strlen(r.id)) ? sk_fail(e, SK_E_AGAIN, "two keys would look alike")
                                          : add_row(k, &r, e);
}

sk_status srv_keyfile_add(const char *path, const srv_key_row *like, sk_buf *secret, sk_err *e)
{
    srv_keyfile k = {NULL, 0, 0};
    char key[48] = "";
    int fd;
    sk_status st = take_lock(path, &fd, e);
    if (st) return st;
    if (sk_file_exists(path)) st = srv_keyfile_read(path, &k, e);
    if (!st) st = add_key(&k, like, key, e);
    if (!st) st = write_all(path, &k, e);
    if (!st) sk_buf_adds(secret, key);
    sk_lock_drop(fd);
    srv_keyfile_fini(&k);
    return st;
}

/* The row stays, with the time: usage and logs speak of its id.  The lock is held from reading to
 * writing, so that of two revocations none is lost. */
sk_status srv_keyfile_revoke(const char *path, const char *which, sk_err *e)
{
    srv_keyfile k = {NULL, 0, 0};
    int fd;
    sk_status st = take_lock(path, &fd, e);
    if (st) return st;
    srv_key_row *found = NULL;
    st = srv_keyfile_read(path, &k, e);
    for (size_t i = 0; i < k.n && !found; i++)
        if (!k.row[i].revoked &&
            (strcmp(k.row[i].id, which) == 0 || strcmp(k.row[i].name, which) == 0))
            found = &k.row[i];
    if (!st && !found) st = sk_fail(e, SK_E_NOTFOUND, "%s has no good key %s", path, which);
    if (!st) {
        found->revoked = sk_unix_s();
        st = write_all(path, &k, e);
    }
    sk_lock_drop(fd);
    srv_keyfile_fini(&k);
    return st;
}

/* ---- telling ---- */

size_t srv_keyfile_line(const char *id, const srv_key_usage *u, char out[SRV_KEYFILE_LINE])
{
    int n =
        snprintf(out, SRV_KEYFILE_LINE, "%.16s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                 id, u->requests, u->prompt, u->cached, u->out);
    assert(n > 0 && (size_t)n < SRV_KEYFILE_LINE);
    return (size_t)n;
}

void srv_keyfile_json(const srv_keyfile *k, sk_buf *out)
{
    sk_buf_addc(out, '[');
    for (size_t i = 0; i < k->n; i++) {
        const srv_key_row *r = &k->row[i];
        sk_buf_addf(out, "%s{\"id\":\"%s\",\"name\":", i ? "," : "", r->id);
        sk_json_add_str(out, r->name, strlen(r->name));
        sk_buf_addf(out,
                    ",\"rpm\":%" PRId64 ",\"tpm\":%" PRId64 ",\"running\":%" PRId64
                    ",\"priority\":%" PRId64 ",\"created\":%" PRId64 ",\"revoked\":%" PRId64
                    ",\"requests\":%" PRIu64 ",\"prompt_tokens\":%" PRIu64
                    ",\"cached_tokens\":%" PRIu64 ",\"completion_tokens\":%" PRIu64 "%s}",
                    r->rpm, r->tpm, r->running, r->priority, r->created, r->revoked,
                    r->used.requests, r->used.prompt, r->used.cached, r->used.out,
                    r->admin ? ",\"admin\":true" : "");
    }
    sk_buf_adds(out, "]\n");
}
