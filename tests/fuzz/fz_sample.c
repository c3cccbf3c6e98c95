/* fz_sample.c - any options over any logits: no crash, no hang, and a token that may be chosen.
 *
 * The input is a header of options (fz_header, bytes as they come), then ids of tokens before, then
 * logits as raw floats, not numbers among them.
 */
#include "engine/engine.h"
#include "tests/fuzz/promise.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_VOCAB = 300, N_IDS = 64 };

typedef struct fz_header {
    double real[13];
    int64_t whole[5];
    uint64_t seed, allowed[(N_VOCAB + 63) / 64];
    float bias[4];
    uint16_t biased[4];
    uint8_t tame, masked, n_bias, n_ids;
} fz_header;

/* Brings a number into [0, most], so that inputs get past the check of the options. */
static double tamed(double v, double most)
{
    v = fabs(v);
    return isfinite(v) ? v - floor(v / most) * most : most;
}

static eng_sample_opts options(const fz_header *h)
{
    double r[13];
    int64_t w[5];
    const double most[13] = {2, 1, 1, 1, 1, 0.6, 3, 2, 2, 5, 3, 8, 1};
    for (size_t i = 0; i < 13; i++)
        r[i] = h->tame & 1 ? tamed(h->real[i], most[i]) : h->real[i];
    for (size_t i = 0; i < 5; i++)
        w[i] =
            h->tame & 2 ? (int64_t)((uint64_t)h->whole[i] % 80) - (i != 0 && i != 2) : h->whole[i];
    if (h->tame & 2) w[4] = h->whole[4] & 2;
    if (h->tame & 2 && w[2] < 0) w[2] = 0;
    return (eng_sample_opts){.temperature = r[0],
                             .top_p = r[1],
                             .min_p = r[2],
                             .typical_p = r[3],
                             .xtc_probability = r[4],
                             .xtc_threshold = r[5],
                             .repeat_penalty = r[6],
                             .frequency_penalty = r[7],
                             .presence_penalty = r[8],
                             .dry_multiplier = r[9],
                             .dry_base = r[10],
                             .mirostat_tau = r[11],
                             .mirostat_eta = r[12],
                             .top_k = w[0],
                             .penalty_last_n = w[1],
                             .dry_allowed_length = w[2],
                             .dry_last_n = w[3],
                             .mirostat = w[4],
                             .seed = h->seed};
}

/* What was chosen may be chosen, and a second sampler chooses the same. */
static void check(const eng_sample_opts *o, const eng_sample_in *in)
{
    sk_err e = SK_ERR_INIT;
    int32_t id = -1, again = -1;
    eng_sample_state first = {0}, second = {0};
    eng_sampler *s = eng_sampler_new(N_VOCAB), *t = eng_sampler_new(N_VOCAB);
    must(s && t);
    eng_sample_in a = *in, b = *in;
    a.state = &first;
    b.state = &second;
    sk_status st = eng_sampler_pick(s, o, &a, &id, &e);
    must(st == e.status && (!st || (id == -1 && e.text[0])));
    must(eng_sampler_pick(t, o, &b, &again, NULL) == st && again == id);
    must(first.drift == second.drift || (isnan(first.drift) && isnan(second.drift)));
    if (!st) {
        must(id >= 0 && id < N_VOCAB && isfinite(in->logits[id]));
        must(!in->allowed || (in->allowed[id / 64] >> id % 64 & 1));
        for (size_t i = 0; i < o->n_bias; i++)
            must(o->bias[i].id != id || o->bias[i].bias != -INFINITY);
        b.state = &(eng_sample_state){0};
        must(!eng_sampler_follow(t, o, &b, id, NULL) && b.state->drift == first.drift);
        eng_logprob top[7];
        double of;
        size_t n;
        must(!eng_sampler_logprobs(s, in->logits, id, 7, &of, top, &n, NULL) && n && of <= 1e-9);
        must(top[0].logprob >= of);
    }
    eng_sampler_free(s);
    eng_sampler_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fz_header h = {0};
    float logits[N_VOCAB] = {0};
    int32_t ids[N_IDS] = {0};
    size_t n = size < sizeof h ? size : sizeof h;
    if (n) memcpy(&h, data, n);
    data += n;
    size -= n;
    n = size < N_IDS ? size : N_IDS;
    for (size_t i = 0; i < n; i++)
        ids[i] = data[i] == 255 ? -1 : data[i];
    data += n;
    size -= n;
    n = size < sizeof logits ? size : sizeof logits;
    if (n) memcpy(logits, data, n);
    eng_logit_bias bias[4];
    for (size_t i = 0; i < 4; i++)
        bias[i] = (eng_logit_bias){h.biased[i], h.bias[i]};
    eng_sample_opts o = options(&h);
    o.bias = bias;
    o.n_bias = h.n_bias % 5;
    eng_sample_in in = {.logits = logits, .ids = ids, .n_ids = h.n_ids % (N_IDS + 1)};
    if (h.masked & 1) in.allowed = h.allowed;
    check(&o, &in);
    return 0;
}
