/* rules.h - what an answer must look like, made into guides of its choices.
 *
 * Compiled grammars are kept for further requests with the same one, the last few of them.  Any
 * thread may take and give back; compiling holds up nobody else. */
#ifndef SRV_API_RULES_H
#define SRV_API_RULES_H

#include "serve/http/fault.h"
#include "serve/sched/engine.h"

typedef struct srv_rules srv_rules;
typedef struct srv_rule_ref srv_rule_ref;

/* An empty store; NULL without memory. */
srv_rules *srv_rules_new(const srv_engine *eng);

/* NULL is allowed.  Nothing may be taken from it any more. */
void srv_rules_free(srv_rules *r);

/* The grammar of a text; to be given back with srv_rules_put.  What can't be enforced is
 * SRV_BAD_VALUE or SRV_UNSUPPORTED of `field`, with the reason. */
sk_status srv_rules_get(srv_rules *r, srv_rule kind, const char *text, size_t n, const char *field,
                        srv_rule_ref **out, srv_fault *f);

/* NULL is allowed. */
void srv_rules_put(srv_rules *r, srv_rule_ref *ref);

/* From where on an answer follows a grammar: from its beginning if `after` is NULL, else only once
 * it has said this (static storage, up to 63 bytes), and it may not end before.  `again`: as often
 * as it says it, the answer being free between, and to end.  `first`: if it begins with it, which
 * then is a part of what the grammar says; else it is free. */
typedef struct srv_rule_when {
    const char *after;
    bool again, first;
} srv_rule_when;

/* Has an answer follow a grammar, which must outlive the job. */
sk_status srv_rules_guide(srv_rule_ref *ref, const srv_engine *eng, const srv_rule_when *when,
                          srv_job *j, srv_fault *f);

/* Tells the guide of a job, if it has one, that the answer began with p[0 .. n).  What can't begin
 * one that follows the grammar is SRV_BAD_VALUE of `field`. */
sk_status srv_rules_said(srv_job *j, const char *p, size_t n, const char *field, srv_fault *f);

#endif
