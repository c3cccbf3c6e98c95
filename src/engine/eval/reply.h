/* reply.h - prompts with the answers that are accepted: the items of a REPLY suite.
 *
 *   {"prompt": "What is the capital of France?", "accept": {"contains": "Paris"}}
 *   {"messages": [{"role": .., "content": ..}, ..], "accept": {"regex": "\\bAnna\\b"}}
 *
 * "accept" has one of
 *
 *   "contains"  a text or a list of them: one is in the answer, with no letter or digit of ASCII
 *               next to its own at either end ("8" is not in "18"); case of ASCII doesn't matter
 *   "one_of"    likewise: one is the answer, white space at both ends and one "." or "!" at the end
 *               left out of it; case of ASCII doesn't matter
 *   "regex"     a regular expression that matches somewhere (base/pattern.h)
 */
#ifndef ENG_EVAL_REPLY_H
#define ENG_EVAL_REPLY_H

#include "base/json.h"
#include "engine/eval/suite.h"

/* Reads the line's object into *it, texts copied to the suite's arena.  SK_E_FORMAT says what is
 * wrong. */
sk_status eng_reply_read(sk_arena *mem, json_t *obj, eng_suite_item *it, sk_err *e);

/* Whether the text is accepted. */
sk_status eng_reply_is_right(const eng_suite_item *it, const char *text, bool *right, sk_err *e);

#endif
