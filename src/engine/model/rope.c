/* rope.c - the angles of rotary position embedding. */
#include "engine/model/rope.h"

#include <assert.h>
#include <math.h>

#define PI 3.14159265358979323846

/* Turns within the original context above which YaRN scales nothing and below which it scales all:
 * its paper's figures, and every model's. */
#define YARN_FAST 32.0
#define YARN_SLOW 1.0

double eng_rope_yarn_magnitude(const eng_config *c)
{
    if (!c->rope_yarn || !(c->rope_factor > 1.0f) || c->yarn_log_mul != 0.0f) return 1;
    return 1 + 0.1 * log((double)c->rope_factor);
}

/* The pair whose wave turns `turns` times within the original context: dim log(ctx / (2 pi turns))
 * / (2 log base). */
static double pair_of_turns(const eng_config *c, double base, double turns)
{
    double n_rot = eng_config_n_rot(c), ctx = c->n_ctx_orig ? c->n_ctx_orig : c->n_ctx;
    return n_rot * log(ctx / (turns * 2 * PI)) / (2 * log(base));
}

/* YaRN's share of the unscaled frequency of pair i: 1 below `low`, 0 above `high`, a ramp between.
 */
static double unscaled_share(const eng_config *c, double base, size_t i)
{
    double low = fmax(0, floor(pair_of_turns(c, base, YARN_FAST)));
    double high = fmin(eng_config_n_rot(c) - 1.0, ceil(pair_of_turns(c, base, YARN_SLOW)));
    double y = ((double)i - low) / fmax(0.001, high - low);
    return 1 - fmin(1, fmax(0, y));
}

/* The base of a kind of layer.  NTK-aware scaling raises it so that the slowest pair turns alpha
 * times slower while the fastest keeps its pace (bloc97, 2023). */
static double base_of(const eng_config *c, bool local, bool scaled)
{
    double n_rot = eng_config_n_rot(c), base = (double)c->rope_theta;
    if (local && c->rope_theta_local != 0.0f) base = (double)c->rope_theta_local;
    if (scaled && c->rope_alpha > 0.0f && n_rot > 2)
        base *= pow((double)c->rope_alpha, n_rot / (n_rot - 2));
    return base;
}

/* Base, then frequencies, then their divisors, then the scaling: base^(-2i / n_rot) for pair i, of
 * which YaRN leaves a share unscaled. */
void eng_rope_init(eng_rope *r, const eng_config *c, bool local, const float *factors)
{
    bool scaled = !(local && c->local_unscaled);
    double n_rot = eng_config_n_rot(c), base = base_of(c, local, scaled);
    double factor = scaled && c->rope_factor > 0.0f ? (double)c->rope_factor : 1;
    r->half = eng_config_n_rot(c) / 2;
    assert(r->half <= ENG_ROPE_MAX_HALF);
    for (size_t i = 0; i < r->half; i++) {
        double f = pow(base, -2.0 * (double)i / n_rot);
        if (factors) f /= (double)factors[i];
        double keep = c->rope_yarn && scaled ? unscaled_share(c, base, i) : 0;
        if (factor != 1) f = f / factor * (1 - keep) + f * keep;
        r->freq[i] = f;
    }
    r->magnitude = scaled ? eng_rope_yarn_magnitude(c) : 1;
    if (scaled && c->rope_attn_factor != 0.0f) r->magnitude *= (double)c->rope_attn_factor;
}

void eng_rope_row(const eng_rope *r, size_t pos, float *cos_out, float *sin_out)
{
    for (size_t i = 0; i < r->half; i++) {
        double a = (double)pos * r->freq[i];
        cos_out[i] = (float)(cos(a) * r->magnitude);
        sin_out[i] = (float)(sin(a) * r->magnitude);
    }
}

void eng_rope_table(const eng_config *cfg, size_t n_pos, float *cos_out, float *sin_out)
{
    eng_rope r;
    eng_rope_init(&r, cfg, false, NULL);
    for (size_t p = 0; p < n_pos; p++)
        eng_rope_row(&r, p, cos_out + p * r.half, sin_out + p * r.half);
}
