/* tempo.h - how long steps take, and how many tokens of prompts one may have beside running
 * answers.
 *
 * The time of a step without prompts is kept by the number of answers in it (in powers of two), the
 * time that a prompt's token adds besides, smoothed.  A step with prompts should take less than two
 * steps without, so that nobody's next token waits for a stranger's long prompt; up to target_us it
 * may take in any case, since nobody sees that.
 */
#ifndef SRV_SCHED_TEMPO_H
#define SRV_SCHED_TEMPO_H

#include <stddef.h>
#include <stdint.h>

/* Powers of two up to which answers in a step are told apart. */
#define SRV_TEMPO_KINDS 12

typedef struct srv_tempo {
    uint64_t target_us;
    double decode_us[SRV_TEMPO_KINDS]; /* steps of answers only; 0: not known */
    double alone_us, beside_us;        /* a prompt's token in a step without, with answers; 0 */
} srv_tempo;

/* Nothing known. */
void srv_tempo_init(srv_tempo *p, uint64_t target_us);

/* A step of n_decode answers and n_prefill tokens of prompts took us. */
void srv_tempo_note(srv_tempo *p, size_t n_decode, size_t n_prefill, uint64_t us);

/* Tokens of prompts that may stand beside n_decode (> 0) answers; at least a few, since below that
 * the step's fixed cost wins. */
size_t srv_tempo_chunk(const srv_tempo *p, size_t n_decode);

#endif
