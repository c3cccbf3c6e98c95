/* rope.c - rotary position embedding, the definition (Su et al. 2021). */
#include "engine/kernel/slots.h"

#include <assert.h>

/* Turns each pair (a, b) of each head by its angle: (a cos - b sin, b cos + a sin). */
void eng_rope_f32_c(float *x, const float *cos, const float *sin, size_t n_heads, size_t head_dim,
                    eng_rope_form form)
{
    assert(head_dim % 2 == 0);
    size_t half = head_dim / 2;
    size_t step = form == ENG_ROPE_HALF ? 1 : 2, apart = form == ENG_ROPE_HALF ? half : 1;
    for (size_t h = 0; h < n_heads; h++, x += head_dim) {
        for (size_t i = 0; i < half; i++) {
            float *a = x + i * step, *b = a + apart;
            float a0 = *a, b0 = *b;
            *a = a0 * cos[i] - b0 * sin[i];
            *b = b0 * cos[i] + a0 * sin[i];
        }
    }
}
