/* prefer.c - steps and evaluations of a run that learns from preferences (dpo.h). */
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <math.h>

/* A set of pairs as the functions of dpo.h take it; `row` has the numbers of the batch's rows. */
static eng_dpo_batch batch_of(const eng_run *l, const eng_prefs *f, const eng_batch *b,
                              const size_t *row)
{
    return (eng_dpo_batch){.prefs = f,
                           .row = row,
                           .batch = b,
                           .n_ctx = l->j->data->n_ctx,
                           .beta = l->o->beta,
                           .weight = l->weight};
}

/* The dataset's number of row `at` of the step. */
static size_t picked(const eng_run *l, size_t at)
{
    return eng_dataset_pick(l->j->data, l->o->seed, eng_run_batch(l) * l->rows + at);
}

uint64_t eng_run_pairs(const eng_run *l)
{
    uint64_t n = 0;
    for (size_t r = 0; r < l->rows; r++) {
        const size_t *first = &l->j->prefs->first[picked(l, r)];
        n += first[1] - first[0];
    }
    return n;
}

/* A row's pairs are found by its number in the dataset. */
void eng_run_prefer(eng_run *l, const eng_batch *b, size_t at, float scale, float *g)
{
    size_t row[ENG_DPO_MAX_ROWS];
    assert(b->rows <= ENG_DPO_MAX_ROWS);
    for (size_t r = 0; r < b->rows; r++)
        row[r] = picked(l, at + r);
    eng_dpo_batch d = batch_of(l, l->j->prefs, b, row);
    eng_dpo_run(l->pass, &d, scale, g, l->nats + at, &l->seen);
}

void eng_run_prefer_valid(eng_run *l, const eng_batch *b, size_t at)
{
    size_t row[ENG_DPO_MAX_ROWS];
    assert(b->rows <= ENG_DPO_MAX_ROWS);
    for (size_t r = 0; r < b->rows; r++)
        row[r] = at + r;
    eng_dpo_batch d = batch_of(l, l->j->valid_prefs, b, row);
    eng_dpo_run(l->pass, &d, 0, NULL, l->nats + at, &l->seen);
}

void eng_run_tell_pairs(const eng_run *l, eng_train_event *ev)
{
    double n = (double)l->seen.n;
    ev->pairs = l->seen.n;
    ev->accuracy = n > 0 ? (double)l->seen.right / n : NAN;
    ev->margin = n > 0 ? l->seen.margin / n : NAN;
}

/* ---- references ---- */

/* Those of one set, from the pass as it is. */
static void refer_all(eng_run *l, const eng_dataset *d, eng_prefs *f)
{
    for (size_t at = 0; at < d->n_rows; at += l->micro) {
        size_t row[ENG_DPO_MAX_ROWS], k = at * d->n_ctx;
        size_t rows = d->n_rows - at < l->micro ? d->n_rows - at : l->micro;
        eng_batch b = {d->ids + k, d->target + k, d->first + k, rows};
        for (size_t r = 0; r < rows; r++)
            row[r] = at + r;
        eng_dpo_batch one = batch_of(l, f, &b, row);
        eng_dpo_refer(l->pass, &one, f);
    }
}

/* A run that begins works them out, from the parameters it begins with, before it writes its first
 * checkpoint; one that goes on reads them. */
sk_status eng_run_refer(eng_run *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    const eng_loop_job *j = l->j;
    const uint32_t crc[2] = {j->data->crc, j->valid ? j->valid->crc : 0};
    eng_out_path(l->o, ENG_REFERENCE_FILE, path);
    if (l->s.step > 0 || l->s.curve.n > 0) {
        sk_status st = eng_dpo_load(path, j->prefs, j->valid_prefs, crc, e);
        return st ? sk_while(e, "the references the run began with") : SK_OK;
    }
    eng_emit_stage(l->o, "reference", 0, 0);
    refer_all(l, j->data, j->prefs);
    if (j->valid) refer_all(l, j->valid, j->valid_prefs);
    return eng_dpo_save(path, j->prefs, j->valid_prefs, crc, e);
}
