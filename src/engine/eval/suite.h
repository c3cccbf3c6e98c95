/* suite.h - the questions a model is tried on, read from JSON lines.
 *
 * The forms are those of CORE (DataComp-LM, arXiv 2406.11794), told by their fields; all lines of
 * a file have one form:
 *
 *   CHOICE  "query", "choices" [texts], "gold" (index): several texts may follow the query
 *   SCHEMA  "context_options" [texts], "continuation", "gold": one text follows several contexts
 *   EXACT   "context", "continuation": the model itself must continue so
 *   ANSWER  "context", "answer" (a number), "chain_of_thought" (may be missing): a number is asked
 *
 * "delimiter" may be in any line: what stands between the query and what follows.  Other members
 * are passed over.  The functions that load and close a suite are in engine.h.
 */
#ifndef ENG_EVAL_SUITE_H
#define ENG_EVAL_SUITE_H

#include "base/mem.h"
#include "engine/engine.h"

/* Most options of an item. */
#define ENG_SUITE_OPTIONS 32

/* All texts are borrowed from the suite. */
typedef struct eng_suite_item {
    size_t line;              /* in the file, from 1 */
    size_t n, gold;           /* options (EXACT, ANSWER: 1), and which is right */
    const char *query;        /* the query or context; NULL for SCHEMA */
    const char *const *opt;   /* [n] choices, or contexts of a SCHEMA; NULL for EXACT, ANSWER */
    const char *continuation; /* SCHEMA, EXACT: what follows; ANSWER: the number */
    const char *thought;      /* ANSWER: how it is found, NULL if not given */
    const char *delimiter;    /* NULL: chosen (prompt.h) */
} eng_suite_item;

struct eng_suite {
    sk_arena *mem;
    const char *name; /* of the file: what messages begin with */
    eng_suite_kind kind;
    eng_suite_item *item; /* [n] */
    size_t n;
};

/* Reads n bytes of JSON lines; `name` is copied.  The first bad line ends it: SK_E_FORMAT with
 * name:line.  Empty lines are passed over; SK_E_FORMAT if there is no item at all. */
sk_status eng_suite_parse(const char *name, const char *text, size_t n, eng_suite **out, sk_err *e);

#endif
