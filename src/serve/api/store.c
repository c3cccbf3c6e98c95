/* store.c - a ring of responses: the oldest one goes first. */
#include "serve/api/store.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef struct item {
    char id[80];
    uint32_t key;
    srv_kept kept; /* messages NULL: none */
    char *body;
    sk_buf events;
    size_t bytes;
} item;

struct srv_store {
    pthread_mutex_t lock; /* held by the I/O thread to change something, by others to read */
    size_t n, next, oldest, bytes, max_bytes;
    uint64_t n_put;
    item item[]; /* [n] */
};

srv_store *srv_store_new(size_t n, size_t max_bytes)
{
    srv_store *s = sk_calloc(SK_MEM_REQUEST, 1, sizeof *s + n * sizeof *s->item);
    if (!s) return NULL;
    (void)pthread_mutex_init(&s->lock, NULL);
    s->n = n;
    s->max_bytes = max_bytes;
    return s;
}

static void drop(srv_store *s, item *i)
{
    s->bytes -= i->bytes;
    json_decref(i->kept.messages);
    json_decref(i->kept.input);
    sk_free(i->body);
    sk_buf_fini(&i->events);
    *i = (item){.body = NULL};
}

void srv_store_free(srv_store *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n; i++)
        drop(s, &s->item[i]);
    (void)pthread_mutex_destroy(&s->lock);
    sk_free(s);
}

static int count(const char *p, size_t n, void *sum)
{
    (void)p;
    *(size_t *)sum += n;
    return 0;
}

/* Puts what was made into the next place; the lock is held. */
static void put_in(srv_store *s, const item *i)
{
    item *at = &s->item[s->next];
    drop(s, at);
    while (s->bytes + i->bytes > s->max_bytes) {
        drop(s, &s->item[s->oldest]);
        s->oldest = (s->oldest + 1) % s->n;
    }
    *at = *i;
    s->bytes += i->bytes;
    s->next = (s->next + 1) % s->n;
    if (++s->n_put >= s->n) s->oldest = s->next;
}

void srv_store_put(srv_store *s, const char *id, uint32_t key, const srv_kept *k)
{
    size_t bytes = sizeof(item) + k->n_body;
    if (json_dump_callback(k->messages, count, &bytes, JSON_COMPACT) ||
        json_dump_callback(k->input, count, &bytes, JSON_COMPACT) || bytes > s->max_bytes)
        return;
    char *body = sk_alloc(SK_MEM_REQUEST, k->n_body + 1);
    if (!body) return;
    memcpy(body, k->body, k->n_body);
    item i = {.key = key, .body = body, .bytes = bytes};
    snprintf(i.id, sizeof i.id, "%s", id);
    i.kept = *k;
    i.kept.body = body;
    i.kept.events = NULL;
    (void)json_incref(k->messages);
    (void)json_incref(k->input);
    (void)pthread_mutex_lock(&s->lock);
    put_in(s, &i);
    (void)pthread_mutex_unlock(&s->lock);
}

/* The place of an id; NULL if there is none. */
static const item *find(const srv_store *s, const char *id, uint32_t key)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i].body && s->item[i].key == key && strcmp(s->item[i].id, id) == 0)
            return &s->item[i];
    return NULL;
}

bool srv_store_get(const srv_store *s, const char *id, uint32_t key, srv_kept *out)
{
    const item *i = find(s, id, key);
    if (!i) return false;
    *out = i->kept;
    out->events = i->events.len ? &i->events : NULL;
    return true;
}

void srv_store_events(srv_store *s, const char *id, uint32_t key, sk_buf *log)
{
    const item *at = find(s, id, key);
    if (!at || s->bytes + log->cap > s->max_bytes) return;
    item *i = &s->item[at - s->item];
    assert(!i->events.len);
    (void)pthread_mutex_lock(&s->lock);
    i->events = *log;
    i->bytes += log->cap;
    s->bytes += log->cap;
    (void)pthread_mutex_unlock(&s->lock);
    *log = (sk_buf)SK_BUF_INIT;
}

json_t *srv_store_messages(srv_store *s, const char *id, uint32_t key)
{
    (void)pthread_mutex_lock(&s->lock);
    const item *i = find(s, id, key);
    json_t *out = i ? json_incref(i->kept.messages) : NULL;
    (void)pthread_mutex_unlock(&s->lock);
    return out;
}

bool srv_store_drop(srv_store *s, const char *id, uint32_t key)
{
    (void)pthread_mutex_lock(&s->lock);
    const item *i = find(s, id, key);
    if (i) drop(s, &s->item[i - s->item]);
    (void)pthread_mutex_unlock(&s->lock);
    return i != NULL;
}
