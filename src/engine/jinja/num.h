/* num.h - numbers as Python has them: literals, conversions from text, arithmetic, printing.
 *
 * Whole numbers have 64 bits; a result that needs more is refused with SK_E_UNSUPPORTED rather than
 * wrapped or rounded.
 */
#ifndef ENG_JINJA_NUM_H
#define ENG_JINJA_NUM_H

#include "engine/jinja/ast.h"
#include "engine/jinja/str.h"

/* The value of a number as the lexer cut it. */
sk_status eng_jn_num_literal(jn_run *r, const char *p, size_t n, bool real, jn_val *out);

/* int(text, base) and float(text) of Python; false when the text is no such number.  *big: it is
 * one, but too large for us. */
bool eng_jn_num_parse_int(const char *p, size_t n, int base, int64_t *out, bool *big);

/* Also "inf" and "nan", as Python's float() takes them. */
bool eng_jn_num_parse_float(const char *p, size_t n, double *out);

/* int(v) of a float: cut towards zero; NaN, infinities and what is too large are refused. */
sk_status eng_jn_num_trunc(jn_run *r, double f, jn_val *out);

/* repr() of a float. */
enum { JN_NUM_TEXT = 40 };

/* The shortest digits that read back as the same double; "1.0", "1e+16", "nan". */
void eng_jn_num_repr(double f, char out[JN_NUM_TEXT]);

/* a op b of two numbers, op one of JO_ADD to JO_POW. */
sk_status eng_jn_num_op(jn_run *r, jn_op op, jn_val a, jn_val b, jn_val *out);

/* -a */
sk_status eng_jn_num_neg(jn_run *r, jn_val a, jn_val *out);

/* Order of two numbers: -1, 0, 1; 2 if one is not a number. */
int eng_jn_num_cmp(jn_val a, jn_val b);

/* round(f, digits) as Python does it: correctly, ties to even. */
double eng_jn_num_round(double f, int64_t digits);

#endif
