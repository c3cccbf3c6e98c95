/* rules.h - what an answer must look like, made into guides of its choices.
 *
 * Compiled grammars are kept for further requests with the same one, the last few of them.  All on
 * the I/O thread, but for the guides themselves. */
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

/* Has an answer follow a grammar, which must outlive the job.  `after` (NULL: from the beginning):
 * only once the answer has said this, static storage; `again`: as often as it says it, the answer
 * being free between. */
sk_status srv_rules_guide(srv_rule_ref *ref, const srv_engine *eng, const char *after, bool again,
                          srv_job *j, srv_fault *f);

#endif
