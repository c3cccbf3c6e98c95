/* shadow.c - a few fixed prompts answered in a session that no one sees. */
#include "engine/eval/shadow.h"

#include <math.h>
#include <string.h>

/* Tokens of a prompt that are stepped at once: all their logits are looked through. */
enum { PIECE = 32 };

static const char *const prompts[] = {
    "Hello!",
    "Who are you?",
    "What is the capital of France?",
    "Tell me a story about a dog.",
    "Why is the sky blue?",
    "1 2 3 4",
};

typedef struct shadow {
    eng_exec *x;
    const eng_model *m;
    eng_session *s;
    eng_model_info info;
    bool (*stop)(void *arg);
    void *arg;
    eng_shadow *out;
    eng_ids ids; /* of the prompt and its answer */
} shadow;

bool eng_shadow_is_endless(const int32_t *id, size_t n)
{
    if (n < ENG_SHADOW_TAIL) return false;
    for (size_t cycle = 1; cycle <= ENG_SHADOW_CYCLE; cycle++) {
        const int32_t *tail = id + n - ENG_SHADOW_TAIL;
        size_t same = (ENG_SHADOW_TAIL - cycle) * sizeof *id;
        if (memcmp(tail, tail + cycle, same) == 0) return true;
    }
    return false;
}

/* The likeliest of n tokens, ties to the smaller id; -1 if a logit is not finite. */
static int32_t likeliest(const float *logits, size_t n)
{
    size_t best = 0;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite &= isfinite(logits[i]) != 0;
        if (logits[i] > logits[best]) best = i;
    }
    return finite ? (int32_t)best : -1;
}

/* Steps ids[from..) and finds the token that follows the last; -1 as above. */
static sk_status advance(shadow *s, size_t from, int32_t *next, sk_err *e)
{
    *next = -1;
    for (size_t at = from; at < s->ids.n;) {
        size_t n = s->ids.n - at < PIECE ? s->ids.n - at : PIECE;
        eng_step_item it = {.pos = at, .n = n, .ids = s->ids.id + at, .want = ENG_WANT_ALL};
        if (s->stop && s->stop(s->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
        sk_status st = eng_session_step(s->s, &it, 1, e);
        if (st) return st;
        for (size_t i = 0; i < n; i++) {
            *next = likeliest(it.logits + i * s->info.n_vocab, s->info.n_vocab);
            if (*next < 0) return SK_OK;
        }
        at += n;
    }
    return SK_OK;
}

/* Writes an answer behind the prompt's ids and notes what it is like. */
static sk_status answer(shadow *s, sk_err *e)
{
    size_t from = 0, begin = s->ids.n, bytes = 0, n;
    bool ended = false;
    while (s->ids.n < begin + ENG_SHADOW_TOKENS && s->ids.n < s->info.n_ctx) {
        int32_t next;
        sk_status st = advance(s, from, &next, e);
        if (st) return st;
        s->out->finite &= next >= 0;
        ended = next >= 0 && eng_model_is_end(s->m, next);
        if (next < 0 || ended) break;
        from = s->ids.n;
        if (!eng_ids_push(&s->ids, next)) return sk_fail(e, SK_E_NOMEM, "no memory for an answer");
        (void)eng_model_piece(s->m, next, &n);
        bytes += n;
    }
    s->out->asked++;
    s->out->ended += ended;
    s->out->empty += bytes == 0;
    s->out->endless += eng_shadow_is_endless(s->ids.id + begin, s->ids.n - begin);
    return SK_OK;
}

static sk_status ask(shadow *s, const char *text, sk_err *e)
{
    const eng_chat_msg msg = {"user", text, strlen(text)};
    s->ids.n = 0;
    sk_status st = s->info.has_chat
                       ? eng_model_chat(s->m, &msg, 1, &s->ids, e)
                       : eng_model_encode(s->m, text, strlen(text), ENG_TOK_ADD, &s->ids, e);
    if (st || !s->ids.n || s->ids.n >= s->info.n_ctx) return st;
    return answer(s, e);
}

sk_status eng_shadow_run(eng_exec *x, const eng_model *m, bool (*stop)(void *arg), void *arg,
                         eng_shadow *out, sk_err *e)
{
    eng_shadow got = {.finite = true};
    shadow s = {.x = x, .m = m, .stop = stop, .arg = arg, .out = &got};
    eng_model_get_info(m, &s.info);
    if (s.info.encoder) return sk_fail(e, SK_E_UNSUPPORTED, "an encoder doesn't continue texts");
    size_t n_ctx = s.info.n_ctx < 512 ? s.info.n_ctx : 512;
    s.info.n_ctx = (uint32_t)n_ctx;
    eng_session_opts so = {.n_slots = 1, .n_ctx = n_ctx, .max_step = PIECE};
    sk_status st = eng_session_open(x, m, &so, &s.s, e);
    for (size_t i = 0; !st && got.finite && i < sizeof prompts / sizeof *prompts; i++)
        st = ask(&s, prompts[i], e);
    eng_session_close(s.s);
    eng_ids_fini(&s.ids);
    if (!st) *out = got;
    return st;
}
