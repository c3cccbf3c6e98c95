/* batch.c - makes each step of the engine out of the running jobs. */
#include "serve/sched/batch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "serve/sched/stats.h"

#include <assert.h>
#include <string.h>

/* Shortest prefill chunk beside running answers: below it the step's fixed cost wins. */
#define MIN_CHUNK 16u

/* Of the steps, this part serves the oldest prompt first, the others the shortest. */
#define OLDEST_EVERY 4u

typedef struct batch_slot {
    srv_job *job;  /* NULL: free */
    int32_t *held; /* [n_ctx] tokens whose keys and values the slot has */
    size_t n_held;
    uint64_t used_at; /* admission that used it last */
} batch_slot;

struct srv_batch {
    const srv_engine *eng;
    srv_batch_opts o;
    batch_slot *slot;    /* [n_slots] */
    eng_step_item *item; /* [n_slots] */
    srv_job **who;       /* [n_slots] the job of each item */
    eng_pick *pick;      /* [n_slots] what is chosen after a step */
    size_t n_items;
    srv_job *first, *last; /* waiting, in order of arrival */
    size_t n_waiting, n_running;
    uint64_t n_admitted, n_steps;
    double us_per_token; /* of steps that prefill; 0: not known */
    sk_buf text;         /* scratch: what a job may send now */
};

static void count(srv_batch *b, srv_metric_id id, double v)
{
    if (b->o.metrics) sk_metric_add(b->o.metrics, id, v);
}

static void observe_us(srv_batch *b, srv_metric_id id, uint64_t us)
{
    if (b->o.metrics) sk_metric_observe(b->o.metrics, id, (double)us / 1e6);
}

/* Publishes how full the batch is. */
static void publish(srv_batch *b)
{
    if (!b->o.metrics) return;
    size_t used = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++)
        if (b->slot[i].job) used += b->slot[i].n_held;
    sk_metric_set(b->o.metrics, SRV_M_WAITING, (double)b->n_waiting);
    sk_metric_set(b->o.metrics, SRV_M_RUNNING, (double)b->n_running);
    sk_metric_set(b->o.metrics, SRV_M_KV_USED,
                  (double)used / ((double)b->eng->n_slots * (double)b->eng->n_ctx));
}

/* What must hold between steps. */
static void check(const srv_batch *b)
{
    size_t running = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        const srv_job *j = b->slot[i].job;
        assert(b->slot[i].n_held <= b->eng->n_ctx);
        if (!j) continue;
        running++;
        assert(j->slot == i && j->state != SRV_JOB_WAITING && j->n_fed == b->slot[i].n_held);
    }
    assert(running == b->n_running);
    assert((b->n_waiting == 0) == (b->first == NULL));
}

/* A batch over eng. */
sk_status srv_batch_open(const srv_engine *eng, const srv_batch_opts *o, srv_batch **out, sk_err *e)
{
    assert(eng->n_slots && eng->n_slots <= eng->max_step && o->emit);
    srv_batch *b = sk_calloc(SK_MEM_REQUEST, 1, sizeof *b);
    if (!b) return sk_fail(e, SK_E_NOMEM, "no memory for the scheduler");
    b->eng = eng;
    b->o = *o;
    b->slot = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof *b->slot);
    b->item = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof *b->item);
    b->who = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof(srv_job *));
    b->pick = sk_calloc(SK_MEM_REQUEST, eng->n_slots, sizeof *b->pick);
    bool ok = b->slot && b->item && b->who && b->pick;
    for (size_t i = 0; ok && i < eng->n_slots; i++) {
        b->slot[i].held = sk_calloc(SK_MEM_REQUEST, eng->n_ctx, sizeof *b->slot[i].held);
        ok = b->slot[i].held != NULL;
    }
    if (!ok) {
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
    assert(b->n_waiting == 0 && b->n_running == 0);
    for (size_t i = 0; b->slot && i < b->eng->n_slots; i++)
        sk_free(b->slot[i].held);
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
    assert(j->prompt.n && j->n_max && j->prompt.n + j->n_max <= b->eng->n_ctx);
    j->state = SRV_JOB_WAITING;
    j->next = NULL;
    if (b->last)
        b->last->next = j;
    else
        b->first = j;
    b->last = j;
    b->n_waiting++;
    count(b, SRV_M_PROMPT_TOKENS, (double)j->prompt.n);
}

/* Hands the end of j to its owner; j's slot is free already. */
static void finish(srv_batch *b, srv_job *j, srv_finish fin, const sk_err *err)
{
    if (fin == SRV_FIN_STOP || fin == SRV_FIN_LENGTH) {
        sk_tail_flush(&j->tail, &b->text);
        count(b, SRV_M_FINISHED, 1);
        observe_us(b, SRV_M_E2E_SECONDS, sk_now_us() - j->at_submit_us);
    } else {
        count(b, fin == SRV_FIN_CANCELLED ? SRV_M_CANCELLED : SRV_M_FAILED, 1);
    }
    b->o.emit(b->o.arg, j, &b->text, fin, err);
    sk_buf_reset(&b->text);
}

/* Takes the slot from j and ends it.  What the slot holds stays, for prompts that begin alike. */
static void leave(srv_batch *b, srv_job *j, srv_finish fin, const sk_err *err)
{
    assert(b->slot[j->slot].job == j && b->n_running > 0);
    b->slot[j->slot].job = NULL;
    b->n_running--;
    finish(b, j, fin, err);
}

/* Ends the waiting jobs for which want says so. */
static void sweep_waiting(srv_batch *b, bool all, srv_finish fin)
{
    srv_job *keep = NULL, **tail = &keep, *last = NULL;
    for (srv_job *j = b->first, *next; j; j = next) {
        next = j->next;
        j->next = NULL;
        if (all || atomic_load_explicit(&j->cancelled, memory_order_relaxed)) {
            b->n_waiting--;
            finish(b, j, fin, NULL);
            continue;
        }
        *tail = last = j;
        tail = &j->next;
    }
    b->first = keep;
    b->last = last;
}

/* Ends waiting jobs, and running ones if `all`. */
void srv_batch_drain(srv_batch *b, bool all)
{
    sweep_waiting(b, true, SRV_FIN_DRAINED);
    for (size_t i = 0; all && i < b->eng->n_slots; i++)
        if (b->slot[i].job) leave(b, b->slot[i].job, SRV_FIN_DRAINED, NULL);
    publish(b);
}

/* Drops the jobs whose clients are gone. */
static void reap(srv_batch *b)
{
    sweep_waiting(b, false, SRV_FIN_CANCELLED);
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i].job;
        if (j && atomic_load_explicit(&j->cancelled, memory_order_relaxed))
            leave(b, j, SRV_FIN_CANCELLED, NULL);
    }
}

/* Length of the beginning that a slot's tokens share with a prompt; its last token is always
 * stepped anew, since its logits are wanted. */
static size_t shared(const batch_slot *s, const eng_ids *prompt)
{
    size_t n = s->n_held < prompt->n - 1 ? s->n_held : prompt->n - 1;
    size_t i = 0;
    while (i < n && s->held[i] == prompt->id[i])
        i++;
    return i;
}

/* The free slot that suits j best: most shared tokens, else the one unused for longest. */
static batch_slot *choose_slot(srv_batch *b, const srv_job *j, size_t *n_shared)
{
    batch_slot *best = NULL;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        batch_slot *s = &b->slot[i];
        if (s->job) continue;
        size_t n = shared(s, &j->prompt);
        if (best && (n < *n_shared || (n == *n_shared && s->used_at >= best->used_at))) continue;
        best = s;
        *n_shared = n;
    }
    return best;
}

/* Gives free slots to the jobs that wait longest. */
static void admit(srv_batch *b)
{
    while (b->first && b->n_running < b->eng->n_slots) {
        srv_job *j = b->first;
        size_t n = 0;
        batch_slot *s = choose_slot(b, j, &n);
        assert(s);
        b->first = j->next;
        if (!b->first) b->last = NULL;
        b->n_waiting--;
        b->n_running++;
        s->job = j;
        s->n_held = n;
        s->used_at = j->order = ++b->n_admitted;
        j->slot = (size_t)(s - b->slot);
        j->n_fed = j->n_cached = n;
        j->state = SRV_JOB_PREFILL;
        j->at_start_us = sk_now_us();
        count(b, SRV_M_CACHED_TOKENS, (double)n);
        observe_us(b, SRV_M_QUEUE_SECONDS, j->at_start_us - j->at_submit_us);
    }
}

/* Puts n tokens of j into the step. */
static void plan_item(srv_batch *b, srv_job *j, const int32_t *ids, size_t n, eng_want want)
{
    assert(!j->planned && b->n_items < b->eng->n_slots);
    j->planned = true;
    b->who[b->n_items] = j;
    b->item[b->n_items++] = (eng_step_item){
        .slot = (uint32_t)j->slot, .pos = j->n_fed, .n = n, .ids = ids, .want = want};
}

/* One token for each answer that is not paused; returns their number. */
static size_t plan_decode(srv_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i].job;
        if (!j || j->state != SRV_JOB_DECODE) continue;
        if (atomic_load_explicit(&j->paused, memory_order_relaxed)) continue;
        plan_item(b, j, &j->last, 1, ENG_WANT_LAST);
        n++;
    }
    return n;
}

/* The next prompt to work on: most often the one with least left, so that a short question is not
 * held up by a long one; regularly the oldest, so that a long one is not held up for ever. */
static srv_job *next_prefill(const srv_batch *b)
{
    bool oldest = b->n_steps % OLDEST_EVERY == 0;
    srv_job *best = NULL;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i].job;
        if (!j || j->state != SRV_JOB_PREFILL || j->planned) continue;
        size_t left = j->prompt.n - j->n_fed, least = best ? best->prompt.n - best->n_fed : 0;
        bool older = best && j->order < best->order;
        if (!best || (oldest ? older : left < least || (left == least && older))) best = j;
    }
    return best;
}

/* Tokens of prompts this step may take, beside n_decode answers. */
static size_t prefill_budget(const srv_batch *b, size_t n_decode)
{
    size_t room = b->eng->max_step - n_decode;
    if (!n_decode || b->us_per_token <= 0) return room;
    double n = (double)b->o.target_us / b->us_per_token;
    if (n < MIN_CHUNK) n = MIN_CHUNK;
    return n < (double)room ? (size_t)n : room;
}

/* Fills the rest of the step with prompt tokens; returns their number. */
static size_t plan_prefill(srv_batch *b, size_t n_decode)
{
    size_t left = prefill_budget(b, n_decode), all = left;
    srv_job *j;
    while (left && (j = next_prefill(b))) {
        size_t n = j->prompt.n - j->n_fed;
        bool whole = n <= left;
        if (!whole) n = left;
        plan_item(b, j, j->prompt.id + j->n_fed, n, whole ? ENG_WANT_LAST : ENG_WANT_NONE);
        left -= n;
    }
    return all - left;
}

/* The token chosen after j's sequence: text, and perhaps the end. */
static void take_token(srv_batch *b, srv_job *j, int32_t id, const float *logits, uint64_t now)
{
    observe_us(b, j->n_out ? SRV_M_ITL_SECONDS : SRV_M_TTFT_SECONDS,
               now - (j->n_out ? j->at_token_us : j->at_submit_us));
    j->at_token_us = now;
    j->n_out++;
    count(b, SRV_M_OUT_TOKENS, 1);
    if (b->eng->is_end(b->eng->self, id)) {
        leave(b, j, SRV_FIN_STOP, NULL);
        return;
    }
    size_t n = 0;
    const char *piece = srv_job_piece(j, b->eng, id, &n);
    sk_err e = SK_ERR_INIT;
    sk_status st = srv_job_note(j, b->eng, id, n, logits, &e);
    if (st) {
        leave(b, j, SRV_FIN_ERROR, &e);
        return;
    }
    bool stopped = sk_tail_feed(&j->tail, &j->stops, piece, n, &b->text);
    if (stopped || j->n_out == j->n_max) {
        leave(b, j, stopped ? SRV_FIN_STOP : SRV_FIN_LENGTH, NULL);
        return;
    }
    j->last = id;
    j->state = SRV_JOB_DECODE;
    if (!b->text.len) return;
    b->o.emit(b->o.arg, j, &b->text, SRV_FIN_NONE, NULL);
    sk_buf_reset(&b->text);
}

/* What the step left in the slot of one item; true if a token is to be chosen, with *p saying how.
 */
static bool hold_item(srv_batch *b, const eng_step_item *it, srv_job *j, eng_pick *p)
{
    batch_slot *s = &b->slot[it->slot];
    memcpy(s->held + it->pos, it->ids, it->n * sizeof *it->ids);
    s->n_held = j->n_fed = it->pos + it->n;
    if (it->want == ENG_WANT_NONE) return false;
    p->status = SK_OK;
    p->err = (sk_err)SK_ERR_INIT;
    p->opts = j->sample;
    p->in = (eng_sample_in){
        .logits = it->logits, .ids = s->held, .n_ids = j->n_fed, .state = &j->sampled};
    p->status = srv_job_mask(j, &p->in, &p->err);
    return true;
}

/* What the step did: all tokens are chosen together, then handed out one by one. */
static void take_items(srv_batch *b, uint64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_items; i++)
        if (hold_item(b, &b->item[i], b->who[i], &b->pick[n])) n++;
    if (n) b->eng->pick(b->eng->self, b->pick, n);
    n = 0;
    for (size_t i = 0; i < b->n_items; i++) {
        if (b->item[i].want == ENG_WANT_NONE) continue;
        eng_pick *p = &b->pick[n++];
        if (!p->status) p->status = srv_job_chose(b->who[i], p->id, &p->err);
        if (p->status)
            leave(b, b->who[i], SRV_FIN_ERROR, &p->err);
        else
            take_token(b, b->who[i], p->id, p->in.logits, now);
    }
}

/* The step failed: its jobs end, and what their slots hold is not known any more. */
static void fail_step(srv_batch *b, const sk_err *e)
{
    for (size_t i = 0; i < b->n_items; i++) {
        b->slot[b->item[i].slot].n_held = 0;
        leave(b, b->who[i], SRV_FIN_ERROR, e);
    }
}

/* Runs the planned step and hands out what it made. */
static void run_step(srv_batch *b, size_t n_prefill)
{
    uint64_t t0 = sk_now_us();
    sk_err e = SK_ERR_INIT;
    sk_status st = b->eng->step(b->eng->self, b->item, b->n_items, &e);
    uint64_t t1 = sk_now_us();
    b->n_steps++;
    count(b, SRV_M_STEPS, 1);
    observe_us(b, SRV_M_STEP_SECONDS, t1 - t0);
    if (n_prefill >= MIN_CHUNK) {
        double us = (double)(t1 - t0) / (double)n_prefill;
        b->us_per_token = b->us_per_token > 0 ? 0.7 * b->us_per_token + 0.3 * us : us;
    }
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
    reap(b);
    admit(b);
    check(b);
    b->n_items = 0;
    size_t n_decode = plan_decode(b);
    size_t n_prefill = plan_prefill(b, n_decode);
    if (b->n_items) run_step(b, n_prefill);
    publish(b);
    return b->n_items > 0;
}

/* Jobs without a slot. */
size_t srv_batch_waiting(const srv_batch *b)
{
    return b->n_waiting;
}

/* Jobs with a slot. */
size_t srv_batch_running(const srv_batch *b)
{
    return b->n_running;
}
