/* dataset.c - rows of tokens, and the order in which a run visits them. */
#include "engine/train/dataset.h"

#include "base/crc.h"
#include "base/mem.h"
#include "base/rng.h"

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

/* Bytes of the targets, not of the rows: the bits of a loss are spread over what was predicted. */
void eng_dataset_count(const eng_dataset *d, const eng_vocab *v, size_t first, size_t n,
                       uint64_t *targets, uint64_t *bytes)
{
    assert(first + n <= d->n_rows);
    uint64_t n_targets = 0, n_bytes = 0;
    for (size_t i = first * d->n_ctx; i < (first + n) * d->n_ctx; i++) {
        size_t len;
        if (d->target[i] < 0) continue;
        (void)eng_vocab_piece(v, d->target[i], false, &len);
        n_targets++;
        n_bytes += len;
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
