/* store.c - a ring of conversations: the oldest one goes first. */
#include "serve/api/store.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

typedef struct item {
    char id[80];
    uint32_t key;
    json_t *messages; /* NULL: none */
    size_t bytes;
} item;

struct srv_store {
    size_t n, next, oldest, bytes, max_bytes;
    item item[]; /* [n] */
};

srv_store *srv_store_new(size_t n, size_t max_bytes)
{
    srv_store *s = sk_calloc(SK_MEM_REQUEST, 1, sizeof *s + n * sizeof *s->item);
    if (!s) return NULL;
    s->n = n;
    s->max_bytes = max_bytes;
    return s;
}

static void drop(srv_store *s, item *i)
{
    s->bytes -= i->bytes;
    json_decref(i->messages);
    *i = (item){.messages = NULL};
}

void srv_store_free(srv_store *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n; i++)
        drop(s, &s->item[i]);
    sk_free(s);
}

static int count(const char *p, size_t n, void *sum)
{
    (void)p;
    *(size_t *)sum += n;
    return 0;
}

void srv_store_put(srv_store *s, const char *id, uint32_t key, json_t *messages)
{
    size_t bytes = sizeof(item);
    if (json_dump_callback(messages, count, &bytes, JSON_COMPACT) || bytes > s->max_bytes) return;
    item *at = &s->item[s->next];
    drop(s, at);
    while (s->bytes + bytes > s->max_bytes) {
        drop(s, &s->item[s->oldest]);
        s->oldest = (s->oldest + 1) % s->n;
    }
    snprintf(at->id, sizeof at->id, "%s", id);
    at->key = key;
    at->messages = json_incref(messages);
    at->bytes = bytes;
    s->bytes += bytes;
    s->next = (s->next + 1) % s->n;
    if (s->item[s->next].messages) s->oldest = s->next;
}

json_t *srv_store_get(const srv_store *s, const char *id, uint32_t key)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i].messages && s->item[i].key == key && strcmp(s->item[i].id, id) == 0)
            return s->item[i].messages;
    return NULL;
}
