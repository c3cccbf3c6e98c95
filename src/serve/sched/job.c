/* job.c - making and freeing jobs. */
#include "serve/sched/job.h"

#include "base/mem.h"
#include "serve/sched/engine.h"
#include "serve/sched/score.h"

#include <math.h>
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
    sk_buf_fini(&j->mail.toks);
    sk_buf_fini(&j->toks);
    if (j->guide.free) j->guide.free(j->guide.self);
    sk_free((void *)(uintptr_t)j->sample.bias);
    sk_free(j->seq);
    sk_free(j);
}

bool srv_job_is_lost(const srv_job *j, uint64_t now_us)
{
    if (atomic_load_explicit(&j->cancelled, memory_order_relaxed)) return true;
    return j->deadline_us && now_us > j->deadline_us;
}

/* Frees what a mail holds. */
void srv_mail_fini(srv_mail *m)
{
    sk_buf_fini(&m->text);
    sk_buf_fini(&m->toks);
}

bool srv_job_stalls(const srv_job *j)
{
    bool says = j->state == SRV_JOB_DECODE || srv_score_left(j);
    return says && atomic_load_explicit(&j->paused, memory_order_relaxed);
}

sk_status srv_job_mask(srv_job *j, eng_sample_in *in, sk_err *e)
{
    if (!j->guide.mask) return SK_OK;
    in->allowed = j->guide.mask(j->guide.self, e);
    return in->allowed ? SK_OK : e->status; /* NULL without an error: anything */
}

sk_status srv_job_chose(srv_job *j, int32_t id, sk_err *e)
{
    return j->guide.take ? j->guide.take(j->guide.self, id, e) : SK_OK;
}

const char *srv_job_piece(const srv_job *j, const srv_engine *eng, int32_t id, size_t *n)
{
    for (size_t i = 0; i < j->n_shown; i++)
        if (j->shown[i] == id) return eng->piece_all(eng->self, id, n);
    return eng->piece(eng->self, id, n);
}

/* The engine's scratch is used, so this is no part of the choices that are made in parallel. */
sk_status srv_job_note(srv_job *j, const srv_engine *eng, int32_t id, size_t n, const float *logits,
                       sk_err *e)
{
    if (!j->want_toks) return SK_OK;
    srv_tok t = {.id = id, .n_bytes = (uint32_t)n};
    size_t n_top = 0;
    sk_status st = SK_OK;
    if (!logits) t.logprob = NAN;
    if (j->want_lp && logits)
        st = eng->logprobs(eng->self, logits, id, j->n_top, &t.logprob, t.top, &n_top, e);
    if (st) return st;
    t.n_top = (uint32_t)n_top;
    srv_toklog_add(&j->toks, &t);
    return sk_buf_ok(&j->toks) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for log-probabilities");
}
