/* schema_core.h - the compiler of JSON Schemas, as its files see it.
 *
 * What a value must satisfy is a set of schemas, all of them at once.  expand() takes a set apart:
 * $ref, allOf, anyOf, oneOf, not, if and dependencies are followed until only facts are left -
 * schemas of which only the keywords that speak of the value itself count - in one or more
 * alternatives.  An alternative becomes an expression (null, true, numbers, strings, constants) or
 * a part of a rule (arrays, objects), whose members are sets again.  Sets have numbers, so a schema
 * that refers to itself comes back to a set that has a rule already.
 */
#ifndef ENG_GRAMMAR_SCHEMA_CORE_H
#define ENG_GRAMMAR_SCHEMA_CORE_H

#include "engine/grammar/expr.h"
#include "engine/grammar/rules.h"
#include "engine/grammar/schema_doc.h"

/* Types of values; an integer is a number without fraction. */
enum {
    ENG_T_NULL = 1,
    ENG_T_BOOL = 2,
    ENG_T_INT = 4,
    ENG_T_FRAC = 8,
    ENG_T_STR = 16,
    ENG_T_ARR = 32,
    ENG_T_OBJ = 64,
    ENG_T_ALL = 127
};

/* Bounds: schemas in one set, alternatives of one, steps of the whole compilation, members of an
 * array or object that are counted out. */
enum { ENG_SET_MOST = 128, ENG_ALT_MOST = 4000, ENG_STEPS_MOST = 2000000, ENG_COUNT_MOST = 4000 };

#define ENG_SET_NONE UINT32_MAX

/* A set of schemas: v[0..n), in the order in which they were met. */
typedef struct eng_sset {
    const eng_sval **v, **sorted; /* the same by id */
    size_t n;
    uint32_t *alt; /* sets of facts, once expanded */
    size_t n_alt;
    bool expanded, lexical; /* lexical: the whole is the expression rx */
    eng_rx rx;              /* without white space in front */
    uint32_t rule;          /* ENG_RULE_NONE before it has one */
    uint8_t sat;            /* 0 not asked, 1 being asked, 2 may be satisfied, 3 can't be */
} eng_sset;

/* A synthetic value that stands for something done with another (neg, oneOf, ...). */
typedef struct eng_sderived {
    const eng_sval *of;
    int how;
    const eng_sval *is;
} eng_sderived;

/* A text and its expression (body with the quote behind). */
typedef struct eng_sctext {
    const char *p;
    size_t n;
    eng_rx body;
} eng_sctext;

enum { ENG_TEXTS_KEPT = 1024 };

typedef struct eng_sc {
    eng_sdoc doc;
    eng_rxpool *p;
    eng_rules *r;
    sk_err *e;
    sk_status st; /* the first failure, its sentence is in *e */
    bool compact;
    bool loose; /* only asking whether a set can be satisfied: what can't be followed is passed */
    int depth, neg_depth; /* of such questions in one another; of opposites */
    size_t steps;
    eng_sset *set;
    size_t n_set, cap_set;
    eng_rxindex by_set;
    uint32_t *queue; /* sets whose rules have no body yet */
    size_t n_queue, cap_queue, done;
    eng_sderived *derived;
    size_t n_derived, cap_derived;
    eng_sctext *text; /* [ENG_TEXTS_KEPT] the last of them */
    eng_rx ws, quote, any_free, any_json, body_free, body_json; /* bodies: with the quote behind */
} eng_sc;

/* ---- schema.c ---- */

/* Notes a failure: "PATH/KEYWORD: SENTENCE" (keyword may be NULL); returns its status. */
sk_status eng_sc_fail(eng_sc *c, sk_status st, const eng_sval *at, const char *keyword,
                      const char *why);

/* The same for a keyword that can't be enforced. */
sk_status eng_sc_refuse(eng_sc *c, const eng_sval *at, const char *keyword, const char *why);

/* SK_E_NOMEM. */
sk_status eng_sc_nomem(eng_sc *c);

/* Counts a step of work; false when there were too many or something failed. */
bool eng_sc_step(eng_sc *c);

/* The set of v[0..n) (of which it may leave some out); ENG_SET_NONE after a failure. */
uint32_t eng_sc_set(eng_sc *c, const eng_sval **v, size_t n);

/* An edge that takes a value of the set, white space in front included. */
void eng_sc_value(eng_sc *c, uint32_t from, uint32_t set, uint32_t to);

/* White space, then rx. */
eng_rx eng_sc_spaced(eng_sc *c, eng_rx rx);

/* White space, then the text. */
eng_rx eng_sc_token(eng_sc *c, const char *text);

/* What was derived from `of` before, NULL if nothing was; and noting it. */
const eng_sval *eng_sc_derived(const eng_sc *c, const eng_sval *of, int how);

/* NULL without memory. */
const eng_sval *eng_sc_derive(eng_sc *c, const eng_sval *of, int how, const eng_sval *is);

/* A count of a keyword: at least 0 and whole; `other` without the keyword. */
int64_t eng_sc_count(eng_sc *c, const eng_sval *s, const char *keyword, int64_t other);

/* ---- schema_expand.c ---- */

/* Expands a set: its alternatives are then known. */
void eng_sc_expand(eng_sc *c, uint32_t set);

/* The alternatives, in the document's arena, without noting them; NULL after a failure. */
uint32_t *eng_sc_alternatives(eng_sc *c, uint32_t set, size_t *n);

/* Types that all of v[0..n) leave. */
unsigned eng_sc_types(eng_sc *c, const eng_sval *const *v, size_t n);

/* What $ref means; NULL after a failure. */
const eng_sval *eng_sc_target(eng_sc *c, const eng_sval *s, const eng_sval *ref);

/* ---- schema_neg.c ---- */

/* A schema that is satisfied exactly by what does not satisfy s; NULL after a failure. */
const eng_sval *eng_sc_not(eng_sc *c, const eng_sval *s);

/* The schemas of oneOf, each with all others excluded that it might overlap, as an array. */
const eng_sval *eng_sc_one_of(eng_sc *c, const eng_sval *s, const eng_sval *list);

/* ---- schema_sat.c ---- */

/* True when nothing can satisfy all of the set; false when something may. */
bool eng_sc_hopeless(eng_sc *c, uint32_t set);

/* ---- schema_valid.c ---- */

/* 1: value v satisfies s, 0: it does not, -1: that can't be said. */
int eng_sc_valid(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth);

/* The same of the keywords of a fact only (those that combine schemas are left out). */
int eng_sc_valid_fact(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth);

/* The same without its "enum" and "const". */
int eng_sc_valid_rest(eng_sc *c, const eng_sval *v, const eng_sval *s, int depth);

/* ---- schema_scalar.c, schema_string.c, schema_number.c ---- */

/* null, true, false, numbers, strings and constants that satisfy the facts v[0..n), of the types
 * given; no white space in front.  *constant: the facts name all values, so there are no others. */
eng_rx eng_sc_scalar(eng_sc *c, const eng_sval *const *v, size_t n, unsigned types, bool *constant);

/* Strings, with their quotes. */
eng_rx eng_sc_string(eng_sc *c, const eng_sval *const *v, size_t n);

/* The text as a whole JSON string, canonical; with_open: the quote in front too. */
eng_rx eng_sc_text(eng_sc *c, const eng_str *s, bool with_open);

/* Bodies of strings (with the quote behind) that hold a match of a "pattern" at s. */
eng_rx eng_sc_pattern(eng_sc *c, const eng_sval *s, const char *keyword, const eng_str *pattern);

/* Numbers of the types given (ENG_T_INT, ENG_T_FRAC). */
eng_rx eng_sc_number(eng_sc *c, const eng_sval *const *v, size_t n, unsigned types);

/* A number as it may be written. */
eng_rx eng_sc_number_text(eng_sc *c, const eng_sval *v);

/* Bodies of a known format, ENG_RX_ALL for a name that JSON Schema does not define. */
eng_rx eng_sc_format(eng_sc *c, const eng_sval *s, const eng_sval *format);

/* ---- schema_array.c, schema_object.c ---- */

/* Arrays, objects that satisfy the facts, from node `from` to node `to`. */
void eng_sc_array(eng_sc *c, const eng_sval *const *v, size_t n, uint32_t from, uint32_t to);

/* The same of objects. */
void eng_sc_object(eng_sc *c, const eng_sval *const *v, size_t n, uint32_t from, uint32_t to);

/* The set that element i must satisfy. */
uint32_t eng_sc_element(eng_sc *c, const eng_sval *const *v, size_t n, size_t i);

/* The set that the member `key` must satisfy. */
uint32_t eng_sc_member(eng_sc *c, const eng_sval *const *v, size_t n, const eng_str *key);

#endif
