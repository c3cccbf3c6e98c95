/* admit.c - who gets a slot and memory, who gives way, and who waits for another's prompt. */
#include "serve/sched/batch_in.h"
#include "serve/sched/score.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* Tokens of an answer for which memory is promised at once.  Most answers are shorter than what
 * their requests allow; one that is longer gets more on its way, or waits for it. */
#define AHEAD 512u

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Tokens that j can become. */
static size_t all_of(const srv_job *j)
{
    return j->prompt.n + j->n_max;
}

/* Room for all tokens of j; what it does not come to is never touched. */
static bool make_seq(srv_job *j)
{
    if (j->seq) return true;
    j->seq = sk_alloc(SK_MEM_REQUEST, all_of(j) * sizeof *j->seq);
    if (!j->seq) return false;
    memcpy(j->seq, j->prompt.id, j->prompt.n * sizeof *j->seq);
    j->n_seq = j->prompt.n;
    return true;
}

/* ---- one prompt for several ---- */

/* Whole pages that j's tokens share with those of k, without j's last token. */
static size_t in_common(const srv_job *j, const srv_job *k)
{
    size_t n = least(j->n_seq - 1, k->n_seq), i = 0;
    while (i < n && j->seq[i] == k->seq[i])
        i++;
    return i / ENG_KV_PAGE * ENG_KV_PAGE;
}

/* Looks for a job that is about to compute more of j's beginning than the cache has.  It must have
 * come before j, so that nobody waits in a circle, and have no less priority. */
static void find_leader(const srv_batch *b, srv_job *j)
{
    j->leader = NULL;
    j->common = j->n_fed;
    if (j->n_fed % ENG_KV_PAGE || srv_score_left(j)) return;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *k = b->slot[i];
        if (!k || k->state != SRV_JOB_PREFILL || k->order >= j->order) continue;
        if (k->priority < j->priority || k->adapter != j->adapter) continue;
        size_t n = in_common(j, k);
        if (n <= j->common || n <= k->n_fed) continue;
        j->leader = k;
        j->leader_order = k->order;
        j->leader_slot = k->slot;
        j->common = n;
    }
}

/* True while the leader is still at what j waits for. */
static bool is_led(const srv_batch *b, const srv_job *j)
{
    const srv_job *k = b->slot[j->leader_slot];
    if (!k || k != j->leader || k->order != j->leader_order) return false;
    return k->state == SRV_JOB_PREFILL && k->n_fed < j->common;
}

/* What j waits for before its prompt is computed: another job's prompt, or else the disk. */
static void look_further(const srv_batch *b, srv_job *j)
{
    const srv_engine *eng = b->eng;
    find_leader(b, j);
    if (j->leader || !eng->fetch) return;
    j->fetching = eng->fetch(eng->self, (uint32_t)j->slot, j->seq, srv_score_known(j));
}

/* The cache has given j the first n tokens of its sequence.  Those that j has computed before, and
 * lost, are no gift. */
static void gain(srv_batch *b, srv_job *j, size_t n)
{
    double more = (double)(n - j->n_fed);
    assert(n >= j->n_fed && n < j->n_seq);
    srv_batch_count(b, SRV_M_PREFIX_HITS, more);
    if (j->n_out == 0 && j->n_fed == j->n_cached) {
        srv_batch_count(b, SRV_M_CACHED_TOKENS, more);
        j->n_cached = n;
    }
    j->n_fed = n;
}

void srv_admit_follow(srv_batch *b)
{
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (!j || !j->leader || is_led(b, j)) continue;
        gain(b, j, b->eng->adopt(b->eng->self, (uint32_t)i, j->seq, j->n_seq));
        look_further(b, j);
    }
}

/* ---- from disk ---- */

/* Bytes that are taken before a step, of all jobs: a millisecond or two of copying. */
#define ARRIVE_BYTES ((size_t)8 << 20)

void srv_admit_arrive(srv_batch *b)
{
    size_t n = 0;
    b->n_arrived = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++)
        n += b->slot[i] && b->slot[i]->fetching;
    for (size_t i = 0; n && i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (!j || !j->fetching) continue;
        size_t most = ARRIVE_BYTES / n, had = j->n_fed;
        gain(b, j, b->eng->arrive(b->eng->self, (uint32_t)i, j->seq, most, &j->fetching));
        b->n_arrived += j->n_fed > had || !j->fetching;
        if (!j->fetching) find_leader(b, j); /* of what comes behind it */
    }
}

/* ---- in ---- */

/* j has its slot and the first n tokens of its sequence. */
static void enter(srv_batch *b, srv_job *j, size_t slot, size_t n)
{
    b->slot[slot] = j;
    b->n_running++;
    j->slot = slot;
    j->n_fed = n;
    j->state = SRV_JOB_PREFILL;
    srv_batch_count(b, SRV_M_PREFIX_QUERIES, (double)j->n_seq);
    srv_batch_count(b, SRV_M_PREFIX_HITS, (double)n);
    if (!j->order) {
        j->order = ++b->n_admitted;
        j->n_cached = n;
        j->at_start_us = sk_now_us();
        srv_batch_count(b, SRV_M_CACHED_TOKENS, (double)n);
        srv_batch_observe_us(b, SRV_M_QUEUE_SECONDS, j->at_start_us - j->at_submit_us);
    }
    look_further(b, j);
}

/* Tries to let j in; false if it has to wait for memory. */
static bool admit_one(srv_batch *b, srv_job *j)
{
    sk_err e = SK_ERR_INIT;
    size_t slot = 0, held = 0;
    while (b->slot[slot])
        slot++;
    sk_status st = SK_OK;
    if (!make_seq(j)) st = sk_fail(&e, SK_E_NOMEM, "no memory for a sequence");
    if (!st) st = b->eng->adapt(b->eng->self, (uint32_t)slot, j->adapter, &e);
    if (!st) {
        j->n_room = least(j->n_seq + AHEAD, all_of(j));
        st = b->eng->begin(b->eng->self, (uint32_t)slot, j->seq, srv_score_known(j), j->n_room,
                           &held, &e);
    }
    if (st == SK_E_BUSY && b->n_running) return false;
    srv_waitq_take(b->waiting, j);
    if (st)
        srv_batch_finish(b, j, SRV_FIN_ERROR, &e);
    else
        enter(b, j, slot, held);
    return true;
}

/* ---- giving way ---- */

/* Promises memory for j's next tokens, or at least for the next one. */
static sk_status extend(srv_batch *b, srv_job *j)
{
    sk_status st = SK_E_BUSY;
    for (size_t ahead = AHEAD; st == SK_E_BUSY && ahead; ahead = ahead > 1 ? 1 : 0) {
        size_t n = least(j->n_room + ahead, all_of(j));
        st = b->eng->extend(b->eng->self, (uint32_t)j->slot, n);
        if (!st) j->n_room = n;
    }
    return st;
}

/* True if j goes before k where both can't stay. */
static bool outranks(const srv_job *j, const srv_job *k)
{
    return j->priority != k->priority ? j->priority > k->priority : j->order < k->order;
}

/* The running job that all others outrank. */
static srv_job *last_of(const srv_batch *b)
{
    srv_job *last = NULL;
    for (size_t i = 0; i < b->eng->n_slots; i++)
        if (b->slot[i] && (!last || outranks(last, b->slot[i]))) last = b->slot[i];
    return last;
}

/* Takes j's slot and memory until there is room again.  The cache remembers its tokens while it
 * can; whatever it has to compute anew then comes out the same. */
static void give_way(srv_batch *b, srv_job *j)
{
    b->eng->end(b->eng->self, (uint32_t)j->slot, j->seq, j->n_fed);
    b->slot[j->slot] = NULL;
    b->n_running--;
    j->state = SRV_JOB_WAITING;
    j->n_fed = 0;
    j->leader = NULL;
    j->fetching = false;
    srv_batch_count(b, SRV_M_PREEMPTED, 1);
    srv_waitq_put_back(b->waiting, j);
}

/* An answer that is paused, the one that came last; NULL if there is none. */
static srv_job *paused_of(const srv_batch *b)
{
    srv_job *last = NULL;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (!j || !srv_job_stalls(j)) continue;
        if (!last || outranks(last, j)) last = j;
    }
    return last;
}

/* In the order of the queue: who is first and needs much is not overtaken for ever.  Readers that
 * are too slow do not keep others out: they give way when slots or memory are short. */
void srv_admit(srv_batch *b)
{
    srv_job *j, *slow;
    while ((j = srv_waitq_next(b->waiting))) {
        if (b->n_running < b->eng->n_slots && admit_one(b, j)) continue;
        if (!(slow = paused_of(b))) return;
        give_way(b, slow);
    }
}

/* The job that outranks all others always gets its memory in the end, since a sequence is never
 * longer than the whole cache: so everybody gets on. */
void srv_admit_extend(srv_batch *b)
{
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (!j || j->state != SRV_JOB_DECODE || j->n_fed < j->n_room) continue;
        while (b->slot[i] == j && extend(b, j)) {
            srv_job *v = last_of(b);
            assert(v != j || b->n_running > 1);
            give_way(b, v);
        }
    }
}
