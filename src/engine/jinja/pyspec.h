/* pyspec.h - one value laid out by width, sign, precision and kind of number.
 *
 * The grammar is that of PEP 3101: [[fill]align][sign][#][0][width][grouping][.precision][type].
 * Both ways of formatting (pyfmt.h) end here, each after reading its own syntax into a jn_spec.
 */
#ifndef ENG_JINJA_PYSPEC_H
#define ENG_JINJA_PYSPEC_H

#include "engine/jinja/str.h"

typedef struct jn_spec {
    uint32_t fill; /* code point */
    char align;    /* '<' '>' '^' '=', 0: the value's own */
    char sign;     /* '+', ' ' or 0 */
    bool alt;      /* '#': 0x in front */
    char group;    /* ',' or '_' between thousands, 0 */
    char type;     /* 's' 'd' 'f' 'e' 'g' 'x' 'o' 'b' 'c' '%' 'n' or a capital of them, 0 */
    int64_t width; /* -1: none */
    int64_t prec;  /* -1: none */
    bool percent;  /* of the % operator: %d cuts floats */
} jn_spec;

/* Appends v in the form of the spec.  SK_E_INVALID in Python's words where the type does not fit
 * the value; SK_E_TOOBIG for a width beyond the run's output limit, since "%9999999999d" is an
 * attack and not a number. */
sk_status eng_jn_spec_put(jn_run *r, jn_sb *b, jn_val v, const jn_spec *s);

/* Reads the text behind the colon of a field of str.format.  Sets every field.  SK_E_INVALID for
 * text that is left over. */
sk_status eng_jn_spec_read(jn_run *r, const char *p, size_t n, jn_spec *out);

#endif
