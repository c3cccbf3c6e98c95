/* pyfmt.h - text with values put in, as Python does it: "..." % values and "...".format(values).
 *
 * Source: CPython's "printf-style String Formatting" and "Format String Syntax".  Text of the
 * form keeps the form's marks, each value put in its own, so a user's name in a system prompt
 * that is built by format stays a user's name.
 */
#ifndef ENG_JINJA_PYFMT_H
#define ENG_JINJA_PYFMT_H

#include "engine/jinja/str.h"

/* form % values: a tuple is several, a dict is read by %(name)s.  SK_E_INVALID, in Python's
 * words, for too few or too many values, a value of the wrong type, or a broken form. */
sk_status eng_jn_percent(jn_run *r, jn_val form, jn_val values, jn_val *out);

/* form.format(arguments): {}, {0}, {name}, with .attribute, [item], !r, !s and a format such as
 * :>8 or :.2f.  An attribute is one that a template could write itself (method.h): no way leads
 * out of the engine.  Nested fields are SK_E_UNSUPPORTED. */
sk_status eng_jn_format(jn_run *r, jn_val form, const jn_args *a, jn_val *out);

#endif
