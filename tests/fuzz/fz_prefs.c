/* fz_prefs.c - any bytes as a file of preferences: no crash, and what is accepted gives rows and
 * pairs in which every promise of prefs.h holds. */
#include "engine/train/prefs.h"

#include "tests/fuzz/talks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_CTX = 96 };

/* Pairs stand in their rows, one behind the other; targets are in them only. */
static void check_pairs(const eng_dataset *d, const eng_prefs *f, const eng_prefs_stats *s)
{
    uint64_t targets = 0, in_pairs = 0;
    must(d->n_ctx == N_CTX && f->n > 0 && f->first[0] == 0 && f->first[d->n_rows] == f->n);
    for (size_t i = 0; i < d->n_rows * N_CTX; i++) {
        must(d->ids[i] >= 0 && (size_t)d->ids[i] < eng_vocab_size(talks_vocab()));
        must(d->target[i] >= -1 && d->target[i] < (int32_t)eng_vocab_size(talks_vocab()));
        targets += d->target[i] >= 0;
    }
    for (size_t r = 0; r < d->n_rows; r++) {
        uint32_t at = 0;
        must(f->first[r] < f->first[r + 1]);
        for (size_t i = 2 * f->first[r]; i < 2 * f->first[r + 1]; i++) {
            const eng_pref *p = &f->item[i / 2];
            must(p->start[i % 2] == at && p->end[i % 2] > at && p->end[i % 2] <= N_CTX);
            for (at = p->start[i % 2]; at < p->end[i % 2]; at++) {
                must(d->first[r * N_CTX + at] == (int32_t)p->start[i % 2]);
                in_pairs += d->target[r * N_CTX + at] >= 0;
            }
        }
    }
    must(targets == in_pairs && targets == s->loss_tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const char *const list[] = {path};
    eng_dataset d;
    eng_prefs f;
    eng_prefs_stats s;
    sk_err e = SK_ERR_INIT;
    int fd = talks_file(data, size, path);
    sk_status st = eng_prefs_load(talks_vocab(), list, 1, N_CTX, &d, &f, &s, &e);
    (void)close(fd);
    must(st == e.status && (!st || e.text[0]));
    if (st) return 0;
    check_pairs(&d, &f, &s);
    eng_dataset_fini(&d);
    eng_prefs_fini(&f);
    return 0;
}
