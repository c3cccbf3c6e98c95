/* sessions.h - conversations: which prompts go on with what another one began, and where that is.
 *
 * A prompt is the next of a conversation with probability (turns - 1) / turns; it then goes on with
 * one of the prompts of the last two `pause`s, drawn at random, so that the mean time between two
 * prompts of a conversation is about `pause` (and several may go on with the same one).  What it
 * has in common with that one is `cached` x turns / (turns - 1) of its input: if every prompt came
 * to the replica that has its conversation, `cached` of all input would need no prefill.
 *
 * Kept are the places of the last prompts, eight bytes each; nothing else of a conversation.
 */
#ifndef FLT_FLEET_SIM_SESSIONS_H
#define FLT_FLEET_SIM_SESSIONS_H

#include "base/status.h"
#include "fleet/sim/demand.h"

#include <stddef.h>
#include <stdint.h>

/* A replica of a pool; life tells it from one that had its number before. */
typedef struct flt_held {
    uint32_t replica;
    uint16_t pool, life;
} flt_held;

typedef struct flt_sessions {
    double share;   /* of a prompt's input that a hit need not read */
    uint32_t again; /* of 2^32: how often a prompt goes on with another; 0: no conversations, every
                       prompt is a hit */
    flt_held *ring; /* the last `there` prompts, of at most `room`; the next one goes to `at` */
    size_t room, there, at;
} flt_sessions;

/* Makes room for the conversations of a demand at so many requests a second.  SK_E_TOOBIG, NOMEM.
 * End it with flt_sessions_fini. */
sk_status flt_sessions_make(flt_sessions *s, const flt_demand *d, double rate, sk_err *e);
void flt_sessions_fini(flt_sessions *s);

/* What the prompt with these 64 random bits goes on with; NULL: nothing, it is a first one. */
const flt_held *flt_sessions_draw(const flt_sessions *s, uint64_t random);

/* A prompt was sent there. */
void flt_sessions_keep(flt_sessions *s, flt_held where);

#endif
