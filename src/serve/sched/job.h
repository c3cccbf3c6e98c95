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
#include "serve/sched/toklog.h"

#include <stdatomic.h>
#include <stdint.h>

typedef enum srv_finish {
    SRV_FIN_NONE,
    SRV_FIN_STOP,      /* an end token or a stop sequence */
    SRV_FIN_LENGTH,    /* n_max tokens were made */
    SRV_FIN_CANCELLED, /* its client went away */
    SRV_FIN_EXPIRED,   /* its deadline passed */
    SRV_FIN_DRAINED,   /* the server shuts down */
    SRV_FIN_ERROR      /* the engine failed: see the mail's error */
} srv_finish;

typedef enum srv_job_state { SRV_JOB_WAITING, SRV_JOB_PREFILL, SRV_JOB_DECODE } srv_job_state;

typedef struct srv_job srv_job;
struct srv_engine;

/* What an answer may consist of: asked before each choice, told each choice.  The engine thread's
 * from the job's submission to its last mail. */
typedef struct srv_guide {
    void *self;
    /* The tokens that may come next, as eng_sample_in.allowed has them, valid until the next call;
     * NULL for any, or with e filled (untouched otherwise) when the job can't go on. */
    const uint64_t *(*mask)(void *self, sk_err *e);
    sk_status (*take)(void *self, int32_t id, sk_err *e); /* this one was chosen */
    /* Makes what mask gives by at most `work` units (grammar.h), which is not 0; false where it
     * takes more: to be called again.  NULL: mask takes no time. */
    bool (*ready)(void *self, uint64_t work);
    void (*free)(void *self);
} srv_guide;

/* Called by a task now and then, so that answers go on beside it; false: the job is cancelled and
 * the task should return. */
typedef struct srv_between {
    bool (*fn)(void *arg);
    void *arg;
} srv_between;

/* Control tokens whose text an answer shows, since a reader of it looks for them. */
#define SRV_MAX_SHOWN 8u

/* What happened to a job since the last mail. */
typedef struct srv_mail {
    sk_buf text; /* whole characters, none of a stop sequence */
    sk_buf toks; /* records of tokens (toklog.h); their text may come with a later mail */
    size_t n_out, n_cached;
    srv_finish finish;
    sk_err err;
} srv_mail;

/* What the owner of a job begins with, where mail is handed on by srv_owner.mail. */
typedef struct srv_owner {
    void (*mail)(struct srv_owner *o, srv_job *j, const srv_mail *m);
} srv_owner;

struct srv_job {
    /* the maker's, constant once submitted */
    /* NULL: a generation.  Else the job is whatever this does, on the engine thread; SK_OK makes a
     * mail with SRV_FIN_STOP.  Of the rest of this group only `key` and `owner` then count. */
    sk_status (*task)(srv_job *j, const srv_between *b, sk_err *e);
    eng_ids prompt;
    size_t n_max;           /* tokens to make at most, may be 0; prompt.n + n_max <= n_ctx */
    eng_sample_opts sample; /* its biases are the job's: srv_job_set_sample */
    sk_stops stops;
    bool ignore_end;              /* tokens that end an answer are tokens without text */
    bool want_toks;               /* mail has a record for each token but an end token */
    bool want_lp;                 /* ... with its log-probability */
    bool want_prompt;             /* ... and before them one for each token of the prompt */
    uint32_t n_top;               /* ... and so many alternatives, at most SRV_MAX_TOP */
    srv_guide guide;              /* mask NULL: anything may be said */
    int32_t shown[SRV_MAX_SHOWN]; /* [n_shown] */
    size_t n_shown;
    const eng_lora *adapter; /* what its tokens run with, NULL: the engine's own */
    uint32_t key;            /* whose it is, 0: nobody's; for fairness */
    int32_t priority;        /* higher goes first; 0: usual */
    uint64_t deadline_us;    /* sk_now_us after which the answer is of no use; 0: none */
    void *owner;             /* the maker's own; not looked at here */
    uint64_t at_submit_us;

    /* either thread's */
    atomic_bool cancelled, paused;

    /* under the mail lock (sched.c) */
    srv_mail mail;
    bool posted;

    /* the engine thread's (batch.c) */
    srv_job *next; /* in the waiting list */
    srv_job_state state;
    int32_t
        *seq; /* [prompt.n + n_max] the prompt and what was chosen; NULL before the first slot */
    size_t n_seq, n_fed, n_room; /* its tokens; those in the KV cache; those there is memory for */
    size_t n_scored;             /* tokens of the prompt whose records were made (score.h) */
    size_t slot, n_out, n_cached;
    bool gave_way;         /* it waits to go on */
    const srv_job *leader; /* computes the first `common` tokens; NULL: nobody is waited for */
    uint64_t leader_order; /* which job that is, since it may be gone by now */
    size_t leader_slot, common;
    bool fetching;            /* its beginning is being read from disk */
    eng_sample_state sampled; /* what the sampler learnt along the answer */
    sk_tail tail;
    sk_buf toks;    /* records that wait for the next mail */
    uint64_t order; /* counts admissions, from 1; 0: not yet */
    bool planned;   /* has an item in the step being made */
    bool unready;   /* what its answer may go on with is not known yet: no choice in that step */
    uint64_t at_start_us, at_token_us;
};

/* A job to be filled in; NULL without memory. */
srv_job *srv_job_new(void);

/* Copies o into the job, biases included; false without memory. */
bool srv_job_set_sample(srv_job *j, const eng_sample_opts *o);

/* Frees a job that is its maker's; NULL is allowed. */
void srv_job_free(srv_job *j);

/* Frees what a mail that was collected holds. */
void srv_mail_fini(srv_mail *m);

/* True if nobody waits for j's answer any more: its client is gone, or its deadline has passed. */
bool srv_job_is_lost(const srv_job *j, uint64_t now_us);

/* ---- the engine thread's, around a choice ---- */

/* True if j, which has a slot, makes nothing since its reader is too slow for what it would say. */
bool srv_job_stalls(const srv_job *j);

/* Puts what the job's guide allows into a choice. */
sk_status srv_job_mask(srv_job *j, eng_sample_in *in, sk_err *e);

/* Tells the guide what was chosen. */
sk_status srv_job_chose(srv_job *j, int32_t id, sk_err *e);

/* The text a token adds to the answer, borrowed. */
const char *srv_job_piece(const srv_job *j, const struct srv_engine *eng, int32_t id, size_t *n);

/* Records a token of n bytes, chosen from logits (NULL: from nothing, its log-probability is NAN),
 * where records are wanted. */
sk_status srv_job_note(srv_job *j, const struct srv_engine *eng, int32_t id, size_t n,
                       const float *logits, sk_err *e);

#endif
