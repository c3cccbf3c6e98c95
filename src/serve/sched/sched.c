/* sched.c - the engine thread and the two queues beside it. */
#include "serve/sched/sched.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>

/* Longest time a client is asked to stay away. */
#define MAX_RETRY_S 120.0

enum { DRAIN_NO, DRAIN_WAITING, DRAIN_ALL };

struct srv_sched {
    const srv_engine *eng;
    srv_batch *batch; /* the engine thread's */
    pthread_t thread;
    sk_queue *in;  /* jobs, and &wake */
    sk_queue *out; /* jobs with mail */
    pthread_mutex_t mail_lock;
    srv_job *task, *last_task; /* the engine thread's: tasks that wait, in order */
    srv_job *running;          /* ... and the one under way */
    srv_baton *baton;          /* whose turn it is, of all schedulers */
    sk_share *share;
    bool at_work; /* the engine thread's: others give way */
    srv_gauges gauges;
    size_t max_alive, n_slots;
    size_t n_alive;          /* the I/O thread's */
    _Atomic size_t n_fit;    /* jobs that run at once: the slots, or what memory lets */
    double job_us;           /* the I/O thread's: what a job takes once it runs, smoothed */
    char wake;               /* its address is the item that only wakes */
    atomic_bool wake_posted; /* it is in the queue */
    atomic_int drain;
    _Atomic uint64_t step_began_us; /* 0: idle */
};

/* Engine thread: puts news into j's mail and j into the queue, unless it is there already. */
static void post(void *arg, srv_job *j, const sk_buf *text, srv_finish fin, const sk_err *err)
{
    srv_sched *s = arg;
    (void)pthread_mutex_lock(&s->mail_lock);
    sk_buf_add(&j->mail.text, text->p, text->len);
    if (text->oom) j->mail.text.oom = true;
    if (j->toks.len || j->toks.oom) {
        sk_buf_add(&j->mail.toks, j->toks.p, j->toks.len);
        if (j->toks.oom) j->mail.toks.oom = true;
        sk_buf_reset(&j->toks);
    }
    j->mail.n_out = j->n_out;
    j->mail.n_cached = j->n_cached;
    j->mail.finish = fin;
    if (err) j->mail.err = *err;
    bool queued = j->posted;
    j->posted = true;
    (void)pthread_mutex_unlock(&s->mail_lock);
    if (queued) return; /* and with a finish j may be gone by now */
    bool ok = sk_queue_push(s->out, j);
    assert(ok && "the queue holds all jobs alive");
    (void)ok;
}

/* Appends a task. */
static void add_task(srv_sched *s, srv_job *j)
{
    j->next = NULL;
    if (s->task)
        s->last_task->next = j;
    else
        s->task = j;
    s->last_task = j;
}

/* Takes what was submitted; sleeps for it if `wait`.  False when the queue was shut. */
static bool take_in(srv_sched *s, bool wait)
{
    void *item = sk_queue_pop(s->in, wait);
    if (!item) return !wait;
    for (; item; item = sk_queue_pop(s->in, false)) {
        if (item == &s->wake)
            atomic_store(&s->wake_posted, false);
        else if (((srv_job *)item)->task)
            add_task(s, item);
        else
            srv_batch_add(s->batch, item);
    }
    return true;
}

/* Answers go on while a task is under way, those of other models too. */
static bool between(void *arg)
{
    srv_sched *s = arg;
    (void)take_in(s, false);
    sk_share_turn(s->share);
    srv_baton_pass(s->baton);
    srv_baton_take(s->baton);
    atomic_store(&s->step_began_us, sk_now_us() | 1);
    (void)srv_batch_step(s->batch);
    return !atomic_load(&s->running->cancelled) && atomic_load(&s->drain) != DRAIN_ALL;
}

/* Runs the oldest task; false if there is none. */
static bool run_task(srv_sched *s)
{
    static const sk_buf none = SK_BUF_INIT;
    const srv_between b = {between, s};
    srv_job *j = s->task;
    sk_err e = SK_ERR_INIT;
    srv_finish fin = SRV_FIN_STOP;
    if (!j) return false;
    s->task = j->next;
    s->running = j;
    j->at_start_us = sk_now_us();
    if (atomic_load(&s->drain))
        fin = SRV_FIN_DRAINED;
    else if (atomic_load(&j->cancelled))
        fin = SRV_FIN_CANCELLED;
    else if (j->task(j, &b, &e))
        fin = e.status == SK_E_STOPPED ? SRV_FIN_CANCELLED : SRV_FIN_ERROR;
    j->at_token_us = sk_now_us();
    post(s, j, &none, fin, fin == SRV_FIN_ERROR ? &e : NULL);
    return true;
}

/* Trainers on this machine give way from the first job to the last. */
static void at_work(srv_sched *s, bool on)
{
    if (s->at_work == on) return;
    s->at_work = on;
    if (on)
        sk_share_begin(s->share);
    else
        sk_share_end(s->share);
}

/* The engine thread: steps while there is something to compute, else sleeps. */
static void *engine_main(void *arg)
{
    srv_sched *s = arg;
    for (bool on = true; on;) {
        int drain = atomic_load(&s->drain);
        if (drain) srv_batch_drain(s->batch, drain == DRAIN_ALL);
        if (s->task || srv_batch_waiting(s->batch) || srv_batch_running(s->batch)) at_work(s, true);
        srv_baton_take(s->baton);
        atomic_store(&s->step_began_us, sk_now_us() | 1);
        bool worked = run_task(s);
        if (srv_batch_step(s->batch)) worked = true;
        if (worked) sk_share_turn(s->share); /* all models of this server stand still */
        srv_baton_pass(s->baton);
        if (!worked) {
            atomic_store(&s->step_began_us, 0);
            at_work(s, false);
        }
        bool full = srv_batch_waiting(s->batch) > 0 && srv_batch_running(s->batch) > 0;
        atomic_store(&s->n_fit, full ? srv_batch_running(s->batch) : s->n_slots);
        on = take_in(s, !worked);
    }
    srv_batch_drain(s->batch, true);
    srv_baton_take(s->baton);
    while (run_task(s))
        continue;
    srv_baton_pass(s->baton);
    at_work(s, false);
    return NULL;
}

/* Makes a queue grow to its bound now, so that a push within the bound cannot fail later. */
static sk_status prime(sk_queue *q, size_t n, sk_err *e)
{
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++)
        ok = sk_queue_push(q, q);
    while (sk_queue_pop(q, false))
        continue;
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a queue of %zu jobs", n);
}

/* The two queues, one place more for &wake. */
static sk_status open_queues(srv_sched *s, sk_err *e)
{
    sk_status st = sk_queue_open(s->max_alive + 1, &s->in, e);
    if (!st) st = sk_queue_open(s->max_alive + 1, &s->out, e);
    if (!st) st = prime(s->in, s->max_alive + 1, e);
    if (!st) st = prime(s->out, s->max_alive + 1, e);
    return st;
}

/* Frees all but the thread. */
static void sched_free(srv_sched *s)
{
    if (s->in) sk_queue_close(s->in);
    if (s->out) sk_queue_close(s->out);
    srv_batch_close(s->batch);
    (void)pthread_mutex_destroy(&s->mail_lock);
    sk_free(s);
}

/* Makes the engine thread look again. */
static void wake(srv_sched *s)
{
    if (!atomic_exchange(&s->wake_posted, true)) (void)sk_queue_push(s->in, &s->wake);
}

/* Something was read from disk: an engine thread that has nothing else to do takes it. */
static void on_arrival(void *arg)
{
    wake(arg);
}

/* Starts the engine thread. */
sk_status srv_sched_open(const srv_engine *eng, const srv_sched_opts *o, srv_sched **out, sk_err *e)
{
    srv_sched *s = sk_calloc(SK_MEM_REQUEST, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for the scheduler");
    s->eng = eng;
    s->n_slots = eng->n_slots;
    s->baton = o->baton;
    s->share = o->share;
    atomic_init(&s->n_fit, eng->n_slots);
    s->max_alive = eng->n_slots + o->max_waiting;
    (void)pthread_mutex_init(&s->mail_lock, NULL);
    srv_batch_opts bo = {.target_us = o->target_us,
                         .emit = post,
                         .arg = s,
                         .metrics = o->metrics,
                         .gauges = &s->gauges};
    sk_status st = srv_batch_open(eng, &bo, &s->batch, e);
    if (!st) st = open_queues(s, e);
    if (!st) {
        int err = pthread_create(&s->thread, NULL, engine_main, s);
        if (err) st = sk_fail_errno(e, err, "cannot start the engine thread");
    }
    if (st) {
        sched_free(s);
        return st;
    }
    if (eng->listen) eng->listen(eng->self, on_arrival, s);
    *out = s;
    return SK_OK;
}

/* Ends what still runs and joins the thread. */
void srv_sched_close(srv_sched *s)
{
    if (!s) return;
    srv_sched_drain(s, true);
    sk_queue_shut(s->in);
    (void)pthread_join(s->thread, NULL);
    if (s->eng->listen) s->eng->listen(s->eng->self, NULL, NULL);
    srv_mail mail;
    for (srv_job *j; (j = srv_sched_collect(s, &mail));) {
        srv_mail_fini(&mail);
        if (mail.finish) srv_job_free(j);
    }
    assert(s->n_alive == 0);
    sched_free(s);
}

/* True when a job would be refused now. */
bool srv_sched_is_full(const srv_sched *s)
{
    return s->n_alive >= s->max_alive;
}

size_t srv_sched_room(const srv_sched *s)
{
    return s->max_alive - s->n_alive;
}

/* Seconds until the backlog has a place. */
unsigned srv_sched_retry_s(const srv_sched *s)
{
    double fit = (double)atomic_load(&s->n_fit), before = (double)s->n_alive - fit + 1;
    double sec = ceil(before / fit * s->job_us / 1e6);
    if (!(sec >= 1)) return 1;
    return sec > MAX_RETRY_S ? (unsigned)MAX_RETRY_S : (unsigned)sec;
}

/* Takes j. */
sk_status srv_sched_submit(srv_sched *s, srv_job *j)
{
    if (srv_sched_is_full(s)) return SK_E_BUSY;
    j->at_submit_us = sk_now_us();
    if (!sk_queue_push(s->in, j)) return SK_E_BUSY;
    s->n_alive++;
    return SK_OK;
}

/* The client of j is gone. */
void srv_sched_cancel(srv_sched *s, srv_job *j)
{
    atomic_store(&j->cancelled, true);
    wake(s);
}

/* Holds j's next token back, or lets it go on. */
void srv_sched_pause(srv_sched *s, srv_job *j, bool on)
{
    atomic_store(&j->paused, on);
    if (!on) wake(s);
}

/* Readable while there is mail. */
int srv_sched_fd(srv_sched *s)
{
    return sk_queue_fd(s->out);
}

/* The next job with news. */
srv_job *srv_sched_collect(srv_sched *s, srv_mail *mail)
{
    srv_job *j = sk_queue_pop(s->out, false);
    if (!j) return NULL;
    (void)pthread_mutex_lock(&s->mail_lock);
    *mail = j->mail;
    j->mail.text = (sk_buf)SK_BUF_INIT;
    j->mail.toks = (sk_buf)SK_BUF_INIT;
    j->posted = false;
    (void)pthread_mutex_unlock(&s->mail_lock);
    if (!mail->finish) return j;
    assert(s->n_alive > 0);
    s->n_alive--;
    if (mail->finish == SRV_FIN_STOP || mail->finish == SRV_FIN_LENGTH) {
        double us = (double)(j->at_token_us - j->at_start_us);
        s->job_us = s->job_us > 0 ? 0.9 * s->job_us + 0.1 * us : us;
    }
    return j;
}

/* Ends jobs for shutdown. */
void srv_sched_drain(srv_sched *s, bool all)
{
    atomic_store(&s->drain, all ? DRAIN_ALL : DRAIN_WAITING);
    wake(s);
}

/* Jobs whose last mail was not collected. */
size_t srv_sched_alive(const srv_sched *s)
{
    return s->n_alive;
}

const srv_gauges *srv_sched_gauges(const srv_sched *s)
{
    return &s->gauges;
}

/* How long the current step has been running. */
uint64_t srv_sched_busy_us(const srv_sched *s)
{
    uint64_t began = atomic_load(&s->step_began_us), now = sk_now_us();
    return began && now > began ? now - began : 0;
}
