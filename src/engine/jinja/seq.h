/* seq.h - lists, and going through whatever can be gone through. */
#ifndef ENG_JINJA_SEQ_H
#define ENG_JINJA_SEQ_H

#include "engine/jinja/run.h"

/* A new list (JN_LIST) or tuple (JN_TUPLE) of n cleared items.  The caller fills
 * out->u.seq->v[0..n); cleared items are JN_UNSET, which a template must never see. */
sk_status eng_jn_seq_new(jn_run *r, jn_type type, size_t n, jn_val *out);

/* Appends v.  Amortised constant; outgrown arrays stay for the views of them that are in use. */
sk_status eng_jn_seq_push(jn_run *r, jn_seq *s, jn_val v);

/* A tuple of two. */
sk_status eng_jn_pair(jn_run *r, jn_val a, jn_val b, jn_val *out);

/* The items of v in order, as a view that later changes of v don't touch: of a dict its keys, of
 * a string its characters; what is undefined has none.  A generator is used up by it.
 * SK_E_INVALID for what can't be gone through.  The view shares the items' memory, so whoever
 * changes a list in place must move it first (own_array in method_seq.c). */
sk_status eng_jn_items(jn_run *r, jn_val v, jn_seq *out);

/* True when eng_jn_items would do. jinja2's test "iterable"; undefined is. */
bool eng_jn_iterable(jn_val v);

/* len(v), or SK_E_INVALID. */
sk_status eng_jn_len(jn_run *r, jn_val v, size_t *out);

/* Number of items of a range.  A range holds no items, so it may be any number; who goes through
 * it counts steps first. */
size_t eng_jn_range_len(const jn_range *g);

#endif
