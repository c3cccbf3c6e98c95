/* filter.h - the filters, by name.
 *
 * A filter is a jn_fn whose `self` is the value before the bar.  Filters that jinja2 has and
 * this engine lacks are rows too, without a function: a template that names one gets "not
 * supported" and its line instead of "unknown", and only if it is reached (templates guard what
 * old versions lack by an if).
 */
#ifndef ENG_JINJA_FILTER_H
#define ENG_JINJA_FILTER_H

#include "engine/jinja/value.h"

/* The filter of that name; its fn is NULL for one that jinja2 has and this engine lacks.  NULL: no
 * such filter. */
const jn_fn *eng_jn_filter_find(const char *name, size_t n);

/* Their tables, by what they work on. */
extern const jn_fn eng_jn_filters_str[];
extern const jn_fn eng_jn_filters_seq[];
extern const jn_fn eng_jn_filters_pick[];
extern const jn_fn eng_jn_filters_num[];
extern const jn_fn eng_jn_filters_json[];

/* An attribute path as filters take it: "a.b.0" or a number; each part an item. */
typedef struct jn_path {
    jn_val *part; /* [n] strings for names, ints for indices */
    size_t n;
} jn_path;

/* Reads a path from an argument; one not given or none has no parts.  "a.0.b" becomes the parts
 * 'a', 0, 'b': digits alone are an index, as jinja2's make_attrgetter has it. */
sk_status eng_jn_path_read(jn_run *r, jn_val attribute, jn_path *out);

/* The item at the end of the path, deflt (JN_UNSET: none) for one undefined on the way; with
 * `fold`, text in lower case. */
sk_status eng_jn_path_get(jn_run *r, const jn_path *p, jn_val item, jn_val deflt, bool fold,
                          jn_val *out);

/* Sorts n values by their keys, stable; a key that has no order is an error.  Merge sort: the
 * number of comparisons is bounded by n log n and counted as steps. v and key are sorted
 * together in place. */
sk_status eng_jn_sort(jn_run *r, jn_val *v, jn_val *key, size_t n, bool reverse);

#endif
