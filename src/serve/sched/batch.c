/* batch.c - makes each step of the engine out of the running jobs. */
#include "serve/sched/batch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "serve/sched/batch_in.h"
#include "serve/sched/score.h"

#include <assert.h>

void srv_batch_count(srv_batch *b, srv_metric_id id, double v)
{
    if (b->o.metrics) sk_metric_add(b->o.metrics, id, v);
}

void srv_batch_observe_us(srv_batch *b, srv_metric_id id, uint64_t us)
{
    if (b->o.metrics) sk_metric_observe(b->o.metrics, id, (double)us / 1e6);
}

static void store(_Atomic size_t *to, size_t n)
{
    atomic_store_explicit(to, n, memory_order_relaxed);
}

/* Publishes how full the batch is. */
static void publish(srv_batch *b)
{
    if (!b->o.metrics && !b->o.gauges) return;
    eng_kv_usage u = b->eng->usage(b->eng->self);
    if (b->o.gauges) {
        store(&b->o.gauges->waiting, srv_waitq_count(b->waiting));
        store(&b->o.gauges->running, b->n_running);
        store(&b->o.gauges->pages, u.pages);
        store(&b->o.gauges->held, u.held);
        store(&b->o.gauges->promised, u.promised);
        store(&b->o.gauges->kept, u.kept);
        return;
    }
    sk_metric_set(b->o.metrics, SRV_M_WAITING, (double)srv_waitq_count(b->waiting));
    sk_metric_set(b->o.metrics, SRV_M_RUNNING, (double)b->n_running);
    sk_metric_set(b->o.metrics, SRV_M_KV_USED, (double)u.held / (double)u.pages);
    sk_metric_set(b->o.metrics, SRV_M_KV_PROMISED, (double)(u.held + u.promised) / (double)u.pages);
    sk_metric_set(b->o.metrics, SRV_M_KV_KEPT, (double)u.kept / (double)u.pages);
}

/* What must hold between steps. */
static void check(const srv_batch *b)
{
    size_t running = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        const srv_job *j = b->slot[i];
        if (!j) continue;
        running++;
        assert(j->slot == i && j->state != SRV_JOB_WAITING && j->n_fed < j->n_seq);
        assert(j->state != SRV_JOB_DECODE || j->n_fed + 1 == j->n_seq);
        assert(j->n_seq <= b->eng->n_ctx && j->n_room <= b->eng->n_ctx);
    }
    assert(running == b->n_running);
}

/* A batch over eng. */
sk_status srv_batch_open(const srv_engine *eng, const srv_batch_opts *o, srv_batch **out, sk_err *e)
{
    assert(eng->n_slots && eng->n_slots <= eng->max_step && o->emit);
    srv_batch *b = sk_calloc(SK_MEM_REQUEST, 1, sizeof *b);
    if (!b) return sk_fail(e, SK_E_NOMEM, "no memory for the scheduler");
    b->eng = eng;
    b->o = *o;
    srv_tempo_init(&b->tempo, o->target_us);
    b->slot = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof(srv_job *));
    b->item = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof *b->item);
    b->who = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof(srv_job *));
    b->pick = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof *b->pick);
    b->waiting = srv_waitq_new();
    if (!b->slot || !b->item || !b->who || !b->pick || !b->waiting) {
        srv_batch_close(b);
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu slots", eng->n_slots);
    }
    *out = b;
    return SK_OK;
}

/* Frees the batch. */
void srv_batch_close(srv_batch *b)
{
    if (!b) return;
    assert(b->n_running == 0);
    srv_waitq_free(b->waiting);
    sk_buf_fini(&b->text);
    sk_free(b->slot);
    sk_free(b->item);
    sk_free(b->who);
    sk_free(b->pick);
    sk_free(b);
}

/* Appends a job to the waiting ones. */
void srv_batch_add(srv_batch *b, srv_job *j)
{
    assert(j->prompt.n && j->prompt.n + j->n_max <= b->eng->n_ctx);
    j->state = SRV_JOB_WAITING;
    srv_batch_count(b, SRV_M_PROMPT_TOKENS, (double)j->prompt.n);
    if (!srv_waitq_add(b->waiting, j)) return;
    sk_err e = SK_ERR_INIT;
    (void)sk_fail(&e, SK_E_NOMEM, "no memory for the queue");
    srv_batch_count(b, SRV_M_FAILED, 1);
    b->o.emit(b->o.arg, j, &b->text, SRV_FIN_ERROR, &e);
}

/* The counter of an end that did not come by itself. */
static srv_metric_id counter_of(srv_finish fin)
{
    if (fin == SRV_FIN_CANCELLED) return SRV_M_CANCELLED;
    return fin == SRV_FIN_EXPIRED ? SRV_M_EXPIRED : SRV_M_FAILED;
}

void srv_batch_finish(srv_batch *b, srv_job *j, srv_finish fin, const sk_err *err)
{
    if (fin == SRV_FIN_STOP || fin == SRV_FIN_LENGTH) {
        sk_tail_flush(&j->tail, &b->text);
        srv_batch_count(b, SRV_M_FINISHED, 1);
        srv_batch_observe_us(b, SRV_M_E2E_SECONDS, sk_now_us() - j->at_submit_us);
    } else {
        srv_batch_count(b, counter_of(fin), 1);
    }
    srv_waitq_leave(b->waiting, j);
    b->o.emit(b->o.arg, j, &b->text, fin, err);
    sk_buf_reset(&b->text);
}

void srv_batch_leave(srv_batch *b, srv_job *j, srv_finish fin, const sk_err *err)
{
    assert(b->slot[j->slot] == j && b->n_running > 0);
    b->eng->end(b->eng->self, (uint32_t)j->slot, j->seq, err ? 0 : j->n_fed);
    b->slot[j->slot] = NULL;
    b->n_running--;
    srv_batch_finish(b, j, fin, err);
}

/* How a job ends that is lost: its client gone, or its time over. */
static srv_finish lost_as(const srv_job *j)
{
    bool gone = atomic_load_explicit(&j->cancelled, memory_order_relaxed);
    return gone ? SRV_FIN_CANCELLED : SRV_FIN_EXPIRED;
}

/* Ends waiting jobs, and running ones if `all`; those that gave way count as running. */
void srv_batch_drain(srv_batch *b, bool all)
{
    srv_wait_which which = all ? SRV_WAIT_ALL : SRV_WAIT_NEW;
    for (srv_job *j; (j = srv_waitq_find(b->waiting, which, 0));) {
        srv_waitq_take(b->waiting, j);
        srv_batch_finish(b, j, SRV_FIN_DRAINED, NULL);
    }
    for (size_t i = 0; all && i < b->eng->n_slots; i++)
        if (b->slot[i]) srv_batch_leave(b, b->slot[i], SRV_FIN_DRAINED, NULL);
    publish(b);
}

/* Drops the jobs whose clients are gone or whose deadline has passed. */
static void reap(srv_batch *b)
{
    uint64_t now = sk_now_us();
    for (srv_job *j; (j = srv_waitq_find(b->waiting, SRV_WAIT_LOST, now));) {
        srv_waitq_take(b->waiting, j);
        srv_batch_finish(b, j, lost_as(j), NULL);
    }
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (j && srv_job_is_lost(j, now)) srv_batch_leave(b, j, lost_as(j), NULL);
    }
}

/* The token chosen after j's sequence: text, and perhaps the end. */
static void take_token(srv_batch *b, srv_job *j, int32_t id, const float *logits, uint64_t now)
{
    srv_batch_observe_us(b, j->n_out ? SRV_M_ITL_SECONDS : SRV_M_TTFT_SECONDS,
                         now - (j->n_out ? j->at_token_us : j->at_submit_us));
    j->at_token_us = now;
    j->n_out++;
    srv_batch_count(b, SRV_M_OUT_TOKENS, 1);
    if (!j->ignore_end && b->eng->is_end(b->eng->self, id)) {
        srv_batch_leave(b, j, SRV_FIN_STOP, NULL);
        return;
    }
    size_t n = 0;
    const char *piece = srv_job_piece(j, b->eng, id, &n);
    sk_err e = SK_ERR_INIT;
    sk_status st = srv_job_note(j, b->eng, id, n, logits, &e);
    if (st) {
        srv_batch_leave(b, j, SRV_FIN_ERROR, &e);
        return;
    }
    bool stopped = sk_tail_feed(&j->tail, &j->stops, piece, n, &b->text);
    if (!sk_buf_ok(&b->text) || !sk_buf_ok(&j->tail.held)) {
        (void)sk_fail(&e, SK_E_NOMEM, "no memory for the answer");
        srv_batch_leave(b, j, SRV_FIN_ERROR, &e);
        return;
    }
    if (stopped || j->n_out == j->n_max) {
        srv_batch_leave(b, j, stopped ? SRV_FIN_STOP : SRV_FIN_LENGTH, NULL);
        return;
    }
    j->seq[j->n_seq++] = id;
    j->state = SRV_JOB_DECODE;
    if (!b->text.len) return;
    b->o.emit(b->o.arg, j, &b->text, SRV_FIN_NONE, NULL);
    sk_buf_reset(&b->text);
}

/* What the step did for one item; true if a token is to be chosen, with *p saying how.  A job that
 * is to make no tokens ends with its prompt. */
static bool hold_item(srv_batch *b, const eng_step_item *it, srv_job *j, eng_pick *p, uint64_t now)
{
    bool all = it->want == ENG_WANT_ALL;
    p->status = SK_OK;
    p->err = (sk_err)SK_ERR_INIT;
    j->n_fed = it->pos + it->n;
    b->eng->share(b->eng->self, it->slot, j->seq, j->n_fed);
    srv_waitq_charge(b->waiting, j, it->n);
    sk_status st = all ? srv_score_note(j, b->eng, it, &p->err) : SK_OK;
    if (!st && j->n_fed < j->n_seq) {
        if (all) b->o.emit(b->o.arg, j, &b->text, SRV_FIN_NONE, NULL);
        return false;
    }
    if (st || !j->n_max) {
        j->at_token_us = now;
        srv_batch_leave(b, j, st ? SRV_FIN_ERROR : SRV_FIN_LENGTH, st ? &p->err : NULL);
        return false;
    }
    p->opts = j->sample;
    p->in = (eng_sample_in){.logits = all ? it->logits + (it->n - 1) * b->eng->n_vocab : it->logits,
                            .ids = j->seq,
                            .n_ids = j->n_fed,
                            .state = &j->sampled};
    p->status = srv_job_mask(j, &p->in, &p->err);
    return true;
}

/* What the step did: all tokens are chosen together, then handed out one by one. */
static void take_items(srv_batch *b, uint64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_items; i++) {
        if (hold_item(b, &b->item[i], b->who[i], &b->pick[n], now))
            n++;
        else
            b->who[i] = NULL; /* no token; it may have ended */
    }
    if (n) b->eng->pick(b->eng->self, b->pick, n);
    n = 0;
    for (size_t i = 0; i < b->n_items; i++) {
        if (!b->who[i]) continue;
        eng_pick *p = &b->pick[n++];
        if (!p->status) p->status = srv_job_chose(b->who[i], p->id, &p->err);
        if (p->status)
            srv_batch_leave(b, b->who[i], SRV_FIN_ERROR, &p->err);
        else
            take_token(b, b->who[i], p->id, p->in.logits, now);
    }
}

/* The step failed: its jobs end, and what it left of their sequences is not remembered. */
static void fail_step(srv_batch *b, const sk_err *e)
{
    for (size_t i = 0; i < b->n_items; i++)
        srv_batch_leave(b, b->who[i], SRV_FIN_ERROR, e);
}

/* Runs the planned step and hands out what it made. */
static void run_step(srv_batch *b, size_t n_decode, size_t n_prefill)
{
    uint64_t t0 = sk_now_us();
    sk_err e = SK_ERR_INIT;
    sk_status st = b->eng->step(b->eng->self, b->item, b->n_items, &e);
    uint64_t t1 = sk_now_us();
    b->n_steps++;
    srv_batch_count(b, SRV_M_STEPS, 1);
    srv_batch_observe_us(b, SRV_M_STEP_SECONDS, t1 - t0);
    srv_tempo_note(&b->tempo, n_decode, n_prefill, t1 - t0);
    for (size_t i = 0; i < b->n_items; i++)
        b->who[i]->planned = false;
    if (st) {
        fail_step(b, &e);
        return;
    }
    take_items(b, t1);
}

/* One step. */
bool srv_batch_step(srv_batch *b)
{
    size_t n_decode, n_prefill;
    reap(b);
    srv_admit_extend(b);
    srv_admit(b);
    srv_admit_follow(b);
    srv_admit_arrive(b);
    check(b);
    srv_plan(b, &n_decode, &n_prefill);
    if (b->n_items) run_step(b, n_decode, n_prefill);
    publish(b);
    return b->n_items > 0 || b->n_unready > 0 || b->n_arrived > 0;
}

/* Jobs without a slot. */
size_t srv_batch_waiting(const srv_batch *b)
{
    return srv_waitq_count(b->waiting);
}

/* Jobs with a slot. */
size_t srv_batch_running(const srv_batch *b)
{
    return b->n_running;
}
