/* route.c - the choice of experts.
 *
 * Softmax routers: Fedus et al. 2021, Jiang et al. 2024 (Mixtral); sigmoid with a bias of choice
 * and groups: DeepSeek-AI 2024 (V3).
 */
#include "engine/model/route.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Sums of weights are not divided by less than this (ggml's bound, the smallest normal half). */
#define SMALLEST_SUM 6.103515625e-5f

/* Number of the largest of n values; the first of equals.  Values that are not numbers lose. */
static uint32_t largest(const float *v, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (v[i] > v[best] || isnan(v[best])) best = i;
    return best;
}

/* Router outputs to what experts are weighted by. */
static void gate(const eng_kernels *kern, const eng_config *c, float *v)
{
    if (c->gating == ENG_GATE_SOFTMAX) kern->softmax_f32(v, c->n_expert);
    if (c->gating != ENG_GATE_SIGMOID) return;
    for (uint32_t i = 0; i < c->n_expert; i++)
        v[i] = 1.0f / (1.0f + expf(-v[i]));
}

/* Sum of the two largest of a group. */
static float group_score(const float *v, uint32_t n)
{
    assert(n >= 2);
    uint32_t first = largest(v, n), second = first ? 0 : 1;
    for (uint32_t i = 0; i < n; i++)
        if (i != first && v[i] > v[second]) second = i;
    return v[first] + v[second];
}

/* Leaves only the best groups to choose from. */
static void mask_groups(const eng_config *c, float *v)
{
    float score[1024];
    bool used[1024] = {false};
    uint32_t per = c->n_expert / c->n_group;
    assert(c->n_group <= 1024 && per * c->n_group == c->n_expert);
    for (uint32_t g = 0; g < c->n_group; g++)
        score[g] = group_score(v + g * per, per);
    for (uint32_t k = 0; k < c->n_group_used; k++) {
        uint32_t g = largest(score, c->n_group);
        used[g] = true;
        score[g] = -INFINITY;
    }
    for (uint32_t g = 0; g < c->n_group; g++)
        for (uint32_t i = g * per; !used[g] && i < (g + 1) * per; i++)
            v[i] = -INFINITY;
}

/* Weights of the chosen: softmax over them alone, or made to sum to 1, or as they are; scaled. */
static void weigh(const eng_config *c, eng_choice *out)
{
    assert(c->n_expert_used);
    float max = out[0].weight, sum = 0;
    for (uint32_t i = 1; i < c->n_expert_used; i++)
        max = out[i].weight > max ? out[i].weight : max;
    for (uint32_t i = 0; i < c->n_expert_used; i++) {
        if (c->gating == ENG_GATE_CHOSEN) out[i].weight = expf(out[i].weight - max);
        sum += out[i].weight;
    }
    bool divide = c->gating == ENG_GATE_CHOSEN || c->expert_norm;
    float by = c->expert_scale != 0.0f ? c->expert_scale : 1.0f;
    if (divide) by /= sum > SMALLEST_SUM ? sum : SMALLEST_SUM;
    for (uint32_t i = 0; i < c->n_expert_used; i++)
        out[i].weight *= by;
}

/* The largest that is not taken yet, the smaller number among equals. */
static uint32_t best_left(const float *score, const bool *taken, uint32_t n)
{
    uint32_t best = 0;
    while (taken[best])
        best++;
    assert(best < n);
    for (uint32_t j = best + 1; j < n; j++)
        if (!taken[j] && score[j] > score[best]) best = j;
    return best;
}

/* The largest, one after the other, marked as taken; then in order of their numbers. */
void eng_route(const eng_kernels *kern, const eng_config *c, float *logits,
               const float *choice_bias, float *scratch, eng_choice *out)
{
    bool taken[1024] = {false};
    uint32_t n = c->n_expert, k = 0;
    assert(n <= 1024 && c->n_expert_used <= n);
    gate(kern, c, logits);
    memcpy(scratch, logits, n * sizeof(*scratch));
    for (uint32_t i = 0; choice_bias && i < n; i++)
        scratch[i] += choice_bias[i];
    if (c->n_group > 1) mask_groups(c, scratch);
    for (uint32_t i = 0; i < c->n_expert_used; i++)
        taken[best_left(scratch, taken, n)] = true;
    for (uint32_t i = 0; i < n; i++)
        if (taken[i]) out[k++] = (eng_choice){i, logits[i]};
    assert(k == c->n_expert_used);
    weigh(c, out);
}
