/* job.c - progress, checkpoints, loss and restart of a training job. */
#include "fleet/sim/job.h"

#include <assert.h>
#include <math.h>

/* Adds `s` seconds of `chips` chips that run: cycles of work and writing.  Work is counted at once
 * and taken back by a failure. */
static void progress(flt_job *j, const flt_job_rule *r, double s, double chips)
{
    double cycle = r->checkpoint_s + r->write_s, end = j->phase + s;
    double whole = floor(end / cycle), rest = end - whole * cycle;
    double work =
        whole * r->checkpoint_s + fmin(rest, r->checkpoint_s) - fmin(j->phase, r->checkpoint_s);
    j->useful += chips * work;
    j->writing += chips * (s - work);
    j->phase = rest;
}

void flt_job_run(flt_job *j, const flt_job_rule *r, double t)
{
    assert(t >= j->at);
    double chips = (double)j->chips, s = t - j->at, wait = fmin(fmax(j->ready - j->at, 0), s);
    j->at = t;
    if (j->chips <= 0) return;
    j->held += chips * s;
    j->restarting += chips * wait;
    s -= wait;
    if (s <= 0) return;
    double away = fmin(j->pending, chips * s); /* units that are not back yet */
    j->pending -= away;
    j->restarting += away;
    progress(j, r, s, chips - away / s);
}

double flt_job_at_stake(const flt_job *j, const flt_job_rule *r)
{
    /* Units of no gang write each when it likes: half an interval on the average. */
    double s = r->gang ? fmin(j->phase, r->checkpoint_s) : r->checkpoint_s / 2;
    return (double)j->chips * s;
}

/* Takes back the work of `chips` since the last checkpoint; of units, not more than there is. */
static void lose(flt_job *j, double amount)
{
    amount = fmin(amount, j->useful);
    j->useful -= amount;
    j->lost += amount;
}

/* Stops a gang until restart_s from now, after `first` seconds. */
static void restart(flt_job *j, const flt_job_rule *r, double first)
{
    j->phase = 0;
    j->ready = j->at + first + r->restart_s;
}

void flt_job_fail(flt_job *j, const flt_job_rule *r, int64_t chips)
{
    j->interruptions++;
    if (r->gang) {
        lose(j, flt_job_at_stake(j, r));
        restart(j, r, 0);
        return;
    }
    double c = (double)(chips < j->chips ? chips : j->chips);
    lose(j, c * r->checkpoint_s / 2);
    j->pending += c * r->restart_s;
}

void flt_job_resize(flt_job *j, const flt_job_rule *r, int64_t chips, bool asked)
{
    assert(chips >= 0);
    if (chips == j->chips) return;
    j->resizes++;
    double gone = (double)(j->chips > chips ? j->chips - chips : 0);
    if (!asked && j->chips) lose(j, r->gang ? flt_job_at_stake(j, r) : gone * r->checkpoint_s / 2);
    /* One that restarts anyway goes on with that. */
    if (r->gang && j->ready <= j->at) restart(j, r, asked && j->chips ? r->write_s : 0);
    if (!r->gang && chips > j->chips) j->pending += (double)(chips - j->chips) * r->restart_s;
    j->chips = chips;
    if (!chips) j->pending = 0;
}

void flt_job_delay(flt_job *j, double s)
{
    j->ready = fmax(j->ready, j->at) + s;
}

double flt_job_ettr(const flt_job_rule *r, double failures_per_s)
{
    double up = 1 - failures_per_s * (r->restart_s + r->checkpoint_s / 2);
    return fmax(up, 0) / (1 + r->write_s / r->checkpoint_s);
}

double flt_job_mtti_hours(double nodes, double rate)
{
    return nodes > 0 && rate > 0 ? 24 * 1000 / (nodes * rate) : INFINITY;
}
