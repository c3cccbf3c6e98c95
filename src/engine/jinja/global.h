/* global.h - the functions every template sees: jinja2's, and those transformers adds.
 *
 * range, dict, namespace, cycler, joiner, lipsum (named only, it needs random words) and
 * jinja2's others; raise_exception and strftime_now, which chat templates expect of
 * transformers.  A variable of the same name hides a function.
 */
#ifndef ENG_JINJA_GLOBAL_H
#define ENG_JINJA_GLOBAL_H

#include "engine/jinja/value.h"

/* The function of that name; its fn is NULL for one this engine lacks.  NULL: no such function. */
const jn_fn *eng_jn_global_find(const char *name, size_t n);

#endif
