/* gen.c - continuing a sequence of tokens: read the prompt in chunks, then choose token after
 * token, with guesses ahead where that was asked for. */
#include "cli/gen.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens of a prompt read in one step: enough for the matrix kernels to be at full speed. */
#define CHUNK 256

double cmd_rate(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

/* ---- opening ---- */

/* Reads ID=BIAS. */
static sk_status read_bias(const char *text, eng_logit_bias *out, sk_err *e)
{
    char *end, *end2 = NULL;
    errno = 0;
    long id = strtol(text, &end, 10);
    double bias = *end == '=' ? strtod(end + 1, &end2) : NAN;
    bool good = end != text && *end == '=' && end2 != end + 1 && !*end2 && !errno && id >= 0 &&
                id <= INT32_MAX && (fabs(bias) <= 1e6 || bias == -INFINITY);
    if (!good)
        return sk_fail(e, SK_E_USAGE, "--logit-bias: \"%.40s\" is not like 42=-1.5 or 42=-inf",
                       text);
    *out = (eng_logit_bias){(int32_t)id, (float)bias};
    return SK_OK;
}

/* The biases of the flags. */
static sk_status read_biases(cmd_gen *g, sk_err *e)
{
    const sk_opt_list *list = &g->sample_flags->bias;
    if (!list->n) return SK_OK;
    g->bias = sk_calloc(SK_MEM_MISC, list->n, sizeof *g->bias);
    if (!g->bias) return sk_fail(e, SK_E_NOMEM, "no memory for the biases");
    for (size_t i = 0; i < list->n; i++) {
        sk_status st = read_bias(list->item[i], &g->bias[i], e);
        if (st) return st;
    }
    g->sample.bias = g->bias;
    g->sample.n_bias = list->n;
    return SK_OK;
}

sk_status cmd_gen_prepare(cmd_gen *g, sk_err *e)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    const sk_opt_list *list = &g->sample_flags->breakers;
    sk_status st = eng_sample_opts_check(&g->sample, e);
    if (st || g->sample.dry_multiplier == 0 || g->breakers) return st;
    bool none = list->n == 1 && !strcmp(list->item[0], "none");
    st = list->n ? eng_dry_breakers_new(g->m, list->item, none ? 0 : list->n, &g->breakers, e)
                 : eng_dry_breakers_new(g->m, usual, sizeof usual / sizeof *usual, &g->breakers, e);
    g->sample.dry_breakers = g->breakers;
    return st;
}

/* Flags are checked before a model is read. */
sk_status cmd_gen_open(cmd_gen *g, const char *name, int64_t threads, const cmd_load *load,
                       const cmd_sample *sample, const cmd_spec *spec, const cmd_lora *lora,
                       sk_err *e)
{
    eng_model_opts mo = cmd_load_opts(load);
    char path[CMD_PATH_MAX], draft[CMD_PATH_MAX];
    *g = (cmd_gen){.sample = sample->o, .sample_flags = sample, .spec_flags = spec};
    sk_status st;
    if ((st = eng_sample_opts_check(&g->sample, e)) || (st = read_biases(g, e)) ||
        (st = cmd_model_path(name, path, e)) ||
        (spec->draft && (st = cmd_model_path(spec->draft, draft, e))) ||
        (st = eng_exec_open((size_t)threads, &g->x, e)) ||
        (st = eng_model_open_opts(g->x, path, &mo, &g->m, e)) ||
        (st = cmd_lora_open(g->x, g->m, lora, &g->lora, e)) ||
        (spec->draft && (st = eng_model_open_opts(g->x, draft, &mo, &g->draft, e))) ||
        (st = cmd_gen_prepare(g, e)))
        return st;
    eng_model_get_info(g->m, &g->info);
    return SK_OK;
}

sk_status cmd_gen_start(cmd_gen *g, size_t n_ctx, const char *kv_type, sk_err *e)
{
    assert(!g->s && n_ctx);
    g->n_ctx = n_ctx < g->info.n_ctx ? n_ctx : g->info.n_ctx;
    size_t max_step = g->n_ctx < CHUNK ? g->n_ctx : CHUNK;
    eng_session_opts o = {.n_slots = 1, .n_ctx = g->n_ctx, .max_step = max_step, .lora = g->lora};
    (void)eng_dtype_of_name(kv_type, &o.kv_type);
    sk_status st = eng_session_open(g->x, g->m, &o, &g->s, e);
    if (st) return st;
    g->sampler = eng_sampler_new(g->info.n_vocab);
    if (!g->sampler) return sk_fail(e, SK_E_NOMEM, "no memory for the sampler");
    eng_spec_opts so = {.n_max = (size_t)g->spec_flags->draft_max,
                        .lookup = g->spec_flags->lookup,
                        .draft = g->draft,
                        .sure = g->spec_flags->draft_min_p};
    if (!so.lookup && !so.draft) return SK_OK;
    return eng_spec_open(g->x, g->m, &so, g->n_ctx, &g->spec, e);
}

void cmd_gen_close(cmd_gen *g)
{
    eng_ids_fini(&g->ids);
    cmd_guide_close(g->guide);
    eng_spec_close(g->spec);
    eng_sampler_free(g->sampler);
    eng_session_close(g->s);
    eng_dry_breakers_free(g->breakers);
    eng_model_close(g->draft);
    eng_lora_close(g->lora);
    eng_model_close(g->m);
    eng_exec_close(g->x);
    sk_free(g->bias);
}

/* ---- an answer ---- */

typedef struct answer {
    cmd_gen *g;
    const cmd_gen_hooks *hooks;
    cmd_gen_stats *stats;
    size_t max_new;
    eng_sample_state state; /* what the sampler learnt along this answer */
    sk_tail tail;           /* bytes that wait */
    sk_buf text;            /* bytes to hand over */
    int32_t guess[ENG_SPEC_MAX];
    size_t n_guess, at; /* guesses in the last step, and how many of them were right so far */
} answer;

/* True if the answer is to end now. */
static bool halted(answer *a)
{
    if (a->hooks->halt && a->hooks->halt(a->hooks->arg)) a->stats->halted = true;
    return a->stats->halted;
}

/* Steps all ids the session lacks; *logits are those of the last.  `halt` may end it early, which
 * leaves *logits NULL. */
static sk_status read_ids(answer *a, const float **logits, sk_err *e)
{
    cmd_gen *g = a->g;
    *logits = NULL;
    while (g->n_ready < g->ids.n) {
        if (halted(a)) return SK_OK;
        size_t left = g->ids.n - g->n_ready;
        eng_step_item it = {.pos = g->n_ready, .ids = g->ids.id + g->n_ready};
        it.n = left < CHUNK ? left : CHUNK;
        it.want = it.n == left ? ENG_WANT_LAST : ENG_WANT_NONE;
        sk_status st = eng_session_step(g->s, &it, 1, e);
        if (st) return st;
        g->n_ready += it.n;
        *logits = it.logits;
    }
    return SK_OK;
}

/* Steps the last token and guesses at what follows it. */
static sk_status step_guessing(answer *a, const float **logits, sk_err *e)
{
    cmd_gen *g = a->g;
    int32_t ids[ENG_SPEC_MAX + 1];
    size_t most = a->max_new - a->stats->n_new - 1, room = g->n_ctx - g->ids.n;
    assert(g->n_ready + 1 == g->ids.n);
    if (most > room) most = room;
    if (most > ENG_SPEC_MAX) most = ENG_SPEC_MAX;
    *logits = NULL;
    if (halted(a)) return SK_OK;
    sk_status st =
        eng_spec_guess(g->spec, &g->sample, g->ids.id, g->ids.n, most, a->guess, &a->n_guess, e);
    if (st) return st;
    ids[0] = g->ids.id[g->ids.n - 1];
    memcpy(ids + 1, a->guess, a->n_guess * sizeof *ids);
    eng_step_item it = {.pos = g->n_ready, .ids = ids, .n = 1 + a->n_guess, .want = ENG_WANT_ALL};
    if ((st = eng_session_step(g->s, &it, 1, e))) return st;
    g->n_ready = g->ids.n;
    a->at = 0;
    a->stats->n_guessed += a->n_guess;
    *logits = it.logits;
    return SK_OK;
}

/* The logits after the token just chosen: in the rows of the last step if it was guessed. */
static sk_status next(answer *a, const float **logits, sk_err *e)
{
    cmd_gen *g = a->g;
    if (a->at < a->n_guess && a->guess[a->at] == g->ids.id[g->ids.n - 1]) {
        a->at++;
        a->stats->n_right++;
        g->n_ready = g->ids.n;
        *logits += g->info.n_vocab;
        return SK_OK;
    }
    a->stats->n_steps++;
    if (!g->spec) return read_ids(a, logits, e);
    eng_spec_learn(g->spec, a->n_guess, a->at);
    a->n_guess = 0;
    return step_guessing(a, logits, e);
}

/* True while the sequence holds no text: nothing, or control tokens only. */
static bool at_begin(const cmd_gen *g, size_t n_ids)
{
    size_t n = 0;
    for (size_t i = 0; i < n_ids && !n; i++)
        (void)eng_model_piece(g->m, g->ids.id[i], &n);
    return !n;
}

/* Hands over the bytes of a token that need not wait.  At the beginning of a text the space is left
 * out that SentencePiece vocabularies put there. */
static sk_status emit(answer *a, int32_t id, sk_err *e)
{
    static const sk_stops none;
    size_t n;
    const char *piece = eng_model_piece(a->g->m, id, &n);
    if (n && *piece == ' ' && at_begin(a->g, a->g->ids.n - 1) && eng_model_adds_space(a->g->m)) {
        piece++;
        n--;
    }
    const sk_stops *stops = a->hooks->stops ? a->hooks->stops : &none;
    a->stats->stopped = sk_tail_feed(&a->tail, stops, piece, n, &a->text);
    if (!sk_buf_ok(&a->text) || !sk_buf_ok(&a->tail.held))
        return sk_fail(e, SK_E_NOMEM, "no memory for the answer");
    if (!a->text.len) return SK_OK;
    sk_status st = a->hooks->text(a->hooks->arg, a->text.p, a->text.len, e);
    sk_buf_reset(&a->text);
    return st;
}

/* Chooses and steps tokens until one of the reasons to stop. */
static sk_status decode(answer *a, const float *logits, sk_err *e)
{
    cmd_gen *g = a->g;
    for (;;) {
        int32_t id;
        eng_sample_in in = {
            .logits = logits, .ids = g->ids.id, .n_ids = g->ids.n, .state = &a->state};
        sk_status st = cmd_guide_mask(g->guide, &in.allowed, e);
        if (!st) st = eng_sampler_pick(g->sampler, &g->sample, &in, &id, e);
        if (!st) st = cmd_guide_take(g->guide, id, e);
        if (st) return st;
        if ((a->stats->ended = eng_model_is_end(g->m, id))) return SK_OK;
        if (a->hooks->token && (st = a->hooks->token(a->hooks->arg, id, logits, e))) return st;
        if (!eng_ids_push(&g->ids, id)) return sk_fail(e, SK_E_NOMEM, "no memory for the answer");
        a->stats->n_new++;
        if ((st = emit(a, id, e)) || a->stats->stopped) return st;
        if (a->stats->n_new == a->max_new || g->ids.n == g->n_ctx) return SK_OK;
        if ((st = next(a, &logits, e)) || !logits) return st;
    }
}

/* Prefill, then decode; each timed by itself. */
sk_status cmd_gen_run(cmd_gen *g, size_t max_new, const cmd_gen_hooks *hooks, cmd_gen_stats *stats,
                      sk_err *e)
{
    assert(g->s && g->ids.n > g->n_ready);
    *stats = (cmd_gen_stats){.n_prefill = g->ids.n - g->n_ready};
    if (g->ids.n >= g->n_ctx)
        return sk_fail(e, SK_E_TOOBIG,
                       "the text has %zu tokens; the context of %zu leaves no room for an answer",
                       g->ids.n, g->n_ctx);
    answer a = {.g = g, .hooks = hooks, .stats = stats, .max_new = max_new};
    const float *logits;
    uint64_t t0 = sk_now_us();
    sk_status st = read_ids(&a, &logits, e);
    uint64_t t1 = sk_now_us();
    if (!st && logits && max_new) st = decode(&a, logits, e);
    if (!st) {
        sk_tail_flush(&a.tail, &a.text);
        if (a.text.len) st = hooks->text(hooks->arg, a.text.p, a.text.len, e);
    }
    stats->prefill_s = (double)(t1 - t0) * 1e-6;
    stats->decode_s = (double)(sk_now_us() - t1) * 1e-6;
    sk_tail_fini(&a.tail);
    sk_buf_fini(&a.text);
    return st;
}
