/* rows_tmpl.h - norms, rotations, losses and elementwise slots over a vector vocabulary.
 *
 * Included after a vector vocabulary; the order of sums is vec/rows.h's.
 */
#ifndef ENG_KERNEL_VEC_ROWS_TMPL_H
#define ENG_KERNEL_VEC_ROWS_TMPL_H

#include "engine/kernel/slots.h"
#include "engine/kernel/vec/rows.h"
#include "engine/tensor/dtype.h"

#include <assert.h>
#include <math.h>

/* ---- RMSNorm ---- */

/* Sum of squares of a row. */
static float row_sumsq(const float *x, size_t n)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++) {
            vf v = vf_load(x + i + j * VL);
            s[j] = vf_fma(v, v, s[j]);
        }
    }
    for (; i < n; i += VL) {
        vf v = get(x, i, n);
        s[0] = vf_fma(v, v, s[0]);
    }
    return sum_of(s);
}

void ENG_ISA(eng_rmsnorm_f32)(float *y, size_t ldy, float *rstd, const float *x, size_t ldx,
                              const float *w, size_t n_rows, size_t n, float eps)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, y += ldy) {
        float s = 1.0f / sqrtf(row_sumsq(x, n) / (float)n + eps);
        vf scale = vf_set(s);
        for (size_t i = 0; i < n; i += VL) {
            vf u = vf_mul(get(x, i, n), scale);
            put(y, i, n, w ? vf_mul(u, get(w, i, n)) : u);
        }
        if (rstd) rstd[r] = s;
    }
}

/* Sum of dy w x over a row. */
static float row_dot3(const float *dy, const float *w, const float *x, size_t n)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++) {
            size_t k = i + j * VL;
            s[j] = vf_fma(vf_mul(vf_load(dy + k), vf_load(w + k)), vf_load(x + k), s[j]);
        }
    }
    for (; i < n; i += VL) {
        vf u = vf_mul(get(dy, i, n), get(w, i, n));
        s[0] = vf_fma(u, get(x, i, n), s[0]);
    }
    return sum_of(s);
}

void ENG_ISA(eng_rmsnorm_bwd_f32)(float *dx, size_t lddx, float *dw, const float *dy, size_t lddy,
                                  const float *x, size_t ldx, const float *w, const float *rstd,
                                  size_t n_rows, size_t n)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, dx += lddx, dy += lddy) {
        float s = rstd[r], c = row_dot3(dy, w, x, n) / (float)n * s * s * s;
        vf vs = vf_set(s), vc = vf_set(-c);
        for (size_t i = 0; i < n; i += VL) {
            vf xi = get(x, i, n), di = get(dy, i, n);
            vf wi = get(w, i, n);
            vf g = vf_fma(xi, vc, vf_mul(vf_mul(di, wi), vs));
            put(dx, i, n, vf_add(get(dx, i, n), g));
            vf dwi = vf_fma(di, vf_mul(xi, vs), get(dw, i, n));
            put(dw, i, n, dwi);
        }
    }
}

/* ---- rotary embedding ---- */

/* Turns the pairs (a, b) by the angles of (c, s). */
static inline void turn(vf *a, vf *b, vf c, vf s)
{
    vf a0 = *a, b0 = *b;
    *a = vf_sub(vf_mul(a0, c), vf_mul(b0, s));
    *b = vf_add(vf_mul(b0, c), vf_mul(a0, s));
}

static void rope_half(float *x, const float *cos, const float *sin, size_t half)
{
    for (size_t i = 0; i < half; i += VL) {
        vf a = get(x, i, half), b = get(x + half, i, half);
        turn(&a, &b, get(cos, i, half), get(sin, i, half));
        put(x, i, half, a);
        put(x + half, i, half, b);
    }
}

static void rope_pairs(float *x, const float *cos, const float *sin, size_t half)
{
    size_t i = 0;
    for (; i + VL <= half; i += VL) {
        vf a, b, p = vf_load(x + 2 * i), q = vf_load(x + 2 * i + VL);
        vf_unzip(p, q, &a, &b);
        turn(&a, &b, vf_load(cos + i), vf_load(sin + i));
        vf_zip(a, b, &p, &q);
        vf_store(x + 2 * i, p);
        vf_store(x + 2 * i + VL, q);
    }
    for (; i < half; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cos[i] - b * sin[i];
        x[2 * i + 1] = b * cos[i] + a * sin[i];
    }
}

void ENG_ISA(eng_rope_part_f32)(float *x, size_t ld, const float *cos, const float *sin,
                                size_t n_heads, size_t n_rot, eng_rope_form form)
{
    assert(n_rot % 2 == 0);
    for (size_t h = 0; h < n_heads; h++, x += ld)
        (form == ENG_ROPE_HALF ? rope_half : rope_pairs)(x, cos, sin, n_rot / 2);
}

void ENG_ISA(eng_rope_f32)(float *x, const float *cos, const float *sin, size_t n_heads,
                           size_t head_dim, eng_rope_form form)
{
    ENG_ISA(eng_rope_part_f32)(x, head_dim, cos, sin, n_heads, head_dim, form);
}

/* ---- SwiGLU ---- */

void ENG_ISA(eng_swiglu_f32)(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        vf g = get(gate, i, n), u = get(up, i, n);
        put(out, i, n, vf_mul(vf_mul(g, vf_sigmoid(g)), u));
    }
}

void ENG_ISA(eng_swiglu_bwd_f32)(float *dgate, float *dup, const float *dout, const float *gate,
                                 const float *up, size_t n)
{
    vf one = vf_set(1.0f);
    for (size_t i = 0; i < n; i += VL) {
        vf g = get(gate, i, n), u = get(up, i, n);
        vf d = get(dout, i, n), s = vf_sigmoid(g), gs = vf_mul(g, s);
        vf slope = vf_fma(gs, vf_sub(one, s), s);
        put(dgate, i, n, vf_mul(vf_mul(d, u), slope));
        put(dup, i, n, vf_mul(d, gs));
    }
}

/* ---- softmax and cross-entropy ---- */

/* Largest element; NaNs are passed over. */
static float row_max(const float *x, size_t n)
{
    vf low = vf_set(-INFINITY), m0 = low, m1 = low;
    size_t i = 0;
    for (; i + 2 * VL <= n; i += 2 * VL) {
        m0 = vf_max(vf_load(x + i), m0);
        m1 = vf_max(vf_load(x + i + VL), m1);
    }
    for (; i < n; i += VL) {
        vm some = lanes(i, n);
        m0 = vf_max(vf_pick(some, get(x, i, n), low), m0);
    }
    return vf_largest(vf_max(m0, m1));
}

/* Sum of exp(x - max) over a row. */
static float row_sum_exp(const float *x, size_t n, float max)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()}, top = vf_set(max);
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++)
            s[j] = vf_add(s[j], vf_exp(vf_sub(vf_load(x + i + j * VL), top)));
    }
    for (; i < n; i += VL) {
        vm some = lanes(i, n);
        vf e = vf_exp(vf_sub(get(x, i, n), top));
        s[0] = vf_add(s[0], vf_pick(some, e, vf_zero()));
    }
    return sum_of(s);
}

void ENG_ISA(eng_softmax_f32)(float *x, size_t n)
{
    float max = row_max(x, n);
    vf top = vf_set(max), inv = vf_set(1.0f / row_sum_exp(x, n, max));
    for (size_t i = 0; i < n; i += VL) {
        vf e = vf_exp(vf_sub(get(x, i, n), top));
        put(x, i, n, vf_mul(e, inv));
    }
}

float ENG_ISA(eng_xent_f32)(const float *x, size_t n, size_t target, float *lse)
{
    assert(target < n);
    float max = row_max(x, n);
    *lse = max + logf(row_sum_exp(x, n, max));
    return *lse - x[target];
}

void ENG_ISA(eng_xent_bwd_f32)(float *x, size_t n, size_t target, float lse, float scale)
{
    assert(target < n);
    vf shift = vf_set(lse), factor = vf_set(scale);
    float at_target = x[target];
    for (size_t i = 0; i < n; i += VL)
        put(x, i, n, vf_mul(factor, vf_exp(vf_sub(get(x, i, n), shift))));
    float e[VL];
    vf_store(e, vf_exp(vf_set(at_target - lse)));
    x[target] = scale * (e[0] - 1.0f);
}

/* ---- elementwise ---- */

/* One vector of AdamW; products and sums rounded apart, as in the definition. */
static inline void adamw_vector(float *p, const float *g, float *m, float *v, size_t i, size_t n,
                                const eng_adamw *o)
{
    vf gi = vf_mul(get(g, i, n), vf_set(o->grad_scale));
    vf mi = vf_add(vf_mul(vf_set(o->b1), get(m, i, n)), vf_mul(vf_set(1.0f - o->b1), gi));
    vf g2 = vf_mul(vf_set(1.0f - o->b2), vf_mul(gi, gi));
    vf vi_ = vf_add(vf_mul(vf_set(o->b2), get(v, i, n)), g2);
    vf den = vf_add(vf_sqrt(vf_mul(vi_, vf_set(o->c2))), vf_set(o->eps));
    vf step = vf_div(vf_mul(mi, vf_set(o->c1)), den), pi = get(p, i, n);
    vf all = vf_mul(vf_set(o->lr), vf_add(step, vf_mul(vf_set(o->decay), pi)));
    put(m, i, n, mi);
    put(v, i, n, vi_);
    put(p, i, n, vf_sub(pi, all));
}

/* Floats of each array that are asked for ahead: four streams are more than the processor finds by
 * itself.  Stores past the caches were a quarter slower, since what they write has just been read.
 */
enum { ADAMW_AHEAD = 256 };

void ENG_ISA(eng_adamw_f32)(float *p, const float *g, float *m, float *v, size_t n,
                            const eng_adamw *o)
{
    for (size_t i = 0; i < n; i += VL) {
        __builtin_prefetch(p + i + ADAMW_AHEAD, 1, 3);
        __builtin_prefetch(g + i + ADAMW_AHEAD, 0, 3);
        __builtin_prefetch(m + i + ADAMW_AHEAD, 1, 3);
        __builtin_prefetch(v + i + ADAMW_AHEAD, 1, 3);
        adamw_vector(p, g, m, v, i, n, o);
    }
}

void ENG_ISA(eng_add_f32)(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, vf_add(get(y, i, n), get(x, i, n)));
    }
}

void ENG_ISA(eng_add_rows_f32)(float *y, size_t ldy, const float *b, size_t n_rows, size_t n)
{
    for (size_t r = 0; r < n_rows; r++)
        ENG_ISA(eng_add_f32)(y + r * ldy, b, n);
}

void ENG_ISA(eng_axpy_f32)(float *y, float a, const float *x, size_t n)
{
    vf va = vf_set(a);
    for (size_t i = 0; i < n; i += VL) {
        vf ax = vf_mul(va, get(x, i, n));
        put(y, i, n, vf_add(get(y, i, n), ax));
    }
}

void ENG_ISA(eng_scale_f32)(float *x, float a, size_t n)
{
    vf va = vf_set(a);
    for (size_t i = 0; i < n; i += VL) {
        put(x, i, n, vf_mul(get(x, i, n), va));
    }
}

double ENG_ISA(eng_sumsq_f32)(const float *x, size_t n)
{
    vd a[2] = {vd_zero(), vd_zero()}, b[2] = {vd_zero(), vd_zero()};
    size_t i = 0;
    for (; i + 2 * VL <= n; i += 2 * VL) {
        vf_add_squares(a, vf_load(x + i));
        vf_add_squares(b, vf_load(x + i + VL));
    }
    for (; i < n; i += VL)
        vf_add_squares(a, get(x, i, n));
    return vd_sum(vd_add(vd_add(a[0], a[1]), vd_add(b[0], b[1])));
}

/* ---- conversions ---- */

void ENG_ISA(eng_bf16_of_f32)(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vi_store_u16(y + i, vi_shr16(vi_bf16_bits(vf_load(x + i))));
    for (; i < n; i++)
        y[i] = eng_bf16_of(x[i]);
}

void ENG_ISA(eng_f32_of_bf16)(float *y, const uint16_t *x, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(y + i, vf_of_bits(vi_shl16(vi_load_u16(x + i))));
    for (; i < n; i++)
        y[i] = eng_bf16_to(x[i]);
}

void ENG_ISA(eng_f32_of_f16)(float *y, const uint16_t *x, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(y + i, vf_load_f16(x + i));
    for (; i < n; i++)
        y[i] = eng_f16_to(x[i]);
}

void ENG_ISA(eng_f16_of_f32)(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_store_f16(y + i, vf_load(x + i));
    for (; i < n; i++)
        y[i] = eng_f16_of(x[i]);
}

#endif
