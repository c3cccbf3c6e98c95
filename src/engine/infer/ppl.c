/* ppl.c - windows of a text, several at once, and the log-likelihood of their second halves.
 *
 * The sums run in the order of the text, so the figures don't depend on how many windows go
 * together or on the number of threads.
 */
#include "engine/infer/ppl.h"

#include "base/mem.h"
#include "engine/infer/nll.h"
#include "engine/infer/windows.h"

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
    eng_nll *nll;        /* [n_seq, n_ctx] of the token after each */
    eng_nll_row *row;    /* [n_seq, n_ctx] the rows of a step */
    float *scratch;      /* eng_nll_scratch_bytes */
    double sum, sum2;
    uint64_t tokens, bytes;
} ppl;

/* ---- windows ---- */

/* Scores the tokens that follow positions pos .. pos + len - 1 of the first n windows; their
 * logits are in the items. */
static void score(ppl *p, size_t n, size_t pos, size_t len)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < len; j++) {
            size_t at = i * p->n_ctx + pos + j;
            p->row[k++] =
                (eng_nll_row){p->item[i].logits + j * p->n_vocab, p->window[at + 1], &p->nll[at]};
        }
    eng_nll_rows(p->x, p->row, k, p->n_vocab, p->scratch);
}

/* Steps tokens from..to of the first n windows being run, a piece of each at a time; scores what
 * follows them if asked to. */
static sk_status step(ppl *p, size_t n, size_t from, size_t to, bool scored, sk_err *e)
{
    assert(p->n_seq && p->n_vocab);
    size_t most = STEP_TOKENS / p->n_seq, rows_most = STEP_LOGITS / sizeof(float) / p->n_vocab;
    if (scored && rows_most / p->n_seq < most) most = rows_most / p->n_seq;
    if (most < 1) most = 1;
    for (size_t pos = from; pos < to; pos += most) {
        size_t len = to - pos < most ? to - pos : most;
        for (size_t i = 0; i < n; i++)
            p->item[i] = (eng_step_item){.slot = (uint32_t)i,
                                         .pos = pos,
                                         .n = len,
                                         .ids = p->window + i * p->n_ctx + pos,
                                         .want = scored ? ENG_WANT_ALL : ENG_WANT_NONE};
        if (p->o->stop && p->o->stop(p->o->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
        sk_status st = eng_session_step(p->s, p->item, n, e);
        if (st) return st;
        if (scored) score(p, n, pos, len);
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
            double v = p->nll[i * p->n_ctx + at].nll;
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
    size_t cells = p->n_seq * p->n_ctx;
    p->item = sk_calloc(SK_MEM_SCRATCH, p->n_seq, sizeof *p->item);
    p->window = sk_calloc(SK_MEM_SCRATCH, cells, sizeof *p->window);
    p->nll = sk_calloc(SK_MEM_SCRATCH, cells, sizeof *p->nll);
    p->row = sk_calloc(SK_MEM_SCRATCH, cells, sizeof *p->row);
    p->scratch = sk_alloc(SK_MEM_SCRATCH, eng_nll_scratch_bytes(p->x, p->n_vocab));
    if (!p->item || !p->window || !p->nll || !p->row || !p->scratch)
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
    sk_free(p.row);
    sk_free(p.scratch);
    eng_windows_fini(&p.w);
    return st;
}
