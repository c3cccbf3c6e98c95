/* fz_chatset.c - any bytes as a file of conversations: no crash, and what is accepted gives rows in
 * which every promise of the dataset holds. */
#include "engine/train/chatset.h"

#include "base/status.h"
#include "engine/token/bpe_train.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_CTX = 48 };

/* Fails the run when a promise of a header is broken. */
static void must(bool ok)
{
    if (!ok) __builtin_trap();
}

/* A vocabulary made once. */
static const eng_vocab *vocab(void)
{
    static eng_vocab *v;
    static const char text[] = "user assistant system user assistant content and so it goes on";
    eng_bpe_opts o = {.n_vocab = 270, .pretok = "qwen2"};
    if (!v) must(eng_bpe_train(text, sizeof(text) - 1, &o, &v, NULL) == SK_OK);
    return v;
}

/* Targets are tokens that follow; no token looks beyond its own conversation. */
static void check_rows(const eng_dataset *d, const eng_chatset_stats *s)
{
    uint64_t targets = 0;
    must(d->n_ctx == N_CTX && d->n_rows > 0);
    for (size_t i = 0; i < d->n_rows * N_CTX; i++) {
        must(d->ids[i] >= 0 && (size_t)d->ids[i] < eng_vocab_size(vocab()));
        must(d->target[i] >= -1 && d->target[i] < (int32_t)eng_vocab_size(vocab()));
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
    int fd = memfd_create("chatset", 0);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    sk_status st = eng_chatset_load(vocab(), list, 1, N_CTX, &d, &s, &e);
    (void)close(fd);
    must(st == e.status && (!st || e.text[0]));
    if (st) return 0;
    check_rows(&d, &s);
    eng_dataset_fini(&d);
    return 0;
}
