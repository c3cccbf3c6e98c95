/* tempo.h - how long steps take, and how many tokens of prompts one may have beside running
 * answers.
 *
 * A step of answers only is timed by the number of answers in it (in powers of two, each with the
 * number it was seen at); what a prompt's token adds is timed apart.  What is not known of a number
 * of answers is reckoned from the nearest that is: a row more costs about what a prompt's token
 * does.  Under a load that never lets a step go without prompts, one step in SRV_TEMPO_PROBE is
 * left to the answers, so that what is known of them stays true.
 *
 * A step with prompts should take less than two steps without, so that nobody's next token waits
 * for a stranger's long prompt.  Where more prompts wait than answers run it may take longer, in
 * their proportion, but no longer than a reader takes for a word (SRV_TEMPO_PACE_US); and up to
 * target_us it may take in any case, since nobody sees that.  A short prompt may make it as long as
 * that too: it goes in at once, and the answers pause once instead of being slowed for many steps.
 */
#ifndef SRV_SCHED_TEMPO_H
#define SRV_SCHED_TEMPO_H

#include <stddef.h>
#include <stdint.h>

/* Powers of two up to which answers in a step are told apart. */
#define SRV_TEMPO_KINDS 12

/* Steps with prompts after which one goes without; fewer while its kind was never seen. */
#define SRV_TEMPO_PROBE 64u
#define SRV_TEMPO_PROBE_NEW 16u

/* Longest step that prompts may make of a shorter one because they are many, or short. */
#define SRV_TEMPO_PACE_US 200000.0

typedef struct srv_tempo_kind {
    double us, n; /* of a step, at so many answers; both smoothed; us 0: not known */
} srv_tempo_kind;

typedef struct srv_tempo {
    uint64_t target_us;
    srv_tempo_kind decode[SRV_TEMPO_KINDS]; /* steps of answers only */
    double alone_us, beside_us; /* a prompt's token in a step without, with answers; 0: unknown */
    unsigned n_beside;          /* steps with both since one of answers only */
} srv_tempo;

/* Nothing known. */
void srv_tempo_init(srv_tempo *p, uint64_t target_us);

/* A step of n_decode answers and n_prefill tokens of prompts took us. */
void srv_tempo_note(srv_tempo *p, size_t n_decode, size_t n_prefill, uint64_t us);

/* Tokens of n_wait (> 0) prompts that may stand beside n_decode (> 0) answers: at least a few,
 * since below that the step's fixed cost wins; or 0 in a step that is to be timed without. */
size_t srv_tempo_chunk(const srv_tempo *p, size_t n_decode, size_t n_wait);

/* How many it may be of prompts that are short: what fits into a step of SRV_TEMPO_PACE_US, at
 * least `chunk`. */
size_t srv_tempo_brief(const srv_tempo *p, size_t n_decode, size_t chunk);

#endif
