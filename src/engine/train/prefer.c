/* prefer.c - steps and evaluations of a run that learns from preferences (dpo.h). */
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

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
    eng_dpo_run(l->pass, &d, scale, g, l->nats + at, &l->parts[at / l->lane_rows]);
}

void eng_run_prefer_valid(eng_run *l, const eng_batch *b, size_t at)
{
    size_t row[ENG_DPO_MAX_ROWS];
    assert(b->rows <= ENG_DPO_MAX_ROWS);
    for (size_t r = 0; r < b->rows; r++)
        row[r] = at + r;
    eng_dpo_batch d = batch_of(l, l->j->valid_prefs, b, row);
    eng_dpo_run(l->pass, &d, 0, NULL, l->nats + at, &l->parts[at / l->micro]);
}

void eng_run_begin_pairs(eng_run *l, size_t n)
{
    assert(n <= l->n_parts || !l->j->prefs);
    for (size_t i = 0; l->j->prefs && i < n; i++)
        l->parts[i] = (eng_dpo_sum){0};
}

/* Part i is process (i mod size)'s; the sum goes by their order, whoever had them. */
sk_status eng_run_sum_pairs(eng_run *l, size_t n, sk_err *e)
{
    enum { NUMBERS = sizeof(eng_dpo_sum) / sizeof(double) };
    _Static_assert(sizeof(eng_dpo_sum) == 4 * sizeof(double), "sent as numbers of eight bytes");
    if (!l->j->prefs) return SK_OK;
    sk_status st = eng_ranks_share(l->ranks, (double *)(void *)l->parts, n * NUMBERS, NUMBERS, e);
    l->seen = (eng_dpo_sum){0};
    for (size_t i = 0; i < n; i++) {
        l->seen.loss += l->parts[i].loss;
        l->seen.margin += l->parts[i].margin;
        l->seen.right += l->parts[i].right;
        l->seen.n += l->parts[i].n;
    }
    return st;
}

void eng_run_tell_pairs(const eng_run *l, eng_train_event *ev)
{
    double n = (double)l->seen.n;
    ev->pairs = l->seen.n;
    ev->accuracy = n > 0 ? (double)l->seen.right / n : NAN;
    ev->margin = n > 0 ? l->seen.margin / n : NAN;
}

/* ---- references ---- */

/* Pairs of the rows [at, at + rows). */
static size_t pairs_of(const eng_prefs *f, size_t at, size_t rows)
{
    return f->first[at + rows] - f->first[at];
}

/* Micro-batch number `turn` from row `at` on; returns its rows. */
static size_t refer_batch(eng_run *l, const eng_dataset *d, eng_prefs *f, size_t at, bool mine)
{
    size_t row[ENG_DPO_MAX_ROWS], k = at * d->n_ctx;
    size_t rows = d->n_rows - at < l->micro ? d->n_rows - at : l->micro;
    if (!mine) return rows;
    eng_batch b = {d->ids + k, d->target + k, d->first + k, rows};
    for (size_t r = 0; r < rows; r++)
        row[r] = at + r;
    eng_dpo_batch one = batch_of(l, f, &b, row);
    eng_dpo_refer(l->pass, &one, f);
    return rows;
}

/* References that each process has of its micro-batches, to all: they are laid into stretches of
 * equal length, `most` pairs each. */
static sk_status share_references(const eng_run *l, const eng_dataset *d, eng_prefs *f, size_t most,
                                  sk_err *e)
{
    size_t n = (d->n_rows + l->micro - 1) / l->micro, part = 2 * most;
    if (!l->ranks) return SK_OK;
    double *all = sk_calloc(SK_MEM_TRAIN, n * part + 1, sizeof *all);
    sk_status st = all ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory to share references");
    st = eng_ranks_agree(l->o, st, e);
    if (st || !all) {
        sk_free(all);
        return st;
    }
    for (int back = 0; back < 2 && !st; back++) {
        for (size_t at = 0, i = 0; at < d->n_rows; at += l->micro, i++) {
            size_t rows = d->n_rows - at < l->micro ? d->n_rows - at : l->micro;
            for (size_t k = 0; k < pairs_of(f, at, rows); k++) {
                double *ref = f->item[f->first[at] + k].ref, *to = all + i * part + 2 * k;
                memcpy(back ? ref : to, back ? to : ref, 2 * sizeof *ref);
            }
        }
        if (!back) st = eng_ranks_share(l->ranks, all, n * part, part, e);
    }
    sk_free(all);
    return st;
}

/* Those of one set, from the pass as it is.  The processes take the micro-batches in turn. */
static sk_status refer_all(eng_run *l, const eng_dataset *d, eng_prefs *f, sk_err *e)
{
    size_t turn = 0, most = 0, rows;
    for (size_t at = 0; at < d->n_rows; at += rows) {
        bool mine = turn++ % eng_ranks_size(l->ranks) == eng_ranks_rank(l->ranks);
        rows = refer_batch(l, d, f, at, mine);
        if (pairs_of(f, at, rows) > most) most = pairs_of(f, at, rows);
    }
    return share_references(l, d, f, most, e);
}

/* A run that begins works them out, from the parameters it begins with, before it writes its first
 * checkpoint; one that goes on reads them. */
sk_status eng_run_refer(eng_run *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    const eng_loop_job *j = l->j;
    const uint32_t crc[2] = {j->data->crc, j->valid ? j->valid->crc : 0};
    sk_status st = SK_OK;
    eng_out_path(l->o, ENG_REFERENCE_FILE, path);
    if (l->s.step > 0 || l->s.curve.n > 0) {
        st = eng_dpo_load(path, j->prefs, j->valid_prefs, crc, e);
        if (st) (void)sk_while(e, "the references the run began with");
        return eng_ranks_agree(l->o, st, e);
    }
    eng_emit_stage(l->o, "reference", 0, 0);
    st = refer_all(l, j->data, j->prefs, e);
    if (!st && j->valid) st = refer_all(l, j->valid, j->valid_prefs, e);
    if (!st && eng_ranks_first(l->o)) st = eng_dpo_save(path, j->prefs, j->valid_prefs, crc, e);
    return eng_ranks_agree(l->o, st, e);
}
