/* aim.h - what the answers to a request are held to: a rule of its own, or that of calls of its
 * tools; how they begin, and how they are taken apart. */
#ifndef SRV_API_AIM_H
#define SRV_API_AIM_H

#include "serve/api/ask.h"
#include "serve/api/params.h"

/* True when the answers must be calls. */
bool srv_aim_forced(const srv_params *p);

/* Takes the grammar that the request's answers follow, if there is one: a->rule. */
sk_status srv_aim_rule(srv_ask *a, const srv_params *p, srv_fault *f);

/* Sets a choice with its job up to follow the rule and to be taken apart; in_reason: the prompt
 * ends inside <think>. */
sk_status srv_aim_choice(srv_choice *c, const srv_params *p, bool in_reason, srv_fault *f);

/* Appends the beginning of a call that must be made to the job's prompt, whose answer then has less
 * room. */
sk_status srv_aim_prompt(srv_ask *a, const srv_params *p, srv_job *j, srv_fault *f);

/* Tells the choices how the calls begin that must be made; before their jobs are submitted. */
sk_status srv_aim_begin(srv_ask *a, const srv_params *p, srv_fault *f);

#endif
