/* mix.h - several sources to one stream in given proportions.
 *
 * The next document always comes from the source that is furthest behind: of the smallest
 * tokens/weight, the first of equals.  A source that ends begins again (an epoch).  The mix ends
 * when every source has been gone through once, or when the next document would be of a source that
 * has been gone through max_epochs times: so the proportions hold to the end, and what is left over
 * of the others is not used.
 */
#ifndef ENG_DATA_MIX_H
#define ENG_DATA_MIX_H

#include "engine/data/files.h"
#include "engine/data/sink.h"

typedef struct eng_mix_source {
    double weight;        /* its part, all together 1 */
    const eng_sink *part; /* its shards, all of them finished */
    uint64_t tokens;      /* out: given to the mix */
    double epochs;        /* out: tokens / tokens it has */
} eng_mix_source;

/* Reads "NAME=WEIGHT,NAME=WEIGHT" into source[i].weight by the names of f, scaled to 1 in all. Each
 * source must be there once with a weight above 0: SK_E_INVALID names what is wrong. */
sk_status eng_mix_parse(const char *text, const eng_data_files *f, eng_mix_source *source,
                        sk_err *e);

/* Writes the mix of n sources into out.  A source without tokens is SK_E_INVALID.  stop may be
 * NULL; true ends with SK_E_STOPPED. */
sk_status eng_mix_write(eng_mix_source *source, size_t n, uint64_t max_epochs, eng_sink *out,
                        bool (*stop)(void *arg, uint64_t tokens), void *arg, sk_err *e);

#endif
