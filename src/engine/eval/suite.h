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
 * and one of our own:
 *
 *   REPLY   "prompt" or "messages", "accept": what the model writes is held against texts (reply.h)
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

/* Which answers are right. */
typedef enum eng_accept_how {
    ENG_ACCEPT_CONTAINS,
    ENG_ACCEPT_ONE_OF,
    ENG_ACCEPT_REGEX
} eng_accept_how;
typedef struct eng_accept {
    eng_accept_how how;
    size_t n; /* 1 .. ENG_SUITE_OPTIONS; REGEX: 1 */
    const char *const *text;
} eng_accept;

/* All texts are borrowed from the suite. */
typedef struct eng_suite_item {
    size_t line;              /* in the file, from 1 */
    size_t n, gold;           /* options (1 where there are none), and which is right */
    const char *query;        /* the query or context; NULL for SCHEMA; REPLY: the last message */
    const char *const *opt;   /* [n] choices, or contexts of a SCHEMA; else NULL */
    const char *continuation; /* SCHEMA, EXACT: what follows; ANSWER: the number; else NULL */
    const char *thought;      /* ANSWER: how it is found, NULL if not given */
    const char *delimiter;    /* NULL: chosen (prompt.h) */
    const eng_chat_msg *msg;  /* REPLY: [n_msg], the last is the user's; else NULL */
    size_t n_msg;
    eng_accept accept; /* REPLY */
} eng_suite_item;

struct eng_suite {
    sk_arena *mem;
    const char *name; /* of the file: what messages begin with */
    eng_suite_kind kind;
    eng_suite_item *item; /* [n] */
    size_t n;
};

/* True for the kinds whose answers the model writes: ANSWER, REPLY. */
bool eng_suite_is_written(eng_suite_kind k);

/* Reads n bytes of JSON lines; `name` is copied.  The first bad line ends it: SK_E_FORMAT with
 * name:line.  Empty lines are passed over; SK_E_FORMAT if there is no item at all. */
sk_status eng_suite_parse(const char *name, const char *text, size_t n, eng_suite **out, sk_err *e);

#endif
