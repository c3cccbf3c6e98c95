/* method.h - the methods of values, by name. */
#ifndef ENG_JINJA_METHOD_H
#define ENG_JINJA_METHOD_H

#include "engine/jinja/str.h"

/* The method of that name that v has; its fn is NULL for one that Python has and this engine lacks.
 * NULL: v has none of that name. */
const jn_fn *eng_jn_method_find(jn_val v, const jn_str *name);

/* The tables. */
extern const jn_fn eng_jn_methods_str[];
extern const jn_fn eng_jn_methods_list[];
extern const jn_fn eng_jn_methods_tuple[];
extern const jn_fn eng_jn_methods_dict[];

#endif
