/* fz_chatset.c - any bytes as a file of conversations: no crash, and what is accepted gives rows in
 * which every promise of the dataset holds. */
#include "engine/train/chatset.h"

#include "tests/fuzz/talks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_CTX = 48 };

/* Targets are tokens that follow; no token looks beyond its own conversation. */
static void check_rows(const eng_dataset *d, const eng_chatset_stats *s)
{
    uint64_t targets = 0;
    must(d->n_ctx == N_CTX && d->n_rows > 0);
    for (size_t i = 0; i < d->n_rows * N_CTX; i++) {
        must(d->ids[i] >= 0 && (size_t)d->ids[i] < eng_vocab_size(talks_vocab()));
        must(d->target[i] >= -1 && d->target[i] < (int32_t)eng_vocab_size(talks_vocab()));
        must(d->first[i] >= 0 && (size_t)d->first[i] <= i % N_CTX);
        targets += d->target[i] >= 0;
    }
    must(targets == s->loss_tokens && s->n_dropped < s->n_read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const char *const list[] = {path};
    eng_dataset d;
    eng_chatset_stats s;
    sk_err e = SK_ERR_INIT;
    int fd = talks_file(data, size, path);
    sk_status st = eng_chatset_load(talks_vocab(), list, 1, N_CTX, &d, &s, &e);
    (void)close(fd);
    must(st == e.status && (!st || e.text[0]));
    if (st) return 0;
    check_rows(&d, &s);
    eng_dataset_fini(&d);
    return 0;
}
