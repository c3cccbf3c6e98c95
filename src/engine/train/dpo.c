/* dpo.c - the loss of preferences, its gradient, and the references it is measured against. */
#include "engine/train/dpo.h"

#include "base/mem.h"
#include "engine/format/ckpt.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- the loss ---- */

/* Log-likelihood of one answer of a pair in row r of the batch; tokens in order, in double. */
static double log_likelihood(const eng_pass *p, const eng_dpo_batch *d, size_t r, const eng_pref *f,
                             int which)
{
    const float *nll = eng_pass_nll(p) + r * d->n_ctx;
    const int32_t *target = d->batch->target + r * d->n_ctx;
    double sum = 0;
    assert(f->start[which] <= f->end[which] && f->end[which] <= d->n_ctx);
    for (size_t i = f->start[which]; i < f->end[which]; i++)
        if (target[i] >= 0) sum -= (double)nll[i];
    return sum;
}

/* -log sigmoid(m), without overflow. */
static double loss_of(double m)
{
    return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
}

/* Weights of the tokens of a pair: d loss / d (-log p) is beta sigmoid(-m) for the chosen answer
 * and the negative of it for the other. */
static void set_weights(const eng_dpo_batch *d, size_t r, const eng_pref *f, double m)
{
    float *w = d->weight + r * d->n_ctx, v = (float)(d->beta / (1 + exp(m)));
    for (int k = 0; k < 2; k++)
        for (size_t i = f->start[k]; i < f->end[k]; i++)
            w[i] = k == ENG_CHOSEN ? v : -v;
}

/* One pair of row r. */
static double run_pair(eng_pass *p, const eng_dpo_batch *d, size_t r, const eng_pref *f,
                       eng_dpo_sum *sum)
{
    double l[2];
    for (int k = 0; k < 2; k++)
        l[k] = log_likelihood(p, d, r, f, k) - f->ref[k];
    double m = d->beta * (l[ENG_CHOSEN] - l[ENG_REJECTED]);
    set_weights(d, r, f, m);
    sum->loss += loss_of(m);
    sum->margin += l[ENG_CHOSEN] - l[ENG_REJECTED];
    sum->right += m > 0;
    sum->n++;
    return loss_of(m);
}

/* The forward pass decides the weights of the backward pass, which begins with the head again: the
 * trunk is run once. */
void eng_dpo_run(eng_pass *p, const eng_dpo_batch *d, float scale, float *grads, double *row_nats,
                 eng_dpo_sum *sum)
{
    eng_pass_loss(p, d->batch);
    memset(d->weight, 0, d->batch->rows * d->n_ctx * sizeof(*d->weight));
    for (size_t r = 0; r < d->batch->rows; r++) {
        row_nats[r] = 0;
        for (size_t i = d->prefs->first[d->row[r]]; i < d->prefs->first[d->row[r] + 1]; i++)
            row_nats[r] += run_pair(p, d, r, &d->prefs->item[i], sum);
    }
    if (grads) eng_pass_back(p, d->batch, scale, d->weight, grads);
}

/* ---- references ---- */

void eng_dpo_refer(eng_pass *p, const eng_dpo_batch *d, eng_prefs *prefs)
{
    eng_pass_loss(p, d->batch);
    for (size_t r = 0; r < d->batch->rows; r++)
        for (size_t i = prefs->first[d->row[r]]; i < prefs->first[d->row[r] + 1]; i++)
            for (int k = 0; k < 2; k++)
                prefs->item[i].ref[k] = log_likelihood(p, d, r, &prefs->item[i], k);
}

/* The references of a set as one array; NULL without memory. */
static double *gather(const eng_prefs *f)
{
    double *v = sk_calloc(SK_MEM_TRAIN, 2 * f->n + 1, sizeof(*v));
    for (size_t i = 0; v && i < f->n; i++)
        memcpy(v + 2 * i, f->item[i].ref, sizeof(f->item[i].ref));
    return v;
}

sk_status eng_dpo_save(const char *path, const eng_prefs *data, const eng_prefs *valid,
                       const uint32_t crc[2], sk_err *e)
{
    double *a = gather(data), *b = gather(valid);
    const eng_ckpt_section sec[] = {{"inputs", crc, 2 * sizeof(*crc)},
                                    {"train", a, 2 * data->n * sizeof(*a)},
                                    {"valid", b, 2 * valid->n * sizeof(*b)}};
    sk_status st = a && b ? eng_ckpt_write(path, sec, sizeof(sec) / sizeof(*sec), e)
                          : sk_fail(e, SK_E_NOMEM, "no memory for the references");
    sk_free(a);
    sk_free(b);
    return st;
}

/* A section into the pairs of a set. */
static sk_status take(const eng_ckpt *c, const char *name, eng_prefs *f, sk_err *e)
{
    const void *p;
    uint64_t n;
    sk_status st = eng_ckpt_get(c, name, &p, &n, e);
    if (st) return st;
    if (n != 2 * f->n * sizeof(double))
        return sk_fail(e, SK_E_INVALID, "section %s is of another set of pairs", name);
    for (size_t i = 0; i < f->n; i++)
        memcpy(f->item[i].ref, (const double *)p + 2 * i, sizeof(f->item[i].ref));
    return SK_OK;
}

sk_status eng_dpo_load(const char *path, eng_prefs *data, eng_prefs *valid, const uint32_t crc[2],
                       sk_err *e)
{
    eng_ckpt *c;
    const void *p;
    uint64_t n;
    sk_status st = eng_ckpt_open(path, &c, e);
    if (st) return st;
    st = eng_ckpt_get(c, "inputs", &p, &n, e);
    if (!st && (n != 2 * sizeof(*crc) || memcmp(p, crc, n) != 0))
        st = sk_fail(e, SK_E_INVALID, "%s is of other pairs", path);
    if (!st) st = take(c, "train", data, e);
    if (!st) st = take(c, "valid", valid, e);
    eng_ckpt_close(c);
    return st;
}
