/* fixture.h - a model file made from its description, tests/arch/NAME.arch.
 *
 * A description lists the keys and tensors of a GGUF as a converter of that architecture writes
 * them; the weights are a pure function of the seed, the tensor's name and the element's number. So
 * the models need not be kept, only what another program computed from them.  Nothing of the engine
 * is used but base: what reads the file shares no code with what wrote it.  README.md has the
 * language of the descriptions.
 */
#ifndef TESTS_ARCH_FIXTURE_H
#define TESTS_ARCH_FIXTURE_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct arch_case {
    char arch[32];      /* general.architecture */
    size_t n_vocab;     /* tokens of the vocabulary */
    size_t n_ids;       /* tokens of the test's sequence */
    size_t n_ctx;       /* the key context_length */
    uint64_t seed;      /* of weights and sequence */
    bool embeds;        /* what is expected is an embedding, not logits */
    bool both_ways;     /* every token sees all others (attention.causal is false) */
    size_t pooling;     /* the key pooling_type, 0 without it */
    bool has_quantised; /* some tensors are written in a quantised type */
} arch_case;

#define ARCH_PLAIN 1u /* quantised tensors are written as the floats they stand for */
#define ARCH_ZEROS 2u /* all weights are 0, which is made faster */

/* Reads the description at `path` and, with out not NULL, appends the GGUF to it, as the flags say.
 */
sk_status arch_make(const char *path, unsigned flags, arch_case *info, sk_buf *out, sk_err *e);

/* Token i of the sequence a case is tried with. */
int32_t arch_id(const arch_case *c, size_t i);

/* The positions whose results are kept, ascending; how many goes to *n. */
const size_t *arch_kept(size_t *n);

#endif
