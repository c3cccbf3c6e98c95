/* hands.c - lines of chores, one a key, and the workers that take them in turn. */
#include "serve/sched/hands.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Longest time a client is asked to stay away. */
#define MAX_RETRY_S 120.0

/* The chores of one key that wait, oldest first. */
typedef struct line {
    uint32_t key;
    size_t n;
    srv_chore *first, *last;
} line;

struct srv_hands {
    pthread_mutex_t lock;
    pthread_cond_t more;
    /* under the lock */
    line *line; /* [most] n_lines of keys that have chores, in the order of their turns */
    size_t n_lines, n_waiting, most;
    srv_chore *back, *last_back; /* done, in order */
    bool ending;
    /* the I/O thread's */
    size_t n_alive, n_threads;
    double chore_us; /* what a chore takes, smoothed */
    int fd;          /* readable while there are some back */
    pthread_t thread[];
};

/* ---- lines; the lock is held ---- */

static void take_line_off(srv_hands *h, size_t at)
{
    assert(!h->line[at].n);
    h->n_lines--;
    memmove(h->line + at, h->line + at + 1, (h->n_lines - at) * sizeof *h->line);
}

/* The line of a key; a new one is the last in turn. */
static line *line_of(srv_hands *h, uint32_t key)
{
    for (size_t i = 0; i < h->n_lines; i++)
        if (h->line[i].key == key) return &h->line[i];
    assert(h->n_lines < h->most);
    h->line[h->n_lines] = (line){.key = key};
    return &h->line[h->n_lines++];
}

static void append(srv_hands *h, srv_chore *c)
{
    line *l = line_of(h, c->key);
    c->next = NULL;
    if (l->first)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
    l->n++;
    h->n_waiting++;
}

/* The oldest chore of the key whose turn it is, which then is the last in turn. */
static srv_chore *take_next(srv_hands *h)
{
    if (!h->n_lines) return NULL;
    line l = h->line[0];
    srv_chore *c = l.first;
    l.first = c->next;
    l.n--;
    h->n_waiting--;
    h->line[0].n = 0;
    take_line_off(h, 0);
    if (l.n) h->line[h->n_lines++] = l;
    c->next = NULL;
    return c;
}

/* Takes c out of where it waits; false if it does not. */
static bool take_out(srv_hands *h, const srv_chore *c)
{
    for (size_t i = 0; i < h->n_lines; i++) {
        line *l = &h->line[i];
        srv_chore **at = &l->first, *before = NULL;
        if (l->key != c->key) continue;
        for (; *at && *at != c; at = &before->next)
            before = *at;
        if (!*at) return false;
        *at = c->next;
        if (l->last == c) l->last = before;
        h->n_waiting--;
        if (--l->n == 0) take_line_off(h, i);
        return true;
    }
    return false;
}

/* The newest chore of the key that has most, if that has two more than `key`; NULL otherwise. */
static srv_chore *one_too_many(const srv_hands *h, uint32_t key)
{
    const line *most = NULL;
    size_t own = 0;
    for (size_t i = 0; i < h->n_lines; i++) {
        if (!most || h->line[i].n > most->n) most = &h->line[i];
        if (h->line[i].key == key) own = h->line[i].n;
    }
    return most && most->n >= own + 2 ? most->last : NULL;
}

/* ---- workers ---- */

/* Hands c back; the descriptor turns readable with the first one. */
static void hand_back(srv_hands *h, srv_chore *c)
{
    c->next = NULL;
    if (h->back)
        h->last_back->next = c;
    else
        h->back = c;
    h->last_back = c;
    if (h->back == c) (void)eventfd_write(h->fd, 1);
}

static void *worker_main(void *arg)
{
    srv_hands *h = arg;
    (void)pthread_mutex_lock(&h->lock);
    while (!h->ending) {
        srv_chore *c = take_next(h);
        if (!c) {
            (void)pthread_cond_wait(&h->more, &h->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&h->lock);
        uint64_t began = sk_now_us();
        c->work(c);
        c->took_us = sk_now_us() - began;
        (void)pthread_mutex_lock(&h->lock);
        hand_back(h, c);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- the I/O thread ---- */

/* Threads that started are counted one by one, so that srv_hands_close() joins these and no
 * other. */
sk_status srv_hands_open(size_t n_threads, size_t most, srv_hands **out, sk_err *e)
{
    assert(n_threads && most);
    srv_hands *h = sk_calloc(SK_MEM_REQUEST, 1, sizeof *h + n_threads * sizeof *h->thread);
    if (!h) return sk_fail(e, SK_E_NOMEM, "no memory for the server");
    h->most = most;
    h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = h->fd < 0 ? errno : 0;
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_cond_init(&h->more, NULL);
    h->line = sk_calloc(SK_MEM_REQUEST, most, sizeof *h->line);
    for (; h->line && !err && h->n_threads < n_threads; h->n_threads += !err)
        err = pthread_create(&h->thread[h->n_threads], NULL, worker_main, h);
    if (h->line && !err) {
        *out = h;
        return SK_OK;
    }
    sk_status st = h->line ? sk_fail_errno(e, err, "cannot start a thread that prepares requests")
                           : sk_fail(e, SK_E_NOMEM, "no memory for the server");
    srv_hands_close(h);
    return st;
}

/* Tells c what became of it. */
static void tell(srv_hands *h, srv_chore *c, srv_chore_end how)
{
    assert(h->n_alive);
    h->n_alive--;
    if (how == SRV_CHORE_RAN) {
        double us = (double)c->took_us;
        h->chore_us = h->chore_us > 0 ? 0.9 * h->chore_us + 0.1 * us : us;
    }
    c->done(c, how);
}

void srv_hands_close(srv_hands *h)
{
    if (!h) return;
    (void)pthread_mutex_lock(&h->lock);
    h->ending = true;
    (void)pthread_cond_broadcast(&h->more);
    (void)pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < h->n_threads; i++)
        (void)pthread_join(h->thread[i], NULL);
    srv_hands_collect(h);
    for (srv_chore *c; (c = take_next(h));)
        tell(h, c, SRV_CHORE_DROPPED);
    assert(!h->n_alive);
    if (h->fd >= 0) (void)close(h->fd);
    (void)pthread_cond_destroy(&h->more);
    (void)pthread_mutex_destroy(&h->lock);
    sk_free(h->line);
    sk_free(h);
}

bool srv_hands_give(srv_hands *h, srv_chore *c)
{
    srv_chore *other = NULL;
    (void)pthread_mutex_lock(&h->lock);
    bool room = h->n_waiting < h->most;
    if (!room) {
        other = one_too_many(h, c->key);
        if (other) (void)take_out(h, other);
    }
    if (room || other) {
        append(h, c);
        h->n_alive++;
        (void)pthread_cond_signal(&h->more);
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (other) tell(h, other, SRV_CHORE_CROWDED);
    return room || other;
}

bool srv_hands_drop(srv_hands *h, srv_chore *c)
{
    (void)pthread_mutex_lock(&h->lock);
    bool waits = take_out(h, c);
    (void)pthread_mutex_unlock(&h->lock);
    if (waits) tell(h, c, SRV_CHORE_DROPPED);
    return waits;
}

unsigned srv_hands_retry_s(const srv_hands *h)
{
    double sec = ceil((double)h->n_alive / (double)h->n_threads * h->chore_us / 1e6);
    if (!(sec >= 1)) return 1;
    return sec > MAX_RETRY_S ? (unsigned)MAX_RETRY_S : (unsigned)sec;
}

int srv_hands_fd(const srv_hands *h)
{
    return h->fd;
}

/* What is told may give further chores. */
void srv_hands_collect(srv_hands *h)
{
    eventfd_t n;
    (void)pthread_mutex_lock(&h->lock);
    srv_chore *c = h->back;
    h->back = h->last_back = NULL;
    if (c) (void)eventfd_read(h->fd, &n);
    (void)pthread_mutex_unlock(&h->lock);
    for (srv_chore *next; c; c = next) {
        next = c->next;
        tell(h, c, SRV_CHORE_RAN);
    }
}

size_t srv_hands_alive(const srv_hands *h)
{
    return h->n_alive;
}
