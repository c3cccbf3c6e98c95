/* baton.c - turns by numbered tickets, so that nobody is overtaken. */
#include "serve/sched/baton.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>

struct srv_baton {
    pthread_mutex_t lock;
    pthread_cond_t passed;
    uint64_t n_tickets, now; /* handed out; the one whose turn it is */
};

srv_baton *srv_baton_new(void)
{
    srv_baton *b = sk_calloc(SK_MEM_REQUEST, 1, sizeof *b);
    if (!b) return NULL;
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->passed, NULL);
    return b;
}

void srv_baton_free(srv_baton *b)
{
    if (!b) return;
    assert(b->now == b->n_tickets);
    (void)pthread_cond_destroy(&b->passed);
    (void)pthread_mutex_destroy(&b->lock);
    sk_free(b);
}

void srv_baton_take(srv_baton *b)
{
    if (!b) return;
    (void)pthread_mutex_lock(&b->lock);
    uint64_t mine = b->n_tickets++;
    while (b->now != mine)
        (void)pthread_cond_wait(&b->passed, &b->lock);
    (void)pthread_mutex_unlock(&b->lock);
}

void srv_baton_pass(srv_baton *b)
{
    if (!b) return;
    (void)pthread_mutex_lock(&b->lock);
    assert(b->now < b->n_tickets);
    b->now++;
    if (b->now != b->n_tickets) (void)pthread_cond_broadcast(&b->passed);
    (void)pthread_mutex_unlock(&b->lock);
}

size_t srv_baton_waiting(srv_baton *b)
{
    (void)pthread_mutex_lock(&b->lock);
    uint64_t n = b->n_tickets - b->now;
    (void)pthread_mutex_unlock(&b->lock);
    return n ? (size_t)n - 1 : 0;
}
