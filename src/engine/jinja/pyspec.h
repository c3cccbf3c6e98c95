/* pyspec.h - one value laid out by width, sign, precision and kind of number. */
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

/* Appends v in the form of the spec. */
sk_status eng_jn_spec_put(jn_run *r, jn_sb *b, jn_val v, const jn_spec *s);

/* Reads the text behind the colon of a field of str.format. */
sk_status eng_jn_spec_read(jn_run *r, const char *p, size_t n, jn_spec *out);

#endif
