/* waitq.c - a list in order of arrival and the counters of the keys that have jobs.
 *
 * Both are short (the bound of the queue), so what is looked for is looked for from the front.
 */
#include "serve/sched/waitq.h"

#include "base/mem.h"

#include <assert.h>

/* A key with jobs alive. */
typedef struct account {
    uint32_t key;
    size_t n_alive;
    double served; /* tokens, on from where it began */
} account;

struct srv_waitq {
    srv_job *first, *last; /* in order of arrival */
    size_t n;
    account *account; /* [n_accounts] of `room` */
    size_t n_accounts, room;
};

srv_waitq *srv_waitq_new(void)
{
    return sk_calloc(SK_MEM_REQUEST, 1, sizeof(srv_waitq));
}

void srv_waitq_free(srv_waitq *q)
{
    if (!q) return;
    assert(!q->first && !q->n_accounts);
    sk_free(q->account);
    sk_free(q);
}

/* ---- keys ---- */

static account *account_of(const srv_waitq *q, uint32_t key)
{
    for (size_t i = 0; i < q->n_accounts; i++)
        if (q->account[i].key == key) return &q->account[i];
    return NULL;
}

/* A new account begins where the least served one is. */
static account *open_account(srv_waitq *q, uint32_t key)
{
    if (q->n_accounts == q->room) {
        size_t room = q->room ? 2 * q->room : 16;
        account *a = sk_realloc(SK_MEM_REQUEST, q->account, room * sizeof *a);
        if (!a) return NULL;
        q->account = a;
        q->room = room;
    }
    double least = 0;
    for (size_t i = 0; i < q->n_accounts; i++)
        if (!i || q->account[i].served < least) least = q->account[i].served;
    q->account[q->n_accounts] = (account){.key = key, .served = least};
    return &q->account[q->n_accounts++];
}

void srv_waitq_charge(srv_waitq *q, const srv_job *j, size_t n)
{
    account *a = account_of(q, j->key);
    assert(a);
    a->served += (double)n;
}

void srv_waitq_leave(srv_waitq *q, const srv_job *j)
{
    account *a = account_of(q, j->key);
    assert(a && a->n_alive);
    if (--a->n_alive == 0) *a = q->account[--q->n_accounts];
}

/* ---- the list ---- */

sk_status srv_waitq_add(srv_waitq *q, srv_job *j)
{
    account *a = account_of(q, j->key);
    if (!a) a = open_account(q, j->key);
    if (!a) return SK_E_NOMEM;
    a->n_alive++;
    j->next = NULL;
    j->gave_way = false;
    if (q->last)
        q->last->next = j;
    else
        q->first = j;
    q->last = j;
    q->n++;
    return SK_OK;
}

void srv_waitq_put_back(srv_waitq *q, srv_job *j)
{
    assert(account_of(q, j->key));
    j->gave_way = true;
    j->next = q->first;
    q->first = j;
    if (!q->last) q->last = j;
    q->n++;
}

/* True if a goes before b, which stands in the list before it. */
static bool before(const srv_waitq *q, const srv_job *a, const srv_job *b)
{
    if (a->priority != b->priority) return a->priority > b->priority;
    if (a->gave_way || b->gave_way) return a->gave_way && (!b->gave_way || a->order < b->order);
    if (a->key == b->key) return false;
    return account_of(q, a->key)->served < account_of(q, b->key)->served;
}

/* A job whose client must first take what was made for it would only hold a slot. */
srv_job *srv_waitq_next(const srv_waitq *q)
{
    srv_job *best = NULL;
    for (srv_job *j = q->first; j; j = j->next) {
        if (atomic_load_explicit(&j->paused, memory_order_relaxed)) continue;
        if (!best || before(q, j, best)) best = j;
    }
    return best;
}

void srv_waitq_take(srv_waitq *q, srv_job *j)
{
    srv_job **at = &q->first, *prev = NULL;
    for (; *at != j; at = &prev->next)
        prev = *at;
    *at = j->next;
    if (q->last == j) q->last = prev;
    j->next = NULL;
    q->n--;
}

static bool is_such(const srv_job *j, srv_wait_which which, uint64_t now_us)
{
    if (which == SRV_WAIT_LOST) return srv_job_is_lost(j, now_us);
    return which == SRV_WAIT_ALL || !j->gave_way;
}

srv_job *srv_waitq_find(const srv_waitq *q, srv_wait_which which, uint64_t now_us)
{
    srv_job *j = q->first;
    while (j && !is_such(j, which, now_us))
        j = j->next;
    return j;
}

size_t srv_waitq_count(const srv_waitq *q)
{
    return q->n;
}
