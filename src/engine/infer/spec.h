/* spec.h - speculative decoding: guesses at the tokens to come; its functions are in engine.h. */
#ifndef ENG_INFER_SPEC_H
#define ENG_INFER_SPEC_H

#include "engine/engine.h"

/* What followed the longest earlier occurrence of the end of ids[0..n): up to `most` tokens into
 * out [most]; returns their number.  The occurrence agrees in at least ENG_LOOKUP_MIN tokens; of
 * equally long ones (ENG_LOOKUP_MAX count) the last is taken.  *matched: how many agreed.  O(n). */
#define ENG_LOOKUP_MIN ((size_t)2)
#define ENG_LOOKUP_MAX ((size_t)12)
/* Not a search for the likeliest: a text that repeats itself (code, quotes, a summary) says next
 * what it said last time. */
size_t eng_spec_lookup(const int32_t *ids, size_t n, size_t most, int32_t *out, size_t *matched);

#endif
