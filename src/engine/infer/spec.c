/* spec.c - guesses from the text itself and from a draft model, and how many to make.
 *
 * The number of guesses follows their luck: it doubles while all are right and falls to what was
 * right otherwise; when none are right, or the draft model is not sure, several times in a row,
 * guessing pauses for a while.  That changes the speed only.
 */
#include "engine/infer/spec.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Tokens the draft model reads in one step. */
#define CHUNK ((size_t)256)

/* A look-up that agreed in so many tokens goes before the draft model. */
#define LOOKUP_TRUST ((size_t)4)

/* Longest pauses, in tokens: after guesses that were wrong, and after a draft model that was not
 * sure of anything (what it has not read meanwhile it reads at once later). */
#define MOST_PAUSE 32u
#define MOST_UNSURE 6u

struct eng_spec {
    const eng_model *m, *draft;
    bool lookup;
    double sure;
    size_t n_max, len; /* most guesses; guesses to make now */
    unsigned misses, unsure, pause;
    /* the draft model's */
    eng_session *session;
    eng_sampler *sampler;
    int32_t *held; /* [n_ctx] what its cache holds */
    size_t n_held, n_ctx, n_vocab;
};

/* ---- look-up ---- */

size_t eng_spec_lookup(const int32_t *ids, size_t n, size_t most, int32_t *out, size_t *matched)
{
    size_t best = ENG_LOOKUP_MIN - 1, at = 0;
    for (size_t end = n; end-- > 1 && best < ENG_LOOKUP_MAX;) {
        /* an occurrence that ends before ids[end] */
        size_t len = 0;
        while (len < end && len < ENG_LOOKUP_MAX && ids[end - 1 - len] == ids[n - 1 - len])
            len++;
        if (len > best) {
            best = len;
            at = end;
        }
    }
    *matched = best < ENG_LOOKUP_MIN ? 0 : best;
    if (!*matched) return 0;
    size_t got = n - at < most ? n - at : most;
    memcpy(out, ids + at, got * sizeof *out);
    return got;
}

/* ---- draft model ---- */

/* Both models must mean the same by every id (padding at the end of one of them apart). */
static sk_status check_vocab(const eng_model *m, const eng_model *draft, sk_err *e)
{
    const eng_vocab *a = eng_model_vocab(m), *b = eng_model_vocab(draft);
    if (!a || !b)
        return sk_fail(e, SK_E_UNSUPPORTED, "a draft model needs the tokenizers of both models");
    size_t na = eng_vocab_size(a), nb = eng_vocab_size(b), n = na < nb ? na : nb;
    for (size_t id = 0; id < n; id++) {
        size_t la, lb;
        const char *pa = eng_vocab_piece(a, (int32_t)id, true, &la);
        const char *pb = eng_vocab_piece(b, (int32_t)id, true, &lb);
        if (la != lb || memcmp(pa, pb, la) != 0)
            return sk_fail(e, SK_E_INVALID,
                           "the draft model has another vocabulary: token %zu is \"%.20s\" in it "
                           "and \"%.20s\" in the model",
                           id, pb, pa);
    }
    return SK_OK;
}

static sk_status open_draft(eng_exec *x, eng_spec *s, size_t n_ctx, sk_err *e)
{
    eng_model_info info;
    sk_status st = check_vocab(s->m, s->draft, e);
    if (st) return st;
    eng_model_get_info(s->draft, &info);
    s->n_vocab = info.n_vocab;
    s->n_ctx = n_ctx < info.n_ctx ? n_ctx : info.n_ctx;
    s->sampler = eng_sampler_new(info.n_vocab);
    s->held = sk_alloc(SK_MEM_SCRATCH, s->n_ctx * sizeof *s->held);
    if (!s->sampler || !s->held) return sk_fail(e, SK_E_NOMEM, "no memory for the draft model");
    eng_session_opts so = {
        .n_slots = 1, .n_ctx = s->n_ctx, .max_step = s->n_ctx < CHUNK ? s->n_ctx : CHUNK};
    return eng_session_open(x, s->draft, &so, &s->session, e);
}

/* Steps ids up to n through the draft model, from where its cache differs; *logits: of the last. */
static sk_status catch_up(eng_spec *s, const int32_t *ids, size_t n, const float **logits,
                          sk_err *e)
{
    size_t same = 0;
    while (same < s->n_held && same + 1 < n && s->held[same] == ids[same])
        same++;
    for (size_t pos = same; pos < n;) {
        eng_step_item it = {.pos = pos, .ids = ids + pos};
        it.n = n - pos < CHUNK ? n - pos : CHUNK;
        it.want = pos + it.n == n ? ENG_WANT_LAST : ENG_WANT_NONE;
        sk_status st = eng_session_step(s->session, &it, 1, e);
        if (st) return st;
        memcpy(s->held + pos, it.ids, it.n * sizeof *it.ids);
        s->n_held = pos += it.n;
        *logits = it.logits;
    }
    return SK_OK;
}

/* Draws guesses from the draft model one after the other while it is sure of them. */
static sk_status draw(eng_spec *s, const eng_sample_opts *so, const int32_t *ids, size_t n,
                      size_t most, int32_t *out, size_t *n_out, sk_err *e)
{
    eng_model_info info;
    eng_model_get_info(s->m, &info);
    /* what depends on the tokens before is left out: a guess need not be exact */
    eng_sample_opts o = {.temperature = so->temperature,
                         .top_k = so->top_k,
                         .top_p = so->top_p,
                         .min_p = so->min_p,
                         .seed = so->seed};
    const float *logits;
    *n_out = 0;
    if (n + most > s->n_ctx) return SK_OK;
    sk_status st = catch_up(s, ids, n, &logits, e);
    while (!st && *n_out < most) {
        int32_t id;
        double logprob;
        size_t none;
        eng_sample_in in = {.logits = logits, .n_ids = n + *n_out};
        if (eng_sampler_pick(s->sampler, &o, &in, &id, NULL) ||
            eng_sampler_logprobs(s->sampler, logits, id, 0, &logprob, NULL, &none, NULL))
            return SK_OK; /* a draft that makes no sense */
        if (exp(logprob) < s->sure || (uint32_t)id >= info.n_vocab) return SK_OK;
        if (eng_model_is_end(s->m, id)) return SK_OK;
        out[(*n_out)++] = id;
        if (*n_out == most) return SK_OK;
        eng_step_item it = {.pos = s->n_held, .n = 1, .ids = &id, .want = ENG_WANT_LAST};
        if ((st = eng_session_step(s->session, &it, 1, e))) return st;
        s->held[s->n_held++] = id;
        logits = it.logits;
    }
    return st;
}

/* ---- both ---- */

sk_status eng_spec_open(eng_exec *x, const eng_model *m, const eng_spec_opts *o, size_t n_ctx,
                        eng_spec **out, sk_err *e)
{
    if (o->n_max < 1 || o->n_max > ENG_SPEC_MAX)
        return sk_fail(e, SK_E_INVALID, "%zu tokens guessed at once; it must be 1 to %d", o->n_max,
                       ENG_SPEC_MAX);
    eng_spec *s = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for guesses");
    *s = (eng_spec){.m = m, .draft = o->draft, .lookup = o->lookup, .n_max = o->n_max};
    s->len = o->n_max;
    s->sure = o->sure;
    sk_status st = s->draft ? open_draft(x, s, n_ctx, e) : SK_OK;
    if (st) {
        eng_spec_close(s);
        return st;
    }
    *out = s;
    return SK_OK;
}

void eng_spec_close(eng_spec *s)
{
    if (!s) return;
    eng_session_close(s->session);
    eng_sampler_free(s->sampler);
    sk_free(s->held);
    sk_free(s);
}

/* Guesses end before a token that ends the answer: nothing comes after it. */
static size_t before_end(const eng_spec *s, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (eng_model_is_end(s->m, ids[i])) return i;
    return n;
}

/* The look-up goes first: where it agrees in many tokens (LOOKUP_TRUST) it is better than a
 * small model's guess, and it costs nothing.  A draft that was unsure several times in a row
 * pauses for longer and longer. */
sk_status eng_spec_guess(eng_spec *s, const eng_sample_opts *so, const int32_t *ids, size_t n,
                         size_t most, int32_t *out, size_t *n_out, sk_err *e)
{
    size_t matched = 0, got = 0;
    *n_out = 0;
    if (most > s->len) most = s->len;
    if (!most || !n) return SK_OK;
    if (s->pause) {
        s->pause--;
        return SK_OK;
    }
    if (s->lookup) got = before_end(s, out, eng_spec_lookup(ids, n, most, out, &matched));
    if (!s->draft || (got && matched >= LOOKUP_TRUST)) {
        *n_out = got;
        return SK_OK;
    }
    sk_status st = draw(s, so, ids, n, most, out, n_out, e);
    s->unsure = *n_out ? 0 : s->unsure + 1;
    if (s->unsure > 1) s->pause = s->unsure < MOST_UNSURE ? s->unsure : MOST_UNSURE;
    return st;
}

void eng_spec_learn(eng_spec *s, size_t n_guessed, size_t n_right)
{
    assert(n_right <= n_guessed);
    if (!n_guessed) return;
    if (n_right) {
        s->misses = 0;
        s->len = n_right == n_guessed ? 2 * s->len : n_right + 1;
        if (s->len > s->n_max) s->len = s->n_max;
        return;
    }
    s->len = 1 + s->len / 2;
    if (s->len > s->n_max) s->len = s->n_max;
    s->misses++;
    s->pause = s->misses < 2 ? 0 : s->misses < 7 ? 1u << (s->misses - 2) : MOST_PAUSE;
}
