/* job.c - making and freeing jobs. */
#include "serve/sched/job.h"

#include "base/mem.h"

#include <string.h>

/* A job to be filled in. */
srv_job *srv_job_new(void)
{
    return sk_calloc(SK_MEM_REQUEST, 1, sizeof(srv_job));
}

/* Copies o into the job. */
bool srv_job_set_sample(srv_job *j, const eng_sample_opts *o)
{
    eng_logit_bias *bias = NULL;
    if (o->n_bias) {
        bias = sk_calloc(SK_MEM_REQUEST, o->n_bias, sizeof *bias);
        if (!bias) return false;
        memcpy(bias, o->bias, o->n_bias * sizeof *bias);
    }
    j->sample = *o;
    j->sample.bias = bias;
    return true;
}

/* Frees a job. */
void srv_job_free(srv_job *j)
{
    if (!j) return;
    eng_ids_fini(&j->prompt);
    sk_tail_fini(&j->tail);
    sk_buf_fini(&j->mail.text);
    sk_free((void *)(uintptr_t)j->sample.bias);
    sk_free(j);
}
