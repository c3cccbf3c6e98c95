/* turn.c - puts a turn together from its parts. */
#include "serve/api/turn.h"

#include "base/mem.h"

#include <assert.h>

/* Begins a call. */
static srv_call *add_call(srv_turn *t)
{
    if (t->n_calls == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 4;
        srv_call *call = sk_realloc(SK_MEM_REQUEST, t->call, cap * sizeof *call);
        if (!call) {
            t->oom = true;
            return NULL;
        }
        t->call = call;
        t->cap = cap;
    }
    t->call[t->n_calls] = (srv_call){SK_BUF_INIT, SK_BUF_INIT};
    return &t->call[t->n_calls++];
}

/* Arguments belong to the call that began last: the splitter never mixes the pieces of two. */
void srv_turn_add(srv_turn *t, srv_part part, const char *p, size_t n)
{
    srv_call *c = t->n_calls ? &t->call[t->n_calls - 1] : NULL;
    switch (part) {
    case SRV_PART_TEXT:
        sk_buf_add(&t->text, p, n);
        break;
    case SRV_PART_REASON:
        sk_buf_add(&t->reason, p, n);
        break;
    case SRV_PART_CALL:
        c = add_call(t);
        if (c) sk_buf_add(&c->name, p, n);
        break;
    case SRV_PART_ARGS:
        assert(c || t->oom);
        if (c && !t->oom) sk_buf_add(&c->args, p, n);
        break;
    case SRV_PART_DONE:
        break;
    }
}

bool srv_turn_ok(const srv_turn *t)
{
    if (t->oom || !sk_buf_ok(&t->text) || !sk_buf_ok(&t->reason)) return false;
    for (size_t i = 0; i < t->n_calls; i++)
        if (!sk_buf_ok(&t->call[i].name) || !sk_buf_ok(&t->call[i].args)) return false;
    return true;
}

void srv_turn_fini(srv_turn *t)
{
    for (size_t i = 0; i < t->n_calls; i++) {
        sk_buf_fini(&t->call[i].name);
        sk_buf_fini(&t->call[i].args);
    }
    sk_free(t->call);
    sk_buf_fini(&t->text);
    sk_buf_fini(&t->reason);
    *t = (srv_turn){0};
}
