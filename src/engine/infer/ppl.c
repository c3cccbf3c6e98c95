/* ppl.c - windows of a text, several at once, and the log-likelihood of their second halves.
 *
 * Each row of logits is reduced by itself and the sums run in the order of the text, so the figures
 * don't depend on how many windows go together or on the number of threads.
 */
#include "engine/infer/ppl.h"

#include "base/mem.h"
#include "engine/infer/rank.h"
#include "engine/infer/windows.h"
#include "engine/kernel/par.h"

#include <assert.h>
#include <math.h>

/* Tokens a step takes, and bytes its logits may fill. */
#define STEP_TOKENS ((size_t)2048)
#define STEP_LOGITS ((size_t)128 << 20)

typedef struct ppl {
    eng_exec *x;
    const eng_model *m;
    const eng_ppl_opts *o;
    eng_session *s;
    eng_windows w;
    size_t n_vocab, n_ctx, n_seq;
    eng_step_item *item; /* [n_seq] */
    int32_t *window;     /* [n_seq, n_ctx] the windows being run */
    double *nll;         /* [n_seq, n_ctx] of the tokens scored */
    float *block_max;    /* [threads, blocks] scratch */
    double sum, sum2;
    uint64_t tokens, bytes;
} ppl;

/* ---- scoring ---- */

/* The rows of one item: row i holds the logits of the token after ids[i]. */
typedef struct rows {
    const ppl *p;
    const float *logits;
    const int32_t *next; /* the token that did follow each row */
    double *nll;         /* [n] out */
} rows;

/* -ln of the probability of the token that follows; infinite where its logit is not finite. */
static double row_nll(const float *x, size_t n, int32_t id, float *block_max)
{
    eng_rank r = {.x = x, .n = n, .block_max = block_max};
    eng_rank_scan(&r);
    if (r.best.id < 0 || !isfinite(x[id])) return INFINITY;
    return (double)r.best.logit + log(eng_rank_mass(&r)) - (double)x[id];
}

static void score_rows(void *arg, size_t first, size_t n, size_t worker)
{
    const rows *r = arg;
    size_t v = r->p->n_vocab;
    float *scratch = r->p->block_max + worker * ENG_RANK_BLOCKS(v);
    for (size_t i = first; i < first + n; i++)
        r->nll[i] = row_nll(r->logits + i * v, v, r->next[i], scratch);
}

/* ---- windows ---- */

/* Steps tokens from..to of the first n windows being run, a piece of each at a time; scores what
 * follows them if asked to. */
static sk_status step(ppl *p, size_t n, size_t from, size_t to, bool score, sk_err *e)
{
    assert(p->n_seq && p->n_vocab);
    size_t most = STEP_TOKENS / p->n_seq, rows_most = STEP_LOGITS / sizeof(float) / p->n_vocab;
    if (score && rows_most / p->n_seq < most) most = rows_most / p->n_seq;
    if (most < 1) most = 1;
    for (size_t pos = from; pos < to; pos += most) {
        size_t len = to - pos < most ? to - pos : most;
        for (size_t i = 0; i < n; i++)
            p->item[i] = (eng_step_item){.slot = (uint32_t)i,
                                         .pos = pos,
                                         .n = len,
                                         .ids = p->window + i * p->n_ctx + pos,
                                         .want = score ? ENG_WANT_ALL : ENG_WANT_NONE};
        if (p->o->stop && p->o->stop(p->o->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
        sk_status st = eng_session_step(p->s, p->item, n, e);
        if (st) return st;
        for (size_t i = 0; score && i < n; i++) {
            rows r = {p, p->item[i].logits, p->window + i * p->n_ctx + pos + 1,
                      p->nll + i * p->n_ctx + pos};
            eng_par_rows(p->x, len, 8, score_rows, &r);
        }
    }
    return SK_OK;
}

/* Runs windows first .. first + n - 1 and adds up their scores.  The last token of a window needs
 * no step: nothing follows it. */
static sk_status run_windows(ppl *p, size_t first, size_t n, sk_err *e)
{
    eng_windows_copy(&p->w, first, n, p->window);
    size_t half = p->n_ctx / 2;
    sk_status st = step(p, n, 0, half, false, e);
    if (!st) st = step(p, n, half, p->n_ctx - 1, true, e);
    for (size_t i = 0; !st && i < n; i++)
        for (size_t at = half; at < p->n_ctx - 1; at++) {
            double v = p->nll[i * p->n_ctx + at];
            size_t bytes;
            (void)eng_vocab_piece(eng_model_vocab(p->m), p->window[i * p->n_ctx + at + 1], true,
                                  &bytes);
            p->sum += v;
            p->sum2 += v * v;
            p->bytes += bytes;
            p->tokens++;
        }
    return st;
}

static void result(const ppl *p, eng_ppl *out)
{
    double n = (double)p->tokens, mean = p->sum / n, var = p->sum2 / n - mean * mean;
    *out = (eng_ppl){.perplexity = exp(mean),
                     .bits_per_byte = p->bytes ? p->sum / log(2) / (double)p->bytes : NAN,
                     .tokens = p->tokens,
                     .windows = p->w.n};
    out->error = var > 0 && n > 1 ? out->perplexity * sqrt(var / (n - 1)) : 0;
}

/* All windows, n_seq at a time. */
static sk_status run_all(ppl *p, eng_ppl *out, sk_err *e)
{
    if (p->o->progress) p->o->progress(p->o->arg, 0, p->w.n, NULL);
    for (size_t done = 0; done < p->w.n;) {
        size_t n = p->w.n - done < p->n_seq ? p->w.n - done : p->n_seq;
        sk_status st = run_windows(p, done, n, e);
        if (st) return st;
        done += n;
        result(p, out);
        if (p->o->progress) p->o->progress(p->o->arg, done, p->w.n, out);
    }
    return SK_OK;
}

/* ---- opening ---- */

static sk_status alloc(ppl *p, sk_err *e)
{
    size_t cells = p->n_seq * p->n_ctx, blocks = ENG_RANK_BLOCKS(p->n_vocab);
    p->item = sk_calloc(SK_MEM_SCRATCH, p->n_seq, sizeof *p->item);
    p->window = sk_calloc(SK_MEM_SCRATCH, cells, sizeof *p->window);
    p->nll = sk_calloc(SK_MEM_SCRATCH, cells, sizeof *p->nll);
    p->block_max = sk_calloc(SK_MEM_SCRATCH, eng_exec_threads(p->x) * blocks, sizeof(float));
    if (!p->item || !p->window || !p->nll || !p->block_max)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu windows of %zu tokens", p->n_seq,
                       p->n_ctx);
    eng_session_opts so = {
        .n_slots = p->n_seq, .n_ctx = p->n_ctx, .max_step = STEP_TOKENS / p->n_seq * p->n_seq};
    so.kv_type = p->o->kv_type;
    return eng_session_open(p->x, p->m, &so, &p->s, e);
}

/* Several windows are run at once, as many as fill a step; a window's figures do not depend on
 * that. */
sk_status eng_perplexity(eng_exec *x, const eng_model *m, const char *text, size_t n,
                         const eng_ppl_opts *o, eng_ppl *out, sk_err *e)
{
    eng_model_info info;
    eng_model_get_info(m, &info);
    ppl p = {.x = x, .m = m, .o = o, .n_vocab = info.n_vocab, .n_ctx = o->n_ctx};
    eng_ppl got;
    sk_status st = eng_windows_init(&p.w, m, o->n_ctx, text, n, e);
    if (!st) {
        p.n_seq = STEP_TOKENS / p.n_ctx;
        if (p.n_seq > p.w.n) p.n_seq = p.w.n;
        if (p.n_seq < 1) p.n_seq = 1;
        st = alloc(&p, e);
    }
    if (!st) st = run_all(&p, &got, e);
    if (!st) *out = got;
    eng_session_close(p.s);
    sk_free(p.item);
    sk_free(p.window);
    sk_free(p.nll);
    sk_free(p.block_max);
    eng_windows_fini(&p.w);
    return st;
}
