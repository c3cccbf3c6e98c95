/* pyfmt.h - text with values put in, as Python does it: "..." % values and "...".format(values). */
#ifndef ENG_JINJA_PYFMT_H
#define ENG_JINJA_PYFMT_H

#include "engine/jinja/str.h"

/* form % values: a tuple is several, a dict is read by %(name)s. */
sk_status eng_jn_percent(jn_run *r, jn_val form, jn_val values, jn_val *out);

/* form.format(arguments): {}, {0}, {name}, with .attribute, [item], !r, !s and a format such as
 * :>8 or :.2f. */
sk_status eng_jn_format(jn_run *r, jn_val form, const jn_args *a, jn_val *out);

#endif
