/* embed.c - texts as vectors: the states of a text's tokens, made into one. */
#include "engine/infer/session.h"

#include "base/mem.h"
#include "engine/model/model.h"

#include <math.h>
#include <string.h>

/* Tokens of a step where a text may be cut; and the least room, so that few texts make it grow. */
enum { CHUNK = 256, LEAST = 64 };

struct eng_embedder {
    eng_exec *x;
    const eng_model *m;
    eng_session *s; /* NULL until the first text */
    size_t room;    /* tokens a text may have in it */
    const eng_lora *lora;
    double *sum; /* [n_embd] */
    bool (*between)(void *arg);
    void *arg;
};

sk_status eng_embedder_open(eng_exec *x, const eng_model *m, eng_embedder **out, sk_err *e)
{
    eng_embedder *d = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *d);
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory to embed with");
    d->x = x;
    d->m = m;
    d->sum = sk_alloc(SK_MEM_SCRATCH, m->cfg.n_embd * sizeof *d->sum);
    if (!d->sum) {
        eng_embedder_close(d);
        return sk_fail(e, SK_E_NOMEM, "no memory to embed with");
    }
    *out = d;
    return SK_OK;
}

void eng_embedder_close(eng_embedder *d)
{
    if (!d) return;
    eng_session_close(d->s);
    sk_free(d->sum);
    sk_free(d);
}

sk_status eng_embedder_adapt(eng_embedder *d, const eng_lora *l, sk_err *e)
{
    if (l == d->lora) return SK_OK;
    sk_status st = d->s ? eng_session_adapt(d->s, 0, l, e) : SK_OK;
    if (!st) d->lora = l;
    return st;
}

void eng_embedder_between(eng_embedder *d, bool (*fn)(void *arg), void *arg)
{
    d->between = fn;
    d->arg = arg;
}

/* Room for a text of n tokens: twice what there was, as far as the model's context goes. */
static sk_status grow(eng_embedder *d, size_t n, sk_err *e)
{
    const eng_config *c = &d->m->cfg;
    if (n > c->n_ctx)
        return sk_fail(e, SK_E_TOOBIG, "a text of %zu tokens; the model takes %u", n, c->n_ctx);
    if (n <= d->room) return SK_OK;
    size_t room = n > 2 * d->room ? n : 2 * d->room;
    if (room < LEAST) room = LEAST;
    if (room > c->n_ctx) room = c->n_ctx;
    eng_session_opts o = {.n_slots = 1, .n_ctx = room, .max_step = room, .lora = d->lora};
    if (!c->encoder && room > CHUNK) o.max_step = CHUNK;
    eng_session *s;
    sk_status st = eng_session_open(d->x, d->m, &o, &s, e);
    if (st) return st;
    eng_session_close(d->s);
    d->s = s;
    d->room = room;
    return SK_OK;
}

static void add(double *sum, const float *row, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            sum[j] += (double)row[i * d + j];
}

/* What to take where the caller leaves it to the model (the numbers of pooling_type are ours). */
static sk_status choose_pooling(const eng_config *c, eng_pooling *p, sk_err *e)
{
    if (*p != ENG_POOL_AUTO) return SK_OK;
    if (c->pooling > ENG_POOL_LAST)
        return sk_fail(
            e, SK_E_UNSUPPORTED,
            "this model ranks texts (%s.pooling_type is %u), which is not supported: say "
            "which pooling to use",
            c->arch, c->pooling);
    *p = (eng_pooling)c->pooling;
    if (*p == ENG_POOL_AUTO) *p = c->encoder ? ENG_POOL_MEAN : ENG_POOL_LAST;
    return SK_OK;
}

/* Scales v to length 1; a vector of zeros stays. */
static void normalise_vector(float *v, size_t n)
{
    double sq = 0;
    for (size_t i = 0; i < n; i++)
        sq += (double)v[i] * (double)v[i];
    if (sq <= 0) return;
    double f = 1 / sqrt(sq);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)((double)v[i] * f);
}

/* An encoder's text is one step, a decoder's as many as it takes.  The mean is summed in double in
 * the order of the tokens, so it does not depend on the steps. */
sk_status eng_embedder_run(eng_embedder *d, const int32_t *ids, size_t n, eng_pooling pooling,
                           bool normalise, float *out, sk_err *e)
{
    const eng_config *c = &d->m->cfg;
    if (!n) return sk_fail(e, SK_E_INVALID, "the text has no tokens");
    sk_status st = choose_pooling(c, &pooling, e);
    if (!st) st = grow(d, n, e);
    if (st) return st;
    memset(d->sum, 0, c->n_embd * sizeof *d->sum);
    for (size_t pos = 0; pos < n;) {
        eng_step_item it = {.pos = pos, .ids = ids + pos, .want = ENG_WANT_STATES};
        it.n = c->encoder || n - pos < CHUNK ? n - pos : CHUNK;
        st = eng_session_step(d->s, &it, 1, e);
        if (st) return st;
        bool first = pos == 0, last = (pos += it.n) == n;
        if (pooling == ENG_POOL_MEAN) add(d->sum, it.logits, it.n, c->n_embd);
        if (pooling == ENG_POOL_CLS && first) add(d->sum, it.logits, 1, c->n_embd);
        if (pooling == ENG_POOL_LAST && last)
            add(d->sum, it.logits + (it.n - 1) * c->n_embd, 1, c->n_embd);
        if (!last && d->between && !d->between(d->arg))
            return sk_fail(e, SK_E_STOPPED, "stopped within a text");
    }
    for (size_t i = 0; i < c->n_embd; i++)
        out[i] = (float)(pooling == ENG_POOL_MEAN ? d->sum[i] / (double)n : d->sum[i]);
    if (normalise) normalise_vector(out, c->n_embd);
    return SK_OK;
}
