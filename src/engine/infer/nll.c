/* nll.c - what rows of logits say of the tokens that followed them. */
#include "engine/infer/nll.h"

#include "engine/kernel/par.h"

#include <math.h>

typedef struct work {
    const eng_nll_row *row;
    size_t n_vocab;
    float *scratch; /* [threads, blocks] */
} work;

static eng_nll reduce(const eng_nll_row *w, size_t n_vocab, float *block_max)
{
    eng_rank r = {.x = w->logits, .n = n_vocab, .block_max = block_max};
    eng_nll out = {.nll = INFINITY};
    eng_rank_scan(&r);
    out.best = r.best.id;
    if (out.best >= 0 && w->next >= 0 && isfinite(w->logits[w->next]))
        out.nll = (double)r.best.logit + log(eng_rank_mass(&r)) - (double)w->logits[w->next];
    return out;
}

static void reduce_rows(void *arg, size_t first, size_t n, size_t worker)
{
    const work *w = arg;
    float *block_max = w->scratch + worker * ENG_RANK_BLOCKS(w->n_vocab);
    for (size_t i = first; i < first + n; i++)
        *w->row[i].out = reduce(&w->row[i], w->n_vocab, block_max);
}

size_t eng_nll_scratch_bytes(const eng_exec *x, size_t n_vocab)
{
    return eng_exec_threads(x) * ENG_RANK_BLOCKS(n_vocab) * sizeof(float);
}

void eng_nll_rows(eng_exec *x, const eng_nll_row *row, size_t n, size_t n_vocab, float *scratch)
{
    work w = {row, n_vocab, scratch};
    eng_par_rows(x, n, 8, reduce_rows, &w);
}
