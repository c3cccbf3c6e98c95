/* dataset.c - rows of tokens, and the order in which a run visits them. */
#include "engine/train/dataset.h"

#include "base/crc.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/train/origin.h"

#include <assert.h>
#include <string.h>

/* Filled as padding: what a builder does not write costs no loss and disturbs nobody. */
sk_status eng_dataset_init(eng_dataset *d, size_t n_rows, size_t n_ctx, int32_t fill, bool masked,
                           sk_err *e)
{
    assert(n_rows > 0 && n_ctx > 0);
    *d = (eng_dataset){.n_ctx = n_ctx, .n_rows = n_rows};
    size_t n, bytes;
    if (!sk_mul_size(n_rows, n_ctx, &n) || !sk_mul_size(n, sizeof(int32_t), &bytes))
        return sk_fail(e, SK_E_TOOBIG, "%zu rows of %zu tokens are too many", n_rows, n_ctx);
    d->ids = sk_alloc(SK_MEM_TRAIN, bytes);
    d->target = sk_alloc(SK_MEM_TRAIN, bytes);
    d->first = masked ? sk_alloc(SK_MEM_TRAIN, bytes) : NULL;
    if (!d->ids || !d->target || (masked && !d->first)) {
        eng_dataset_fini(d);
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu rows of %zu tokens: %.1f MB", n_rows,
                       n_ctx, (double)bytes * 3 / 1e6);
    }
    for (size_t i = 0; i < n; i++) {
        d->ids[i] = fill;
        d->target[i] = -1;
        if (masked) d->first[i] = (int32_t)(i % n_ctx);
    }
    return SK_OK;
}

/* Frees the rows; the dataset is then empty. */
void eng_dataset_fini(eng_dataset *d)
{
    sk_free(d->ids);
    sk_free(d->target);
    sk_free(d->first);
    eng_stream_close(d->stream);
    eng_origin_free(d->origin);
    *d = (eng_dataset){0};
}

/* Over tokens, not over files: another tokenizer is another dataset too. */
void eng_dataset_seal(eng_dataset *d)
{
    size_t bytes = d->n_rows * d->n_ctx * sizeof(int32_t);
    uint32_t crc = sk_crc32c(0, d->ids, bytes);
    crc = sk_crc32c(crc, d->target, bytes);
    d->crc = d->first ? sk_crc32c(crc, d->first, bytes) : crc;
}

/* A permutation per epoch, each worked out for one index: there is no shuffled list to keep. */
size_t eng_dataset_pick(const eng_dataset *d, uint64_t seed, uint64_t index)
{
    assert(d->n_rows > 0);
    uint64_t epoch = index / d->n_rows, place = index % d->n_rows;
    /* The stream's low byte is the purpose, the rest tells the epochs apart. */
    uint32_t stream = (uint32_t)SK_RNG_DATA | (uint32_t)(epoch << 8);
    return (size_t)sk_rng_permute(seed, stream, d->n_rows, place);
}

/* The checksum is that of the shards: reading them through again would tell no more. */
void eng_dataset_of_shards(eng_stream *s, size_t n_ctx, eng_dataset *out)
{
    assert(s->n_tokens >= 2 && n_ctx > 0);
    *out = (eng_dataset){.n_ctx = n_ctx, .stream = s, .crc = s->crc};
    out->n_rows = (size_t)((s->n_tokens - 2) / n_ctx + 1);
}

/* A row of a stream: n_ctx tokens and those after them; the last one is filled up. */
static void cut_row(const eng_dataset *d, size_t row, int32_t *ids, int32_t *target)
{
    const eng_stream *s = d->stream;
    uint64_t at = (uint64_t)row * d->n_ctx, left = s->n_tokens - 1 - at;
    size_t n = left < d->n_ctx ? (size_t)left : d->n_ctx;
    eng_stream_read(s, at, n, ids);
    eng_stream_read(s, at + 1, n, target);
    for (size_t i = n; i < d->n_ctx; i++) {
        ids[i] = s->spec.separator;
        target[i] = -1;
    }
}

/* From memory or from the shards. */
void eng_dataset_row(const eng_dataset *d, size_t row, int32_t *ids, int32_t *target,
                     int32_t *first)
{
    size_t from = row * d->n_ctx, bytes = d->n_ctx * sizeof(*ids);
    assert(row < d->n_rows);
    if (d->stream) {
        cut_row(d, row, ids, target);
        return;
    }
    memcpy(ids, d->ids + from, bytes);
    memcpy(target, d->target + from, bytes);
    if (d->first) memcpy(first, d->first + from, bytes);
}

/* Bytes that one target stands for; 0 where there is none. */
static size_t target_bytes(const eng_vocab *v, int32_t target)
{
    size_t len = 0;
    if (target >= 0) (void)eng_vocab_piece(v, target, false, &len);
    return len;
}

/* The same as below for rows of a stream: all their tokens but the first are targets. */
static void count_stream(const eng_dataset *d, const eng_vocab *v, size_t first, size_t n,
                         uint64_t *targets, uint64_t *bytes)
{
    const eng_stream *s = d->stream;
    uint64_t at = (uint64_t)first * d->n_ctx + 1, end = at + (uint64_t)n * d->n_ctx;
    *targets = *bytes = 0;
    if (end > s->n_tokens) end = s->n_tokens;
    for (int32_t id; at < end; at++) {
        eng_stream_read(s, at, 1, &id);
        ++*targets;
        *bytes += target_bytes(v, id);
    }
}

/* Bytes of the targets, not of the rows: the bits of a loss are spread over what was predicted. */
void eng_dataset_count(const eng_dataset *d, const eng_vocab *v, size_t first, size_t n,
                       uint64_t *targets, uint64_t *bytes)
{
    assert(first + n <= d->n_rows);
    uint64_t n_targets = 0, n_bytes = 0;
    if (d->stream) {
        count_stream(d, v, first, n, targets, bytes);
        return;
    }
    for (size_t i = first * d->n_ctx; i < (first + n) * d->n_ctx; i++) {
        n_targets += d->target[i] >= 0;
        n_bytes += target_bytes(v, d->target[i]);
    }
    *targets = n_targets;
    *bytes = n_bytes;
}

/* Rows follow each other without overlap: every token is a target once. */
sk_status eng_dataset_of_stream(const int32_t *stream, size_t n, size_t n_ctx, int32_t fill,
                                eng_dataset *out, sk_err *e)
{
    assert(n >= 2);
    eng_dataset d;
    sk_status st = eng_dataset_init(&d, (n - 1 + n_ctx - 1) / n_ctx, n_ctx, fill, false, e);
    if (st) return st;
    memcpy(d.ids, stream, (n - 1) * sizeof(*stream));
    memcpy(d.target, stream + 1, (n - 1) * sizeof(*stream));
    eng_dataset_seal(&d);
    *out = d;
    return SK_OK;
}
