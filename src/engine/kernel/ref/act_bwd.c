/* act_bwd.c - gradients of the activations and of LayerNorm, the definitions. */
#include "engine/kernel/slots.h"

#include <assert.h>
#include <math.h>

/* Logistic function. */
static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* act(x) into *y and act'(x).  With s = sigmoid(z) and y = x s: y' = s + x s (1 - s) z'; of the
 * error function's GELU, y = x P(x): y' = P + x p, P and p the normal distribution and density. */
static float slope_of(float x, eng_act act, float *y)
{
    float s = 0, dz = 1;
    switch (act) {
    case ENG_ACT_SILU:
        s = sigmoid(x);
        break;
    case ENG_ACT_GELU_TANH:
        s = sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
        dz = 1.5957691216f * (1.0f + 0.134145f * x * x);
        break;
    case ENG_ACT_GELU_QUICK:
        s = sigmoid(1.702f * x);
        dz = 1.702f;
        break;
    case ENG_ACT_GELU_ERF:
        s = 0.5f * erfcf(-x * 0.70710678119f);
        *y = x * s;
        return s + x * (0.3989422804f * expf(-0.5f * x * x));
    case ENG_ACT_RELU:
        *y = x > 0 ? x : 0;
        return x > 0 ? 1.0f : 0.0f;
    case ENG_ACT_RELU2:
        *y = x > 0 ? x * x : 0;
        return x > 0 ? 2 * x : 0;
    case ENG_ACT_SWIGLU_OAI:
    case ENG_ACT_N:
        assert(!"not an activation with a gradient");
    }
    *y = x * s;
    return s + *y * (1.0f - s) * dz;
}

/* The gate's gradient is d up act'(gate), that of up d act(gate). */
void eng_glu_bwd_f32_c(float *dgate, float *dup, const float *dout, const float *gate,
                       const float *up, size_t n, eng_act act)
{
    assert(!up == !dup);
    for (size_t i = 0; i < n; i++) {
        float y, d = dout[i], slope = slope_of(gate[i], act, &y);
        dgate[i] = (up ? d * up[i] : d) * slope;
        if (dup) dup[i] = d * y;
    }
}

/* With s = 1 / deviation, h = (x - mean) s and u = dy w:  dx += s (u - mean(u) - h mean(u h)),  dw
 * += dy h,  db += dy. */
void eng_layernorm_bwd_f32_c(float *dx, size_t lddx, float *dw, float *db, const float *dy,
                             size_t lddy, const float *x, size_t ldx, const float *w, size_t n_rows,
                             size_t n, float eps)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, dx += lddx, dy += lddy) {
        double sum = 0, squares = 0, su = 0, suh = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)x[i];
        float mean = (float)(sum / (double)n);
        for (size_t i = 0; i < n; i++)
            squares += (double)(x[i] - mean) * (double)(x[i] - mean);
        float s = 1.0f / sqrtf((float)(squares / (double)n) + eps);
        for (size_t i = 0; i < n; i++) {
            su += (double)(dy[i] * w[i]);
            suh += (double)(dy[i] * w[i]) * (double)((x[i] - mean) * s);
        }
        float mu = (float)(su / (double)n), muh = (float)(suh / (double)n);
        for (size_t i = 0; i < n; i++) {
            float h = (x[i] - mean) * s;
            dx[i] += s * (dy[i] * w[i] - mu - h * muh);
            dw[i] += dy[i] * h;
            if (db) db[i] += dy[i];
        }
    }
}
