/* ops.h - what Python's operators do with values: truth, equality, order, "in", +, indices, slices,
 * attributes, and text of any value.
 */
#ifndef ENG_JINJA_OPS_H
#define ENG_JINJA_OPS_H

#include "engine/jinja/ast.h"
#include "engine/jinja/str.h"

/* The name of a value's type in error messages, static storage. */
const char *eng_jn_type_name(jn_val v);

/* bool(v). */
bool eng_jn_truth(jn_val v);

/* a == b. */
sk_status eng_jn_eq(jn_run *r, jn_val a, jn_val b, bool *out);

/* a < b, SK_E_INVALID where Python has no order.  op (JO_LT..JO_GE) is for the message. */
sk_status eng_jn_compare(jn_run *r, jn_op op, jn_val a, jn_val b, bool *out);

/* a in b. */
sk_status eng_jn_contains(jn_run *r, jn_val a, jn_val b, bool *out);

/* a op b, op one of JO_ADD to JO_POW. */
sk_status eng_jn_binary(jn_run *r, jn_op op, jn_val a, jn_val b, jn_val *out);

/* a.name: the attribute, else the item, else undefined. */
sk_status eng_jn_getattr(jn_run *r, jn_val a, jn_str *name, jn_val *out);

/* a[key]: the item, else the attribute of that name, else undefined. */
sk_status eng_jn_getitem(jn_run *r, jn_val a, jn_val key, jn_val *out);

/* a[from:to:step]; JN_NONE where a part is left out. */
sk_status eng_jn_slice(jn_run *r, jn_val a, const jn_val part[3], jn_val *out);

/* str(v) as a string value, and appended to a text; repr(v) appended. */
sk_status eng_jn_str_of(jn_run *r, jn_val v, jn_val *out);

/* What {{ }} writes: nothing for an undefined value. */
sk_status eng_jn_put_str(jn_run *r, jn_sb *b, jn_val v);

/* What a list shows of its items: strings in quotes, escaped. */
sk_status eng_jn_put_repr(jn_run *r, jn_sb *b, jn_val v);

/* HTML-escaped copy of str(v), a "safe" string; a safe string stays as it is. */
sk_status eng_jn_escape(jn_run *r, jn_val v, jn_val *out);

#endif
