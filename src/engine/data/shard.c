/* shard.c - reading shards; writing is shard_write.c. */
#include "engine/data/shard.h"

#include "base/crc.h"
#include "engine/data/shard_layout.h"

#include <assert.h>
#include <string.h>

/* The sentence for a file that can't be used. */
static sk_status damaged(const char *name, const char *why, sk_err *e)
{
    return sk_fail(e, SK_E_CORRUPT, "%s is damaged: %s", name, why);
}

/* The head by itself. */
static sk_status read_head(const uint8_t *p, size_t n, const char *name, shard_head *h, sk_err *e)
{
    if (n < 8 || memcmp(p, ENG_SHARD_MAGIC, 8) != 0)
        return sk_fail(e, SK_E_FORMAT, "%s is not a shard of tokens", name);
    if (n < ENG_SHARD_HEAD + ENG_SHARD_TAIL) return damaged(name, "it is cut short", e);
    memcpy(h, p, sizeof *h);
    if (h->crc != sk_crc32c(0, p, ENG_SHARD_HEAD - 4))
        return damaged(name, "the checksum of its head is wrong", e);
    if (h->version != ENG_SHARD_VERSION)
        return sk_fail(e, SK_E_UNSUPPORTED, "%s is a shard of version %u; this program reads %d",
                       name, h->version, ENG_SHARD_VERSION);
    bool wide = h->token_bytes == 4;
    if ((!wide && h->token_bytes != 2) || h->zero || !h->n_vocab || h->n_vocab > INT32_MAX ||
        (!wide && h->n_vocab > 65536) || h->separator >= h->n_vocab)
        return damaged(name, "its head makes no sense", e);
    return SK_OK;
}

/* The tail against the head and the length of the file.  Its numbers are compared before they are
 * multiplied. */
static sk_status read_tail(const uint8_t *p, size_t n, const char *name, const shard_head *h,
                           shard_tail *t, sk_err *e)
{
    memcpy(t, p + n - ENG_SHARD_TAIL, sizeof *t);
    if (memcmp(t->magic, ENG_SHARD_END, 8) != 0 || t->length != n)
        return damaged(name, "it is cut short or has grown", e);
    if (t->crc != sk_crc32c(0, p + n - ENG_SHARD_TAIL, ENG_SHARD_TAIL - 4) || t->head_crc != h->crc)
        return damaged(name, "the checksum of its tail is wrong", e);
    uint64_t room = n - ENG_SHARD_HEAD - ENG_SHARD_TAIL;
    if (t->n_tokens > room / h->token_bytes || t->n_docs >= room / 8 || t->zero[0] || t->zero[1])
        return damaged(name, "it claims more than it holds", e);
    uint64_t end = ENG_SHARD_HEAD + t->n_tokens * h->token_bytes;
    if (t->table != (end + 63) / 64 * 64 || t->table + 8 * (t->n_docs + 1) + ENG_SHARD_TAIL != n)
        return damaged(name, "its parts are not where they must be", e);
    for (const uint8_t *q = p + end; q < p + t->table; q++)
        if (*q) return damaged(name, "its padding is not zero", e);
    return SK_OK;
}

/* The table: from 0 in rising order to the number of tokens. */
static sk_status check_table(const eng_shard *s, uint32_t crc, const char *name, sk_err *e)
{
    if (crc != sk_crc32c(0, s->doc, 8 * (size_t)(s->n_docs + 1)))
        return damaged(name, "the checksum of its table of documents is wrong", e);
    bool ok = s->doc[0] == 0 && s->doc[s->n_docs] == s->n_tokens;
    for (uint64_t i = 0; i < s->n_docs; i++)
        ok &= s->doc[i] < s->doc[i + 1];
    return ok ? SK_OK : damaged(name, "its table of documents is out of order", e);
}

/* Head, tail, table. */
sk_status eng_shard_open_bytes(const uint8_t *p, size_t n, const char *name, eng_shard *out,
                               sk_err *e)
{
    shard_head h;
    shard_tail t;
    sk_status st = read_head(p, n, name, &h, e);
    if (!st) st = read_tail(p, n, name, &h, &t, e);
    if (st) return st;
    eng_shard s = {
        .token = p + ENG_SHARD_HEAD,
        .doc = (const uint64_t *)(const void *)(p + t.table),
        .n_tokens = t.n_tokens,
        .n_docs = t.n_docs,
        .wide = h.token_bytes == 4,
        .crc = t.token_crc,
        .spec = {.n_vocab = h.n_vocab, .separator = (int32_t)h.separator},
    };
    memcpy(s.spec.tokenizer, h.tokenizer, sizeof h.tokenizer);
    st = check_table(&s, t.table_crc, name, e);
    if (!st) *out = s;
    return st;
}

/* Maps the file and looks at it. */
sk_status eng_shard_open(const char *path, eng_shard *out, sk_err *e)
{
    sk_map m;
    sk_status st = sk_map_open(path, &m, e);
    if (st) return st;
    st = eng_shard_open_bytes(m.p, m.len, path, out, e);
    if (st)
        sk_map_close(&m);
    else
        out->map = m;
    return st;
}

/* Unmaps; s may be all zeros. */
void eng_shard_close(eng_shard *s)
{
    if (s->map.p) sk_map_close(&s->map);
    *s = (eng_shard){.n_tokens = 0};
}

/* Tokens as ids.  The file's byte order is the machine's: other machines are not supported. */
void eng_shard_read(const eng_shard *s, uint64_t at, size_t n, int32_t *out)
{
    assert(at <= s->n_tokens && n <= s->n_tokens - at);
    if (s->wide) {
        memcpy(out, s->token + 4 * at, 4 * n);
        return;
    }
    const uint16_t *t = (const uint16_t *)(const void *)(s->token + 2 * at);
    for (size_t i = 0; i < n; i++)
        out[i] = t[i];
}

/* The largest id; one that is negative as an int32_t counts as huge. */
static uint32_t largest(const eng_shard *s)
{
    uint32_t most = 0;
    const uint16_t *narrow = (const uint16_t *)(const void *)s->token;
    const uint32_t *wide = (const uint32_t *)(const void *)s->token;
    for (uint64_t i = 0; i < s->n_tokens; i++) {
        uint32_t id = s->wide ? wide[i] : narrow[i];
        most = id > most ? id : most;
    }
    return most;
}

/* The checksum first: it says what happened to the file; an id beyond the vocabulary says that
 * somebody made it so. */
sk_status eng_shard_check(const eng_shard *s, const char *name, sk_err *e)
{
    uint32_t crc = sk_crc32c(0, s->token, (size_t)s->n_tokens * (s->wide ? 4 : 2));
    if (crc != s->crc) return damaged(name, "the checksum of its tokens is wrong", e);
    if (s->n_tokens && largest(s) >= s->spec.n_vocab)
        return damaged(name, "a token is not in the vocabulary", e);
    return SK_OK;
}
