/* job.c - making and freeing jobs. */
#include "serve/sched/job.h"

#include "base/mem.h"

/* A job to be filled in. */
srv_job *srv_job_new(void)
{
    return sk_calloc(SK_MEM_REQUEST, 1, sizeof(srv_job));
}

/* Frees a job. */
void srv_job_free(srv_job *j)
{
    if (!j) return;
    eng_ids_fini(&j->prompt);
    sk_tail_fini(&j->tail);
    sk_buf_fini(&j->mail.text);
    sk_free(j);
}
