/* run.h - the state of one rendering, its limits and its errors. */
#ifndef ENG_JINJA_RUN_H
#define ENG_JINJA_RUN_H

#include "base/status.h"
#include "engine/jinja/mem.h"
#include "engine/jinja/value.h"

struct jn_sb;
struct jn_names;

/* What a statement does to the loop around it. */
typedef enum jn_flow { JN_GO, JN_BREAK, JN_CONTINUE } jn_flow;

/* One rendering; the compiler uses one too, for its memory and errors. */
struct jn_run {
    jn_mem mem;
    sk_err *e;
    int line; /* of the template, of what is being evaluated */
    int depth, max_depth;
    uint64_t steps, max_steps, max_output;
    struct jn_sb *out, *whole; /* where output goes now; the rendering's own */
    jn_scope *scope;
    const struct jn_names *names; /* of the program */
    jn_flow flow;
    int64_t now;
    bool utc;
};

/* Writes "template line N: ..." into the run's error and returns st. */
sk_status eng_jn_fail(jn_run *r, sk_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The error after an allocation gave NULL: the ceiling or the machine. */
sk_status eng_jn_oom(jn_run *r);

/* Counts n steps of work; SK_E_TOOBIG past the limit. */
sk_status eng_jn_step(jn_run *r, uint64_t n);

/* The same for work over n bytes. */
sk_status eng_jn_step_bytes(jn_run *r, size_t n);

/* Goes one level deeper; SK_E_TOOBIG past the limit.  Each success needs an eng_jn_leave. */
sk_status eng_jn_enter(jn_run *r);
void eng_jn_leave(jn_run *r);

#endif
