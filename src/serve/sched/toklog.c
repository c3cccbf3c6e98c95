/* toklog.c - records of tokens in a buffer of bytes. */
#include "serve/sched/toklog.h"

#include <assert.h>
#include <string.h>

/* Bytes of a record without its alternatives. */
#define FIXED offsetof(srv_tok, top)

/* Only as many alternatives as there are are stored. */
void srv_toklog_add(sk_buf *log, const srv_tok *t)
{
    assert(t->n_top <= SRV_MAX_TOP);
    sk_buf_add(log, t, FIXED + t->n_top * sizeof *t->top);
}

bool srv_toklog_next(const sk_buf *log, size_t *at, srv_tok *out)
{
    if (log->len - *at < FIXED) return false;
    memcpy(out, log->p + *at, FIXED);
    assert(out->n_top <= SRV_MAX_TOP && log->len - *at >= FIXED + out->n_top * sizeof *out->top);
    memcpy(out->top, log->p + *at + FIXED, out->n_top * sizeof *out->top);
    *at += FIXED + out->n_top * sizeof *out->top;
    return true;
}
