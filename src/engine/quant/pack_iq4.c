/* pack_iq4.c - floats to IQ4_NL and IQ4_XS, whose codes stand for sixteen uneven values.
 *
 * By ggml's algorithm (quantize_iq4_nl, quantize_iq4_xs), bit for bit: fifteen scales round that
 * which takes the greatest number to an end of the values, each mended by least squares with
 * weights x^2, or importance times sqrt(2 mean(x^2) + x^2); the best of these.  Sums run from first
 * to last.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/rows.h"
#include "engine/tensor/dtype.h"

#include <math.h>
#include <string.h>

enum { TRIES = 7 };
static const float nothing = 1e-15f; /* a group of numbers below this is zero */

/* The nearest of the sixteen values; halfway, the greater.  Halving over sixteen values: the
 * spacing is uneven (denser round 0, as weights are), so no division finds it. */
static uint8_t nearest(float x)
{
    const int8_t *v = eng_iq4_values;
    unsigned low = 0, high = 15;
    if (x <= (float)v[0]) return 0;
    if (x >= (float)v[15]) return 15;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (x < (float)v[mid])
            high = mid;
        else
            low = mid;
    }
    return (uint8_t)(x - (float)v[low] < (float)v[high] - x ? low : high);
}

/* For codes chosen with inverse scale id: sums of w v x and w v v. */
static void sums(const float *x, const float *w, float id, float *vx, float *vv)
{
    *vx = *vv = 0;
    for (unsigned i = 0; i < ENG_QB; i++) {
        float v = (float)eng_iq4_values[nearest(id * x[i])];
        *vx += w[i] * v * x[i];
        *vv += w[i] * v * v;
    }
}

/* The scale of 32 numbers; 0 when they are nothing. vx^2 / vv is what the squared error falls
 * by, so the comparison needs no errors; it is multiplied out to avoid a division a try. */
static float best_scale(const float *x, const float *w)
{
    float size = 0, most = 0, first = (float)eng_iq4_values[0], vx, vv;
    for (unsigned i = 0; i < ENG_QB; i++)
        if (fabsf(x[i]) > size) {
            size = fabsf(x[i]);
            most = x[i];
        }
    if (size < nothing) return 0;
    sums(x, w, 1 / (-most / first), &vx, &vv);
    float d = vv > 0 ? vx / vv : 0, best = d * vx;
    for (int i = -TRIES; i <= TRIES; i++) {
        sums(x, w, ((float)i + first) / most, &vx, &vv);
        if (vv > 0 && vx * vx > best * vv) {
            d = vx / vv;
            best = d * vx;
        }
    }
    return d;
}

/* Weights of n numbers.  Large numbers count more even without importance: ggml's choice, which
 * defines what its files hold. */
static void weigh(const float *x, const float *importance, size_t n, float *w)
{
    float squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += x[i] * x[i];
    squares *= 2.0f / (float)n;
    for (size_t i = 0; i < n; i++)
        w[i] = importance ? importance[i] * sqrtf(squares + x[i] * x[i]) : x[i] * x[i];
}

/* Nearest codes with inverse scale id, two to a byte. */
static void put_codes(const float *x, float id, uint8_t qs[16])
{
    for (unsigned i = 0; i < 16; i++)
        qs[i] = (uint8_t)(nearest(id * x[i]) | nearest(id * x[i + 16]) << 4);
}

/* One scale for 32 numbers.  The codes are chosen with d before it is rounded to half precision:
 * ggml does so, and its bytes are the definition. */
void eng_pack_iq4_nl(const float *x, const float *importance, void *dst)
{
    eng_iq4_nl *b = dst;
    float w[ENG_QB];
    weigh(x, importance, ENG_QB, w);
    float d = best_scale(x, w);
    b->d = eng_f16_of(d);
    put_codes(x, d != 0 ? 1 / d : 0, b->qs);
}

/* v rounded to the nearest whole number, within [-32, 31]; NaN gives -32.  As nearbyintf rounds:
 * half to even. */
static int level(float v)
{
    v = v > -32 ? v : -32;
    return (int)nearbyintf(v < 31 ? v : 31);
}

/* Each group of 32 gets the scale that fits it best; the largest of them decides d, so that all
 * fit into 6 bits as multiples of it.  The codes are then chosen for the rounded scale and not
 * for the one that was wished for.  As ggml's quantize_row_iq4_xs, bit for bit. */
void eng_pack_iq4_xs(const float *x, const float *importance, void *dst)
{
    enum { GROUPS = ENG_QK / ENG_QB };
    eng_iq4_xs *b = dst;
    float w[ENG_QK], scale[GROUPS], most = 0;
    weigh(x, importance, ENG_QK, w);
    for (unsigned g = 0; g < GROUPS; g++) {
        scale[g] = best_scale(x + g * ENG_QB, w + g * ENG_QB);
        if (fabsf(scale[g]) > fabsf(most)) most = scale[g];
    }
    float d = -most / 32, id = d != 0 ? 1 / d : 0;
    b->d = eng_f16_of(d);
    b->scales_h = 0;
    memset(b->scales_l, 0, sizeof b->scales_l);
    for (unsigned g = 0; g < GROUPS; g++) {
        int l = level(id * scale[g]);
        float dl = d * (float)l;
        put_codes(x + g * ENG_QB, dl != 0 ? 1 / dl : 0, b->qs + g * 16);
        b->scales_l[g / 2] |= (uint8_t)(((l + 32) & 15) << (g % 2 * 4));
        b->scales_h |= (uint16_t)((l + 32) >> 4 << (2 * g));
    }
}
