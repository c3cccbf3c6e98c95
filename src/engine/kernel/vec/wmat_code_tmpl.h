/* wmat_code_tmpl.h - what the kernels of quantised weight matrices have in common: activations to
 * codes, packed codes to bytes, packed scales to floats, columns of C (vec/wmat_tmpl.h has the
 * words this is over).
 */
#ifndef ENG_KERNEL_VEC_WMAT_CODE_TMPL_H
#define ENG_KERNEL_VEC_WMAT_CODE_TMPL_H

#include "engine/kernel/wmat_slots.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Vectors of the columns of a panel. */
enum { NV = ENG_WCOLS / VL };

#ifndef SHORT_STEPS
/* Where four products of bytes are added at once, sums of 16 bits are of no use. */
#define SHORT_STEPS(code) 0
#define short_dot(w, a) dot_codes(vi_set(0), w, a)
#define short_add(a, b) vi_add(a, b)
#define short_widen(acc, s) vi_add(acc, s)
#endif

/* ---- activations ---- */

/* Moves to the next block. */
INLINE void acts_next(eng_wacts *a)
{
    a->q += a->rows * ENG_QB;
    a->d += a->rows;
    a->sum += a->rows;
    a->half += 2 * a->rows;
}

static void quant(const float *a, size_t n_blocks, uint8_t bias, eng_wacts to)
{
    for (size_t b = 0; b < n_blocks; b++, acts_next(&to)) {
        uint32_t top = a ? top_bits(a + b * ENG_QB) : 0;
        float x;
        memcpy(&x, &top, sizeof x);
        if (top >= 0x7f800000 || x < 0x1p-100f) {
            *to.d = top >= 0x7f800000 ? NAN : 0;
            to.sum[0] = to.half[0] = to.half[1] = 0;
            memset(to.q, bias, ENG_QB);
            continue;
        }
        *to.d = x / 127;
        put_codes(a + b * ENG_QB, 127 / x, bias, to);
    }
}

/* The four bytes at p in every lane. */
INLINE vi quad(const uint8_t *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return vi_set(x);
}

/* ---- codes ---- */

/* Step i of a block of codes; p: the block's first plane, moved by the columns' bytes. */
INLINE vi step_codes(const eng_wcode code, const uint8_t *p, const int i, vi table)
{
    if (code == ENG_WC_8) return vi_load(p + i * ENG_WSTEP);
    const bool two = code == ENG_WC_2 || code == ENG_WC_2_1;
    vi x;
    if (two) {
        x = vi_load(p + i / 4 * ENG_WSTEP);
        x = vi_and(i % 4 ? wb_shr(x, 2 * (i % 4)) : x, vi_set(0x03030303));
    } else {
        x = vi_load(p + i / 2 * ENG_WSTEP);
        x = vi_and(i % 2 ? wb_shr(x, 4) : x, vi_set(0x0f0f0f0f));
    }
    if (code == ENG_WC_LOOKUP) return wb_lookup(table, x);
    if (code == ENG_WC_4_1 || code == ENG_WC_2_1) {
        const int to = two ? 2 : 4;
        vi h = vi_load(p + (two ? 2 : 4) * ENG_WSTEP);
        h = i < to ? wb_shl(h, to - i) : i > to ? wb_shr(h, i - to) : h;
        return wb_pick(h, vi_set(0x01010101 << to), x);
    }
    if (code == ENG_WC_4_2) {
        const int from = i % 4 * 2;
        vi h = vi_load(p + (4 + i / 4) * ENG_WSTEP);
        h = from < 4 ? wb_shl(h, 4 - from) : from > 4 ? wb_shr(h, from - 4) : h;
        return wb_pick(h, vi_set(0x30303030), x);
    }
    return x;
}

/* The table of a lookup in every 128 bits. */
INLINE vi table_of(const eng_wform *f)
{
    if (!f->values) return vi_set(0);
    return wb_table(f->values);
}

/* ---- scales ---- */

/* A value of the packed lists of K45 (wform.h) for VL columns, as floats. */
INLINE vf k45_value(const uint8_t *words, const int i)
{
    vi six = vi_set(63);
    if (i < 15) return vf_of_int(vi_and(vi_shr(vi_load(words + i / 5 * 128), 6 * (i % 5)), six));
    vi x = vi_shr(vi_load(words), 30);
    x = vi_or(x, vi_and(vi_shr(vi_load(words + 128), 28), vi_set(12)));
    return vf_of_int(vi_or(x, vi_and(vi_shr(vi_load(words + 256), 26), vi_set(48))));
}

INLINE void expand_k45(const uint8_t *s, float (*scale)[ENG_WCOLS], float (*min)[ENG_WCOLS])
{
    for (size_t v = 0; v < ENG_WCOLS; v += VL) {
        vf d = vf_load_f16((const uint16_t *)(const void *)s + v);
        vf dmin = vf_load_f16((const uint16_t *)(const void *)s + ENG_WCOLS + v);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            vf m = vf_mul(dmin, k45_value(s + 128 + 4 * v, 8 + g));
            vf_store(scale[g] + v, vf_mul(d, k45_value(s + 128 + 4 * v, g)));
            vf_store(min[g] + v, vf_sub(vf_set(-0.0f), m));
        }
    }
}

INLINE void expand_k8(const uint8_t *s, size_t n, float (*scale)[ENG_WCOLS])
{
    for (size_t v = 0; v < ENG_WCOLS; v += VL) {
        vf d = vf_load_f16((const uint16_t *)(const void *)s + v);
        for (size_t g = 0; g < n; g++)
            vf_store(scale[g] + v, vf_mul(d, vf_load_i8(s + 64 + 32 * g + v)));
    }
}

INLINE void expand_k2(const uint8_t *s, float (*scale)[ENG_WCOLS], float (*min)[ENG_WCOLS])
{
    for (size_t v = 0; v < ENG_WCOLS; v += VL) {
        vf d = vf_load_f16((const uint16_t *)(const void *)s + v);
        vf dmin = vf_load_f16((const uint16_t *)(const void *)s + ENG_WCOLS + v);
        for (size_t g = 0; g < 16; g++) {
            vi x = vi_load_bytes(s + 128 + 32 * g + v);
            vf m = vf_mul(dmin, vf_of_int(vi_shr(x, 4)));
            vf_store(scale[g] + v, vf_mul(d, vf_of_int(vi_and(x, vi_set(15)))));
            vf_store(min[g] + v, vf_sub(vf_set(-0.0f), m));
        }
    }
}

/* 2^(e - 128) of VL bytes: e = 0 and 1 are denormal. */
INLINE vf powers(const uint8_t *e)
{
    vi x = vi_load_bytes(e);
    vi usual = vi_shl(vi_add(x, vi_set(-1)), 23);
    vi tiny = vi_add(vi_shl(vi_and(x, vi_set(1)), 21), vi_set(0x00200000));
    vm small = vm_less(x, vi_set(2));
    return vf_pick(small, vf_of_bits(tiny), vf_of_bits(usual));
}

/* Scales and minimums of a group as floats, from [0] on. */
INLINE void expand(const eng_wform *f, const uint8_t *s, float (*scale)[ENG_WCOLS],
                   float (*min)[ENG_WCOLS])
{
    const uint16_t *h = (const uint16_t *)(const void *)s;
    switch (f->scale) {
    case ENG_WS_F16_MIN:
        for (size_t v = 0; v < ENG_WCOLS; v += VL)
            vf_store(min[0] + v, vf_load_f16(h + ENG_WCOLS + v));
        /* fall through */
    case ENG_WS_F16:
        for (size_t v = 0; v < ENG_WCOLS; v += VL)
            vf_store(scale[0] + v, vf_load_f16(h + v));
        return;
    case ENG_WS_E8:
        for (size_t v = 0; v < ENG_WCOLS; v += VL)
            vf_store(scale[0] + v, powers(s + v));
        return;
    case ENG_WS_K45:
        expand_k45(s, scale, min);
        return;
    case ENG_WS_K8:
        expand_k8(s, (size_t)8 * f->subs, scale);
        return;
    case ENG_WS_K2:
        expand_k2(s, scale, min);
        return;
    }
}

/* ---- columns of C ---- */

/* The lanes of vector v that are among the first n columns. */
INLINE vm lanes(size_t n, const int v)
{
    size_t first = (size_t)v * VL;
    return vm_first(n <= first ? 0 : n - first < VL ? n - first : VL);
}

INLINE vf c_load(const float *c, size_t n, const int v, bool add)
{
    if (!add) return vf_zero();
    if (n == ENG_WCOLS) return vf_load(c + v * VL);
    return vf_load_some((size_t)v * VL < n ? c + v * VL : c, lanes(n, v));
}

INLINE void c_store(float *c, size_t n, const int v, vf x)
{
    if (n == ENG_WCOLS)
        vf_store(c + v * VL, x);
    else if ((size_t)v * VL < n)
        vf_store_some(c + v * VL, lanes(n, v), x);
}

#endif
