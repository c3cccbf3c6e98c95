/* act.c - activations, softmax and cross-entropy, the definitions. */
#include "engine/kernel/slots.h"

#include <assert.h>
#include <math.h>

/* Logistic function; exp overflows to infinity and gives 0, as it should. */
static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* out = silu(gate) * up, silu(x) = x sigmoid(x) (Shazeer 2020). */
void eng_swiglu_f32_c(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

/* silu'(x) = s + x s (1 - s) with s = sigmoid(x). */
void eng_swiglu_bwd_f32_c(float *dgate, float *dup, const float *dout, const float *gate,
                          const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float g = gate[i], u = up[i], d = dout[i], s = sigmoid(g);
        dgate[i] = d * u * (s + g * s * (1.0f - s));
        dup[i] = d * (g * s);
    }
}

/* GELU (Hendrycks, Gimpel 2016) by the error function, by tanh, and "quick"; SiLU; ReLU and its
 * square (So et al. 2021). */
static float activate(float x, eng_act act)
{
    switch (act) {
    case ENG_ACT_SILU:
        return x * sigmoid(x);
    case ENG_ACT_GELU_TANH: /* tanh u = 2 sigmoid(2 u) - 1 */
        return x * sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
    case ENG_ACT_GELU_ERF:
        return 0.5f * x * erfcf(-x * 0.70710678119f);
    case ENG_ACT_GELU_QUICK:
        return x * sigmoid(1.702f * x);
    case ENG_ACT_RELU:
        return x > 0 ? x : 0;
    case ENG_ACT_RELU2:
        return x > 0 ? x * x : 0;
    case ENG_ACT_SWIGLU_OAI:
    case ENG_ACT_N:
        break;
    }
    assert(!"not an activation of one operand");
    return 0;
}

void eng_act_f32_c(float *out, const float *x, size_t n, eng_act act)
{
    for (size_t i = 0; i < n; i++)
        out[i] = activate(x[i], act);
}

/* gpt-oss's form is that of its published reference implementation. */
void eng_glu_f32_c(float *out, const float *gate, const float *up, size_t n, eng_act act)
{
    for (size_t i = 0; i < n; i++) {
        if (act != ENG_ACT_SWIGLU_OAI) {
            out[i] = activate(gate[i], act) * up[i];
            continue;
        }
        float g = gate[i] < 7.0f ? gate[i] : 7.0f, u = up[i] < 7.0f ? up[i] : 7.0f;
        u = u > -7.0f ? u : -7.0f;
        out[i] = g * sigmoid(1.702f * g) * (u + 1.0f);
    }
}

void eng_softcap_f32_c(float *x, float cap, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = cap * tanhf(x[i] / cap);
}

/* Largest element; NaNs are passed over. */
static float largest(const float *x, size_t n)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

/* x = exp(x - max) / sum. */
void eng_softmax_f32_c(float *x, size_t n)
{
    float max = largest(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - max);
        sum += x[i];
    }
    float inv = (float)(1.0 / sum);
    for (size_t i = 0; i < n; i++)
        x[i] *= inv;
}

/* -log softmax(x)[target] = lse - x[target], lse = max + log(sum exp(x - max)). */
float eng_xent_f32_c(const float *x, size_t n, size_t target, float *lse)
{
    assert(target < n);
    float max = largest(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += expf(x[i] - max);
    *lse = max + logf((float)sum);
    return *lse - x[target];
}

/* x = scale * (exp(x - lse) - onehot(target)). */
void eng_xent_bwd_f32_c(float *x, size_t n, size_t target, float lse, float scale)
{
    assert(target < n);
    for (size_t i = 0; i < n; i++)
        x[i] = scale * (expf(x[i] - lse) - (i == target ? 1.0f : 0.0f));
}
