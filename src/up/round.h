/* round.h - what a round of training consists of: the commands of its stages, and the gate's.
 *
 * A command is the words of a verb of this program that goes on where it was killed.  Words depend
 * on the options and on (round, version gone on from) only, so that a later supervisor gives the
 * same ones.
 */
#ifndef UP_ROUND_H
#define UP_ROUND_H

#include "base/mem.h"
#include "base/opt.h"
#include "up/dir.h"

enum { UP_STAGES = 8 };

/* What people choose. */
typedef struct up_learn {
    sk_opt_list data, chat; /* text, conversations; none: the bundled ones, if they are there */
    const char *valid, *chat_valid; /* held out; NULL: the bundled ones */
    const char *answers;            /* prompts with the answers that are accepted; NULL: none */
    const char *plan;               /* file of commands in place of the usual ones; NULL */
    int64_t threads;
} up_learn;

typedef struct up_round {
    sk_opt_list stage[UP_STAGES], gate;
    const char *out[UP_STAGES]; /* the folder of each stage */
    size_t n;                   /* stages; 0: there is nothing to train with */
    const char *why;            /* then: why not */
    const char *candidate;      /* the model that comes of it */
} up_round;

/* Fills in the commands of `round`, which goes on from the model at `base` and is judged against
 * the one at `live`; micro: rows computed at once, 0: the trainer chooses.  Words live in mem. */
sk_status up_round_plan(const up_learn *l, const up_dir *d, uint32_t round, const char *base,
                        const char *live, uint32_t micro, sk_arena *mem, up_round *out, sk_err *e);

/* The same with the plan's text in place of its file, NUL behind; of it nothing is expected. */
sk_status up_round_parse(const up_learn *l, const char *plan, const up_dir *d, uint32_t round,
                         const char *base, const char *live, uint32_t micro, sk_arena *mem,
                         up_round *out, sk_err *e);

#endif
