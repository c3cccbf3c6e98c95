/* route.h - which experts a token goes to, and with what weights. */
#ifndef ENG_MODEL_ROUTE_H
#define ENG_MODEL_ROUTE_H

#include "engine/model/config.h"

typedef struct eng_choice {
    uint32_t expert; /* below n_expert */
    float weight;    /* what its output is multiplied by */
} eng_choice;

/* Chooses cfg->n_expert_used experts from a router's outputs [n_expert] (overwritten).  choice_bias
 * [n_expert] or NULL is added for the choice, not for the weights (DeepSeek V3); with groups only
 * the experts of the best groups, by the sum of their two best, can be chosen.  Ties go to the
 * smaller number.  out [n_expert_used] is in ascending order of experts, and sums over it run in
 * that order.  scratch: [n_expert] floats. */
void eng_route(const eng_kernels *kern, const eng_config *cfg, float *logits,
               const float *choice_bias, float *scratch, eng_choice *out);

#endif
