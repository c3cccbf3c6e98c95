/* jinja_case.h - rendering a template with variables written as JSON, for the tests of the engine.
 */
#ifndef TESTS_UNIT_JINJA_CASE_H
#define TESTS_UNIT_JINJA_CASE_H

#include "base/json.h"
#include "engine/jinja/jinja.h"

/* Renders with the members of `vars` (NULL: none) and then of `more` (NULL: none); all of them but
 * bos_token and its like are from messages.  The clock stands at 2025-03-14T15:09:26 UTC.  out must
 * be {0} or hold an earlier text. */
sk_status jinja_render(const char *template, size_t n, json_t *vars, json_t *more,
                       const eng_jinja_limits *limits, eng_jinja_text *out, sk_err *e);

/* The same with the variables as text; NULL: none. */
sk_status jinja_render_text(const char *template, const char *vars, const eng_jinja_limits *limits,
                            eng_jinja_text *out, sk_err *e);

#endif
