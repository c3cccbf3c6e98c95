/* aside.c - a thread of low priority (Linux gives each thread a nice value of its own). */
#include "serve/sched/aside.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A tenth of a core's time beside a thread that wants all of it (kernel: sched_prio_to_weight), so
 * that it gets on under full load, too. */
#define NICE 10

typedef struct order {
    void (*fn)(void *arg);
    void *arg;
} order;

static void *aside_main(void *arg)
{
    const order *o = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    o->fn(o->arg);
    return NULL;
}

sk_status srv_aside_run(void (*fn)(void *arg), void *arg, sk_err *e)
{
    order o = {fn, arg};
    pthread_t t;
    int err = pthread_create(&t, NULL, aside_main, &o);
    if (err) return sk_fail_errno(e, err, "cannot start a thread to load with");
    (void)pthread_join(t, NULL);
    return SK_OK;
}
