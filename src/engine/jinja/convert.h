/* convert.h - JSON values to the engine's. */
#ifndef ENG_JINJA_CONVERT_H
#define ENG_JINJA_CONVERT_H

#include "base/json.h"
#include "engine/jinja/jinja.h"
#include "engine/jinja/run.h"

enum {
    JN_ROLES = 1, /* v is the list of messages: roles that every server checks are template text */
    JN_COPY = 2   /* copy the strings; else they are borrowed from v */
};

/* v and all in it with that mark. */
sk_status eng_jn_from_json(jn_run *r, json_t *v, uint8_t mark, unsigned flags, jn_val *out);

/* The value of a variable. */
sk_status eng_jn_from_var(jn_run *r, const eng_jinja_var *var, jn_val *out);

#endif
