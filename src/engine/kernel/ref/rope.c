/* rope.c - rotary position embedding, the definition (Su et al. 2021). */
#include "engine/kernel/slots.h"

#include <assert.h>

/* Turns each pair (a, b) of each vector by its angle: (a cos - b sin, b cos + a sin). */
void eng_rope_part_f32_c(float *x, size_t ld, const float *cos, const float *sin, size_t n_heads,
                         size_t n_rot, eng_rope_form form)
{
    assert(n_rot % 2 == 0);
    size_t half = n_rot / 2;
    size_t step = form == ENG_ROPE_HALF ? 1 : 2, apart = form == ENG_ROPE_HALF ? half : 1;
    for (size_t h = 0; h < n_heads; h++, x += ld) {
        for (size_t i = 0; i < half; i++) {
            float *a = x + i * step, *b = a + apart;
            float a0 = *a, b0 = *b;
            *a = a0 * cos[i] - b0 * sin[i];
            *b = b0 * cos[i] + a0 * sin[i];
        }
    }
}

void eng_rope_f32_c(float *x, const float *cos, const float *sin, size_t n_heads, size_t head_dim,
                    eng_rope_form form)
{
    eng_rope_part_f32_c(x, head_dim, cos, sin, n_heads, head_dim, form);
}
