/* heldout.c - loss and bits per byte of text that is not trained on. */
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <math.h>

/* Rows [at, at + n) of held-out shards, in the memory of the step's own rows, which is free between
 * steps. */
static eng_batch held_out_rows(const eng_run *l, const eng_dataset *d, size_t at, size_t n)
{
    for (size_t r = 0; r < n; r++)
        eng_dataset_row(d, at + r, l->ids + r * d->n_ctx, l->target + r * d->n_ctx, NULL);
    return (eng_batch){l->ids, l->target, NULL, n};
}

/* Mean loss and bits per byte of text over rows [0, n) of the held-out set.  The processes take the
 * micro-batches in turn. */
sk_status eng_run_evaluate(eng_run *l, size_t n, double *loss, double *bits_per_byte, sk_err *e)
{
    const eng_dataset *d = l->j->valid;
    uint64_t targets, bytes;
    double nats = 0;
    assert(l->micro > 0);
    size_t parts = (n + l->micro - 1) / l->micro;
    eng_run_begin_pairs(l, parts);
    size_t mine = eng_ranks_rank(l->ranks), turn = 0, size = eng_ranks_size(l->ranks);
    for (size_t at = 0; at < n; at += l->micro) {
        if (turn++ % size != mine) continue;
        size_t rows = n - at < l->micro ? n - at : l->micro, k = at * d->n_ctx;
        eng_batch b = {d->ids + k, d->target + k, d->first ? d->first + k : NULL, rows};
        if (d->stream) b = held_out_rows(l, d, at, rows);
        if (l->j->prefs)
            eng_run_prefer_valid(l, &b, at);
        else
            eng_pass_run(l->pass, &b, 0.0f, NULL, l->nats + at);
    }
    sk_status st = eng_ranks_share(l->ranks, l->nats, n, l->micro, e);
    if (!st) st = eng_run_sum_pairs(l, parts, e);
    if (st) return st;
    for (size_t i = 0; i < n; i++)
        nats += l->nats[i];
    eng_dataset_count(d, l->j->vocab, 0, n, &targets, &bytes);
    if (l->j->prefs) { /* the loss of a pair, of which no bits are counted */
        targets = l->seen.n;
        bytes = 0;
    }
    *loss = targets ? nats / (double)targets : NAN;
    *bits_per_byte = bytes ? nats / log(2.0) / (double)bytes : NAN;
    return SK_OK;
}

/* Measures, when it is due, into the point of the step just done. */
sk_status eng_run_evaluate_if_due(eng_run *l, eng_point *p, sk_err *e)
{
    bool due = l->s.step % l->eval_every == 0 || l->s.step == l->o->steps;
    if (!l->j->valid || !due) return SK_OK;
    sk_status st = eng_run_evaluate(l, l->eval_rows, &p->val_loss, &p->bits_per_byte, e);
    if (st) return st;
    eng_train_event ev = eng_run_event(l, ENG_EV_EVAL);
    ev.val_loss = p->val_loss;
    ev.bits_per_byte = p->bits_per_byte;
    if (l->j->prefs) eng_run_tell_pairs(l, &ev);
    eng_emit(l->o, &ev);
    return SK_OK;
}
