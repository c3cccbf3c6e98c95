/* gen.c - continuing a sequence of tokens: read the prompt in chunks, then one token at a time. */
#include "cli/gen.h"

#include "base/clock.h"
#include "base/json.h"

#include <assert.h>

/* Tokens of a prompt read in one step: enough for the matrix kernels to be at full speed. */
#define CHUNK 256

double cmd_rate(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

/* Flags are checked before a model is read. */
sk_status cmd_gen_open(cmd_gen *g, const char *name, int64_t threads, const cmd_sample *sample,
                       sk_err *e)
{
    char path[CMD_PATH_MAX];
    *g = (cmd_gen){0};
    eng_sample_opts_default(&g->sample);
    g->sample.temperature = sample->temp;
    g->sample.top_k = sample->top_k;
    g->sample.top_p = sample->top_p;
    g->sample.min_p = sample->min_p;
    g->sample.seed = (uint64_t)sample->seed;
    sk_status st;
    if ((st = eng_sample_opts_check(&g->sample, e)) || (st = cmd_model_path(name, path, e)) ||
        (st = eng_exec_open((size_t)threads, &g->x, e)) ||
        (st = eng_model_open(g->x, path, &g->m, e)))
        return st;
    eng_model_get_info(g->m, &g->info);
    return SK_OK;
}

sk_status cmd_gen_start(cmd_gen *g, size_t n_ctx, sk_err *e)
{
    assert(!g->s && n_ctx);
    g->n_ctx = n_ctx < g->info.n_ctx ? n_ctx : g->info.n_ctx;
    size_t max_step = g->n_ctx < CHUNK ? g->n_ctx : CHUNK;
    eng_session_opts o = {.n_slots = 1, .n_ctx = g->n_ctx, .max_step = max_step};
    sk_status st = eng_session_open(g->x, g->m, &o, &g->s, e);
    if (st) return st;
    g->sampler = eng_sampler_new(g->info.n_vocab);
    return g->sampler ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the sampler");
}

void cmd_gen_close(cmd_gen *g)
{
    eng_ids_fini(&g->ids);
    eng_sampler_free(g->sampler);
    eng_session_close(g->s);
    eng_model_close(g->m);
    eng_exec_close(g->x);
}

/* An answer under way. */
typedef struct answer {
    cmd_gen *g;
    cmd_gen_sink *sink;
    cmd_gen_halt *halt;
    void *arg;
    cmd_gen_stats *stats;
    eng_sample_state state; /* what the sampler learnt along this answer */
    sk_buf held;            /* bytes of a character not complete yet */
} answer;

/* Steps all ids the session lacks; *logits are those of the last.  `halt` may end it early, which
 * leaves *logits NULL. */
static sk_status read_ids(answer *a, const float **logits, sk_err *e)
{
    cmd_gen *g = a->g;
    *logits = NULL;
    while (g->n_ready < g->ids.n) {
        if (a->halt && a->halt(a->arg)) {
            a->stats->halted = true;
            return SK_OK;
        }
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

/* Hands over the bytes of a token, but for a character's beginning whose rest is still to come. */
static sk_status emit(answer *a, int32_t id, sk_err *e)
{
    size_t n;
    const char *piece = eng_model_piece(a->g->m, id, &n);
    sk_buf_add(&a->held, piece, n);
    if (!sk_buf_ok(&a->held)) return sk_fail(e, SK_E_NOMEM, "no memory for the answer");
    size_t whole = a->held.len ? sk_utf8_complete(a->held.p, a->held.len) : 0;
    if (!whole) return SK_OK;
    sk_status st = a->sink(a->arg, a->held.p, whole, e);
    sk_buf rest = SK_BUF_INIT;
    sk_buf_add(&rest, a->held.p + whole, a->held.len - whole);
    sk_buf_fini(&a->held);
    a->held = rest;
    return st;
}

/* Chooses and steps tokens until one of the reasons to stop. */
static sk_status decode(answer *a, size_t max_new, const float *logits, sk_err *e)
{
    cmd_gen *g = a->g;
    for (;;) {
        int32_t id;
        eng_sample_in in = {
            .logits = logits, .ids = g->ids.id, .n_ids = g->ids.n, .state = &a->state};
        sk_status st = eng_sampler_pick(g->sampler, &g->sample, &in, &id, e);
        if (st) return st;
        if ((a->stats->ended = eng_model_is_end(g->m, id))) return SK_OK;
        if (!eng_ids_push(&g->ids, id)) return sk_fail(e, SK_E_NOMEM, "no memory for the answer");
        a->stats->n_new++;
        if ((st = emit(a, id, e))) return st;
        if (a->stats->n_new == max_new || g->ids.n == g->n_ctx) return SK_OK;
        if ((st = read_ids(a, &logits, e)) || !logits) return st;
    }
}

/* Prefill, then decode; each timed by itself. */
sk_status cmd_gen_run(cmd_gen *g, size_t max_new, cmd_gen_sink *sink, cmd_gen_halt *halt, void *arg,
                      cmd_gen_stats *stats, sk_err *e)
{
    assert(g->s && g->ids.n > g->n_ready);
    *stats = (cmd_gen_stats){.n_prefill = g->ids.n - g->n_ready};
    if (g->ids.n >= g->n_ctx)
        return sk_fail(e, SK_E_TOOBIG,
                       "the text has %zu tokens; the context of %zu leaves no room for an answer",
                       g->ids.n, g->n_ctx);
    answer a = {.g = g, .sink = sink, .halt = halt, .arg = arg, .stats = stats};
    const float *logits;
    uint64_t t0 = sk_now_us();
    sk_status st = read_ids(&a, &logits, e);
    uint64_t t1 = sk_now_us();
    if (!st && logits && max_new) st = decode(&a, max_new, logits, e);
    if (!st && a.held.len) st = sink(arg, a.held.p, a.held.len, e);
    stats->prefill_s = (double)(t1 - t0) * 1e-6;
    stats->decode_s = (double)(sk_now_us() - t1) * 1e-6;
    sk_buf_fini(&a.held);
    return st;
}
