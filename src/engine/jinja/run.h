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
    jn_mem mem;           /* where all values live */
    sk_err *e;            /* gets one sentence, by eng_jn_fail */
    int line;             /* of the template, of what is being evaluated */
    int depth, max_depth; /* levels of eng_jn_enter under way, and how many may be */
    uint64_t steps, max_steps, max_output; /* counted so far; bounds of jinja.h */
    struct jn_sb *out;            /* where output goes now: a capture (eval.h) puts its own here */
    jn_scope *scope;              /* the innermost */
    const struct jn_names *names; /* of the program */
    jn_flow flow;                 /* JN_GO but while a break or continue is on its way out */
    int64_t now; /* seconds since 1970: read once, so that a rendering shows one moment */
    bool utc;    /* strftime_now in UTC, else in the machine's zone */
};

/* Writes "template line N: ..." into the run's error and returns st.  The first failure wins:
 * who gets a status from below returns it and writes nothing. */
sk_status eng_jn_fail(jn_run *r, sk_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The error after an allocation gave NULL: the ceiling or the machine.  SK_E_TOOBIG for the
 * ceiling of jinja.h, which is the template's fault; SK_E_NOMEM for the machine's. */
sk_status eng_jn_oom(jn_run *r);

/* Counts n steps of work; SK_E_TOOBIG past the limit.  Whatever loops over something a template
 * can make large calls it, before the work. */
sk_status eng_jn_step(jn_run *r, uint64_t n);

/* The same for work over n bytes.  A step for 64 bytes, so that copying text costs about what
 * evaluating nodes does. */
sk_status eng_jn_step_bytes(jn_run *r, size_t n);

/* Goes one level deeper; SK_E_TOOBIG past the limit.  Each success needs an eng_jn_leave. */
sk_status eng_jn_enter(jn_run *r);
/* The other end of eng_jn_enter; not called where that failed. */
void eng_jn_leave(jn_run *r);

#endif
