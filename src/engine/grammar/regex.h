/* regex.h - patterns as ECMA-262 writes them (the `pattern` of JSON Schema) to expressions.
 *
 * Supported: alternatives, groups (capturing, named and not), greedy and lazy repetition, classes
 * and their escapes, `.`, characters by code, anchors and look-ahead outside repetitions.  What is
 * refused, by name: back references, look-behind, word boundaries, \p, anchors and look-ahead
 * inside a repetition.  A pattern is read with the meaning of the flag `u`: by characters.
 */
#ifndef ENG_GRAMMAR_REGEX_H
#define ENG_GRAMMAR_REGEX_H

#include "engine/grammar/expr.h"

/* Bounds of one pattern. */
enum { ENG_REGEX_BYTES = 1 << 16, ENG_REGEX_DEPTH = 100, ENG_REGEX_REPEAT = 100000 };

/* The bodies of canonical JSON strings with their closing quote that hold a match of the pattern
 * text[0..n). SK_E_INVALID for a pattern that isn't one, SK_E_UNSUPPORTED names what can't be done.
 */
sk_status eng_regex_json(eng_rxpool *p, const char *text, size_t n, eng_rx *out, sk_err *e);

/* The plain texts that match the pattern as a whole (as if it stood between ^ and $). */
sk_status eng_regex_plain(eng_rxpool *p, const char *text, size_t n, eng_rx *out, sk_err *e);

#endif
