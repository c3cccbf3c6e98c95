/* ckptdir.c - the checkpoints of a run's folder: finding the newest whole one, rotating. */
#include "engine/train/ckptdir.h"

#include "base/file.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 64 };

static const char newest[] = "checkpoint.stk", folder[] = "checkpoints", best_name[] = "best.stk";

/* "out/name" into b[ENG_PATH_MAX]; rundir.c has checked that it fits. */
static const char *path_of(const char *out, const char *name, char *b)
{
    int n = snprintf(b, ENG_PATH_MAX, "%s/%s", out, name);
    assert(n > 0 && n < ENG_PATH_MAX);
    (void)n;
    return b;
}

/* "out/checkpoints/step-NNNNNNNNN.stk". */
static const char *step_path(const char *out, uint64_t step, char *b)
{
    char name[NAME];
    (void)snprintf(name, sizeof(name), "%s/step-%0*llu.stk", folder, ENG_CKPTDIR_DIGITS,
                   (unsigned long long)step);
    return path_of(out, name, b);
}

/* The step a name of ours tells; false for any other name. */
static bool step_of(const char *name, uint64_t *step)
{
    unsigned long long n;
    char again[NAME];
    if (sscanf(name, "step-%20llu.stk", &n) != 1) return false;
    (void)snprintf(again, sizeof(again), "step-%0*llu.stk", ENG_CKPTDIR_DIGITS, n);
    *step = n;
    return strcmp(name, again) == 0;
}

/* The highest step below `below` that checkpoints/ has a file of; false when there is none. */
static bool next_older(const char *out, uint64_t below, uint64_t *step)
{
    char path[ENG_PATH_MAX];
    uint64_t k;
    bool found = false;
    DIR *d = opendir(path_of(out, folder, path));
    if (!d) return false;
    for (struct dirent *it; (it = readdir(d));) {
        if (!step_of(it->d_name, &k) || k >= below || (found && k <= *step)) continue;
        *step = k;
        found = true;
    }
    (void)closedir(d);
    return found;
}

/* The second and the third place. */
bool eng_ckptdir_older(const char *out)
{
    char path[ENG_PATH_MAX];
    uint64_t step;
    return sk_file_exists(path_of(out, best_name, path)) || next_older(out, UINT64_MAX, &step);
}

/* Any of the three. */
bool eng_ckptdir_any(const char *out)
{
    char path[ENG_PATH_MAX];
    return sk_file_exists(path_of(out, newest, path)) || eng_ckptdir_older(out);
}

/* Second names are made by way of temporary ones too. */
void eng_ckptdir_sweep(const char *out)
{
    char path[ENG_PATH_MAX];
    uint64_t step = UINT64_MAX;
    sk_file_sweep(path_of(out, newest, path));
    sk_file_sweep(path_of(out, best_name, path));
    while (next_older(out, step, &step))
        sk_file_sweep(step_path(out, step, path));
}

/* ---- reading ---- */

/* The held-out loss of a step as the curve has it, INFINITY where it was not measured. */
static double held_out_at(const eng_curve *c, uint64_t step)
{
    for (size_t i = c->n; i-- > 0;)
        if (c->point[i].step == (double)step)
            return isnan(c->point[i].val_loss) ? INFINITY : c->point[i].val_loss;
    return INFINITY;
}

/* A file that can't be read, is cut or changed: not one that is of another run. */
bool eng_ckptdir_is_damage(sk_status st)
{
    return st == SK_E_CORRUPT || st == SK_E_FORMAT || st == SK_E_IO || st == SK_E_NOTFOUND;
}

/* The candidates from the newest to the oldest, then the best; returns the path of number i, NULL
 * behind the last.  *step is kept between calls. */
static const char *candidate(const char *out, size_t i, uint64_t *step, char *b)
{
    if (i == 0) {
        *step = UINT64_MAX;
        return path_of(out, newest, b);
    }
    if (*step && next_older(out, *step, step)) return step_path(out, *step, b);
    if (*step == 0) return NULL;
    *step = 0; /* the last turn */
    return path_of(out, best_name, b);
}

/* Damaged ones are told of later, when the state is loaded. */
void eng_ckptdir_lanes(const char *out, uint32_t *lanes)
{
    char path[ENG_PATH_MAX];
    const char *p;
    uint64_t step;
    for (size_t i = 0; (p = candidate(out, i, &step, path)) != NULL; i++)
        if (sk_file_exists(p) && !eng_trainstate_lanes(p, lanes, NULL)) return;
}

/* Tells of a file that was passed over. */
static void tell(void (*note)(void *, const char *), void *arg, const char *fmt, const char *a,
                 const char *b)
{
    char text[ENG_PATH_MAX + 512];
    (void)snprintf(text, sizeof(text), fmt, a, b);
    if (note) note(arg, text);
}

/* The first candidate that is whole.  *at: its number. */
static sk_status load_newest(const char *out, eng_trainstate *s, json_t *meta, bool *found,
                             size_t *at, void (*note)(void *, const char *), void *arg, sk_err *e)
{
    char path[ENG_PATH_MAX];
    const char *p;
    uint64_t step;
    sk_err first = SK_ERR_INIT;
    sk_status st = SK_OK;
    *found = false;
    for (size_t i = 0; (p = candidate(out, i, &step, path)) != NULL; i++) {
        sk_err no = SK_ERR_INIT;
        if (!sk_file_exists(p)) continue;
        st = eng_trainstate_load(s, p, meta, &no);
        if (!st) {
            *found = true;
            *at = i;
            if (first.status) tell(note, arg, "going on from %s, which is whole", p, "");
            return SK_OK;
        }
        if (!eng_ckptdir_is_damage(st)) return sk_fail(e, st, "%s", no.text);
        if (!first.status) first = no;
        tell(note, arg, "a checkpoint is damaged and passed over: %s", no.text, "");
    }
    return first.status ? sk_fail(e, first.status, "%s", first.text) : SK_OK;
}

/* What best.stk is, by its own word and the curve's; a best that is missing or damaged is none. */
static void look_at_best(eng_ckptdir *d, const eng_curve *curve)
{
    char path[ENG_PATH_MAX];
    d->best = INFINITY;
    if (!sk_file_exists(path_of(d->out, best_name, path))) return;
    if (eng_trainstate_step(path, &d->best_step, NULL)) return;
    d->best = held_out_at(curve, d->best_step);
}

/* Makes checkpoint.stk the best one as well. */
static sk_status make_best(eng_ckptdir *d, double loss, sk_err *e)
{
    char from[ENG_PATH_MAX], to[ENG_PATH_MAX];
    sk_status st = sk_file_place(path_of(d->out, newest, from), path_of(d->out, best_name, to), e);
    if (st) return st;
    d->best = loss;
    d->best_step = d->current;
    return SK_OK;
}

/* A run that was killed between a checkpoint and its second name has that made up for here. */
sk_status eng_ckptdir_load(eng_ckptdir *d, const char *out, uint32_t keep, eng_trainstate *s,
                           json_t *meta, bool *found, void (*note)(void *arg, const char *text),
                           void *arg, sk_err *e)
{
    size_t at = 0;
    assert(keep >= 1);
    *d = (eng_ckptdir){.keep = keep, .current = UINT64_MAX, .best = INFINITY};
    (void)snprintf(d->out, sizeof(d->out), "%s", out);
    sk_status st = load_newest(out, s, meta, found, &at, note, arg, e);
    if (st || !*found) return st;
    look_at_best(d, &s->curve);
    if (at > 0) return SK_OK; /* checkpoint.stk is none to keep */
    d->current = s->step;
    double loss = held_out_at(&s->curve, s->step);
    return loss < d->best ? make_best(d, loss, e) : SK_OK;
}

/* ---- writing ---- */

/* Gives the present checkpoint.stk its second name. */
static sk_status keep_current(const eng_ckptdir *d, sk_err *e)
{
    char from[ENG_PATH_MAX], to[ENG_PATH_MAX];
    sk_status st = sk_mkdirs(path_of(d->out, folder, to), e);
    if (st) return st;
    return sk_file_place(path_of(d->out, newest, from), step_path(d->out, d->current, to), e);
}

/* Removes what is older than the last keep - 1, and what claims a later step than there is: those
 * were damaged, or of a run that was set back.  What can't be removed stays: space is all it costs.
 */
static void drop_old(const eng_ckptdir *d, uint64_t base)
{
    char path[ENG_PATH_MAX];
    uint64_t step = UINT64_MAX, oldest = d->current;
    for (uint32_t i = 1; i < d->keep && next_older(d->out, oldest, &step); i++)
        oldest = step;
    step = UINT64_MAX;
    while (next_older(d->out, step, &step))
        if ((step < oldest && step != base) || step >= d->current)
            (void)unlink(step_path(d->out, step, path));
    (void)rmdir(path_of(d->out, folder, path)); /* where nothing is left in it */
}

const char *eng_ckptdir_file(const eng_ckptdir *d, uint64_t step, char *b)
{
    return step == d->current ? path_of(d->out, newest, b) : step_path(d->out, step, b);
}

/* The one before gets its second name first, so at every moment there is a whole one. */
sk_status eng_ckptdir_publish(eng_ckptdir *d, const eng_lease *lease, eng_ckpt_out *c,
                              uint64_t step, uint64_t base, double val_loss, sk_err *e)
{
    sk_status st = eng_lease_check(lease, e);
    bool kept = d->keep > 1 || d->current == base;
    if (!st && kept && d->current != UINT64_MAX && d->current != step) st = keep_current(d, e);
    if (!st) st = eng_lease_check(lease, e);
    if (st) {
        eng_ckpt_abort(c);
        return st;
    }
    st = eng_ckpt_commit(c, e);
    if (st) return st;
    d->current = step;
    if (val_loss < d->best) st = make_best(d, val_loss, e);
    drop_old(d, base);
    return st;
}
