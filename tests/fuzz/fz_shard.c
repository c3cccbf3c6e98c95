/* fz_shard.c - any bytes as a shard of tokens: as they are, and with the checksums put right so
 * that what they cover is reached. */
#include "base/crc.h"
#include "base/mem.h"
#include "engine/data/shard.h"
#include "engine/data/shard_layout.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opens the bytes; every document is there and every id that a checked shard gives is a token. */
static void open_and_walk(const uint8_t *p, size_t n)
{
    sk_err e = SK_ERR_INIT;
    eng_shard s;
    if (eng_shard_open_bytes(p, n, "fuzz", &s, &e)) {
        must(e.status && e.text[0]);
        return;
    }
    bool good = eng_shard_check(&s, "fuzz", &e) == SK_OK;
    uint64_t tokens = 0;
    for (uint64_t i = 0; i < s.n_docs; i++) {
        int32_t id[8];
        uint64_t len = s.doc[i + 1] - s.doc[i];
        size_t k = len < 8 ? (size_t)len : 8;
        must(len > 0 && s.doc[i + 1] <= s.n_tokens);
        eng_shard_read(&s, s.doc[i], k, id);
        for (size_t j = 0; good && j < k; j++)
            must(id[j] >= 0 && (uint32_t)id[j] < s.spec.n_vocab);
        tokens += len;
    }
    must(tokens == s.n_tokens);
    eng_shard_close(&s);
}

/* Puts magic, version, lengths and every checksum right, as far as the bytes allow. */
static void sign(uint8_t *p, size_t n)
{
    shard_head h;
    shard_tail t;
    memcpy(&h, p, sizeof h);
    memcpy(&t, p + n - sizeof t, sizeof t);
    memcpy(h.magic, ENG_SHARD_MAGIC, 8);
    h.version = ENG_SHARD_VERSION;
    h.zero = 0;
    h.crc = sk_crc32c(0, &h, sizeof h - 4);
    memcpy(t.magic, ENG_SHARD_END, 8);
    t.length = n;
    t.head_crc = h.crc;
    uint64_t end = n - sizeof t, table = t.table;
    if (table <= end) t.table_crc = sk_crc32c(0, p + table, (size_t)(end - table));
    if (h.token_bytes <= 4 && t.n_tokens <= (end - sizeof h) / 4)
        t.token_crc = sk_crc32c(0, p + sizeof h, (size_t)(t.n_tokens * h.token_bytes));
    t.crc = sk_crc32c(0, &t, sizeof t - 4);
    memcpy(p, &h, sizeof h);
    memcpy(p + n - sizeof t, &t, sizeof t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *p = sk_alloc(SK_MEM_MISC, size);
    if (!p) return 0;
    if (size) memcpy(p, data, size);
    open_and_walk(p, size);
    if (size >= ENG_SHARD_HEAD + ENG_SHARD_TAIL) {
        sign(p, size);
        open_and_walk(p, size);
    }
    sk_free(p);
    return 0;
}
