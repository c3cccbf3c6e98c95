/* slot.h - one of the sequences of a session while a suite is run: an item goes through it, its
 * options one after the other.
 *
 * Tokens that an option has in common with what the slot's cache holds (its context, the examples
 * of the item before) are not computed again; by the session's promise that changes no result.
 */
#ifndef ENG_EVAL_SLOT_H
#define ENG_EVAL_SLOT_H

#include "base/buf.h"
#include "engine/eval/score.h"

typedef struct eng_slot {
    bool busy;
    size_t item, k;    /* the item, and the option being run */
    size_t pos;        /* tokens of the sequence that are in the cache */
    eng_ids cache;     /* what is in the cache */
    eng_prompt prompt; /* answers: written tokens are appended to its ids */
    eng_nll *tok;      /* [tok_cap] of the token in the same place of prompt.ids */
    size_t tok_cap;
    eng_nll last; /* answers: after the last token */
    sk_buf text;  /* answers: written so far */
} eng_slot;

/* Begins the item whose prompt has been made: its first option. */
sk_status eng_slot_begin(eng_slot *s, size_t item, eng_suite_kind kind, sk_err *e);

/* The slot's next piece for a step: at most `most` tokens, `most_rows` of them with logits (both at
 * least 1).  Fills pos, n, ids and want of *it. */
void eng_slot_plan(const eng_slot *s, eng_suite_kind kind, size_t most, size_t most_rows,
                   eng_step_item *it);

/* Notes that *it has been stepped: appends its rows to row and returns their number. */
sk_status eng_slot_stepped(eng_slot *s, eng_suite_kind kind, size_t n_vocab,
                           const eng_step_item *it, eng_nll_row *row, size_t *n_rows, sk_err *e);

/* True when the option has been run to its end (scored kinds) or a token can be chosen (answers).
 */
bool eng_slot_is_through(const eng_slot *s, eng_suite_kind kind);

/* Goes on to the next option; false if there is none. */
bool eng_slot_next(eng_slot *s, eng_suite_kind kind);

void eng_slot_fini(eng_slot *s);

#endif
