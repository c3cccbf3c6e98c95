/* fault.c - counts the calls that can fail and says which one is to. */
#include "base/fault.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One kind's plan.  nth counts from 1; 0 means no plan. */
typedef struct fault_plan {
    atomic_ulong count, nth;
    atomic_bool on;
} fault_plan;

enum { FAULT_UNREAD, FAULT_OFF, FAULT_ON };

static fault_plan plans[SK_FAULT_N];
static atomic_int fault_state = FAULT_UNREAD;

static const char *const fault_names[SK_FAULT_N] = {
    [SK_FAULT_ALLOC] = "alloc",   [SK_FAULT_WRITE] = "write", [SK_FAULT_FSYNC] = "fsync",
    [SK_FAULT_RENAME] = "rename", [SK_FAULT_KILL] = "kill",   [SK_FAULT_LOSS] = "loss",
};

/* Reads one "kind:N" or "kind:N+" of n bytes; text that is none is passed over, since only tests
 * set it. */
static bool read_item(const char *s, size_t n)
{
    for (int k = 0; k < SK_FAULT_N; k++) {
        size_t len = strlen(fault_names[k]);
        if (n < len + 2 || memcmp(s, fault_names[k], len) != 0 || s[len] != ':') continue;
        char *end;
        unsigned long nth = strtoul(s + len + 1, &end, 10);
        atomic_store(&plans[k].nth, nth);
        atomic_store(&plans[k].on, *end == '+');
        return nth > 0;
    }
    return false;
}

/* Reads SK_FAULT ("alloc:3,fsync:1+") once; two threads that do it at the same time store the same.
 */
static int read_env(void)
{
    const char *s = getenv("SK_FAULT");
    bool any = false;
    while (s && *s) {
        size_t n = strcspn(s, ",");
        any |= read_item(s, n);
        s += n + (s[n] == ',');
    }
    int state = any ? FAULT_ON : FAULT_OFF, unread = FAULT_UNREAD;
    atomic_compare_exchange_strong(&fault_state, &unread, state);
    return atomic_load(&fault_state);
}

/* True when this call is to fail; a planned kill does not return. */
bool sk_fault(sk_fault_kind kind)
{
    int state = atomic_load_explicit(&fault_state, memory_order_relaxed);
    if (state == FAULT_UNREAD) state = read_env();
    if (state == FAULT_OFF) return false;

    assert((unsigned)kind < SK_FAULT_N);
    fault_plan *p = &plans[kind];
    unsigned long count = atomic_fetch_add(&p->count, 1) + 1, nth = atomic_load(&p->nth);
    bool hit = nth && (count == nth || (count > nth && atomic_load(&p->on)));
    if (hit && kind == SK_FAULT_KILL) (void)kill(getpid(), SIGKILL);
    return hit;
}

/* Plans a fault from inside a test and starts counting from 0. */
void sk_fault_plan(sk_fault_kind kind, unsigned long nth, bool on)
{
    assert((unsigned)kind < SK_FAULT_N);
    fault_plan *p = &plans[kind];
    atomic_store(&p->nth, 0);
    atomic_store(&p->count, 0);
    atomic_store(&p->on, on);
    atomic_store(&p->nth, nth);
    atomic_store(&fault_state, FAULT_ON);
}

/* Calls of kind counted since the last plan. */
unsigned long sk_fault_count(sk_fault_kind kind)
{
    assert((unsigned)kind < SK_FAULT_N);
    return atomic_load(&plans[kind].count);
}
