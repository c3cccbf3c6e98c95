/* convert.h - JSON values to the engine's.
 *
 * Both directions of trust meet here: what comes in is marked as message or as template
 * (value.h), and everything the rendering derives keeps that mark.  Objects of JSON become dicts
 * in the order of the text, since templates iterate over tools and their parameters and Python's
 * dicts keep order.
 */
#ifndef ENG_JINJA_CONVERT_H
#define ENG_JINJA_CONVERT_H

#include "base/json.h"
#include "engine/jinja/jinja.h"
#include "engine/jinja/run.h"

enum {
    JN_ROLES = 1, /* v is the list of messages: roles that every server checks are template text */
    JN_COPY = 2   /* copy the strings; else they are borrowed from v */
};

/* v and all in it with that mark.  Without JN_COPY v must outlive the rendering.  Integers stay
 * integers and reals become floats, so that 1 and 1.0 print as they came.  SK_E_TOOBIG for
 * nesting beyond the run's limit. */
sk_status eng_jn_from_json(jn_run *r, json_t *v, uint8_t mark, unsigned flags, jn_val *out);

/* The value of a variable.  Messages given as an array of eng_chat_msg become dicts with `role`
 * and `content` only. */
sk_status eng_jn_from_var(jn_run *r, const eng_jinja_var *var, jn_val *out);

#endif
