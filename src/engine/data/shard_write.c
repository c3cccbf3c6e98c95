/* shard_write.c - writing shards. */
#include "base/crc.h"
#include "base/mem.h"
#include "engine/data/shard.h"
#include "engine/data/shard_layout.h"

#include <assert.h>
#include <string.h>

enum { PART = 4096 }; /* ids converted at a time */

struct eng_shard_writer {
    sk_outfile *file;
    shard_head head;
    uint64_t n_tokens;
    sk_buf table; /* uint64_t of each document */
    uint32_t crc; /* of the tokens so far */
    sk_sha256 sha;
};

/* Every byte of the file goes through here. */
static sk_status put(eng_shard_writer *w, const void *p, size_t n, sk_err *e)
{
    sk_sha256_add(&w->sha, p, n);
    return sk_outfile_write(w->file, p, n, e);
}

/* The head is known from the start; all that isn't stands in the tail. */
sk_status eng_shard_create(const char *path, const eng_shard_spec *spec, eng_shard_writer **out,
                           sk_err *e)
{
    eng_shard_writer *w = sk_calloc(SK_MEM_MISC, 1, sizeof *w);
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    w->head = (shard_head){
        .version = ENG_SHARD_VERSION,
        .token_bytes = spec->n_vocab <= 65536 ? 2 : 4,
        .n_vocab = spec->n_vocab,
        .separator = (uint32_t)spec->separator,
    };
    memcpy(w->head.magic, ENG_SHARD_MAGIC, 8);
    memcpy(w->head.tokenizer, spec->tokenizer, sizeof w->head.tokenizer);
    w->head.crc = sk_crc32c(0, &w->head, ENG_SHARD_HEAD - 4);
    sk_sha256_init(&w->sha);
    sk_status st = sk_outfile_open(path, &w->file, e);
    if (!st) st = put(w, &w->head, sizeof w->head, e);
    if (st)
        eng_shard_abort(w);
    else
        *out = w;
    return st;
}

/* Ids as the file has them. */
static sk_status put_ids(eng_shard_writer *w, const int32_t *id, size_t n, sk_err *e)
{
    uint16_t narrow[PART];
    sk_status st = SK_OK;
    for (size_t at = 0; !st && at < n; at += PART) {
        size_t k = n - at < PART ? n - at : PART;
        bool wide = w->head.token_bytes == 4;
        for (size_t i = 0; !wide && i < k; i++)
            narrow[i] = (uint16_t)id[at + i];
        const void *p = wide ? (const void *)(id + at) : narrow;
        w->crc = sk_crc32c(w->crc, p, k * w->head.token_bytes);
        st = put(w, p, k * w->head.token_bytes, e);
    }
    w->n_tokens += n;
    return st;
}

/* The separator and n ids. */
sk_status eng_shard_add(eng_shard_writer *w, const int32_t *id, size_t n, sk_err *e)
{
    int32_t separator = (int32_t)w->head.separator;
    sk_buf_add(&w->table, &w->n_tokens, sizeof w->n_tokens);
    if (!sk_buf_ok(&w->table)) return sk_fail(e, SK_E_NOMEM, "no memory for a table of documents");
    sk_status st = put_ids(w, &separator, 1, e);
    return st ? st : put_ids(w, id, n, e);
}

/* Tokens so far. */
uint64_t eng_shard_tokens(const eng_shard_writer *w)
{
    return w->n_tokens;
}

/* Documents so far. */
uint64_t eng_shard_docs(const eng_shard_writer *w)
{
    return w->table.len / 8;
}

/* Padding, table, tail. */
static sk_status put_end(eng_shard_writer *w, eng_shard_sum *sum, sk_err *e)
{
    static const uint8_t zeros[64];
    uint64_t at = sk_outfile_pos(w->file);
    shard_tail t = {.n_tokens = w->n_tokens, .n_docs = w->table.len / 8, .token_crc = w->crc};
    memcpy(t.magic, ENG_SHARD_END, 8);
    sk_buf_add(&w->table, &w->n_tokens, sizeof w->n_tokens);
    if (!sk_buf_ok(&w->table)) return sk_fail(e, SK_E_NOMEM, "no memory for a table of documents");
    t.table = (at + 63) / 64 * 64;
    t.length = t.table + w->table.len + sizeof t;
    t.table_crc = sk_crc32c(0, w->table.p, w->table.len);
    t.head_crc = w->head.crc;
    t.crc = sk_crc32c(0, &t, ENG_SHARD_TAIL - 4);
    sk_status st = put(w, zeros, (size_t)(t.table - at), e);
    if (!st) st = put(w, w->table.p, w->table.len, e);
    if (!st) st = put(w, &t, sizeof t, e);
    *sum = (eng_shard_sum){.n_tokens = t.n_tokens, .n_docs = t.n_docs, .bytes = t.length};
    sk_sha256_end(&w->sha, sum->sha256);
    return st;
}

/* Writes table and tail and puts the file in its place. */
sk_status eng_shard_commit(eng_shard_writer *w, eng_shard_sum *sum, sk_err *e)
{
    eng_shard_sum s;
    sk_status st = put_end(w, &s, e);
    if (!st) {
        st = sk_outfile_commit(w->file, e);
        w->file = NULL;
    }
    eng_shard_abort(w);
    if (!st) *sum = s;
    return st;
}

/* Drops it. */
void eng_shard_abort(eng_shard_writer *w)
{
    if (!w) return;
    sk_outfile_abort(w->file);
    sk_buf_fini(&w->table);
    sk_free(w);
}
