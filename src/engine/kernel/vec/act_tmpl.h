/* act_tmpl.h - activations and LayerNorm over a vector vocabulary; formulas in ref/act.c and
 * ref/norm.c.
 */
#ifndef ENG_KERNEL_VEC_ACT_TMPL_H
#define ENG_KERNEL_VEC_ACT_TMPL_H

#include "engine/kernel/slots.h"
#include "engine/kernel/vec/rows.h"

#include <assert.h>
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

/* ---- activations ---- */

/* x/2 erfc(-x / sqrt 2); of positive x by erfc(-z) = 2 - erfc(z). */
static inline vf gelu_erf(vf x)
{
    vf z = vf_min(vf_mul(vf_abs(x), vf_set(0.70710678119f)), vf_set(10.0f));
    vf half = vf_mul(x, vf_set(0.5f)), e = vf_erfc(z);
    vf above = vf_sub(vf_set(2.0f), e);
    return vf_mul(half, vf_pick(vm_below(x, vf_zero()), e, above));
}

/* act is a constant where this is inlined. */
INLINE vf activate(vf x, const eng_act act)
{
    vf u;
    switch (act) {
    case ENG_ACT_SILU:
        return vf_mul(x, vf_sigmoid(x));
    case ENG_ACT_GELU_TANH:
        u = vf_fma(vf_mul(vf_mul(x, x), vf_set(0.044715f)), x, x);
        return vf_mul(x, vf_sigmoid(vf_mul(u, vf_set(1.5957691216f))));
    case ENG_ACT_GELU_ERF:
        return gelu_erf(x);
    case ENG_ACT_GELU_QUICK:
        return vf_mul(x, vf_sigmoid(vf_mul(x, vf_set(1.702f))));
    case ENG_ACT_RELU:
        return vf_max(x, vf_zero());
    case ENG_ACT_RELU2:
        u = vf_max(x, vf_zero());
        return vf_mul(u, u);
    case ENG_ACT_SWIGLU_OAI:
    case ENG_ACT_N:
        break;
    }
    assert(!"not an activation of one operand");
    return x;
}

/* gpt-oss's gated form. */
static inline vf swiglu_oai(vf gate, vf up)
{
    vf g = vf_min(gate, vf_set(7.0f)), u = vf_max(vf_min(up, vf_set(7.0f)), vf_set(-7.0f));
    vf s = vf_mul(g, vf_sigmoid(vf_mul(g, vf_set(1.702f))));
    return vf_mul(s, vf_add(u, vf_set(1.0f)));
}

/* A row of act(x), or of act(x) * up. */
INLINE void act_row(float *out, const float *x, const float *up, size_t n, const eng_act act)
{
    for (size_t i = 0; i < n; i += VL) {
        if (act == ENG_ACT_SWIGLU_OAI) {
            put(out, i, n, swiglu_oai(get(x, i, n), get(up, i, n)));
            continue;
        }
        vf y = activate(get(x, i, n), act);
        put(out, i, n, up ? vf_mul(y, get(up, i, n)) : y);
    }
}

#define ACT_CASE(act)                                                                              \
    case act:                                                                                      \
        act_row(out, x, up, n, act);                                                               \
        return;

/* One loop an activation: the choice is made once a row. */
static void act_any(float *out, const float *x, const float *up, size_t n, eng_act act)
{
    switch (act) {
        ACT_CASE(ENG_ACT_SILU)
        ACT_CASE(ENG_ACT_GELU_TANH)
        ACT_CASE(ENG_ACT_GELU_ERF)
        ACT_CASE(ENG_ACT_GELU_QUICK)
        ACT_CASE(ENG_ACT_RELU)
        ACT_CASE(ENG_ACT_RELU2)
        ACT_CASE(ENG_ACT_SWIGLU_OAI)
    case ENG_ACT_N:
        break;
    }
    assert(!"unknown activation");
}

void ENG_ISA(eng_act_f32)(float *out, const float *x, size_t n, eng_act act)
{
    assert(act != ENG_ACT_SWIGLU_OAI);
    act_any(out, x, NULL, n, act);
}

void ENG_ISA(eng_glu_f32)(float *out, const float *gate, const float *up, size_t n, eng_act act)
{
    act_any(out, gate, up, n, act);
}

void ENG_ISA(eng_softcap_f32)(float *x, float cap, size_t n)
{
    vf c = vf_set(cap);
    for (size_t i = 0; i < n; i += VL)
        put(x, i, n, vf_mul(c, vf_tanh(vf_div(get(x, i, n), c))));
}

/* ---- LayerNorm ---- */

/* Sum of a row. */
static float row_sum(const float *x, size_t n)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++)
            s[j] = vf_add(s[j], vf_load(x + i + j * VL));
    }
    for (; i < n; i += VL)
        s[0] = vf_add(s[0], get(x, i, n));
    return sum_of(s);
}

/* Sum of (x - mean)^2 over a row. */
static float row_spread(const float *x, size_t n, float mean)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()}, m = vf_set(mean);
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++) {
            vf v = vf_sub(vf_load(x + i + j * VL), m);
            s[j] = vf_fma(v, v, s[j]);
        }
    }
    for (; i < n; i += VL) {
        vf v = vf_pick(lanes(i, n), vf_sub(get(x, i, n), m), vf_zero());
        s[0] = vf_fma(v, v, s[0]);
    }
    return sum_of(s);
}

void ENG_ISA(eng_layernorm_f32)(float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                                const float *b, size_t n_rows, size_t n, float eps)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, y += ldy) {
        float mean = row_sum(x, n) / (float)n;
        vf m = vf_set(mean), s = vf_set(1.0f / sqrtf(row_spread(x, n, mean) / (float)n + eps));
        for (size_t i = 0; i < n; i += VL) {
            vf u = vf_mul(vf_sub(get(x, i, n), m), s);
            u = w ? vf_mul(u, get(w, i, n)) : u;
            put(y, i, n, b ? vf_add(u, get(b, i, n)) : u);
        }
    }
}

#endif
