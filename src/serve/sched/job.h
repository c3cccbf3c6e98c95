/* job.h - one generation on its way through the server.
 *
 * Three groups of fields, by who may touch them.  The maker (I/O thread) fills the first before
 * the job is submitted and nobody changes it afterwards.  The flags are atomic.  The rest is the
 * engine thread's from submission until the job's last mail (finish set) was posted; then the job
 * is its maker's again, to be freed.
 */
#ifndef SRV_SCHED_JOB_H
#define SRV_SCHED_JOB_H

#include "base/stops.h"
#include "engine/engine.h"

#include <stdatomic.h>
#include <stdint.h>

typedef enum srv_finish {
    SRV_FIN_NONE,
    SRV_FIN_STOP,      /* an end token or a stop sequence */
    SRV_FIN_LENGTH,    /* n_max tokens were made */
    SRV_FIN_CANCELLED, /* its client went away */
    SRV_FIN_DRAINED,   /* the server shuts down */
    SRV_FIN_ERROR      /* the engine failed: see the mail's error */
} srv_finish;

typedef enum srv_job_state { SRV_JOB_WAITING, SRV_JOB_PREFILL, SRV_JOB_DECODE } srv_job_state;

typedef struct srv_job srv_job;

/* What happened to a job since the last mail. */
typedef struct srv_mail {
    sk_buf text; /* whole characters, none of a stop sequence */
    size_t n_out, n_cached;
    srv_finish finish;
    sk_err err;
} srv_mail;

struct srv_job {
    /* the maker's, constant once submitted */
    eng_ids prompt;
    size_t n_max;           /* tokens to make at most; prompt.n + n_max <= n_ctx */
    eng_sample_opts sample; /* its biases are the job's: srv_job_set_sample */
    sk_stops stops;
    void *owner; /* the maker's own; not looked at here */
    uint64_t at_submit_us;

    /* either thread's */
    atomic_bool cancelled, paused;

    /* under the mail lock (sched.c) */
    srv_mail mail;
    bool posted;

    /* the engine thread's (batch.c) */
    srv_job *next; /* in the waiting list */
    srv_job_state state;
    size_t slot, n_fed, n_out, n_cached; /* n_fed: tokens of the sequence in the KV cache */
    int32_t last;                        /* the token to feed next, while decoding */
    eng_sample_state sampled;            /* what the sampler learnt along the answer */
    sk_tail tail;
    uint64_t order; /* counts admissions */
    bool planned;   /* has an item in the step being made */
    uint64_t at_start_us, at_token_us;
};

/* A job to be filled in; NULL without memory. */
srv_job *srv_job_new(void);

/* Copies o into the job, biases included; false without memory. */
bool srv_job_set_sample(srv_job *j, const eng_sample_opts *o);

/* Frees a job that is its maker's; NULL is allowed. */
void srv_job_free(srv_job *j);

#endif
