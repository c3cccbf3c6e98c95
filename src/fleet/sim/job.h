/* job.h - a training job under failures, in continuous time.
 *
 * It works for `checkpoint_s`, writes a checkpoint for `write_s`, and so on.  An interruption costs
 * what was done since the last whole checkpoint and `restart_s`.  With a constant rate of failures
 * its share of productive time is what Kokolis et al., "Revisiting Reliability in Large-Scale
 * Machine Learning Research Clusters" (arXiv 2410.21680, HPCA 2025) give as E[ETTR]; flt_job_ettr
 * is that closed form.
 *
 * Either all chips of a job stop together (a gang: one world of data and model parallel ranks), or
 * each unit of them stands alone (many small runs), so that a failure costs one unit only.
 */
#ifndef FLT_FLEET_SIM_JOB_H
#define FLT_FLEET_SIM_JOB_H

#include <stdbool.h>
#include <stdint.h>

typedef struct flt_job_rule {
    double checkpoint_s, write_s, restart_s; /* > 0, >= 0, >= 0 */
    bool gang;
} flt_job_rule;

/* Sums are in chip-seconds: held = useful + lost + writing + restarting, up to rounding. */
typedef struct flt_job {
    int64_t chips;  /* held now */
    double at;      /* up to where it has been run, seconds */
    double ready;   /* restarting until then */
    double phase;   /* seconds since the last whole checkpoint, writing included */
    double pending; /* chip-seconds that units of a job that is no gang still need to come back */
    double held, useful, lost, writing, restarting;
    int64_t interruptions, resizes;
} flt_job;

/* Runs it until t (not before j->at) with the chips it has. */
void flt_job_run(flt_job *j, const flt_job_rule *r, double t);

/* An unforeseen end of `chips` of its chips at j->at (a node failed): work since the last
 * checkpoint is lost, of all of a gang, and it comes back after restart_s.  The chips stay held:
 * whoever replaces or takes them says so by flt_job_resize. */
void flt_job_fail(flt_job *j, const flt_job_rule *r, int64_t chips);

/* Gives it another number of chips at j->at.  Asked: it writes a checkpoint before, so nothing is
 * lost; else what was since the last one is.  A gang restarts; while it is restarting anyway
 * nothing further is lost.  To 0 it stops and, until it gets chips again, holds nothing. */
void flt_job_resize(flt_job *j, const flt_job_rule *r, int64_t chips, bool asked);

/* It comes back `s` seconds later than it would: its checkpoint is still on the way. */
void flt_job_delay(flt_job *j, double s);

/* Work since the last whole checkpoint that an end at j->at would lose, chip-seconds. */
double flt_job_at_stake(const flt_job *j, const flt_job_rule *r);

/* E[ETTR] = (1 - f (restart + checkpoint / 2)) / (1 + write / checkpoint), at f failures a second
 * that interrupt the job; not below 0. */
double flt_job_ettr(const flt_job_rule *r, double failures_per_s);

/* Hours between interruptions of a job of `nodes` at `rate` failures per 1,000 node-days; infinite
 * at rate 0. */
double flt_job_mtti_hours(double nodes, double rate);

#endif
