/* pick.c - the choices of a step, made on all threads.
 *
 * With a large vocabulary and many sequences, choosing one token after the other would keep one
 * thread busy for several percent of a step and let the others wait.
 */
#include "base/thread.h"
#include "engine/engine.h"
#include "engine/kernel/exec.h"

#include <assert.h>

typedef struct pick_job {
    eng_sampler *const *sampler;
    size_t n_samplers, n;
    eng_pick *p;
} pick_job;

/* The choices of one sampler.  Which thread makes them does not matter: a choice depends on nothing
 * but what it is given. */
static void pick_task(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const pick_job *j = arg;
    for (size_t i = task; i < j->n; i += j->n_samplers) {
        eng_pick *p = &j->p[i];
        if (!p->status)
            p->status = eng_sampler_pick(j->sampler[task], &p->opts, &p->in, &p->id, &p->err);
    }
}

void eng_sampler_pick_all(eng_exec *x, eng_sampler *const *s, size_t n_samplers, eng_pick *p,
                          size_t n)
{
    assert(n_samplers);
    pick_job j = {s, n_samplers, n, p};
    sk_pool_run(eng_exec_pool(x), n < n_samplers ? n : n_samplers, pick_task, &j);
}
