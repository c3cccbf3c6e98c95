/* rope.h - the angles of rotary position embedding (RoPE), with every scaling there is.
 *
 * Su et al. 2021; linear scaling: Chen et al. 2023 (positions divided by a factor); YaRN: Peng et
 * al. 2023 (only low frequencies are divided, cosines and sines grow a little); NTK-aware scaling
 * of the base; Llama 3 and longrope: a divisor for each frequency, given as a tensor of the model.
 */
#ifndef ENG_MODEL_ROPE_H
#define ENG_MODEL_ROPE_H

#include "engine/model/config.h"

#define ENG_ROPE_MAX_HALF 512 /* head_dim is at most 1024 */

/* Angles of one kind of layer: pair i of position p is turned by p * freq[i], its length multiplied
 * by `magnitude`. */
typedef struct eng_rope {
    size_t half;                               /* pairs */
    double magnitude, freq[ENG_ROPE_MAX_HALF]; /* factor of cosines and sines; radians a position */
} eng_rope;

/* The angles of cfg's windowed (local) or other layers; factors [n_rot/2] are the divisors of the
 * frequencies, or NULL. */
void eng_rope_init(eng_rope *r, const eng_config *cfg, bool local, const float *factors);

/* Cosines and sines [half] of a position, computed in double. */
void eng_rope_row(const eng_rope *r, size_t pos, float *cos_out, float *sin_out);

/* The same for positions [0, n_pos), rows of half, of layers that are not local and without
 * factors.
 */
void eng_rope_table(const eng_config *cfg, size_t n_pos, float *cos_out, float *sin_out);

/* What YaRN multiplies cosines and sines by (1 without it): 1 + 0.1 log(factor), which DeepSeek's
 * mscale_all_dim moves into the scale of scores. */
double eng_rope_yarn_magnitude(const eng_config *cfg);

#endif
