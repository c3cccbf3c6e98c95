/* act_bwd_tmpl.h - gradients of the activations and of LayerNorm over a vector vocabulary; formulas
 * in ref/act_bwd.c.  Included after act_tmpl.h.
 */
#ifndef ENG_KERNEL_VEC_ACT_BWD_TMPL_H
#define ENG_KERNEL_VEC_ACT_BWD_TMPL_H

#include "engine/kernel/vec/act_tmpl.h"

/* x/2 erfc(-x / sqrt 2) / x: the normal distribution. */
static inline vf normal_below(vf x)
{
    vf z = vf_min(vf_mul(vf_abs(x), vf_set(0.70710678119f)), vf_set(10.0f));
    vf e = vf_erfc(z), above = vf_sub(vf_set(2.0f), e);
    return vf_mul(vf_set(0.5f), vf_pick(vm_below(x, vf_zero()), e, above));
}

/* act(x) and its slope; act is a constant where this is inlined. */
INLINE vf slope_of(vf x, const eng_act act, vf *y)
{
    vf one = vf_set(1.0f), s = vf_sigmoid(x), dz = one, u;
    switch (act) {
    case ENG_ACT_SILU:
        break;
    case ENG_ACT_GELU_TANH:
        u = vf_mul(x, x);
        s = vf_sigmoid(vf_mul(vf_fma(vf_mul(u, vf_set(0.044715f)), x, x), vf_set(1.5957691216f)));
        dz = vf_mul(vf_fma(u, vf_set(0.134145f), one), vf_set(1.5957691216f));
        break;
    case ENG_ACT_GELU_QUICK:
        s = vf_sigmoid(vf_mul(x, vf_set(1.702f)));
        dz = vf_set(1.702f);
        break;
    case ENG_ACT_GELU_ERF:
        s = normal_below(x);
        *y = vf_mul(x, s);
        u = vf_exp(vf_mul(vf_mul(x, x), vf_set(-0.5f)));
        return vf_fma(x, vf_mul(u, vf_set(0.3989422804f)), s);
    case ENG_ACT_RELU:
        *y = vf_max(x, vf_zero());
        return vf_pick(vm_below(vf_zero(), x), one, vf_zero());
    case ENG_ACT_RELU2:
        u = vf_max(x, vf_zero());
        *y = vf_mul(u, u);
        return vf_add(u, u);
    case ENG_ACT_SWIGLU_OAI:
    case ENG_ACT_N:
        assert(!"not an activation with a gradient");
    }
    *y = vf_mul(x, s);
    return vf_fma(vf_mul(*y, vf_sub(one, s)), dz, s);
}

/* A row, with or without a factor `up`. */
INLINE void glu_bwd_row(float *dgate, float *dup, const float *dout, const float *gate,
                        const float *up, size_t n, const eng_act act)
{
    for (size_t i = 0; i < n; i += VL) {
        vf y, d = get(dout, i, n), slope = slope_of(get(gate, i, n), act, &y);
        vf du = up ? vf_mul(d, get(up, i, n)) : d;
        put(dgate, i, n, vf_mul(du, slope));
        if (dup) put(dup, i, n, vf_mul(d, y));
    }
}

#define SLOPE_CASE(act)                                                                            \
    case act:                                                                                      \
        glu_bwd_row(dgate, dup, dout, gate, up, n, act);                                           \
        return;

void ENG_ISA(eng_glu_bwd_f32)(float *dgate, float *dup, const float *dout, const float *gate,
                              const float *up, size_t n, eng_act act)
{
    assert(!up == !dup);
    switch (act) {
        SLOPE_CASE(ENG_ACT_SILU)
        SLOPE_CASE(ENG_ACT_GELU_TANH)
        SLOPE_CASE(ENG_ACT_GELU_ERF)
        SLOPE_CASE(ENG_ACT_GELU_QUICK)
        SLOPE_CASE(ENG_ACT_RELU)
        SLOPE_CASE(ENG_ACT_RELU2)
    case ENG_ACT_SWIGLU_OAI:
    case ENG_ACT_N:
        break;
    }
    assert(!"not an activation with a gradient");
}

/* Sums of dy w, and of dy w (x - mean), over a row. */
static void row_sums_dy(const float *dy, const float *w, const float *x, float mean, size_t n,
                        float *su, float *sux)
{
    vf a[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    vf b[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()}, m = vf_set(mean);
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++) {
            vf u = vf_mul(vf_load(dy + i + j * VL), vf_load(w + i + j * VL));
            a[j] = vf_add(a[j], u);
            b[j] = vf_fma(u, vf_sub(vf_load(x + i + j * VL), m), b[j]);
        }
    }
    for (; i < n; i += VL) { /* lanes beyond n of u are 0 */
        vf u = vf_mul(get(dy, i, n), get(w, i, n));
        a[0] = vf_add(a[0], u);
        b[0] = vf_fma(u, vf_sub(get(x, i, n), m), b[0]);
    }
    *su = sum_of(a);
    *sux = sum_of(b);
}

void ENG_ISA(eng_layernorm_bwd_f32)(float *dx, size_t lddx, float *dw, float *db, const float *dy,
                                    size_t lddy, const float *x, size_t ldx, const float *w,
                                    size_t n_rows, size_t n, float eps)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, dx += lddx, dy += lddy) {
        float mean = row_sum(x, n) / (float)n, su, sux;
        float s = 1.0f / sqrtf(row_spread(x, n, mean) / (float)n + eps);
        row_sums_dy(dy, w, x, mean, n, &su, &sux);
        vf m = vf_set(mean), vs = vf_set(s);
        vf mu = vf_set(su / (float)n), muh = vf_set(-(sux * s / (float)n));
        for (size_t i = 0; i < n; i += VL) {
            vf d = get(dy, i, n), h = vf_mul(vf_sub(get(x, i, n), m), vs);
            vf g = vf_fma(h, muh, vf_sub(vf_mul(d, get(w, i, n)), mu));
            put(dx, i, n, vf_fma(vs, g, get(dx, i, n)));
            put(dw, i, n, vf_fma(d, h, get(dw, i, n)));
            if (db) put(db, i, n, vf_add(get(db, i, n), d));
        }
    }
}

#endif
