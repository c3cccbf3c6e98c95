/* method.h - the methods of values, by name.
 *
 * A template may only call what these tables list: there is no getattr into an object, no
 * __class__, no dunder names, so jinja2's sandbox rules hold by construction.
 */
#ifndef ENG_JINJA_METHOD_H
#define ENG_JINJA_METHOD_H

#include "engine/jinja/str.h"

/* The method of that name that v has; its fn is NULL for one that Python has and this engine lacks.
 * NULL: v has none of that name. */
const jn_fn *eng_jn_method_find(jn_val v, const jn_str *name);

/* The tables. */
extern const jn_fn eng_jn_methods_str[];   /* method_str.c */
extern const jn_fn eng_jn_methods_list[];  /* method_seq.c, as the rest */
extern const jn_fn eng_jn_methods_tuple[]; /* those of lists that change nothing */
extern const jn_fn eng_jn_methods_dict[];  /* namespaces have none: ns.items is a variable */

#endif
