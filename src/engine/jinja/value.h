/* value.h - the values templates compute with, as Python has them.
 *
 * A jn_val is passed by value; what it points to lives in the rendering's pool until its end.
 * Numbers, booleans and containers carry the mark of their origin themselves, strings carry one for
 * each byte (str.h).
 */
#ifndef ENG_JINJA_VALUE_H
#define ENG_JINJA_VALUE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct jn_run jn_run;
typedef struct jn_node jn_node;
typedef struct jn_scope jn_scope;
typedef struct jn_str jn_str;
typedef struct jn_seq jn_seq;
typedef struct jn_dict jn_dict;
typedef struct jn_view jn_view;
typedef struct jn_gen jn_gen;
typedef struct jn_loop jn_loop;
typedef struct jn_macro jn_macro;
typedef struct jn_method jn_method;
typedef struct jn_cycler jn_cycler;
typedef struct jn_undef jn_undef;
typedef struct jn_range jn_range;
typedef struct jn_fn jn_fn;

/* Where text comes from.  Marks are joined by |, so that whatever a message had a part in counts
 * as the message's. */
enum { JN_TEMPLATE = 0, JN_MESSAGE = 1 };

typedef enum jn_type {
    JN_UNSET, /* an argument that was not given; never seen by a template */
    JN_UNDEF,
    JN_NONE,  /* Python's None */
    JN_BOOL,  /* also a number: true + 1 is 2 */
    JN_INT,   /* 64 bits: what would be larger is an error, where Python goes on */
    JN_FLOAT, /* printed with the fewest digits that read back */
    JN_STR,   /* str.h; immutable */
    JN_LIST,
    JN_TUPLE,  /* as a list, but hashable and never changed */
    JN_DICT,   /* dict.h; order of insertion */
    JN_RANGE,  /* numbers made when asked for: range(10**9) costs nothing by itself */
    JN_VIEW,   /* keys(), values(), items() of a dict */
    JN_GEN,    /* what map, select, ... give: read once */
    JN_NS,     /* namespace() */
    JN_LOOP,   /* the variable `loop` */
    JN_MACRO,  /* also the caller of a call block */
    JN_FUNC,   /* a global function */
    JN_METHOD, /* a method with its object */
    JN_CYCLER, /* cycler() and its next(), current, reset() */
    JN_JOINER  /* joiner(): callable */
} jn_type;

typedef struct jn_val {
    uint8_t type; /* jn_type */
    uint8_t mark; /* of everything but strings */
    union {
        bool b;
        int64_t i;
        double f;
        jn_str *s;
        jn_seq *seq; /* lists and tuples */
        jn_dict *d;  /* also namespaces */
        jn_range *range;
        jn_undef *undef;
        const jn_fn *fn;
        jn_view *view; /* these are in obj.h */
        jn_gen *gen;
        jn_loop *loop;
        jn_macro *macro;
        jn_method *method;
        jn_cycler *cycler; /* also joiners */
    } u;
} jn_val;

/* Items of a list or a tuple. */
struct jn_seq {
    jn_val *v;
    size_t n, cap;
    bool group; /* a tuple of groupby: (.grouper, .list) */
};

/* start, start + step, ... before stop; step is not 0. */
struct jn_range {
    int64_t start, stop, step;
};

/* Something that is not there, and what to say when it is used: "'name' is undefined" without an
 * owner, "'owner object' has no attribute 'name'" with one, the hint if there is one. */
struct jn_undef {
    const char *owner, *hint;
    jn_val name;
};

/* Arguments of a call. */
typedef struct jn_kw {
    jn_str *name; /* interned only if the template wrote it; **dict gives others */
    jn_val v;
} jn_kw;

typedef struct jn_args {
    jn_val *v;
    size_t n;
    jn_kw *kw; /* [n_kw] */
    size_t n_kw;
} jn_args;

/* A filter, test, method or global function: a row of a table.  `params` names its parameters
 * (without the value it stands on), separated by blanks; they arrive in a->v in that order, those
 * not given as JN_UNSET.  Without params the arguments arrive as they were written. */
struct jn_fn {
    const char *name, *params;
    unsigned required; /* how many of params must be given */
    sk_status (*fn)(jn_run *r, jn_val self, const jn_args *a, jn_val *out);
};

/* Constructors of what needs no memory. */
static inline jn_val jn_none(void)
{
    return (jn_val){.type = JN_NONE};
}
static inline jn_val jn_bool(bool b)
{
    return (jn_val){.type = JN_BOOL, .u.b = b};
}
static inline jn_val jn_int(int64_t i)
{
    return (jn_val){.type = JN_INT, .u.i = i};
}
static inline jn_val jn_float(double f)
{
    return (jn_val){.type = JN_FLOAT, .u.f = f};
}
static inline jn_val jn_of_str(jn_str *s)
{
    return (jn_val){.type = JN_STR, .u.s = s};
}
static inline bool jn_is_num(jn_val v)
{
    return v.type == JN_BOOL || v.type == JN_INT || v.type == JN_FLOAT;
}
static inline bool jn_is_int(jn_val v)
{
    return v.type == JN_BOOL || v.type == JN_INT;
}
static inline bool jn_is_seq(jn_val v)
{
    return v.type == JN_LIST || v.type == JN_TUPLE;
}
/* The number of a bool or an int. */
static inline int64_t jn_to_int(jn_val v)
{
    return v.type == JN_BOOL ? v.u.b : v.u.i;
}
static inline double jn_to_float(jn_val v)
{
    return v.type == JN_FLOAT ? v.u.f : (double)jn_to_int(v);
}

#endif
